"""A page of results as Markdown and as HTML that stands alone (LaTeX: `pipeline.reporting.latex`).

Everything is told by letters and lines, nothing by colour: pages are printed in grey.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import Final, Literal

from pipeline.reporting.intervals import SIGNIFICANT, Comparison, Interval
from pipeline.reporting.published import DECIMALS, Rank


@dataclass(frozen=True)
class Cell:
    """One metric of one row, in full; None: there is no such value."""

    printed: float | None
    ours: float | None
    """NaN: measured, but undefined in every frame."""
    interval: Interval | None = None
    """Of ours."""
    printed_rank: Rank | None = None
    """Among the printed values of the column."""
    rank: Rank | None = None
    """Among the measured values of the column."""

    @property
    def difference(self) -> float | None:
        """Ours minus printed, in full."""
        if self.ours is None or self.printed is None or math.isnan(self.ours):
            return None
        return self.ours - self.printed


@dataclass(frozen=True)
class Row:
    """A method; `cells` follow the metrics of the page."""

    group: str
    method: str
    deep: bool
    measured: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Pair:
    """Two measured methods; `cells` follow the metrics of the page."""

    first: str
    second: str
    cells: tuple[Comparison, ...]


@dataclass(frozen=True)
class ClipTable:
    """One metric, clip by clip."""

    metric: str
    told: str
    """What `difference` is and how the rows are ordered."""
    methods: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...], float], ...]
    """Clip, mean of each method, difference; NaN: no value."""


@dataclass(frozen=True)
class Page:
    """A table with what must be known to read it."""

    name: str
    caption: str
    metrics: dict[str, Literal["higher", "lower"]]
    """Columns, and which of two values is the better one."""
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    pairs_told: str
    """How the differences of `pairs` were made and tested."""
    clips: ClipTable | None
    attributes: ClipTable | None = field(default=None, kw_only=True)
    """The same, a row for the clips of each attribute."""
    remarks: tuple[str, ...]
    footer: dict[str, str]
    links: dict[str, str] = field(default_factory=dict)
    """File beside the page -> what it is called."""

    @property
    def title(self) -> str:
        """The caption after the table's own number or name."""
        return f"{self.name.replace('_', ' ').capitalize()}. {self.caption}"


BESIDE: Final = (
    "Where we measured: our value with its 95 % interval, then the printed one and the difference "
    "(ours - printed). Other rows quote the paper. Of the printed values of a column the best is "
    "bold and the second best underlined."
)
ALONE: Final = "Our values with their 95 % intervals."
RANKED: Final = (
    "Of the measured values of a column the best has a star (*) and the second best a dagger "
    "(\u2020). Equal values share a rank."
)
NOT_DEEP: Final = "(nd): non-deep learning model."
PAIRS: Final = "Differences between measured rows"
ARROWS: Final = {"higher": ("\u2191", "higher is better"), "lower": ("\u2193", "lower is better")}
_OURS: Final[dict[Rank | None, str]] = {"best": "*", "second": "\u2020", None: ""}
_SIGNIFICANT: Final = "\u2021"

_STYLE: Final = """\
:root { color-scheme: light dark; }
body { font: 1rem/1.45 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.35rem; line-height: 1.25; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; vertical-align: top; }
th[scope=row], th[scope=rowgroup], thead th:first-child { text-align: left; }
th[scope=row] { font-weight: normal; position: sticky; left: 0; background: Canvas; }
thead th { border-bottom: 2px solid; }
th[scope=rowgroup] { border-top: 1px solid GrayText; padding-top: .6rem; }
.measured th[scope=row] { font-weight: bold; }
u { text-underline-offset: .2em; }
small { display: block; font-size: .75rem; }
details { margin: 2rem 0; }
details thead th { white-space: normal; vertical-align: bottom; }
summary { font-weight: bold; cursor: pointer; padding: .3rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; font-size: .85rem; }
dt { font-weight: bold; }
dd { margin: 0; overflow-wrap: anywhere; }
.remark { border-left: .3rem solid; padding-left: .8rem; }
@media (max-width: 40rem) {
  th, td { padding: .25rem .35rem; font-size: .85rem; }
  th[scope=row] { white-space: normal; min-width: 5rem; max-width: 8rem; }
  dl { display: block; }
}
@media print {
  @page { margin: 1.5cm; }
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 9pt; color: black; background: white; }
  .scroll { overflow: visible; }
  th, td { padding: .15rem .2rem; }
  small { font-size: 6.5pt; }
  th[scope=row] { position: static; white-space: normal; }
  tr { break-inside: avoid; }
  h2, summary { break-after: avoid; }
  nav, details:not([open]) { display: none; }
}"""


