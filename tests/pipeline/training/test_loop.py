"""The training loop: learns, resumes to the same bytes, and refuses what is not its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing import event_accumulator
from torch import Tensor, nn

from model.losses import euclidean_loss, saliency_loss
from model.outputs import Maps
from pipeline.config.data import GaussianDensity
from pipeline.config.training import Adam, Loss, Sgd, Training
from pipeline.preprocessing.density import density_map
from pipeline.preprocessing.tensors import flow_tensor, frame_tensor
from pipeline.runtime.errors import InputError
from pipeline.runtime.processes import Processes
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.weights import load_weights, save_weights, weights_facts
from pipeline.stores.writing import write_store
from pipeline.training.finetune import finetune
from pipeline.training.loop import Run, iterations_of, write_log
from pipeline.training.networks import build_network
from pipeline.training.pretrain import pretrain
from pipeline.training.saliency import SaliencyTrainer, train
from pipeline.training.samples import TrainingSamples, on_device

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


def drawn(folder: Path, height: int, width: int) -> TrainingSamples:
    """Twelve frames with a bright spot that two observers look at; nobody at the sixth."""
    random = np.random.default_rng(0)
    frames = random.integers(0, 60, (12, height, width, 3), np.uint8)
    spots = np.stack([random.integers(4, height - 4, 12), random.integers(4, width - 4, 12)], 1)
    for i, (y, x) in enumerate(spots):
        frames[i, y - 2 : y + 3, x - 2 : x + 3] = 255
    points = [[i, x, y, o] for i, (y, x) in enumerate(spots) for o in range(2) if i != 5]
    recipe = GaussianDensity(recipe="gaussian", sigma=2.0, repeats="each")
    maps = np.stack([density_map(np.array([spot]), (height, width), recipe) for spot in spots])
    content: list[tuple[Any, str, np.ndarray, dict[str, int]]] = [
        (FRAMES, "frames", frames, {}),
        (FLOW, "flow", np.ones((12, 2, height // 4, width // 4), np.float32), {}),
        (GAZE, "gaze", np.array(points, np.float32), {"frames": 12}),
        (DENSITY, "density", maps, {}),
    ]
    for kind, name, array, facts in content:
        with write_store(kind, folder / f"{name}.zarr", folder / f"{name}.json", {}) as writer:
            writer.add("a", [array], **facts)
    return TrainingSamples(*([folder / f"{name}.json"] for _, name, _, _ in content))


@pytest.fixture
def samples(tmp_path: Path) -> TrainingSamples:
    return drawn(tmp_path, H, W)


@pytest.fixture
def large(tmp_path: Path) -> TrainingSamples:
    return drawn(tmp_path, 64, 64)


SETTINGS = Training(
    datasets=("x",),
    batch=4,
    epochs=4.0,
    iterations=None,
    loss="saliency",
    optimiser=Adam(name="adam", weight_decay=0.0),
    learning_rate=0.01,
    step=8,
    gamma=0.1,
    batch_norm="train",
    precision="float32",
    micro_batch=None,
    recompute=False,
    compile=False,
    shrink=(1,),
    checkpoint=1000,
)


def _run(folder: Path, **changes: Any) -> Run:
    settings = SETTINGS.model_copy(update=changes)
    return Run(settings, LOSS, 7, 1, {"scale": 1}, "code", folder / "checkpoints", None)


def _small() -> Small:
    torch.manual_seed(3)
    return Small()


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
    for place in range(2):
        assert sample.fixated[place].sum() == 1
        assert sample.density[place].argmax() == sample.fixated[place].argmax()
        brightest = sample.frame[place].sum(0).flatten()[sample.fixated[place].argmax()]
        assert brightest == 3


def test_tensors_keep_their_values() -> None:
    frame = np.zeros((2, 3, 3), np.uint8)
    frame[0, 1] = [255, 51, 0]
    np.testing.assert_allclose(frame_tensor(frame)[:, 0, 1], [1, 0.2, 0], atol=1e-6)
    flow = np.zeros((2, 4, 4), np.float16)
    flow[0] = 3
    assert (flow_tensor(flow, (16, 16))[0] == 3).all()


def test_iterations() -> None:
    assert iterations_of(_run(Path(), epochs=0.5).settings, 100) == 13
    assert iterations_of(_run(Path(), epochs=None, iterations=7).settings, 100) == 7


def test_a_training_is_as_long_as_its_iterations(samples: TrainingSamples, tmp_path: Path) -> None:
    rows = train(_small(), samples, _run(tmp_path, epochs=None, iterations=5))
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5]


def test_it_learns_and_the_schedule_steps(samples: TrainingSamples, tmp_path: Path) -> None:
    rows = train(_small(), samples, _run(tmp_path, epochs=12))
    assert [row[0] for row in rows] == list(range(1, 34))
    losses = np.array([row[1] for row in rows])
    assert losses[-5:].mean() < losses[:3].mean() - 0.5
    assert [rows[i][5] for i in (0, 7, 8, 16)] == pytest.approx([0.01, 0.01, 0.001, 0.0001])


class Signed(Small):
    """Predicts densities, which may fall below 0."""

    def __init__(self) -> None:
        super().__init__()
        self.layers[3] = nn.Identity()
        nn.init.constant_(self.layers[2].bias, -0.02)


@pytest.mark.parametrize("size", [None, 1])
def test_the_euclidean_loss_learns_the_density_itself(
    samples: TrainingSamples, tmp_path: Path, size: int | None
) -> None:
    torch.manual_seed(3)
    network = Signed()
    changes = {"loss": "euclidean", "epochs": 16.0, "step": 100, "learning_rate": 1e-3}
    rows = train(network, samples, _run(tmp_path, micro_batch=size, **changes), samples)
    first, last = np.array(rows[0], float), np.array(rows[-1], float)
    everything = on_device(samples.batch(range(11)), torch.device("cpu"))
    with torch.no_grad():
        maps = network(everything.frame, everything.flow).saliency
    density = everything.density
    found = euclidean_loss(maps, density)
    assert found < 0.1 * euclidean_loss(torch.zeros_like(density), density)
    assert first[1] > 10 * last[1]
    # Both terms of Eq. (6) are logged too, though no gradient comes from them.
    assert np.isfinite(np.array([row[2:4] for row in rows], float)).all()
    assert last[3] < first[3]
    clamped = saliency_loss(maps.clamp_min(0), density, everything.fixated, **LOSS.model_dump())
    assert last[-2:] == pytest.approx([float(clamped.kl), float(clamped.nss)], rel=1e-3)
    assert 0 < last[4] < 1


def test_a_network_without_a_backbone_takes_no_weights_for_one(tmp_path: Path) -> None:
    arguments = {"network": "two_stream", "streams": "both", "fusion": "early", "width": 0.05}
    arguments |= {"fusion_identity": 1.0, "flow_encoding": "uvm", "flow_scale": 4.0}
    drawn(tmp_path, H, W)
    weights = tmp_path / "start.safetensors"
    settings = SETTINGS.model_copy(
        update={"epochs": None, "iterations": 2, "loss": "euclidean", "learning_rate": 1e-4}
    )
    stores = {kind: [tmp_path / f"{kind}.json"] for kind in ("frames", "gaze", "density")}
    common: dict[str, Any] = {
        "settings": settings,
        "loss": LOSS,
        "seed": 1,
        "threads": 1,
        "code": "code",
        "checkpoints": tmp_path / "checkpoints",
        "board": tmp_path / "board",
        "network": arguments,
        **{f"validation_{kind}": [] for kind in stores},
        **stores,
    }
    before = {"sha256": None, "weights": weights, "log": tmp_path / "log.csv"}
    pretrain(backbone=[], **before, **common)
    with pytest.raises(InputError, match=r"x\.pth: network two_stream has no backbone"):
        pretrain(backbone=[tmp_path / "x.pth"], **before, **common)
    flow: dict[str, Any] = {"flow": [tmp_path / "flow.json"], "validation_flow": []}
    after = {"weights": tmp_path / "early.safetensors", "log": tmp_path / "early.csv"}
    finetune(start=weights, **flow, **after, **common)
    assert "fusion.weight" in load_weights(tmp_path / "early.safetensors")
    assert len((tmp_path / "early.csv").read_text().splitlines()) == 3


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
    assert list(run.checkpoints.rglob("state.pt"))
    resumed = _small()
    assert train(resumed, samples, run) == rows
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def interrupted(samples: TrainingSamples, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains until, in its fifth iteration, it is told to end."""
    calls = 0
    forward = Small.forward

    def told(self: Small, frame: Tensor, flow: Tensor) -> Maps:
        nonlocal calls
        calls += 1
        if calls == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return forward(self, frame, flow)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as caught:
        patch.setattr(Small, "forward", told)
        train(_small(), samples, run)
    assert caught.value.code == 128 + signal.SIGTERM


