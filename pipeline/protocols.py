"""Scoring protocols by name: everything that two scorers of the same maps can do differently.

A protocol fixes the convention of each metric, how a map of another size is resized, which frames
are scored, the reference set of the shuffled AUC, the averages, and what a degenerate frame counts.
Numbers of different protocols do not compare. Each restates what a public scorer does:

- `mit`: the MIT benchmark's Matlab code, AUC-J's noise replaced by its expectation (Sec. IV-C).
- `mit_jitter`: the same with noise, drawn from a seed.
- `dhf1k`: DHF1K's official code: 8-bit maps, a random 50,000 frames for each metric.
- `unisal`: UNISAL's evaluation: maps that sum to 1, means over videos.
- `pysaliency`: the Python library: Mann-Whitney areas, fixations counted each time, std with N.
- `msu_ntire26`: the scorer of the NTIRE 2026 challenge (MSU): 8-bit, min-max, repeated fixations.
- `stavis`: STAViS's eval_code: 8-bit maps smoothed with sigma 2, sAUC against the same video.

What their authors leave open is chosen here. A picture of pysaliency is a frame, so that its sAUC
refers to all other frames. `dhf1k` draws its ten frames without asking whether this one is among
them. `unisal` interpolates bilinearly, as its network does at its end.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from pipeline import metrics
from pipeline.errors import InputError
from pipeline.metrics import Map

Metric = Literal["AUC-J", "sAUC", "CC", "NSS", "SIM", "KLDiv", "chi-square"]
MetricStatus = Literal[
    "ok", "no_fixation", "constant_prediction", "empty_density", "negative_prediction"
]
Case = Literal[
    "no_fixation",
    "constant_prediction",
    "zero_prediction",
    "empty_density",
    "negative_prediction",
]
Average = Literal["frame", "clip"]

_NEEDS_FIXATION: Final = ("AUC-J", "sAUC", "NSS")
_NOT_NEGATIVE: Final = ("KLDiv", "chi-square")
_NAN: Final = float("nan")


class MetricScore(NamedTuple):
    """Value of a metric (NaN: none) and why it may be odd."""

    value: float
    status: MetricStatus


@dataclass(frozen=True)
class Reference:
    """Where the negatives of sAUC come from."""

    origin: Literal["other_clips", "whole_set", "one_per_clip", "other_frames", "same_clip"]
    """Frames to choose from; `one_per_clip`: a random frame of each of some random clips."""
    frames: int | None
    """How many are drawn at random; None: all."""
    repeats: bool = False
    """Whether a place fixated in several frames counts each time, or once (a binary union)."""
    without_own: bool = False
    """Whether places fixated in the scored frame itself are left out."""


@dataclass(frozen=True)
class Protocol:
    """What a named scorer does. Defaults are those of the MIT code."""

    name: str
    reports: tuple[Metric, ...] = ("AUC-J", "sAUC", "CC", "NSS", "SIM", "KLDiv")
    """Its metrics; sAUC where a reference set is given."""
    reference: Reference | None = Reference("other_clips", 10)
    """Reference set of sAUC."""
    auc: Literal["expected", "jitter", "distinct", "repeated", "mann_whitney"] = "expected"
    """AUC-J: the function of `pipeline.metrics`; `jitter` draws its noise from the generator."""
    sauc: Literal["stepped", "below_top", "mann_whitney"] = "stepped"
    """sAUC: thresholds in tenths with or without the top one, or every value."""
    repeats: bool = False
    """Whether several fixations on a pixel count each time in NSS and the areas."""
    ddof: int = 1
    """Delta degrees of freedom of the standard deviation in NSS."""
    epsilon: float = 0.0
    """Added to standard deviations (CC, NSS) and sums (SIM)."""
    min_max: bool = True
    """Whether SIM scales both maps to 0..1 before it makes them sum to 1."""
    proper: bool = False
    """Whether for SIM and KLDiv a negative map is lifted to 0 and an empty one is uniform."""
    kldiv_epsilon: float = metrics.EPSILON
    kldiv_floor: float = 0.0
    """Added to both maps before they are made to sum to 1."""
    levels: int | None = None
    """Grey levels to which both maps are rounded, the largest value being the highest level."""
    scaled: Literal["no", "prediction", "both"] = "no"
    """Which maps are scaled to 0..1 before smoothing and resizing."""
    smoothing: float = 0.0
    """Sigma in pixels of a Gaussian over the prediction, as wide as three of it to either side."""
    resize: Literal["matlab_bicubic", "bilinear", "corner_bilinear"] = "matlab_bicubic"
    """How a prediction gets the density's size: imresize; OpenCV and torch; scipy's zoom."""
    sample: int | None = None
    """Frames drawn anew for each metric where a dataset has more; None: all."""
    average: Average = "frame"
    """Mean over all frames, or over each clip's frames and then over clips."""
    meta_average: Average = "clip"
    """For frame lists over other datasets: DIEM-Meta and LEDOV-Meta."""
    left_out: frozenset[MetricStatus] = frozenset()
    """Statuses whose values enter no mean; a NaN never does."""
    degenerate: Mapping[tuple[Case, Metric], float] = field(default_factory=dict)
    """What counts in place of the formula's value; NaN also for a scorer that stops."""

    def averaging(self, *, meta: bool) -> Average:
        """How a dataset's frames are averaged, or those of a frame list over another dataset."""
        return self.meta_average if meta else self.average


