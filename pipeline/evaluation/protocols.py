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
- `salema`: SalEMA's evaluation: 8-bit maps, all of it shrunk to half, means over videos.
- `rudoy`: the evaluation that Rudoy et al. released (CVPR 2013), whose rows and measures Tables 1
  and 2 of the predecessor share: sAUC against the other frames of the same video, videos a fifth.
- `salicon_challenge`: the program behind SALICON's server, where the predecessor's Table 3 is from.
- `calibrated`: `mit`, of maps whose brightness and share of the centre are fitted to other clips,
  as the MSU benchmark of video saliency changes them: skill without calibration.

What their authors leave open is chosen here. A picture of pysaliency is a frame, so that its sAUC
refers to all other frames. `dhf1k` draws its ten frames without asking whether this one is among
them. `unisal` interpolates bilinearly, as its network does at its end. `salema` has no sAUC, whose
reference set its program draws without a seed once a video: two runs of it differ.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from pipeline.evaluation.metrics.registry import METRICS, QUOTIENTS
from pipeline.runtime.errors import InputError

Case = Literal[
    "no_fixation", "constant_prediction", "zero_prediction", "empty_density", "negative_prediction"
]
MetricStatus = Literal[
    "ok", "no_fixation", "constant_prediction", "empty_density", "negative_prediction"
]
Average = Literal["frame", "clip"]
UNDEFINED: Final = float("nan")


class MetricScore(NamedTuple):
    """Value of a metric (NaN: none) and why it may be odd."""

    value: float
    status: MetricStatus


@dataclass(frozen=True)
class Reference:
    """Where the negatives of sAUC come from."""

    origin: Literal[
        "other_clips", "whole_set", "one_per_clip", "other_frames", "same_clip", "clip_others"
    ]
    """Frames to choose from; `one_per_clip`: a random frame of each of some random clips;
    `clip_others`: those of the same clip but for the scored one."""
    frames: int | None
    """Number of frames drawn at random; None: all."""
    repeats: Literal["once", "frames", "looks"] = "once"
    """How often a pixel counts: once (a binary union), for each frame in which it was fixated, or
    for each look at it."""
    resize: Literal["points", "bilinear"] = "points"
    """How fixations of a clip of another size are rescaled: each point, or the 8-bit picture
    of them, in which a point becomes as large as the picture grows."""
    without_own: bool = False
    """Whether pixels fixated in the scored frame itself are left out."""


@dataclass(frozen=True)
class Truth:
    """Densities that a scorer makes of the looks by itself, instead of those of the dataset."""

    kind: Literal["each_look", "marked_pixels"]
    """A Gaussian around each look, or a filtered picture that marks a fixated pixel once."""
    sigma: float
    """Standard deviation in pixels of the scored picture."""
    reduced: int = 1
    """How many times smaller the scored picture is than the raw video, along each side."""

    def __str__(self) -> str:
        """Describe them for a footer."""
        of = "around each look" if self.kind == "each_look" else "over pixels that count once"
        size = f"a video made {self.reduced} times smaller" if self.reduced > 1 else "the raw video"
        return f"a Gaussian of {self.sigma:g} pixels of {size} {of}"


@dataclass(frozen=True)
class Protocol:
    """What a named scorer does. Defaults are those of the MIT code."""

    name: str
    reports: tuple[str, ...] = ("AUC-J", "sAUC", "CC", "NSS", "SIM", "KLDiv")
    """Metrics that it always reports."""
    extensible: bool = False
    """Whether it also reports any other registered metric, where a table asks for it."""
    reference: Reference | None = Reference("other_clips", 10)
    """Reference set of sAUC."""
    auc: Literal["expected", "jitter", "jitter_float32", "distinct", "repeated", "mann_whitney"] = (
        "expected"
    )
    """AUC-J: the function of metrics.auc; `jitter` draws its noise from the generator, and
    `jitter_float32` loses it in float32 but where a map is nearly 0."""
    sauc: Literal["stepped", "below_top", "mann_whitney", "hundredths"] = "stepped"
    """sAUC: thresholds in tenths with or without the top one, every value, or in hundredths."""
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
    kldiv_epsilon: float = sys.float_info.epsilon
    """Added to the prediction and inside the logarithm; Matlab's eps, 2^-52."""
    kldiv_floor: float = 0.0
    """Added to both maps before they are made to sum to 1."""
    levels: int | None = None
    """Grey levels to which both maps are rounded, the largest value being the highest level."""
    stretched: bool = False
    """Whether the lowest level of a prediction is its smallest value, and not 0."""
    scaled: Literal["no", "prediction", "both"] = "no"
    """Which maps are scaled to 0..1 before smoothing and resizing."""
    smoothing: float = 0.0
    """Sigma in pixels of a Gaussian over the prediction, as wide as three of it to either side."""
    resize: Literal["matlab_bicubic", "bilinear", "corner_bilinear", "corner_cubic"] = (
        "matlab_bicubic"
    )
    """How a prediction gets the density's size: imresize; OpenCV and torch; scipy's zoom."""
    truth: Truth | None = None
    """Ground truth that the scorer makes by itself; None: the dataset's densities."""
    halved: bool = False
    """Whether levels are rounded again after resizing, and maps and fixations shrunk to half."""
    calibrated: bool = False
    """Whether a prediction is first changed by what fits other clips (`evaluation.calibration`)."""
    sample: int | None = None
    """Number of frames drawn for each metric, where a dataset has more; None: all."""
    half: frozenset[str] = frozenset()
    """Metrics of which a clip's mean is over half of its frames, drawn by the scorer's own seed."""
    average: Average = "frame"
    """Mean over all frames, or over each clip's frames and then over clips."""
    meta_average: Average = "clip"
    """For frame lists over other datasets: DIEM-Meta and LEDOV-Meta."""
    left_out: frozenset[MetricStatus] = frozenset()
    """Statuses whose values enter no mean; a NaN never does."""
    degenerate: Mapping[tuple[Case, str], float] = field(default_factory=dict)
    """What counts in place of the formula's value; NaN also for a scorer that stops."""

    @property
    def draws(self) -> bool:
        """Whether AUC-J has noise, which needs a generator."""
        return self.auc in ("jitter", "jitter_float32")

    def averaging(self, *, meta: bool) -> Average:
        """Say how the frames of a dataset, or of a list over another dataset, are averaged."""
        return self.meta_average if meta else self.average