def markdown(page: Page) -> str:
    """The page as Markdown: one table, ours / printed / difference in a measured cell."""
    lines = [f"# {page.title}", ""]
    lines += [line for remark in page.remarks for line in (f"> {remark}", "")]
    lines += _markdown_heads(["", "Method"], page)
    lines += [
        _markdown_row([row.group, _method(row), *(_markdown_cell(cell) for cell in row.cells)])
        for row in page.rows
    ]
    lines += ["", legend(page), ""]
    if page.pairs:
        lines += [f"## {PAIRS}", "", *_markdown_heads(["First", "Second"], page)]
        for pair in page.pairs:
            cells = (_beside(" ", *_compared(cell)) for cell in pair.cells)
            lines.append(_markdown_row([pair.first, pair.second, *cells]))
        lines += ["", page.pairs_told, ""]
    lines += [f"- {term}: {text}" for term, text in page.footer.items()]
    told = " - ".join(f"[{text}]({file})" for file, text in page.links.items())
    return "\n".join([*lines, *(["", told.replace(".html)", ".md)")] if told else []), ""])


def html(page: Page) -> str:
    """The page as HTML without scripts, pictures or anything from elsewhere."""
    body = [f'<h1 id="title">{escape(page.title)}</h1>']
    body += [f'<p class="remark">{escape(remark)}</p>' for remark in page.remarks]
    groups: list[str] = []
    for group, rows in groupby(page.rows, lambda row: row.group):
        groups += ["<tbody>", *_html_group(group, list(rows)), "</tbody>"]
    body += _html_table("title", _html_heads("Method", page), groups)
    body += [f"<p>{escape(legend(page))}</p>"]
    body += [*_html_pairs(page), *_html_clips(page.clips, "clip")]
    body += [*_html_clips(page.attributes, "attribute"), "<dl>"]
    body += [
        f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in page.footer.items()
    ]
    told = " &middot; ".join(
        f'<a href="{escape(file)}">{escape(text)}</a>' for file, text in page.links.items()
    )
    return _document(page.title, [*body, "</dl>", *([f"<nav>{told}</nav>"] if told else [])])


def index_markdown(pages: Sequence[Page], title: str, remarks: Sequence[str]) -> str:
    """The list of all pages as Markdown."""
    lines = [f"# {title}", ""]
    lines += [line for remark in remarks for line in (remark, "")]
    lines += [f"- [{page.title}]({page.name}.md): {_measured_rows(page)}" for page in pages]
    return "\n".join([*lines, ""])


def index_html(pages: Sequence[Page], title: str, remarks: Sequence[str]) -> str:
    """The list of all pages as HTML."""
    body = [
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(remark)}</p>" for remark in remarks),
        "<ul>",
    ]
    for page in pages:
        link = f'<a href="{escape(page.name)}.html">{escape(page.title)}</a>'
        body.append(f"<li>{link}: {_measured_rows(page)}</li>")
    return _document(title, [*body, "</ul>"])


def legend(page: Page) -> str:
    """How to read the cells of the page."""
    cells = [cell for row in page.rows for cell in row.cells]
    told = [BESIDE if any(cell.printed is not None for cell in cells) else ALONE]
    told += [RANKED] if any(cell.rank for cell in cells) else []
    told += [NOT_DEEP] if not all(row.deep for row in page.rows) else []
    return " ".join(told)


def number(value: float | None) -> str:
    """A value as it is shown."""
    if value is None:
        return "-"
    return "undefined" if math.isnan(value) else f"{value:.{DECIMALS}f}"


def signed(value: float) -> str:
    """A difference as it is shown; never -0."""
    return f"{round(value, DECIMALS) + 0.0:+.{DECIMALS}f}"


def shown_difference(cell: Cell) -> str:
    """The difference of the values as they are shown, so that a reader can check the sum."""
    if cell.difference is None or cell.ours is None or cell.printed is None:
        return ""
    return signed(round(cell.ours, DECIMALS) - cell.printed)


def shown_interval(interval: Interval | None, show: Callable[[float], str] = number) -> str:
    """As [low, high]; nothing where there is none."""
    return f"[{show(interval[0])}, {show(interval[1])}]" if interval else ""


def _document(title: str, body: Sequence[str]) -> str:
    head = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        "</head>",
        "<body>",
    ]
    return "\n".join([*head, *body, "</body>", "</html>", ""])


def _html_table(label: str, heads: str, body: Iterable[str]) -> list[str]:
    opened = f'<div class="scroll" role="region" aria-labelledby="{label}" tabindex="0">'
    table = f'<table aria-labelledby="{label}">'
    return [opened, table, f"<thead>{heads}</thead>", *body, "</table>", "</div>"]