_MIT: Final = Protocol(
    "mit",
    # The last is the predecessor paper's, which says no more of it than its name.
    reports=("AUC-J", "sAUC", "CC", "NSS", "SIM", "KLDiv", "chi-square"),
    left_out=frozenset({"no_fixation", "empty_density"}),
)
_ALL: Final = [
    _MIT,
    replace(_MIT, name="mit_jitter", auc="jitter"),
    Protocol(
        "dhf1k",
        reports=("AUC-J", "sAUC", "CC", "NSS", "SIM"),
        reference=Reference("whole_set", 10),
        levels=256,
        sample=50_000,
    ),
    Protocol(
        "unisal",
        reference=Reference("one_per_clip", 10),
        auc="distinct",
        sauc="below_top",
        min_max=False,
        proper=True,
        kldiv_epsilon=0.0,
        resize="bilinear",
        average="clip",
        degenerate={("no_fixation", "NSS"): 1.0, ("constant_prediction", "AUC-J"): _NAN},
    ),
    Protocol(
        "pysaliency",
        reference=Reference("other_frames", None, repeats=True),
        auc="mann_whitney",
        sauc="mann_whitney",
        repeats=True,
        ddof=0,
        min_max=False,
        proper=True,
        kldiv_epsilon=0.0,
        kldiv_floor=1e-20,
        resize="corner_bilinear",
        degenerate={
            ("empty_density", "CC"): _NAN,
            ("constant_prediction", "CC"): 0.0,
            ("constant_prediction", "NSS"): 0.0,
        },
    ),
    Protocol(
        "msu_ntire26",
        reports=("AUC-J", "CC", "NSS", "SIM"),
        reference=None,
        auc="repeated",
        repeats=True,
        ddof=0,
        epsilon=1e-7,
        min_max=False,
        levels=256,
        scaled="both",
        resize="bilinear",
        average="clip",
    ),
    Protocol(
        "stavis",
        reports=("AUC-J", "sAUC", "CC", "NSS", "SIM"),
        reference=Reference("same_clip", None, without_own=True),
        levels=256,
        scaled="prediction",
        smoothing=2.0,
        average="clip",
    ),
]
PROTOCOLS: Final[Mapping[str, Protocol]] = {protocol.name: protocol for protocol in _ALL}


def protocol(name: str = "mit") -> Protocol:
    """The protocol of that name.

    Raises:
        InputError: There is none.
    """
    if name not in PROTOCOLS:
        raise InputError(f"protocol {name!r}: not known; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def score_by(
    rules: Protocol,
    saliency: Map,
    density: Map,
    pixels: NDArray[np.integer[Any]],
    *,
    reference: NDArray[np.integer[Any]] | None = None,
    rng: Generator | None = None,
) -> dict[Metric, MetricScore]:
    """Score one frame by a protocol, in float64.

    Args:
        rules: The protocol.
        saliency: Prediction [y, x], of any size.
        density: Ground-truth density [y, x].
        pixels: [n, (y, x)] fixations on the density's grid, one row for each look.
        reference: See `reference_positions`. Without it there is no sAUC.
        rng: Noise of `mit_jitter`, and random splits of sAUC. Without it sAUC is its expectation.

    Returns:
        Per metric of the protocol its value and status.

    Raises:
        ValueError: A map holds NaN or infinity, or `mit_jitter` has no generator.
    """
    if rules.auc == "jitter" and rng is None:
        raise ValueError(f"protocol {rules.name} needs a generator for its noise")
    frame = _prepared(rules, saliency, density, pixels, reference, rng)
    names = [name for name in rules.reports if name != "sAUC" or reference is not None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: _score_metric(rules, name, frame) for name in names}