def test_told_to_end_it_saves_the_iteration_at_hand(
    samples: TrainingSamples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, resumed = _small(), _small()
    rows = train(whole, samples, _run(tmp_path / "whole"))
    before = signal.getsignal(signal.SIGTERM)
    interrupted(samples, _run(tmp_path), monkeypatch)
    assert "SIGTERM: saved at iteration 5" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == before
    assert train(resumed, samples, _run(tmp_path)) == rows
    assert "resuming at iteration 5" in capsys.readouterr().out
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("change", [{"seed": 8}, {"network": {"scale": 2}}, {"code": "other"}])
def test_a_checkpoint_of_another_training_is_left_alone(
    samples: TrainingSamples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
) -> None:
    interrupted(samples, _run(tmp_path), monkeypatch)
    (kept,) = tmp_path.rglob("state.pt")
    content = kept.read_bytes()
    capsys.readouterr()
    rows = train(_small(), samples, _run(tmp_path)._replace(**change))
    out = capsys.readouterr().out
    assert f"({kept.parent.name}): of trainings with other data, settings or code" in out
    assert "resuming" not in out
    assert rows[0][0] == 1
    assert kept.read_bytes() == content


def test_a_broken_checkpoint_is_no_obstacle(
    samples: TrainingSamples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupted(samples, _run(tmp_path), monkeypatch)
    (kept,) = tmp_path.rglob("state.pt")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert train(_small(), samples, _run(tmp_path))[0][0] == 1
    assert f"{kept}: cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": Sgd(name="sgd", momentum=0.9, weight_decay=1e-3), "learning_rate": 0.02},
        {"precision": "bfloat16"},
        {"shrink": (1, 2)},
    ],
)
def test_other_ways_learn_too(
    samples: TrainingSamples, tmp_path: Path, changes: dict[str, Any]
) -> None:
    losses = [row[1] for row in train(_small(), samples, _run(tmp_path, epochs=12.0, **changes))]
    assert np.mean(losses[-5:]) < np.mean(losses[:3]) - 0.3


