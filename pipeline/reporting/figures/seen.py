"""Maps of models with what they scored, and which clips and frames of them are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.registry import better
from pipeline.preprocessing.fixations import pixels_by_frame
from pipeline.reporting.means import read_scores, summarise
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE, SALIENCY
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import Store, open_parts, open_store

SHOWN_BY = "NSS"
"""The metric that chooses clips and frames where a protocol reports it; else a table's first."""


class Scene(NamedTuple):
    """What is known of a frame without any model."""

    frame: NDArray[np.uint8]
    """RGB [y, x, channel]."""
    density: NDArray[np.float32]
    """[y, x]"""
    points: NDArray[np.int32]
    """Gaze points [n, (y, x)]."""


class Truth:
    """The parts of a dataset that models are compared with."""

    def __init__(
        self, frames: Sequence[Path], density: Sequence[Path], gaze: Sequence[Path]
    ) -> None:
        self.frames = open_parts(FRAMES, frames)
        self._density, self._gaze = open_parts(DENSITY, density), open_parts(GAZE, gaze)

    def points(self, clip: str) -> list[NDArray[np.int32]]:
        """For each frame of a clip, the pixels [n, (y, x)] of its gaze points."""
        store = self._gaze[clip]
        return pixels_by_frame(np.asarray(store[clip][:], np.float32), store.clips[clip]["frames"])

    def density(self, clip: str, time: int) -> NDArray[np.float32]:
        """Density [y, x] of a frame, from 0, of a clip."""
        return np.asarray(self._density[clip][clip][time], np.float32)

    def scene(self, clip: str, time: int) -> Scene:
        """A frame, from 0, of a clip."""
        frame = np.asarray(self.frames[clip][clip][time])
        return Scene(frame, self.density(clip, time), self.points(clip)[time])


def flows(manifests: Sequence[Path]) -> dict[str, Store]:
    """Clip -> the store of its flow; empty where a dataset has none."""
    return open_parts(FLOW, manifests)


def speed(flow: Any) -> float:
    """Mean speed of a flow [2, y, x], in its own unit."""
    return float(np.hypot(*np.asarray(flow, np.float64)).mean())


@dataclass(frozen=True)
class Model:
    """A model's maps and what they scored."""

    label: str
    store: Store
    scores: dict[str, dict[str, dict[int, float]]]
    """Metric -> clip -> frame -> value, NaN where it does not count."""
    means: dict[str, dict[str, float]]
    """Metric -> clip -> mean value, NaN where no frame has one."""

    def saliency(self, clip: str, time: int) -> NDArray[np.float32]:
        """Saliency map [y, x] of a frame, from 0, of a clip."""
        return np.asarray(self.store[clip][self._index(clip, time)], np.float32)

    def number(self, clip: str, time: int) -> int:
        """Number of a frame, from 0 in its clip, in the whole video, from 1."""
        return frame_numbers(self.store.clips[clip])[self._index(clip, time)]

    def frames(self) -> dict[str, set[int]]:
        """Clip -> its scored frames."""
        return {clip: {*of} for clip, of in next(iter(self.scores.values())).items()}

    def _index(self, clip: str, time: int) -> int:
        frames: list[int] | None = self.store.clips[clip]["frames"]
        return frames.index(time) if frames else time


def read_model(label: str, saliency: Path, scores: Path, protocol: str, seed: int) -> Model:
    """Open a model's maps, and read what they scored by a protocol.

    Raises:
        InputError: Either is missing or damaged.
    """
    sheet = read_scores(scores, protocol)
    measured = summarise(sheet, "clip", seed)
    found, means = dict[str, dict[str, dict[int, float]]](), dict[str, dict[str, float]]()
    for metric in sheet.statuses:
        values = sheet.frames[metric].mask(sheet.left_out(metric))
        rows = sheet.frames[["clip", "frame"]].assign(value=values).groupby("clip", sort=False)
        found[metric] = {
            str(clip): dict(zip(of["frame"], of["value"], strict=True)) for clip, of in rows
        }
        of_clips = measured.by_clip[metric].means.tolist()
        means[metric] = dict(zip(measured.clips, of_clips, strict=True))
    return Model(label, open_store(SALIENCY, saliency), found, means)


def read_models(
    pictured: Mapping[str, tuple[Path, Path]], protocol: str, seed: int, leading: str
) -> dict[str, Model]:
    """Models by label, from the manifests of their maps and their sheets of scores.

    Raises:
        InputError: A file is missing, or scores other frames than that of the model `leading`.
    """
    models = {
        name: read_model(name, maps, scored, protocol, seed)
        for name, (maps, scored) in pictured.items()
    }
    frames = models[leading].frames()
    for name, (_, scored) in pictured.items():
        if models[name].frames() != frames:
            raise InputError(
                f"{scored}: expected the frames that {pictured[leading][1]} scores, found others; "
                "make both again"
            )
    return models


def by_choice(metrics: Sequence[str]) -> list[str]:
    """`SHOWN_BY` and the metrics of tables, each once."""
    return [*dict.fromkeys((SHOWN_BY, *metrics))]


def metric_of(model: Model, metrics: Sequence[str], scores: Path) -> str:
    """The metric that chooses what is shown: `SHOWN_BY`, or the first of a table's metrics.

    Raises:
        InputError: The model's sheet `scores` has none of them.
    """
    for metric in (wanted := by_choice(metrics)):
        if metric in model.scores:
            return metric
    raise InputError(
        f"{scores}: expected a column {' or '.join(wanted)}, found {', '.join(model.scores)}; "
        "choose a score.protocol in config.yaml that has it"
    )


def ranked(means: Mapping[str, float], metric: str) -> list[str]:
    """Clips that have a mean, from the best to the worst; equal ones by name."""
    sign = -1 if better(metric) == "higher" else 1
    known = (clip for clip, mean in means.items() if not np.isnan(mean))
    return sorted(known, key=lambda clip: (sign * means[clip], clip))


def chosen(means: Mapping[str, float], metric: str = SHOWN_BY) -> dict[str, str]:
    """Why a clip is shown -> clip, by means that may be NaN.

    Of two clips none is the median; of an even number it is the better one of the middle two.
    """
    order = ranked(means, metric)
    if not order:
        return {f"no {metric}": min(means)}
    # Best and worst would be the same clip.
    if len(order) == 1:
        return {"only clip": order[0]}
    middle = {"median": order[(len(order) - 1) // 2]} if len(order) > 2 else {}
    return {"best": order[0], **middle, "worst": order[-1]}


def typical(values: Mapping[int, float], mean: float) -> int:
    """Frame with the value nearest to the mean, or the middle one where no frame has a value.

    The earliest of several.
    """
    known = {frame: abs(value - mean) for frame, value in values.items() if not np.isnan(value)}
    if not known:
        return sorted(values)[len(values) // 2]
    return min(sorted(known), key=known.__getitem__)


def cell(value: float) -> str:
    """A value as sheets of figures have it: empty if there is none."""
    return "" if np.isnan(value) else f"{value:.4f}"


def in_words(metric: str, value: Any) -> str:
    """A metric and its value as figures show them."""
    return f"{metric} -" if np.isnan(value) else f"{metric} {value:.2f}"
