from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets import dhf1k
from pipeline.datasets.records import Clip, ReaderError
from pipeline.miniatures.gaze import Event

CLIP = Clip("002", 90, 640, 360, 30.0)
HEADER = "\t".join(dhf1k.COLUMNS)


def recording(tmp_path, *rows):
    path = tmp_path / "P07_Trail002.txt"
    lines = [f"{time}\tSMP\t1\t16\t16\t{x}\t{y}\t{event}" for time, x, y, event in rows]
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return [path]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_reads_what_the_demo_planned(drawn, planned, agree, index):
    film = drawn.films["dhf1k"][index]
    gaze = dhf1k.read(drawn.files(film), film.clip)
    truth = planned(film, {Event.FIXATION}, open_window=True)
    assert gaze.dropped["between_frames"] >= 4  # the sample at t = 0 of each observer
    agree(gaze, truth, 0.01)


def test_screen_to_pixel(tmp_path):
    # a = 640/1440 and b = (900 - 810)/2 = 45: the screen point (9, 54) is official pixel (4, 4).
    files = recording(tmp_path, (1000, 0, 0, "Blink"), (2000, 9, 54, "Fixation"))
    gaze = dhf1k.read(files, CLIP)
    np.testing.assert_allclose([gaze.x[0], gaze.y[0]], [3, 3], atol=1e-6)
    assert gaze.observer.tolist() == [7]


def test_each_reason_is_counted(tmp_path):
    files = recording(
        tmp_path,
        (10**9, 720, 450, "Fixation"),  # t = 0 is on the change of a frame
        (10**9 + 4000, 720, 450, "Fixation"),
        (10**9 + 8000, 720, 450, "Saccade"),
        (10**9 + 12000, 720, 450, "Blink"),
        (10**9 + 16000, 720, 450, "-"),
        (10**9 + 20000, 0, 0, "Fixation"),
        (10**9 + 24000, 1439.9, 450, "Fixation"),  # rounds to the last column, which is dropped
        (10**9 + 28000, 1.0, 450, "Fixation"),  # rounds to pixel 0
        (10**9 + 32000, 720, 450, "Pursuit"),
        (10**9 + 3_000_000, 720, 450, "Fixation"),
    )
    gaze = dhf1k.read(files, CLIP)
    assert len(gaze.x) == 1
    assert gaze.dropped == {
        "after_last_frame": 1,
        "saccade": 1,
        "blink": 1,
        "unclassified": 1,
        "unknown_event": 1,
        "lost": 1,
        "between_frames": 1,
        "outside": 2,
    }


def test_frames_without_fixation(drawn):
    film = drawn.films["dhf1k"][1]
    gaze = dhf1k.read(drawn.files(film), film.clip)
    assert not set(range(15, 18)) & set(gaze.frame.tolist())


def test_no_file():
    with pytest.raises(ReaderError, match="701 to 1000 is not released"):
        dhf1k.read([], CLIP)


def test_missing_file(tmp_path):
    with pytest.raises(ReaderError, match=r"P01_Trail002\.txt: cannot be read.*docs/datasets\.md"):
        dhf1k.read([tmp_path / "P01_Trail002.txt"], CLIP)


def test_empty_file(tmp_path):
    with pytest.raises(ReaderError, match=r"P07_Trail002\.txt: no line of data; copy"):
        dhf1k.read(recording(tmp_path), CLIP)


def test_wrong_number_of_columns(tmp_path):
    files = recording(tmp_path, (1, 2, 3, "Fixation"), (2, 2, 3, "Fixation\t-"))
    with pytest.raises(ReaderError, match=r"line 3: expected 8 columns.*found 9; copy"):
        dhf1k.read(files, CLIP)


def test_not_a_number(tmp_path):
    files = recording(tmp_path, (1, 2, 3, "Fixation"), (2, 2, "x3", "Fixation"))
    with pytest.raises(ReaderError, match=r"line 3: column 'L POR Y \[px\]'.*'x3'; copy"):
        dhf1k.read(files, CLIP)


def test_other_name(tmp_path):
    path = recording(tmp_path, (1, 2, 3, "Fixation"))[0].rename(tmp_path / "one.txt")
    with pytest.raises(ReaderError, match=r"one\.txt.*gaze\.files"):
        dhf1k.read([path], CLIP)


@pytest.mark.shared
def test_real_recording_has_the_measured_number_of_points(shared):
    files = sorted(shared.glob("dhf1k/exportdata_train/*/*_Trail002.txt"))
    gaze = dhf1k.read(files, CLIP)
    x, y = np.floor(gaze.x + 0.5), np.floor(gaze.y + 0.5)
    points = np.unique(np.stack([gaze.frame, x, y]), axis=1)
    assert points.shape[1] == 6548
    observers = np.unique(np.stack([gaze.frame, gaze.observer]), axis=1).shape[1] / CLIP.frames
    assert observers == pytest.approx(12.4, abs=0.05)
    assert points[1].min() >= 0
    assert points[1].max() < CLIP.width
