"""Datasets with batches of their own, and a network that enters the domain of each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model.outputs import Maps
from model.sight import Sight
from pipeline.runtime.errors import InputError
from pipeline.runtime.processes import Processes
from pipeline.training.batches import MixedOrder
from pipeline.training.clips import MixedSamples, samples_for
from pipeline.training.saliency import train
from pipeline.training.trainer import Run
from tests.builders import training
from tests.pipeline.training.kills import assert_same_bits, at_most, killed
from tests.pipeline.training.spots import run_in, small
from tests.pipeline.training.test_clips import numbered

STEPS = {"films": 2, "stills": 1}
MIXED: dict[str, Any] = {"mix": "datasets", "batch": 2, "clip": {"frames": 3, "step": None}}


class Domains(nn.Module):
    """The small network with a factor for each dataset."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.dataset, self.entered = small(), "", list[str]()
        self.factors = nn.ParameterDict({name: torch.ones(1) for name in STEPS})

    def enter(self, dataset: str) -> None:
        if dataset not in STEPS:
            raise ValueError(f"domains: none for dataset {dataset!r}")
        self.dataset = dataset

    @property
    def sight(self) -> Sight:
        return Sight(carries=True, step=STEPS[self.dataset])

    def forward(self, clip: Tensor, flow: Tensor, state: Any) -> tuple[Maps, tuple[Tensor]]:
        assert clip.shape[1] == (1 if self.dataset == "stills" else 3)
        self.entered.append(self.dataset)
        maps = self.inner(clip.flatten(0, 1), flow[:, :, 0].flatten(0, 1)).saliency
        maps = maps * self.factors[self.dataset]
        return Maps(maps.unflatten(0, clip.shape[:2])), (clip[:, -1],)

    def authors_loss(self, maps: Maps, density: Tensor, fixated: Tensor) -> Tensor:
        return (maps.saliency - density).square().mean()


@pytest.fixture
def parts(tmp_path: Path) -> list[list[Path]]:
    """Three films of nine frames, five pictures."""
    films = numbered(tmp_path / "films/x", dict.fromkeys("abc", 9))
    pictures = numbered(tmp_path / "stills/x", dict.fromkeys("pqrst", 1))
    return [[*one, *other] for one, other in zip(films, pictures, strict=True)]


def mixed(parts: list[list[Path]], **changes: Any) -> MixedSamples:
    found = samples_for(Domains(), training(**MIXED | changes), *parts)
    assert isinstance(found, MixedSamples)
    return found


def order(samples: MixedSamples, **changes: Any) -> MixedOrder:
    given = {"count": len(samples), "batch": 2, "iterations": 25, "seed": 1}
    given |= {"processes": Processes(0, 1), "choices": samples.choices, "batches": samples.batches}
    return MixedOrder(**given | changes)


def test_datasets_are_numbered_one_after_the_other(parts: list[list[Path]]) -> None:
    samples = mixed(parts)
    # Clips of times 0, 2, 4 to 4, 6, 8 of each film; pictures are clips of one frame.
    assert samples.datasets == {"films": range(15), "stills": range(15, 20)}
    assert samples.choices[0] == [range(5), range(5, 10), range(10, 15)]
    assert samples.choices[1] == [range(i, i + 1) for i in range(15, 20)]
    assert samples.batch([4, 7]).frame[:, :, 0, 0, 0].tolist() == [[4, 6, 8], [2, 4, 6]]
    assert samples.batch([15, 19]).frame.shape[:2] == (2, 1)
    assert samples.epoch == 2 * (2 + 3)  # batches of both
    assert mixed(parts, images=5).epoch == 2 * (2 + 1)


