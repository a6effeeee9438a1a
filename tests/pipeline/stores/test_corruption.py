"""Planted corruptions of everything that lies between raw files and tables: named, or harmless.

CORRUPTIONS=2000 plants as many; each one's number and kind are in the message of a failure.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.runtime.errors import InputError
from pipeline.stores.verify import verify
from tests.pipeline.stores.small_run import SmallRun

COUNT = int(os.environ.get("CORRUPTIONS", "200"))
Corrupt = Callable[[Path, random.Random, list[Path]], list[Path]]
"""Spoils a file, with chance and the files of its kind; returns all that it touched."""


def _flip(file: Path, chance: random.Random, _: list[Path]) -> list[Path]:
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)
    return [file]


def _noise(file: Path, chance: random.Random, _: list[Path]) -> list[Path]:
    content = bytearray(file.read_bytes())
    start = chance.randrange(len(content))
    content[start : start + 64] = chance.randbytes(len(content[start : start + 64]))
    file.write_bytes(content)
    return [file]


def _cut(file: Path, chance: random.Random, _: list[Path]) -> list[Path]:
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(len(content))])
    return [file]


def _append(file: Path, chance: random.Random, _: list[Path]) -> list[Path]:
    file.write_bytes(file.read_bytes() + chance.randbytes(chance.randint(1, 20)))
    return [file]


def _swap(file: Path, chance: random.Random, others: list[Path]) -> list[Path]:
    other = chance.choice(others)
    first, second = file.read_bytes(), other.read_bytes()
    file.write_bytes(second)
    other.write_bytes(first)
    return [file, other]


def _remove(file: Path, _: random.Random, __: list[Path]) -> list[Path]:
    file.unlink()
    return [file]


def _rename(file: Path, _: random.Random, __: list[Path]) -> list[Path]:
    other = file.with_name(f"{file.name}.old")
    file.rename(other)
    return [file, other]


def _folder(file: Path, _: random.Random, __: list[Path]) -> list[Path]:
    file.unlink()
    file.mkdir()
    return [file]


def _digit(file: Path, chance: random.Random, _: list[Path]) -> list[Path]:
    """Edits a digit, as by hand."""
    content = file.read_bytes()
    if digits := [match.start() for match in re.finditer(rb"\d", content)]:
        place = chance.choice(digits)
        digit = str((int(content[place : place + 1]) + chance.randint(1, 9)) % 10).encode()
        file.write_bytes(content[:place] + digit + content[place + 1 :])
    return [file]


KINDS: dict[str, Corrupt] = {
    "bit": _flip,
    "bytes": _noise,
    "cut": _cut,
    "longer": _append,
    "swapped": _swap,
    "removed": _remove,
    "renamed": _rename,
    "folder": _folder,
    "edited": _digit,
}
WEIGHTS = [8, 2, 2, 2, 3, 1, 1, 1, 4]
"""Kinds that a size cannot show come more often."""
REMEDIES = (
    *(" --forcerun ", "make it with: snakemake ", "make them with: snakemake "),
    "remove it, and the training",
)


class Corrupted:
    """A run whose files are spoilt and made whole again."""

    def __init__(self, run: SmallRun, out: Path) -> None:
        self.run, self.out, self.tables = run, out, run.results / "tables"
        self.readers: dict[str, Callable[[Path], None]] = {
            "data/ucf_sports/frames": run.predict,
            "data/ucf_sports/flow": run.statistics,
            "data/ucf_sports/gaze": lambda out: run.density("0002", out.parent),
            "data/ucf_sports/density": run.score,
            "results/weights": run.predict,
            "results/saliency": run.score,
            "results/scores": run.tables,
            "results/tables": run.pages,
            "results/checkpoints": run.resumed,
        }
        """Folder below the run -> a stage that reads what lies there."""
        self.files = {
            folder: sorted(path for path in (run.root / folder).rglob("*") if self._digested(path))
            for folder in self.readers
        }
        self.whole = {file: file.read_bytes() for of in self.files.values() for file in of}
        self.right = {folder: [self.read(folder)] for folder in self.readers}
        state = run.checkpoint.path
        for _ in range(2):  # a training goes on from the state before, or from the beginning
            state.replace(self.out / "state")
            self.right["results/checkpoints"].append(self.read("results/checkpoints"))
            state = state.with_name("previous.pt")
        self.restore([*self.files["results/checkpoints"]])
        assert all(message == "" and made for of in self.right.values() for message, made in of)

    def _digested(self, path: Path) -> bool:
        is_log = path.suffix == ".csv" and "weights" in path.parts
        return path.is_file() and not is_log

    def restore(self, touched: list[Path]) -> None:
        for file in touched:
            shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
            if file in self.whole:
                file.write_bytes(self.whole[file])
        for broken in self.run.checkpoint.path.parent.glob("*.broken"):
            broken.unlink()

    def read(self, folder: str) -> tuple[str, dict[str, bytes]]:
        """What a stage that reads there ends with, empty if it succeeds, and what it wrote."""
        shutil.rmtree(self.out)
        self.out.mkdir()
        try:
            self.readers[folder](self.out / "made.json")
        except SystemExit as ended:
            return str(ended.code), {}
        except InputError as error:
            return str(error), {}
        files = (path for path in sorted(self.out.rglob("*")) if path.is_file())
        return "", {str(path.relative_to(self.out)): path.read_bytes() for path in files}

    def target(self, file: Path) -> str:
        """What remakes a file: a store's manifest, the folder of the tables, or itself."""
        stores = [path for path in file.parents if path.suffix == ".zarr"]
        if file.is_relative_to(self.tables):
            return str(self.tables)
        return str(stores[0].with_suffix(".json") if stores else file)

    def plant(self, number: int) -> str:
        """Plant a corruption and return what came of it.

        Raises:
            AssertionError: It is silent, or its message blames or advises something else.
        """
        chance = random.Random(number)
        folder = chance.choice([*self.readers])
        file = chance.choice(self.files[folder])
        kind = chance.choices([*KINDS], WEIGHTS)[0]
        # A product that is alone there is swapped with any.
        near = self.files[folder] if len(self.files[folder]) > 1 else [*self.whole]
        others = [other for other in near if self.whole[other] != self.whole[file]]
        touched = KINDS[kind](file, chance, others)
        what = f"{number}: {kind}: {', '.join(map(str, touched))}"
        try:
            found = verify([self.run.data, self.run.results])
            message, made = self.read(folder)
        finally:
            self.restore(touched)
        targets = {self.target(path) for path in touched}
        for line in [*found, *message.splitlines()]:
            assert any(target in line for target in targets), f"{what}: blames another: {line}"
            assert any(remedy in line for remedy in REMEDIES), f"{what}: no remedy: {line}"
            assert len(line) < 1000, what
        if not message:
            assert ("", made) in self.right[folder], f"{what}: silent; verify says {found}"
        named = {target for target in targets if any(target in line for line in found)}
        if named == targets:
            return "named by verify"
        if message:
            return "named by the stage that reads it"
        return "harmless"


@pytest.fixture(scope="module")
def corrupted(made_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Corrupted:
    root = tmp_path_factory.mktemp("corrupted") / "run"
    shutil.copytree(made_run.root, root)
    return Corrupted(SmallRun(root), tmp_path_factory.mktemp("out"))


def test_an_intact_run_is_verified_without_a_word(corrupted: Corrupted) -> None:
    run = corrupted.run
    for folder in run.root.rglob("*.zarr"):
        (folder / ".snakemake_timestamp").touch()
    assert verify([run.data, run.results]) == []


def test_planted_corruptions_are_named_or_harmless(corrupted: Corrupted) -> None:
    outcomes = Counter(corrupted.plant(number) for number in range(COUNT))
    print(dict(outcomes))
    assert outcomes.total() == COUNT
    assert outcomes["named by verify"] > 0.9 * COUNT
