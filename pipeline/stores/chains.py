"""What products were made from, against what is there now."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.stores.manifests import LISTING, read_manifest
from pipeline.stores.score_sheets import sheet_facts
from pipeline.stores.seals import name_of, rerun
from pipeline.stores.weights import weights_digest


class Product(NamedTuple):
    """What a store, a sheet of scores, or a file of weights says of itself."""

    digest: str
    inputs: Mapping[str, str]
    """Name of what it was made from -> its digest then."""


def product(path: Path) -> Product:
    """Return what a manifest (.json), a sheet (.csv) or weights say.

    Raises:
        InputError: It is missing or not as it was written.
    """
    if path.suffix in (".json", ".csv"):
        facts = read_manifest(path) if path.suffix == ".json" else sheet_facts(path)
        return Product(facts["digest"], facts["inputs"])
    return Product(weights_digest(path), {})


def broken_links(products: Mapping[Path, Product]) -> list[str]:
    """One message for each input of a product that is there, but is another than it was made from.

    An input that is not among the products, a raw file or a store that was removed, is passed over.
    """
    there: dict[str, dict[str, Path]] = defaultdict(dict)
    for path, found in products.items():
        there[name_of(path)][found.digest] = path
    messages = []
    for path, found in products.items():
        for name, digest in found.inputs.items():
            # Two runs below one folder may have a product of the same name each.
            if there.get(name) and digest not in there[name]:
                other = min(there[name].values())
                # Which of the two is the wrong one, nobody can tell; weights are not trained again.
                made = path.parent if path.name == LISTING else path
                both = [made] if other.suffix not in (".json", ".csv") else [other, made]
                messages.append(
                    f"{path}: made from another {name} than there is now; {rerun(*both)}"
                )
    return messages
