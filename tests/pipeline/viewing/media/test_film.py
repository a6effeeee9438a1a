"""Which frames of a film are chosen, when they appear, and how they are read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.runtime.errors import InputError
from pipeline.viewing.media.film import Reader, open_film
from tests.pipeline.viewing.media.clips import LOSSLESS, X264, clip, ffmpeg, frames, sounding


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("film") / "a.mkv", *LOSSLESS)


def test_a_film_states_what_it_is(tmp_path: Path) -> None:
    film = open_film(sounding(tmp_path / "a.mp4"))
    assert (film.kind, film.width, film.height, film.aspect) == ("film", 64, 48, 1)
    assert (len(film), film.sound, film.timing.rate) == (50, True, 25)
    assert film.seconds(49) == 49 / 25


def test_a_film_without_sound_says_so(video: Path) -> None:
    assert not open_film(video).sound


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (None, None, 0, 25),
        (0.4, None, 10, 25),
        (0.41, None, 10, 25),  # the frame that is on the screen
        (None, 0.4, 0, 10),
        (0.2, 0.4, 5, 10),
        (0.2, 0.201, 5, 6),
        (0.96, 1.0, 24, 25),
        (None, 1.03, 0, 25),  # a film that is thought to be a little longer
    ],
)
def test_frames_between_two_times(
    video: Path, start: float | None, end: float | None, first: int, last: int
) -> None:
    film = open_film(video, start=start, end=end)
    assert (film.before, len(film)) == (first, last - first)
    np.testing.assert_array_equal(frames(film), frames(open_film(video))[first:last])
    assert film.timing.seconds == pytest.approx((last - first) / 25)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (1.0, None, "--start 1: .* ends at 1 s; start before"),
        (None, 1.2, "--end 1.2: .* ends at 1 s; leave --end out"),
        (0.5, 0.5, "--end 0.5: not after the start, 0.5 s"),
        (-1.0, None, "--start -1: give seconds"),
        (None, float("nan"), "--end nan: give seconds"),
    ],
)
def test_times_beyond_a_film_are_refused(
    video: Path, start: float | None, end: float | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        open_film(video, start=start, end=end)


def test_a_film_is_resampled(video: Path) -> None:
    film = open_film(video, rate=10, start=0.5)
    assert (len(film), film.timing.rate, film.before) == (5, 10, 5)
    np.testing.assert_array_equal(frames(film), frames(open_film(video, rate=10))[5:])


@pytest.mark.parametrize("rate", [0, -1, 1e9, float("nan")])
def test_an_absurd_rate_is_refused(video: Path, rate: float) -> None:
    with pytest.raises(InputError, match="frames per second"):
        open_film(video, rate=rate)


def test_a_rate_at_which_a_film_has_no_frame(video: Path) -> None:
    with pytest.raises(InputError, match="give another rate"):
        open_film(video, rate=0.01)


def test_frames_are_brought_to_a_size_by_their_mean(video: Path) -> None:
    film = open_film(video)
    whole, small = frames(film).astype(float), frames(film, (12, 16))
    mean = whole.reshape(25, 12, 4, 16, 4, 3).mean((2, 4))
    assert small.shape == (25, 12, 16, 3)
    assert np.abs(small - mean).mean() < 2


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_reading_begins_anywhere(tmp_path: Path, suffix: str) -> None:
    coded = ("-c:v", "libx264", "-bf", 3, "-x264-params", "keyint=60:open-gop=1")
    film = open_film(clip(tmp_path / f"a.{suffix}", *coded, rate=10, seconds=30))
    every = frames(film)
    assert len(every) == len(film) == 300
    for first in (1, 151, 180, 299):
        np.testing.assert_array_equal(frames(film, first=first), every[first:])
    with Reader(film) as reader:
        for index in (3, 60, 250):  # near, and so far that it is sought
            reader.skip_to(index)
            np.testing.assert_array_equal(reader.take(2), every[index : index + 2])
        with pytest.raises(ValueError, match="has been taken"):
            reader.skip_to(251)
        reader.skip_to(1000)
        assert reader.take(1) == []


def test_a_chosen_interval_far_into_a_film(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", *X264, "-bf", 2, rate=10, seconds=30)
    film = open_film(path, start=20.0, end=21.0)
    np.testing.assert_array_equal(frames(film), frames(open_film(path))[200:210])


def test_reading_takes_as_many_as_there_are(video: Path) -> None:
    with Reader(open_film(video)) as reader:
        assert [len(reader.take(10)) for _ in range(4)] == [10, 10, 5, 0]


def test_pictures_of_a_folder_are_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        Image.new("RGB", (5, 7), (number, 0, 0)).save(tmp_path / f"frame {number}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_text("not a picture either")
    film = open_film(tmp_path)
    assert (film.kind, film.width, film.height, film.timing.rate) == ("pictures", 5, 7, 25)
    assert frames(film)[:, 0, 0, 0].tolist() == [1, 9, 10]
    later = open_film(tmp_path, rate=29.97, start=0.04)
    assert later.timing.rate == Fraction(2997, 100)
    assert frames(later)[:, 0, 0, 0].tolist() == [9, 10]


def test_pictures_of_several_sizes_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (5, 7)).save(tmp_path / "1.png")
    Image.new("RGB", (6, 7)).save(tmp_path / "2.png")
    with pytest.raises(InputError, match=r"5 x 7 \(1\.png\), 6 x 7 \(2\.png\)"):
        open_film(tmp_path)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no picture in this folder$"):
        open_film(tmp_path)
    (tmp_path / "b.mp4").touch()
    with pytest.raises(InputError, match=r"give one film, for example .*b\.mp4"):
        open_film(tmp_path)


def test_a_picture_has_no_times(tmp_path: Path) -> None:
    Image.new("RGB", (5, 7)).save(tmp_path / "a.png")
    film = open_film(tmp_path / "a.png")
    assert (film.kind, len(film), film.width, film.height) == ("picture", 1, 5, 7)
    with pytest.raises(InputError, match="neither times nor a rate"):
        open_film(tmp_path / "a.png", start=1)


def test_time_begins_with_the_first_frame(tmp_path: Path) -> None:
    late = tmp_path / "late.mkv"
    ffmpeg("-i", clip(tmp_path / "a.mp4"), "-output_ts_offset", 7, "-c", "copy", late)
    film = open_film(late, start=0.4)
    assert (film.before, film.seconds(0), film.begins) == (10, 0, Fraction(2, 5))
