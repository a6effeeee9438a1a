"""Sections of config.yaml about figures."""

from typing import Annotated

from pydantic import AfterValidator, PositiveInt

from pipeline.config.section import Section


def _within(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(
            f"{list(box)} is no box: give left, top, right and bottom as shares of the frame, 0 to "
            "1 from its upper left corner"
        )
    return box


Box = Annotated[tuple[float, float, float, float], AfterValidator(_within)]
"""Left, top, right and bottom, as shares of the frame's width and height."""


class Overlays(Section):
    """Frames that are laid over each other (Fig. 1)."""

    frames: PositiveInt
    """How many."""
    step: PositiveInt
    """Frames from one to the next; 1: consecutive frames."""


class GateRegions(Section):
    """Fixed regions of a clip, in which the gate is followed over time (Fig. 6)."""

    clip: str
    """Name of a test clip."""
    boxes: dict[str, Box] | None = None
    """Name of a region -> left, top, right and bottom, as shares of the frame; null: the region of
    a quarter of each side that moves most over the clip, and the one that moves least."""
