from __future__ import annotations

import numpy as np

from pipeline.datasets.records import join, keep


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
