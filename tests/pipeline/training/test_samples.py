"""What a training reads from stores: every frame with gaze, as tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FRAMES, GAZE
from pipeline.training.samples import TrainingSamples, on_device
from tests.builders import store
from tests.pipeline.training.spots import H, W


def test_samples(samples: TrainingSamples) -> None:
    assert len(samples) == 11
    assert ("a", 5) not in [(clip, frame) for _, clip, frame in samples.index]
    batch = samples.batch([0, 3])
    assert batch.frame.is_contiguous(memory_format=torch.channels_last)
    assert batch.frame.dtype == torch.uint8
    sample = on_device(batch, torch.device("cpu"))
    shapes = [tuple(tensor.shape) for tensor in sample]
    assert shapes == [(2, 3, H, W), (2, 2, H, W), (2, 1, H, W), (2, 1, H, W)]
    assert {tensor.dtype for tensor in sample} == {torch.float32}
    assert sample.frame.max() == 1.0
    assert (sample.flow == 1).all()
    for i in range(2):
        assert sample.fixated[i].sum() == 1
        assert sample.density[i].argmax() == sample.fixated[i].argmax()
        brightest = sample.frame[i].sum(0).flatten()[sample.fixated[i].argmax()]
        assert brightest == 3


def test_stores_without_any_gaze_are_refused(tmp_path: Path) -> None:
    frames = store(FRAMES, tmp_path, {"a": np.zeros((1, H, W, 3))})
    gaze = store(GAZE, tmp_path, {"a": np.zeros((0, 4))}, frames=1)
    density = store(DENSITY, tmp_path, {"a": np.zeros((1, H, W))})
    with pytest.raises(InputError, match=r"no frame with gaze in .*gaze\.json; check"):
        TrainingSamples([frames], [], [gaze], [density])
