"""A function's signature is its command line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline.config.data import DisFlow
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from tests.builders import ROOT

SEEN: dict[str, Any] = {}


def example(*, frames: list[Path], count: int, settings: DisFlow, frame_list: list[Path]) -> None:
    """An example."""
    if count < 0:
        raise InputError("a.txt: below zero; count up")
    SEEN.update(locals())


ARGUMENTS = [
    "--frames",
    "a",
    "b c",
    "--settings",
    '{"estimator": "dis", "preset": "fast", "cut": null}',
]


def test_arguments_come_typed() -> None:
    main(example, [*ARGUMENTS, "--count", "3", "--frame-list"])
    expected = {
        "frames": [Path("a"), Path("b c")],
        "count": 3,
        "settings": DisFlow(estimator="dis", preset="fast", cut=None),
        "frame_list": [],
    }
    assert expected == SEEN


def test_an_input_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(example, [*ARGUMENTS, "--count", "-1", "--frame-list"])
    assert stopped.value.code == f"python -m {__name__}: a.txt: below zero; count up"


def test_a_missing_argument_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(example, ARGUMENTS)
    assert "--count" in capsys.readouterr().err


def fails(*, out: Path, number: int, named: int) -> None:
    """Raises what the system would raise."""
    raise OSError(number, os.strerror(number), *([str(out)] if named else []))


DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)


@pytest.mark.parametrize("number", DISK, ids=errno.errorcode.get)
@pytest.mark.parametrize("named", [0, 1])
def test_what_the_disk_refuses_is_one_line(tmp_path: Path, number: int, named: int) -> None:
    out = tmp_path / "scores.csv"
    arguments = ["--out", str(out), "--number", str(number), "--named", str(named)]
    with pytest.raises(SystemExit) as stopped:
        main(fails, arguments)
    assert isinstance(stopped.value.code, str)
    assert stopped.value.code.startswith(f"python -m {__name__}: {out}: ")
    assert "\n" not in stopped.value.code


@pytest.mark.parametrize("number", [errno.EBADF, errno.EINVAL])
def test_an_error_of_the_code_keeps_its_traceback(tmp_path: Path, number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)):
        main(fails, ["--out", "a", "--number", str(number), "--named", "0"])


def breaks(*, out: Path) -> None:
    """A mistake in the code."""
    raise TypeError(f"mistake about {out}")


def test_a_mistake_keeps_its_traceback() -> None:
    with pytest.raises(TypeError, match="mistake about a"):
        main(breaks, ["--out", "a"])


def test_exit_status_and_output_of_a_real_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code = (
        "from pathlib import Path\nfrom pipeline.runtime.cli import main\n"
        "def touch(*, out: Path) -> None:\n    out.touch()\nmain(touch)"
    )
    where = tmp_path / "file" / "a.csv"
    done = subprocess.run(
        [sys.executable, "-c", code, "--out", str(where)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"python -m __main__: {tmp_path / 'file'}: a file is where a folder should be"
    )


def chooses(*, form: Literal["png", "mp4"]) -> None:
    """Takes one of two words."""
    SEEN["form"] = form


def test_a_choice_is_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    main(chooses, ["--form", "mp4"])
    assert SEEN["form"] == "mp4"
    with pytest.raises(SystemExit):
        main(chooses, ["--form", "gif"])
    assert "'png', 'mp4'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("export", "reporting.export"),
        ("sheet", "checks.split_sheet"),
        ("preflight", "checks.preflight"),
    ],
)
def test_former_places_forward(former: str, now: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"pipeline.{former}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"pipeline.{now}" in done.stdout
    assert "Raises" not in done.stdout  # which is for those who read the code
    assert done.stderr == f"pipeline.{former} is now pipeline.{now}\n"
