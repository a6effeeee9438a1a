"""What a page of results shows, and how its values are written; templates/ says how it looks."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, get_args

from pydantic import TypeAdapter, ValidationError

from pipeline.evaluation.metrics.registry import Better
from pipeline.reporting.intervals import Comparison, Interval
from pipeline.reporting.pages.rendering import render, signed
from pipeline.reporting.published import DECIMALS, Rank
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import heading
from pipeline.stores.manifests import read_listing, write_listing

PAGES: Final = "pages.json"
"""File that holds the content of all pages; the report is rendered from it."""
TEMPLATES: Final = {"html": "page.html.j2", "md": "page.md.j2", "tex": "table.tex.j2"}
"""Format of a page -> its template."""
SANITY_GROUP: Final = "Sanity checks"
UNPRINTED_GROUP: Final = "Not in the paper"
RANKED: Final = (
    "Of the measured values of a column the best has a star (*) and the second best a dagger "
    "(\u2020). Equal values share a rank."
)
PRINTED_RANKS: Final = (
    "Of the printed values of a column the best is bold and the second best underlined."
)
DIFFERENCE: Final = (
    "Difference: ours - printed. \u25b2: ours is better, \u25bc: worse, =: equal as shown. The "
    "mark is hollow (\u25b3 \u25bd) where the printed value lies within our interval or there is "
    "none."
)
NOT_DEEP: Final = "(nd): non-deep learning model."
Kind = Literal["ours", "paper", "difference"]
LEADING: Final = "NSS"
"""Metric that decides which row is the best: the papers count it among the fairest."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""Columns that a metric may have."""
Verdict = Literal["better", "worse", "equal"]

_MARKS: Final = {
    ("better", True): "\u25b2",
    ("better", False): "\u25b3",
    ("worse", True): "\u25bc",
    ("worse", False): "\u25bd",
    ("equal", True): "=",
    ("equal", False): "=",
}
"""Verdict, and whether the printed value lies outside our interval -> mark of a difference."""


class Mark(NamedTuple):
    """How a difference is shown."""

    sign: str
    word: Verdict
    """Class of the cell, which has the colour."""
    aloud: str
    """What a screen reader says."""


@dataclass(frozen=True)
class Cell:
    """One metric of one row, unrounded; None where there is no such value."""

    printed: float | None
    ours: float | None
    """NaN if it was measured but is undefined in every frame."""
    interval: Interval | None = None
    """Interval of `ours`."""
    printed_rank: Rank | None = None
    """Rank among the printed values of the column."""
    rank: Rank | None = None
    """Rank among the measured values of the column."""
    comparable: bool = True
    """Whether ours and the printed value are of the same data, so that they have a difference."""

    @property
    def difference(self) -> float | None:
        """Ours minus printed, unrounded; None where the two do not compare."""
        if self.ours is None or self.printed is None or math.isnan(self.ours):
            return None
        return self.ours - self.printed if self.comparable else None

    @property
    def shown_difference(self) -> str:
        """Difference of the values as they are shown, so that a reader can check the sum."""
        if self.difference is None or self.ours is None or self.printed is None:
            return ""
        return signed(round(self.ours, DECIMALS) - self.printed)

    @property
    def outside(self) -> bool:
        """Whether the printed value lies outside our interval as shown; False without one."""
        if self.interval is None or self.printed is None:
            return False
        low, high = (round(end, DECIMALS) for end in self.interval)
        return not low <= self.printed <= high

    def verdict(self, better: Better) -> Verdict | None:
        """Which of the two values is better, as they are shown; None without a difference."""
        if self.difference is None:
            return None
        shown = float(self.shown_difference)
        if not shown:
            return "equal"
        return "better" if (shown > 0) == (better == "higher") else "worse"

    def mark(self, better: Better) -> Mark | None:
        """Mark of the difference; None without one."""
        word = self.verdict(better)
        if word is None:
            return None
        inside = self.interval is not None and not self.outside
        aloud = f"{word}, printed value within our interval" if inside else word
        return Mark(_MARKS[word, self.outside], word, aloud)


@dataclass(frozen=True)
class Row:
    """A method; `cells` follow the metrics of the page."""

    group: str
    method: str
    deep: bool
    measured: bool
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The method with the paper's mark of models that do no deep learning."""
        return self.method if self.deep else f"{self.method} (nd)"


@dataclass(frozen=True)
class Pair:
    """Two measured methods; `cells` follow the metrics of the page."""

    first: str
    second: str
    cells: tuple[Comparison, ...]


@dataclass(frozen=True)
class ClipTable:
    """One metric, clip by clip or attribute by attribute."""

    metric: str
    note: str
    """What `difference` is and how the rows are ordered."""
    methods: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...], float], ...]
    """Clip, mean of each method, difference; NaN where there is no value."""

    @property
    def compared(self) -> bool:
        """Whether any row has a difference."""
        return any(not math.isnan(difference) for _, _, difference in self.rows)


@dataclass(frozen=True)
class ClipPages:
    """The pages of the clips of a table, which are made when they are asked for."""

    command: str
    """Command that makes them and their listing."""
    links: dict[str, str]
    """Clip -> link to its page, from the folder of the tables."""
    link: str
    """Link to the listing."""


class Headline(NamedTuple):
    """The leading metric of a table."""

    metric: str
    better: Better
    best: tuple[str, Cell] | None
    """Best measured row, or rows that share the first rank; None where nothing was measured."""
    printed: tuple[str, Cell] | None
    """Best printed row."""


