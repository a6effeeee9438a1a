"""Stored frames and flow as tensors."""

from __future__ import annotations

import numpy as np

from pipeline.preprocessing.tensors import flow_tensor, frame_tensor


def test_tensors_keep_their_values() -> None:
    frame = np.zeros((2, 3, 3), np.uint8)
    frame[0, 1] = [255, 51, 0]
    np.testing.assert_allclose(frame_tensor(frame)[:, 0, 1], [1, 0.2, 0], atol=1e-6)
    flow = np.zeros((2, 4, 4), np.float16)
    flow[0] = 3
    assert (flow_tensor(flow, (16, 16))[0] == 3).all()
