"""Optical flow side by side: how far each estimator is from known flow, and how long it takes.

    OMP_NUM_THREADS=1 python bench/flow.py [--weights FILE ...]

Accuracy is the mean end-point error in pixels over all pixels: on held-out pairs of
`pipeline.training.flow_pairs`, whose flow is exact, and on a pair of film frames (1024x436, mean
flow 5.8 pixels) against what the released PWC-Net says of it, where that pair lies beside the
checkout (../shared/data/flow_pair). A flow on the quarter grid is upsampled bilinearly. Time is CPU
time of one thread on a pair of 640x480, the fastest of several, all estimators in turn. Last, speed
inside moving balls and outside (../shared/data/diem). Writes bench/results/flow.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pages import publish, with_python
from PIL import Image

from model.flow.encoding import colorwheel
from pipeline.config.data import PwcnetFlow
from pipeline.planning.load import configured
from pipeline.preprocessing.frames import decode
from pipeline.preprocessing.network_flow import Pwcnet
from pipeline.raw.splits import SheetClip
from pipeline.raw.video import probe
from pipeline.training.flow_pairs.pairs import held_out_seed
from pipeline.training.flow_pairs.scenes import pair

ROOT = Path(__file__).resolve().parents[1]
PAIR = ROOT.parent / "shared/data/flow_pair"
DIEM = ROOT.parent / "shared/data/diem"
CLIPS = tuple(f"causality_clip_{number}_1000x750" for number in ("01", "05", "08"))
Flow = NDArray[np.float32]
"""[2, y, x] pixels, right and down."""
Frame = NDArray[np.uint8]
Calculate = Callable[[Frame, Frame], Flow]
HELD_OUT = 64
PICTURED = (1, 3, 5, 8)
SIZES = ((192, 256), (256, 384))
ROUNDS = 5


def of_greys(estimator: Any) -> Calculate:
    """An estimator of OpenCV, at full size."""

    def calculate(first: Frame, second: Frame) -> Flow:
        greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
        return np.moveaxis(np.asarray(estimator.calc(*greys, None), np.float32), -1, 0)

    return calculate


def of_weights(weights: str, precision: str) -> Calculate:
    """PWC-Net, upsampled from the quarter grid."""
    settings = {"estimator": "pwcnet", "weights": weights, "sha256": None, "cut": None}
    network = Pwcnet(PwcnetFlow.model_validate(settings | {"precision": precision, "batch": 1}))

    def calculate(first: Frame, second: Frame) -> Flow:
        quarter = network(np.stack([first, second]))[0]
        size = first.shape[1::-1]
        return np.stack(
            [cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in quarter]
        )

    return calculate


def farneback(first: Frame, second: Frame) -> Flow:
    """Farneback (2003) with OpenCV's usual numbers."""
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    flow = cv2.calcOpticalFlowFarneback(*greys, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
    return np.moveaxis(np.asarray(flow, np.float32), -1, 0)


def estimators(weights: list[str]) -> dict[str, Calculate]:
    """All that are compared."""
    found: dict[str, Calculate] = {}
    for name in weights:
        for precision in ("float32", "bfloat16"):
            found[f"PWC-Net, `{Path(name).name}`, {precision}"] = of_weights(name, precision)
    dis = {"fast": cv2.DISOPTICAL_FLOW_PRESET_FAST, "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM}
    for name, preset in dis.items():
        found[f"DIS {name}"] = of_greys(cv2.DISOpticalFlow.create(preset))
    found["DeepFlow"] = of_greys(cv2.optflow.createOptFlow_DeepFlow())
    found["Farneback"] = farneback
    found["zero flow"] = lambda first, _: np.zeros((2, *first.shape[:2]), np.float32)
    return found


def error(found: Flow, truth: Flow) -> float:
    """Mean end-point error, pixels."""
    return float(np.hypot(*(found - truth)).mean())


def read_flo(path: Path) -> Flow:
    """A Middlebury .flo file."""
    content = path.read_bytes()
    width, height = np.frombuffer(content, "<i4", 2, 4)
    flow = np.frombuffer(content, "<f4", 2 * width * height, 12).reshape(height, width, 2)
    return np.moveaxis(flow, -1, 0)


def held_out(calculate: Calculate, size: tuple[int, int]) -> float:
    """Mean error over the held-out pairs."""
    errors = []
    for index in range(HELD_OUT):
        first, second, truth = pair(held_out_seed(index), size)
        errors.append(error(calculate(first, second), truth))
    return float(np.mean(errors))


def milliseconds(calculates: dict[str, Calculate]) -> dict[str, float]:
    """CPU time of a pair of 640x480, the fastest of several rounds in turns."""
    first, second, _ = pair(held_out_seed(0), (480, 640))
    best = dict.fromkeys(calculates, float("inf"))
    for _ in range(ROUNDS):
        for name, calculate in calculates.items():
            start = time.process_time()
            calculate(first, second)
            best[name] = min(best[name], 1e3 * (time.process_time() - start))
    return best


class Ball(NamedTuple):
    """A ball of a frame and how it moves to the next."""

    mask: NDArray[np.bool_]
    """[y, x]."""
    step: NDArray[np.float64]
    """Right and down, pixels."""


def components(frame: Frame, background: Frame) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels [y, x] of what is not background, and the centre of each label."""
    differs = np.abs(frame.astype(np.int16) - background).max(axis=-1) > 40
    filled = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    _, labels, _, centres = cv2.connectedComponentsWithStats(filled)
    return labels, centres


def moving_balls(first: Frame, second: Frame, background: Frame) -> list[Ball]:
    """Balls that move by a pixel or more; their motion is that of their centres."""
    (labels, here), (_, there) = (components(frame, background) for frame in (first, second))
    if len(here) != len(there):
        return []
    steps = there[1:] - here[1:]
    balls = [Ball(labels == i, step) for i, step in enumerate(steps, start=1)]
    # Labels count from the top: where two balls change places in that order, neither is used.
    return [ball for ball in balls if 1 <= np.hypot(*ball.step) < 30 and ball.mask.sum() > 200]


def ball_pairs() -> list[tuple[Frame, Frame, list[Ball]]]:
    """Pairs of frames of clips in DIEM's layout, on the frame grid, with the balls that move."""
    cfg, found = configured("paper"), []
    for name in CLIPS:
        video = DIEM / name / "video" / f"{name}.mp4"
        blocks = decode(
            video, cfg.frames, None, probe(video)[2], SheetClip(name, "test", None, None)
        )
        frames = np.concatenate(list(blocks))
        background = np.median(frames[::10], axis=0).astype(np.uint8)
        for t in range(20, len(frames) - 1, 20):
            balls = moving_balls(frames[t], frames[t + 1], background)
            if balls:
                found.append((frames[t], frames[t + 1], balls))
    return found


def on_balls(
    calculate: Calculate, pairs: list[tuple[Frame, Frame, list[Ball]]]
) -> tuple[float, float, float]:
    """Mean speed inside moving balls and outside, and the error of a ball's mean flow; pixels."""
    inside, outside, errors = [], [], []
    for first, second, balls in pairs:
        flow = calculate(first, second)
        speed = np.hypot(*flow)
        masks = np.logical_or.reduce([ball.mask for ball in balls])
        inside.append(speed[masks].mean())
        outside.append(speed[~masks].mean())
        errors += [np.hypot(*(flow[:, ball.mask].mean(axis=1) - ball.step)) for ball in balls]
    return float(np.mean(inside)), float(np.mean(outside)), float(np.mean(errors))


def real_pair(calculates: dict[str, Calculate]) -> dict[str, dict[str, float]]:
    """Estimator -> error against each of the released networks' outputs."""
    if not PAIR.is_dir():
        return {}
    frames = [
        np.asarray(Image.open(PAIR / f"frame_{number}.png").convert("RGB"))
        for number in ("0010", "0011")
    ]
    outputs = {name: read_flo(PAIR / f"pwcnet_{name}.flo") for name in ("pytorch", "caffe")}
    found = {}
    for name, calculate in calculates.items():
        flow = calculate(frames[0], frames[1])
        found[name] = {of: error(flow, output) for of, output in outputs.items()}
    return found


def picture(calculates: dict[str, Calculate], path: Path) -> None:
    """Held-out pairs, a row each: first, second, true flow, and what each estimator says."""
    rows = []
    for index in PICTURED:
        first, second, truth = pair(held_out_seed(index), SIZES[0])
        scale = float(np.hypot(*truth).max())
        flows = [truth, *(calculate(first, second) for calculate in calculates.values())]
        wheels = colorwheel(torch.from_numpy(np.stack(flows)).contiguous(), scale=1.05 * scale)
        colours = (wheels.permute(0, 2, 3, 1).clamp(0, 1).numpy() * 255).astype(np.uint8)
        rows.append(np.concatenate([first, second, *colours], axis=1))
    Image.fromarray(np.concatenate(rows)).save(path, optimize=True)


def balls_table(calculates: dict[str, Calculate]) -> list[str]:
    """Lines of the report about moving balls."""
    pairs = ball_pairs()
    true = np.mean([np.hypot(*ball.step) for _, _, balls in pairs for ball in balls])
    lines = [
        "",
        f"Moving balls, {len(pairs)} pairs of {len(CLIPS)} clips at 640x480; the balls move by",
        f"{true:.2f} pixels on average. Error: of a ball's mean flow against its centre's motion.",
        "",
        "| estimator | speed inside | outside | ratio | error |",
        "|---|---|---|---|---|",
    ]
    for name, calculate in calculates.items():
        inside, outside, wrong = on_balls(calculate, pairs)
        ratio = f"{inside / outside:.0f}" if outside else "-"
        lines.append(f"| {name} | {inside:.2f} | {outside:.3f} | {ratio} | {wrong:.2f} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Measures and writes bench/results/flow.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    own = getattr(configured("paper").flow, "weights", None)
    parser.add_argument("--weights", nargs="*", default=[own] if own else [])
    parser.add_argument("--picture", type=Path, help="draw some held-out pairs, and stop")
    arguments = parser.parse_args()
    calculates = estimators(arguments.weights)
    if arguments.picture:
        shown = {k: v for k, v in calculates.items() if "bfloat" not in k and k != "zero flow"}
        picture(shown, arguments.picture)
        return
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    real = real_pair(calculates)
    time_taken = milliseconds(calculates)
    page = [
        "# Optical flow side by side",
        "",
        f"{with_python()}. Mean end-point error in pixels; ms of CPU time of",
        f"one thread for a pair of 640x480. {HELD_OUT} held-out pairs.",
        "`OMP_NUM_THREADS=1 python bench/flow.py`.",
        "",
        "| estimator | film pair, against the released PyTorch network | against its Caffe twin "
        "| held out, 256x192 | held out, 384x256 | ms |",
        "|---|---|---|---|---|---|",
    ]
    for name, calculate in calculates.items():
        known = real.get(name, {})
        cells = [f"{known[of]:.2f}" if known else "-" for of in ("pytorch", "caffe")]
        cells += [f"{held_out(calculate, size):.2f}" for size in SIZES]
        page.append(f"| {name} | {' | '.join(cells)} | {time_taken[name]:.0f} |")
        print(page[-1], flush=True)
    if DIEM.is_dir():
        page += balls_table(calculates)
    publish("flow", "\n".join(page))


if __name__ == "__main__":
    main()
