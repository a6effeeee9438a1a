"""Clips of consecutive frames with what is learnt from them, for networks that see time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.sight import Sight, sight_of
from pipeline.config.training import Clip
from pipeline.runtime.errors import InputError
from pipeline.training.samples import Batch, Place, TrainingSamples


class ClipSamples(TrainingSamples):
    """Every clip of so many predicted frames of which one has gaze, from any frame on.

    A network that looks around sees the frames before and after as well. Where a video is long
    enough, all of them are its own; else its first and last frame are repeated. A frame that only
    fills up a clip, or without gaze, has an empty density and counts in no loss.

    In order, clips are runs of a video from its first frame on, also those without gaze: what they
    show goes into the state. The last one is filled up.
    """

    def __init__(
        self,
        frames: Sequence[Path],
        flow: Sequence[Path],
        gaze: Sequence[Path],
        density: Sequence[Path],
        *,
        sight: Sight,
        clip: Clip,
        overlapping: bool = True,
    ) -> None:
        """Opens the parts as `TrainingSamples` does; without overlap, clips are those in a row.

        Raises:
            InputError: There is no frame with gaze, a window of frames that are not neighbours is
                asked for, or an order for a network without a state.
        """
        super().__init__(frames, flow, gaze, density)
        self.sight, self.clip = sight, clip
        self.in_order = overlapping and clip.in_order
        if self.in_order and not sight.carries:
            raise InputError(
                "config.yaml: clip.in_order: this network carries no state from frame to frame; "
                "leave it out"
            )
        if clip.step > 1 and (sight.before or sight.after):
            raise InputError(
                f"config.yaml: clip.step: {clip.step}: this network looks at neighbouring frames; "
                "set it to 1"
            )
        with_gaze = {(number, name, time) for number, name, time in self.index}
        self.index = [
            (number, name, start)
            for number, name in dict.fromkeys((number, name) for number, name, _ in self.index)
            for start in self._starts(len(self._pixels[number, name]))[
                :: 1 if overlapping else clip.frames
            ]
            if self.in_order
            or with_gaze & {(number, name, time) for time in self._predicted(start)}
        ]

    @property
    def epoch(self) -> int:
        """Clips that have as many frames as there are, so that an epoch shows each frame once."""
        return len(self.index) if self.in_order else -(-len(self.index) // self.clip.frames)

    def begins(self, sample: int) -> bool:
        """Whether a clip is the first of its video."""
        return self.index[sample][2] == 0

    def _predicted(self, start: int) -> range:
        """Times of the predicted frames of a clip, which may lie beyond the video's end."""
        return range(start, start + self.clip.frames * self.clip.step, self.clip.step)

    def _starts(self, count: int) -> range:
        """Times of the first predicted frame, in a video of so many frames."""
        if self.in_order:
            return range(0, count, self.clip.frames * self.clip.step)
        long = (self.clip.frames - 1) * self.clip.step + 1
        whole = range(self.sight.before, count - self.sight.after - long + 1)
        return whole or range(max(1, count - long + 1))

    def batch(self, indices: Sequence[int]) -> Batch:
        """The clips of some numbers: frames [B, T, ...], flow [B, N, K, ...], maps [B, N, ...].

        Raises:
            InputError: A frame cannot be read, or is not of the size of the first of them.
        """
        clips, size = self._places(indices), self.size(indices[0])
        every = [
            (number, name, self._predicted(start), len(self._pixels[number, name]) - 1)
            for number, name, start in clips
        ]
        before, after, fields = self.sight.before, self.sight.after, max(1, self.sight.flows)
        seen: list[Place] = [
            (number, name, min(max(time, 0), last))
            for number, name, times, last in every
            for time in (
                *range(times[0] - before, times[0]),
                *times,
                *range(times[-1] + 1, times[-1] + 1 + after),
            )
        ]
        moving: list[Place] = [
            (number, name, min(time + ahead, last))
            for number, name, times, last in every
            for time in times
            for ahead in range(fields)
        ]
        predicted: list[Place] = [
            (number, name, min(time, last)) for number, name, times, last in every for time in times
        ]
        fills = torch.tensor([time > last for _, _, times, last in every for time in times])
        flow = np.zeros((len(moving), 2, size[0] // 4, size[1] // 4), np.float16)
        density, fixated = self._targets(predicted, size)
        density[fills], fixated[fills] = 0, False

        def by_clip(tensor: Tensor, *counts: int) -> Tensor:
            # A view also of pictures, whose memory is not in the order of their dimensions.
            shape = (len(clips), *counts)
            return torch.unflatten(tensor, 0, shape)

        return Batch(
            by_clip(self._pictures(seen, size), -1),
            by_clip(self._read("flow", moving, flow), -1, fields),
            by_clip(density, -1),
            by_clip(fixated, -1),
        )


def samples_for(
    network: nn.Module, clip: Clip, *parts: Sequence[Path], overlapping: bool = True
) -> TrainingSamples:
    """What a network learns from: frames, or clips of them if it sees time; see both classes."""
    if getattr(network, "sight", None) is None:
        return TrainingSamples(*parts)
    return ClipSamples(*parts, sight=sight_of(network), clip=clip, overlapping=overlapping)
