"""Training of the flow network: it learns, resumes to the same bits, and keeps its pairs apart."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from model.flow.pwcnet import PWCNet
from pipeline.config.training import FlowTraining
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.processes import Processes
from pipeline.stores.weights import load_weights, weights_facts
from pipeline.training.batches import Order, load, part
from pipeline.training.flow_pairs import pairs
from pipeline.training.flow_pairs.pairs import HeldOutPairs, Pairs, held_out_seed, training_seed
from pipeline.training.flow_pairs.textures import Pictures
from pipeline.training.loop import train
from pipeline.training.train_flow import FlowTrainer, build_pwcnet, train_flow
from pipeline.training.trainer import Row, Run
from tests.pipeline.training.kills import assert_same_bits, at_most, killed, terminated

TINY: dict[str, Any] = {
    "channels": [4, 6, 8, 8, 8, 8],
    "decoder": [8, 8],
    "dense": False,
    "context": [8],
}
SETTINGS = FlowTraining(
    batch=2,
    iterations=8,
    size=(64, 64),
    learning_rate=1e-3,
    milestones=(4, 6),
    gradient_norm=10.0,
    autocast=False,
    checkpoint=3,
    held_out=3,
)


def network() -> PWCNet:
    torch.manual_seed(5)
    return build_pwcnet(TINY, SETTINGS.size)


def run_in(folder: Path, *, threads: int = 1, **changes: Any) -> Run:
    settings = SETTINGS.model_copy(update=changes)
    return Run(settings, None, 7, threads, TINY, "code", folder / "checkpoints", board=None)


def trained(network: PWCNet, run: Run) -> list[Row]:
    settings = run.settings
    assert isinstance(settings, FlowTraining)
    samples = Pairs(settings.batch * settings.iterations, settings.size, None, run.seed)
    held_out = HeldOutPairs(settings.held_out, settings.size, None)
    return train(network, samples, run, held_out, kind=FlowTrainer)


@pytest.mark.parametrize(("threads", "autocast"), [(1, False), (2, True)])
def test_a_killed_training_ends_with_the_same_bits(
    tmp_path: Path, threads: int, autocast: bool
) -> None:
    whole, resumed = network(), network()
    rows = trained(whole, run_in(tmp_path / "whole", threads=threads, autocast=autocast))
    run = run_in(tmp_path / "killed", threads=threads, autocast=autocast)
    with killed(PWCNet, step=8):
        trained(network(), run)
    with at_most(PWCNet, 2):  # two of eight are left after the checkpoint at iteration 6
        assert trained(resumed, run) == rows
    assert_same_bits(whole, resumed)


def test_asked_to_end_it_saves_its_state_and_goes_on_later(tmp_path: Path) -> None:
    whole, resumed, run = network(), network(), run_in(tmp_path)
    rows = trained(whole, run_in(tmp_path / "whole"))
    with terminated(PWCNet, step=5):  # between two checkpoints
        trained(network(), run)
    with at_most(PWCNet, 3):
        assert trained(resumed, run) == rows
    assert_same_bits(whole, resumed)
    assert not run.checkpoints.exists()


def test_parts_of_a_batch_add_up_as_processes_need_it(tmp_path: Path) -> None:
    """Each process learns its share, and gradients are summed."""
    trainer = FlowTrainer(network(), run_in(tmp_path, batch=4), Processes(0, 1))
    batch = Pairs(4, (64, 64), None, 7).batch(range(4))
    counts = trainer.counts(batch)
    whole = trainer.learn(batch, counts)[0]
    parts = [trainer.learn(part(batch, start, 3), counts)[0] for start in (0, 3)]
    torch.testing.assert_close(sum(parts), whole)


def test_the_log_has_errors_at_checkpoints_and_rates_that_halve(tmp_path: Path) -> None:
    rows = trained(network(), run_in(tmp_path))
    assert [row[0] for row in rows] == list(range(1, 9))
    assert [row[0] for row in rows if row[3] is not None] == [3, 6, 8]
    assert [row[2] for row in rows] == pytest.approx([1e-3] * 4 + [5e-4] * 2 + [2.5e-4] * 2)


@pytest.mark.parametrize("change", [{"seed": 8}, {"network": {}}, {"code": "other"}])
def test_a_checkpoint_of_another_training_is_not_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any]
) -> None:
    run = run_in(tmp_path, iterations=4)
    with terminated(PWCNet, step=2):
        trained(network(), run)
    assert list(run.checkpoints.rglob("state.pt"))
    assert len(trained(network(), run._replace(**change))) == 4
    out = capsys.readouterr().out
    assert "of trainings with other data, settings or code; not resumed" in out
    assert "resuming" not in out


def test_other_pictures_make_another_training(folder: Path) -> None:
    before, none = Pairs(1, (64, 64), Pictures(folder / "pictures"), 0), Pairs(1, (64, 64), None, 0)
    cv2.imwrite(str(folder / "pictures/b.png"), np.zeros((70, 70, 3), np.uint8))
    after = Pairs(1, (64, 64), Pictures(folder / "pictures"), 0)
    assert before.digests != none.digests
    assert after.digests == Pairs(1, (64, 64), Pictures(folder / "pictures"), 0).digests
    assert after.digests not in (before.digests, none.digests)


def test_held_out_pairs_never_appear_in_training() -> None:
    # numpy fills short seeds up with zeros, so words are compared, not lengths.
    assert {held_out_seed(i)[0] for i in range(50)}.isdisjoint(
        {training_seed(seed, index)[0] for seed in range(50) for index in range(50)}
    )
    held_out = {first.numpy().tobytes() for first in HeldOutPairs(10, (64, 64), None).pairs.first}
    batches = [Pairs(30, (64, 64), None, seed).batch(range(30)) for seed in (0, 1, 2)]
    drawn = {first.numpy().tobytes() for batch in batches for first in batch.first}
    assert len(held_out) == 10
    assert len(drawn) == 90
    assert not held_out & drawn


def test_it_learns_one_pair_by_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "training_seed", lambda seed, index: (1, 14))
    monkeypatch.setattr(pairs, "held_out_seed", lambda index: (1, 14))
    still = float(HeldOutPairs(1, (64, 64), None).pairs.flow.norm(dim=1).mean())
    rows = trained(
        network(),
        run_in(
            tmp_path, batch=1, iterations=200, milestones=(150,), held_out=1, learning_rate=3e-3
        ),
    )
    errors = [row[3] for row in rows if row[3] is not None]
    assert still > 1.5
    assert errors[-1] < 0.4 * min(still, errors[0])


def test_the_error_is_in_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def five_right(self: PWCNet, first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
        flow = first.new_zeros(len(first), 2, 16, 16)
        flow[:, 0] = 5 / 20
        return (flow,)

    monkeypatch.setattr(PWCNet, "forward", five_right)
    held_out = HeldOutPairs(3, (64, 64), None)
    truth = torch.zeros(3, 2, 64, 64)
    truth[:, 0], truth[2, 1] = 5.0, 4.0
    held_out.pairs = held_out.pairs._replace(flow=truth)
    trainer = FlowTrainer(network(), run_in(tmp_path), Processes(0, 1))
    assert trainer.validate(held_out) == pytest.approx([4 / 3], abs=1e-4)


def test_a_loss_that_is_not_finite_stops(tmp_path: Path) -> None:
    broken = network()
    torch.nn.init.constant_(broken.decoders[0].flow.weight, torch.inf)
    with pytest.raises(InputError, match="loss is nan at iteration 1; lower"):
        trained(broken, run_in(tmp_path))


def arguments(folder: Path, **changes: str) -> list[str]:
    given = {
        "settings": SETTINGS.model_dump_json(),
        "network": json.dumps(TINY),
        "images": str(folder / "pictures"),
        "start": "",
        "seed": "7",
        "threads": "1",
        "code": "abc",
        "checkpoints": str(folder / "checkpoints"),
        "checkpoint-minutes": "30",
        "board": str(folder / "board"),
        "weights": str(folder / "out/flow.safetensors"),
        "log": str(folder / "out/flow.csv"),
    } | changes
    options = [(f"--{name}", value) for name, value in given.items()]
    return [word for option in options for word in option if word]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (80, 90, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "pictures/a.png"), picture)
    return tmp_path


def test_the_stage_writes_weights_that_say_what_they_are(folder: Path) -> None:
    main(train_flow, arguments(folder))
    path = folder / "out/flow.safetensors"
    tensors, facts = load_weights(path), weights_facts(path)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    PWCNet(**facts["network"]).load_state_dict(tensors)
    assert FlowTraining.model_validate(facts["recipe"]) == SETTINGS
    assert (facts["seed"], facts["iterations"], facts["code"]) == (7, 8, "abc")
    assert facts["pictures"]["count"] == 1
    rows = list(csv.DictReader((folder / "out/flow.csv").open()))
    assert list(rows[0]) == ["iteration", "loss", "learning_rate", "held_out_error"]
    assert [row["iteration"] for row in rows if row["held_out_error"]] == ["3", "6", "8"]
    assert float(rows[-1]["held_out_error"]) == pytest.approx(facts["held_out_error"], rel=1e-4)
    assert sorted(file.name for file in path.parent.iterdir()) == ["flow.csv", "flow.safetensors"]
    assert str(folder) not in json.dumps(facts)
    assert not (folder / "checkpoints").exists()
    assert list((folder / "board").iterdir())


def test_a_training_goes_on_from_weights_and_says_so(folder: Path) -> None:
    main(train_flow, arguments(folder))
    first, second = folder / "out/flow.safetensors", folder / "out/more.safetensors"
    still = SETTINGS.model_copy(update={"learning_rate": 1e-12, "iterations": 1, "milestones": ()})
    more = {"start": str(first), "weights": str(second), "settings": still.model_dump_json()}
    main(train_flow, arguments(folder, **more))
    before = load_weights(first)
    for name, tensor in load_weights(second).items():
        torch.testing.assert_close(tensor, before[name], rtol=1e-3, atol=1e-6)
    history = weights_facts(second)["start"]
    assert history.pop("sha256") == hashlib.sha256(first.read_bytes()).hexdigest()
    assert history == weights_facts(first)
    assert history["start"] is None
    assert weights_facts(second)["iterations"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": '{"widths": [3]}'}, "--network: not arguments of PWCNet"),
        (
            {"settings": SETTINGS.model_copy(update={"size": (64, 100)}).model_dump_json()},
            "multiples of 64, found 64 and 100",
        ),
        ({"images": "nowhere"}, "nowhere: expected pictures"),
        ({"start": "nowhere"}, "nowhere: cannot read weights"),
    ],
)
def test_what_does_not_fit_is_one_line(folder: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(train_flow, arguments(folder, **changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_no_start(folder: Path) -> None:
    main(train_flow, arguments(folder))
    other = json.dumps(TINY | {"decoder": [6, 4]})
    changes = {"start": str(folder / "out/flow.safetensors"), "network": other}
    with pytest.raises(SystemExit, match=r"set flow_weights\.start to null") as caught:
        main(train_flow, arguments(folder, **changes))
    assert "\n" not in str(caught.value)


def test_a_broken_picture_met_by_a_worker_is_one_line(folder: Path) -> None:
    many = Pairs(64, (64, 64), Pictures(folder / "pictures"), 0)
    (folder / "pictures/a.png").write_bytes(b"nothing")
    order = Order(
        count=64, batch=8, iterations=8, seed=0, processes=Processes(0, 1), shuffled=False
    )
    with pytest.raises(InputError, match=r"a\.png: expected a picture") as caught:
        list(load(many, order, 1))
    assert "\n" not in str(caught.value)
    with pytest.raises(SystemExit, match=r"a\.png: expected a picture"):
        main(train_flow, arguments(folder, threads="2"))
