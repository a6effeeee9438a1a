"""Stage demo: draw miniatures of the datasets, in their own layouts on disk, to try the workflow.

`pipeline.demo.scene` says what they show and why motion matters in it. The same seed and sheets
give the same bytes, whichever other sheets are drawn.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.demo.drawn import FRAME_LISTS
from pipeline.demo.films import film
from pipeline.demo.layouts import WRITERS, write_frame_list
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError


def draw(root: Path, clips: Mapping[str, Sequence[SheetClip]], seed: int) -> None:
    """Write the raw files of datasets, each into a folder below `root`, and the frame lists.

    `clips` are the rows of each dataset's split sheet; everything left to chance follows the seed.

    Raises:
        InputError: A video cannot be encoded.
    """
    films = {
        dataset: [film(dataset, row.name, row.split, i, seed) for i, row in enumerate(rows)]
        for dataset, rows in clips.items()
    }
    for dataset, its_films in films.items():
        WRITERS[dataset](root / dataset, its_films)
    for name, dataset in FRAME_LISTS.items():
        if dataset in films:
            write_frame_list(root / name / f"{name}.csv", films[dataset])


def demo(*, raw: Path, sheets: list[Path], seed: int) -> None:
    """Draw the datasets whose split sheets, `<dataset>.csv`, are given, into the folder `raw`.

    Raises:
        InputError: A sheet is missing, does not fit or is of a dataset that the demo cannot draw,
            or a video cannot be encoded.
    """
    for sheet in sheets:
        if sheet.stem not in WRITERS:
            raise InputError(
                f"{sheet}: the demo cannot draw a dataset {sheet.stem}; "
                f"give sheets of {', '.join(WRITERS)}"
            )
    draw(raw, {sheet.stem: read_sheet(sheet) for sheet in sheets}, seed)


if __name__ == "__main__":
    main(demo)