@pytest.mark.parametrize("size", [1, 3])
def test_small_memories_come_to_the_same(
    samples: TrainingSamples, tmp_path: Path, size: int
) -> None:
    """Accumulated gradients are those of the batch, also where parts differ in size."""
    whole, parts = _small(), _small()
    rows = train(whole, samples, _run(tmp_path, epochs=1.0))
    again = train(parts, samples, _run(tmp_path, epochs=1.0, micro_batch=size))
    np.testing.assert_allclose(
        [row[1:5] for row in rows], [row[1:5] for row in again], rtol=1e-4, atol=1e-6
    )
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(tensor, parts.state_dict()[name], rtol=1e-3, atol=1e-5)


def test_held_out_clips_are_measured_and_change_nothing(
    samples: TrainingSamples, tmp_path: Path
) -> None:
    network, alone = _small(), _small()
    rows = train(network, samples, _run(tmp_path, checkpoint=3), samples)
    measured = [row[0] for row in rows if row[-1] is not None]
    assert measured == [3, 6, 9, 11]
    assert [row[:6] for row in train(alone, samples, _run(tmp_path))] == [row[:6] for row in rows]
    everything = on_device(samples.batch(range(11)), torch.device("cpu"))
    with torch.no_grad():
        maps = network(everything.frame, everything.flow)
        terms = saliency_loss(
            maps.saliency, everything.density, everything.fixated, **LOSS.model_dump()
        )
    assert rows[-1][-2:] == pytest.approx([float(terms.kl), float(terms.nss)], rel=1e-4)


def light(streams: str = "appearance") -> nn.Module:
    torch.manual_seed(2)
    return build_network(
        {
            "network": "gfsalnet",
            "streams": streams,
            "fusion": "gated",
            "backbone": "mobilenet_v2",
            "spatial_attention": True,
            "channel_attention": True,
            "multi_level": True,
            "main_channels": (8, 8),
            "side_channels": (8, 8, 8),
            "multi_level_channels": (16, 8, 8),
            "attention_reduction": 4,
            "last_bias": 1.0,
            "flow_encoding": "uvm",
            "flow_scale": 4.0,
        }
    )


def _trained(samples: TrainingSamples, folder: Path, **changes: Any) -> tuple[nn.Module, Any]:
    settings = {"epochs": 0.7, "learning_rate": 1e-3, "batch_norm": "folded"}
    network = light()
    rows = train(network, samples, _run(folder, **{**settings, **changes}))
    return network, np.array([row[1:5] for row in rows], float)


def test_computing_twice_comes_to_the_same_weights(large: TrainingSamples, tmp_path: Path) -> None:
    plain, expected = _trained(large, tmp_path)
    twice, rows = _trained(large, tmp_path, recompute=True)
    np.testing.assert_array_equal(rows, expected)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, twice.state_dict()[name]), name


