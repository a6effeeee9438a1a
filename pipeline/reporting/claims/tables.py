"""Checks of what the papers found in their tables: values, differences and ranks.

Numbers of data that are not the papers' decide nothing, whatever they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.evaluation.metrics.registry import better as direction
from pipeline.evaluation.protocols import Average, protocol
from pipeline.planning.claims import Claim
from pipeline.reporting.claims.differences import (
    Side,
    clip_sums,
    differences,
    joined,
    least,
    undecided,
    verdict,
)
from pipeline.reporting.claims.facts import SEPARATOR, Parts
from pipeline.reporting.claims.run import (
    FAILS,
    HOLDS,
    LOSS_WEIGHTS,
    OPEN,
    Finding,
    Run,
    comparable,
)
from pipeline.reporting.pages.page import Cell, Page, Row
from pipeline.reporting.published import ranks
from pipeline.runtime.errors import InputError, meant

EVERY: Final = "*"
"""In place of rivals: every other row that the paper prints."""
_NAMED: Final = 5
"""Values that a sentence names; the rest is counted."""
OWN_GROUP: Final = "Ours"
"""Beginning of the groups of the papers' own rows, which are no rivals of one another."""


def _table(claim: Claim, name: str, run: Run) -> tuple[Path, Page] | Finding:
    """Folder and page of a table, or the finding that it was not made."""
    if name != LOSS_WEIGHTS and name not in run.paper.tables:
        raise InputError(
            f"{claim.place}: config.yaml has no table {name}; correct the check"
            f"{meant(name, run.paper.tables)}"
        )
    if found := run.page(name):
        return found
    remedy = f"snakemake {run.results}/{LOSS_WEIGHTS}" if name == LOSS_WEIGHTS else ""
    why = f"it is made by: {remedy}" if remedy else f"run {run.name} has no such table"
    return Finding(OPEN, "no such table", (run.tables / "index.html",), why)


def _row(claim: Claim, page: Page, method: str) -> Row:
    known = {row.method: row for row in page.rows}
    if method not in known:
        raise InputError(
            f"{claim.place}: {page.name} has no row {method!r}; correct the check"
            f"{meant(method, known)}"
        )
    return known[method]


def _dataset(run: Run, table: str) -> str:
    if table in run.settings.tables:
        return run.settings.tables[table].dataset
    return run.cfg.pretraining.datasets[0]


def printed(claim: Claim, parts: Parts, run: Run) -> Finding:
    """The printed values of rows lie in the 95 % intervals of ours, all of them."""
    table = _table(claim, parts["table"], run)
    if isinstance(table, Finding):
        return table
    folder, page = table
    rows = [_row(claim, page, method) for method in parts["rows"].split(SEPARATOR)]
    cells = [
        (f"{row.method} {metric}", cell)
        for row in rows
        for metric, cell in zip(page.metrics, row.cells, strict=True)
        if cell.printed is not None
    ]
    if not cells:
        raise InputError(f"{claim.place}: the paper prints no value of these rows; name others")
    outside = [name for name, cell in cells if _within(cell) is False]
    unknown = [name for name, cell in cells if _within(cell) is None]
    count = len(cells) - len(outside) - len(unknown)
    result = f"{count} of {len(cells)} printed values within the 95 % interval of ours"
    result += f"; outside: {_some(outside)}" if outside else ""
    so = FAILS if outside else OPEN if unknown else HOLDS
    why = "" if outside or not unknown else f"no interval of {_some(unknown)}"
    found = Finding(so, result, (folder / f"{page.name}.html",), why)
    return comparable(run, _dataset(run, page.name), found)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _within(cell: Cell) -> bool | None:
    """Whether the printed value lies in our interval; None without one."""
    return None if cell.interval is None or cell.printed is None else not cell.outside


def better(claim: Claim, parts: Parts, run: Run) -> Finding:
    """A row is better than each of its rivals, by paired tests over clips."""
    table = _table(claim, parts["table"], run)
    if isinstance(table, Finding):
        return table
    folder, page = table
    row = _row(claim, page, parts["row"])
    rivals = _rivals(claim, page, row, parts["rivals"])
    metrics, most = _metrics(claim, page)
    by_printed = verdict([_printed_side(page, row, rivals, one) for one in metrics], most=most)
    says = None if by_printed == OPEN else by_printed == HOLDS
    file = folder / f"{page.name}_clips.csv"
    measured = [rival for rival in rivals if rival.measured]
    if not row.measured or not measured:
        why = run.apart(_dataset(run, page.name)) or "this run does not measure these rows"
        return Finding(OPEN, "not measured", (folder / f"{page.name}.html",), why, says)
    names = [one.method for one in measured]
    sums = clip_sums(file, {row.method, *names}, {*metrics})
    average = average_of(run, page.name)
    pairs = differences(sums, row.method, names, metrics, average, run.settings.seed)
    sides = [joined([one.side for one in pairs if one.metric == metric]) for metric in metrics]
    found = Finding(verdict(sides, most=most), least(pairs, metrics), (file,), "", says)
    if found.verdict == OPEN:
        found = replace(found, why=undecided(len(sums[row.method, metrics[0]].counts)))
    if unmeasured := [rival.method for rival in rivals if not rival.measured]:
        text = f"{found.result}; {', '.join(unmeasured)} not measured"
        found = replace(found, result=text)
    return comparable(run, _dataset(run, page.name), found)


