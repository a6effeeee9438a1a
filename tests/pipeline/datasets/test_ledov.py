from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import dropwhile

import numpy as np
import pytest

from pipeline.datasets import ledov
from pipeline.datasets.records import Clip, ReaderError
from pipeline.demo.films import looks
from pipeline.demo.layouts import fixations

CLIP = Clip("animal_cat01", 10, 200, 100, 25.0)


@pytest.fixture(params=["5", "7.3"])
def save(request, save_mat):
    """Writes a .mat file in either version."""
    return partial(save_mat, version=request.param)


@pytest.fixture
def recording(tmp_path, save):
    return partial(_recording, tmp_path, save)


def _recording(tmp_path, save, rows, size=(200, 100)):
    data = {
        "VideoFrames": np.array([[10.0]]),
        "VideoFrameRate": np.array([[25.0]]),
        "VideoSize": np.array([size], dtype=float),
        "fixdata": np.array(rows, dtype=float),
    }
    save(tmp_path / "Data.mat", {"Data": data})
    return [tmp_path / "Data.mat"]


def frames_and_points(gaze):
    return list(zip(gaze.frame.tolist(), gaze.x.tolist(), gaze.y.tolist(), strict=True))


def _central(clip, fixation):
    """Near the vertical or the horizontal midline: a recording does not start there."""
    right, down = abs(fixation[3] - clip.width / 2), abs(fixation[4] - clip.height / 2)
    return min(right, down) <= round(clip.height / 20)


@pytest.mark.parametrize("rate", [15.0, 15000 / 1001, 24.0, 30.0, 50.0, 60.0])
@pytest.mark.parametrize("index", [0, 1])
def test_reads_what_the_demo_planned(drawn, index, rate):
    film = drawn.films["ledov"][index]
    clip = replace(film.clip, rate=rate, frames=round(film.clip.frames / film.clip.rate * rate))
    gaze = ledov.read(drawn.files(film), clip)
    expected = []
    for observer, look in looks(film).items():
        rows = dropwhile(partial(_central, clip), fixations(film, int(observer), look))
        for subject, start, duration, x, y in rows:
            for frame in range(clip.frames):
                begins, ends = frame * 1000 / rate, (frame + 1) * 1000 / rate
                shown = begins < start + duration and start <= ends
                if shown and 0 < x < clip.width:
                    expected.append((frame, x - 1, y - 1, subject))
    found = zip(gaze.frame, gaze.x, gaze.y, gaze.observer, strict=True)
    assert sorted(found) == sorted(expected)
    assert gaze.dropped["before_start"] >= 5  # every recording begins at the centre


def test_points_lie_where_the_observers_looked(drawn):
    film = drawn.films["ledov"][0]
    gaze = ledov.read(drawn.files(film), film.clip)
    distances = []
    for observer, look in looks(film).items():
        for i in np.flatnonzero(gaze.observer == int(observer)):
            middle = (gaze.frame[i] + 0.5) / film.clip.rate
            sample = np.argmin(np.abs(look.time - middle))
            distances.append(np.hypot(gaze.x[i] - look.x[sample], gaze.y[i] - look.y[sample]))
    assert np.median(distances) < 0.03 * film.clip.width


def test_official_frames(recording):
    # 40 ms a frame: start 0 is frame 1; 100..130 ms is ceil(2.5) to ceil(3.25), frames 3 and 4.
    rows = [[1, 0, 20, 30, 20], [1, 100, 30, 31, 21], [1, 380, 500, 32, 22], [1, 900, 9, 33, 23]]
    gaze = ledov.read(recording(rows), CLIP)
    assert frames_and_points(gaze) == [(0, 29, 19), (2, 30, 20), (3, 30, 20), (9, 31, 21)]
    assert gaze.dropped == {"lost": 0, "before_start": 0, "outside": 0, "after_last_frame": 1}
    assert gaze.seconds == (0.909,)


