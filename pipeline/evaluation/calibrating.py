"""The pass over all maps that protocol `calibrated` makes before it scores them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from dask.delayed import delayed

from pipeline.evaluation.calibration import Calibration, Evidence, by_clip, evidence
from pipeline.evaluation.metrics.preparing import on_grid
from pipeline.evaluation.protocols import Protocol
from pipeline.evaluation.scoring import GroundTruth, MapSource, Request
from pipeline.runtime.workers import computed

EVERY: Final = 5
"""Of so many frames of a clip one is learned from: the curve has 256 values, a frame 300,000."""


def calibrations(
    maps: MapSource,
    truth: GroundTruth,
    clips: Sequence[str],
    request: Request,
    scheduler: str,
    threads: int,
) -> dict[str, Calibration]:
    """Fit each clip's calibration to the maps of the others; none by other protocols.

    A clip that is alone has none either. Frames at which nobody looked, and maps that are
    unreadable or not finite, teach nothing.
    """
    if not request.rules.calibrated:
        return {}
    known, source = delayed(truth, pure=False), delayed(maps, pure=False)
    of_clip = delayed(clip_evidence, pure=False)
    tasks = (of_clip(source, known, clip, request.rules) for clip in clips)
    found = dict(zip(clips, computed(tasks, scheduler, threads), strict=True))
    return by_clip({clip: one for clip, one in found.items() if one is not None}, clips)


def clip_evidence(
    maps: MapSource, truth: GroundTruth, clip: str, rules: Protocol
) -> Evidence | None:
    """Add up what some frames of a clip say; None where no frame says anything."""
    found: Evidence | None = None
    chosen = maps.frames(clip)[::EVERY]
    read = zip(maps.read(clip, chosen), truth.densities(clip, chosen), strict=True)
    for saliency, density in read:
        if saliency is None or not np.isfinite(saliency).all() or not density.any():
            continue
        prediction = on_grid(rules, saliency.astype(np.float64), truth.shape(clip))
        one = evidence(prediction, density.astype(np.float64))
        found = one if found is None else found + one
    return found
