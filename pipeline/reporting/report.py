"""Stage report: a whole run on one page that needs no network and no script.

It holds the tables that stage `tables` wrote, training curves, the best, median and worst clip of
each dataset, gates, what the check of gaze against frames found, and the time that every rule took.
What a run does not have is said in a sentence.
"""

import base64
import io
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any, Final, NamedTuple

from PIL import Image, UnidentifiedImageError

from pipeline.config.evaluation import TablesSettings
from pipeline.reporting.figures.timings import duration, read_timings
from pipeline.reporting.page import read_pages
from pipeline.reporting.rendering import render
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.runtime.sheets import read_rows

TRAINING: Final = "training"
"""Stem of the picture of the training curves; all other pictures are of a dataset."""
FLAGS: Final = {
    "short_gaze": "a recording is much shorter than the video",
    "long_gaze": "recordings are much longer than the video",
    "few_observers": "fewer observers than there should be",
    "outside": "many samples lie beside the video",
    "no_motion": "nothing moves, so time and place cannot be checked",
    "late": "gaze comes later than the motion that it fits",
    "early": "gaze comes before the motion that it fits",
    "flipped_x": "gaze fits the motion better mirrored left to right",
    "flipped_y": "gaze fits the motion better turned upside down",
}
"""What the flags of stage `alignment` mean."""
FLAG_COLUMNS: Final = {
    "clip": "Clip",
    "flags": "Flags",
    "seconds": "Seconds",
    "shortest_gaze_seconds": "Shortest gaze",
    "observers_per_frame": "Observers",
    "outside_share": "Outside",
    "nss_0": "NSS on motion",
    "best_lag": "Best lag",
    "nss_best": "NSS there",
}
"""Column of the sheet of stage `alignment` -> heading in the list of flagged clips."""
_LAST: Final = 10
"""Iterations whose mean loss stands for a training's end."""
_MOST: Final = 100
"""Flagged clips of a dataset that are listed; the sheet has them all."""
_WIDTH: Final = 1500
"""Pixels of a picture at most: enough for print on a page's width."""
_QUALITY: Final = 80
"""WebP's quality, of 100: no loss that can be seen in print."""


class Picture(NamedTuple):
    """A picture within the page."""

    source: str
    """Its bytes as a data URL."""
    width: int
    height: int


class Panels(NamedTuple):
    """The best, median and worst clip of a dataset."""

    dataset: str
    picture: Picture
    model: str
    """The model whose NSS chose the clips."""
    clips: str


class Gate(NamedTuple):
    """What the gate of a model did on a dataset."""

    dataset: str
    model: str
    frames: int
    moving: float | None
    """Mean of G_T where things move, over the frames in which anything does."""
    resting: float | None
    curves: Picture
    panels: Picture


class Check(NamedTuple):
    """What stage `alignment` found in a dataset."""

    sheet: Path
    clips: int
    flagged: list[dict[str, str]]

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.sheet.stem

    @property
    def listed(self) -> list[list[str]]:
        """The first `_MOST` flagged clips, with `FLAG_COLUMNS`; - where there is no value."""
        return [[row.get(column) or "-" for column in FLAG_COLUMNS] for row in self.flagged[:_MOST]]

    @property
    def counts(self) -> Counter[str]:
        """How many clips have each flag."""
        return Counter(flag for row in self.flagged for flag in row["flags"].split())


def report(
    *,
    tables: Path,
    pictures: list[Path],
    logs: list[Path],
    gates: list[Path],
    alignment: list[Path],
    benchmarks: Path,
    settings: TablesSettings,
    page: Path,
) -> None:
    """Write everything that a run made to one HTML file.

    Args:
        tables: Folder of stage `tables`.
        pictures: PNGs of stages `pictures`, each with its sheet beside it, and `curves`.
        logs: <model>/<training>.csv of every training.
        gates: Sheets of stage `gates`, with their PNGs beside them.
        alignment: Sheets of stage `alignment`.
        benchmarks: Folder of Snakemake's benchmarks, <rule>/.../<job>.tsv; need not be there.
        settings: Those of the tables.
        page: File to write.

    Raises:
        InputError: A file is missing, or is not what its stage writes.
    """
    checks = [_check(sheet) for sheet in alignment]
    raised = {flag for check in checks for flag in check.counts}
    content: dict[str, Any] = {
        "settings": settings,
        "pages": sorted(read_pages(tables), key=lambda one: one.name),
        "curves": [_inline(picture) for picture in pictures if picture.stem == TRAINING],
        "trainings": [
            _losses(log) for log in sorted(logs, key=lambda log: (log.stem, log.parent.name))
        ],
        "last": _LAST,
        "panels": [_panels(picture) for picture in pictures if picture.stem != TRAINING],
        "gates": [_gate(sheet) for sheet in gates],
        "checks": checks,
        "flagged": [check for check in checks if check.flagged],
        "flags": {flag: meaning for flag, meaning in FLAGS.items() if flag in raised},
        "flag_columns": FLAG_COLUMNS,
        "timings": read_timings(benchmarks),
        "duration": duration,
    }
    text = render("report.html.j2", **content)
    with atomic(page) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def _inline(path: Path) -> Picture:
    """A picture as WebP, not wider than a printed page needs."""
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(
            f"{path}: not a picture ({error}); make it again with: snakemake --force {path}"
        ) from None
    if picture.width > _WIDTH:
        size = (_WIDTH, round(picture.height * _WIDTH / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    # Method 4 of 6: slower ones save little.
    picture.save(encoded, "WEBP", quality=_QUALITY, method=4)
    data = base64.b64encode(encoded.getvalue()).decode("ascii")
    return Picture(f"data:image/webp;base64,{data}", picture.width, picture.height)


def _losses(log: Path) -> tuple[str, ...]:
    """Model, training, iterations, first loss and mean of the last ones."""
    rows = read_rows(log, ("iteration", "loss"))
    if not rows:
        return log.parent.name, log.stem, "0", "-", "-"
    losses = [float(row["loss"]) for row in rows]
    ends = (f"{losses[0]:.3f}", f"{fmean(losses[-_LAST:]):.3f}")
    return log.parent.name, log.stem, rows[-1]["iteration"], *ends


def _panels(picture: Path) -> Panels:
    rows = read_rows(picture.with_suffix(".csv"), ("place", "clip", "frame", "model", "NSS"))
    shown = dict.fromkeys(f"{row['place']} {row['clip']}, frame {row['frame']}" for row in rows)
    model = rows[-1]["model"] if rows else "no model"
    return Panels(picture.stem, _inline(picture), model, "; ".join(shown))


def _gate(sheet: Path) -> Gate:
    columns = ("G_T_moving", "G_T_resting")
    rows = read_rows(sheet, ("clip", *columns))
    values = [[float(row[column]) for row in rows if row[column]] for column in columns]
    moving, resting = (fmean(found) if found else None for found in values)
    curves, panels = (
        _inline(sheet.with_name(f"{sheet.stem}_{kind}.png")) for kind in ("curves", "panels")
    )
    model = f"{sheet.parents[1].name} {sheet.parent.name}"
    return Gate(sheet.stem, model, len(rows), moving, resting, curves, panels)


def _check(sheet: Path) -> Check:
    rows = read_rows(sheet, ("clip", "flags"))
    return Check(sheet, len(rows), [row for row in rows if row["flags"]])


if __name__ == "__main__":
    main(report)
