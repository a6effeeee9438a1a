"""DIEM: gaze of about 50 observers a video on 84 videos (Mital et al., Cognitive Computation 2011).

Observers and task: about 250 in all, free viewing with sound. Rate: 1000 Hz, released at 30 Hz, a
line a frame; videos of 30 frames/s. Screen: 1280 x 960, the video unscaled in its centre. Files:
`diem1s01.asc_<order>_<video>.txt` (group 1, subject 1), tabs, no header, columns as in `COLUMNS`;
events: -1 error, 0 blink, 1 fixation, 2 saccade. Frames count from 1. A letter behind the subject's
number, as in `diem4s04b.asc_12_50_people_brooklyn_1280x720.txt`, makes an observer of its own.

The authors' rule is followed: both eyes' events are 1, each eye lies strictly inside the video,
and the mean of both eyes is the point. Screen coordinates are taken to run from the screen's left
and upper edges, so half a pixel is taken off.

Known defects: the right eye's event is never 2, so only "both are 1" removes saccades; blinks have
x = y = 0; the eyes differ by about 50 pixels; some files are shorter or longer than the video.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.datasets.recordings import by_observer
from pipeline.datasets.records import Clip, Gaze, ReaderError, Reasons, Samples, join, keep
from pipeline.datasets.table import by_tabs, read_table

_EYES = ("left", "right")
COLUMNS = ("frame", *(f"{eye} {what}" for eye in _EYES for what in ("x", "y", "pupil", "event")))
TEST_CLIPS = frozenset(
    [
        "BBC_life_in_cold_blood_1278x710",
        "BBC_wildlife_serpent_1280x704",
        "DIY_SOS_1280x712",
        "advert_bbc4_bees_1024x576",
        "advert_bbc4_library_1024x576",
        "advert_iphone_1272x720",
        "ami_ib4010_closeup_720x576",
        "ami_ib4010_left_720x576",
        "harry_potter_6_trailer_1280x544",
        "music_gummybear_880x720",
        "music_trailer_nine_inch_nails_1280x720",
        "news_tony_blair_resignation_720x540",
        "nightlife_in_mozambique_1280x580",
        "one_show_1280x712",
        "pingpong_angle_shot_960x720",
        "pingpong_no_bodies_960x720",
        "sport_scramblers_1280x720",
        "sport_wimbledon_federer_final_1280x704",
        "tv_uni_challenge_final_1280x712",
        "university_forum_construction_ionic_1280x720",
    ]
)
"""The 20 test videos (Borji et al., ICCV 2013); all others train."""
TEST_FRAMES = 300
"""Frames of a test video that count (Sec. IV-A)."""
SCREEN = (1280, 960)
RATE = 30.0
"""Lines per second of video."""


_NAME = re.compile(r"diem([0-9]{1,2})s([0-9]{1,2})([a-z]?)\.asc", re.IGNORECASE)
_EXPECTED = (
    "expected a name like diem1s01.asc_7_<video>.txt or diem1s01b.asc_7_<video>.txt; "
    "correct diem's gaze.files in config.yaml"
)


def _observer(path: Path) -> int | None:
    """Group times 100 plus subject, below 10000; a letter adds 10000, 11000 and so on."""
    if not path.name.lower().startswith("diem"):
        return None
    match = _NAME.match(path.name)
    if match is None:
        raise ReaderError(f"{path}: {_EXPECTED}")
    observer = 100 * int(match[1]) + int(match[2])
    if match[3]:
        observer += 1000 * (10 + ord(match[3].lower()) - ord("a"))
        if int(match[1]) > 9 or observer > np.iinfo(np.int16).max:
            raise ReaderError(
                f"{path}: observers with a letter are numbered up to diem9s99v; rename the file"
            )
    return observer


def _frames(line: Samples, clip: Clip) -> Samples:
    """[n] 0-based frame of each line, which counts from 1 at `RATE`."""
    if not clip.times:
        return line - 1
    return np.floor(clip.position((line - 0.5) / RATE))


@np.errstate(over="ignore", invalid="ignore")  # absurd coordinates become inf, and are dropped
def _read_observer(path: Path, observer: int, clip: Clip) -> Gaze:
    numbers = ("frame", *(f"{eye} {what}" for eye in _EYES for what in ("x", "y", "event")))
    table = read_table(
        path, COLUMNS, numbers=numbers, split=by_tabs, clock="frame", whole=("frame",)
    )
    frame = _frames(table.numbers["frame"], clip)
    size = np.array([clip.width, clip.height])[:, None]
    corner = (np.array(SCREEN)[:, None] - size) / 2
    shown = np.stack([[table.numbers[f"{eye} {axis}"] for axis in "xy"] for eye in _EYES])
    event = np.stack([table.numbers[f"{eye} event"] for eye in _EYES])
    eyes = shown - corner
    x, y = eyes.mean(axis=0) - 0.5
    reasons: Reasons = [
        ("before_first_frame", frame < 0),
        ("after_last_frame", frame >= clip.frames),
        ("error", (event == -1).any(axis=0)),
        ("saccade", (event == 2).any(axis=0)),
        ("blink", (event == 0).any(axis=0)),
        ("unknown_event", (event != 1).any(axis=0)),
        ("lost", ~np.isfinite(eyes).all(axis=(0, 1))),
        ("outside", ((eyes <= 0) | (eyes >= size)).any(axis=(0, 1))),
    ]
    return table.counted(keep(frame, x, y, observer, reasons, seconds=len(frame) / RATE))


def read(files: Sequence[Path], clip: Clip) -> Gaze:
    """Return the fixation points of one DIEM video, from one text file per observer.

    Raises:
        ReaderError: No file, two of one observer, a file that does not fit the layout, stored
            frames not at 30 Hz, or a video larger than the screen.
    """
    if not files:
        raise ReaderError(
            f"{clip.name}: no event_data/diem*_{clip.name}.txt; "
            "correct diem's gaze.files in config.yaml"
        )
    if not clip.times and abs(clip.rate - RATE) > 0.01 * RATE:
        raise ReaderError(
            f"{clip.name}: DIEM's gaze counts frames at 30 Hz, the stored frames have "
            f"{clip.rate:g} Hz; set diem's frames.rate to 30.0 in config.yaml"
        )
    if clip.width > SCREEN[0] or clip.height > SCREEN[1]:
        raise ReaderError(
            f"{files[0]}: the video has {clip.width} x {clip.height} pixels, more than "
            f"the screen of {SCREEN[0]} x {SCREEN[1]} that it was shown on; use the original mp4"
        )
    found = by_observer(files, _observer, _EXPECTED)
    return join([_read_observer(path, observer, clip) for observer, path in found.items()])
