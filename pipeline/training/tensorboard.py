"""Training curves and maps for TensorBoard: `tensorboard --logdir results/<run>/tensorboard`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from model.outputs import Maps
from pipeline.training.samples import Sample


class Board:
    """Writes into a folder, or nothing if there is none."""

    def __init__(self, folder: Path | None, done: int) -> None:
        """Goes on after `done` iterations; what a killed training wrote of later ones is hidden."""
        self._writer: Any = None
        if folder is not None:
            self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, values: dict[str, float | None]) -> None:
        """Adds the values of an iteration, which is one of them."""
        if self._writer is None:
            return
        for name, value in values.items():
            if name != "iteration" and value is not None:
                self._writer.add_scalar(name, value, int(values["iteration"] or 0))

    @torch.no_grad()
    def show(self, predict: Callable[[Sample], Maps], sample: Sample, iteration: int) -> None:
        """Adds a picture of each map that the network makes of some frames, beside the density.

        Gates and attention are shares, and stay as they are.
        """
        if self._writer is None:
            return
        maps = predict(sample)._asdict()
        shown = {"density": sample.density, **{k: v for k, v in maps.items() if v is not None}}
        self._writer.add_images("frame", sample.frame, iteration)
        for name, values in shown.items():
            shares = name.startswith(("gate", "attention"))
            self._writer.add_images(name, values if shares else _bright(values), iteration)


def _bright(maps: Tensor) -> Tensor:
    """Maps [B, 1, H, W] with 1 at the highest place of each."""
    maps = maps.float()
    return maps / maps.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
