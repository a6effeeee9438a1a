"""Cards that are not there: what is locked is a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pipeline.runtime import cards, devices, torchrun
from tests.builders import ROOT

Job = Callable[..., tuple[subprocess.Popen[str], list[int]]]
CODE = """
import ast, sys
from pipeline.runtime.cards import claim
print(claim(ast.literal_eval(sys.argv[1]), int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """Start a process that claims cards and holds them until it ends."""
    started: list[subprocess.Popen[str]] = []

    def start(names: list[str], wanted: int = 1) -> tuple[subprocess.Popen[str], list[int]]:
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(names), str(wanted)],
            env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process, [int(word) for word in process.stdout.readline().strip("[]\n").split(",")]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_each_job_has_a_card_of_its_own_as_long_as_there_are_as_many(job: Job) -> None:
    (_, first), (second, other) = job(["a", "b"]), job(["a", "b"])
    assert (first, other) == ([0], [1])
    second.kill()
    second.wait()
    assert job(["a", "b"])[1] == [1]  # a killed job's card is free
    assert job(["a", "b"])[1] == [0]  # more jobs than cards share them evenly
    assert job(["a", "b"])[1] == [1]


def test_a_card_is_known_by_its_name_whatever_number_it_has(job: Job) -> None:
    assert job(["a", "b", "c"])[1] == [0]
    assert job(["c", "a"])[1] == [0]
    assert job(["c", "a", "b"], 1)[1] == [2]


def test_several_processes_of_a_job_never_share_a_card(job: Job) -> None:
    assert job(["a", "b", "c"])[1] == [0]
    assert job(["a", "b", "c"], 2)[1] == [1, 2]
    assert job(["a", "b", "c"], 3)[1] == [0, 1, 2]


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with two cards, as torch describes it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: SimpleNamespace(uuid=i))
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(cards, "_held", [])
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")


def test_a_process_keeps_its_card(two_cards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    device = devices.device.__wrapped__
    assert [device(), device()] == [torch.device("cuda", 0), torch.device("cuda", 1)]
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device() == torch.device("cuda", 1)


def test_processes_of_torchrun_see_the_cards_of_their_job(two_cards: None) -> None:
    torchrun.take_cards(3)  # a message of the training follows
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5,7"
    assert devices.device.__wrapped__() == torch.device("cuda", 0)
    torchrun.take_cards(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
    assert [os.get_inheritable(file.fileno()) for file in cards._held] == [False, True]


def test_where_nothing_can_be_locked_it_is_the_first_card(
    two_cards: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    assert cards.claim(["a", "b"]) == [0]