@pytest.mark.parametrize("rate", [15.0, 15000 / 1001, 24000 / 1001, 25.0, 30.0, 60.0])
def test_official_frames_at_every_rate(recording, rate):
    """As the authors' script counts them: from 1, by the frame's duration."""
    clip = replace(CLIP, rate=rate, frames=80)
    starts, lasts = [0, 1, 33, 34, 67, 100, 133, 333, 1001], [1, 16, 17, 66, 67, 200, 333, 800, 4]
    rows = [[1, start, last, 30, 20] for start, last in zip(starts, lasts, strict=True)]
    expected = []
    for start, last in zip(starts, lasts, strict=True):
        first, end = (math.ceil(ms / (1000 / rate)) for ms in (start, start + last))
        expected += range(max(first, 1) - 1, min(end, 80))
    assert ledov.read(recording(rows), clip).frame.tolist() == expected


def test_frames_of_several_durations(recording):
    clip = replace(CLIP, frames=3, times=(0.0, 0.04, 0.24, 0.28))
    rows = [[1, 0, 30, 30, 20], [1, 100, 30, 31, 21], [1, 230, 20, 32, 22], [1, 300, 9, 33, 23]]
    gaze = ledov.read(recording(rows), clip)
    assert frames_and_points(gaze) == [(0, 29, 19), (1, 30, 20), (1, 31, 21), (2, 31, 21)]
    assert gaze.dropped["after_last_frame"] == 1


def test_single_fixation(recording):
    gaze = ledov.read(recording([[3, 0, 20, 30, 20]]), CLIP)
    assert frames_and_points(gaze) == [(0, 29, 19)]
    assert gaze.observer.tolist() == [3]


STARTS = [
    ([104, 20], False, True),  # on the vertical midline: inside the cross, not the box
    ([20, 55], False, True),  # on the horizontal one, right at round(100 / 20) pixels from it
    ([105, 55], False, False),  # the corner of the box
    ([106, 56], True, True),
    ([100, 50], False, False),
    ([106, 20], True, True),
]


@pytest.mark.parametrize(("point", "official", "box"), STARTS)
def test_where_a_recording_begins(recording, point, official, box):
    files = recording([[1, 5, 20, *point], [1, 50, 20, 30, 20]])
    assert ledov.read(files, CLIP).dropped["before_start"] == (not official)
    assert ledov.read(files, CLIP, begin="box").dropped["before_start"] == (not box)


@pytest.mark.parametrize("begin", ["Official", "", None])
def test_unknown_begin(recording, begin):
    message = r"datasets\.ledov: gaze\.options\.begin .* set it to one of official, box"
    with pytest.raises(ReaderError, match=message):
        ledov.read(recording([[1, 5, 20, 30, 20]]), CLIP, begin=begin)


@pytest.mark.parametrize("begin", ledov.BEGIN)
def test_a_recording_begins_where_the_start_decreases(recording, begin):
    centre, aside = [100, 50], [30, 20]
    rows = [[1, 5, 20, *aside], [1, 45, 20, *centre]]
    rows += [[2, 45, 20, *centre]]  # another subject, but time does not decrease
    rows += [[2, 10, 20, *centre], [2, 50, 30, *aside]]
    gaze = ledov.read(recording(rows), CLIP, begin=begin)
    assert gaze.observer.tolist() == [1, 1, 2, 2]
    assert gaze.dropped["before_start"] == 1
    assert gaze.seconds == (0.065, 0.08)


def test_recordings_begin_away_from_the_centre(recording):
    rows = [
        [1, 5, 20, 100, 50],  # centre
        [1, 50, 20, 104, 20],  # on the vertical midline, within round(100 / 20) pixels
        [1, 90, 20, 250, 20],  # outside
        [1, 130, 20, 30, 20],
        [1, 170, 20, 100, 50],  # the centre is fine from now on
        [1, 210, 20, 200, 20],  # on the border
        [2, 1, 20, 100, 50],  # the time decreases: a new recording
        [2, 90, 20, 31, 20],
    ]
    gaze = ledov.read(recording(rows), CLIP)
    assert sorted(set(zip(gaze.observer.tolist(), gaze.x.tolist(), strict=True))) == [
        (1, 29),
        (1, 99),
        (2, 30),
    ]
    assert gaze.dropped == {"lost": 0, "before_start": 4, "outside": 1, "after_last_frame": 0}


