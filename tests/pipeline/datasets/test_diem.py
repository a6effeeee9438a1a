from __future__ import annotations

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.datasets import diem
from pipeline.datasets.records import Clip, ReaderError
from pipeline.demo.looks import Event

CLIP = Clip("ball_1000x760", 4, 1000, 760, 30.0)
NAME = "diem2s11.asc_4_ball_1000x760.txt"


LINE = "{}\t640\t480\t9\t1\t640\t480\t9\t1\n"


def recording(tmp_path, *rows):
    path = tmp_path / NAME
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return [path]


def eyes(frame, left=(640, 480), right=(640, 480), events=(1, 1)):
    return (frame, *left, 900.0, events[0], *right, 900.0, events[1])


@pytest.mark.parametrize("index", [0, 1, 2])
def test_reads_what_the_demo_planned(drawn, planned, agree, index):
    film = drawn.films["diem"][index]
    agree(diem.read(drawn.files(film), film.clip), planned(film, {Event.FIXATION}), 0.06)


def test_screen_to_pixel(tmp_path):
    # Offset (1280 - 1000)/2 = 140 and (960 - 760)/2 = 100; the mean of the eyes counts.
    files = recording(tmp_path, eyes(1), eyes(3, (160, 110), (150, 120)))
    gaze = diem.read(files, CLIP)
    assert gaze.frame.tolist() == [0, 2]
    assert gaze.x.tolist() == [499.5, 14.5]
    assert gaze.y.tolist() == [379.5, 14.5]
    assert gaze.observer.tolist() == [211, 211]


def test_each_reason_is_counted(tmp_path):
    files = recording(
        tmp_path,
        eyes(0),
        eyes(1),
        eyes(2, events=(2, 0)),
        eyes(2, events=(1, 0)),
        eyes(2, events=(-1, 1)),
        eyes(2, events=(1, 3)),
        eyes(3, left=(140, 480), right=(500, 480)),  # one eye on the border
        eyes(5),
    )
    gaze = diem.read(files, CLIP)
    assert len(gaze.x) == 1
    assert gaze.dropped == {
        "before_first_frame": 1,
        "after_last_frame": 1,
        "error": 1,
        "saccade": 1,
        "blink": 1,
        "unknown_event": 1,
        "lost": 0,
        "outside": 1,
    }


def test_frames_without_fixation(drawn):
    film = drawn.films["diem"][1]
    gaze = diem.read(drawn.files(film), film.clip)
    assert not {15, 16, 17} & set(gaze.frame.tolist())


def test_other_frame_rate(tmp_path):
    with pytest.raises(ReaderError, match=r"25 Hz; set diem's frames\.rate to 30\.0"):
        diem.read(recording(tmp_path, eyes(1)), Clip("ball_1000x760", 4, 1000, 760, 25.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no line of data; copy"),
        ("1\t2\t3\n", "line 1: expected 9 columns.*found 3: .*copy"),
        ("1\t2\tx\t9\t1\t2\t3\t9\t1\n", "line 1: column 'left y'.*'x'; .*copy"),
        ("1\t2,5\t3\t9\t1\t2\t3\t9\t1\n", "line 1: column 'left x': '2,5' has a decimal comma"),
        (LINE.format(1) + 2 * LINE.format("nan"), "line 2: column 'frame' must be a finite number"),
        (LINE.format(1) + 2 * LINE.format("inf"), "line 2: column 'frame' must be a finite number"),
        (LINE.format(1) + 2 * LINE.format(1.5), "line 2: column 'frame' must be a whole number"),
        ("".join(map(LINE.format, "34512")), "line 4: column 'frame' must be at least that of the"),
    ],
)
def test_bad_file(tmp_path, content, message):
    files = recording(tmp_path)
    files[0].write_text(content)
    with pytest.raises(ReaderError, match=message):
        diem.read(files, CLIP)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("x", ["nan", "inf", "-inf", "1e308"])
