"""The kinds of checks: what each looks at, and the form that a row of a sheet has for it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.planning.claims import TEST, Claim
from pipeline.reporting.claims import facts, sheets, tables
from pipeline.reporting.claims.run import Finding, Run
from pipeline.runtime.errors import InputError, meant

_NUMBER: Final = r"(?:(?:<|<=|>|>=) *)?-?[0-9.]+"
_METRICS: Final = r"[\w-]+(?: [\w-]+)*"


@dataclass(frozen=True)
class Kind:
    """A kind of check."""

    judge: Callable[[Claim, Mapping[str, str], Run], Finding]
    words: str
    """How it checks, for the report."""
    check: str
    """Pattern of the column `check`; its groups are the parts that `judge` is given."""
    expected: str
    """Pattern of the column `expected`."""
    example: str
    """Both columns, as they may be."""


KINDS: Final = {
    "setting": Kind(
        facts.setting,
        "setting",
        r"(?P<paths>[\w.]+(?: \| [\w.]+)*)",
        r".+",
        "loss.alpha, 1.0",
    ),
    "clips": Kind(
        facts.clips,
        "count of clips",
        r"(?P<dataset>\w+): (?P<splits>\w+(?: \+ \w+)*)",
        _NUMBER,
        "diem: train + test, 84",
    ),
    "network": Kind(
        facts.network,
        "layers",
        r"(?P<model>\w+): (?P<parameter>[\w.]+)",
        rf"{_NUMBER}|\[[0-9, ]+\]",
        "gfsalnet: fusion.conv.weight, [1, 2, 1, 1]",
    ),
    "test": Kind(
        facts.test,
        "test",
        rf"{TEST.pattern}(?: {TEST.pattern})*",
        "",
        "tests/model/test_losses.py::test_kl_is_equation_4, (empty)",
    ),
    "printed": Kind(
        tables.printed,
        "printed values",
        r"(?P<table>\w+): (?P<rows>.+)",
        "",
        "table_1: Setting 1 | Setting 2, (empty)",
    ),
    "better": Kind(
        tables.better,
        "paired tests",
        r"(?P<table>\w+): (?P<row>.+) > (?P<rivals>.+)",
        _METRICS,
        "table_1: Setting 1 > Spatial | Temporal, all",
    ),
    "rank": Kind(
        tables.rank,
        "rank",
        r"(?P<table>\w+): (?P<rows>.+)",
        rf"(?:best|second) {_METRICS}",
        "table_3: Setting 1 | Setting 2, second CC",
    ),
    "column": Kind(
        sheets.column,
        "statistic",
        r"(?P<file>[\w/]+\.csv): (?P<aggregate>min|max|mean|sum) (?P<column>\w+)",
        _NUMBER,
        "statistics/diem.csv: max frames, <= 300",
    ),
    "paired": Kind(
        sheets.paired,
        "paired test",
        r"(?P<file>[\w/]+\.csv): (?P<first>\w+) > (?P<second>\w+|[0-9.]+)",
        "",
        "gates/gfsalnet/setting_2/ucf_sports.csv: G_T_moving > G_T_resting, (empty)",
    ),
    "bench": Kind(
        facts.bench,
        "bench",
        r"(?P<file>bench/results/\w+\.md)(?:#(?P<table>[0-9]))?: (?P<row>[^|]+) \| (?P<column>.+)",
        r"(?:<|<=|>|>=) .+",
        "bench/results/motion.md: gfsalnet | motion, > spatial",
    ),
    "none": Kind(facts.none, "not checked", "", "", "(empty), (empty), with the column why"),
}
"""Word of the column `kind` -> what it means."""


def judged(claim: Claim, run: Run) -> Finding:
    """What the check of a claim finds in a run.

    Raises:
        InputError: The row does not fit its kind, or names what is not there.
    """
    if claim.kind not in KINDS:
        raise InputError(
            f"{claim.place}: no kind {claim.kind!r}; choose one of {', '.join(KINDS)}"
            f"{meant(claim.kind, KINDS)}"
        )
    kind = KINDS[claim.kind]
    form = re.fullmatch(kind.check, claim.check)
    for column, fits in (
        ("check", form),
        ("expected", re.fullmatch(kind.expected, claim.expected)),
    ):
        if not fits:
            raise InputError(
                f"{claim.place}: {column} {getattr(claim, column)!r} does not fit kind "
                f"{claim.kind}; write check and expected as in: {kind.example}"
            )
    if claim.kind == "none" and not claim.why:
        raise InputError(f"{claim.place}: kind none without a reason; fill in the column why")
    assert form is not None
    parts = {name: text or "" for name, text in form.groupdict().items()}
    return kind.judge(claim, parts, run)
