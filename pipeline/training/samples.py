"""Frames with what is learnt from them, read from stores for trainings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from zarr import Array
from zarr.buffer.cpu import NDBuffer

from pipeline.preprocessing.fixations import fixated_map, pixels_by_frame
from pipeline.preprocessing.tensors import upsampled
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.reading import Store, open_store, read_in_rust, refuse_nothing


class Batch(NamedTuple):
    """Frames with gaze as they are stored, along a first dimension B; clips have further ones."""

    frame: Tensor
    """[B, 3, H, W] uint8, RGB."""
    flow: Tensor
    """[B, 2, H/4, W/4] float16, right and down, pixels per frame; zeros for still images."""
    density: Tensor
    """[B, 1, H, W] float16."""
    fixated: Tensor
    """[B, 1, H, W] boolean."""


class Motions(NamedTuple):
    """Frames and their flow as they are stored, without gaze, along a first dimension B."""

    frame: Tensor
    """[B, 3, H, W] uint8, RGB."""
    flow: Tensor
    """[B, 2, H/4, W/4] float16, right and down, pixels per frame."""


class Sample(NamedTuple):
    """Frames with gaze as networks and losses take them, along a first dimension B, or clips."""

    frame: Tensor
    """[B, 3, H, W] float, RGB in 0..1."""
    flow: Tensor
    """[B, 2, H, W] float, right and down, pixels per frame."""
    density: Tensor
    """[B, 1, H, W] float."""
    fixated: Tensor
    """[B, 1, H, W] float, 0 or 1."""


def on_device(batch: Batch, device: torch.device) -> Sample:
    """The batch as floats on a device; moved in the smaller stored types and widened there."""
    frame, flow, density, fixated = (tensor.to(device, non_blocking=True) for tensor in batch)
    size = (frame.shape[-2], frame.shape[-1])
    if frame.dim() == 4:
        frame = frame.to(memory_format=torch.channels_last)
    flow = upsampled(flow.flatten(0, -4), size).view(*flow.shape[:-2], *size)
    return Sample(frame / 255.0, flow, density.float(), fixated.float())


class _Part(NamedTuple):
    """Stores of the same clips; None: there is none of that kind."""

    frames: Store
    flow: Store | None
    gaze: Store | None = None
    density: Store | None = None


Place = tuple[int, str, int]
"""Number of a part, a clip of it, and a frame of that."""


class _FrameReader:
    """Reads single frames of parts, and keeps their arrays open."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts
        self._arrays: dict[tuple[Path, str], Array[Any]] = {}
        self.index: list[Place] = []
        """Where every sample is."""

    def __len__(self) -> int:
        return len(self.index)

    @property
    def epoch(self) -> int:
        """Samples that make up an epoch."""
        return len(self.index)

    @property
    def digests(self) -> list[str]:
        """Content digests of all stores."""
        return [store.digest for part in self._parts for store in part if store is not None]

    def size(self, sample: int = 0) -> tuple[int, int]:
        """Height and width of the frame of a sample."""
        number, clip, _ = self.index[sample]
        height, width = self._array(self._parts[number].frames, clip).shape[1:3]
        return height, width

    def start_worker(self) -> None:
        """Read by the faster zarrs, and no longer by arrays that the parent process opened."""
        read_in_rust()
        self._arrays.clear()

    def _places(self, indices: Sequence[int]) -> list[Place]:
        return [self.index[index] for index in indices]

    def _array(self, store: Store, clip: str) -> Array[Any]:
        """A clip's array, opened once: opening takes a third as long as reading a frame."""
        if (store.path, clip) not in self._arrays:
            self._arrays[store.path, clip] = store[clip]
        return self._arrays[store.path, clip]

    def _read(self, kind: str, places: Sequence[Place], out: NDArray[Any]) -> Tensor:
        """Fill `out` [B, ...] with the frames at some places; without a store it stays as it is.

        Each frame is read into its row of the batch: fresh memory costs as much as decoding.

        Raises:
            InputError: A frame is damaged, or of another size than those of `out`.
        """
        for i, (number, clip, time) in enumerate(places):
            store: Store | None = getattr(self._parts[number], kind)
            if store is not None:
                self._read_frame(store, clip, time, out[i : i + 1])
        return torch.from_numpy(out)

    def _read_frame(self, store: Store, clip: str, time: int, out: Any) -> None:
        array = self._array(store, clip)
        if array.shape[1:] != out.shape[1:]:
            raise InputError(
                f"{store.path / clip}: frames of {array.shape[1:]} among frames of "
                f"{out.shape[1:]}; rerun {store.path.with_suffix('.json')}"
            )
        try:
            array.get_basic_selection(slice(time, time + 1), out=NDBuffer.from_numpy_array(out))
        except (OSError, RuntimeError, ValueError) as error:  # what damaged chunks raise
            raise InputError(
                f"{store.path / clip}: frame {time + 1} cannot be read ({error}); "
                f"rerun {store.path.with_suffix('.json')}"
            ) from error


