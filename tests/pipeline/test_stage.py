"""A function's signature is its command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Flow
from pipeline.errors import InputError
from pipeline.stage import main

SEEN: dict[str, Any] = {}


def example(*, frames: list[Path], count: int, settings: Flow, frame_list: list[Path]) -> None:
    """An example."""
    if count < 0:
        raise InputError("a.txt: below zero; count up")
    SEEN.update(locals())


ARGUMENTS = ["--frames", "a", "b c", "--settings", '{"estimator": "dis", "preset": "fast"}']


def test_arguments_come_typed() -> None:
    main(example, [*ARGUMENTS, "--count", "3", "--frame-list"])
    expected = {
        "frames": [Path("a"), Path("b c")],
        "count": 3,
        "settings": Flow(estimator="dis", preset="fast"),
        "frame_list": [],
    }
    assert expected == SEEN


def test_an_input_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(example, [*ARGUMENTS, "--count", "-1", "--frame-list"])
    assert stopped.value.code == "python -m pipeline.example: a.txt: below zero; count up"


def test_a_missing_argument_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(example, ARGUMENTS)
    assert "--count" in capsys.readouterr().err
