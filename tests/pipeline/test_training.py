"""The training loop: learns, resumes to the same bytes, and refuses what is not its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.maps import Maps
from pipeline.config import GaussianDensity, Loss, Training
from pipeline.density import density_map
from pipeline.errors import InputError
from pipeline.samples import TrainingSamples, flow_tensor, frame_tensor
from pipeline.stores import DENSITY, FLOW, FRAMES, GAZE, write_store
from pipeline.training import (
    Run,
    build_network,
    iterations_of,
    train,
    write_log,
)
from pipeline.weights import load_weights, save_weights, weights_facts

LOSS = Loss(alpha=1.0, beta=0.1, eps=1e-7)
H, W = 24, 32


class Small(nn.Module):
    """Two layers are enough to see a bright spot."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(5, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 5, padding=2), nn.Softplus()
        )

    def forward(self, frame: Tensor, flow: Tensor) -> Maps:
        return Maps(self.layers(torch.cat([frame, flow], 1)), None, None, None, None)


@pytest.fixture
def samples(tmp_path: Path) -> TrainingSamples:
    random = np.random.default_rng(0)
    frames = random.integers(0, 60, (12, H, W, 3), np.uint8)
    spots = np.stack([random.integers(4, H - 4, 12), random.integers(4, W - 4, 12)], 1)
    for i, (y, x) in enumerate(spots):
        frames[i, y - 2 : y + 3, x - 2 : x + 3] = 255
    points = [[i, x, y, o] for i, (y, x) in enumerate(spots) for o in range(2) if i != 5]
    recipe = GaussianDensity(recipe="gaussian", sigma=2.0, repeats="each")
    maps = np.stack([density_map(np.array([spot]), (H, W), recipe) for spot in spots])
    content: list[tuple[Any, str, np.ndarray, dict[str, int]]] = [
        (FRAMES, "frames", frames, {}),
        (FLOW, "flow", np.ones((12, 2, H // 4, W // 4), np.float32), {}),
        (GAZE, "gaze", np.array(points, np.float32), {"frames": 12}),
        (DENSITY, "density", maps, {}),
    ]
    for kind, name, array, facts in content:
        with write_store(kind, tmp_path / f"{name}.zarr", tmp_path / f"{name}.json") as writer:
            writer.add("a", [array], **facts)
    return TrainingSamples(*([tmp_path / f"{name}.json"] for _, name, _, _ in content))


def _run(folder: Path, epochs: float = 4.0, checkpoint: int = 1000) -> Run:
    settings = Training(
        datasets=("x",),
        batch=4,
        epochs=epochs,
        learning_rate=0.01,
        step=8,
        gamma=0.1,
        checkpoint=checkpoint,
    )
    return Run(settings, LOSS, 7, 1, {"scale": 1}, "code", folder / "w.checkpoint")


def _small() -> Small:
    torch.manual_seed(3)
    return Small()


def test_samples(samples: TrainingSamples) -> None:
    assert len(samples) == 11
    assert ("a", 5) not in [(clip, frame) for _, clip, frame in samples.index]
    sample = samples[0]
    assert [tuple(tensor.shape) for tensor in sample] == [
        (3, H, W),
        (2, H, W),
        (1, H, W),
        (1, H, W),
    ]
    assert sample.frame.max() == 1.0
    assert (sample.flow == 1).all()
    assert sample.fixated.sum() == 1
    assert sample.density.argmax() == sample.fixated.argmax()


def test_tensors_keep_their_values() -> None:
    frame = np.zeros((2, 3, 3), np.uint8)
    frame[0, 1] = [255, 51, 0]
    np.testing.assert_allclose(frame_tensor(frame)[:, 0, 1], [1, 0.2, 0], atol=1e-6)
    flow = np.zeros((2, 4, 4), np.float16)
    flow[0] = 3
    assert (flow_tensor(flow, (16, 16))[0] == 3).all()


def test_iterations() -> None:
    assert iterations_of(_run(Path(), epochs=0.5).settings, 100) == 13


def test_it_learns_and_the_schedule_steps(samples: TrainingSamples, tmp_path: Path) -> None:
    rows = train(_small(), samples, _run(tmp_path, epochs=12))
    assert [row[0] for row in rows] == list(range(1, 34))
    losses = np.array([row[1] for row in rows])
    assert losses[-5:].mean() < losses[:3].mean() - 0.5
    assert [rows[i][4] for i in (0, 7, 8, 16)] == pytest.approx([0.01, 0.01, 0.001, 0.0001])


class KilledError(Exception):
    pass


def test_a_killed_training_ends_with_the_same_weights(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _small()
    rows = train(whole, samples, _run(tmp_path / "whole"))

    run = _run(tmp_path / "killed", checkpoint=3)
    calls = 0

    def killing(self: Small, frame: Tensor, flow: Tensor) -> Maps:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KilledError
        return Maps(self.layers(torch.cat([frame, flow], 1)), None, None, None, None)

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(Small, "forward", killing)
        train(_small(), samples, run)
    assert run.checkpoint.is_file()
    resumed = _small()
    assert train(resumed, samples, run) == rows
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


@pytest.mark.parametrize("change", [{"seed": 8}, {"network": {"scale": 2}}, {"code": "other"}])
def test_a_checkpoint_of_another_training_is_not_resumed(
    samples: TrainingSamples,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
) -> None:
    train(_small(), samples, _run(tmp_path, checkpoint=3))
    other = _run(tmp_path, checkpoint=3)._replace(**change)
    rows = train(_small(), samples, other)
    assert "is of another training: starting anew" in capsys.readouterr().out
    assert rows[0][0] == 1


def test_a_loss_that_is_not_finite_stops(samples: TrainingSamples, tmp_path: Path) -> None:
    network = _small()
    nn.init.constant_(network.layers[0].weight, torch.inf)
    with pytest.raises(InputError, match="loss is nan at iteration 1; lower"):
        train(network, samples, _run(tmp_path))


def test_weights_come_back_and_are_the_same_bytes(tmp_path: Path) -> None:
    network = _small()
    for name in ("a", "b"):
        save_weights(tmp_path / name, network, {"seed": 1, "epochs": 2, "x": [1]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert weights_facts(tmp_path / "a") == {"seed": 1, "epochs": 2, "x": [1]}
    network.load_state_dict(load_weights(tmp_path / "a"))
    (tmp_path / "c").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot read weights"):
        load_weights(tmp_path / "c")


def test_log(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", [[1, 0.5, 0.25, -1.0, 1e-3]])
    assert (tmp_path / "log.csv").read_text() == (
        "iteration,loss,kl,nss,learning_rate\n1,0.5,0.25,-1,0.001\n"
    )


def test_no_gaze_at_all_is_told(tmp_path: Path) -> None:
    for kind, name, array in (
        (FRAMES, "f", np.zeros((1, H, W, 3), np.uint8)),
        (GAZE, "g", np.zeros((0, 4), np.float32)),
        (DENSITY, "d", np.zeros((1, H, W), np.float16)),
    ):
        with write_store(kind, tmp_path / f"{name}.zarr", tmp_path / f"{name}.json") as writer:
            writer.add("a", [array], frames=1)
    with pytest.raises(InputError, match=r"no frame with gaze in .*g\.json"):
        TrainingSamples([tmp_path / "f.json"], [], [tmp_path / "g.json"], [tmp_path / "d.json"])


def test_an_unknown_key_of_a_network_is_named() -> None:
    with pytest.raises(InputError, match=r"config\.yaml: .*unknown keys \['sigmas'\]"):
        build_network({"network": "centre_bias", "sigmas": 1})