def test_frames_without_fixation(drawn):
    film = drawn.films["ledov"][1]
    gaze = ledov.read(drawn.files(film), film.clip)
    assert not {12, 13, 14} & set(gaze.frame.tolist())


def test_video_of_another_size(recording):
    with pytest.raises(ReaderError, match=r"Data\.mat.*200 x 100; use the original mp4"):
        ledov.read(recording([[1, 0, 20, 30, 20]], size=(400, 200)), CLIP)


def test_wrong_number_of_columns(recording):
    with pytest.raises(ReaderError, match=r"rows of subject, start.*\(1, 4\); copy"):
        ledov.read(recording([[1, 0, 20, 30]]), CLIP)


def test_no_fixation(recording):
    with pytest.raises(ReaderError, match=r"rows of subject, start.*\([01], [05]\)"):
        ledov.read(recording(np.empty((0, 5))), CLIP)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf, 1e308])
def test_points_that_are_no_place_are_counted(recording, x):
    rows = [[1, 0, 20, 30, 20], [1, 20, 20, x, 20], [1, 30, 20, 30, x], [1, 30, 9, 0.4, 20]]
    gaze = ledov.read(recording(rows), CLIP)
    assert gaze.x.tolist() == [29]
    assert gaze.dropped["lost"] + gaze.dropped["outside"] == 3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1, np.nan, 20], "a start of at least 0 ms"),
        ([1, np.inf, 20], "a start of at least 0 ms"),
        ([1, -1, 20], "a start of at least 0 ms"),
        ([1, 5, np.nan], "a duration of at least 0 ms"),
        ([1, 5, -3], "a duration of at least 0 ms"),
        ([1, np.inf, -np.inf], "a start of at least 0 ms"),
        ([1, 1e308, 1e308], "a duration of at least 0 ms"),
        ([np.nan, 5, 20], "the number of a subject"),
        ([1e9, 5, 20], "the number of a subject"),
        ([1.5, 5, 20], "the number of a subject"),
    ],
)
def test_bad_row(recording, row, expected):
    files = recording([[1, 0, 20, 30, 20], [*row, 30, 20]])
    with pytest.raises(ReaderError, match=rf"Data\.mat, row 2 of fixdata: expected {expected}"):
        ledov.read(files, CLIP)


@pytest.mark.filterwarnings("error")
def test_fixation_long_after_the_video(recording):
    gaze = ledov.read(recording([[1, 0, 20, 30, 20], [1, 1e300, 5, 30, 20]]), CLIP)
    assert gaze.dropped["after_last_frame"] == 1


def test_missing_file(tmp_path):
    with pytest.raises(ReaderError, match=r"Data\.mat: no such file"):
        ledov.read([tmp_path / "Data.mat"], CLIP)


@pytest.mark.parametrize("content", [b"", b"nonsense" * 40])
def test_not_a_matlab_file(tmp_path, content):
    (tmp_path / "Data.mat").write_bytes(content)
    with pytest.raises(ReaderError, match=r"Data\.mat: not a readable Matlab file.*copy"):
        ledov.read([tmp_path / "Data.mat"], CLIP)


def test_other_struct(tmp_path, save):
    save(tmp_path / "Data.mat", {"Data": {"VideoSize": np.array([[200.0, 100.0]])}})
    with pytest.raises(ReaderError, match="Data to be a struct with the field fixdata"):
        ledov.read([tmp_path / "Data.mat"], CLIP)
    save(tmp_path / "Data.mat", {"Other": np.array([[1.0]])})
    with pytest.raises(ReaderError, match="no variable 'Data'"):
        ledov.read([tmp_path / "Data.mat"], CLIP)


def test_no_file():
    with pytest.raises(ReaderError, match=r"expected one Data\.mat, found 0"):
        ledov.read([], CLIP)
