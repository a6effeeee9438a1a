from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.datasets import dhf1k
from pipeline.datasets.records import Clip, ReaderError
from pipeline.demo.looks import Event

CLIP = Clip("002", 90, 640, 360, 30.0)
HEADER = "\t".join(dhf1k.COLUMNS)
LEFT_OUT = ("not_a_number", "step_back")


def recording(tmp_path, *rows, name="P07_Trail002.txt"):
    path = tmp_path / name
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


def test_pixels_count_from_one_and_are_rounded(tmp_path):
    # 720 + 2.25 k in the screen is pixel 320 + k: 319.5 is pixel 320 of theirs, 319 of ours.
    at = [(10**9 + 4000 * (k + 1), 720 + 2.25 * (k / 4 - 1), 450, "Fixation") for k in range(4)]
    gaze = dhf1k.read(recording(tmp_path, (10**9, 0, 0, "-"), *at), CLIP)
    np.testing.assert_allclose(gaze.x, [318, 318.25, 318.5, 318.75], atol=1e-4)
    assert np.floor(gaze.x + 0.5).tolist() == [318, 318, 319, 319]


def test_first_and_last_pixel(tmp_path):
    # Rounded, screen x of 1.125 is pixel 1 and 1438.8 is pixel 639; 1.1 and 1438.9 are 0 and 640.
    at = [1.1, 1.125, 1438.8, 1438.9]
    rows = [(10**9 + 4000 * (k + 1), x, 450, "Fixation") for k, x in enumerate(at)]
    gaze = dhf1k.read(recording(tmp_path, (10**9, 0, 0, "-"), *rows), CLIP)
    np.testing.assert_allclose(gaze.x, [-0.5, 1438.8 / 2.25 - 1], atol=1e-4)
    assert gaze.dropped["outside"] == 2


def test_both_ends_of_a_frame_are_lost(tmp_path):
    # At 25 Hz a frame is 40 ms; the exact multiples belong to no frame.
    clip = replace(CLIP, rate=25.0)
    times = [0, 1, 39_999, 40_000, 40_001, 80_000]
    rows = [(10**9 + time, 720, 450, "Fixation") for time in times]
    gaze = dhf1k.read(recording(tmp_path, *rows), clip)
    assert gaze.frame.tolist() == [0, 0, 1]
    assert gaze.dropped["between_frames"] == 3


def test_narrow_screen_margin_follows_the_video(tmp_path):
    # 640 x 400 fills the screen: no margin above.
    files = recording(tmp_path, (1000, 0, 0, "Blink"), (2000, 720, 9, "Fixation"))
    gaze = dhf1k.read(files, replace(CLIP, height=400))
    np.testing.assert_allclose([gaze.x[0], gaze.y[0]], [319, 3], atol=1e-4)


def test_official_quirk_marks_all_combinations_of_a_frame(tmp_path):
    rows = [(1, 0, 0, "-"), (2, 225, 450, "Fixation"), (3, 450, 459, "Fixation")]
    rows += [(4, 450, 459, "Fixation"), (40_001, 900, 468, "Fixation")]
    files = recording(tmp_path, *rows)
    gaze = dhf1k.read(files, CLIP, official_quirk=True)
    points = list(zip(gaze.frame.tolist(), gaze.x.tolist(), gaze.y.tolist(), strict=True))
    assert points == [(0, 99, 179), (0, 199, 179), (0, 99, 183), (0, 199, 183), (1, 399, 187)]
    assert gaze.observer.tolist() == [7] * 5
    plain = dhf1k.read(files, CLIP)
    assert len(plain.x) == 4
    assert (plain.dropped, plain.seconds) == (gaze.dropped, gaze.seconds)


def test_official_quirk_without_a_point(tmp_path):
    gaze = dhf1k.read(recording(tmp_path, (1, 0, 0, "-")), CLIP, official_quirk=True)
    assert (len(gaze.x), gaze.frame.dtype, gaze.observer.dtype) == (0, np.int32, np.int16)


def test_length_of_the_recording(tmp_path):
    files = recording(tmp_path, (10**9, 0, 0, "-"), (10**9 + 2_500_000, 0, 0, "-"))
    files += recording(tmp_path, (5, 0, 0, "-"), (10**6, 0, 0, "-"), name="P3_Trail002.txt")
    assert dhf1k.read(files, CLIP).seconds == (2.5, 0.999995)


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
    files = recording(tmp_path, (1, 2, 3, "Fixation"), *[(2, 2, 3, "Fixation\t-")] * 2)
    with pytest.raises(ReaderError, match=r"line 3: expected 8 columns.*found 9.*2 of 3 .*; copy"):
        dhf1k.read(files, CLIP)


