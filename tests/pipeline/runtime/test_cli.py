"""A function's signature is its command line."""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from pipeline.config.data import DisFlow
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import blamed
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


def test_a_disk_that_others_fill_meanwhile_is_still_that_of_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = itertools.count(1000, -1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(left)))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    out = tmp_path / "scores.csv"
    assert blamed(OSError(errno.ENOSPC, "full"), [out]) == out


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_path_that_no_disk_can_have_is_blamed_as_any(number: int) -> None:
    path = Path("n" * 300)
    assert blamed(OSError(number, "refused"), [path]) == path


@pytest.mark.parametrize("number", [errno.EBADF, errno.EINVAL])
def test_an_error_of_the_code_keeps_its_traceback(tmp_path: Path, number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)):
        main(fails, ["--out", "a", "--number", str(number), "--named", "0"])


def raises(*, error: str) -> None:
    """Raises what an input or the machine brings about."""
    raise {
        "memory": MemoryError(),
        "overflow": OverflowError("int too large to convert to float"),
        "recursion": RecursionError("maximum recursion depth exceeded"),
        "decode": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        "encode": UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
        "thread": RuntimeError("can't start new thread"),
        "killed": BrokenProcessPool("A process in the pool was terminated abruptly"),
        "reader": RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"),
    }[error]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("memory", "not enough memory; give the job more"),
        ("overflow", "a number of an input is too large; .* int too large to convert"),
        ("recursion", "an input is nested too deep"),
        ("decode", "is not UTF-8; .*invalid start byte"),
        ("encode", "is not UTF-8; .*surrogates not allowed"),
        ("thread", "no further thread; raise `ulimit -u`"),
        ("killed", "one of its processes was killed"),
        ("reader", "one of its processes was killed"),
    ],
)
def test_a_limit_of_the_machine_or_the_language_is_one_line(error: str, said: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(raises, ["--error", error])
    assert re.search(said, str(stopped.value.code))
    assert "test_cli.py line" in str(stopped.value.code)
    assert "\n" not in str(stopped.value.code)


def fills(*, frames: list[Path], store: Path, number: int) -> None:
    """Raises an error of writing that names nothing."""
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_that_of_an_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    full, less, store = tmp_path / "raw.avi", tmp_path / "tmp", tmp_path / "data/0001.zarr"
    full.write_text("")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(less))
    free = {full: 0, store: 100, less: 1000}
    monkeypatch.setattr("pipeline.runtime.files._free", free.get)
    monkeypatch.setattr("pipeline.runtime.files._disk", [full, store, less].index)
    monkeypatch.setattr("pipeline.runtime.files._room", lambda _: [])
    arguments = ["--frames", str(full), "--store", str(store), "--number", str(number)]
    for culprit in (store, less):
        with pytest.raises(SystemExit, match=f": {culprit}: "):
            main(fills, arguments)
        free[store] = 10_000


def test_arguments_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "frames").write_text("--frames\na\nb c\n")
    (tmp_path / "settings").write_text(ARGUMENTS[4] + "\n")
    given = [f"@{tmp_path}/frames", "--settings", f"@{tmp_path}/settings"]
    main(example, [*given, "--count", "3", "--frame-list"])
    assert SEEN["frames"] == [Path("a"), Path("b c")]
    assert SEEN["settings"].preset == "fast"


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