def test_folded_starts_where_frozen_does(large: TrainingSamples, tmp_path: Path) -> None:
    """The first loss is the same, and the weights come back in the network's own layout."""
    frozen, expected = _trained(large, tmp_path, batch_norm="frozen")
    folded, rows = _trained(large, tmp_path)
    _, usual = _trained(large, tmp_path, batch_norm="train")
    np.testing.assert_allclose(rows[0], expected[0], rtol=1e-4)
    assert abs(usual[0] - expected[0]).max() > 1e-3
    assert list(folded.state_dict()) == list(light().state_dict())
    statistics = {k: v for k, v in frozen.state_dict().items() if "running" in k}
    assert statistics
    assert all(torch.equal(v, light().state_dict()[k]) for k, v in statistics.items())


def test_a_reading_process_changes_nothing(large: TrainingSamples, tmp_path: Path) -> None:
    _, alone = _trained(large, tmp_path)
    run = _run(tmp_path, epochs=0.7, learning_rate=1e-3, batch_norm="folded")
    rows = train(light(), large, run._replace(threads=2))
    np.testing.assert_allclose([row[1:5] for row in rows], alone, rtol=1e-3, atol=1e-5)


def test_the_share_of_dead_pixels_is_logged(samples: TrainingSamples, tmp_path: Path) -> None:
    network = _small()
    network.layers[3] = nn.ReLU()
    nn.init.constant_(network.layers[2].bias, -1e6)
    assert [row[4] for row in train(network, samples, _run(tmp_path, epochs=0.5))] == [1.0, 1.0]
    assert train(_small(), samples, _run(tmp_path, epochs=0.3))[0][4] == 0


def test_tensorboard_shows_curves_and_maps(samples: TrainingSamples, tmp_path: Path) -> None:
    run = _run(tmp_path, checkpoint=5)._replace(board=tmp_path / "board")
    rows = train(_small(), samples, run)
    events = event_accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    scalars = [(event.step, event.value) for event in events.Scalars("loss")]
    np.testing.assert_allclose(scalars, [(row[0], row[1]) for row in rows], rtol=1e-6)
    assert [event.step for event in events.Images("saliency")] == [5, 10]
    assert {"frame", "density"} <= set(events.Tags()["images"])


def test_curves_of_a_resumed_training_have_each_iteration_once(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed one wrote iterations that its successor does again."""
    run = _run(tmp_path, checkpoint=5)._replace(board=tmp_path / "board")
    forward, calls = Small.forward, 0

    def killed(self: Small, frame: Tensor, flow: Tensor) -> Maps:
        nonlocal calls
        calls += 1
        if calls > 9:
            raise RuntimeError("killed")
        return forward(self, frame, flow)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(Small, "forward", killed)
        train(_small(), samples, run)
    rows = train(_small(), samples, run)
    events = event_accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [row[0] for row in rows]


def test_a_compiled_network_learns_the_same(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced as on a GPU, and run as it stands; weights keep their names."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    plain, compiled = _small(), _small()
    rows = train(plain, samples, _run(tmp_path))
    assert train(compiled, samples, _run(tmp_path, compile=True)) == rows
    assert plain.state_dict().keys() == compiled.state_dict().keys()
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, compiled.state_dict()[name]), name


def test_what_processes_cannot_share_is_told(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def three() -> Iterator[Processes]:
        yield Processes(0, 3)

    monkeypatch.setattr("pipeline.training.loop.together", three)
    with pytest.raises(InputError, match="3 processes cannot share 4 frames evenly"):
        train(_small(), samples, _run(tmp_path))


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
    write_log(
        tmp_path / "log.csv",
        [[1, 0.5, 0.25, -1.0, 0.0, 1e-3, None, 2.0]],
        SaliencyTrainer.columns(),
    )
    assert (tmp_path / "log.csv").read_text() == (
        "iteration,loss,kl,nss,zeros,learning_rate,validation_kl,validation_nss\n"
        "1,0.5,0.25,-1,0,0.001,,2\n"
    )


def test_no_gaze_at_all_is_told(tmp_path: Path) -> None:
    for kind, name, array in (
        (FRAMES, "f", np.zeros((1, H, W, 3), np.uint8)),
        (GAZE, "g", np.zeros((0, 4), np.float32)),
        (DENSITY, "d", np.zeros((1, H, W), np.float16)),
    ):
        with write_store(kind, tmp_path / f"{name}.zarr", tmp_path / f"{name}.json", {}) as writer:
            writer.add("a", [array], frames=1)
    with pytest.raises(InputError, match=r"no frame with gaze in .*g\.json"):
        TrainingSamples([tmp_path / "f.json"], [], [tmp_path / "g.json"], [tmp_path / "d.json"])


def test_an_unknown_key_of_a_network_is_named() -> None:
    with pytest.raises(InputError, match=r"config\.yaml: .*unknown keys \['sigmas'\]"):
        build_network({"network": "centre_bias", "sigmas": 1})
