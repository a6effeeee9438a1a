"""What a page of results shows, and how its values are written; templates/ says how it looks."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from pipeline.evaluation.metrics.registry import Better
from pipeline.reporting.intervals import Comparison, Interval
from pipeline.reporting.published import DECIMALS, Rank
from pipeline.reporting.rendering import render, signed
from pipeline.runtime.errors import InputError
from pipeline.stores.manifests import read_listing, write_listing

PAGES: Final = "pages.json"
"""File that holds the content of all pages; the report is rendered from it."""
TEMPLATES: Final = {"html": "page.html.j2", "md": "page.md.j2", "tex": "table.tex.j2"}
"""Format of a page -> its template."""
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

    @property
    def difference(self) -> float | None:
        """Ours minus printed, unrounded."""
        if self.ours is None or self.printed is None or math.isnan(self.ours):
            return None
        return self.ours - self.printed

    @property
    def shown_difference(self) -> str:
        """Difference of the values as they are shown, so that a reader can check the sum."""
        if self.difference is None or self.ours is None or self.printed is None:
            return ""
        return signed(round(self.ours, DECIMALS) - self.printed)


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
    def legend(self) -> str:
        """How to read the cells of the page."""
        cells = [cell for row in self.rows for cell in row.cells]
        sentences = [BESIDE if any(cell.printed is not None for cell in cells) else ALONE]
        sentences += [RANKED] if any(cell.rank for cell in cells) else []
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
) -> None:
    """Write the list of all pages, index.md and index.html, and their content, `PAGES`.

    Last comes the list of all files in the folder, with digests of them and of their `inputs`, and
    the run that they are of.
    """
    for name in ("index.md", "index.html"):
        _write(folder / name, render(f"{name}.j2", pages=pages, title=title, remarks=remarks))
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
