"""What the gate of gfsalnet-light adds to its streams, on drawn scenes that nothing was trained on.

    python bench/light.py results/light/packed/*.safetensors   # several of one name: seeds

Appearance, motion and conspicuity are the maps S_A, S_T and S_C of the same network, before the
gate. The table goes to bench/results/light.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from textwrap import fill

import cv2
import numpy as np
import torch
from measured import SHOWN, Scores, line, table
from numpy.typing import NDArray
from pages import publish, today

from pipeline.evaluation.one_map import score
from pipeline.preprocessing.flow_estimators import Estimator, build_estimator
from pipeline.preprocessing.tensors import flow_tensor, frame_tensor
from pipeline.viewing.network.load import load
from pipeline.viewing.network.model import Model

MAPS = {
    "gated": "saliency",
    "motion": "motion",
    "appearance": "appearance",
    "conspicuity": "conspicuity",
}
"""Row -> field of the network's maps."""


def pictures(folder: Path, reading: int) -> list[NDArray[np.uint8]]:
    """The pictures of a folder in their order, RGB or grey."""
    return [
        np.asarray(cv2.imread(str(path), reading), np.uint8) for path in sorted(folder.iterdir())
    ]


def measure(model: Model, scenes: Path) -> dict[str, Scores]:
    """Scores of each map by clip: means over the frames that have a flow of their own."""
    assert model.flow is not None
    estimate = build_estimator(model.flow, 1)
    found: dict[str, Scores] = {row: Scores({}) for row in MAPS}
    for clip in sorted(scenes.iterdir()):
        rows = _frames(model, clip, estimate)
        for row in MAPS:
            means = {key: float(np.mean([one[row][key] for one in rows])) for key in SHOWN}
            found[row].by_clip[clip.name] = means
    return found


def _frames(model: Model, clip: Path, estimate: Estimator) -> list[dict[str, dict[str, float]]]:
    """Row -> metric -> value, of each frame but the last."""
    shown = np.stack(pictures(clip / "images", cv2.IMREAD_COLOR_RGB))
    densities = pictures(clip / "density", cv2.IMREAD_GRAYSCALE)
    fixations = pictures(clip / "fixation", cv2.IMREAD_GRAYSCALE)
    size = shown.shape[1:3]
    network = model.torch_network(size, False)
    every = []
    for frame, flow, density, points in zip(
        shown[:-1], estimate(shown), densities, fixations, strict=False
    ):
        with torch.inference_mode():
            maps = network(frame_tensor(frame)[None], flow_tensor(flow, size)[None])
        every.append(
            {
                row: score(getattr(maps, field)[0, 0], points > 0, density, protocol="mit")
                for row, field in MAPS.items()
            }
        )
    return every


def main() -> None:
    """Measure and write bench/results/light.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("weights", nargs="+", help="files; several of one name are seeds")
    parser.add_argument("--scenes", type=Path, default=Path("raw/light/drawn/test"))
    given = parser.parse_args()
    for path in (*map(Path, given.weights), given.scenes):
        if not path.exists():
            parser.error(f"{path}: not there; docs/light.md says how it is made")
    torch.set_num_threads(1)
    seeds: dict[str, list[dict[str, Scores]]] = {}
    for file in given.weights:
        seeds.setdefault(Path(file).stem, []).append(measure(load(file), given.scenes))
    count = len(list(given.scenes.iterdir()))
    about = (
        f"{today()}. {count} scenes that were not trained on. Means over scenes, of several seeds "
        "each one's in (), 95 % intervals over scenes in []."
    )
    rows = [
        line(f"{name}, {row}", [one[row] for one in each])
        for name, each in seeds.items()
        for row in MAPS
    ]
    lines = ["# The gate of gfsalnet-light on drawn scenes", "", fill(about, 100), *table("")]
    publish("light", "\n".join([*lines, *rows]))


if __name__ == "__main__":
    main()
