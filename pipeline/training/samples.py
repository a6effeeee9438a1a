"""Frames, flow, densities and fixated maps as tensors, for training and for prediction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor
from zarr import Array
from zarr.buffer.cpu import NDBuffer

from pipeline.preprocessing.fixations import fixated_map, pixels_by_frame
from pipeline.preprocessing.tensors import upsampled
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.reading import Store, open_store


class Batch(NamedTuple):
    """Frames as they are stored, a first dimension B."""

    frame: Tensor
    """[B, 3, H, W] uint8, RGB."""
    flow: Tensor
    """[B, 2, H/4, W/4] float16, right and down, pixels per frame; zeros for still images."""
    density: Tensor
    """[B, 1, H, W] float16."""
    fixated: Tensor
    """[B, 1, H, W] boolean."""

    def part(self, start: int, count: int) -> Batch:
        """Some of its frames."""
        return Batch(*(tensor[start : start + count] for tensor in self))


class Motions(NamedTuple):
    """Frames and their flow as they are stored, a first dimension B; of which gaze is no part."""

    frame: Tensor
    """[B, 3, H, W] uint8, RGB."""
    flow: Tensor
    """[B, 2, H/4, W/4] float16, right and down, pixels per frame."""

    def part(self, start: int, count: int) -> Motions:
        """Some of its frames."""
        return Motions(*(tensor[start : start + count] for tensor in self))


AnyBatch = TypeVar("AnyBatch", Batch, Motions)
AnyBatch_co = TypeVar("AnyBatch_co", Batch, Motions, covariant=True)


class Samples(Protocol[AnyBatch_co]):
    """What a training reads, by places from 0 on."""

    def __len__(self) -> int: ...

    @property
    def digests(self) -> list[str]:
        """Content digests of all stores, for the fingerprint of a training."""

    def batch(self, indices: Sequence[int]) -> AnyBatch_co:
        """Reads samples by their places."""

    def close(self) -> None:
        """Forgets the arrays that are open: those of a parent process, in a worker."""


class Sample(NamedTuple):
    """Frames as networks and losses take them, a first dimension B."""

    frame: Tensor
    """[B, 3, H, W] float, RGB in 0..1."""
    flow: Tensor
    """[B, 2, H, W] float, right and down, pixels per frame."""
    density: Tensor
    """[B, 1, H, W] float."""
    fixated: Tensor
    """[B, 1, H, W] float, 0 or 1."""


def on_device(batch: Batch, where: torch.device) -> Sample:
    """Moves the small stored types, and widens them there."""
    frame, flow, density, fixated = (tensor.to(where, non_blocking=True) for tensor in batch)
    size = (frame.shape[2], frame.shape[3])
    frame = frame.to(memory_format=torch.channels_last)
    return Sample(frame / 255.0, upsampled(flow, size), density.float(), fixated.float())


class _Part(NamedTuple):
    frames: Store
    flow: Store | None
    gaze: Store
    density: Store


class _Reader:
    """Reads single frames of stores whose arrays it keeps open."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[Path, str], Array[Any]] = {}

    def close(self) -> None:
        """Forgets the arrays that are open: those of a parent process, in a worker."""
        self._arrays.clear()

    def _array(self, store: Store, clip: str) -> Array[Any]:
        """Opened once: that takes a third as long as reading a frame."""
        if (store.path, clip) not in self._arrays:
            self._arrays[store.path, clip] = store[clip]
        return self._arrays[store.path, clip]

    def _read(self, store: Store, clip: str, time: int, place: Any) -> None:
        array = self._array(store, clip)
        if array.shape[1:] != place.shape[1:]:
            raise InputError(
                f"{store.path / clip}: frames of {array.shape[1:]} among frames of "
                f"{place.shape[1:]}; rerun {store.path.with_suffix('.json')}"
            )
        try:
            array.get_basic_selection(slice(time, time + 1), out=NDBuffer.from_numpy_array(place))
        except (OSError, RuntimeError, ValueError) as error:  # what damaged chunks raise
            raise InputError(
                f"{store.path / clip}: frame {time} cannot be read ({error}); "
                f"rerun {store.path.with_suffix('.json')}"
            ) from error


