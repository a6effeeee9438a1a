"""Stage pictures: the best, the median and the worst clip of a dataset, map by map (Fig. 4, 5).

Clips are ordered by the mean NSS of the last model, as the protocol averages it. Of each clip the
frame with the NSS nearest to the clip's mean is shown, the earliest of several. Of two clips none
is the median; of an even number it is the better one of the middle two.

A clip takes two lines: frame, density and every model's saliency, and below them the flow and the
error |density - saliency| of each, both stretched to 0..1, from black (none) to white (1).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.reporting.figures.drawing import draw, flow_picture, grid, save
from pipeline.reporting.figures.grey_levels import bilinear
from pipeline.reporting.means import Sheet, read_scores, summarise
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import write_rows
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, SALIENCY
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import Store, open_parts, open_store
from pipeline.stores.verify import damage

COLUMNS = ("place", "clip", "frame", "model", "NSS", "clip_NSS")
"""Columns of the sheet: `frame` is its number in the video, clip_NSS the mean over the clip."""
_LINE = 18
"""Letters of 8 points that fit into a cell."""
Map = NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """One frame that is shown."""

    place: str
    """Why the clip is shown: best, median, worst, only clip, or no NSS."""
    clip: str
    time: int
    """Frame of the stored clip, from 0."""


@dataclass(frozen=True)
class Model:
    """A model's maps and what they scored."""

    label: str
    store: Store
    nss: dict[str, dict[int, float]]
    """Clip -> frame -> NSS, NaN where it does not count."""
    means: dict[str, float]
    """Clip -> mean NSS, NaN where no frame has one."""

    def saliency(self, shown: Shown) -> Map:
        """Saliency map [y, x] of a frame."""
        return np.asarray(self.store[shown.clip][self._index(shown)], np.float32)

    def number(self, shown: Shown) -> int:
        """Number of a frame in its whole video."""
        return frame_numbers(self.store.clips[shown.clip])[self._index(shown)]

    def _index(self, shown: Shown) -> int:
        frames: list[int] | None = self.store.clips[shown.clip]["frames"]
        return frames.index(shown.time) if frames else shown.time


