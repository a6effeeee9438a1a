"""What a training step costs: time, memory, and reading its samples.

CPU: rows of a table take turns, and a row's time is the processor time of its fastest round. The
network is the paper's (ResNet-50, both streams) at 640x480.
bench/gpu.py measures it on a GPU.

    python bench/training.py [--rounds 3] [--threads 1]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pages import publish, today
from PIL import Image
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.batch_norm import fold, freeze
from model.losses import saliency_loss
from model.registry import build
from pipeline.demo.draw import demo
from pipeline.planning.load import configured
from pipeline.planning.needs import network_arguments
from pipeline.preprocessing.frames import decode
from pipeline.raw.splits import SheetClip
from pipeline.raw.video import probe
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.writing import write_store
from pipeline.training.samples import TrainingSamples

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT.parent / "shared/data/dhf1k/video/002.AVI"
HEIGHT, WIDTH = 480, 640
FRAMES_READ = 64
GIB = 2**30
Work = Callable[[], Any]


def gfsalnet(arguments: dict[str, Any] | None = None) -> nn.Module:
    """The paper's network, or one with other arguments, with random weights."""
    torch.manual_seed(0)
    return build(**(arguments or network_arguments(configured("paper"), "gfsalnet")))


def inputs(
    batch: int,
    where: str = "cpu",
    *,
    channels_last: bool,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> tuple[Tensor, ...]:
    """Frame, flow, density and fixated map."""
    generator = torch.Generator().manual_seed(1)
    frame, flow, density = (
        torch.rand(batch, channels, *size, generator=generator) for channels in (3, 2, 1)
    )
    fixated = (torch.rand(batch, 1, *size, generator=generator) > 0.9999).float()
    fixated[..., 0, 0] = 1  # each frame has gaze
    form = torch.channels_last if channels_last else torch.contiguous_format
    moved = (tensor.to(where) for tensor in (frame, 8 * flow, density, fixated))
    return tuple(tensor.contiguous(memory_format=form) for tensor in moved)


class Way:
    """A way to train: memory layout, precision, what becomes of batch normalisation."""

    def __init__(
        self,
        *,
        channels_last: bool = True,
        half: bool = False,
        norm: str = "train",
        recompute: bool = False,
        where: str = "cpu",
        compiled: bool = False,
        arguments: dict[str, Any] | None = None,
        backend: str = "inductor",
    ) -> None:
        """Builds the network so."""
        self.channels_last, self.half, self.norm, self.where = channels_last, half, norm, where
        form = torch.channels_last if channels_last else torch.contiguous_format
        self.network = gfsalnet(arguments).to(where, memory_format=form)  # type: ignore[call-overload]
        if norm == "folded":
            fold(self.network)
        if recompute:
            for segment in self.network.segments():  # type: ignore[operator]
                segment.forward = partial(checkpoint, segment.forward, use_reentrant=False)
        self.optimiser = torch.optim.Adam(self.network.parameters(), 1e-4)
        self.call: Any = torch.compile(self.network, backend=backend) if compiled else self.network

    def _precision(self) -> Any:
        return torch.autocast(self.where, torch.bfloat16) if self.half else nullcontext()

    @torch.inference_mode()
    def forward(self, given: tuple[Tensor, ...]) -> None:
        """Predicts."""
        self.network.eval()
        with self._precision():
            self.call(*given[:2])

    def loss(self, given: tuple[Tensor, ...]) -> Tensor:
        """Predicts, keeping what the backward pass needs."""
        self.network.train()
        if self.norm != "train":
            freeze(self.network)
        with self._precision():
            saliency = self.call(*given[:2]).saliency
        return saliency_loss(saliency, *given[2:], alpha=1.0, beta=0.1, eps=1e-7).total

    def step(self, given: tuple[Tensor, ...]) -> None:
        """One step of the optimiser."""
        self.optimiser.zero_grad(set_to_none=True)
        self.loss(given).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()


def seconds(rows: dict[str, Work], rounds: int) -> dict[str, float]:
    """Processor time of each row's fastest round; they take turns, and the first does not count."""
    taken: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds + 1):
        for name, work in rows.items():
            start = time.process_time()
            work()
            taken[name].append(time.process_time() - start)
    return {name: min(values[1:]) for name, values in taken.items()}


