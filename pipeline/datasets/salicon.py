"""SALICON: attention on 15,000 of 20,000 COCO images by mouse tracking (Jiang et al., CVPR 2015).

Observers and task: about 60 an image, free viewing with a window that follows the mouse. Rate: 100
Hz (resampled), reduced to fixations. Screen: coordinates are already pixels of the 640 x 480
image. Files: `<split>/<image>.mat` with image, resolution = [H W] and gaze, an N x 1 struct with
location, timestamp and fixations (x y), pixels that count from 1. Observers are anonymous: they
are numbered from 1 in the order of the file.

Known defects: two editions, 2015 and 2017, have the same layout and different fixations; the paper
does not say which it used, so `edition` must be declared. In that of 2017 points may lie outside
the image: they are dropped and counted. The test images have no gaze.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.datasets.mat import as_numbers, read_mat, read_struct
from pipeline.datasets.records import Clip, Gaze, ReaderError, Samples, join, keep

EDITIONS = ("2015", "2017")


def _points(path: Path, observer: int, fixations: object) -> Samples:
    """[n, (x, y)] pixels that count from 1."""
    numbers = as_numbers(path, f"fixations of observer {observer}", fixations)
    points: Samples = np.atleast_2d(numbers).astype(np.float64)
    if not points.size:
        return np.empty((0, 2))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ReaderError(
            f"{path}: fixations of observer {observer}: expected two columns x y, found the shape "
            f"{points.shape}; copy the file again from the original archive"
        )
    return points


def read(files: Sequence[Path], clip: Clip, *, edition: str | None) -> Gaze:
    """Return the fixations in the one .mat file of a SALICON image, all in frame 0.

    `edition` must be set to "2015" or "2017", whichever the files are of.

    Raises:
        ReaderError: `edition` is not set, not one file, or a file that does not fit the layout.
    """
    if str(edition) not in EDITIONS:
        raise ReaderError(
            f"salicon's gaze.options.edition in config.yaml is {edition!r}; set it to that of your "
            f"files, one of {', '.join(EDITIONS)}: the two differ"
        )
    if len(files) != 1:
        raise ReaderError(
            f"{clip.name}: expected one .mat file, found {len(files)}; "
            "correct salicon's gaze.files in config.yaml"
        )
    path = files[0]
    resolution = as_numbers(path, "resolution", read_mat(path, "resolution")).ravel().tolist()
    if resolution != [clip.height, clip.width]:
        raise ReaderError(
            f"{path}: expected resolution [{clip.height} {clip.width}] as the image has, found "
            f"{resolution}; use the images of the SALICON release"
        )
    fixations = read_struct(path, "gaze", ("fixations",))["fixations"]
    recordings = fixations if isinstance(fixations, list) else [fixations]
    parts = []
    for observer, its in enumerate(recordings, start=1):
        x, y = _points(path, observer, its).T
        lost = ~(np.isfinite(x) & np.isfinite(y))
        outside = (x < 0.5) | (y < 0.5) | (x >= clip.width + 0.5) | (y >= clip.height + 0.5)
        reasons = [("lost", lost), ("outside", outside)]
        parts.append(keep(np.zeros(len(x)), x - 1, y - 1, observer, reasons))
    return join(parts)
