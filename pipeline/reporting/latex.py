r"""A page of results as a LaTeX table, to be read in by \input; its only package is booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from pipeline.reporting.page import (
    Cell,
    Page,
    Row,
    legend,
    number,
    shown_difference,
    shown_interval,
)
from pipeline.reporting.published import Rank

_ESCAPES: Final = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "\u2020": r"\dag{}",
        "\u2021": r"\ddag{}",
    }
)
_ARROWS: Final = {"higher": r"$\uparrow$", "lower": r"$\downarrow$"}
_PRINTED: Final[dict[Rank | None, str]] = {
    "best": r"\textbf{%s}",
    "second": r"\underline{%s}",
    None: "%s",
}
_OURS: Final[dict[Rank | None, str]] = {
    "best": r"%s\textsuperscript{*}",
    "second": r"%s\textsuperscript{\dag}",
    None: "%s",
}


def latex(page: Page) -> str:
    """The page as a table environment; below a measured row stand its interval and the paper's."""
    heads = [f"{escaped(metric)} {_ARROWS[better]}" for metric, better in page.metrics.items()]
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(page.caption)}}}",
        rf"\label{{tab:{page.name.replace('_', '-')}}}",
        rf"\begin{{tabular}}{{l{'r' * len(heads)}}}",
        r"\toprule",
        _line(["Method", *heads]),
    ]
    for group, rows in groupby(page.rows, lambda row: row.group):
        lines.append(r"\midrule")
        if group:
            lines.append(
                rf"\multicolumn{{{len(heads) + 1}}}{{l}}{{\textit{{{escaped(group)}}}}} \\"
            )
        lines += [line for row in rows for line in _row(row)]
    told = [*page.remarks, legend(page), *(f"{term}: {text}." for term, text in _note(page))]
    return "\n".join(
        [
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
            r"\smallskip",
            r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
            *map(escaped, told),
            r"\end{minipage}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return text.translate(_ESCAPES)


def _note(page: Page) -> Iterator[tuple[str, str]]:
    for term, text in page.footer.items():
        yield term, text.removesuffix(".")


def _row(row: Row) -> Iterator[str]:
    name = escaped(row.method if row.deep else f"{row.method} (nd)")
    if not row.measured:
        yield _line([name, *(_printed(cell) for cell in row.cells)])
        return
    ours = (_OURS[cell.rank] % number(cell.ours) for cell in row.cells)
    yield _line([rf"\textbf{{{name}}}", *ours])
    below = {
        r"95\,\% interval": [shown_interval(cell.interval) for cell in row.cells],
        "paper": ["" if cell.printed is None else _printed(cell) for cell in row.cells],
        "difference": [_minus(shown_difference(cell)) for cell in row.cells],
    }
    for term, cells in below.items():
        if any(cells):
            small = (rf"{{\scriptsize {cell}}}" if cell else "" for cell in cells)
            yield _line([rf"\quad{{\scriptsize {term}}}", *small])


def _printed(cell: Cell) -> str:
    return _PRINTED[cell.printed_rank] % number(cell.printed)


def _minus(text: str) -> str:
    return f"${text}$" if text else ""


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
