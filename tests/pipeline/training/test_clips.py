"""Clips of frames that show their own number, and a training that learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.outputs import Maps
from model.sight import Sight
from pipeline.config.training import Clip
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.training.clips import ClipSamples, samples_for
from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples, on_device
from tests.builders import store, training
from tests.pipeline.training.spots import H, W, run_in, small

BLIND = 4
"""Frame that nobody looks at."""


def numbered(folder: Path, counts: dict[str, int]) -> list[list[Path]]:
    """Stores whose frames, flow and densities hold their time, and gaze at every frame but one."""
    films: dict[str, Any] = {}
    gaze: dict[str, Any] = {}
    for name, count in counts.items():
        films[name] = np.arange(count)[:, None, None]
        gaze[name] = np.array([[t, 3, 2, 1] for t in range(count) if t != BLIND], np.float32)
    maps = {name: np.broadcast_to(t + 1, (len(t), H, W)) for name, t in films.items()}
    pictures = {name: np.broadcast_to(t[..., None], (len(t), H, W, 3)) for name, t in films.items()}
    flow = {
        name: np.broadcast_to(t[..., None], (len(t), 2, H // 4, W // 4))
        for name, t in films.items()
    }
    stores = [
        store(FRAMES, folder, pictures),
        store(FLOW, folder, flow),
        store(GAZE, folder, gaze, frames=max(counts.values())),
        store(DENSITY, folder, maps),
    ]
    return [[one] for one in stores]


def times(batch: Any) -> tuple[list[list[int]], list[list[list[int]]], list[list[int]]]:
    return (
        batch.frame[:, :, 0, 0, 0].tolist(),
        batch.flow[:, :, :, 0, 0, 0].int().tolist(),
        batch.density[:, :, 0, 0, 0].int().tolist(),
    )


def test_a_clip_is_frames_in_a_row_each_with_its_own_target(tmp_path: Path) -> None:
    samples = ClipSamples(
        *numbered(tmp_path, {"a": 9}), sight=Sight(carries=True), clip=Clip(frames=3, step=2)
    )
    assert [time for *_, time in samples.index] == [0, 1, 2, 3, 4]
    assert samples.epoch == 2
    frames, flow, density = times(samples.batch([0, 4]))
    assert frames == [[0, 2, 4], [4, 6, 8]]
    assert flow == [[[0], [2], [4]], [[4], [6], [8]]]
    assert density == [[1, 3, 5], [5, 7, 9]]
    fixated = samples.batch([0]).fixated
    assert fixated.flatten(2).sum(2).tolist() == [[1, 1, 0]]
    assert fixated[0, 1, 0, 2, 3]


def test_a_window_lies_within_the_video_where_that_is_long_enough(tmp_path: Path) -> None:
    sight = Sight(before=3, after=1, flows=2)
    samples = ClipSamples(*numbered(tmp_path, {"a": 7}), sight=sight, clip=Clip(frames=2, step=1))
    assert [time for *_, time in samples.index] == [3, 4]
    frames, flow, density = times(samples.batch([1]))
    assert frames == [[1, 2, 3, 4, 5, 6]]
    assert flow == [[[4, 5], [5, 6]]]
    assert density == [[5, 6]]


def test_a_short_video_is_filled_up_without_targets(tmp_path: Path) -> None:
    samples = ClipSamples(
        *numbered(tmp_path, {"a": 3}), sight=Sight(before=2), clip=Clip(frames=5, step=1)
    )
    frames, _, density = times(samples.batch([0]))
    assert frames == [[0, 0, 0, 1, 2, 2, 2]]
    assert density == [[1, 2, 3, 0, 0]]
    assert samples.batch([0]).fixated.flatten(2).any(2).tolist() == [[True] * 3 + [False] * 2]


def test_clips_that_are_measured_do_not_overlap(tmp_path: Path) -> None:
    samples = samples_for(
        Still(),
        training(clip=Clip(frames=4, step=1)),
        *numbered(tmp_path, {"a": 10}),
        overlapping=False,
    )
    assert [time for *_, time in samples.index] == [0, 4]


def test_clips_without_gaze_are_none(tmp_path: Path) -> None:
    samples = ClipSamples(*numbered(tmp_path, {"a": 9}), sight=Sight(), clip=Clip(frames=1, step=1))
    assert BLIND not in [time for *_, time in samples.index]


def test_windows_have_no_steps(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"clip\.step: 2: this network looks at neighbouring"):
        ClipSamples(
            *numbered(tmp_path, {"a": 9}), sight=Sight(before=1), clip=Clip(frames=2, step=2)
        )


class Still(nn.Module):
    """The small network of frames, as one that sees clips."""

    sight = Sight(carries=True)

    def __init__(self) -> None:
        super().__init__()
        self.inner = small()

    def forward(self, clip: Tensor, flow: Tensor, state: Any) -> tuple[Tensor, tuple[Tensor]]:
        maps = self.inner(clip.flatten(0, 1), flow[:, :, 0].flatten(0, 1)).saliency
        return maps.unflatten(0, clip.shape[:2]), (clip[:, -1],)

    def authors_loss(self, maps: Maps, density: Tensor, fixated: Tensor) -> Tensor:
        return (maps.saliency - density).square().mean()


def test_a_clip_of_one_frame_teaches_what_the_frame_teaches(
    tmp_path: Path, samples: TrainingSamples
) -> None:
    parts = [
        [getattr(samples._parts[0], kind).manifest]
        for kind in ("frames", "flow", "gaze", "density")
    ]
    clips = samples_for(Still(), training(), *parts)
    assert isinstance(clips, ClipSamples)
    rows = train(small(), samples, run_in(tmp_path / "a", iterations=3, epochs=None))
    again = train(Still(), clips, run_in(tmp_path / "b", iterations=3, epochs=None))
    np.testing.assert_allclose(
        np.array([row[:4] for row in again], float),
        np.array([row[:4] for row in rows], float),
        rtol=1e-4,
    )


def test_the_loss_of_the_authors_is_learnt(tmp_path: Path, samples: TrainingSamples) -> None:
    parts = [
        [getattr(samples._parts[0], kind).manifest]
        for kind in ("frames", "flow", "gaze", "density")
    ]
    clips = samples_for(Still(), training(clip=Clip(frames=3, step=1)), *parts)
    network = Still()
    everything = on_device(clips.batch(range(len(clips))), torch.device("cpu"))
    rows = train(network, clips, run_in(tmp_path, loss="authors", iterations=12, epochs=None))
    assert rows[-1][1] < rows[0][1]  # type: ignore[operator]
    assert everything.frame.shape[:2] == (len(clips), 3)
