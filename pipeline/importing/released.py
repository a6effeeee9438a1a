"""Stage released: weights of a network from where its authors distribute them."""

from pathlib import Path

from pipeline.importing.imagenet import download
from pipeline.planning.fetchable import FETCHABLE
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError


def released(*, network: str, weights: Path) -> None:
    """Fetches the authors' file of a network's weights.

    Raises:
        InputError: No such file is known, it cannot be fetched, or it has another digest.
    """
    if network not in FETCHABLE:
        raise InputError(
            f"{weights}: no weights of {network!r} are known that anyone may fetch, only of "
            f"{', '.join(FETCHABLE)}; name a file of yours in models (weights) of config.yaml"
        )
    address, sha256 = FETCHABLE[network]
    download(address, weights, sha256, "models (weights)")


if __name__ == "__main__":
    main(released)
