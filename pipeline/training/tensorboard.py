"""Training curves and maps for TensorBoard: `tensorboard --logdir results/<run>/tensorboard`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from model.outputs import Maps
from pipeline.runtime.files import remove
from pipeline.training.samples import Sample


class Board:
    """A writer of curves and pictures into a folder; without a folder it writes nothing."""

    def __init__(self, folder: Path | None, done: int) -> None:
        """Continues after iteration `done`.

        Later events, which a killed training wrote, are purged; with nothing done, their files are
        removed.
        """
        self._writer: Any = None
        if folder is not None:
            if not done:
                for events in folder.glob("events.out.tfevents.*"):
                    remove(events)
            self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

    def flush(self) -> None:
        """Write now what a kill must not lose."""
        if self._writer is not None:
            self._writer.flush()

    def write(self, values: dict[str, float | None]) -> None:
        """Adds an iteration's values by name; `iteration`, one of them, is the step."""
        if self._writer is None:
            return
        for name, value in values.items():
            if name != "iteration" and value is not None:
                self._writer.add_scalar(name, value, int(values["iteration"] or 0))

    @torch.no_grad()
    def show(self, predict: Callable[[Sample], Maps], sample: Sample, iteration: int) -> None:
        """Adds pictures of the frames, of their densities, and of each map that is predicted.

        Gates and attention maps are shares in 0..1 and are shown as they are; other maps are
        scaled to a maximum of 1.
        """
        if self._writer is None:
            return
        maps = predict(sample)._asdict()
        shown = {
            "density": sample.density.flatten(0, -4),
            **{k: v for k, v in maps.items() if v is not None},
        }
        self._writer.add_images("frame", sample.frame.flatten(0, -4), iteration)
        for name, values in shown.items():
            shares = name.startswith(("gate", "attention"))
            self._writer.add_images(name, values if shares else _scaled(values), iteration)


def _scaled(maps: Tensor) -> Tensor:
    """Maps [B, 1, H, W], each divided by its maximum."""
    maps = maps.float()
    # An all-zero map stays all zero.
    return maps / maps.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
