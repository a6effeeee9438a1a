from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets.readers import read_gaze
from pipeline.datasets.records import Clip, ReaderError

CLIP = Clip("ball", 10, 640, 360, 25.0)
SCREEN = {"unit": "pixels", "screen": [1920, 1200], "fit": "contain"}
VIDEO = {"unit": "pixels"}


@pytest.fixture
def table(tmp_path):
    """Writes a file of these lines and returns it in a list."""

    def write(*lines, name="ball.csv", end="\n", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(end.join(lines), encoding=encoding, newline="")
        return [path]

    return write


def read(files, clip=CLIP, **options):
    return read_gaze("csv", files, clip, {"position": VIDEO, "time": "ms"} | options)


def found(gaze):
    columns = (gaze.observer, gaze.frame, gaze.x, gaze.y)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_one_file_for_each_clip(table):
    gaze = read(table("observer,time,x,y", "2,0,0.5,0.5", "2,79.9,3,4", "5,80,640,1"))
    assert found(gaze) == [(2, 0, 0, 0), (2, 1, 2.5, 3.5)]
    assert gaze.dropped["outside"] == 1
    assert gaze.seconds == (0.0799, 0.08)


def test_one_file_for_everything(table):
    files = table(
        'clip,observer,time,x,y,"pupil, left"',
        "ball,anna,0,1,1,3.1",
        "videos/ball.mp4,bert,0,2,2,",
        "kite.mp4,anna,0,3,3,",
        '"a, b.mp4",anna,0,4,4,',
    )
    assert found(read(files)) == [(1, 0, 0.5, 0.5)]
    assert found(read(files, Clip("kite", 1, 640, 360, 25.0))) == [(1, 0, 2.5, 2.5)]
    assert found(read(files, Clip("a, b", 1, 640, 360, 25.0))) == [(1, 0, 3.5, 3.5)]
    with pytest.raises(ReaderError, match=r"ball\.csv: no row of clip cloud; name it there as in"):
        read(files, Clip("cloud", 1, 640, 360, 25.0))


def test_one_file_for_each_observer(table):
    lines = ["time,x,y", "0,1,1"]
    files = [*table(*lines, name="ball_10.csv"), *table(*lines, name="ball_07.csv")]
    assert read(files).observer.tolist() == [2, 1]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings(table, separator, end, encoding):
    lines = [line.replace(",", separator) for line in ("observer,time,x,y", "Jörg,0,1,1", "")]
    assert found(read(table(*lines, end=end, encoding=encoding))) == [(1, 0, 0.5, 0.5)]


@pytest.mark.parametrize(("unit", "ticks"), [("s", 1), ("ms", 1e3), ("us", 1e6)])
def test_units_of_time(table, unit, ticks):
    files = table("time,x,y", *(f"{moment * ticks},1,1" for moment in (-0.01, 0.03, 0.37, 0.41)))
    gaze = read(files, time=unit)
    assert gaze.frame.tolist() == [0, 9]
    assert (gaze.dropped["before_first_frame"], gaze.dropped["after_last_frame"]) == (1, 1)


def test_time_from_the_first_sample(table):
    files = table("observer,time,x,y", "1,5000,1,1", "1,5050,2,2", "2,9040,3,3", "2,9000,4,4")
    gaze = read(files, start="first")
    assert found(gaze) == [(1, 0, 0.5, 0.5), (1, 1, 1.5, 1.5), (2, 1, 2.5, 2.5), (2, 0, 3.5, 3.5)]
    assert gaze.seconds == (0.05, 0.04)


def test_frames_by_their_times(table):
    clip = Clip("ball", 2, 640, 360, 25.0, times=(0.0, 0.1, 0.15))
    gaze = read(table("time,x,y", "40,1,1", "99,1,1", "101,1,1", "150,1,1"), clip)
    assert gaze.frame.tolist() == [0, 0, 1]


@pytest.mark.parametrize("first", [0, 1])
def test_frames_by_number(table, first):
    gaze = read(table("frame,x,y", "0,1,1", "1,2,2", "9,3,3", "10,4,4"), first_frame=first)
    assert gaze.frame.tolist() == ([0, 1, 9] if first == 0 else [0, 8, 9])
    assert gaze.seconds == ()


@pytest.mark.parametrize("events", [["Fixation", 1], ["fixation", "1"]])
def test_events(table, events):
    files = table("time,x,y,event", "0,1,1,FIXATION", "0,2,2,1", "0,3,3,0", "0,4,4,saccade")
    gaze = read(files, events=events)
    assert gaze.x.tolist() == [0.5, 1.5]
    assert gaze.dropped["other_event"] == 2
    with pytest.raises(ReaderError, match=r"set gaze\.options\.events .* among '0', '1', 'FIXA"):
        read(files)


@pytest.mark.parametrize(
    ("position", "x", "y"),
    [
        (VIDEO, 320, 180),
        ({"unit": "normalised"}, 0.5, 0.5),
        ({"unit": "pixels", "y": "up", "origin": "centre"}, 0, 0),
        (SCREEN, 960, 600),
        (SCREEN | {"fit": "native"}, 960, 600),
        (SCREEN | {"fit": "stretch", "unit": "normalised"}, 0.5, 0.5),
        ({"unit": "pixels", "screen": [1920, 1200], "rectangle": [100, 50, 640, 360]}, 420, 230),
    ],
)
def test_the_middle_of_the_video(table, position, x, y):
    gaze = read(table("time,x,y", f"0,{x},{y}"), position=position)
    assert found(gaze) == [(1, 0, 319.5, 179.5)]


@pytest.mark.parametrize(
    ("position", "x", "y"),
    [
        (VIDEO, 10, 20),
        (VIDEO | {"y": "up"}, 10, 340),
        (VIDEO | {"origin": "centre"}, -310, -160),
        (VIDEO | {"origin": "centre", "y": "up"}, -310, 160),
        ({"unit": "normalised", "y": "up"}, 10 / 640, 1 - 20 / 360),
        ({"unit": "normalised", "origin": "centre"}, 10 / 640 - 0.5, 20 / 360 - 0.5),
        (SCREEN, 30, 60 + 60),  # three times as large, below 60 empty lines
        (SCREEN | {"y": "up"}, 30, 1200 - 120),
        (SCREEN | {"fit": "native"}, 640 + 10, 420 + 20),
        (SCREEN | {"fit": "stretch"}, 30, 20 / 0.3),
        (SCREEN | {"origin": "centre", "y": "up"}, 30 - 960, 600 - 120),
        ({"unit": "pixels", "screen": [99, 99], "rectangle": [5, -7, 1280, 180]}, 25, 3),
    ],
)
def test_a_place_aside(table, position, x, y):
    gaze = read(table("time,x,y", f"0,{x!r},{y!r}"), position=position)
    np.testing.assert_allclose([gaze.x[0], gaze.y[0]], [9.5, 19.5], atol=1e-4)


@pytest.mark.parametrize(
    "cell", ["", "n/a", "nan", "NaN", "NA", "-", "None", ".", "inf", "-inf", "1e999"]
)
def test_lost_samples(table, cell):
    gaze = read(table("time,x,y", "0,1,1", f"0,{cell},1", f"0,1,{cell}", f"{cell},1,1"))
    assert gaze.dropped == {
        "lost": 3,
        "before_first_frame": 0,
        "after_last_frame": 0,
        "outside": 0,
    }


def test_lines_that_are_no_samples(table):
    lines = ["# of 2026", "time,x,y", *["0,1,1"] * 50, "", "# a pause", "0,1", "0,1,x", "time,x,y"]
    gaze = read(table(*lines))
    assert len(gaze.x) == 50
    counted = {key: count for key, count in gaze.dropped.items() if count}
    assert counted == {
        **{"blank_line": 1, "comment": 1, "other_columns": 1},
        **{"not_a_number": 1, "header": 1},
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["time,x", "0,1"], r"line 1: no column y among time, x; set gaze\.options\.columns"),
        (["x,y", "0,1"], "line 1: no column time or frame, one of the two among x, y"),
        (["time,frame,x,y", "0,1,1,1"], "line 1: no column time or frame, one of the two"),
        (["time,x,x,y", "0,1,1,1"], "line 1: expected the header time, x, y, found 'time, x, x, y"),
        (["time;x;y", "0;1,5;1"], "line 2: column 'x': '1,5' has a decimal comma; export"),
        (["time,x,y", "0,1,1", "0,1,q", "0,1,q"], "line 3: column 'y' must be a number, found 'q'"),
        (["time,x,y"], "no line of data; correct the file, or gaze.options"),
        ([], "no line of data"),
        (["time,x,y", "0,700,1"], r"no sample of ball can be used: {'outside': 1}; correct gaze"),
        (
            ["time,x,y", "500,1,1"],
            r"{'after_last_frame': 1}.* 10 frames of 640 x 360 .* 25 frames/s",
        ),
    ],
)
def test_files_that_do_not_fit(table, lines, message):
    with pytest.raises(ReaderError, match=rf"ball\.csv.*{message}") as error:
        read(table(*lines))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"position": None}, "position: Input should be a valid"),
        ({"position": {}}, r"position\.unit: Field required"),
        ({"position": {"unit": "px"}}, r"position\.unit: Input should be 'pixels' or 'norm"),
        ({"position": {"unit": "pixels", "screen": [9, 9]}}, "a fit or a rectangle: set one"),
        ({"position": VIDEO | {"fit": "native"}}, "set screen"),
        ({"position": SCREEN | {"rectangle": [0, 0, 1, 1]}}, "set one of the two"),
        ({"position": SCREEN | {"screen": [0, 9]}}, r"position\.screen\.0: Input should be gre"),
        ({"time": "minutes"}, "time: Input should be 's', 'ms' or 'us'"),
        ({"time": None}, "set time to s, ms or us"),
        ({"columns": {"z": "a"}}, r"columns\.z.*: Input should be 'clip'"),
        ({"columns": {"x": "Gaze X"}}, "no column Gaze X among time, x, y"),
        ({"columns": {"event": "valid"}}, "no column valid among time, x, y"),
        ({"speed": 1}, "speed: Extra inputs are not permitted"),
    ],
)
def test_options_that_do_not_fit(table, options, message):
    with pytest.raises(ReaderError, match=rf"gaze\.options.*{message}|{message}.*gaze\.options"):
        read(table("time,x,y", "0,1,1"), **options)


def test_number_of_the_first_frame_is_required(table):
    with pytest.raises(ReaderError, match="set first_frame, 0 or 1"):
        read(table("frame,x,y", "0,1,1"))


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        (("0,0.25,0.5", "400,1,0"), "no x or y is above 1: does gaze.options.position.unit"),
        (
            ("0,25,5", "0.4,9,9"),
            "recordings last 0.0004 s, the video 0.4 s: does gaze.options.time",
        ),
        (("0,25,5", "399000,9,9"), "recordings last 399 s, the video 0.4 s"),
    ],
)
def test_other_units_than_the_options_say(table, lines, finding):
    (found,) = read(table("time,x,y", *lines)).findings
    assert finding in found


def test_most_samples_outside_are_a_finding(table):
    files = table("time,x,y", "0,1,1", "0,700,1", "0,701,1")
    assert "2 of 3 samples lie outside the video" in read(files).findings[0]
    assert read(table("time,x,y", "0,1,1", "0,700,1")).findings == ()
