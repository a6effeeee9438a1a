"""Stage clip: a page of one clip, on which its frames, gaze, maps and scores are seen in step.

The page is one file that needs no network. Each frame and all of its maps are one picture, so that
no map can be shown over another frame. At most `shots.MOST` frames and the worst ones of each model
have a picture, and all pictures together take at most `shots.BYTES`; scores are of every frame.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.registry import better
from pipeline.reporting.clips.rendering import rendered
from pipeline.reporting.clips.shots import Layout, encoded, layout_of, shot
from pipeline.reporting.figures.drawing import HEAT
from pipeline.reporting.figures.seen import Model, Truth, by_choice, read_models
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.verify import damage

WORST: Final = 3
"""Frames of each model that are listed as its worst ones."""
RATE: Final = 25.0
"""Frames per second of a clip whose store names no rate."""
_POINTS: Final = 200
"""Gaze points of a frame, at most: eye trackers give up to a thousand a second."""
_DIGITS: Final = 4


def clip(
    *,
    name: str,
    dataset: str,
    frames: list[Path],
    density: list[Path],
    gaze: list[Path],
    pictured: dict[str, tuple[Path, Path]],
    metrics: list[str],
    protocol: str,
    seed: int,
    page: Path,
) -> None:
    """Write the page of the clip `name`.

    FRAMES, DENSITY and GAZE are the parts that hold it. `pictured` has for each label the manifest
    of a model's maps and its sheet of scores. NSS is the metric that is shown first, and whose
    worst frames have pictures; where it was not scored, the first of `metrics` that was. A clip of
    which a frame list names no frame has a page that says so.

    Raises:
        InputError: Stores and sheets do not fit together, or the clip is in none of them.
    """
    truth = Truth(frames, density, gaze)
    models = read_models(pictured, protocol, seed, next(iter(pictured)))
    some = next(iter(models.values()))
    scored = some.frames().get(name)
    if scored is None and name in truth.frames:
        _write(page, rendered("unscored.html.j2", clip=name, dataset=dataset))
        print(f"{page}: no frame of {name} is scored")
        return
    if scored is None or name not in truth.frames:
        known = ", ".join(sorted(some.frames())[:5])
        raise InputError(f"{page}: no clip {name} of {dataset} was scored; scored are {known}, ...")
    times = sorted(scored)
    scored_by = {metric for model in models.values() for metric in model.scores}
    columns = [one for one in by_choice(metrics) if one in scored_by] or sorted(scored_by)
    always = {time for model in models.values() for time in worst(model, name, columns[0], WORST)}
    store = truth.frames[name]
    array, points = store[name], truth.points(name)
    layout = layout_of(array.shape[1:], 1 + len(models))

    def make(time: int) -> bytes:
        maps = [model.saliency(name, time) for model in models.values()]
        return shot(np.asarray(array[time]), [truth.density(name, time), *maps], layout)

    pictures = encoded(times, always, make)
    numbers = dict(enumerate(frame_numbers(store.clips[name])))
    data = {
        "rate": float(store.clips[name].get("rate") or RATE),
        "layout": _places(layout),
        "numbers": [numbers[time] for time in times],
        "shown": [times.index(time) for time in pictures],
        "points": [_pixels(points[time], array.shape[1:], layout) for time in pictures],
        "models": [
            {
                "name": label,
                "scores": {column: _values(model, name, column, times) for column in columns},
            }
            for label, model in models.items()
        ],
        "metrics": {column: better(column) for column in columns},
        "worst": WORST,
        "colours": base64.b64encode(_colours().tobytes()).decode(),
        "pictures": [base64.b64encode(one).decode() for one in pictures.values()],
    }
    facts: dict[str, Any] = {
        "clip": name,
        "dataset": dataset,
        "protocol": protocol,
        "frames": len(times),
        "pictured": len(pictures),
        "still": len(times) == 1,
    }
    _write(page, rendered("clip.html.j2", data, **facts))
    size = page.stat().st_size / 1e6
    print(f"{page}: {len(pictures)} of {len(times)} frames, {len(models)} models, {size:.1f} MB")


def _write(page: Path, text: str) -> None:
    with atomic(page) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def worst(model: Model, clip: str, metric: str, count: int) -> list[int]:
    """The frames with the worst values of a clip, from 0, the worst first."""
    values = model.scores.get(metric, {}).get(clip, {})
    sign = 1 if metric in model.scores and better(metric) == "higher" else -1
    known = (time for time, value in values.items() if not np.isnan(value))
    return sorted(known, key=lambda time: (sign * values[time], time))[:count]


def _values(model: Model, clip: str, metric: str, times: Sequence[int]) -> list[float | None]:
    of = model.scores.get(metric, {}).get(clip, {})
    found = (of.get(time, float("nan")) for time in times)
    return [None if np.isnan(value) else round(float(value), _DIGITS) for value in found]


def _pixels(points: NDArray[Any], shape: tuple[int, ...], layout: Layout) -> list[int]:
    """x, y, x, y, ... of gaze points [n, (y, x)] in the page's pixels."""
    scale = np.array([layout.width / shape[1], layout.height / shape[0]])
    xy = np.unique(np.floor((points[:, ::-1] + 0.5) * scale).astype(int), axis=0)
    some = xy[:: max(1, -(-len(xy) // _POINTS))]
    return [int(value) for value in some.ravel()]


def _places(layout: Layout) -> dict[str, Any]:
    return {
        "width": layout.width,
        "height": layout.height,
        "tile": [layout.tile_width, layout.tile_height],
        "places": [layout.place(tile) for tile in range(layout.tiles)],
    }


def _colours() -> NDArray[np.uint8]:
    """Colours of the levels 0..255 of a map, RGB [256, 3]."""
    found = mpl.colormaps[HEAT](np.arange(256), bytes=True)[:, :3]
    return np.ascontiguousarray(found, np.uint8)


if __name__ == "__main__":
    main(clip, damage=damage)