class _Frame(NamedTuple):
    saliency: Map
    density: Map
    fixated: NDArray[np.bool_]
    points: metrics.Points
    """Rows and columns of fixations, repeated or not as the protocol has it."""
    reference: NDArray[np.integer[Any]] | None
    rng: Generator | None
    cases: frozenset[Case]


def _prepared(
    rules: Protocol,
    saliency: Map,
    density: Map,
    pixels: NDArray[np.integer[Any]],
    reference: NDArray[np.integer[Any]] | None,
    rng: Generator | None,
) -> _Frame:
    for name, given in (("saliency", saliency), ("density", density)):
        if wrong := given.size - np.count_nonzero(np.isfinite(given)):
            raise ValueError(f"{name} holds {wrong} values that are NaN or infinite")
    shape = (density.shape[0], density.shape[1])
    prediction = _on_grid(rules, saliency.astype(np.float64), shape)
    truth = _levelled(density.astype(np.float64), rules.levels)
    if rules.scaled == "both":
        truth = _min_max(truth)
    fixated = np.zeros(shape, bool)
    fixated[pixels[:, 0], pixels[:, 1]] = True
    y, x = pixels.T if rules.repeats else np.nonzero(fixated)
    cases = _cases(prediction, truth, fixated)
    return _Frame(prediction, truth, fixated, (y, x), reference, rng, cases)


def _on_grid(rules: Protocol, saliency: Map, shape: tuple[int, int]) -> Map:
    """The prediction as the protocol's metrics see it."""
    saliency = _levelled(saliency, rules.levels)
    if saliency.min() == saliency.max():
        # Filters would make a constant map vary in its last bits.
        value = 0.0 if rules.scaled == "both" else float(saliency.flat[0])
        return np.full(shape, value)
    if rules.scaled != "no":
        saliency = _min_max(saliency)
    if not rules.smoothing and saliency.shape == shape:
        return saliency
    if rules.smoothing:
        saliency = gaussian_filter(saliency, rules.smoothing, mode="reflect", truncate=3.0)
    if saliency.shape != shape:
        saliency = _resize(rules, saliency, shape)
    # Interpolated values that are equal but for rounding must stay equal: the areas count ties.
    unit = np.abs(saliency).max() * 1e-12
    snapped: Map = np.round(saliency / unit) * unit
    return snapped


def _resize(rules: Protocol, saliency: Map, shape: tuple[int, int]) -> Map:
    if rules.resize == "matlab_bicubic":
        # Of the 8-bit maps that these scorers read, imresize saturates what overshoots.
        return metrics.resized(saliency, shape).clip(saliency.min(), saliency.max())
    if rules.resize == "bilinear":
        return metrics.resized(saliency, shape, kernel="bilinear", antialias=False)
    factors = [new / old for new, old in zip(shape, saliency.shape, strict=True)]
    found: Map = zoom(saliency, factors, order=1, mode="nearest")
    return found


def _levelled(given: Map, levels: int | None) -> Map:
    highest = given.max()
    if levels is None or highest <= 0:
        return given if levels is None else np.zeros_like(given)
    found: Map = np.floor(given.clip(0) * ((levels - 1) / highest) + 0.5)
    return found


def _min_max(given: Map) -> Map:
    """Scaled to 0..1; zeros where constant."""
    lifted: Map = given - given.min()
    return lifted / lifted.max() if lifted.any() else lifted


