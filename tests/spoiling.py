"""What is done to a bench: spoilers of files, and what a stage must then say and leave behind."""

from __future__ import annotations

import re
import shutil
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from scipy.io import savemat

from pipeline.stores.manifests import read_manifest
from tests.builders import run_stage
from tests.workbench import STAGES, Bench

AGAIN, LAYOUT, PUT = "fetch it again", "docs/datasets.md", "put the file there itself"
COPY = "copy the file again from the original archive"
"""Remedies that a message names."""
BELOW = ("raw", "made", "data", "sheets")
"""Folders of a bench."""
Spoil = Callable[[Bench], Any]


@dataclass(frozen=True)
class Case:
    """A kind of bad input."""

    name: str
    dataset: str
    stage: str
    """The stage that meets it."""
    spoil: Spoil
    names: str = ""
    """The file that the message names: below the bench if it begins with raw, made, data, or
    sheets."""
    words: tuple[str, ...] = ()
    """What else the message says: what was found, and the remedy."""
    counted: dict[str, int] | None = None
    """The stage succeeds, and counts so many more than of the good folder."""
    status: int = 1

    def __post_init__(self) -> None:
        assert self.stage in STAGES
        assert bool(self.counted) != bool(self.names and self.words), self.name
        assert all(re.search(r"\w", words) for words in self.words), self.name

    def check_message(self, bench: Bench, message: str) -> None:
        """Assert that a message names the file and holds the words."""
        below = self.names.split("/")[0] in BELOW
        assert (str(bench.root / self.names) if below else self.names) in message
        for words in self.words:
            assert words in message


# A warning is a second message; those of open pipes are imageio-ffmpeg's, and hidden by Python.
strict = pytest.mark.filterwarnings(
    "error", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def parametrized(cases: Sequence[Case]) -> Any:
    """A mark that runs a test with `bench` and `case` of each."""
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), "two cases of one name"
    return pytest.mark.parametrize(
        ("bench", "case"),
        [pytest.param(case.dataset, case, id=case.name) for case in cases],
        indirect=["bench"],
    )


def refusals(cases: Sequence[Case]) -> Any:
    """A test that each case which ends a stage is refused as it should be."""

    @strict
    @parametrized([case for case in cases if case.counted is None])
    def test(bench: Bench, case: Case, capfd: pytest.CaptureFixture[str]) -> None:
        check_refused(bench, case, capfd)

    return test


def counts(cases: Sequence[Case]) -> Any:
    """A test that each case which a manifest counts is counted."""

    @strict
    @parametrized([case for case in cases if case.counted is not None])
    def test(bench: Bench, case: Case) -> None:
        check_counted(bench, case)

    return test


def process(cases: Sequence[Case], name: str) -> Any:
    """A test of the case of that name in a process of its own."""

    @parametrized([case for case in cases if case.name == name])
    def test(bench: Bench, case: Case) -> None:
        check_process(bench, case)

    return test


def check_refused(bench: Bench, case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """Assert that the stage ends with one message and leaves nothing behind."""
    case.spoil(bench)
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        bench.run(case.stage)
    printed = capfd.readouterr().err
    bench.patch.undo()
    if case.status == 1:
        assert isinstance(stopped.value.code, str)  # to stderr, with exit status 1
        assert printed == ""
        assert "\n" not in stopped.value.code
        module = STAGES[case.stage].__module__
        assert stopped.value.code.startswith(f"python -m {module}: ")
    else:
        assert stopped.value.code == case.status
    case.check_message(bench, printed or str(stopped.value.code))
    assert "Traceback" not in printed
    assert bench.left() == []


def check_counted(bench: Bench, case: Case) -> None:
    """Assert that the stage succeeds, and that its manifest counts what was left out."""
    assert case.counted is not None
    good = {
        reason: _count(bench.root / f"made/{case.stage}/0001.json", reason)
        for reason in case.counted
    }
    case.spoil(bench)
    bench.run(case.stage)
    for reason, more in case.counted.items():
        assert _count(bench.manifest(case.stage), reason) == good[reason] + more
    assert not list(bench.target.rglob("*.partial"))


def check_process(bench: Bench, case: Case) -> None:
    """Assert the same of the stage in a process of its own."""
    case.spoil(bench)
    done = run_stage(STAGES[case.stage].__module__, bench.arguments(case.stage))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    case.check_message(bench, line)
    assert "Traceback" not in done.stdout
    assert bench.left() == []


def _count(manifest: Path, reason: str) -> int:
    (facts,) = read_manifest(manifest)["clips"].values()
    return int(facts[reason] if reason in facts else facts["dropped"].get(reason, 0))


# Spoilers of files: functions of a pattern below the bench.


def content(pattern: str, new: bytes) -> Spoil:
    return lambda bench: bench.file(pattern).write_bytes(new)


def cut(pattern: str, share: float) -> Spoil:
    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        whole = file.read_bytes()
        file.write_bytes(whole[: int(share * len(whole))])

    return spoil


def remove(pattern: str) -> Spoil:
    def spoil(bench: Bench) -> None:
        for path in list(bench.root.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def text(pattern: str, edit: Callable[[list[str]], list[str]]) -> Spoil:
    """Edits the lines of a file."""

    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        lines = edit(file.read_text().splitlines())
        file.write_text("".join(f"{line}\n" for line in lines))

    return spoil


def cells(
    pattern: str, column: int, value: str, separator: str = " ", event: str = "", lines: int = 1
) -> Spoil:
    """Sets a column of some lines of fixation, the same in every run."""

    def edit(rows: list[str]) -> list[str]:
        found = [i for i, row in enumerate(rows) if row.endswith(event) and "0.00" not in row]
        for i in found[3 : 3 + lines]:
            row = rows[i].split(separator)
            row[column] = value
            rows[i] = separator.join(row)
        assert len(found) > 3 + lines
        return rows

    return text(pattern, edit)


def sheet(*rows: str, dataset: str = "ucf_sports") -> Spoil:
    def spoil(bench: Bench) -> None:
        (bench.sheets / f"{dataset}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    return spoil


def outside(pattern: str) -> Spoil:
    """Moves a file out of the raw folder and leaves a link."""

    def spoil(bench: Bench) -> None:
        file, elsewhere = bench.file(pattern), bench.root / "elsewhere"
        file.replace(elsewhere)
        file.symlink_to(elsewhere)

    return spoil


def matlab(pattern: str, **variables: Any) -> Spoil:
    return lambda bench: savemat(bench.file(pattern), variables)


def gaze_keys(**values: Any) -> Spoil:
    return lambda bench: bench.gaze_keys(**values)


def copied(source: str, target: str) -> Spoil:
    return lambda bench: shutil.copy(bench.file(source), bench.root / target)


def flipped(pattern: str) -> Spoil:
    """Turns over the bits of a byte in the middle of a file."""

    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        whole = bytearray(file.read_bytes())
        whole[len(whole) // 2] ^= 255
        file.write_bytes(whole)

    return spoil


def resized(pattern: str, size: tuple[int, int]) -> Spoil:
    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        Image.open(file).resize(size, Image.Resampling.NEAREST).save(file)

    return spoil


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header announces a size, with next to no data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(99)))
