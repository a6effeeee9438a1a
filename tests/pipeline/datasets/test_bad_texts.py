"""Recordings in text that are broken, each refused in one message or counted."""

from __future__ import annotations

import re

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
    copied,
    counts,
    outside,
    process,
    refusals,
    remove,
    text,
)
from tests.workbench import DHF1K, DIEM, EVENTS, GEOMETRY, RESOLUTION, SAMPLES, TRAIL, UCF, Bench

MANY = 150
"""Lines, more than may be left out of a recording here."""


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
        ("expected five positive numbers", "screen's width and height", "found 2 words", COPY),
    ),
    Case(
        "missing geometry.txt",
        "ucf_sports",
        "gaze",
        remove(GEOMETRY),
        GEOMETRY,
        ("cannot be read (No such file", LAYOUT),
    ),
    *(
        Case(
            f"geometry.txt with {len(numbers.split())} numbers",
            "ucf_sports",
            "gaze",
            content(GEOMETRY, numbers.encode()),
            GEOMETRY,
            ("expected five positive numbers", f"found {len(numbers.split())} words", COPY),
        )
        for numbers in ("0.6 0.475 0.295 1280", "0.6 0.475 0.295 1280 1024 1", "")
    ),
    Case(
        "negative number in geometry.txt",
        "ucf_sports",
        "gaze",
        content(GEOMETRY, b"0.6 0.475 -0.295 1280 1024"),
        GEOMETRY,
        ("expected five positive numbers", COPY),
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
        text(SAMPLES, lambda rows: [*rows[:4], *(row.rsplit(" ", 4)[0] for row in rows[4:])]),
        SAMPLES,
        ("line 5: expected 6 columns", "found 2", COPY),
    ),
    Case(
        "word for a number",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 3, "left", event="F", lines=MANY),
        SAMPLES,
        ("'screen x' must be a number, found 'left'", COPY),
    ),
    Case(
        "time that goes backwards",
        "ucf_sports",
        "gaze",
        text(SAMPLES, lambda rows: rows[::-1]),
        SAMPLES,
        ("'time' must be at least that of the line before", "lines are no samples", COPY),
    ),
    Case(
        "time that is not finite",
        "dhf1k",
        "gaze",
        cells(TRAIL, 0, "nan", "\t", "Fixation", lines=MANY),
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
        ("line 1: expected the header Time", COPY),
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
        "UTF-16 without a byte order mark",
        "ucf_sports",
        "gaze",
        content(SAMPLES, "0 1 2 3 4 F\n".encode("utf-16-le")),
        SAMPLES,
        ("line 1: a zero byte", "save it as UTF-8"),
    ),
    Case(
        "decimal commas",
        "diem",
        "gaze",
        text(EVENTS, lambda rows: [row.replace(".", ",") for row in rows]),
        EVENTS,
        ("line 1: column 'left x'", "has a decimal comma; export the file with decimal points"),
    ),
    Case(
        "two recordings of one observer",
        "diem",
        "gaze",
        lambda bench: (
            copied(EVENTS, EVENTS.replace("s04.asc_1", "s4.asc_9"))(bench),
            bench.gaze_keys(observers=None),
        ),
        EVENTS,
        ("diem1s4.asc_9", "is of the same observer, 104; move one"),
    ),
    Case(
        "events in words that nobody knows: DHF1K",
        "dhf1k",
        "gaze",
        text(TRAIL, lambda rows: [re.sub(r"(Fixation|Saccade)$", "Gaze", row) for row in rows]),
        TRAIL,
        ("unknown events in column 'L Event Info': 'Gaze'", COPY),
    ),
    Case(
        "half frames",
        "diem",
        "gaze",
        text(EVENTS, lambda rows: [rows[0], *(re.sub(r"^\d+", "1.5", row) for row in rows[1:])]),
        EVENTS,
        ("line 2", "must be a whole number, found '1.5'", COPY),
    ),
    Case("gaze behind a link", "diem", "gaze", outside(EVENTS), EVENTS, ("outside", PUT)),
    Case(
        "lines of a Mathe recording that are no samples",
        "ucf_sports",
        "gaze",
        text(SAMPLES, lambda rows: [*rows[:9], "8000 11.50", "", "# a", "9 MSG b", *rows[9:], "1"]),
        counted={"other_columns": 2, "blank_line": 1, "comment": 1, "message": 1},
    ),
    Case(
        "a word for a number and a step back: Mathe",
        "ucf_sports",
        "gaze",
        lambda bench: (
            cells(SAMPLES, 3, "left", event="F")(bench),
            text(SAMPLES, lambda rows: [*rows[:20], rows[21], rows[20], *rows[22:]])(bench),
        ),
        counted={"not_a_number": 1, "step_back": 1},
    ),
    Case(
        "a header again, and a clock that runs ahead for one sample: DHF1K",
        "dhf1k",
        "gaze",
        text(
            TRAIL,
            lambda rows: [*rows[:9], re.sub(r"^\d+", "9" * 12, rows[9]), rows[0], *rows[10:]],
        ),
        counted={"header": 1, "step_back": 1},
    ),
    Case(
        "quotation marks, and bytes that are no text, also in a message: DHF1K",
        "dhf1k",
        "gaze",
        text(
            TRAIL,
            lambda rows: [
                rows[0].replace("\t", '"\t"').join('""'),
                *(re.sub(r"(\w+)$", r'"\1"', row) for row in rows[1:]),
                *("9\tMSG\t1\t# Fl\ufffdche", 40 * "\0", rows[-1].replace("tion", "ti\ufffdn")),
            ],
        ),
        counted={"message": 1, "not_text": 2},
    ),
    Case(
        "a line cut short at the end: DIEM",
        "diem",
        "gaze",
        text(EVENTS, lambda rows: [*rows[:-1], rows[-1][:12]]),
        counted={"other_columns": 1},
    ),
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
