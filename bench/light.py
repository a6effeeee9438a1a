"""What the gate of gfsalnet-light adds to its streams, on drawn scenes that nothing was trained on.

    python bench/light.py results/light/packed/*.safetensors   # several of one name: seeds

Appearance and motion are the maps S_A and S_T of the same network, before the gate. The table goes
to bench/results/light.md.
"""

from __future__ import annotations

import argparse
import platform
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from measured import SHOWN, Kept, Scores, line
from numpy.typing import NDArray

from pipeline.evaluation.one_map import score
from pipeline.preprocessing.flow_estimators import Estimator, build_estimator
from pipeline.preprocessing.tensors import flow_tensor, frame_tensor
from pipeline.stores.weights import file_sha256
from pipeline.viewing.network.load import load
from pipeline.viewing.network.model import Model

OUT = Path(__file__).parent / "results/light.md"
MAPS = {"gated": "saliency", "motion": "motion", "appearance": "appearance"}
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
        rows = [frame for frame in _frames(model, clip, estimate)]
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
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("weights", nargs="+", type=Path)
    parser.add_argument("--scenes", type=Path, default=Path("raw/light/drawn/test"))
    parser.add_argument("--kept", type=Path, help="JSON with what was measured, to go on from")
    given = parser.parse_args()
    torch.set_num_threads(1)
    kept = Kept(given.kept)
    seeds: dict[str, dict[str, list[Scores]]] = {}
    for file in given.weights:
        rows = seeds.setdefault(file.stem, {row: [] for row in MAPS})
        key = file_sha256(file)[:12]
        if f"{key}/gated" not in kept.scores:
            model = load(str(file))
            for row, scores in measure(model, given.scenes).items():
                kept.get(f"{key}/{row}", partial(Scores, scores.by_clip))
        for row in MAPS:
            rows[row].append(Scores(kept.scores[f"{key}/{row}"]))
    lines = [
        f"# The gate of gfsalnet-light on drawn scenes ({datetime.now(UTC):%Y-%m-%d})",
        "",
        f"{len(seeds and next(iter(seeds.values()))['gated'][0].by_clip)} scenes that were not "
        f"trained on; {platform.machine()}, torch {torch.__version__}. Means over scenes, each "
        "seed's in (), 95 % intervals over scenes in [].",
        "",
        f"| map | {' | '.join(SHOWN)} | |",
        "|---" * (len(SHOWN) + 2) + "|",
        *(line(f"{name}, {row}", of[row]) for name, of in seeds.items() for row in MAPS),
        "",
    ]
    OUT.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
