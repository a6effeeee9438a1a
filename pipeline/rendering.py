"""A page of results as Markdown and as HTML that stands alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final, Literal


@dataclass(frozen=True)
class Cell:
    """One metric of one row, in full; None: there is no such value."""

    printed: float | None
    ours: float | None
    """NaN: measured, but undefined in every frame."""
    best: bool = False
    """Whether no measured row of the table has a better value."""

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
class Page:
    """A table with what must be known to read it."""

    name: str
    title: str
    metrics: dict[str, Literal["higher", "lower"]]
    """Columns, and which of two values is the better one."""
    rows: tuple[Row, ...]
    remarks: tuple[str, ...]
    footer: dict[str, str]


LEGEND: Final = (
    "Where we measured: our value, then the printed one and the difference (ours - printed). "
    "Other rows quote the paper. The best measured value of a column is marked with a star."
)
NOT_DEEP: Final = "(nd): non-deep learning model."
_ARROWS: Final = {"higher": ("\u2191", "higher is better"), "lower": ("\u2193", "lower is better")}

_STYLE: Final = """\
:root { color-scheme: light dark; }
body { font: 1rem/1.45 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.35rem; line-height: 1.25; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; vertical-align: top; }
th[scope=row], th[scope=rowgroup], thead th:first-child { text-align: left; }
th[scope=row] { font-weight: normal; position: sticky; left: 0; background: Canvas; }
thead th { border-bottom: 2px solid; }
th[scope=rowgroup] { border-top: 1px solid GrayText; padding-top: .6rem; }
.measured th[scope=row], .best b { font-weight: bold; }
.best b { border-bottom: 2px solid; }
td b { font-weight: normal; }
small { display: block; font-size: .75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; font-size: .85rem; }
dt { font-weight: bold; }
dd { margin: 0; overflow-wrap: anywhere; }
.remark { border-left: .3rem solid; padding-left: .8rem; }
@media (max-width: 40rem) {
  th, td { padding: .25rem .35rem; font-size: .85rem; }
  th[scope=row] { white-space: normal; min-width: 6rem; }
  dl { display: block; }
}"""


def markdown(page: Page) -> str:
    """The page as Markdown: one table, ours / printed / difference in a measured cell."""
    heads = [f"{metric} {_ARROWS[better][0]}" for metric, better in page.metrics.items()]
    lines = [f"# {page.title}", ""]
    lines += [line for remark in page.remarks for line in (f"> {remark}", "")]
    lines += [
        _markdown_row(["", "Method", *heads]),
        _markdown_row(["---"] * 2 + ["---:"] * len(heads)),
    ]
    lines += [
        _markdown_row([row.group, _method(row), *(_markdown_cell(cell) for cell in row.cells)])
        for row in page.rows
    ]
    lines += ["", _legend(page), ""]
    lines += [f"- {term}: {text}" for term, text in page.footer.items()]
    return "\n".join([*lines, "", "[All tables](index.md)", ""])


def html(page: Page) -> str:
    """The page as HTML without scripts, pictures or anything from elsewhere."""
    body = [f'<h1 id="title">{escape(page.title)}</h1>']
    body += [f'<p class="remark">{escape(remark)}</p>' for remark in page.remarks]
    body += ['<div class="scroll" role="region" aria-labelledby="title" tabindex="0">']
    body += ['<table aria-labelledby="title">', "<thead>", _html_heads(page), "</thead>"]
    for group, rows in groupby(page.rows, lambda row: row.group):
        body += ["<tbody>", *_html_group(group, list(rows)), "</tbody>"]
    body += ["</table>", "</div>", f"<p>{escape(_legend(page))}</p>", "<dl>"]
    body += [
        f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in page.footer.items()
    ]
    return _document(page.title, [*body, "</dl>", '<p><a href="index.html">All tables</a></p>'])


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


def _html_heads(page: Page) -> str:
    heads = ['<th scope="col">Method</th>']
    for metric, better in page.metrics.items():
        arrow, meaning = _ARROWS[better]
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
    if cell.ours is None:
        return f"<td>{_number(cell.printed)}</td>"
    kind = ' class="best"' if cell.best else ""
    beside = "" if cell.printed is None else f"<small>{_html_beside(cell)}</small>"
    return f"<td{kind}><b>{_number(cell.ours)}{'*' if cell.best else ''}</b>{beside}</td>"


def _html_beside(cell: Cell) -> str:
    return ", ".join(filter(None, (f"paper {_number(cell.printed)}", _shown_difference(cell))))


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _markdown_cell(cell: Cell) -> str:
    if cell.ours is None:
        return _number(cell.printed)
    ours = f"**{_number(cell.ours)}**\\*" if cell.best else _number(cell.ours)
    if cell.printed is None:
        return ours
    return " / ".join((ours, _number(cell.printed), _shown_difference(cell) or "-"))


def _method(row: Row) -> str:
    return row.method if row.deep else f"{row.method} (nd)"


def _legend(page: Page) -> str:
    return LEGEND if all(row.deep for row in page.rows) else f"{LEGEND} {NOT_DEEP}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return "undefined" if math.isnan(value) else f"{value:.3f}"


def _shown_difference(cell: Cell) -> str:
    """The difference of the values as they are shown, so that a reader can check the sum."""
    if cell.difference is None or cell.ours is None or cell.printed is None:
        return ""
    return f"{round(round(cell.ours, 3) - cell.printed, 3) + 0.0:+.3f}"


def _measured_rows(page: Page) -> str:
    count = sum(row.measured for row in page.rows)
    return f"{count} of {len(page.rows)} rows measured" if count else "printed values only"