def test_not_a_number(tmp_path):
    files = recording(tmp_path, (1, 2, 3, "Fixation"), *[(2, 2, "x3", "Fixation")] * 2)
    with pytest.raises(
        ReaderError, match=r"line 3: column 'L POR Y \[px\]'.*'x3'; at least 2 of 3 .*copy"
    ):
        dhf1k.read(files, CLIP)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("nan", "must be a finite number, found 'nan'"),
        ("inf", "must be a finite number, found 'inf'"),
        ("-5", "must be at least 0, found '-5'"),
        ("999", "must be at least that of the line before, found '999'"),
    ],
)
def test_bad_time(tmp_path, time, message):
    rows = [(k, 2, 3, "Fixation") for k in range(1000, 1030)]
    files = recording(tmp_path, *rows, *[(time, 2, 3, "Fixation")] * 4)
    with pytest.raises(
        ReaderError, match=rf"line 32: column 'Time' {message}; at least 4 of 34 .*; copy"
    ):
        dhf1k.read(files, CLIP)
    files = recording(tmp_path, *rows, (time, 2, 3, "Fixation"))
    assert sum(dhf1k.read(files, CLIP).dropped.get(key, 0) for key in LEFT_OUT) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("x", ["nan", "inf", "-inf", "1e308"])
def test_points_that_are_no_place_are_counted(tmp_path, x):
    rows = [(1, 0, 0, "-"), (2, x, 450, "Fixation")]
    rows += [(3, 720, 450, "Fixation"), (4, 720, x, "Fixation"), (5, 720, 450, "Fixation")]
    gaze = dhf1k.read(recording(tmp_path, *rows), CLIP)
    assert len(gaze.x) == 2
    assert gaze.dropped["lost"] + gaze.dropped["outside"] == 2


def test_other_screen(tmp_path):
    seen = [(k + 1, 720, 450, "Fixation") for k in range(2)]
    beyond = [(k + 3, 1700, 450, "Fixation") for k in range(2)]
    rows = [*seen, *beyond, (5, 1700, 1000, "Saccade"), (6, 0, 0, "Fixation")]
    assert dhf1k.read(recording(tmp_path, *rows), CLIP).dropped["outside"] == 2
    rows.append((7, 720, 1000, "Fixation"))
    with pytest.raises(ReaderError, match=r"P07.*3 of 5 fixation samples.*1440 x 900.*another"):
        dhf1k.read(recording(tmp_path, *rows), CLIP)


def test_header_is_missing(tmp_path):
    files = recording(tmp_path, (1, 2, 3, "Fixation"), (2, 2, 3, "Fixation"))
    files[0].write_text(files[0].read_text().split("\n", 1)[1])
    with pytest.raises(ReaderError, match=r"line 1: expected the header Time, Type.*found '1, SMP"):
        dhf1k.read(files, CLIP)


@pytest.mark.parametrize("content", [b"", b"\n\n", HEADER.encode()])
def test_nothing_in_the_file(tmp_path, content):
    files = recording(tmp_path)
    files[0].write_bytes(content)
    with pytest.raises(ReaderError, match=r"P07_Trail002\.txt: no line of data; copy"):
        dhf1k.read(files, CLIP)


def test_undecodable_bytes(tmp_path):
    files = recording(tmp_path, (1, 2, 3, "Fixation"))
    files[0].write_bytes(files[0].read_bytes() + b"\xff\xfe\x00")
    gaze = dhf1k.read(files, CLIP)
    assert gaze.dropped["not_text"] == 1
    files[0].write_bytes(files[0].read_bytes().replace(b"Fixation", b"Fix\xe4tion"))
    with pytest.raises(ReaderError, match=r"P07_Trail002\.txt, line 2: not text in UTF-8"):
        dhf1k.read(files, CLIP)


def test_mark_of_windows_editors(tmp_path):
    files = recording(tmp_path, (1, 0, 0, "-"), (2, 720, 450, "Fixation"))
    content = files[0].read_bytes().replace(b"\n", b"\r\n")
    files[0].write_bytes(b"\xef\xbb\xbf" + content)
    assert len(dhf1k.read(files, CLIP).x) == 1


@pytest.mark.parametrize(
    "word", ["Fixation", "Visual Intake", "fixation", "Fixation L", " FIXATION ", "F", "f L"]
)
def test_words_for_a_fixation(tmp_path, word):
    rows = [(10**6 + 4000 * k, 720, 450, word) for k in range(20)]
    assert len(dhf1k.read(recording(tmp_path, *rows), CLIP).x) == 19  # the first is at t = 0


@pytest.mark.parametrize(
    ("word", "reason"),
    [("Saccade R", "saccade"), ("saccade", "saccade"), ("BLINK", "blink"), ("-", "unclassified")],
)
def test_words_for_something_else(tmp_path, word, reason):
    rows = [(10**6 + 4000 * k, 720, 450, word) for k in range(20)]
    gaze = dhf1k.read(recording(tmp_path, *rows), CLIP)
    assert (len(gaze.x), gaze.dropped[reason]) == (0, 20)


