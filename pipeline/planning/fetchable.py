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


def fetchable_file(raw: str, network: str) -> str | None:
    """Path below the raw data where rule `released` puts a network's weights, if it has any."""
    known = FETCHABLE.get(network)
    return known and f"{raw}/released/{network}-{known.sha256[:8]}.pth"