MIT: Final = Protocol(
    "mit",
    # The last is the predecessor paper's, which says no more of it than its name.
    reports=("AUC-J", "sAUC", "CC", "NSS", "SIM", "KLDiv", "chi-square"),
    extensible=True,
    left_out=frozenset({"no_fixation", "empty_density"}),
)
_ALL: Final = [
    MIT,
    replace(MIT, name="mit_jitter", auc="jitter"),
    Protocol(
        "dhf1k",
        reports=("AUC-J", "sAUC", "CC", "NSS", "SIM"),
        reference=Reference("whole_set", 10),
        levels=256,
        sample=50_000,
    ),
    Protocol(
        "unisal",
        reference=Reference("one_per_clip", 10, resize="bilinear"),
        auc="distinct",
        sauc="below_top",
        min_max=False,
        proper=True,
        kldiv_epsilon=0.0,
        resize="bilinear",
        half=frozenset({"AUC-J", "sAUC"}),
        average="clip",
        degenerate={("no_fixation", "NSS"): 1.0, ("constant_prediction", "AUC-J"): UNDEFINED},
    ),
    Protocol(
        "pysaliency",
        reference=Reference("other_frames", None, repeats="looks"),
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
            ("empty_density", "CC"): UNDEFINED,
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
    Protocol(
        "salema",
        reports=("AUC-J", "CC", "NSS", "SIM"),
        reference=None,
        auc="jitter_float32",
        ddof=0,
        levels=256,
        stretched=True,
        resize="bilinear",
        halved=True,
        average="clip",
        # Their program divides by zero; the videos that it scored have no such frame.
        degenerate={
            ("empty_density", "SIM"): UNDEFINED,
            ("constant_prediction", "SIM"): UNDEFINED,
        },
    ),
    Protocol(
        "rudoy",
        reports=("sAUC", "chi-square"),
        # 100 draws, with replacement, of as many points as there are: their expectation.
        reference=Reference("clip_others", None),
        sauc="mann_whitney",
        truth=Truth("each_look", sigma=10.0, reduced=5),
        average="clip",
        left_out=frozenset({"no_fixation", "empty_density"}),
        degenerate={("zero_prediction", "chi-square"): UNDEFINED},
    ),
    Protocol(
        "salicon_challenge",
        reports=("AUC", "sAUC", "CC", "NSS"),
        reference=Reference("other_frames", None, repeats="frames", without_own=True),
        sauc="hundredths",
        repeats=True,
        ddof=0,
        resize="corner_cubic",
        truth=Truth("marked_pixels", sigma=19.0),
        left_out=frozenset({"no_fixation", "empty_density"}),
    ),
    replace(MIT, name="calibrated", calibrated=True),
]
PROTOCOLS: Final[Mapping[str, Protocol]] = {protocol.name: protocol for protocol in _ALL}


def protocol(name: str = "mit") -> Protocol:
    """Return the protocol of that name.

    Raises:
        InputError: There is none.
    """
    if name not in PROTOCOLS:
        raise InputError(f"protocol {name!r}: not known; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def reported(rules: Protocol, asked: Iterable[str] = ()) -> tuple[str, ...]:
    """List the columns of a sheet: what the protocol always reports, then what else is asked for.

    What is asked for and the protocol does not know is left out.
    """
    wanted = {*asked}.difference(rules.reports) if rules.extensible else set[str]()
    wanted |= {part for metric in wanted for part in QUOTIENTS.get(metric, ())}
    named = (*rules.reports, *(metric for metric in METRICS if metric in wanted))
    return tuple(m for m in named if METRICS[m].needs != "reference" or rules.reference)


def further(name: str, asked: Iterable[str]) -> list[str]:
    """List what must be asked of a protocol for a table: metrics that it does not report anyway."""
    rules = protocol(name)
    return [metric for metric in reported(rules, asked) if metric not in rules.reports]