@pytest.mark.parametrize("words", [["Gaze"], ["Gaze", "", "Pursuit", "1"], ["Pursuit"] * 2 + ["S"]])
def test_recording_of_unknown_words(tmp_path, words):
    rows = [(4000 * k, 720, 450, words[k % len(words)]) for k in range(24)]
    with pytest.raises(ReaderError, match=rf"P07.*samples have unknown events.*'{words[0]}'.*copy"):
        dhf1k.read(recording(tmp_path, *rows), CLIP)


def test_lines_of_an_export_that_are_no_samples(tmp_path):
    rows = [(10**6 + 4000 * k, 720, 450, "Fixation") for k in range(60)]
    files = recording(tmp_path, *rows)
    whole = dhf1k.read(files, CLIP)
    lines = files[0].read_text().splitlines()
    odd = ["1018000\tMSG\t1\t# Message: 002.AVI", "", "## again", lines[0], lines[20][:22]]
    text = "\r\n".join(
        ["## [BeGaze]", "", *(line + "\t" for line in lines[:30]), *odd, *lines[30:]]
    )
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        files[0].write_text(text, encoding=encoding, newline="")
        gaze = dhf1k.read(files, CLIP)
        np.testing.assert_array_equal(gaze.frame, whole.frame)
        dropped = {"message": 1, "blank_line": 1, "comment": 1, "header": 1, "other_columns": 1}
        assert gaze.dropped == whole.dropped | dropped


def test_columns_in_another_order_and_more_of_them(tmp_path):
    files = recording(tmp_path, (1, 0, 0, "-"), (2, 720, 450, "Fixation"))
    lines = [line.split("\t")[::-1] for line in files[0].read_text().splitlines()]
    names = iter(["Pupil", "3", "4"])
    files[0].write_text("\n".join("\t".join([next(names), *line]) for line in lines))
    assert len(dhf1k.read(files, CLIP).x) == 1


@pytest.mark.parametrize("share", [0.08, 0.2])
def test_clock_that_steps_back(tmp_path, share):
    times = [10**6 + 4000 * k for k in range(100)]
    for k in range(round(100 * share)):
        times[4 * k + 3] = times[4 * k + 1] - 1
    rows = [(time, 720, 450, "Fixation") for time in times]
    if share > 0.1:
        with pytest.raises(ReaderError, match=r"line 5: column 'Time'.*20 of 100 lines"):
            dhf1k.read(recording(tmp_path, *rows), CLIP)
    else:
        assert dhf1k.read(recording(tmp_path, *rows), CLIP).dropped["step_back"] == 8


def test_two_recordings_of_one_observer(tmp_path):
    row = (1, 2, 3, "Fixation")
    files = recording(tmp_path, row) + recording(tmp_path, row, name="p7_trail002.txt")
    with pytest.raises(ReaderError, match=r"p7_trail002.*P07_Trail002\.txt is of the same observ"):
        dhf1k.read(files, CLIP)


def test_other_files_in_the_folder(tmp_path):
    (tmp_path / "README.txt").write_text("of observer 7")
    files = [tmp_path / "README.txt", *recording(tmp_path, (1, 0, 0, "-"), (2, 720, 450, "F"))]
    assert len(dhf1k.read(files, CLIP).x) == 1


def test_directory(tmp_path):
    (tmp_path / "P01_Trail002.txt").mkdir()
    with pytest.raises(ReaderError, match=r"P01_Trail002\.txt: cannot be read \(Is a directory"):
        dhf1k.read([tmp_path / "P01_Trail002.txt"], CLIP)


@pytest.mark.parametrize("name", ["P12345_Trail002.txt", "Pxy_Trail002.txt"])
def test_wrong_observer(tmp_path, name):
    path = recording(tmp_path, (1, 2, 3, "Fixation"))[0].rename(tmp_path / name)
    with pytest.raises(ReaderError, match=r"expected a name like P01_Trail001\.txt.*gaze\.files"):
        dhf1k.read([path], CLIP)


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
    assert len(gaze.seconds) == 17
    assert 2.9 < min(gaze.seconds) <= max(gaze.seconds) < 3.1


@pytest.mark.shared
def test_real_recording_as_the_official_code_marks_it(shared):
    files = sorted(shared.glob("dhf1k/exportdata_train/*/*_Trail002.txt"))
    gaze = dhf1k.read(files, CLIP, official_quirk=True)
    points = np.unique(np.stack([gaze.frame, gaze.x, gaze.y]), axis=1)
    assert points.shape[1] == 17000