def _cases(saliency: Map, density: Map, fixated: NDArray[np.bool_]) -> frozenset[Case]:
    lowest, highest = saliency.min(), saliency.max()
    found: dict[Case, bool] = {
        "no_fixation": not fixated.any(),
        "empty_density": not density.any(),
        "constant_prediction": lowest == highest,
        "zero_prediction": lowest == highest == 0,
        "negative_prediction": lowest < 0,
    }
    return frozenset(case for case, holds in found.items() if holds)


def _score_metric(rules: Protocol, name: Metric, frame: _Frame) -> MetricScore:
    status = _status(name, frame)
    for case in ("no_fixation", "empty_density", "zero_prediction", "constant_prediction"):
        if case in frame.cases and (case, name) in rules.degenerate:
            return MetricScore(rules.degenerate[case, name], status)
    value = _VALUES[name](rules, frame)
    if name in _NOT_NEGATIVE and "negative_prediction" in frame.cases and np.isnan(value):
        status = "negative_prediction" if status == "ok" else status
    return MetricScore(value, status)


def _status(name: Metric, frame: _Frame) -> MetricStatus:
    """What the ground truth lacks comes before what the prediction lacks."""
    unreferenced = name == "sAUC" and frame.reference is not None and not frame.reference.size
    if name in _NEEDS_FIXATION and ("no_fixation" in frame.cases or unreferenced):
        return "no_fixation"
    if name not in _NEEDS_FIXATION and "empty_density" in frame.cases:
        return "empty_density"
    return "constant_prediction" if "constant_prediction" in frame.cases else "ok"


def _auc(rules: Protocol, frame: _Frame) -> float:
    if rules.auc == "distinct":
        return metrics.auc_distinct(frame.saliency, frame.fixated, decimals=4)
    if rules.auc == "repeated":
        return metrics.auc_repeated(frame.saliency, frame.points)
    if rules.auc == "mann_whitney":
        return metrics.auc(frame.saliency[frame.points], frame.saliency)
    jitter = frame.rng if rules.auc == "jitter" and frame.rng is not None else True
    return metrics.auc_judd(frame.saliency, frame.fixated, jitter=jitter)


def _sauc(rules: Protocol, frame: _Frame) -> float:
    assert frame.reference is not None
    if rules.sauc == "mann_whitney":
        negatives = frame.saliency.ravel()[frame.reference]
        return metrics.auc(frame.saliency[frame.points], negatives)
    return metrics.auc_shuffled(
        frame.saliency,
        frame.fixated,
        frame.reference,
        frame.rng,
        top=rules.sauc == "stepped",
    )


def _cc(rules: Protocol, frame: _Frame) -> float:
    return metrics.cc(frame.saliency, frame.density, epsilon=rules.epsilon)


def _nss(rules: Protocol, frame: _Frame) -> float:
    return metrics.nss(frame.saliency, frame.points, ddof=rules.ddof, epsilon=rules.epsilon)


def _sim(rules: Protocol, frame: _Frame) -> float:
    p, s = _distributions(rules, frame)
    return metrics.sim(p, s, min_max=rules.min_max, epsilon=rules.epsilon)


def _kldiv(rules: Protocol, frame: _Frame) -> float:
    p, s = _distributions(rules, frame)
    return metrics.kldiv(p, s, epsilon=rules.kldiv_epsilon, floor=rules.kldiv_floor)


def _chi_square(_rules: Protocol, frame: _Frame) -> float:
    if "negative_prediction" in frame.cases:
        return _NAN
    return metrics.chi_square(frame.saliency, frame.density)


def _distributions(rules: Protocol, frame: _Frame) -> tuple[Map, Map]:
    """Prediction and density, made fit to be distributions where the protocol does so."""
    if not rules.proper:
        return frame.saliency, frame.density
    return _proper(frame.saliency), _proper(frame.density)


def _proper(given: Map) -> Map:
    lifted: Map = given - given.min() if given.min() < 0 else given
    return lifted if lifted.any() else np.ones_like(lifted)


_VALUES: Final = {
    "AUC-J": _auc,
    "sAUC": _sauc,
    "CC": _cc,
    "NSS": _nss,
    "SIM": _sim,
    "KLDiv": _kldiv,
    "chi-square": _chi_square,
}


