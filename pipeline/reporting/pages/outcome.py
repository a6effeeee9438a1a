"""What came out of a run, in one sentence that is computed from the cells of its tables."""

from collections import Counter
from collections.abc import Sequence

from pipeline.reporting.pages.page import SANITY_GROUP, Page
from pipeline.reporting.published import DECIMALS


def outcome(pages: Sequence[Page]) -> str:
    """Return one sentence on what came out, computed from the cells of all tables.

    Where values compare, it counts those that are better and worse than printed, and the tables
    whose best printed row is the best of ours too; else the tables whose best row is no sanity
    check.
    """
    compared = [
        (cell.verdict(better), cell.outside, cell.interval)
        for page in pages
        for row in page.rows
        for cell, better in zip(row.cells, page.metrics.values(), strict=True)
        if cell.difference is not None
    ]
    if not compared:
        return _ahead(pages)
    verdicts = Counter(verdict for verdict, _, _ in compared)
    known = [outside for _, outside, interval in compared if interval]
    text = (
        f"Of {len(compared)} values that are both printed and measured, {verdicts['better']} are "
        f"better than printed, {verdicts['worse']} worse and {verdicts['equal']} equal"
    )
    if known:
        text += f"; {known.count(False)} of {len(known)} printed values lie within our intervals"
    same = [one for page in pages if (one := _same_best(page)) is not None]
    if not same:
        return f"{text}."
    return (
        f"{text}; in {sum(same)} of {_tables(len(same))} the row with the best printed "
        f"{_leading(pages)} has the best of ours too."
    )


def _tables(count: int) -> str:
    return "1 table" if count == 1 else f"{count} tables"


def _leading(pages: Sequence[Page]) -> str:
    """Metrics that decide which row of a table is the best."""
    return " or ".join(dict.fromkeys(page.headline.metric for page in pages))


def _ahead(pages: Sequence[Page]) -> str:
    """How often the best measured row is no sanity check, where nothing compares with print."""
    groups = [
        [
            row.group
            for row in page.rows
            if row.cells[[*page.metrics].index(page.headline.metric)].rank == "best"
        ]
        for page in pages
        if any(row.group == SANITY_GROUP for row in page.rows)
    ]
    if not groups:
        return "Nothing was measured that could be compared."
    ahead = sum(bool(found) and SANITY_GROUP not in found for found in groups)
    return (
        f"By {_leading(pages)} the best measured row is ahead of all sanity checks in {ahead} of "
        f"{_tables(len(groups))}; nothing here compares with a printed value."
    )


def _same_best(page: Page) -> bool | None:
    """Whether one row is the best printed and the best measured, of those that are both.

    None with fewer than two such rows.
    """
    metric, better = page.headline.metric, page.headline.better
    place = [*page.metrics].index(metric)
    both = [
        (cell.printed, round(cell.ours, DECIMALS))
        for cell in (row.cells[place] for row in page.rows)
        if cell.difference is not None and cell.printed is not None and cell.ours is not None
    ]
    if len(both) < 2:
        return None
    pick = max if better == "higher" else min
    best = [pick(column) for column in zip(*both, strict=True)]
    return any([*pair] == best for pair in both)
