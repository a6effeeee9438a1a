"""What a crate holds of a run: copied files, and for each product its digest and what of it is in.

Weights are many, and nobody needs them to make the tables again: in their place lies a file without
tensors, with all that the weights say of themselves, their digest among it. Stores are large, and
the gaze in them is often not ours to hand on: their manifests are always there, they themselves up
to a limit.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from safetensors import safe_open
from safetensors.numpy import save

from pipeline.planning.provenance import CODE, ROOT
from pipeline.reporting.crate.calls import Call, stores_of
from pipeline.reporting.crate.places import CODE_FOLDER, Places
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import write_rows
from pipeline.stores.chains import product
from pipeline.stores.manifests import read_manifest
from pipeline.stores.verify import check_files

PRODUCTS: Final = "run/products.csv"
MEGABYTE: Final = 10**6
_WORKFLOW: Final = ("Snakefile", "config.yaml", "workflow", "profiles", "envs")
_PACKAGES: Final = ("pipeline", "model", "gfsalnet")
_TO_BUILD: Final = ("pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md")
"""Files that `pip install` needs besides, or readers do; an installed copy has two of them."""


@dataclass
class Contents:
    """A crate that is being filled."""

    folder: Path
    places: Places
    products: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Path in the crate -> digest of the product, and what of it is there."""

    def copy(self, path: Path) -> None:
        """Copy a file or a folder of the run to its place.

        Raises:
            InputError: It is not there.
        """
        if not path.exists():
            raise InputError(f"{path}: not there, though the run needs it; make it: make tables")
        target = self.folder / self.places(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            # Snakemake puts a hidden file into every folder that a rule has made.
            ignored = shutil.ignore_patterns("__pycache__", ".snakemake*")
            shutil.copytree(path, target, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target)

    def describe(self, path: Path) -> None:
        """Copy a manifest or a sheet, or what weights say of themselves, and note its digest.

        Raises:
            InputError: It is missing or not as it was written.
        """
        place = self.places(path)
        digest = product(path).digest
        if path.suffix != ".safetensors":
            self.copy(path)
            held = "whole" if path.suffix == ".csv" else "manifest"
        elif place.parts[0] == CODE_FOLDER:
            held = "whole"  # it lies among the code
        else:
            target = self.folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            with safe_open(path, framework="numpy") as file:
                target.write_bytes(save({}, metadata=file.metadata()))
            held = "facts"
        self.products.setdefault(place.as_posix(), (digest, held))

    def store(self, manifest: Path) -> None:
        """Copy the store of a manifest.

        Raises:
            InputError: A file of it changed since it was written.
        """
        check_files(manifest)
        self.copy(manifest.with_suffix(".zarr"))
        place = self.places(manifest).as_posix()
        self.products[place] = (self.products[place][0], "whole")

    def write_products(self) -> None:
        """Write the sheet of all products."""
        rows = [(path, *facts) for path, facts in sorted(self.products.items())]
        write_rows(self.folder / PRODUCTS, ("path", "digest", "in_the_crate"), rows)


def copy_code(folder: Path) -> None:
    """Copy the workflow, with all that it takes to install it from the copy if it has that."""
    target = folder / CODE_FOLDER
    for root, names in ((ROOT, (*_WORKFLOW, *_TO_BUILD)), (CODE, _PACKAGES)):
        for name in names:
            ignored = shutil.ignore_patterns("__pycache__", "share", ".*")
            if (root / name).is_dir():
                shutil.copytree(root / name, target / name, ignore=ignored)
            elif (root / name).is_file():
                target.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, target / name)


def within(limit: int, calls: Mapping[str, Sequence[Call]]) -> list[str]:
    """Datasets whose maps, densities and gaze are of at most `limit` bytes together.

    The smallest ones come first, so that as many as possible are in.
    """
    chosen, held = list[str](), set[Path]()
    stores = {dataset: {*stores_of(of)} for dataset, of in calls.items()}
    sizes = {dataset: _bytes(manifests) for dataset, manifests in stores.items()}
    for dataset in sorted(sizes, key=lambda name: (sizes[name], name)):
        # A meta dataset shares the ground truth of the dataset that it is about.
        if _bytes(held | stores[dataset]) <= limit:
            chosen.append(dataset)
            held |= stores[dataset]
    return sorted(chosen)


def _bytes(manifests: Iterable[Path]) -> int:
    """Bytes of the stores of some manifests."""
    files = (read_manifest(path)["files"].values() for path in manifests)
    return sum(int(size) for of in files for size, _ in of)
