"""Stage crops: parts of photographs, with the densities that UNISAL finds in them.

A few hundred photographs teach what people look at in these; their parts, seen as pictures of their
own, teach what UNISAL knows of thousands. The teacher is that of stage films.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.preprocessing.density_recipes import released_map
from pipeline.raw.splits import read_sheet
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.teaching.drawing.photographs import pixels_of
from pipeline.teaching.layout import generator, write_clip
from pipeline.teaching.teacher import Teacher
from pipeline.viewing.network.load import load

WIDTH = 512
"""Pixels of a crop's width: what a network sees at most."""
SHARES = (0.4, 0.9)
"""Least and largest side of a crop, as a share of the photograph's."""
_QUALITY = 95


def crop(photograph: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a part of a photograph [y, x, 3], of its aspect, WIDTH pixels wide; half mirrored."""
    height, width = photograph.shape[:2]
    share = rng.uniform(*SHARES)
    rows, columns = round(height * share), round(width * share)
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    part = photograph[top : top + rows, left : left + columns]
    size = (WIDTH, round(WIDTH * height / width))
    larger = columns < WIDTH
    found = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)
    return np.asarray(found[:, ::-1] if rng.random() < 0.5 else found, np.uint8)


def crops(*, photographs: Path, sheet: Path, weights: Path, folder: Path, seed: int) -> None:
    """Write the clips of a split sheet, `<photograph>_<number>`, one picture each, into `folder`.

    `weights` is the file of UNISAL's authors. Clips that are there are kept, so that an interrupted
    run goes on.

    Raises:
        InputError: The sheet does not fit, a photograph is missing or damaged, or the weights are
            missing or others.
    """
    clips = read_sheet(sheet)
    wanted = [clip for clip in clips if not (folder / clip.split / clip.name).is_dir()]
    if wanted:
        teacher = Teacher(load("unisal", weights=weights))
    for clip in wanted:
        stem, _, number = clip.name.rpartition("_")
        if not stem or not number.isdecimal():
            raise InputError(
                f"{sheet}: clip {clip.name}: expected a photograph and a number, as name_1"
            )
        rng = generator(seed, clip.name)
        part = crop(pixels_of(photographs / f"{stem}.jpg"), rng)
        density = released_map(teacher.predict(part).squeeze(), part.shape[:2])
        with atomic(folder / clip.split / clip.name) as partial:
            write_clip(partial, [(part, density)], rng, _QUALITY)
    print(f"{folder}: {len(clips)} clips, {len(wanted)} of them new")


if __name__ == "__main__":
    main(crops)