def test_an_epoch_has_a_clip_of_every_video(parts: list[list[Path]]) -> None:
    samples = mixed(parts)
    chosen, films, starts = order(samples), Counter[int](), Counter[int]()
    turns = [chosen.turn(iteration)[0] for iteration in range(25)]
    assert [Counter(turns[i : i + 5]) for i in range(0, 25, 5)] == [Counter({0: 2, 1: 3})] * 5
    assert len({tuple(turns[i : i + 5]) for i in range(0, 25, 5)}) > 1
    pictures: list[int] = []
    for turn, draw in zip(turns, chosen, strict=True):
        assert all(index in list(samples.datasets.values())[turn] for index in draw.indices)
        if turn:
            pictures += draw.indices
        else:
            films.update(index // 5 for index in draw.indices)
            starts.update(index % 5 for index in draw.indices)
    assert max(films.values()) - min(films.values()) <= 1
    assert len(starts) == 5
    assert [Counter(pictures[i : i + 5]) for i in (0, 25)] == [Counter([*range(15, 20)])] * 2


def test_it_goes_on_where_it_stopped_and_processes_share(parts: list[list[Path]]) -> None:
    samples = mixed(parts)
    whole, resumed = list(order(samples)), order(samples)
    resumed.start = 7
    assert list(resumed) == whole[7:]
    shares = [list(order(samples, processes=Processes(rank, 2))) for rank in range(2)]
    for draw, *shared in zip(whole, *shares, strict=True):
        assert [part.indices for part in shared] == [[index] for index in draw.indices]


def in_domains(folder: Path, **changes: Any) -> Run:
    given = {"loss": "authors", "epochs": 2.0, "learning_rate": 1e-4}
    return run_in(folder, **MIXED | given | changes)


def test_a_killed_training_ends_with_the_same_weights(
    tmp_path: Path, parts: list[list[Path]]
) -> None:
    samples = mixed(parts)
    whole, resumed = Domains(), Domains()
    rows = train(whole, samples, in_domains(tmp_path / "whole"), samples)
    assert len(rows) == 10
    run = in_domains(tmp_path / "killed", checkpoint=3)
    with killed(Domains, step=8):
        train(Domains(), samples, run, samples)
    with at_most(Domains, len(rows) - 6):
        again = train(resumed, samples, run, samples)
    assert [row[:-2] for row in again] == [row[:-2] for row in rows]
    assert_same_bits(whole, resumed)
    assert whole.entered[:10] != resumed.entered[:10]
    assert set(whole.entered) == {"films", "stills"}


def test_a_loss_is_the_mean_over_its_own_batch(tmp_path: Path, parts: list[list[Path]]) -> None:
    rows = {}
    for images in (2, 4):
        samples = mixed(parts, images=images)
        run = in_domains(tmp_path / str(images), images=images, learning_rate=1e-9)
        turns = [order(samples, seed=run.seed).turn(i)[0] for i in range(5)]
        losses = zip(turns, train(Domains(), samples, run), strict=False)
        rows[images] = [row[1] for turn, row in losses if turn]
    # All pictures are alike.
    assert rows[2][0] == pytest.approx(rows[4][0], rel=1e-5)


def test_where_frames_are_mixed_each_comes_once_an_epoch(
    tmp_path: Path, parts: list[list[Path]]
) -> None:
    samples = mixed(parts, mix=None)
    assert samples.epoch == 2 * (3 + 3)  # clips of three frames, fifteen of them, and pictures
    assert samples.choices[0] == [range(i, i + 1) for i in range(15)]
    assert sum(order(samples).rounds) == 8 + 3
    network = Domains()
    rows = train(network, samples, in_domains(tmp_path, mix=None, epochs=1.0))
    assert len(rows) == 6
    assert set(network.entered) == {"films", "stills"}
    one = [kind[:1] for kind in parts]
    samples_for(network, training(**MIXED | {"mix": None}), *one)
    assert network.dataset == "films"


def test_a_dataset_without_a_domain_is_named(tmp_path: Path) -> None:
    strange = numbered(tmp_path / "diem/x", {"a": 9})
    with pytest.raises(InputError, match=r"networks: domains: none for dataset 'diem'"):
        samples_for(Domains(), training(**MIXED), *strange)


def test_keys_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="mix: datasets"):
        training(images=4)
    with pytest.raises(ValueError, match="mix: "):
        training(mix="datasets", clip={"frames": 1, "step": 1, "in_order": True}, batch=1)
    with pytest.raises(ValueError, match="rates: authors"):
        training(late=4)


def test_late_parts_learn_late(tmp_path: Path, parts: list[list[Path]]) -> None:
    class Late(Domains):
        def parameter_groups(self) -> list[dict[str, Any]]:
            factors = {"params": [*self.factors.parameters()], "rate": 1.0}
            return [factors, {"params": [*self.inner.parameters()], "rate": 0.1, "late": True}]

    samples, network, start = mixed(parts), Late(), small().state_dict()
    run = in_domains(tmp_path / "a", rates="authors", late=5, iterations=5, epochs=None)
    train(network, samples, run)
    assert all(torch.equal(t, start[name]) for name, t in network.inner.state_dict().items())
    assert all(factor != 1 for factor in network.factors.values())
    network = Late()
    run = in_domains(tmp_path / "b", rates="authors", late=4, iterations=5, epochs=None)
    train(network, samples, run)
    assert not all(torch.equal(t, start[name]) for name, t in network.inner.state_dict().items())