def test_points_that_are_no_place_are_counted(tmp_path, x):
    rows = [eyes(1), eyes(2, left=(x, 480)), eyes(3, right=(640, x), left=(x, 480))]
    gaze = diem.read(recording(tmp_path, *rows), CLIP)
    assert gaze.x.tolist() == [499.5]
    assert gaze.dropped["lost"] + gaze.dropped["outside"] == 2


def test_length_of_the_recording(tmp_path):
    files = recording(tmp_path, *(eyes(frame) for frame in range(1, 61)))
    assert diem.read(files, CLIP).seconds == (2.0,)


@pytest.mark.parametrize(("width", "height"), [(1281, 960), (1280, 961)])
def test_video_larger_than_the_screen(tmp_path, width, height):
    files = recording(tmp_path, eyes(1))
    diem.read(files, Clip("ball", 4, 1280, 960, 30.0))
    message = rf"the video has {width} x {height} pixels.*1280 x 960.*use the original"
    with pytest.raises(ReaderError, match=message):
        diem.read(files, Clip("ball", 4, width, height, 30.0))


def test_undecodable_bytes(tmp_path):
    files = recording(tmp_path, eyes(1))
    files[0].write_bytes(LINE.format(1).encode() + b"\x80")
    assert diem.read(files, CLIP).dropped["not_text"] == 1
    files[0].write_bytes(b"\x80")
    with pytest.raises(ReaderError, match=r"diem2s11.*line 1: not text in UTF-8"):
        diem.read(files, CLIP)


