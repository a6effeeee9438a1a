from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets import hollywood2, mathe, ucf_sports
from pipeline.datasets.records import Clip, ReaderError
from pipeline.demo.looks import Event

CLIP = Clip("Run-Side_001", 10, 720, 480, 10.0)
SEEN = {Event.FIXATION, Event.SACCADE}


def recordings(tmp_path, *rows, size="720 480"):
    (tmp_path / "geometry.txt").write_text("0.6 0.475 0.295 1280 1024\n")
    (tmp_path / "resolution.txt").write_text(f"Run-Side_001.avi {size} 10\n")
    path = tmp_path / "003_Run-Side_001.avi.txt"
    path.write_text("".join(f"{time} 0 0 {x} {y} {event}\n" for time, x, y, event in rows))
    return [path, tmp_path / "geometry.txt", tmp_path / "resolution.txt"]


@pytest.mark.parametrize(("reader", "index"), [(ucf_sports, 0), (ucf_sports, 1), (hollywood2, 0)])
def test_reads_what_the_demo_planned(drawn, planned, agree, reader, index):
    film = drawn.films[reader.__name__.split(".")[-1]][index]
    gaze = reader.read(drawn.files(film), film.clip, observers="all")
    agree(gaze, planned(film, SEEN), 0.01)


def test_clip_of_one_frame(drawn, planned, agree):
    film = drawn.films["hollywood2"][1]
    assert film.clip.frames == 1
    gaze = hollywood2.read(drawn.files(film), film.clip, observers="all")
    agree(gaze, planned(film, SEEN), 0.01)
    assert set(gaze.observer.tolist()) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("observers", [["002", "005"], [2, 5]])
def test_observers(drawn, observers):
    film = drawn.films["ucf_sports"][0]
    gaze = ucf_sports.read(drawn.files(film), film.clip, observers=observers)
    assert set(gaze.observer.tolist()) == {2, 5}


def test_events(drawn, planned):
    film = drawn.films["ucf_sports"][0]
    gaze = ucf_sports.read(drawn.files(film), film.clip, observers="all", events=["F"])
    assert len(gaze.x) == len(planned(film, {Event.FIXATION}).x)
    assert gaze.dropped["other_event"] > 0


def test_screen_to_pixel(tmp_path):
    # 720 x 480 fills the 1280 pixels, below 85.3 empty ones; the screen's centre is the video's.
    files = recordings(tmp_path, (250_000, 640, 512, "F"), (999_999, 1280 / 720, 512, "S"))
    gaze = mathe.read(files, CLIP, observers="all")
    np.testing.assert_allclose(gaze.x, [359.5, 0.5], atol=1e-4)
    np.testing.assert_allclose(gaze.y, [239.5, 239.5], atol=1e-4)
    assert gaze.frame.tolist() == [2, 9]


def test_narrow_video_is_centred_horizontally(tmp_path):
    clip = Clip("Run-Side_001", 10, 480, 480, 10.0)
    files = recordings(tmp_path, (0, 640, 512, "F"), (0, 100, 512, "F"), size="480 480")
    gaze = mathe.read(files, clip, observers="all")
    assert (gaze.x[0], gaze.y[0]) == (239.5, 239.5)
    assert gaze.dropped["outside"] == 1


def test_each_reason_is_counted(tmp_path):
    rows = [(-1, 640, 512, "F"), (0, 640, 512, "F")]
    rows += [(5, 640, 512, "B"), (5, 0, 0, "F"), (5, 640, 80, "F"), (5, 640, 512, "X")]
    rows += [(1_000_000, 640, 512, "F")]
    gaze = mathe.read(recordings(tmp_path, *rows), CLIP, observers="all", events=["F"])
    assert len(gaze.x) == 1
    assert gaze.dropped == {
        "before_first_frame": 1,
        "after_last_frame": 1,
        "blink": 1,
        "other_event": 1,
        "lost": 1,
        "outside": 1,
    }


def test_frames_without_fixation(drawn):
    film = drawn.films["ucf_sports"][1]
    gaze = ucf_sports.read(drawn.files(film), film.clip, observers="all")
    assert not {12, 13, 14} & set(gaze.frame.tolist())


def test_observers_must_be_chosen(drawn):
    film = drawn.films["ucf_sports"][0]
    with pytest.raises(ReaderError, match=r"set gaze\.options\.observers.*config\.yaml"):
        ucf_sports.read(drawn.files(film), film.clip, observers=None)


