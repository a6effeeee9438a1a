"""Clips of frames with what is learnt from them, and datasets that have batches of their own."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby, pairwise, starmap
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.sight import Sight, sees_time, sight_of
from pipeline.config.training import Clip, Training
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import FRAMES
from pipeline.stores.reading import open_store
from pipeline.training.networks import enter
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
        self, *parts: Sequence[Path], sight: Sight, clip: Clip, overlapping: bool = True
    ) -> None:
        """Opens the parts as `TrainingSamples` does; without overlap, clips are those in a row.

        Raises:
            InputError: There is no frame with gaze, a window of frames that are not neighbours is
                asked for, or an order for a network without a state.
        """
        super().__init__(*parts)
        self.sight, self.clip, self.step = sight, clip, clip.step or sight.step
        self.in_order = overlapping and clip.in_order
        if self.in_order and not sight.carries:
            raise InputError(
                "config.yaml: clip.in_order: this network carries no state from frame to frame; "
                "leave it out"
            )
        if self.step > 1 and (sight.before or sight.after):
            raise InputError(
                f"config.yaml: clip.step: {self.step}: this network looks at neighbouring frames; "
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
        return range(start, start + self.clip.frames * self.step, self.step)

    def _starts(self, count: int) -> range:
        """Times of the first predicted frame, in a video of so many frames."""
        if self.in_order:
            return range(0, count, self.clip.frames * self.step)
        long = (self.clip.frames - 1) * self.step + 1
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
        fields = max(1, self.sight.flows)
        seen: list[Place] = [
            (number, name, min(max(time, 0), last))
            for number, name, times, last in every
            for time in self.sight.around(times)
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


class MixedSamples:
    """Samples of several datasets, each of which has batches of its own."""

    def __init__(
        self,
        datasets: Mapping[str, TrainingSamples],
        batches: Sequence[int],
        batch: int,
        *,
        by_video: bool,
    ) -> None:
        """Takes datasets by name, the samples of an iteration of each, and those of most.

        An epoch has a clip of each video, or every frame once.
        """
        self.batches, self._usual, self._by_video = batches, batch, by_video
        self._samples = [*datasets.values()]
        ends = [*accumulate((len(samples) for samples in self._samples), initial=0)]
        self.datasets = dict(zip(datasets, starmap(range, pairwise(ends)), strict=True))
        """Name of a dataset -> the numbers of its samples."""

    def __len__(self) -> int:
        return sum(map(len, self._samples))

    @property
    def choices(self) -> list[list[range]]:
        """Numbers of the samples that stand for each other in an epoch, dataset by dataset."""
        every = []
        for samples, numbers in zip(self._samples, self.datasets.values(), strict=True):
            videos = groupby(samples.index, lambda at: at[: 2 if self._by_video else 3])
            counts = (len([*places]) for _, places in videos)
            every.append([*starmap(range, pairwise(accumulate(counts, initial=numbers.start)))])
        return every

    @property
    def epoch(self) -> int:
        """Samples of an epoch if all of its batches had the usual size."""
        lengths = [len(choices) for choices in self.choices]
        if not self._by_video:
            lengths = [samples.epoch for samples in self._samples]
        pairs = zip(lengths, self.batches, strict=True)
        return self._usual * sum(-(-length // batch) for length, batch in pairs)

    @property
    def digests(self) -> list[str]:
        """Content digests of all stores."""
        return [digest for samples in self._samples for digest in samples.digests]

    def batch(self, indices: Sequence[int]) -> Batch:
        """The samples of some numbers, all of one dataset.

        Raises:
            InputError: A frame cannot be read, or is not of the size of the first of them.
        """
        for samples, numbers in zip(self._samples, self.datasets.values(), strict=True):
            if indices[0] in numbers:
                return samples.batch([index - numbers.start for index in indices])
        raise IndexError(indices[0])

    def start_worker(self) -> None:
        """Prepare all datasets for reading in a worker process."""
        for samples in self._samples:
            samples.start_worker()


def samples_for(
    network: nn.Module, settings: Training, *parts: Sequence[Path], overlapping: bool = True
) -> TrainingSamples | MixedSamples:
    """What a network learns from: frames, or clips of them if it sees time.

    `parts` are the manifests of frames, flow, gaze and density. A network that works in one domain
    at a time enters that of the dataset, and gets batches of one dataset each.

    Raises:
        InputError: There is no frame with gaze, the network cannot learn from such clips, or it has
            no domain for a dataset.
    """
    names = [*dict.fromkeys(map(dataset_of, parts[0]))]
    by_video = settings.mix == "datasets"
    mixed = by_video or (len(names) > 1 and hasattr(network, "enter"))
    found, batches = dict[str, TrainingSamples](), []
    for name in names if mixed else names[:1]:
        given = parts
        if mixed:
            given = tuple([one for one in kind if dataset_of(one) == name] for kind in parts)
        enter(network, name)
        clip, batch = settings.clip, settings.batch
        if mixed and _are_stills(given[0]):
            clip = clip.model_copy(update={"frames": 1})
            batch = settings.images or batch
        batches.append(batch)
        if sees_time(network):
            sight = sight_of(network)
            found[name] = ClipSamples(*given, sight=sight, clip=clip, overlapping=overlapping)
        else:
            found[name] = TrainingSamples(*given)
    if not mixed:
        return found[names[0]]
    return MixedSamples(found, batches, settings.batch, by_video=by_video)


def dataset_of(manifest: Path) -> str:
    """Name of the dataset that a part belongs to, whose folder holds one for each stage."""
    return manifest.parents[1].name


def _are_stills(frames: Sequence[Path]) -> bool:
    parts = [open_store(FRAMES, manifest) for manifest in frames]
    return all(facts["shape"][0] == 1 for part in parts for facts in part.clips.values())
