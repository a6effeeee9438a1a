"""Find whatever changed since it was written: `python -m pipeline.stores.verify`.

    python -m pipeline.stores.verify [PATH ...]

A path is a manifest, a file of weights, a checkpoint, a sheet of scores, or a folder of any of
these; without one, `data` and `results` are meant. Every digest is computed again, and compared
with what the product itself and what is made from it say. Prints a line, with the remedy, for each
that differs, and ends with status 1 if any does.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.runtime.errors import InputError
from pipeline.stores.chains import Product, broken_links, product
from pipeline.stores.manifests import (
    LISTING,
    differing,
    is_manifest,
    list_files,
    read_listing,
    read_manifest,
)
from pipeline.stores.score_sheets import is_score_sheet
from pipeline.stores.seals import rerun
from pipeline.stores.states import STATES, read_state
from pipeline.stores.weights import check_tensors


def verify(manifest: Sequence[Path]) -> list[str]:
    """Return a message for each product that changed, among some or below folders of them."""
    messages: list[str] = []
    products: dict[Path, Product] = {}
    for path in dict.fromkeys(_products(manifest)):
        try:
            products |= _checked(path)
        except InputError as error:
            messages.append(str(error))
        except OSError as error:
            what = error.strerror or str(error)
            messages.append(f"{path}: cannot be read ({what}); check its disk and permissions")
    print(f"{len(products)} of {len(products) + len(messages)} products are as they were written")
    return messages + broken_links(products)


def _products(paths: Iterable[Path]) -> Iterator[Path]:
    """The products among some paths and below them; the tables are the folder of theirs."""
    for path in paths:
        if path.suffix == ".zarr":
            yield path.with_suffix(".json")
        elif not path.is_dir():
            yield path
        else:
            for above, folders, files in os.walk(path):
                yield from _in_folder(Path(above), set(folders), sorted(files))
                folders[:] = sorted(name for name in folders if not name.endswith(".zarr"))


def _in_folder(folder: Path, folders: set[str], files: Sequence[str]) -> Iterator[Path]:
    stores = {name for name in folders if name.endswith(".zarr")}
    yield from sorted(folder / Path(name).with_suffix(".json") for name in stores)
    if LISTING in files or "pages.json" in files:
        yield folder
    for path in (folder / name for name in files):
        scored = path.suffix == ".csv" and ("scores" in path.parts or is_score_sheet(path))
        alone = path.suffix == ".json" and f"{path.stem}.zarr" not in stores
        state = path.name in STATES and path.is_file()
        if path.suffix == ".safetensors" or state or scored or (alone and is_manifest(path)):
            yield path


def _checked(path: Path) -> dict[Path, Product]:
    """What a product says that is as it was written; nothing of a state, which says nothing.

    Raises:
        InputError: It is not; the message names up to five files.
    """
    if path.is_dir() and path.suffix != ".json":
        return {path / LISTING: Product("", read_listing(path)["inputs"])}
    if path.name in STATES:
        if read_state(path) is None:
            raise InputError(
                f"{path}: damaged; remove it, and the training goes on from an earlier state"
            )
        return {path: Product("", {})}
    if path.suffix == ".safetensors":
        check_tensors(path)
    elif path.suffix != ".csv":
        check_files(path)
    return {path: product(path)}


def check_files(manifest: Path) -> None:
    """Compute the digest of every file that a manifest lists.

    Raises:
        InputError: A file differs, is missing or is not listed; the message names up to five.
    """
    expected = read_manifest(manifest)["files"]
    found = list_files(manifest.with_suffix(".zarr"))
    if wrong := differing(expected, found):
        raise InputError(f"{manifest}: changed since it was written: {wrong}; {rerun(manifest)}")


def damage(paths: Iterable[Path]) -> str:
    """Message that names the damaged stores among the paths that a stage was given."""
    stores = [path for path in paths if path.with_suffix(".zarr").is_dir()]
    found = []
    for path in stores:
        if path.suffix == ".json" and path.is_file():
            try:
                check_files(path)
            except InputError as error:
                found.append(str(error))
    return "\n".join(found) or (
        f"{', '.join(map(str, stores))}: a checksum failed once and holds now; run it again"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.stores.verify", description=(__doc__ or "").split("\n")[0]
    )
    default = [Path("data"), Path("results")]
    parser.add_argument("paths", nargs="*", type=Path, help="default: data and results")
    parser.add_argument("--manifest", nargs="+", type=Path, default=[], help="more paths")
    given = parser.parse_args()
    paths = [*given.paths, *given.manifest] or default
    if lacking := [str(path) for path in paths if not path.exists()]:
        sys.exit(f"{parser.prog}: {', '.join(lacking)}: no such file or folder; check the path")
    if messages := verify(paths):
        sys.exit("\n".join(messages))


if __name__ == "__main__":
    main()