class MotionSamples(_FrameReader):
    """Every frame of some parts that another frame of its clip follows, with its flow.

    A clip's last frame has no flow of its own and is no sample. The last frame before a cut is one,
    with the flow of the frame before it: FLOW stores do not mark cuts.
    """

    def __init__(self, frames: Sequence[Path], flow: Sequence[Path]) -> None:
        """Opens the parts by their manifests, both lists in the same order.

        Raises:
            InputError: The lists differ in length, flow and frames in number, or there is no
                sample.
        """
        if len(frames) != len(flow):
            raise InputError(
                f"--flow: expected as many manifests as frames, {len(frames)}, found {len(flow)}"
            )
        stores = [
            (open_store(FRAMES, pictures), open_store(FLOW, motion))
            for pictures, motion in zip(frames, flow, strict=True)
        ]
        super().__init__([_Part(*pair) for pair in stores])
        for number, (pictures, motion) in enumerate(stores):
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

    def batch(self, indices: Sequence[int]) -> Motions:
        """The samples of some numbers.

        Raises:
            InputError: A frame cannot be read, or is not of the size of the first of all.
        """
        flow = self.flows(indices)
        empty = np.empty((len(indices), *self.size(), 3), np.uint8)
        frame = self._read("frames", self._places(indices), empty)
        return Motions(frame.permute(0, 3, 1, 2), flow)

    def flows(self, indices: Sequence[int]) -> Tensor:
        """Only the flow of the samples of some numbers: [B, 2, H/4, W/4] float16."""
        height, width = self.size()
        flow = np.empty((len(indices), 2, height // 4, width // 4), np.float16)
        return self._read("flow", self._places(indices), flow)


class TrainingSamples(_FrameReader):
    """Every frame with gaze of some parts, with its flow, density and fixated map.

    Frames without gaze are no samples: neither Eq. (4) nor Eq. (5) is defined for them.
    """

    def __init__(
        self,
        frames: Sequence[Path],
        flow: Sequence[Path],
        gaze: Sequence[Path],
        density: Sequence[Path],
    ) -> None:
        """Opens the parts by their manifests, all lists in the same order.

        `flow` may be empty; the flow of all frames is zero then.

        Raises:
            InputError: There is no frame with gaze.
        """
        gazes = [open_store(GAZE, manifest) for manifest in gaze]
        super().__init__(
            [
                _Part(
                    open_store(FRAMES, frames[i]),
                    open_store(FLOW, flow[i]) if flow else None,
                    gazes[i],
                    open_store(DENSITY, density[i]),
                )
                for i in range(len(frames))
            ]
        )
        self._pixels: dict[tuple[int, str], list[Any]] = {}
        for number, points in enumerate(gazes):
            for clip, facts in points.clips.items():
                pixels = pixels_by_frame(np.asarray(points[clip][:]), facts["frames"])
                self._pixels[number, clip] = pixels
                self.index += [(number, clip, i) for i, found in enumerate(pixels) if len(found)]
        refuse_nothing([clip for points in gazes for clip in points.clips], gaze)
        if not self.index:
            raise InputError(
                f"no frame with gaze in {', '.join(map(str, gaze))}; check the dataset's raw gaze, "
                "or train on other datasets"
            )

    def batch(self, indices: Sequence[int]) -> Batch:
        """The samples of some numbers.

        Raises:
            InputError: A frame cannot be read, or is not of the size of the first of them.
        """
        places, size = self._places(indices), self.size(indices[0])
        flow = np.zeros((len(places), 2, size[0] // 4, size[1] // 4), np.float16)
        return Batch(
            self._pictures(places, size),
            self._read("flow", places, flow),
            *self._targets(places, size),
        )

    def _pictures(self, places: Sequence[Place], size: tuple[int, int]) -> Tensor:
        """Frames [B, 3, H, W], a view: memory stays pixel by pixel, as frames are stored."""
        empty = np.empty((len(places), *size, 3), np.uint8)
        return self._read("frames", places, empty).permute(0, 3, 1, 2)

    def _targets(self, places: Sequence[Place], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Densities and fixated maps, both [B, 1, H, W]."""
        fixated = np.empty((len(places), *size), np.bool_)
        for i, (number, clip, time) in enumerate(places):
            fixated[i] = fixated_map(self._pixels[number, clip][time], size)
        density = self._read("density", places, np.empty(fixated.shape, np.float16))
        return density[:, None], torch.from_numpy(fixated)[:, None]
