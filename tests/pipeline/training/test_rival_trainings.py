"""Trainings that rivals' authors have: videos in order, and against a discriminator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from model.outputs import Maps
from model.rivals.salgan import SalGAN
from model.sight import Sight, State
from pipeline.config.training import Adagrad, Adversarial, Clip
from pipeline.runtime.errors import InputError
from pipeline.runtime.processes import Processes
from pipeline.stores.weights import load_weights
from pipeline.training.clips import ClipSamples
from pipeline.training.finetune import finetune
from pipeline.training.pretrain import pretrain
from pipeline.training.saliency import AdversarialTrainer, train
from pipeline.training.samples import TrainingSamples, on_device
from pipeline.training.trainer import Row
from tests.builders import training
from tests.pipeline.training.kills import assert_same_bits, at_most, terminated
from tests.pipeline.training.spots import LOSS, run_in, small
from tests.pipeline.training.test_clips import BLIND, numbered

AGAINST: dict[str, Any] = {
    "loss": "authors",
    "adversarial": Adversarial(content=0.05, learning_rate=2e-3),
    "optimiser": Adagrad(name="adagrad", weight_decay=1e-4),
    "learning_rate": 1e-3,
    "batch": 4,
    "epochs": None,
    "iterations": 6,
}
IN_ORDER: dict[str, Any] = {
    "clip": Clip(frames=3, step=1, in_order=True),
    "batch": 1,
    "epochs": None,
    "iterations": 12,
}


def salgan() -> SalGAN:
    torch.manual_seed(5)
    return SalGAN(size=(32, 48), width=1 / 16, backbone=None, frozen_blocks=3)


class Recalling(nn.Module):
    """Adds what it saw of the frames before to its maps; notes every state that it is given."""

    sight = Sight(carries=True)
    given: ClassVar[list[State | None]] = []

    def __init__(self) -> None:
        super().__init__()
        self.inner = small()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(
        self, clip: Tensor, flow: Tensor, state: State | None
    ) -> tuple[Maps, tuple[Tensor, ...]]:
        if self.training:
            self.given.append(state)
        seen = torch.zeros_like(clip[:, 0, :1]) if state is None else state[0]
        maps = []
        for frame, field in zip(clip.unbind(1), flow[:, :, 0].unbind(1), strict=True):
            seen = self.weight * seen + self.inner(frame, field).saliency
            maps.append(seen)
        return Maps(torch.stack(maps, dim=1)), (seen,)


def recalling() -> Recalling:
    torch.manual_seed(5)
    Recalling.given.clear()
    return Recalling()


def in_order(folder: Path) -> ClipSamples:
    """Runs of three frames of two videos of seven."""
    stores = numbered(folder, {"a": 7, "b": 7})
    return ClipSamples(*stores, sight=Recalling.sight, clip=IN_ORDER["clip"])


def resumed(
    make: Callable[[], nn.Module], samples: TrainingSamples, folder: Path, **changes: Any
) -> tuple[nn.Module, list[Row]]:
    """A network whose training was ended in its fifth step and went on."""
    with terminated(type(make()), step=5):
        train(make(), samples, run_in(folder, **changes))
    network = make()
    with at_most(type(network), changes["iterations"] - 5):
        rows = train(network, samples, run_in(folder, **changes))
    return network, rows


def test_runs_of_a_video_follow_each_other(tmp_path: Path) -> None:
    samples = in_order(tmp_path)
    assert [(name, start) for _, name, start in samples.index] == [
        ("a", 0),
        ("a", 3),
        ("a", 6),
        ("b", 0),
        ("b", 3),
        ("b", 6),
    ]
    assert [samples.begins(i) for i in range(6)] == [True, False, False] * 2
    assert samples.epoch == 6
    last = samples.batch([2])
    assert last.frame[0, :, 0, 0, 0].tolist() == [6, 6, 6]
    assert last.density[0, :, 0, 0, 0].tolist() == [7, 0, 0]


def test_runs_that_nobody_looks_at_are_seen(tmp_path: Path) -> None:
    stores = numbered(tmp_path, {"a": 7})
    clip = Clip(frames=1, step=BLIND, in_order=True)
    samples = ClipSamples(*stores, sight=Recalling.sight, clip=clip)
    assert [start for *_, start in samples.index] == [0, BLIND]
    assert samples.batch([1]).fixated.sum() == 0


def test_what_is_measured_is_no_runs_in_order(tmp_path: Path) -> None:
    stores, clip = numbered(tmp_path, {"a": 7}), IN_ORDER["clip"]
    samples = ClipSamples(*stores, sight=Recalling.sight, clip=clip, overlapping=False)
    assert [start for *_, start in samples.index] == [0, 3]


def test_a_state_goes_from_run_to_run_and_ends_with_its_video(tmp_path: Path) -> None:
    samples, network = in_order(tmp_path), recalling()
    train(network, samples, run_in(tmp_path, **IN_ORDER))
    empty = [state is None for state in network.given]
    assert empty == [True, False, False] * 4
    states = [state[0] for state in network.given if state is not None]
    assert not any(state.requires_grad for state in states)
    assert all(state.abs().max() > 0 for state in states)


def test_a_run_starts_from_what_the_one_before_left(tmp_path: Path) -> None:
    """With a learning rate of nearly nothing, runs of a video are the video at once."""
    samples, network = in_order(tmp_path), recalling()
    train(
        network, samples, run_in(tmp_path, **IN_ORDER | {"learning_rate": 1e-12, "iterations": 3})
    )
    (_, (first,), (second,)) = network.given  # type: ignore[misc]
    whole = [on_device(samples.batch([i]), torch.device("cpu")) for i in (0, 1)]
    with torch.no_grad():
        network.eval()
        _, (after,) = network(whole[0].frame, whole[0].flow, None)
        torch.testing.assert_close(first, after)
        _, (after,) = network(whole[1].frame, whole[1].flow, (after,))
        torch.testing.assert_close(second, after)


def test_a_training_in_order_resumes_within_a_video(tmp_path: Path) -> None:
    samples, network = in_order(tmp_path), recalling()
    rows = train(network, samples, run_in(tmp_path / "whole", **IN_ORDER))
    again, others = resumed(recalling, samples, tmp_path / "parts", **IN_ORDER)
    assert_same_bits(network, again)
    assert rows == others


def test_order_is_for_networks_with_a_state(tmp_path: Path, samples: TrainingSamples) -> None:
    with pytest.raises(InputError, match="carries no state from frame to frame; leave it out"):
        ClipSamples(*numbered(tmp_path, {"a": 7}), sight=Sight(), clip=IN_ORDER["clip"])
    with pytest.raises(InputError, match="sees single frames; leave it out"):
        train(small(), samples, run_in(tmp_path, **IN_ORDER))


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 2},
        {"shrink": (1, 2)},
        {"mix": "datasets"},
        {"loss": "authors", "adversarial": AGAINST["adversarial"]},
    ],
)
def test_one_video_is_followed_at_one_size(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"one video is followed, at one size; batch: 1"):
        training(**IN_ORDER | change)


def test_network_and_discriminator_learn_in_turn(samples: TrainingSamples, tmp_path: Path) -> None:
    trainer = AdversarialTrainer(salgan(), run_in(tmp_path, **AGAINST), Processes(0, 1))
    sides = (trainer.discriminator, trainer.network)
    for turn in (0, 1, 0):
        before = [[part.clone() for part in side.parameters()] for side in sides]
        row = trainer.step(samples.batch(range(4)))
        trainer.rows.append(row)
        changed = [
            any(not old.equal(new) for old, new in zip(kept, side.parameters(), strict=True))
            for kept, side in zip(before, sides, strict=True)
        ]
        assert changed == [turn == 0, turn == 1]
        assert dict(zip(trainer.columns(), row, strict=True))["discriminator"] > 0  # type: ignore[operator]


def test_the_training_is_that_of_two_optimisers(samples: TrainingSamples, tmp_path: Path) -> None:
    """As the authors have it: one batch for one side, the next one for the other."""
    network, reference = salgan(), salgan()
    rows = train(network, samples, run_in(tmp_path, **AGAINST, checkpoint=1))
    torch.manual_seed(7)  # of `run_in`
    discriminator = reference.discriminator()
    optimisers = [
        torch.optim.Adagrad(side.parameters(), rate, weight_decay=1e-4)
        for side, rate in ((discriminator, 2e-3), (reference, 1e-3))
    ]
    order = AdversarialTrainer(salgan(), run_in(tmp_path, **AGAINST), Processes(0, 1)).order(
        samples
    )
    for i, draw in enumerate(order):
        sample = on_device(samples.batch(draw.indices), torch.device("cpu"))
        given = (discriminator, reference(sample.frame, None), sample.frame, sample.density)
        losses = [
            reference.discriminator_loss(*given),
            reference.generator_loss(*given, content=0.05),
        ]
        assert [rows[i][5], rows[i][1]] == pytest.approx([loss.item() for loss in losses], rel=1e-4)
        for optimiser in optimisers:
            optimiser.zero_grad()
        losses[i % 2].backward()
        optimisers[i % 2].step()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, reference.state_dict()[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("optimiser", [AGAINST["optimiser"], {"name": "adam", "weight_decay": 0.0}])
def test_an_adversarial_training_resumes(
    samples: TrainingSamples, tmp_path: Path, optimiser: Any
) -> None:
    changes, network = AGAINST | {"optimiser": optimiser}, salgan()
    rows = train(network, samples, run_in(tmp_path / "whole", **changes))
    again, others = resumed(salgan, samples, tmp_path / "parts", **changes)
    assert_same_bits(network, again)
    assert rows == others


def test_only_some_networks_have_a_discriminator(samples: TrainingSamples, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="network Small has no discriminator; set it to null"):
        train(small(), samples, run_in(tmp_path, **AGAINST))
    with pytest.raises(ValidationError, match="adversarial: goes with the loss of the network's"):
        training(**AGAINST | {"loss": "saliency"})


def test_held_out_frames_are_measured_as_ever(samples: TrainingSamples, tmp_path: Path) -> None:
    rows = train(salgan(), samples, run_in(tmp_path, **AGAINST), samples)
    assert np.isfinite(np.array(rows[-1], float)).all() and len(rows[-1]) == 9


def test_the_authors_trainings_follow_each_other(samples: TrainingSamples, tmp_path: Path) -> None:
    """SalGAN by its content loss, then against the discriminator; SalEMA in order, from that."""
    narrow = {"size": (32, 48), "width": 1 / 16, "backbone": None}
    salema = {"network": "salema", "alpha": 0.1, "learned": True, "dropout": 0.5, **narrow}
    stores = {kind: [tmp_path / f"{kind}.json"] for kind in ("frames", "gaze", "density")}
    common: dict[str, Any] = {
        **stores,
        **{f"validation_{kind}": stores[kind] for kind in stores},
        **{"loss": LOSS, "seed": 1, "threads": 1, "code": "code", "backbone": [], "sha256": None},
        **{"checkpoints": tmp_path / "checkpoints", "checkpoint_minutes": 30},
        "board": tmp_path / "board",
        "network": {"network": "salgan", "frozen_blocks": 3, **narrow},
    }
    flow: dict[str, Any] = {"flow": [], "validation_flow": []}
    written = [tmp_path / f"{name}.safetensors" for name in ("content", "against", "in_order")]
    logs = [path.with_suffix(".csv") for path in written]
    short = {**AGAINST, "iterations": 2}
    alone = training(**short | {"adversarial": None})
    pretrain(settings=alone, weights=written[0], log=logs[0], **common)
    given: dict[str, Any] = {"weights": written[1], "log": logs[1], **flow}
    finetune(settings=training(**short), start=written[:1], **given, **common)
    given = {"weights": written[2], "log": logs[2], **flow, **common, "network": salema}
    settings = training(**IN_ORDER | {"loss": "authors", "rates": "authors", "iterations": 2})
    finetune(settings=settings, start=written[1:2], **given)
    assert logs[1].read_text().splitlines()[0].split(",")[5] == "discriminator"
    kept = [load_weights(path) for path in written]
    assert kept[0].keys() == kept[1].keys() == kept[2].keys() - {"core.alpha"}
    first = "core.encoder.block1.conv1.weight"
    assert kept[0][first].equal(kept[1][first]) and not kept[1][first].equal(kept[2][first])
