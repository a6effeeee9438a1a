"""Stage report: a whole run on one page that needs no network and no script.

It holds the tables that stage `tables` wrote, training curves, the figures of the papers, gates,
what the check of gaze against frames found, and the time that every rule took.
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
from pipeline.reporting.pages.notes import protocols
from pipeline.reporting.pages.page import read_pages
from pipeline.reporting.pages.rendering import render
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.runtime.sheets import read_rows

TRAINING: Final = "training"
"""Stem of the picture of the training curves; all other pictures are of a table."""
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
FIGURES: Final = {
    "overlays": "The stillest and the liveliest clip: a frame, its fixations, consecutive frames "
    "laid over each other, and theirs (Fig. 1).",
    "flow_images": "Frames, and below them the flow pictures that the network is given (Fig. 3 of "
    "the predecessor).",
    "failures": "Classes of clips, the worst first, each with its worst clip: frame and gaze "
    "points, density, and the map over the frame (Fig. 7).",
}
"""Stage -> what its pictures show."""
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
    """The best, median and worst clip of a table's dataset."""

    table: str
    picture: Picture
    metric: str
    """What chose the clips."""
    clips: str


class Figure(NamedTuple):
    """A figure of a dataset or a table."""

    kind: str
    """Name of its stage, a key of `FIGURES`."""
    name: str
    """Its dataset or table, and its model if it is of one."""
    picture: Picture


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
    regions: Picture


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
    figures: list[Path],
    alignment: list[Path],
    benchmarks: Path,
    settings: TablesSettings,
    page: Path,
) -> None:
    """Write everything that a run made to one HTML file.

    Args:
        tables: Folder of stage `tables`.
        pictures: PNGs of stages `pictures`, each of a table with its sheet beside it, and `curves`.
        logs: <model>/<training>.csv of every training.
        gates: Sheets of stage `gates`, with their PNGs beside them.
        figures: PNGs of the stages of `FIGURES`, each below a folder of the stage's name.
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
        "protocols": protocols(settings),
        "pages": sorted(read_pages(tables), key=lambda one: one.name),
        "curves": [_inline(picture) for picture in pictures if picture.stem == TRAINING],
        "trainings": [
            _losses(log) for log in sorted(logs, key=lambda log: (log.stem, log.parent.name))
        ],
        "last": _LAST,
        "panels": [_panels(picture) for picture in pictures if picture.stem != TRAINING],
        "gates": [_gate(sheet) for sheet in gates],
        "figures": [_figure(picture) for picture in figures],
        "figure_kinds": FIGURES,
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
    rows = read_rows(picture.with_suffix(".csv"), ("place", "clip", "frame", "model", "metric"))
    shown = dict.fromkeys(f"{row['place']} {row['clip']}, frame {row['frame']}" for row in rows)
    metric = rows[0]["metric"] if rows else "no metric"
    return Panels(picture.stem, _inline(picture), metric, "; ".join(shown))


def _figure(picture: Path) -> Figure:
    """A figure <stage>/<dataset>.png or <stage>/<model>/<dataset>.png."""
    folder = picture.parent
    model = "" if folder.name in FIGURES else folder.name
    kind = folder.parent.name if model else folder.name
    return Figure(kind, f"{picture.stem}, {model}" if model else picture.stem, _inline(picture))


def _gate(sheet: Path) -> Gate:
    columns = ("G_T_moving", "G_T_resting")
    rows = read_rows(sheet, ("clip", *columns))
    values = [[float(row[column]) for row in rows if row[column]] for column in columns]
    moving, resting = (fmean(found) if found else None for found in values)
    curves, panels, regions = (
        _inline(sheet.with_name(f"{sheet.stem}_{kind}.png"))
        for kind in ("curves", "panels", "regions")
    )
    model = f"{sheet.parents[1].name} {sheet.parent.name}"
    return Gate(sheet.stem, model, len(rows), moving, resting, curves, panels, regions)


def _check(sheet: Path) -> Check:
    rows = read_rows(sheet, ("clip", "flags"))
    return Check(sheet, len(rows), [row for row in rows if row["flags"]])


if __name__ == "__main__":
    main(report)
