"""Trainings that are killed, or asked to end, in a step that is known."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn


class KilledError(Exception):
    pass


@contextmanager
def _at_step(network: type[nn.Module], step: int, action: Callable[[], None]) -> Iterator[None]:
    """Calls `action` before the forward pass of a training step, counted from 1."""
    forward, steps = network.forward, 0

    def counted(self: nn.Module, *inputs: Any) -> Any:
        nonlocal steps
        steps += self.training
        if steps == step and self.training:
            action()
        return forward(self, *inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "forward", counted)
        yield


@contextmanager
def killed(network: type[nn.Module], step: int) -> Iterator[None]:
    """The training within must fail in a step."""

    def kill() -> None:
        raise KilledError

    with _at_step(network, step, kill), pytest.raises(KilledError):
        yield


@contextmanager
def terminated(network: type[nn.Module], step: int) -> Iterator[None]:
    """The training within gets SIGTERM in a step, and must end as one does that saved its state."""
    ask = lambda: os.kill(os.getpid(), signal.SIGTERM)  # noqa: E731
    with _at_step(network, step, ask), pytest.raises(SystemExit) as caught:
        yield
    assert caught.value.code == 128 + signal.SIGTERM


@contextmanager
def at_most(network: type[nn.Module], steps: int) -> Iterator[None]:
    """The training within must take no more steps than these: it resumes."""

    def fail() -> None:
        raise AssertionError(f"more than {steps} steps: the training did not resume")

    with _at_step(network, steps + 1, fail):
        yield


def assert_same_bits(one: nn.Module, other: nn.Module) -> None:
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
