"""Every frame once an epoch, shared out without overlap, known from seed and iteration alone."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest
import torch

from pipeline.batches import Draw, Order, shrunk
from pipeline.launch import command
from pipeline.processes import Processes
from pipeline.samples import Batch


def order(**changes: Any) -> Order:
    given = {"count": 10, "batch": 4, "iterations": 10, "seed": 1, "processes": Processes(0, 1)}
    return Order(**{**given, **changes})


def places(draws: list[Draw]) -> list[int]:
    return [place for draw in draws for place in draw.places]


def test_every_sample_comes_once_an_epoch_in_a_new_order() -> None:
    drawn = places(list(order()))
    assert len(drawn) == 40
    epochs = [drawn[start : start + 10] for start in range(0, 40, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert places(list(order(seed=2))) != drawn


def test_processes_share_each_batch() -> None:
    alone = list(order())
    shares = [list(order(processes=Processes(rank, 2))) for rank in range(2)]
    for whole, *parts in zip(alone, *shares, strict=True):
        assert [len(part.places) for part in parts] == [2, 2]
        assert sorted(places(parts)) == sorted(whole.places)
        assert {part.shrink for part in parts} == {whole.shrink}


def test_it_goes_on_where_it_stopped() -> None:
    resumed = order(shrinks=(1, 2, 4))
    resumed.start = 7
    assert list(resumed) == list(order(shrinks=(1, 2, 4)))[7:]
    assert len(resumed) == 3


def test_factors_are_equally_likely() -> None:
    factors = Counter(draw.shrink for draw in order(iterations=900, shrinks=(1, 2, 4)))
    assert set(factors) == {1, 2, 4}
    assert min(factors.values()) > 250


def test_a_smaller_picture_moves_less() -> None:
    frame = torch.arange(8, dtype=torch.uint8).repeat(2, 3, 16, 2)
    density = torch.rand(2, 1, 16, 16).half()
    fixated = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    fixated[0, 0, 5, 9] = True
    flow = torch.full((2, 2, 4, 4), 3.0).half()
    small = shrunk(Batch(frame, flow, density, fixated), 2)
    assert [tensor.shape[-2:] for tensor in small] == [(8, 8), (2, 2), (8, 8), (8, 8)]
    assert [tensor.dtype for tensor in small] == [
        torch.uint8,
        torch.float16,
        torch.float16,
        torch.bool,
    ]
    assert (small.flow == 1.5).all()
    assert small.fixated[0, 0].nonzero().tolist() == [[2, 4]]
    assert small.frame[0, 0, 0].tolist() == [0, 2, 4, 6, 0, 2, 4, 6]  # halves round to even
    torch.testing.assert_close(
        small.density.float().mean(), density.float().mean(), rtol=1e-2, atol=0
    )
    same = Batch(frame, flow, density, fixated)
    assert shrunk(same, 1) is same


@pytest.mark.parametrize(("count", "words"), [(1, 0), (4, 4)])
def test_several_processes_are_started_by_torchrun(count: int, words: int) -> None:
    line = command(count, "pipeline.finetune", ["--seed", "1"])
    assert line[0] == sys.executable
    assert line[-4:] == ["-m", "pipeline.finetune", "--seed", "1"]
    assert len(line) == 5 + words
    assert (f"--nproc-per-node={count}" in line) == (count > 1)
