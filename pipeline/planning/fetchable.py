"""Weights that a network's authors distribute under a licence that lets anyone fetch them.

Importing this module imports no torch: the planning of a run asks it what can be fetched.
"""

from typing import NamedTuple


class Fetchable(NamedTuple):
    """A file of weights where its authors keep it, at a version that cannot change."""

    address: str
    sha256: str


FETCHABLE = {
    # Apache-2.0, in the repository beside the code; its last commit.
    "unisal": Fetchable(
        "https://github.com/rdroste/unisal/raw/0440df77f6fb4c93bb6f5ba1aa8cf543061ffc56/"
        "training_runs/pretrained_unisal/weights_best.pth",
        "4a9157411f1741d588b15670d15295e998805648b8b6348599fe447298338481",
    ),
}
"""Name of a network in model/registry.py -> the file of its weights."""

WHEELS = {
    # A wheel under MIT; the file in it is the authors', with their licence (Apache-2.0) beside it.
    "unisal": (
        "pyautoflip==0.2.1",
        "pyautoflip/3rd_party_libs/unisal/training_runs/pretrained_unisal/weights_best.pth",
    ),
}
"""Name of a network -> a wheel of the Python package index that holds the same bytes, and where."""


def fetchable_name(network: str) -> str:
    """Name of the file of a network's weights, with the first digits of its digest."""
    return f"{network}-{FETCHABLE[network].sha256[:8]}.pth"


def fetchable_file(raw: str, network: str) -> str | None:
    """Path below the raw data where rule `released` puts a network's weights, if it has any."""
    return f"{raw}/released/{fetchable_name(network)}" if network in FETCHABLE else None
