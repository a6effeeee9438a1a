"""Stage import_weights: weights that a network's authors released, as the workflow has them."""

from pathlib import Path
from typing import Any

from pipeline.importing.released_state import load_released
from pipeline.runtime.cli import main
from pipeline.runtime.files import disk_errors
from pipeline.stores.weights import save_weights
from pipeline.training.networks import build_network


def import_weights(
    *, network: dict[str, Any], file: Path, sha256: str | None, code: str, weights: Path
) -> None:
    """Turns a file of weights as a network's authors released it into one of the workflow.

    `sha256` is what the file's digest begins with; null: one of those that are known of the
    authors' files, if any are.

    Raises:
        InputError: The file has another digest, is damaged, holds other tensors than the network
            has, or values that are not finite; or nothing is known of such a file.
    """
    built = build_network(network)
    read = load_released(built, network, file, sha256)
    facts = {
        "network": network,
        "weights": file.name,
        "file": {"format": read.format, "sha256": read.sha256, "bytes": file.stat().st_size},
        "code": code,
    }
    with disk_errors(weights):
        save_weights(weights, built, facts)
    print(f"{file}: {read.tensors} tensors, {read.values} values, sha256 {read.sha256}")


if __name__ == "__main__":
    main(import_weights)
