"""The sheets of workflow/claims: what the papers state, sentence by sentence, and how to check it.

A sheet is a paper's. The kinds of checks are functions of `pipeline.reporting.claims`; planning
needs to know no more of them than which files and which tests they look at.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.planning.load import own
from pipeline.planning.provenance import ROOT
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows

FOLDER: Final = "workflow/claims"
PAPERS: Final = {
    "gfsalnet": "A Gated Fusion Network for Dynamic Saliency Prediction",
    "two_stream": "Two-Stream Convolutional Networks for Dynamic Saliency Prediction",
}
"""Stem of a sheet -> title of its paper, in the order of the report."""
COLUMNS: Final = ("id", "section", "claim", "kind", "check", "expected", "why")
TEST: Final = re.compile(r"tests/[\w/]+\.py::\w+")


@dataclass(frozen=True)
class Claim:
    """A row of a sheet."""

    sheet: Path
    id: str
    """Its anchor in the report."""
    section: str
    """Where the paper says it: III-A, Table I."""
    claim: str
    """What it says, in our words."""
    kind: str
    """Key of `pipeline.reporting.claims.kinds.KINDS`: how it is checked."""
    check: str
    """What is looked at, in the form of its kind."""
    expected: str
    """What must be found there."""
    why: str
    """What a reader must know beside; for kind `none`, why it cannot be checked."""

    @property
    def place(self) -> str:
        """Where a mistake in it is to be corrected."""
        return f"{self.sheet}: {self.id}"


def sheets() -> list[str]:
    """The sheets of both papers."""
    return [own(f"{FOLDER}/{paper}.csv") for paper in PAPERS]


def read_claims(paths: Iterable[Path]) -> list[Claim]:
    """Rows of the sheets, in their order.

    Raises:
        InputError: A sheet cannot be read, a row has no id, section or claim, or an id comes twice.
    """
    claims, seen = list[Claim](), dict[str, Path]()
    for path in paths:
        for number, row in enumerate(read_rows(path, COLUMNS), start=1):
            claim = Claim(path, *(row[column].strip() for column in COLUMNS))
            if missing := [name for name in ("id", "section", "claim") if not getattr(claim, name)]:
                raise InputError(f"{path}: row {number}: no {' and no '.join(missing)}; fill it in")
            if claim.id in seen:
                raise InputError(
                    f"{claim.place}: this id is in {seen[claim.id]} already; choose another one"
                )
            seen[claim.id] = path
            claims.append(claim)
    return claims


def named_tests(claims: Iterable[Claim]) -> list[str]:
    """The tests that claims name, each once."""
    named = (name for claim in claims if claim.kind == "test" for name in claim.check.split())
    return list(dict.fromkeys(named))


def benches() -> list[str]:
    """Pages of measured benches that claims name; an installed copy has none."""
    claims = read_claims(map(Path, sheets()))
    named = {re.split("[#:]", claim.check)[0] for claim in claims if claim.kind == "bench"}
    return sorted(str(ROOT / name) for name in named if (ROOT / name).is_file())


def tests_digest() -> str:
    """Digest (16 hex digits) of the files of the tests that claims name."""
    tests = named_tests(read_claims(map(Path, sheets())))
    files = sorted({ROOT / test.partition("::")[0] for test in tests})
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    return hashlib.sha256(content).hexdigest()[:16]
