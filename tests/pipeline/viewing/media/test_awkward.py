"""Inputs that people have: each is read right, or refused in one line."""

from __future__ import annotations

import os
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from pipeline.runtime.errors import InputError
from pipeline.viewing.media.film import Reader, open_film
from tests.pipeline.viewing.media.clips import (
    LOSSLESS,
    TONE,
    X264,
    clip,
    drawn,
    ffmpeg,
    frames,
    plain,
)

X265 = ("-c:v", "libx265", "-x265-params", "log-level=none")


def middle(path: Path) -> np.ndarray:
    """The colour in the middle of the first frame."""
    film = open_film(path)
    picture = frames(film)[0]
    assert picture.shape == (film.height, film.width, 3)
    return picture[film.height // 2, film.width // 2].astype(int)


def test_a_portrait_film_is_upright(tmp_path: Path) -> None:
    lying = clip(tmp_path / "a.mp4", "-vf", "setsar=4/3", *X264)
    ffmpeg("-display_rotation", 90, "-i", lying, "-c", "copy", tmp_path / "b.mp4")
    film = open_film(tmp_path / "b.mp4")
    assert (film.width, film.height, film.aspect) == (48, 64, Fraction(3, 4))
    np.testing.assert_array_equal(
        frames(film).astype(int), np.rot90(frames(open_film(lying)), axes=(1, 2)).astype(int)
    )


@pytest.mark.parametrize(
    ("height", "width", "pixels"),
    [(47, 63, "yuv420p"), (48, 63, "bgr0"), (47, 64, "yuv420p"), (1, 1, "bgr0")],
)
def test_odd_sizes(tmp_path: Path, height: int, width: int, pixels: str) -> None:
    pictures = np.zeros((2, height, width, 3), np.uint8)
    pictures[1] = 200
    film = open_film(drawn(tmp_path / "a.mkv", pictures, "-pix_fmt", pixels, "-c:v", "ffv1"))
    assert (film.height, film.width) == (height, width)
    np.testing.assert_allclose(frames(film).astype(int), pictures, atol=2)


def test_one_frame(tmp_path: Path) -> None:
    film = open_film(clip(tmp_path / "a.mp4", *X264, "-frames:v", 1))
    assert len(film) == len(frames(film)) == 1
    assert film.seconds(0) == 0


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_no_frame(tmp_path: Path, suffix: str) -> None:
    path = clip(tmp_path / f"a.{suffix}", *X264, "-t", 0)
    with pytest.raises(InputError, match=rf"a\.{suffix}: no film that can be read \(.*; check"):
        open_film(path)


def test_sound_alone(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", f"{TONE}:duration=1", tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"a\.mp4: no film that can be read \(no moving picture"):
        open_film(tmp_path / "a.mp4")


def pq(luminance: float) -> float:
    """The signal, 0..1, of a luminance in cd/m2 (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = (luminance / 10000) ** m1
    return float(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


def hlg(luminance: float) -> float:
    """The signal of a luminance on a screen of 1000 cd/m2 (ITU-R BT.2100, gamma 1.2)."""
    scene = (luminance / 1000) ** (1 / 1.2)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return float(np.sqrt(3 * scene) if scene <= 1 / 12 else a * np.log(12 * scene - b) + c)


def deep(path: Path, signal: float, transfer: str, *, bare: bool = False) -> Path:
    """A grey film of high dynamic range, which may state neither matrix nor primaries."""
    code = round(64 + 876 * signal)
    planes = np.array([code] * 64 * 48 + [512] * (2 * 32 * 24), "<u2")
    raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "64x48", "-i", "-")
    named = "" if bare else ":color_primaries=bt2020:colorspace=bt2020nc"
    tags = f"setparams=color_trc={transfer}:range=tv{named}"
    ffmpeg(*raw, "-vf", tags, *X265, path, content=planes.tobytes())
    return path


@pytest.mark.parametrize(("signal", "transfer"), [(pq, "smpte2084"), (hlg, "arib-std-b67")])
def test_high_dynamic_range_is_mapped(tmp_path: Path, signal: object, transfer: str) -> None:
    assert callable(signal)
    shown = {}
    for share in (0.18, 1.0, 4.0):
        bare = share == 4.0
        film = deep(tmp_path / f"{share}.mp4", signal(203 * share), transfer, bare=bare)
        red, green, blue = middle(film)
        assert max(red, green, blue) - min(red, green, blue) <= 2
        shown[share] = int(green)
    assert shown[0.18] == pytest.approx(255 * 0.18 ** (1 / 2.4), abs=3)  # a screen of BT.1886
    assert shown[0.18] + 50 < shown[1.0] < shown[4.0] <= 255  # lights differ from white


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
@pytest.mark.parametrize("scope", ["tv", "pc"])
def test_colours_are_those_of_the_matrix_and_the_range(
    tmp_path: Path, matrix: str, scope: str
) -> None:
    ways = f"scale=out_color_matrix={matrix}:out_range={scope},format=yuv444p"
    tags = f"setparams=colorspace={matrix}:range={scope}"
    film = plain(tmp_path / "a.mp4", "0xC83214", "-vf", f"{ways},{tags}", "-c:v", "libx264")
    np.testing.assert_allclose(middle(film), [200, 50, 20], atol=4)


@pytest.mark.parametrize(("size", "matrix"), [("64x48", "smpte170m"), ("64x720", "bt709")])
def test_a_film_without_a_matrix_has_that_of_its_size(
    tmp_path: Path, size: str, matrix: str
) -> None:
    ways = f"scale=out_color_matrix={matrix},format=yuv420p,setparams=colorspace=unknown"
    film = plain(tmp_path / "a.mkv", "0xC83214", "-vf", ways, *LOSSLESS, size=size)
    np.testing.assert_allclose(middle(film), [200, 50, 20], atol=4)


def test_a_variable_rate(tmp_path: Path) -> None:
    drop = ("-vf", "select='not(mod(n,3))+lt(n,5)'", "-fps_mode", "vfr")
    film = open_film(clip(tmp_path / "a.mp4", *drop, *X264))
    assert film.timing.rate is None
    assert [film.seconds(k) for k in range(7)] == [0, 0.04, 0.08, 0.12, 0.16, 0.24, 0.36]
    assert len(frames(film)) == len(film)
    later = open_film(tmp_path / "a.mp4", start=0.3, end=0.37)
    assert (later.before, len(later), later.timing.seconds) == (5, 2, pytest.approx(0.24))


def test_120_frames_a_second(tmp_path: Path) -> None:
    film = open_film(clip(tmp_path / "a.mp4", *X264, rate=120))
    assert (film.timing.rate, len(film), len(frames(film))) == (120, 120, 120)


@pytest.mark.parametrize(("codec", "suffix"), [("qtrle", "mov"), ("png", "mov"), ("ffv1", "mkv")])
def test_what_is_transparent_is_black(tmp_path: Path, codec: str, suffix: str) -> None:
    half = plain(tmp_path / f"a.{suffix}", "0xFF8000@0.5", "-c:v", codec)
    np.testing.assert_allclose(middle(half), [128, 64, 0], atol=3)


def test_a_gif(tmp_path: Path) -> None:
    film = open_film(clip(tmp_path / "a.gif", "-loop", 0, rate=10))
    assert (film.kind, len(film), film.timing.rate) == ("film", 10, 10)
    assert frames(film).std() > 10


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_broken_tail(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole = clip(tmp_path / f"a.{suffix}", *X264, seconds=4)
    broken = tmp_path / f"broken.{suffix}"
    content = whole.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    film = open_film(broken)
    read = frames(film)
    frames(film, (24, 32))  # a second reader says nothing more
    assert 20 < len(read) < 70
    np.testing.assert_array_equal(read[:20], frames(open_film(whole))[:20])
    said = capsys.readouterr().err.splitlines()
    assert len(said) <= 1
    if len(said):
        assert said[0].startswith(f"warning: {broken}: {len(read)} of {len(film)} frames could be")
        assert "ffmpeg" in said[0]
    else:
        assert len(read) == len(film)


def test_noise_behind_a_good_beginning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = clip(tmp_path / "a.mp4", *X264, "-movflags", "+faststart", seconds=4)
    content = bytearray(path.read_bytes())
    rest = len(content) // 2
    content[rest:] = np.random.default_rng(1).integers(0, 256, len(content) - rest, "u1").tobytes()
    path.write_bytes(content)
    film = open_film(path)
    read = frames(film)
    assert 20 < len(read) <= 100
    (said,) = capsys.readouterr().err.splitlines()
    assert f"{len(read)} of 100 frames could be read; ffmpeg reads it with" in said


def test_a_film_of_which_nothing_can_be_decoded(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mkv", *X264)
    content = bytearray(path.read_bytes())
    start = content.index(b"\x1f\x43\xb6\x75") + 40  # behind the header of the first cluster
    content[start:] = bytes(len(content) - start)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"(no frame of it can be decoded|no film that can be)"):
        frames(open_film(path))


@pytest.mark.parametrize(
    "name", ["two words.mkv", 'it\'s "so".mkv', "a:b.mkv", "été 日本.mkv", "-dash.mkv", "100%d.mkv"]
)
def test_any_name(tmp_path: Path, name: str) -> None:
    clip(tmp_path / "a.mkv", *X264).rename(tmp_path / name)
    assert len(frames(open_film(tmp_path / name))) == 25


def test_4k(tmp_path: Path) -> None:
    film = open_film(clip(tmp_path / "a.mp4", *X264, "-frames:v", 2, size="3840x2160"))
    assert frames(film, (216, 384)).shape == (2, 216, 384, 3)
    assert frames(film).shape == (2, 2160, 3840, 3)


def test_text_called_a_film(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("moved to another server\n")
    with pytest.raises(InputError, match=r"a\.mp4: no film that can be read \(.*; check the file"):
        open_film(tmp_path / "a.mp4")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(InputError, match=r"a\.mp4: no film that can be read \(the file is empty\)"):
        open_film(tmp_path / "a.mp4")


def test_a_playlist_leads_nowhere(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile a.mp4\n")
    with pytest.raises(InputError, match=r"list\.mp4: no film that can be read"):
        open_film(tmp_path / "list.mp4")


def test_a_picture_turned_by_its_exif(tmp_path: Path) -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, :10] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a quarter clockwise to be upright
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    film = open_film(tmp_path / "a.png")
    assert (film.width, film.height) == (20, 30)
    np.testing.assert_array_equal(frames(film)[0], np.rot90(picture, -1))
    small = frames(film, (15, 10))
    np.testing.assert_array_equal(small[0, :5], 255)
    np.testing.assert_array_equal(small[0, 5:], 0)


def test_a_picture_of_16_bits(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 32768, np.uint16)).save(tmp_path / "a.png")
    assert (frames(open_film(tmp_path / "a.png")) == 128).all()


def test_a_transparent_picture_is_on_black(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 128, 0, 128)).save(tmp_path / "a.png")
    np.testing.assert_allclose(frames(open_film(tmp_path / "a.png"))[0, 0, 0], [128, 64, 0], atol=1)


def test_a_broken_picture(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), "u1")
    Image.fromarray(noise).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"a\.png: broken image"):
        frames(open_film(tmp_path / "a.png"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("-", "save it to a file first"),
        ("https://example.org/a.mp4", "download the film first"),
        ("absent.mp4", "no such file"),
    ],
)
def test_what_is_no_file(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_film(name)


def test_a_pipe_with_a_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="no regular file; save the film to one first"):
        open_film(tmp_path / "a.mp4")


@pytest.mark.parametrize(("suffix", "aspect"), [("mp4", "16/15"), ("mkv", "4/3")])
def test_pixels_that_are_not_square_stay_so(tmp_path: Path, suffix: str, aspect: str) -> None:
    film = open_film(clip(tmp_path / f"a.{suffix}", "-vf", f"setsar={aspect}", *X264))
    assert (film.width, film.height, film.aspect) == (64, 48, Fraction(aspect))
    assert frames(film).shape[1:] == (48, 64, 3)


def test_interlaced_films_lose_their_combs(tmp_path: Path) -> None:
    still = np.zeros((12, 96, 128, 3), np.uint8)
    for time, picture in enumerate(still):
        picture[:, 6 * time : 6 * time + 40] = 200  # moves 6 pixels from field to field
    woven = ("-vf", "tinterlace=interleave_top,setfield=tff", "-flags", "+ildct+ilme")
    path = drawn(tmp_path / "a.mkv", still, *woven, "-c:v", "mpeg2video", "-q:v", 2)
    film = open_film(path)
    shown = frames(film)
    assert len(shown) == len(film) == 6
    ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", tmp_path / "combs")
    combed = np.frombuffer((tmp_path / "combs").read_bytes(), np.uint8).reshape(shown.shape)

    def combs(pictures: np.ndarray) -> float:
        """How much lines differ from those beside them."""
        return float(np.abs(np.diff(pictures[1:-1].astype(int), axis=1)).mean())

    assert combs(shown) < 0.2 * combs(combed)
    assert np.abs(np.diff(shown[:, 48].astype(int), axis=0)).mean() > 5  # it still moves


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Twenty minutes at 50 frames/s, against one: what Python holds while it reads them."""
    peaks = []
    for minutes in (1, 20):
        film = open_film(
            clip(tmp_path / "a.mp4", *X264, size="32x32", rate=50, seconds=60 * minutes)
        )
        tracemalloc.start()
        with Reader(film) as reader:
            count = 0
            while block := reader.take(64):
                count += len(block)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == len(film) == 3000 * minutes
    assert peaks[1] < peaks[0] + 4e6
