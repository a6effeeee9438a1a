"""Stage run_tests: the tests that claims name, run here, and what became of each."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from pipeline.planning.claims import named_tests, read_claims
from pipeline.planning.provenance import ROOT
from pipeline.reporting.claims.run import Outcome
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic

_FINISHED: Final = (0, 1)
"""pytest's exit statuses where it ran all tests: all passed, or some failed."""
_REASON: Final = 200
"""Characters of a reason that are kept."""


def run_tests(*, sheets: list[Path], outcomes: Path) -> None:
    """Run the tests that the claims of the sheets name and write their outcomes as JSON.

    An installed copy has no tests, and pytest is a tool of those who develop: the file then says
    which of the two is missing, and no test is run.

    Raises:
        InputError: A sheet is no sheet of claims, a test is not there, or pytest breaks down.
    """
    names = named_tests(read_claims(sheets))
    reason = ""
    if not (ROOT / "tests").is_dir():
        reason = "an installed copy has no tests; run this target in a checkout"
    elif find_spec("pytest") is None:
        reason = "pytest is not installed; install it with: pip install -e '.[dev]'"
    found = {} if reason or not names else ran(names, sheets)
    content = {"why": reason, "tests": {name: asdict(one) for name, one in found.items()}}
    with atomic(outcomes) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} tests, {sum(one.failed > 0 for one in found.values())} failed")


def ran(names: list[str], sheets: list[Path], root: Path = ROOT) -> dict[str, Outcome]:
    """Run tests of the checkout at `root` and return the outcome of each.

    Raises:
        InputError: A test is not there, or pytest breaks down.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "junit.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, f"--junitxml={report}", *names],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        print(done.stdout, done.stderr, flush=True)
        lines = f"{done.stdout}\n{done.stderr}".splitlines()
        if lost := [line for line in lines if line.startswith("ERROR: not found")]:
            raise InputError(
                f"{' '.join(map(str, sheets))}: {lost[0].removeprefix('ERROR: ')}; correct the "
                "column check of the claim that names it"
            )
        if done.returncode not in _FINISHED:
            raise InputError(
                f"pytest ended with status {done.returncode}; its last line: "
                f"{next((line for line in reversed(lines) if line.strip()), 'none')}"
            )
        cases = list(_cases(ElementTree.parse(report).getroot()))
    return {name: _together([one for test, one in cases if test == name]) for name in names}


def _cases(report: ElementTree.Element) -> Iterator[tuple[str, Outcome]]:
    """Test and outcome of each of its cases, of a report in JUnit's format."""
    for case in report.iter("testcase"):
        module, name = case.get("classname", ""), case.get("name", "")
        test = f"{module.replace('.', '/')}.py::{name.partition('[')[0]}"
        broken = [one for one in case if one.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if broken:
            yield test, Outcome(failed=1, why=_reason(broken[0]))
        elif skipped is not None:
            yield test, Outcome(skipped=1, why=_reason(skipped))
        else:
            yield test, Outcome(passed=1)


def _reason(element: ElementTree.Element) -> str:
    return " ".join(element.get("message", "").split())[:_REASON]


def _together(cases: list[Outcome]) -> Outcome:
    return Outcome(
        passed=sum(one.passed for one in cases),
        failed=sum(one.failed for one in cases),
        skipped=sum(one.skipped for one in cases),
        why=next((one.why for one in cases if one.why), ""),
    )


if __name__ == "__main__":
    main(run_tests)
