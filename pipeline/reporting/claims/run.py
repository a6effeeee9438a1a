"""What a run offers to the checks of claims: its settings, its tables, its sheets, its tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.config.config import Config
from pipeline.config.evaluation import TablesSettings
from pipeline.planning.load import own
from pipeline.planning.provenance import ROOT
from pipeline.reporting.pages.page import PAGES, Page, read_pages

Verdict = Literal["holds", "does not hold", "cannot be checked here"]
HOLDS: Final[Verdict] = "holds"
FAILS: Final[Verdict] = "does not hold"
OPEN: Final[Verdict] = "cannot be checked here"
CONFIG: Final = ROOT / "config.yaml"
OF_THE_PAPERS: Final = ("paper", "part")
"""Runs whose settings are config.yaml's; `part` has fewer clips."""
LOSS_WEIGHTS: Final = "loss_weights"
"""Target, and table, of pretrainings with other weights of the loss."""


@dataclass(frozen=True)
class Finding:
    """What the check of a claim found."""

    verdict: Verdict
    result: str
    """What was found in this run."""
    files: tuple[Path, ...]
    """Where it was found."""
    why: str = ""
    """Why it does not hold or cannot be checked, as far as a program can say."""
    printed: bool | None = None
    """Whether the paper's own printed values say so; None where nobody can tell from them."""


@dataclass(frozen=True)
class Outcome:
    """What became of a test and all its cases."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    why: str = ""
    """The first reason of a failure or of a skipped case."""


@dataclass(frozen=True)
class Run:
    """A run, and the papers' settings to compare it with."""

    cfg: Config
    paper: Config
    """config.yaml as it comes with the workflow."""
    settings: TablesSettings
    tables: Path
    """Folder of stage `tables`."""
    tests: Mapping[str, Outcome]
    tests_file: Path
    no_tests: str = ""
    """Why no test was run; empty if they were."""
    root: Path = ROOT
    """The checkout that has the benches."""

    @cached_property
    def keys(self) -> tuple[Any, Any]:
        """The papers' settings and the run's, as plain values."""
        return self.paper.model_dump(mode="json"), self.cfg.model_dump(mode="json")

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.cfg.run

    @property
    def of_the_papers(self) -> bool:
        """Whether its settings are meant to be the papers'."""
        return self.name in OF_THE_PAPERS

    @property
    def results(self) -> Path:
        """Folder of the run's results."""
        return Path(self.cfg.pathvars["results"])

    @property
    def run_file(self) -> Path:
        """The file that says what differs from config.yaml."""
        return Path(own(f"workflow/runs/{self.name}.yaml"))

    @cached_property
    def pages(self) -> dict[str, tuple[Path, Page]]:
        """Table -> its folder and content."""
        folders = [self.tables]
        # Nobody asks for this target by default, so it is no input of the rule.
        if (extra := self.results / LOSS_WEIGHTS / PAGES).is_file():
            folders.append(extra.parent)
        return {page.name: (folder, page) for folder in folders for page in read_pages(folder)}

    def page(self, table: str) -> tuple[Path, Page] | None:
        """Folder and content of a table; None where the run has no such table."""
        return self.pages.get(table)

    def apart(self, dataset: str) -> str:
        """Why numbers of this run's dataset do not compare with the papers'; empty if they do."""
        if self.name == "demo":
            return "the data are drawn"
        if why := self.settings.left_out.get(dataset):
            return why
        tables = [name for name, table in self.settings.tables.items() if table.dataset == dataset]
        for one in (entry for name in tables for entry in self.settings.coverage.get(name, ())):
            there, meant = self.cfg.datasets[one.dataset], self.paper.datasets.get(one.dataset)
            if meant is None or there.splits != meant.splits:
                return f"the clips of {one.dataset} are those of {there.splits}, not the paper's"
            if one.instead:
                return f"{one.dataset} is scored on its {one.split} clips"
            if one.clips < one.of:
                return f"{one.clips} of {one.of} {one.split} clips of {one.dataset} are there"
        return ""


def comparable(run: Run, dataset: str, finding: Finding) -> Finding:
    """The finding, whose verdict data that are not the papers' cannot give."""
    if why := run.apart(dataset):
        return replace(finding, verdict=OPEN, why=f"of other data: {why}")
    return finding


def settled(run: Run, shown: str, meant: bool, fits: bool, files: Sequence[Path]) -> Finding:
    """Finding about a setting of the workflow.

    Args:
        run: The run.
        shown: What it has.
        meant: Whether config.yaml as it comes with the workflow has what the paper says.
        fits: Whether this run has.
        files: Where it was found.
    """
    if fits:
        return Finding(HOLDS, shown, tuple(files))
    if meant and not run.of_the_papers:
        why = f"run {run.name} has a value of its own; config.yaml has the paper's"
        return Finding(OPEN, shown, (*files, run.run_file), why)
    return Finding(FAILS, shown, tuple(files))
