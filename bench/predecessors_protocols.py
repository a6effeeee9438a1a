"""Protocols `rudoy` and `salicon_challenge` beside `mit`: what the scorer alone moves.

60 images in SALICON's layout and 48 frames of ten clips in DIEM's layout (`run: real` describes
them; they are not distributed). The maps are a centre bias, two classical models and the gaze
itself. Writes bench/results/predecessors_protocols.md.

    python bench/predecessors_protocols.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pages import publish, today

from model.registry import build
from pipeline.datasets import diem, salicon
from pipeline.datasets.records import Clip, Gaze
from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics.distributions import centre_bias
from pipeline.evaluation.own_truth import OwnTruth, density, on_picture, reduced
from pipeline.evaluation.protocols import Protocol, Truth, protocol
from pipeline.evaluation.scoring import GroundTruth
from pipeline.planning.load import configured

ROOT: Final = Path(__file__).resolve().parents[1]
DATA: Final = ROOT.parent / "shared/data"
IMAGES, FRAMES = 60, 48
IMAGE: Final = (480, 640)
VIDEO: Final = (750, 1000)
LENGTH: Final = 300
"""Frames of each clip in DIEM's layout."""
BLUR: Final = protocol("rudoy").truth or Truth("each_look", 10.0, 5)
ON_GRID: Final = replace(BLUR, sigma=BLUR.sigma * BLUR.reduced * IMAGE[1] / VIDEO[1], reduced=1)
"""The same blur on frames of 640x480."""

Array = NDArray[np.floating]
Means = dict[str, tuple[float, ...]]


def looks_of(gaze: Gaze, length: int, video: tuple[int, int], shape: tuple[int, int]) -> list[Any]:
    """Per frame [n, (y, x)] on pictures of a shape."""
    points = np.stack([gaze.frame, gaze.x, gaze.y], 1).astype(np.float32)
    points = points[np.argsort(points[:, 0], kind="stable")]
    return on_picture(points, length, video, shape)


def truth_on(looks: Mapping[str, list[Any]], shape: tuple[int, int], rules: Truth) -> GroundTruth:
    """Ground truth of clips on pictures of one shape, its densities made by `rules`."""
    own = OwnTruth(rules, dict.fromkeys(looks, shape), looks)
    return GroundTruth({}, own.pixels(), own=own)


def scored(
    rules: Protocol, truth: GroundTruth, place: tuple[str, int], map_: Array
) -> dict[str, float]:
    """Values of a map by a protocol."""
    (dense,) = truth.densities(place[0], [place[1]])
    frame = Frame(map_, dense, truth.pixels[place[0]][place[1]])
    rng = np.random.default_rng(place[1])
    reference = truth.elsewhere(rules, *place, frame.fixated, rng)
    got = score_frame(rules, frame, reference=reference)
    return {metric: score.value for metric, score in got.items()}


def images() -> dict[str, list[Any]]:
    """Looks at the first images of the validation split."""
    files = sorted((DATA / "salicon/fixations/val").glob("*.mat"))[:IMAGES]
    found = {}
    for file in files:
        gaze = salicon.read([file], Clip(file.stem, 1, IMAGE[1], IMAGE[0], 1.0), edition="2015")
        found[file.stem] = looks_of(gaze, 1, IMAGE, IMAGE)
    return found


def clips(shape: tuple[int, int]) -> dict[str, list[Any]]:
    """Looks at the ten clips, on pictures of a shape."""
    found = {}
    for folder in sorted((DATA / "diem").iterdir()):
        files = sorted((folder / "event_data").glob("*.txt"))
        gaze = diem.read(files, Clip(folder.name, LENGTH, VIDEO[1], VIDEO[0], 30.0))
        found[folder.name] = looks_of(gaze, LENGTH, VIDEO, shape)
    return found


