"""The flow of frames that follow one another, are held, or differ by noise alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config.data import DisFlow, Flow, ImageFlowEstimator
from pipeline.viewing.network import flows
from pipeline.viewing.network.flows import Flows
from tests.pipeline.viewing.network.test_arrays import film

DIS = DisFlow(estimator="dis", preset="fast", cut=None)


def flow(
    frames: NDArray[np.uint8], every: int = 1, rate: float = 25.0, settings: Flow = DIS
) -> NDArray[np.float32]:
    made = Flows(settings, rate)
    made.source, made.place = frames, range(0, len(frames), every)
    return np.stack([made[key] for key in range(len(made.place))])


def test_flow_is_that_of_each_frame_to_the_next() -> None:
    each = flow(film(40))
    assert each.shape == (40, 2, 16, 24)
    middle = each[:, :, 4:-4, 6:-6].mean((2, 3))
    assert np.abs(middle - [3, 0]).max() < 0.5
    np.testing.assert_array_equal(each[-1], each[-2])
    sparse = flow(film(40), 13)
    np.testing.assert_allclose(sparse, each[::13], atol=1e-5)
    assert not flow(film(1)).any()


def test_frames_that_are_held_have_the_flow_of_the_motion_per_frame() -> None:
    frames = film(20)
    held = flow(frames.repeat(2, 0), rate=50)
    np.testing.assert_allclose(held[:38:2], flow(frames)[:19] / 2, atol=1e-5)
    np.testing.assert_array_equal(held[1::2], held[::2])
    third = flow(frames[np.arange(50) * 2 // 5], rate=60)  # 24 frames/s at 60
    middle = third[:, 0, 4:-4, 6:-6].mean((1, 2))
    assert middle.min() > 0.9
    assert middle.max() < 1.6
    with_every = flow(frames.repeat(2, 0), 4, rate=50)
    np.testing.assert_allclose(with_every[:9], flow(frames)[:18:2] / 2, atol=1e-5)


def test_noise_is_no_motion() -> None:
    random = np.random.default_rng(0)
    still = film(1).repeat(12, 0)
    noisy = np.clip(still + random.normal(0, 3, still.shape), 0, 255).astype(np.uint8)
    assert not flow(noisy).any()
    # What moves by less than a pixel in a frame is seen over some frames.
    wide = [cv2.resize(frame, None, fx=8, fy=8) for frame in film(1)]
    slow = [np.roll(wide[0], step, 1)[:, ::8][::8] for step in range(12)]
    middle = flow(np.stack(slow))[:, 0, 4:-4, 6:-6].mean((1, 2))
    assert np.abs(middle - 1 / 8).max() < 0.06


def test_flow_of_single_frames_needs_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def estimate(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        given.append(len(frames))
        return np.full((len(frames), 2, 16, 24), frames.mean(), np.float32)

    monkeypatch.setattr(flows, "build_estimator", lambda *_: estimate)
    frames = film(5)
    found = flow(frames, 2, settings=ImageFlowEstimator.model_construct())
    np.testing.assert_allclose(found[:, 0, 0, 0], frames[::2].mean((1, 2, 3)))
    assert given == [1, 1, 1]