def leading(metrics: Iterable[str]) -> str:
    """`LEADING`, or the first of the metrics in a table without it."""
    names = [*metrics]
    return LEADING if LEADING in names else names[0]


@dataclass(frozen=True)
class Page:
    """A table with what must be known to read it."""

    name: str
    caption: str
    metrics: dict[str, Better]
    """Columns, and which of two values is the better one."""
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...] = ()
    pairs_note: str = ""
    """How the differences of `pairs` were made and tested."""
    clips: ClipTable | None = None
    attributes: ClipTable | None = None
    """A row for the clips of each attribute."""
    remarks: tuple[str, ...] = ()
    footer: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """File beside the page -> what it is called."""
    clip_pages: ClipPages | None = None
    """Where measured values lead to."""
    source: dict[str, str] = field(default_factory=dict)
    """What made the numbers, term by term: head of every sheet and copy of the table."""

    @property
    def title(self) -> str:
        """The caption after the table's own number or name."""
        return f"{self.name.replace('_', ' ').capitalize()}. {self.caption}"

    @property
    def groups(self) -> list[tuple[str, list[Row]]]:
        """Rows that follow one another and are of one group."""
        return [(group, [*rows]) for group, rows in groupby(self.rows, lambda row: row.group)]

    @property
    def coverage(self) -> str:
        """How many rows were measured."""
        count = sum(row.measured for row in self.rows)
        return f"{count} of {len(self.rows)} rows measured" if count else "printed values only"

    @property
    def cells(self) -> list[Cell]:
        """All cells, row by row."""
        return [cell for row in self.rows for cell in row.cells]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Columns of each metric: those that have a value in any row, and `ours` if none has."""
        there = {
            "ours": any(cell.ours is not None for cell in self.cells),
            "paper": any(cell.printed is not None for cell in self.cells),
            "difference": any(cell.difference is not None for cell in self.cells),
        }
        return tuple(kind for kind in KINDS if there[kind]) or ("ours",)

    @property
    def headline(self) -> Headline:
        """The best measured and the best printed row by the leading metric."""
        metric = leading(self.metrics)
        column = [row.cells[[*self.metrics].index(metric)] for row in self.rows]

        def first(ranks: Iterable[Rank | None]) -> tuple[str, Cell] | None:
            found = [i for i, rank in enumerate(ranks) if rank == "best"]
            names = ", ".join(self.rows[i].name for i in found)
            return (names, column[found[0]]) if found else None

        printed = first(cell.printed_rank for cell in column)
        return Headline(metric, self.metrics[metric], first(cell.rank for cell in column), printed)

    @property
    def intervals(self) -> bool:
        """Whether any value has an interval."""
        return any(cell.interval for cell in self.cells)

    @property
    def head(self) -> list[str]:
        """Comment lines of the table's sheets and copies, such as `run: demo`."""
        return heading({"table": self.title, **self.source})

    @property
    def legend(self) -> str:
        """How to read the cells of the page."""
        kinds, sentences = self.kinds, list[str]()
        if "ours" in kinds:
            sure = " with its 95 % interval" if self.intervals else ""
            beside = ", paper the one printed there" if "paper" in kinds else ""
            sentences.append(f"Ours is our value{sure}{beside}.")
        sentences += [DIFFERENCE] if "difference" in kinds else []
        sentences += [PRINTED_RANKS] if any(cell.printed_rank for cell in self.cells) else []
        sentences += [RANKED] if any(cell.rank for cell in self.cells) else []
        sentences += [NOT_DEEP] if not all(row.deep for row in self.rows) else []
        return " ".join(sentences)


_ADAPTER: Final = TypeAdapter(list[Page])


def write_page(folder: Path, page: Page, formats: Sequence[str]) -> None:
    """Write a page into a folder as <name>.<format>, each of `TEMPLATES`."""
    for form in formats:
        _write(folder / f"{page.name}.{form}", render(TEMPLATES[form], page=page))


def write_index(
    folder: Path,
    pages: Sequence[Page],
    title: str,
    remarks: Sequence[str],
    inputs: Mapping[str, str] | None = None,
    run: str = "",
    further: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> None:
    """Write the list of all pages, index.md and index.html, and their content, `PAGES`.

    `further` are pages elsewhere: link -> what is there, and the command that makes it.

    Last comes the list of all files in the folder, with digests of them and of their `inputs`, and
    the run that they are of.
    """
    for name in ("index.md", "index.html"):
        text = render(f"{name}.j2", pages=pages, title=title, remarks=remarks, further=further)
        _write(folder / name, text)
    # NaN and infinity stand as such: Python and pydantic read them, though JSON has neither.
    content = json.dumps([asdict(page) for page in pages])
    _write(folder / PAGES, f"{content}\n")
    write_listing(folder, inputs or {}, run)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def read_pages(folder: Path) -> list[Page]:
    """Pages whose content `write_index` wrote into a folder.

    Raises:
        InputError: The file is missing or holds something else, or a file of the folder was edited.
    """
    path = folder / PAGES
    try:
        pages = _ADAPTER.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]  # pydantic lists every field below it
        raise InputError(
            f"{path}: no pages of tables ({reason}); make them with: snakemake --force {folder}"
        ) from None
    read_listing(folder)
    return pages
