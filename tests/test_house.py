"""The size of the house: rooms that can be overlooked, files that can be read in one sitting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.builders import ROOT

FOLDER = 20
"""Files in a folder, at most."""
FILE = 350
"""Lines of a Python file, at most."""
WORKFLOW = {"Snakefile": 40, "workflow/rules/common.smk": 120}
"""Lines of the files that only call planning, at most."""
CHAPTERS = sorted(path.parent.name for path in ROOT.glob("pipeline/*/__init__.py"))
PAGES = ("preprocessing", "training", "evaluation", "reporting")
"""Chapters that have a page of their name in docs/."""
OTHER_PAGES = (
    *("datasets", "models", "rivals", "cluster", "configuration", "decisions"),
    *("viewing", "regions_of_interest", "reframing", "running", "structure", "README"),
    *("light", "cost", "crate", "release"),
)
TREES = ("pipeline", "model", "bench", "tests")


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _folders(*trees: str) -> list[Path]:
    found = {path.parent for tree in trees for path in (ROOT / tree).rglob("*") if path.is_file()}
    return sorted(folder for folder in found if "__pycache__" not in folder.parts)


@pytest.mark.parametrize("tree", ["pipeline", "model", "workflow", "tests/pipeline"])
def test_no_folder_has_more_files_than_a_screen_shows(tree: str) -> None:
    counts = {
        folder.relative_to(ROOT).as_posix(): sum(path.is_file() for path in folder.iterdir())
        for folder in _folders(tree)
    }
    assert {name: count for name, count in counts.items() if count > FOLDER} == {}


@pytest.mark.parametrize("tree", TREES)
def test_no_python_file_is_longer_than_a_sitting(tree: str) -> None:
    counts = {
        path.relative_to(ROOT).as_posix(): _lines(path) for path in (ROOT / tree).rglob("*.py")
    }
    assert {name: count for name, count in counts.items() if count > FILE} == {}


@pytest.mark.parametrize("name", WORKFLOW)
def test_the_workflow_calls_python_and_does_little_itself(name: str) -> None:
    assert _lines(ROOT / name) <= WORKFLOW[name]


def test_a_rule_fits_on_a_screen() -> None:
    """On average: a rule lasts from its first line to the last indented one."""
    lengths = []
    for path in ROOT.glob("workflow/rules/*.smk"):
        for rule in re.findall(r"^rule \w+:\n(?:(?:[ \t].*)?\n)*", path.read_text(), re.MULTILINE):
            lengths.append(len(rule.rstrip().splitlines()))
    assert len(lengths) > 20
    assert sum(lengths) / len(lengths) <= 30


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_chapter_has_its_tests(chapter: str) -> None:
    assert list((ROOT / "tests/pipeline" / chapter).glob("test_*.py"))


@pytest.mark.parametrize("page", [*PAGES, *OTHER_PAGES])
def test_each_chapter_has_its_page(page: str) -> None:
    assert (ROOT / f"docs/{page}.md").is_file()


@pytest.mark.parametrize("chapter", PAGES)
def test_each_chapter_has_its_rules(chapter: str) -> None:
    assert (ROOT / f"workflow/rules/{chapter}.smk").is_file()