class MotionSamples(_Reader):
    """Every frame of the given parts that a frame follows.

    A clip's last frame has no flow of its own, so it is no sample; the last before a cut, which a
    FLOW store does not tell from others, is one with the flow of the frame before.
    """

    def __init__(self, frames: Sequence[Path], flow: Sequence[Path]) -> None:
        """Opens the manifests of the parts, given in the same order."""
        super().__init__()
        if len(frames) != len(flow):
            raise InputError(
                f"--flow: expected as many manifests as frames, {len(frames)}, found {len(flow)}"
            )
        self._parts = [
            (open_store(FRAMES, pictures), open_store(FLOW, motion))
            for pictures, motion in zip(frames, flow, strict=True)
        ]
        self.index: list[tuple[int, str, int]] = []
        for number, (pictures, motion) in enumerate(self._parts):
            for clip, facts in motion.clips.items():
                count = facts["shape"][0]
                if pictures[clip].shape[0] != count:
                    raise InputError(
                        f"{motion.path / clip}: expected the flow of {pictures[clip].shape[0]} "
                        f"frames, found {count}; rerun {motion.path.with_suffix('.json')}"
                    )
                self.index += [(number, clip, time) for time in range(count - 1)]
        if not self.index:
            raise InputError(
                f"--flow: expected clips of two frames or more, found none in "
                f"{', '.join(map(str, flow)) or 'no part'}; name datasets of videos in "
                "image_flow_weights.training.datasets of config.yaml"
            )

    def __len__(self) -> int:
        return len(self.index)

    @property
    def digests(self) -> list[str]:
        """Content digests of all stores, for the fingerprint of a training."""
        return [store.digest for part in self._parts for store in part]

    def size(self) -> tuple[int, int]:
        """Height and width of the frame grid."""
        number, clip, _ = self.index[0]
        height, width = self._array(self._parts[number][0], clip).shape[1:3]
        return height, width

    def batch(self, indices: Sequence[int]) -> Motions:
        """Reads samples by their places in `index`.

        Raises:
            InputError: A frame cannot be read, or is not of the size of the first.
        """
        flow = self.flows(indices)
        frame = np.empty((len(indices), *self.size(), 3), np.uint8)
        for i, place in enumerate(indices):
            number, clip, time = self.index[place]
            self._read(self._parts[number][0], clip, time, frame[i : i + 1])
        return Motions(torch.from_numpy(frame).permute(0, 3, 1, 2), flow)

    def flows(self, indices: Sequence[int]) -> Tensor:
        """The flow alone of some samples, [B, 2, H/4, W/4] float16."""
        height, width = self.size()
        flow = np.empty((len(indices), 2, height // 4, width // 4), np.float16)
        for i, place in enumerate(indices):
            number, clip, time = self.index[place]
            self._read(self._parts[number][1], clip, time, flow[i : i + 1])
        return torch.from_numpy(flow)


class TrainingSamples(_Reader):
    """Every frame with gaze of the given parts.

    Frames without gaze have no target: neither Eq. (4) nor Eq. (5) is defined for them.
    """

    def __init__(
        self,
        frames: Sequence[Path],
        flow: Sequence[Path],
        gaze: Sequence[Path],
        density: Sequence[Path],
    ) -> None:
        """Opens the manifests of the parts, given in the same order; `flow` may be empty."""
        super().__init__()
        self._parts = [
            _Part(
                open_store(FRAMES, frames[i]),
                open_store(FLOW, flow[i]) if flow else None,
                open_store(GAZE, gaze[i]),
                open_store(DENSITY, density[i]),
            )
            for i in range(len(frames))
        ]
        self._pixels: dict[tuple[int, str], list[Any]] = {}
        self.index: list[tuple[int, str, int]] = []
        for number, part in enumerate(self._parts):
            for clip, facts in part.gaze.clips.items():
                pixels = pixels_by_frame(np.asarray(part.gaze[clip][:]), facts["frames"])
                self._pixels[number, clip] = pixels
                self.index += [(number, clip, i) for i, found in enumerate(pixels) if len(found)]
        if not self.index:
            raise InputError(f"no frame with gaze in {', '.join(map(str, gaze))}")

    def __len__(self) -> int:
        return len(self.index)

    @property
    def digests(self) -> list[str]:
        """Content digests of all stores, for the fingerprint of a training."""
        return [store.digest for part in self._parts for store in part if store is not None]

    def batch(self, indices: Sequence[int]) -> Batch:
        """Reads samples by their places in `index`.

        Raises:
            InputError: A frame cannot be read, or is not of the size of the first.
        """
        chosen = [self.index[i] for i in indices]
        count, (number, clip, _) = len(chosen), chosen[0]
        height, width = self._array(self._parts[number].frames, clip).shape[1:3]
        size = (height, width)
        # Each frame is read to where it belongs: fresh memory costs as much as decoding.
        frame = np.empty((count, *size, 3), np.uint8)
        flow = np.zeros((count, 2, height // 4, width // 4), np.float16)
        density = np.empty((count, *size), np.float16)
        fixated = np.empty((count, *size), np.bool_)
        for i, (number, clip, time) in enumerate(chosen):
            part = self._parts[number]
            self._read(part.frames, clip, time, frame[i : i + 1])
            self._read(part.density, clip, time, density[i : i + 1])
            if part.flow is not None:
                self._read(part.flow, clip, time, flow[i : i + 1])
            fixated[i] = fixated_map(self._pixels[number, clip][time], size)
        return Batch(
            # The view keeps memory pixel by pixel (channels_last), as frames are stored.
            torch.from_numpy(frame).permute(0, 3, 1, 2),
            torch.from_numpy(flow),
            torch.from_numpy(density)[:, None],
            torch.from_numpy(fixated)[:, None],
        )
