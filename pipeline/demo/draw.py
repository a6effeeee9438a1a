"""Stage demo: draws miniatures of the datasets, in their own layouts on disk, to try the workflow.

What is drawn, and why motion matters in it: `pipeline.demo.scene`. The same seed and sheets
give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.demo.films import film
from pipeline.demo.layouts import META, WRITERS, write_frame_list
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.runtime.cli import main


def draw(root: Path, clips: Mapping[str, Sequence[SheetClip]], seed: int) -> None:
    """Writes the raw files of some datasets, and the frame lists over them.

    Args:
        root: Folder that gets a folder per dataset.
        clips: The rows of each dataset's split sheet.
        seed: Of everything that is left to chance.
    """
    films = {
        dataset: [film(dataset, row.name, row.split, i, seed) for i, row in enumerate(rows)]
        for dataset, rows in clips.items()
    }
    for dataset, its_films in films.items():
        WRITERS[dataset](root / dataset, its_films)
    for meta, dataset in META.items():
        if dataset in films:
            write_frame_list(root / meta / f"{meta}.csv", films[dataset])


def demo(*, raw: Path, splits: Path, seed: int) -> None:
    """Draws every dataset of the demo.

    Args:
        raw: Folder to write to.
        splits: Folder of the split sheets, `<dataset>.csv`.
        seed: Of everything that is left to chance.

    Raises:
        InputError: A split sheet is missing or does not fit, or a video cannot be encoded.
    """
    draw(raw, {dataset: read_sheet(splits / f"{dataset}.csv") for dataset in WRITERS}, seed)


if __name__ == "__main__":
    main(demo)