def speed(rounds: int) -> list[str]:
    """Rows: way, forward and training step of a frame, each with times faster than the first."""
    ways = {
        "float32, NCHW, as one writes it": Way(channels_last=False),
        "float32, channels_last": Way(),
        "bfloat16, channels_last": Way(half=True),
        "bfloat16, channels_last, folded": Way(half=True, norm="folded"),
    }
    given = {name: inputs(1, channels_last=way.channels_last) for name, way in ways.items()}
    forward = seconds({k: partial(w.forward, given[k]) for k, w in ways.items()}, rounds)
    step = seconds({k: partial(w.step, given[k]) for k, w in ways.items()}, rounds)
    first = next(iter(ways))
    return [
        f"| {name} | {forward[name]:.2f} | {forward[first] / forward[name]:.2f} "
        f"| {step[name]:.2f} | {step[first] / step[name]:.2f} |"
        for name in ways
    ]


@contextmanager
def counted() -> Iterator[dict[int, int]]:
    """Bytes that are kept for the backward pass, each piece of memory once."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept


def kept_bytes(way: Way, batch: int) -> int:
    """What a step keeps for its backward pass, besides the weights."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in way.network.parameters()}
    with counted() as kept:
        loss = way.loss(inputs(batch, channels_last=True))
    del loss
    return sum(size for pointer, size in kept.items() if pointer not in weights)


def memory() -> list[str]:
    """Rows: way, GiB kept for the backward pass of 16 frames, or of what is computed at once."""
    ways: dict[str, tuple[dict[str, Any], int]] = {
        "float32": ({}, 16),
        "float32, frozen": ({"norm": "frozen"}, 16),
        "float32, folded": ({"norm": "folded"}, 16),
        "bfloat16": ({"half": True}, 16),
        "bfloat16, folded": ({"half": True, "norm": "folded"}, 16),
        "bfloat16, folded, recompute": ({"half": True, "norm": "folded", "recompute": True}, 16),
        "bfloat16, folded, micro_batch: 4": ({"half": True, "norm": "folded"}, 4),
    }
    lines = []
    for name, (arguments, frames) in ways.items():
        way = Way(**arguments)
        one, two = kept_bytes(way, 1), kept_bytes(way, 2)
        lines.append(f"| {name} | {(one + (frames - 1) * (two - one)) / GIB:.1f} |")
        print(lines[-1], flush=True)
    return lines


def clip_frames() -> np.ndarray:
    """Frames [time, y, x, channel] of a real clip, or of a drawn one."""
    cfg = configured("paper")
    with tempfile.TemporaryDirectory() as folder:
        video = CLIP
        if not video.is_file():
            sheets = sorted((ROOT / "workflow/splits/demo").glob("*.csv"))
            demo(raw=Path(folder), sheets=sheets, seed=0)
            video = next(Path(folder).glob("dhf1k/video/*.AVI"))
        blocks = decode(
            video, cfg.frames, None, probe(video)[2], SheetClip("a", "train", None, None)
        )
        frames = np.concatenate(list(blocks))
    return np.resize(frames, (FRAMES_READ, *frames.shape[1:]))