def test_observer_without_a_file(drawn):
    film = drawn.films["ucf_sports"][0]
    with pytest.raises(ReaderError, match=r"samples/<observer>_.*of the observers \['019'\]"):
        ucf_sports.read(drawn.files(film), film.clip, observers=["019"])


@pytest.mark.parametrize("observers", ["002", ["2", "two"], [-2], 7, [], [2.5]])
def test_observers_that_are_no_numbers(drawn, observers):
    film = drawn.films["ucf_sports"][0]
    with pytest.raises(ReaderError, match=r"gaze\.options\.observers.*config\.yaml is .*; set it"):
        ucf_sports.read(drawn.files(film), film.clip, observers=observers)


@pytest.mark.parametrize("ticks", [0, -1.0, float("nan")])
def test_unit_of_time_must_be_positive(tmp_path, ticks):
    files = recordings(tmp_path, (0, 1, 1, "F"))
    with pytest.raises(ReaderError, match=r"gaze\.options\.ticks_per_second"):
        mathe.read(files, CLIP, observers="all", ticks_per_second=ticks)


def test_length_of_the_recording(tmp_path):
    files = recordings(tmp_path, (250_000, 640, 512, "F"), (2_500_000, 640, 512, "B"))
    assert mathe.read(files, CLIP, observers="all").seconds == (2.5,)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("x", ["nan", "inf", "-inf", "1e308"])
def test_points_that_are_no_place_are_counted(tmp_path, x):
    files = recordings(tmp_path, (0, 640, 512, "F"), (0, x, 512, "F"), (0, 640, x, "F"))
    gaze = mathe.read(files, CLIP, observers="all")
    assert gaze.x.tolist() == [359.5]
    assert gaze.dropped["lost"] + gaze.dropped["outside"] == 2


@pytest.mark.parametrize(
    "numbers",
    [
        *("1 1 1 1280 0", "1 1 1 -1280 1024", "1 1 1 nan 1024", "1 1 1 1280 inf", "1 1 1 1280 a"),
        *("1 1 -1 1280 1024", "1 1 1280 1024", "1 1 1 1280 1024 25", "1280 1024", ""),
        *("1280 1024 0.6 0.37 0.3", "0.6 37 30 37 30"),
    ],
)
def test_geometry_is_no_screen(tmp_path, numbers):
    files = recordings(tmp_path, (0, 1, 1, "F"))
    files[1].write_bytes(numbers.encode("latin-1"))
    with pytest.raises(ReaderError, match=r"geometry\.txt: expected five positive numbers.*copy"):
        mathe.read(files, CLIP, observers="all")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_windows_editors(tmp_path, encoding):
    files = recordings(tmp_path, (0, 640, 512, "F"))
    for file in files:
        file.write_text(file.read_text().replace("\n", "\r\n"), encoding=encoding, newline="")
    assert len(mathe.read(files, CLIP, observers="all").x) == 1


def test_lone_carriage_returns(tmp_path):
    files = recordings(tmp_path, (0, 640, 512, "F"), (1, 640, 512, "F"))
    for file in files:
        file.write_text(file.read_text().replace("\n", "\r").rstrip(), newline="")
    assert len(mathe.read(files, CLIP, observers="all").x) == 2


def test_geometry_that_is_no_text(tmp_path):
    files = recordings(tmp_path, (0, 1, 1, "F"))
    files[1].write_bytes("1 1 1 1280 102\xe4".encode("latin-1"))
    with pytest.raises(ReaderError, match=r"geometry\.txt, line 1: not text in UTF-8: byte 14"):
        mathe.read(files, CLIP, observers="all")


@pytest.mark.parametrize("name", ["kick ball 1", "Run-Side 001", "a\tb"])
def test_blanks_in_the_name_of_a_clip(tmp_path, name):
    files = recordings(tmp_path, (0, 640, 512, "F"))
    files[2].write_text(f"Run-Side_001.avi 1 1 1\n\n{name}.avi\t720 480  29.97\n")
    path = files[0].rename(tmp_path / f"003_{name}.avi.txt")
    clip = Clip(name, 10, 720, 480, 10.0)
    assert len(mathe.read([path, *files[1:]], clip, observers="all").x) == 1
    files[2].write_text(f"{name}.avi 720 x 480\n")
    with pytest.raises(ReaderError, match=r"resolution\.txt, line 1: expected the name, width"):
        mathe.read([path, *files[1:]], clip, observers="all")