def _rivals(claim: Claim, page: Page, row: Row, named: str) -> list[Row]:
    if named != EVERY:
        return [_row(claim, page, method) for method in named.split(SEPARATOR)]
    in_paper = any(cell.printed is not None for one in page.rows for cell in one.cells)
    return [
        one
        for one in page.rows
        if one.method != row.method
        and not one.group.startswith((OWN_GROUP, "Sanity"))
        and (not in_paper or any(cell.printed is not None for cell in one.cells))
    ]


def _metrics(claim: Claim, page: Page) -> tuple[list[str], bool]:
    """Metrics that must be better, and whether most of them are enough."""
    if claim.expected in ("all", "most"):
        return list(page.metrics), claim.expected == "most"
    metrics = claim.expected.split()
    if unknown := [metric for metric in metrics if metric not in page.metrics]:
        raise InputError(
            f"{claim.place}: {page.name} has no metric {unknown[0]}; expected all, most or some of "
            f"{' '.join(page.metrics)}"
        )
    return metrics, False


def average_of(run: Run, table: str) -> Average:
    """Return how a table's means are taken: as it says itself, or its protocol, or the run's."""
    entry = run.settings.tables.get(table)
    if entry is None:
        return protocol(run.settings.protocol).averaging(meta=False)
    rules = protocol(entry.protocol or run.settings.protocol)
    return entry.average or rules.averaging(meta=run.settings.datasets[entry.dataset].meta)


def _printed_side(page: Page, row: Row, rivals: Iterable[Row], metric: str) -> Side:
    """What the printed values of a metric say."""
    index = list(page.metrics).index(metric)
    ours = row.cells[index].printed
    values = [rival.cells[index].printed for rival in rivals]
    known = [value for value in values if value is not None]
    if ours is None or not known:
        return "open"
    sign = 1 if direction(metric) == "higher" else -1
    return "for" if all(sign * ours > sign * value for value in known) else "against"


def rank(claim: Claim, parts: Parts, run: Run) -> Finding:
    """One of some rows is the best or the second best of a table, by means."""
    table = _table(claim, parts["table"], run)
    if isinstance(table, Finding):
        return table
    folder, page = table
    rows = [_row(claim, page, method) for method in parts["rows"].split(SEPARATOR)]
    wanted, *names = claim.expected.split()
    metrics, _ = _metrics(replace(claim, expected=" ".join(names)), page)
    others = _rivals(claim, page, rows[0], EVERY)
    rest = [other for other in others if other.method not in {row.method for row in rows}]
    says = _ranked(page, rows, rest, metrics, wanted, ours=False)
    files = (folder / f"{page.name}.html",)
    measured = [other for other in rest if other.measured]
    if not measured or not all(row.measured for row in rows):
        why = run.apart(_dataset(run, page.name)) or "this run does not measure these rows"
        return Finding(OPEN, "not measured", files, why, None not in says and all(says.values()))
    found = _ranked(page, rows, measured, metrics, wanted, ours=True)
    result = "; ".join(
        f"{metric}: {'' if is_so else 'not '}{wanted}" for metric, is_so in found.items()
    )
    result += f" of {len(rows) + len(measured)} measured rows"
    so = HOLDS if all(found.values()) else FAILS
    finding = Finding(so, result, files, "", all(says.values()))
    return comparable(run, _dataset(run, page.name), finding)


def _ranked(
    page: Page,
    rows: Sequence[Row],
    rest: Sequence[Row],
    metrics: Sequence[str],
    wanted: str,
    *,
    ours: bool,
) -> dict[str, bool]:
    """Metric -> whether one of the rows has the wanted rank, by our values or by printed ones."""
    found = {}
    for metric in metrics:
        index = list(page.metrics).index(metric)
        cells = [row.cells[index] for row in (*rows, *rest)]
        values = [cell.ours if ours else cell.printed for cell in cells]
        found[metric] = wanted in ranks(metric, values)[: len(rows)]
    return found
