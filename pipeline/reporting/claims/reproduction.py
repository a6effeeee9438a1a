"""Stage reproduction: claim by claim what of the papers was reproduced in a run, and where to see.

A verdict is computed from files of the run and never written by hand; each links to its files.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from pipeline.config.evaluation import TablesSettings
from pipeline.planning.claims import PAPERS, Claim, read_claims
from pipeline.planning.load import load, of_the_papers
from pipeline.reporting.claims.kinds import KINDS, judged
from pipeline.reporting.claims.run import FAILS, OF_THE_PAPERS, Finding, Outcome, Run, Verdict
from pipeline.reporting.pages.notes import protocols
from pipeline.reporting.pages.rendering import render
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.runtime.sheets import heading, write_rows

VERDICTS: Final = get_args(Verdict)
COLUMNS: Final = (
    *("id", "paper", "section", "claim", "kind", "check", "expected"),
    *("result", "verdict", "why", "printed", "files"),
)
"""Columns of the sheet beside the page."""
PRINTED: Final = {True: "yes", False: "no", None: ""}
"""Whether the paper's own printed values say what it claims."""


@dataclass(frozen=True)
class Line:
    """A claim and what was found about it, as the page shows them."""

    claim: Claim
    finding: Finding
    links: tuple[tuple[str, str], ...]
    """Name and address, relative to the page, of each file."""

    @property
    def how(self) -> str:
        """How it is checked."""
        return KINDS[self.claim.kind].words

    @property
    def check(self) -> str:
        """What is looked at; of tests the names, whose files are linked."""
        words = self.claim.check.split() if self.claim.kind == "test" else [self.claim.check]
        return " ".join(word.rpartition("::")[2] for word in words)

    @property
    def why(self) -> str:
        """What the program and the sheet say about the verdict."""
        return "; ".join(filter(None, (self.finding.why, self.claim.why)))

    @property
    def printed(self) -> str:
        """What the paper's own printed values say."""
        return PRINTED[self.finding.printed]


def reproduction(
    *,
    sheets: list[Path],
    config: dict[str, Any],
    settings: TablesSettings,
    tables: Path,
    tests: Path,
    page: Path,
    sheet: Path,
) -> None:
    """Write every claim of the papers with a verdict, to an HTML file and to a CSV sheet.

    Args:
        sheets: Claims, a sheet for each paper.
        config: All keys of the run's configuration; its results are read where it says.
        settings: Those of the tables.
        tables: Folder of stage `tables`.
        tests: Outcomes that stage `run_tests` wrote.
        page: HTML file to write.
        sheet: CSV file to write.

    Raises:
        InputError: A row of a sheet does not fit, or a file of the run cannot be read.
    """
    why, outcomes = _outcomes(tests)
    run = Run(load(config), of_the_papers(), settings, tables, outcomes, tests, why)
    lines = [_line(claim, judged(claim, run), page) for claim in read_claims(sheets)]
    papers = {
        PAPERS.get(path.stem, path.stem): [line for line in lines if line.claim.sheet == path]
        for path in sheets
    }
    text = render(
        "reproduction.html.j2",
        settings=settings,
        protocols=protocols(settings),
        papers={paper: _sections(of_paper) for paper, of_paper in papers.items() if of_paper},
        counts={paper: _counts(of_paper) for paper, of_paper in papers.items() if of_paper},
        total=_counts(lines),
        verdicts=VERDICTS,
        failed=FAILS,
        lines=lines,
        drawn=run.name == "demo",
        own_values=run.name not in OF_THE_PAPERS,
    )
    about = {
        "run": settings.run,
        "seed": str(settings.seed),
        "configuration": settings.config_digest,
        "code": settings.code,
    }
    write_rows(sheet, COLUMNS, map(_cells, lines), heading(about))
    with atomic(page) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
    print(", ".join(f"{verdict}: {count}" for verdict, count in _counts(lines).items()))


def _outcomes(path: Path) -> tuple[str, dict[str, Outcome]]:
    """Why no test was run, and the outcome of each that was."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = TypeAdapter(dict[str, Outcome]).validate_python(content["tests"])
        return str(content["why"]), found
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            f"{path}: no outcomes of tests ({str(error).splitlines()[0]}); make it again with: "
            f"snakemake --force {path}"
        ) from None


def _line(claim: Claim, finding: Finding, page: Path) -> Line:
    return Line(claim, finding, tuple(_link(file, page) for file in dict.fromkeys(finding.files)))


def _link(file: Path, page: Path) -> tuple[str, str]:
    address = Path(os.path.relpath(file, page.parent)).as_posix()
    return file.name, quote(address)


def _sections(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Lines by section, in the order of the sheet."""
    return {name: [*group] for name, group in groupby(lines, lambda line: line.claim.section)}


def _counts(lines: Sequence[Line]) -> dict[str, int]:
    found = Counter(line.finding.verdict for line in lines)
    return {verdict: found[verdict] for verdict in VERDICTS}


def _cells(line: Line) -> list[object]:
    claim, finding = line.claim, line.finding
    before = [claim.id, claim.sheet.stem, claim.section, claim.claim, claim.kind, claim.check]
    after = [finding.result, finding.verdict, line.why, line.printed]
    return [*before, claim.expected, *after, " ".join(address for _, address in line.links)]


if __name__ == "__main__":
    main(reproduction)
