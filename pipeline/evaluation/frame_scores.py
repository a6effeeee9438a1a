"""One frame by a protocol: every metric's value, and why a value may be odd."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.evaluation.metrics import conventions
from pipeline.evaluation.metrics.engine import Engine
from pipeline.evaluation.metrics.preparing import PreparedFrame, prepare
from pipeline.evaluation.metrics.registry import METRICS
from pipeline.evaluation.metrics.scaling import Map
from pipeline.evaluation.protocols import MIT, UNDEFINED, MetricScore, MetricStatus, Protocol
from pipeline.preprocessing.fixations import fixated_map

Scores = dict[str, MetricScore]
"""Metric -> value and status."""


@dataclass(frozen=True)
class Frame:
    """A prediction and what it is compared with."""

    saliency: Map
    """Prediction [y, x], of any size."""
    density: Map
    """Ground-truth density [y, x]."""
    pixels: NDArray[np.integer[Any]]
    """[n, (y, x)] fixations on the density's grid, one row for each look."""
    gold: NDArray[np.float64] | None = None
    """How likely each look is by the other observers' looks, in bits (`evaluation.people`)."""

    @cached_property
    def fixated(self) -> NDArray[np.bool_]:
        """True where somebody looked [y, x]."""
        height, width = self.density.shape
        return fixated_map(self.pixels, (height, width))

    @property
    def places(self) -> NDArray[np.intp]:
        """Positions of the fixated pixels in the flattened map, ascending, each once."""
        return np.unique(
            self.pixels[:, 0].astype(np.intp) * self.density.shape[1] + self.pixels[:, 1]
        )


def score_frame(
    rules: Protocol,
    frame: Frame,
    *,
    metrics: Sequence[str] | None = None,
    reference: NDArray[np.integer[Any]] | None = None,
    rng: Generator | None = None,
    engine: Engine | None = None,
) -> Scores:
    """Score one frame by a protocol.

    Values are computed in float64, but for usual frames of protocol `mit`, of which an engine gives
    most metrics several times as fast from float32.

    Args:
        rules: The protocol.
        frame: Prediction, density and fixations.
        metrics: What to score, in this order; None: what the protocol always reports.
        reference: See `reference_positions`. Without it there is no sAUC.
        rng: Noise of AUC-J and random splits of the areas; None: their expectations.
        engine: Scratch for frames of its size; of this thread alone.

    Raises:
        ValueError: A map holds NaN or infinity, or the protocol's noise has no generator.
    """
    if rules.draws and rng is None:
        raise ValueError(f"protocol {rules.name} needs a generator for its noise; give rng")
    named = rules.reports if metrics is None else metrics
    wanted = [m for m in named if METRICS[m].needs != "reference" or reference is not None]
    found = _by_engine(rules, frame, wanted, reference, engine)
    if rest := [metric for metric in wanted if metric not in found]:
        prepared = prepare(rules, frame.saliency, frame.density, frame.pixels, reference, rng)
        y, x = frame.pixels.T
        prepared = prepared._replace(looks=(y, x), gold=frame.gold)
        with np.errstate(divide="ignore", invalid="ignore"):
            found |= {metric: _score_metric(metric, prepared) for metric in rest}
    return {metric: found[metric] for metric in wanted}


def _by_engine(
    rules: Protocol,
    frame: Frame,
    wanted: Sequence[str],
    reference: NDArray[np.integer[Any]] | None,
    engine: Engine | None,
) -> Scores:
    """What float32 is enough for: nothing of a degenerate frame, or of another protocol."""
    if engine is None or rules != MIT or frame.saliency.shape != engine.shape:
        return {}
    if reference is not None and not reference.size:
        return {}
    maps = frame.saliency, frame.density
    values = engine.score_at(*maps, frame.places, wanted, reference)
    return {metric: MetricScore(value, "ok") for metric, value in (values or {}).items()}


def _score_metric(name: str, frame: PreparedFrame) -> MetricScore:
    status, degenerate = _status(name, frame), frame.rules.degenerate
    for case in ("no_fixation", "empty_density", "zero_prediction", "constant_prediction"):
        if case in frame.cases and (case, name) in degenerate:
            return MetricScore(degenerate[case, name], status)
    if status == "no_fixation" and METRICS[name].needs == "observers":
        return MetricScore(UNDEFINED, status)
    formula: Callable[[PreparedFrame], float] = getattr(conventions, METRICS[name].function)
    value = formula(frame)
    negative = "negative_prediction" in frame.cases and not METRICS[name].signed
    if status == "ok" and negative and np.isnan(value):
        status = "negative_prediction"
    return MetricScore(value, status)


def _status(name: str, frame: PreparedFrame) -> MetricStatus:
    """Return the first that holds: faults of the ground truth come before the prediction's."""
    needs = METRICS[name].needs
    if needs == "observers" and (frame.gold is None or not frame.gold.size):
        return "no_fixation"
    unreferenced = needs == "reference" and frame.reference is not None and not frame.reference.size
    if needs != "density" and ("no_fixation" in frame.cases or unreferenced):
        return "no_fixation"
    if needs == "density" and "empty_density" in frame.cases:
        return "empty_density"
    return "constant_prediction" if "constant_prediction" in frame.cases else "ok"