def write_both(folder: Path, frames: np.ndarray) -> TrainingSamples:
    """The same samples as stores, and as folders of JPEG and PNG files."""
    drawn = np.random.default_rng(0)
    count, height, width = frames.shape[:3]
    points = drawn.uniform([0, 0], [width - 1, height - 1], (count, 17, 2))
    gaze = [[t, x, y, o] for t in range(count) for o, (x, y) in enumerate(points[t])]
    y, x = np.mgrid[:height, :width]
    bumps = [np.exp(-((x - 320) ** 2 + (y - 240 - t) ** 2) / 5000) for t in range(count)]
    density = np.stack(bumps).astype(np.float16)
    flow = drawn.normal(size=(count, 2, height // 4, width // 4)).astype(np.float16)
    contents = {"frames": frames, "flow": flow, "gaze": np.array(gaze, np.float32)}
    kinds = {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}
    for name, kind in kinds.items():
        with write_store(kind, folder / f"{name}.zarr", folder / f"{name}.json", {}) as writer:
            facts = {"frames": count} if name == "gaze" else {}
            writer.add("a", [contents.get(name, density)], **facts)
    for moment, picture in enumerate(frames):
        fixated = np.zeros((height, width), np.uint8)
        fixated[points[moment, :, 1].astype(int), points[moment, :, 0].astype(int)] = 255
        Image.fromarray(picture).save(folder / f"{moment}.jpg", quality=95)
        Image.fromarray((255 * bumps[moment]).astype(np.uint8)).save(
            folder / f"{moment}_density.png"
        )
        Image.fromarray(fixated).save(folder / f"{moment}_fixated.png")
    return TrainingSamples(*([folder / f"{name}.json"] for name in kinds))


def from_files(folder: Path, moment: int) -> tuple[Tensor, ...]:
    """A sample as public code reads it: frame, density and fixated map, without flow."""
    frame = Image.open(folder / f"{moment}.jpg").convert("RGB")
    maps = (Image.open(folder / f"{moment}_{name}.png") for name in ("density", "fixated"))
    picture = torch.from_numpy(np.array(frame)).permute(2, 0, 1).float() / 255
    return picture, *(torch.from_numpy(np.array(one)).float() / 255 for one in maps)


def reading(rounds: int) -> list[str]:
    """Rows: way, milliseconds a sample, times faster, bytes."""
    folder = Path(tempfile.mkdtemp())
    try:
        samples = write_both(folder, clip_frames())
        samples.start_worker()
        order = np.random.default_rng(2).permutation(FRAMES_READ).tolist()
        rows: dict[str, Work] = {
            "folder of JPEG and PNG, without flow": lambda: [from_files(folder, t) for t in order],
            "our stores, with flow": lambda: [samples.batch([t]) for t in order],
        }
        taken = seconds(rows, rounds)
        stores = [file for file in folder.rglob("*") if ".zarr/" in str(file) and file.is_file()]
        sizes = [
            sum(file.stat().st_size for file in folder.glob("*.*g")),
            sum(file.stat().st_size for file in stores),
        ]
    finally:
        shutil.rmtree(folder)
    first = next(iter(taken.values()))
    return [
        f"| {name} | {1e3 * value / FRAMES_READ:.1f} | {first / value:.1f} "
        f"| {size / FRAMES_READ / 1024:.0f} |"
        for (name, value), size in zip(taken.items(), sizes, strict=True)
    ]


def main() -> None:
    """Measures and writes bench/results/training.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    page = [
        "# A training step of GFSalNet",
        "",
        f"{today()}, torch {torch.__version__}, threads: {given.threads}. The paper's network",
        f"(ResNet-50, both streams) on frames of {WIDTH}x{HEIGHT}. Processor time of the",
        f"fastest of {given.rounds} rounds in turns. `python bench/training.py`.",
        "",
        "| way | forward, s a frame | times faster | step, s a frame | times faster |",
        "|---|---|---|---|---|",
        *speed(given.rounds),
        "",
        "Memory kept for the backward pass of a batch of 16, from what one and two frames keep",
        "(weights, gradients and Adam's state come on top: 16 bytes a parameter):",
        "",
        "| way | GiB |",
        "|---|---|",
        *memory(),
        "",
        f"Reading a sample in random order, {FRAMES_READ} frames:",
        "",
        "| way | ms | times faster | KiB a frame |",
        "|---|---|---|---|",
        *reading(given.rounds),
    ]
    publish("training", "\n".join(page))


if __name__ == "__main__":
    main()
