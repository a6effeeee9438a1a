"""The ways in which config.yaml lets a training compute come to the same result, or learn too."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model.outputs import Maps
from pipeline.config.training import Sgd
from pipeline.planning.schedule import iterations_of, rate_of
from pipeline.runtime.errors import InputError
from pipeline.training import frame_trainer
from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples
from tests.builders import gfsalnet, training
from tests.pipeline.training.kills import assert_same_bits
from tests.pipeline.training.spots import run_in, small


def test_iterations() -> None:
    assert iterations_of(training(epochs=0.5), 100) == 13
    assert iterations_of(training(epochs=None, iterations=7), 100) == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"step": 3},
        {"step": "epoch"},
        {"milestones": (2, 7), "gamma": 0.5},
        {"epochs": None, "iterations": 9, "end_rate": 1e-4},
    ],
)
def test_rates_fall_as_planning_knows(
    samples: TrainingSamples, tmp_path: Path, changes: dict[str, Any]
) -> None:
    run = run_in(tmp_path, **{"gamma": 0.1, **changes})
    rate = rate_of(run.settings, samples.epoch)
    rates = [row[5] for row in train(small(), samples, run)]
    expected = [run.settings.learning_rate * rate(iteration) for iteration in range(len(rates))]
    np.testing.assert_allclose(np.array(rates, float), expected, rtol=1e-9)
    assert rates[-1] < rates[0]


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
    losses = [row[1] for row in train(small(), samples, run_in(tmp_path, epochs=12.0, **changes))]
    assert np.mean(losses[-5:]) < np.mean(losses[:3]) - 0.3


@pytest.mark.parametrize("able", [True, False])
def test_a_processor_without_bfloat16_is_named(
    samples: TrainingSamples,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    able: bool,
) -> None:
    monkeypatch.setattr(frame_trainer, "computes_bfloat16", lambda _: able)
    train(small(), samples, run_in(tmp_path, epochs=0.1, precision="float32"))
    assert "bfloat16" not in capsys.readouterr().out
    train(small(), samples, run_in(tmp_path / "half", epochs=0.1, precision="bfloat16"))
    assert ("no instructions for it" in capsys.readouterr().out) is not able


@pytest.mark.parametrize("size", [1, 3])
def test_small_memories_come_to_the_same(
    samples: TrainingSamples, tmp_path: Path, size: int
) -> None:
    """Accumulated gradients are those of the batch, also where parts differ in size."""
    whole, parts = small(), small()
    rows = train(whole, samples, run_in(tmp_path, epochs=1.0))
    again = train(parts, samples, run_in(tmp_path, epochs=1.0, micro_batch=size))
    np.testing.assert_allclose(
        [row[1:5] for row in rows], [row[1:5] for row in again], rtol=1e-4, atol=1e-6
    )
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(tensor, parts.state_dict()[name], rtol=1e-3, atol=1e-5)


def trained(samples: TrainingSamples, folder: Path, **changes: Any) -> tuple[nn.Module, Any]:
    settings = {"epochs": 0.7, "learning_rate": 1e-3, "batch_norm": "folded"}
    network = light()
    rows = train(network, samples, run_in(folder, **{**settings, **changes}))
    return network, np.array([row[1:5] for row in rows], float)


def light() -> nn.Module:
    return gfsalnet(2, streams="appearance")


def test_computing_twice_comes_to_the_same_weights(large: TrainingSamples, tmp_path: Path) -> None:
    plain, expected = trained(large, tmp_path)
    twice, rows = trained(large, tmp_path, recompute=True)
    np.testing.assert_array_equal(rows, expected)
    assert_same_bits(plain, twice)


def test_folded_starts_where_frozen_does(large: TrainingSamples, tmp_path: Path) -> None:
    """The first loss is the same, and the weights come back in the network's own layout."""
    frozen, expected = trained(large, tmp_path, batch_norm="frozen")
    folded, rows = trained(large, tmp_path)
    _, usual = trained(large, tmp_path, batch_norm="train")
    np.testing.assert_allclose(rows[0], expected[0], rtol=1e-4)
    assert abs(usual[0] - expected[0]).max() > 1e-3
    assert list(folded.state_dict()) == list(light().state_dict())
    statistics = {k: v for k, v in frozen.state_dict().items() if "running" in k}
    assert statistics
    assert all(torch.equal(v, light().state_dict()[k]) for k, v in statistics.items())


def test_a_network_that_cannot_be_folded_is_named(samples: TrainingSamples, tmp_path: Path) -> None:
    network = nn.Sequential(nn.BatchNorm2d(5), small().layers)
    with pytest.raises(InputError, match=r"batch_norm: folded, of a training of Sequential: 0: .*"):
        train(network, samples, run_in(tmp_path, batch_norm="folded"))


def test_statistics_from_scratch_need_a_large_momentum(
    samples: TrainingSamples, tmp_path: Path
) -> None:
    """At a momentum as small as some authors' they stay near those of a new layer."""
    far = []
    for name, momentum in {"own": None, "half": 0.5}.items():
        network = nn.Sequential(slow := nn.BatchNorm2d(5, momentum=0.001), small().layers)
        network.forward = lambda frame, flow, net=network: Maps(  # type: ignore[method-assign]
            nn.Sequential.forward(net, torch.cat([frame, flow], 1))
        )
        run = run_in(tmp_path / name, batch_norm="train", batch_norm_momentum=momentum)
        train(network, samples, run)
        far.append(float(slow.running_var.sub(1).abs().max()))
    assert far[0] < 0.1 < 0.9 < far[1]


def test_a_reading_process_changes_nothing(large: TrainingSamples, tmp_path: Path) -> None:
    _, alone = trained(large, tmp_path)
    run = run_in(tmp_path, epochs=0.7, learning_rate=1e-3, batch_norm="folded")
    rows = train(light(), large, run._replace(threads=2))
    np.testing.assert_allclose([row[1:5] for row in rows], alone, rtol=1e-3, atol=1e-5)


def test_a_compiled_network_learns_the_same(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced as on a GPU, and run as it stands; weights keep their names."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    plain, compiled = small(), small()
    rows = train(plain, samples, run_in(tmp_path))
    assert train(compiled, samples, run_in(tmp_path, compile=True)) == rows
    assert_same_bits(plain, compiled)
