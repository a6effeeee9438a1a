from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets.records import Clip, join, keep


def test_a_sample_counts_under_its_first_reason():
    line = np.arange(4.0)
    gaze = keep(line, line, line, 7, [("low", line < 2), ("even", line % 2 == 0)])
    assert gaze.frame.tolist() == [3]
    assert gaze.observer.tolist() == [7]
    assert gaze.dropped == {"low": 2, "even": 1}


def test_join_adds_counts():
    line = np.arange(4.0)
    parts = [keep(line, line, line, n, [("low", line < n)]) for n in (1, 2)]
    gaze = join(parts)
    assert gaze.observer.tolist() == [1, 1, 1, 2, 2]
    assert gaze.dropped == {"low": 3}


def test_join_of_nothing():
    gaze = join([])
    assert (len(gaze.frame), gaze.frame.dtype, gaze.dropped) == (0, np.int32, {})


def test_moments_fall_among_frames_that_last_differently() -> None:
    clip = Clip("a", 3, 10, 10, 10.0, times=(0.0, 0.1, 0.4, 0.5))
    moments = np.array([-0.05, 0.0, 0.05, 0.1, 0.25, 0.4, 0.45, 0.5, 0.6])
    expected = [-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]
    assert clip.position(moments) == pytest.approx(expected)


def test_without_times_frames_follow_at_the_rate() -> None:
    assert Clip("a", 3, 10, 10, 10.0).position(np.array([-0.05, 0.25])).tolist() == [-0.5, 2.5]