def _html_heads(first: str, page: Page) -> str:
    heads = [f'<th scope="col">{first}</th>']
    for metric, better in page.metrics.items():
        arrow, meaning = ARROWS[better]
        heads.append(
            f'<th scope="col">{escape(metric)} <abbr title="{meaning}" aria-label="{meaning}">'
            f"{arrow}</abbr></th>"
        )
    return f"<tr>{''.join(heads)}</tr>"


def _html_group(group: str, rows: Sequence[Row]) -> Iterator[str]:
    if group:
        columns = len(rows[0].cells) + 1
        yield f'<tr><th scope="rowgroup" colspan="{columns}">{escape(group)}</th></tr>'
    for row in rows:
        kind = ' class="measured"' if row.measured else ""
        cells = "".join(_html_cell(cell) for cell in row.cells)
        yield f'<tr{kind}><th scope="row">{escape(_method(row))}</th>{cells}</tr>'


def _html_cell(cell: Cell) -> str:
    printed = _ranked(cell, "<b>{}</b>", "<u>{}</u>")
    if cell.ours is None:
        return f"<td>{printed}</td>"
    paper = (
        "" if cell.printed is None else _beside(", ", f"paper {printed}", shown_difference(cell))
    )
    return _html_stacked(_ours(cell), shown_interval(cell.interval), paper)


def _html_stacked(value: str, *below: str) -> str:
    small = "".join(f"<small>{text}</small>" for text in below if text)
    return f"<td>{value}{small}</td>"


def _html_pairs(page: Page) -> Iterator[str]:
    if not page.pairs:
        return
    yield f'<h2 id="pairs">{PAIRS}</h2>'
    rows = ["<tbody>"]
    for pair in page.pairs:
        cells = "".join(_html_stacked(*_compared(cell)) for cell in pair.cells)
        both = f"{escape(pair.first)} <small>less {escape(pair.second)}</small>"
        rows.append(f'<tr><th scope="row">{both}</th>{cells}</tr>')
    yield from _html_table("pairs", _html_heads("Difference", page), [*rows, "</tbody>"])
    yield f"<p>{escape(page.pairs_told)}</p>"


def _html_clips(clips: ClipTable | None, word: str) -> Iterator[str]:
    if clips is None:
        return
    apart = any(not math.isnan(difference) for _, _, difference in clips.rows)
    heads = [word.capitalize(), *clips.methods, *(["difference"] if apart else [])]
    rows = ["<tbody>"]
    for clip, means, difference in clips.rows:
        cells = [*map(number, means)]
        if apart:
            cells.append("-" if math.isnan(difference) else signed(difference))
        told = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{escape(clip)}</th>{told}</tr>')
    named = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    yield f'<details><summary id="{word}s">{escape(clips.metric)} of each {word}</summary>'
    yield f"<p>{escape(clips.told)}</p>"
    yield from _html_table(f"{word}s", f"<tr>{named}</tr>", [*rows, "</tbody>"])
    yield "</details>"


def _markdown_heads(first: Sequence[str], page: Page) -> list[str]:
    heads = [f"{metric} {ARROWS[better][0]}" for metric, better in page.metrics.items()]
    rule = ["---"] * len(first) + ["---:"] * len(heads)
    return [_markdown_row([*first, *heads]), _markdown_row(rule)]


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _markdown_cell(cell: Cell) -> str:
    printed = _ranked(cell, "**{}**", "<ins>{}</ins>")
    if cell.ours is None:
        return printed
    ours = _beside(" ", _ours(cell).replace("*", r"\*"), shown_interval(cell.interval))
    if cell.printed is None:
        return ours
    return " / ".join((ours, printed, shown_difference(cell) or "-"))


def _compared(cell: Comparison) -> tuple[str, str, str]:
    """Difference, its interval, and p with a double dagger where it is significant."""
    if math.isnan(cell.difference):
        return "undefined", "", ""
    between = shown_interval(cell.interval, signed)
    if cell.p is None:
        return signed(cell.difference), between, ""
    p = "p < 0.001" if cell.p < 0.001 else f"p {cell.p:.3f}"
    return signed(cell.difference), between, p + (_SIGNIFICANT if cell.p < SIGNIFICANT else "")


def _ours(cell: Cell) -> str:
    return number(cell.ours) + _OURS[cell.rank]


def _ranked(cell: Cell, best: str, second: str) -> str:
    """The printed value in the form of its rank."""
    form = {"best": best, "second": second, None: "{}"}[cell.printed_rank]
    return form.format(number(cell.printed))


def _beside(between: str, *parts: str) -> str:
    return between.join(filter(None, parts))


def _method(row: Row) -> str:
    return row.method if row.deep else f"{row.method} (nd)"


def _measured_rows(page: Page) -> str:
    count = sum(row.measured for row in page.rows)
    return f"{count} of {len(page.rows)} rows measured" if count else "printed values only"
