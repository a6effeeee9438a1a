"""Recordings in text that are broken, each refused in one message or counted."""

from __future__ import annotations

import numpy as np

from pipeline.datasets.records import Clip
from pipeline.demo.encode import write_video
from tests.spoiling import (
    COPY,
    LAYOUT,
    PUT,
    Case,
    cells,
    content,
    counts,
    outside,
    process,
    refusals,
    remove,
    text,
)
from tests.workbench import DHF1K, DIEM, EVENTS, GEOMETRY, RESOLUTION, SAMPLES, TRAIL, UCF, Bench


def large_video(bench: Bench) -> None:
    """A video larger than DIEM's screen, in good frames."""
    clip = Clip("large", 2, 1320, 990, 30.0)
    write_video(bench.file("raw/diem/*/video/*.mp4"), clip, np.zeros((2, 990, 1320, 3), np.uint8))
    bench.target = bench.root / "made"
    bench.run("frames")
    bench.target = bench.root / "data"


CASES = [
    Case(
        "gaze for another video size: Mathe",
        "ucf_sports",
        "gaze",
        content(RESOLUTION, f"{UCF}.avi 720 404 10\n".encode()),
        RESOLUTION,
        ("line 1", "720 x 404", "180 x 120", "use the videos that the gaze was recorded on"),
    ),
    Case(
        "clip without a line in resolution.txt",
        "ucf_sports",
        "gaze",
        content(RESOLUTION, b"Run-Side-001.avi 180 120 10\n"),
        RESOLUTION,
        (f"no line for {UCF}.avi", "named as there"),
    ),
    Case(
        "nonsense in geometry.txt",
        "ucf_sports",
        "gaze",
        content(GEOMETRY, b"a screen\n"),
        GEOMETRY,
        ("screen's width and height", COPY),
    ),
    Case(
        "missing geometry.txt",
        "ucf_sports",
        "gaze",
        remove(GEOMETRY),
        GEOMETRY,
        ("No such file", COPY),
    ),
    Case(
        "missing file of an observer in config.yaml",
        "ucf_sports",
        "gaze",
        remove(SAMPLES),
        SAMPLES,
        ("cannot be read (No such file", LAYOUT),
    ),
    Case(
        "no gaze file",
        "dhf1k",
        "gaze",
        lambda bench: (
            remove("raw/dhf1k/exportdata_train")(bench),
            bench.gaze_keys(observers=None),
        ),
        "raw/dhf1k",
        (f"no gaze file of clip {DHF1K} fits exportdata_train/", LAYOUT),
    ),
    Case(
        "too few columns",
        "ucf_sports",
        "gaze",
        text(SAMPLES, lambda rows: [*rows[:4], "8000 11.50", *rows[5:]]),
        SAMPLES,
        ("line 5: expected 6 columns", "found 2", COPY),
    ),
    Case(
        "word for a number",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 3, "left", event="F"),
        SAMPLES,
        ("'screen x' must be a number, found 'left'", COPY),
    ),
    Case(
        "time that goes backwards",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 0, "-77", event="F"),
        SAMPLES,
        ("must be at least that of the line before, found '-77'", COPY),
    ),
    Case(
        "time that is not finite",
        "dhf1k",
        "gaze",
        cells(TRAIL, 0, "nan", "\t", "Fixation"),
        TRAIL,
        ("must be a finite number, found 'nan'", COPY),
    ),
    Case(
        "empty text of gaze", "dhf1k", "gaze", content(TRAIL, b""), TRAIL, ("no line of data", COPY)
    ),
    Case(
        "bytes that are no text",
        "dhf1k",
        "gaze",
        content(TRAIL, b"Time\xff\xfe"),
        TRAIL,
        ("line 1: expected text", COPY),
    ),
    Case(
        "missing header",
        "dhf1k",
        "gaze",
        text(TRAIL, lambda rows: rows[1:]),
        TRAIL,
        ("line 1: expected the header Time", COPY),
    ),
    Case(
        "recorded on another screen: DHF1K",
        "dhf1k",
        "gaze",
        cells(TRAIL, 5, "1900.5", "\t", "Fixation", lines=150),
        TRAIL,
        ("outside the screen of 1440 x 900", "Use the recordings of DHF1K itself"),
    ),
    Case(
        "video larger than the screen: DIEM",
        "diem",
        "gaze",
        large_video,
        f"raw/diem/{DIEM}/event_data/diem1s01.asc_1_{DIEM}.txt",
        ("1320 x 990", "more than the screen of 1280 x 960", "use the original mp4"),
    ),
    Case(
        "missing resolution.txt",
        "ucf_sports",
        "gaze",
        remove(RESOLUTION),
        RESOLUTION,
        ("No such file", LAYOUT),
    ),
    Case(
        "text of gaze in UTF-16",
        "ucf_sports",
        "gaze",
        lambda bench: bench.file(SAMPLES).write_text("0 1 2 3 4 F\n", encoding="utf-16"),
        SAMPLES,
        ("line 1: expected text", COPY),
    ),
    Case(
        "half a frame",
        "diem",
        "gaze",
        text(EVENTS, lambda rows: [rows[0], rows[1].replace("2\t", "1.5\t", 1), *rows[2:]]),
        EVENTS,
        ("line 2", "must be a whole number, found '1.5'", COPY),
    ),
    Case("gaze behind a link", "diem", "gaze", outside(EVENTS), EVENTS, ("outside", PUT)),
    Case(
        "NaN coordinates: Mathe",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 3, "nan", event="F", lines=4),
        counted={"lost": 4},
    ),
    Case(
        "infinite coordinates: Mathe",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 4, "-inf", event="F", lines=4),
        counted={"lost": 4},
    ),
    Case(
        "NaN coordinates: DHF1K",
        "dhf1k",
        "gaze",
        cells(TRAIL, 5, "NaN", "\t", "Fixation", lines=5),
        counted={"lost": 5},
    ),
    Case(
        "infinite coordinates: DHF1K",
        "dhf1k",
        "gaze",
        cells(TRAIL, 6, "1e999", "\t", "Fixation", lines=5),
        counted={"lost": 5},
    ),
    Case(
        "event that nobody described: DHF1K",
        "dhf1k",
        "gaze",
        cells(TRAIL, 7, "Glissade", "\t", "Fixation", lines=6),
        counted={"unknown_event": 6},
    ),
    Case(
        "infinite coordinates: DIEM",
        "diem",
        "gaze",
        cells(EVENTS, 1, "inf", "\t", "1", lines=3),
        counted={"lost": 3},
    ),
]


test_one_message_and_nothing_left = refusals(CASES)


test_succeeds_and_counts = counts(CASES)


test_of_a_real_process = process(CASES, "too few columns")
