"""Recordings in Matlab files that are broken, each refused in one message or counted."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from scipy.io import loadmat, savemat

from tests.spoiling import (
    COPY,
    LAYOUT,
    Case,
    Spoil,
    content,
    counts,
    cut,
    flipped,
    matlab,
    refusals,
    remove,
)
from tests.workbench import DATA, FIXATIONS, Bench


def ledov(**fields: Any) -> Spoil:
    """Sets fields of LEDOV's struct."""

    def spoil(bench: Bench) -> None:
        file = bench.file("raw/ledov/*/Data.mat")
        data = loadmat(file, simplify_cells=True)["Data"]
        changed = {name: new(data[name]) if callable(new) else new for name, new in fields.items()}
        savemat(file, {"Data": data | changed})

    return spoil


def fixation_cells(column: int, value: float, rows: int) -> Spoil:
    def edit(fixations: np.ndarray) -> np.ndarray:
        fixations = fixations.astype(float)
        fixations[5 : 5 + rows, column] = value
        return fixations

    return ledov(fixdata=edit)


def salicon_points(*points: tuple[float, float]) -> Spoil:
    """Adds fixations to SALICON's first observer."""

    def spoil(bench: Bench) -> None:
        file = bench.file("raw/salicon/fixations/*/*.mat")
        variables = loadmat(file)
        its = variables["gaze"]["fixations"]
        its[0, 0] = np.concatenate([np.asarray(its[0, 0], float), points])
        savemat(file, {key: variables[key] for key in ("image", "resolution", "gaze")})

    return spoil


def huge_matlab(bench: Bench) -> None:
    """Data.mat whose header announces a matrix of ten to the tenth numbers."""
    file = bench.file("raw/ledov/*/Data.mat")
    savemat(file, {"Data": np.zeros((3, 5))}, do_compression=False)
    whole = file.read_bytes()
    dimensions = struct.pack("<ii", 3, 5)
    assert whole.count(dimensions) == 1
    file.write_bytes(whole.replace(dimensions, struct.pack("<ii", 100_000, 100_000)))


CASES = [
    Case("empty .mat", "ledov", "gaze", content(DATA, b""), DATA, ("not a readable", COPY)),
    Case(
        "text for a .mat",
        "ledov",
        "gaze",
        content(DATA, b"<html>404</html>" * 20),
        DATA,
        ("not a readable", COPY),
    ),
    Case("truncated .mat", "ledov", "gaze", cut(DATA, 0.6), DATA, ("not a readable", COPY)),
    Case("flipped byte in a .mat", "ledov", "gaze", flipped(DATA), DATA, ("not a readable", COPY)),
    Case(
        "words for fixations",
        "ledov",
        "gaze",
        ledov(fixdata=np.array([["a", "b"]], dtype=object)),
        DATA,
        ("expected fixdata to be numbers", COPY),
    ),
    Case("missing .mat", "ledov", "gaze", remove(DATA), DATA, ("no such file", LAYOUT)),
    Case(
        "wrong key in a .mat",
        "ledov",
        "gaze",
        matlab(DATA, data=np.zeros((3, 5))),
        DATA,
        ("no variable 'Data'", COPY),
    ),
    Case(
        "struct without a field",
        "ledov",
        "gaze",
        matlab(DATA, Data={"VideoSize": [[192, 108]]}),
        DATA,
        ("the field fixdata", COPY),
    ),
    Case(
        ".mat of absurd dimensions",
        "ledov",
        "gaze",
        huge_matlab,
        DATA,
        ("headers announce 10000000000", COPY),
    ),
    Case(
        "gaze for another video size: LEDOV",
        "ledov",
        "gaze",
        ledov(VideoSize=np.array([[1920, 1080]])),
        DATA,
        ("[1920, 1080]", "192 x 108", "use the original mp4"),
    ),
    Case(
        "fixations of four columns",
        "ledov",
        "gaze",
        ledov(fixdata=lambda rows: rows[:, :4]),
        DATA,
        ("subject, start, duration, x, y", COPY),
    ),
    Case(
        "negative duration",
        "ledov",
        "gaze",
        fixation_cells(2, -5, 1),
        DATA,
        ("row 6 of fixdata", "a duration of at least 0 ms", COPY),
    ),
    Case(
        "NaN coordinates: LEDOV",
        "ledov",
        "gaze",
        fixation_cells(3, np.nan, 3),
        counted={"lost": 3},
    ),
    Case(
        "infinite coordinates: LEDOV",
        "ledov",
        "gaze",
        fixation_cells(4, np.inf, 2),
        counted={"lost": 2},
    ),
    Case(
        "gaze for another image size: SALICON",
        "salicon",
        "gaze",
        matlab(FIXATIONS, resolution=[[480, 640]], gaze=np.zeros(3)),
        FIXATIONS,
        ("expected resolution [120 160]", "found [480, 640]", "use the images of the SALICON"),
    ),
    Case(
        "fixations outside the image: SALICON",
        "salicon",
        "gaze",
        salicon_points((0, 7), (161, 7), (7, 121)),
        counted={"outside": 3},
    ),
    Case(
        "NaN coordinates: SALICON",
        "salicon",
        "gaze",
        salicon_points((np.nan, 7), (7, np.inf)),
        counted={"lost": 2},
    ),
]


test_one_message_and_nothing_left = refusals(CASES)


test_succeeds_and_counts = counts(CASES)