def test_two_recordings_of_one_observer(tmp_path):
    files = recordings(tmp_path, (0, 640, 512, "F"))
    twin = tmp_path / "3_Run-Side_001.avi.txt"
    twin.write_bytes(files[0].read_bytes())
    with pytest.raises(ReaderError, match=r"3_Run.*003_Run-Side.* is of the same observer, 3;"):
        mathe.read([*files, twin], CLIP, observers="all")


def test_frames_by_their_times(tmp_path):
    files = recordings(tmp_path, *((t, 640, 512, "F") for t in (0, 99_999, 100_001, 900_000)))
    clip = Clip("Run-Side_001", 2, 720, 480, 10.0, times=(0.0, 0.1, 0.95))
    assert mathe.read(files, clip, observers="all").frame.tolist() == [0, 0, 1, 1]


def test_geometry_is_required(tmp_path):
    files = recordings(tmp_path, (0, 1, 1, "F"))
    with pytest.raises(ReaderError, match=r"geometry\.txt is not among.*gaze\.files"):
        mathe.read(files[:1], CLIP, observers="all")


def test_video_of_another_size(tmp_path):
    files = recordings(tmp_path, (0, 1, 1, "F"), size="640 480")
    with pytest.raises(ReaderError, match=r"resolution\.txt, line 1.*640 x 480.*720 x 480"):
        mathe.read(files, CLIP, observers="all")


def test_video_not_listed(tmp_path):
    files = recordings(tmp_path, (0, 1, 1, "F"))
    files[2].write_text("other.avi 720 480 10\n")
    with pytest.raises(ReaderError, match=r"no line for Run-Side_001\.avi"):
        mathe.read(files, CLIP, observers="all")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"003_.*no line of data; copy"),
        ("2 0 0 640 F\n", r"003_.*line 2: expected 6 columns.*found 5: .*copy"),
        ("2 0 0 a 512 F\n", r"003_.*line 2: column 'screen x'.*'a'; at least 2 of 3 .*copy"),
        ("2 0 0 5,5 512 F\n", r"003_.*line 2: column 'screen x': '5,5' has a decimal comma"),
        ("nan 0 0 9 9 F\n", r"003_.*line 2: column 'time' must be a finite number"),
        ("inf 0 0 9 9 F\n", r"003_.*line 2: column 'time' must be a finite number"),
        (
            "0 0 0 9 9 F\n" * 3 + "1 0 0 9 9 F\n" * 9,
            r"line 1: column 'time' .*; at least 4 of 25 lines",
        ),
        (
            "\n1 0 0 9 9 F\n",
            r"003_.*line 2: a blank line; at least 2 of 5 lines are no samples; copy",
        ),
    ],
)
def test_bad_samples(tmp_path, content, message):
    files = recordings(tmp_path)
    files[0].write_text(2 * content and "1 0 0 640 512 F\n" + 2 * content)
    with pytest.raises(ReaderError, match=message):
        mathe.read(files, CLIP, observers="all")


def test_undecodable_bytes(tmp_path):
    files = recordings(tmp_path)
    files[0].write_bytes(b"1 0 0 640 512 F\n2 0 0 640 512 \xff\n")
    assert mathe.read(files, CLIP, observers="all").dropped["not_text"] == 1
    files[0].write_bytes(b"1 0 0 640 512 \xff\n2 0 0 640 512 \xff\n")
    with pytest.raises(ReaderError, match=r"003_.*line 1: not text in UTF-8"):
        mathe.read(files, CLIP, observers="all")


@pytest.mark.parametrize("index", [0, 1, 2])
def test_directory(tmp_path, index):
    files = recordings(tmp_path, (0, 640, 512, "F"))
    files[index].unlink()
    files[index].mkdir()
    with pytest.raises(ReaderError, match=rf"{files[index].name}.*Is a directory"):
        mathe.read(files, CLIP, observers="all")


def test_missing_samples(tmp_path):
    files = recordings(tmp_path)
    files[0].unlink()
    with pytest.raises(ReaderError, match=r"003_.*cannot be read"):
        mathe.read(files, CLIP, observers="all")