def sampled_frames(rules: Protocol, total: int, metric: Metric, *, seed: int) -> NDArray[np.intp]:
    """Which of a dataset's frames enter a metric's mean, ascending.

    The same seed gives the same frames, and each metric others. `replace(rules, sample=None)`
    turns sampling off.
    """
    if rules.sample is None or total <= rules.sample:
        return np.arange(total)
    rng = np.random.default_rng([seed, zlib.crc32(metric.encode())])
    return np.sort(rng.choice(total, rules.sample, replace=False, shuffle=False))


def reference_frames(
    rules: Protocol, lengths: Sequence[int], clip: int, frame: int, rng: Generator
) -> list[tuple[int, int]]:
    """The frames whose fixations are the reference set of sAUC.

    Args:
        rules: The protocol; it must have a reference set.
        lengths: Frames of each clip of the dataset.
        clip: Index of the scored clip.
        frame: Index of the scored frame in it.
        rng: Draws them, if the protocol takes some only.

    Returns:
        Clip and frame of each, as many as the protocol wants or as there are.
    """
    if (wanted := rules.reference) is None:
        raise ValueError(f"protocol {rules.name} has no sAUC")
    if wanted.origin == "one_per_clip":
        count = min(len(lengths), wanted.frames or len(lengths))
        chosen = rng.choice(len(lengths), count, replace=False)
        return [(int(other), int(rng.integers(lengths[other]))) for other in chosen]
    ends = np.cumsum(lengths)
    here = (int(ends[clip]) - lengths[clip], int(ends[clip]))
    if wanted.origin == "same_clip":
        positions = here[0] + _some(lengths[clip], wanted.frames, rng)
    else:
        gap = {
            "whole_set": (0, 0),
            "other_clips": here,
            "other_frames": (here[0] + frame, here[0] + frame + 1),
        }[wanted.origin]
        positions = _some(int(ends[-1]) - (gap[1] - gap[0]), wanted.frames, rng)
        positions[positions >= gap[0]] += gap[1] - gap[0]
    clips = np.searchsorted(ends, positions, side="right")
    starts = ends - np.asarray(lengths)
    return [(int(other), int(i)) for other, i in zip(clips, positions - starts[clips], strict=True)]


def _some(total: int, wanted: int | None, rng: Generator) -> NDArray[np.intp]:
    if wanted is None or wanted >= total:
        return np.arange(total)
    return rng.choice(total, wanted, replace=False).astype(np.intp)


def reference_positions(
    rules: Protocol,
    pixels: Sequence[NDArray[np.integer[Any]]],
    shapes: Sequence[tuple[int, int]],
    fixated: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """The reference set of sAUC as positions in the flattened map.

    Args:
        rules: The protocol; it must have a reference set.
        pixels: Per frame of the reference [n, (y, x)], a row for each look.
        shapes: Height and width on which each was recorded.
        fixated: Fixated pixels of the scored frame; its size is the one to rescale to.
    """
    if (wanted := rules.reference) is None:
        raise ValueError(f"protocol {rules.name} has no sAUC")
    rescaled = [
        np.floor((points + 0.5) * np.divide(fixated.shape, shape)).astype(np.intp)
        for points, shape in zip(pixels, shapes, strict=True)
    ]
    y, x = np.concatenate([np.empty((0, 2), np.intp), *rescaled]).T
    positions: NDArray[np.intp] = y * fixated.shape[1] + x
    if not wanted.repeats:
        positions = np.unique(positions)
    if wanted.without_own:
        positions = positions[~fixated.ravel()[positions]]
    return positions


def mean_of(
    rules: Protocol,
    scores: Mapping[str, Sequence[MetricScore]],
    how: Average | None = None,
) -> float:
    """Mean of a metric over a dataset.

    Args:
        rules: The protocol.
        scores: Per clip the scores of its frames.
        how: Average to take instead of the protocol's own.

    Returns:
        The mean of the values that count; NaN if none does.
    """
    kept = [
        [score.value for score in frames if score.status not in rules.left_out]
        for frames in scores.values()
    ]
    clips = [[value for value in values if not np.isnan(value)] for values in kept]
    clips = [values for values in clips if values]
    if not clips:
        return _NAN
    if (how or rules.average) == "clip":
        return float(np.mean([np.mean(values) for values in clips]))
    return float(np.mean(np.concatenate(clips)))
