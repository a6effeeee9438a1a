"""Makes ``import torchvision`` work beside a torch build that its binary does not match.

torchvision's wheel is linked against CUDA torch. Beside the CPU build its operators do not load,
and the import stops at "operator torchvision::nms does not exist", because the package registers
fake kernels for them unconditionally. Declaring the schemas is enough for models and weights
metadata; the operators themselves (``torchvision.ops.nms``) stay unavailable. Import this module
before torchvision.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def operators_load() -> bool:
    """Return whether torchvision's compiled operators load into this torch build."""
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    for library in Path(spec.origin).parent.glob("_C*"):
        try:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
        except (ImportError, OSError):
            continue
        return True
    return False


def declare_operators() -> torch.library.Library | None:
    """Declare the missing schemas; beside a matching torchvision nothing is missing.

    Returns:
        The library that holds the declarations, or None if none were missing.
    """
    if "torchvision" in sys.modules or hasattr(torch.ops.torchvision, "nms") or operators_load():
        return None
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


LIBRARY = declare_operators()
"""Kept, because the declarations vanish with it."""