def classical() -> dict[str, Callable[[str], Array]]:
    """Two models of Table 3 as functions of an image's name."""
    cfg = configured("paper")

    def of(network: str) -> Callable[[str], Array]:
        net = build(network, **cfg.networks[network]).eval()

        def predicted(image: str) -> Array:
            picture = np.asarray(cv2.imread(str(DATA / f"salicon/images/{image}.jpg")))
            frame = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None] / 255
            with torch.inference_mode():
                return net(frame, None).saliency[0, 0].numpy().astype(np.float64)

        return predicted

    return {"Itti": of("itti"), "spectral residual": of("spectral_residual")}


def salicon_means(models: Mapping[str, Callable[[str], Array]]) -> Means:
    """Model -> AUC-J and AUC, sAUC by `mit` and by the challenge, mean over the images."""
    looks = images()
    mit, challenge = protocol("mit"), protocol("salicon_challenge")
    truth = truth_on(looks, IMAGE, challenge.truth or BLUR)
    every = {"centre bias": lambda _: centre_bias(IMAGE), **models}
    assert truth.own is not None
    every["the density itself"] = partial(truth.own.density, frame=0)
    found = {}
    for name, predicted in every.items():
        rows = []
        for image in looks:
            usual, server = (
                scored(rules, truth, (image, 0), predicted(image)) for rules in (mit, challenge)
            )
            rows.append([usual["AUC-J"], server["AUC"], usual["sAUC"], server["sAUC"]])
        found[name] = tuple(np.mean(rows, 0).tolist())
    return found


def chosen(truth: GroundTruth) -> Iterator[tuple[str, int]]:
    """48 frames in which somebody looked, evenly spread over all clips."""
    seen = [(c, i) for c in truth.clips for i in range(LENGTH) if len(truth.pixels[c][i])]
    for index in np.linspace(0, len(seen) - 1, FRAMES).round().astype(int):
        yield seen[index]


def diem_means(shape: tuple[int, int], rules: Truth) -> Means:
    """Map -> sAUC by `mit`, by `rudoy`, and by it in tenths, mean over the frames."""
    truth = truth_on(clips(shape), shape, rules)
    by = [protocol("mit"), protocol("rudoy"), replace(protocol("rudoy"), sauc="stepped")]
    means = {
        clip: density(rules, np.concatenate(frames), shape) for clip, frames in clips(shape).items()
    }
    every: dict[str, Callable[[str, int], Array]] = {
        "the clip's mean gaze map": lambda clip, _: means[clip],
        "the frame's own gaze": lambda clip, i: next(truth.densities(clip, [i])),
        "centre bias": lambda *_: centre_bias(shape),
    }
    found = {}
    for name, predicted in every.items():
        rows = [
            [scored(one, truth, place, predicted(*place))["sAUC"] for one in by]
            for place in chosen(truth)
        ]
        found[name] = tuple(np.mean(rows, 0).tolist())
    return found


def lines(means: Means) -> str:
    """Rows of a table."""
    return "\n".join(
        f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |"
        for name, values in means.items()
    )


def main() -> None:
    """Measure and write the page."""
    stills = salicon_means(classical())
    grid, small = diem_means(IMAGE, ON_GRID), diem_means(reduced(VIDEO, BLUR), BLUR)
    head = "| map | mit | rudoy | rudoy, in tenths |\n|---|---|---|---|\n"
    publish(
        "predecessors_protocols",
        f"# The scorers of the predecessor's tables\n\n"
        f"{today()}. `python bench/predecessors_protocols.py`.\n\n"
        f"{IMAGES} images in SALICON's layout, mean by `mit` and by `salicon_challenge`:\n\n"
        "| map | AUC-J, mit | AUC, challenge | sAUC, mit | sAUC, challenge |\n"
        "|---|---|---|---|---|\n"
        f"{lines(stills)}\n\n"
        f"{FRAMES} frames of ten clips in DIEM's layout, sAUC, on frames of 640x480:\n\n"
        f"{head}{lines(grid)}\n\n"
        f"The same on the scorer's own pictures, of 200x150:\n\n{head}{lines(small)}\n",
    )


if __name__ == "__main__":
    main()