def test_directory(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(ReaderError, match=r"cannot be read \(Is a directory"):
        diem.read([tmp_path / NAME], CLIP)


@pytest.mark.parametrize(
    ("name", "observer"),
    [
        ("diem4s04.asc_12_50_people_brooklyn_1280x720.txt", 404),
        ("diem4s04b.asc_12_50_people_brooklyn_1280x720.txt", 11404),
        ("DIEM4S04B.asc_12_50_people_brooklyn_1280x720.txt", 11404),
        ("diem4s04a.ASC_1_ball.txt", 10404),
        ("diem12s3.asc_1_ball.txt", 1203),
        ("diem9s99v.asc_1_ball.txt", 31999),
    ],
)
def test_number_of_an_observer(tmp_path, name, observer):
    path = recording(tmp_path, eyes(1))[0].rename(tmp_path / name)
    assert diem.read([path], CLIP).observer.tolist() == [observer]


def test_letter_makes_an_observer_of_its_own(tmp_path):
    files = [
        recording(tmp_path, eyes(1))[0].rename(tmp_path / f"diem4s04{letter}.asc_{order}_ball.txt")
        for order, letter in enumerate(["", "b", "c"])
    ]
    assert diem.read(files, CLIP).observer.tolist() == [404, 11404, 12404]


@pytest.mark.parametrize("other", ["diem4s04B.asc_9_ball.txt", "diem4s4b.asc_1_ball.txt"])
def test_two_recordings_of_one_observer(tmp_path, other):
    names = ["diem4s04b.asc_1_ball.txt", other]
    files = [recording(tmp_path, eyes(1))[0].rename(tmp_path / name) for name in names]
    message = rf"{other}: .*{names[0]} is of the same observer, 11404; move one of the two"
    with pytest.raises(ReaderError, match=message):
        diem.read(files, CLIP)


def test_other_files_in_the_folder(tmp_path):
    others = [".DS_Store", "README.txt", "._diem1s01.asc_1_ball.txt"]
    for name in others:
        (tmp_path / name).write_bytes(b"\0\xff")
    files = [*(tmp_path / name for name in others), *recording(tmp_path, eyes(1))]
    assert len(diem.read(files, CLIP).x) == 1


def test_frames_by_their_times(tmp_path):
    # The second of three frames stays for two lines.
    clip = Clip("ball_1000x760", 3, 1000, 760, 25.0, times=(0.0, 1 / 30, 3 / 30, 4 / 30))
    gaze = diem.read(recording(tmp_path, *(eyes(line) for line in range(1, 6))), clip)
    assert gaze.frame.tolist() == [0, 1, 1, 2]
    assert gaze.dropped["after_last_frame"] == 1


@pytest.mark.parametrize(
    "name",
    ["diem1s123.asc_1_ball.txt", "diemXs01.asc_1_ball.txt", "diem1s01bc.asc_1_ball.txt"],
)
def test_wrong_observer(tmp_path, name):
    path = recording(tmp_path, eyes(1))[0].rename(tmp_path / name)
    with pytest.raises(ReaderError, match=r"expected a name like diem1s01.*gaze\.files"):
        diem.read([path], CLIP)


def test_missing_file(tmp_path):
    with pytest.raises(ReaderError, match="cannot be read"):
        diem.read([tmp_path / NAME], CLIP)


def test_no_file_and_other_name(tmp_path):
    with pytest.raises(ReaderError, match=r"gaze\.files"):
        diem.read([], CLIP)
    with pytest.raises(ReaderError, match=r"geometry\.txt: expected a name like"):
        path = recording(tmp_path, eyes(1))[0].rename(tmp_path / "geometry.txt")
        diem.read([path], CLIP)


@pytest.mark.shared
def test_real_text(shared):
    folder = shared / "diem_text" / "arctic_bears_1066x710" / "event_data"
    clip = Clip("arctic_bears_1066x710", 300, 1066, 710, 30.0)
    gaze = diem.read(sorted(folder.glob("*.txt")), clip)
    assert set(gaze.observer.tolist()) == set(range(501, 509))
    assert 2000 < len(gaze.x) <= 8 * 300
    assert 0 <= gaze.x.min() < gaze.x.max() < 1066
    assert 0 <= gaze.y.min() < gaze.y.max() < 710


@pytest.mark.shared
def test_real_text_under_a_real_name_with_a_letter(shared, tmp_path):
    (file,) = (shared / "diem_text").rglob("diem5s04.asc_*")
    copy = tmp_path / "diem4s04b.asc_12_50_people_brooklyn_1280x720.txt"
    copy.write_bytes(file.read_bytes())
    clip = Clip("50_people_brooklyn_1280x720", 300, 1280, 720, 30.0)
    one, other = (diem.read([path], clip) for path in (file, copy))
    np.testing.assert_array_equal(one.x, other.x)
    assert set(other.observer.tolist()) == {11404}


def _motion(path, frames):
    """[frame, y, x] z-scored change to the next frame, and where there is any, by frame."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-i", str(path)]
    command += ["-vf", "scale=100:75", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    video = np.frombuffer(raw, np.uint8).reshape(-1, 75, 100)[:frames].astype(np.float32)
    change = np.abs(np.diff(video, axis=0, append=video[-1:]))
    spread = change.std(axis=(1, 2), keepdims=True)
    return (change - change.mean(axis=(1, 2), keepdims=True)) / np.maximum(spread, 1e-6), spread > 0


@pytest.mark.shared
def test_real_gaze_follows_the_motion(shared):
    name = "causality_clip_08_1000x750"
    folder = shared / "diem" / name
    gaze = diem.read(sorted(folder.glob("event_data/*.txt")), Clip(name, 300, 1000, 750, 30.0))
    motion, moves = _motion(folder / "video" / f"{name}.mp4", 300)

    def score(lag, flip=False):
        y = 749 - gaze.y if flip else gaze.y
        frame = gaze.frame - lag
        seen = (frame >= 0) & (frame < len(motion))
        seen[seen] &= moves.ravel()[frame[seen]]
        row, column = (y[seen] / 10).astype(int), (gaze.x[seen] / 10).astype(int)
        return motion[frame[seen], row, column].mean()

    assert score(0) > 2 * score(0, flip=True)
    assert score(0) > 2 * score(15)
    assert score(0) > 2 * score(-15)