def chosen(means: Mapping[str, float]) -> dict[str, str]:
    """Why a clip is shown -> clip, by means that may be NaN."""
    ranked = sorted(
        (clip for clip, mean in means.items() if not np.isnan(mean)),
        key=lambda clip: (-means[clip], clip),
    )
    if not ranked:
        return {"no NSS": min(means)}
    # Best and worst would be the same clip.
    if len(ranked) == 1:
        return {"only clip": ranked[0]}
    middle = {"median": ranked[(len(ranked) - 1) // 2]} if len(ranked) > 2 else {}
    return {"best": ranked[0], **middle, "worst": ranked[-1]}


def typical(values: Mapping[int, float], mean: float) -> int:
    """Frame with the value nearest to the mean, or the middle one where no frame has a value."""
    known = {frame: abs(value - mean) for frame, value in values.items() if not np.isnan(value)}
    if not known:
        return sorted(values)[len(values) // 2]
    return min(sorted(known), key=known.__getitem__)


def stretched(values: NDArray[Any]) -> Map:
    """A map in 0..1; one that is the same everywhere is 0."""
    values = np.asarray(values, np.float32)
    spread = float(values.max() - values.min())
    return (values - values.min()) / spread if spread else np.zeros_like(values)


def error(density: NDArray[Any], saliency: NDArray[Any]) -> Map:
    """|density - saliency| [y, x], each stretched to 0..1; maps of another size are resized."""
    given = bilinear(stretched(saliency), (density.shape[0], density.shape[1]))
    difference: Map = np.abs(stretched(density) - given)
    return difference


def _model(label: str, saliency: Path, sheet: Sheet, seed: int) -> Model:
    if "NSS" not in sheet.statuses:
        raise InputError(
            f"{sheet.path}: expected a column NSS, found {', '.join(sheet.statuses)}; "
            "choose a score.protocol in config.yaml that has it"
        )
    rows = sheet.frames[["clip", "frame"]].assign(
        NSS=sheet.frames["NSS"].mask(sheet.left_out("NSS"))
    )
    by_clip = rows.groupby("clip", sort=False)
    nss = {str(clip): dict(zip(of["frame"], of["NSS"], strict=True)) for clip, of in by_clip}
    measured = summarise(sheet, "clip", seed)
    means = dict(zip(measured.clips, measured.by_clip["NSS"].means.tolist(), strict=True))
    return Model(label, open_store(SALIENCY, saliency), nss, means)


def _frames(model: Model) -> dict[str, set[int]]:
    return {clip: {*of} for clip, of in model.nss.items()}


def _draw(axes: Any, parts: Sequence[Any], models: Sequence[Model], shown: Shown) -> None:
    """Two lines of the grid: maps, and errors below them."""
    shot, motion, truth = (np.asarray(part[shown.clip][shown.clip][shown.time]) for part in parts)
    draw(axes[0, 0], shot, "frame")
    draw(axes[0, 1], truth.astype(np.float32), "density")
    draw(axes[1, 0], flow_picture(motion, (shot.shape[0], shot.shape[1])), "flow")
    axes[1, 1].axis("off")  # below the density, a caption
    mean, number = models[-1].means[shown.clip], models[-1].number(shown)
    text = f"{shown.place}\n{fill(shown.clip, _LINE)}\nframe {number}\nclip's NSS {mean:.2f}"
    axes[1, 1].text(0.5, 0.5, text, ha="center", va="center", fontsize=8)
    for column, model in enumerate(models, start=2):
        saliency = model.saliency(shown)
        draw(axes[0, column], saliency, model.label)
        nss = model.nss[shown.clip][shown.time]
        # One scale for all errors, so that models compare.
        draw(axes[1, column], error(truth, saliency), f"error; NSS {nss:.2f}", 1.0)
        axes[1, column].images[0].set_cmap("gray")


def _lines(models: Sequence[Model], rows: Sequence[Shown]) -> Iterator[list[object]]:
    for shown in rows:
        for model in models:
            values = (model.nss[shown.clip][shown.time], model.means[shown.clip])
            cells = ("" if np.isnan(value) else f"{value:.4f}" for value in values)
            yield [shown.place, shown.clip, model.number(shown), model.label, *cells]


def pictures(
    *,
    frames: list[Path],
    flow: list[Path],
    density: list[Path],
    pictured: dict[str, tuple[Path, Path]],
    protocol: str,
    seed: int,
    picture: Path,
    sheet: Path,
) -> None:
    """Write a grid of test frames as PNG, and a sheet of what it shows: `COLUMNS`.

    `pictured` has for each label the manifest of a model's maps and its score sheet; the last
    model's NSS chooses clips and frames.
    """
    kinds = ((FRAMES, frames), (FLOW, flow), (DENSITY, density))
    parts = [open_parts(kind, manifests) for kind, manifests in kinds]
    models = [
        _model(label, maps, read_scores(scored, protocol), seed)
        for label, (maps, scored) in pictured.items()
    ]
    last, scores = models[-1], [scored for _, scored in pictured.values()]
    for model, scored in zip(models, scores, strict=True):
        if _frames(model) != _frames(last):
            raise InputError(
                f"{scored}: expected the frames that {scores[-1]} scores, found others; "
                "make both again"
            )
    rows = [
        Shown(place, clip, typical(last.nss[clip], last.means[clip]))
        for place, clip in chosen(last.means).items()
    ]
    figure, axes = grid(2 * len(rows), 2 + len(models))
    for i, shown in enumerate(rows):
        _draw(axes[2 * i : 2 * i + 2], parts, models, shown)
    save(figure, picture)
    write_rows(sheet, COLUMNS, _lines(models, rows))


if __name__ == "__main__":
    main(pictures, damage=damage)
