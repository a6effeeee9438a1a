"""Films that are written: the times, the shape, the colours and the sound of their source."""

from __future__ import annotations

import resource
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.raw.ffmpeg import probe_video
from pipeline.runtime.errors import InputError
from pipeline.viewing.media.encoding import join_parts, write_part, write_picture
from pipeline.viewing.media.film import Film, open_film
from tests.pipeline.viewing.media.clips import X264, clip, drawn, ffmpeg, frames, sounding

BLACK = np.zeros((48, 64, 3), np.uint8)


def written(film: Film, out: Path, *, sound: bool = True, cut: int | None = None) -> Path:
    """The film itself, written in two parts."""
    size = (film.height, film.width)
    every = frames(film)
    cut = len(film) // 2 if cut is None else cut
    parts = []
    for first, pictures in ((0, every[:cut]), (cut, every[cut:])):
        if len(pictures):
            parts.append(out.with_name(f"{first}.part"))
            write_part(parts[-1], film, first, pictures, size=size)
    join_parts(parts, film, out, sound=sound)
    return out


def stamps(path: Path) -> list[Fraction]:
    """Exact seconds at which frames appear, and the last one goes."""
    timing = probe_video(path).timing
    ticks = [*timing.stamps.tolist(), int(timing.stamps[-1]) + timing.last]
    return [(tick - ticks[0]) * timing.tick for tick in ticks]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sounding(tmp_path_factory.mktemp("sound") / "a.mp4")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_a_film_comes_back(tmp_path: Path, heard: Path, suffix: str) -> None:
    film = open_film(heard)
    out = written(film, tmp_path / f"b.{suffix}")
    back = open_film(out)
    assert (back.width, back.height, back.sound, len(back)) == (64, 48, True, 50)
    assert stamps(out) == stamps(heard)
    assert back.facts is not None
    assert {"tv", "bt709"} <= set(back.facts.colours)
    assert back.facts.pixel_format == "yuv420p"
    assert np.abs(frames(back).astype(int) - frames(film)).mean() < 6
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("rate", "options"),
    [
        ("30000/1001", ()),
        ("120", ()),
        ("25", ("-vf", "select='not(mod(n,3))+lt(n,5)'", "-fps_mode", "vfr")),
        ("25", ("-vf", "settb=1/90000,setpts='N*3600+mod(N*N,7)*200'", "-fps_mode", "passthrough")),
    ],
)
def test_time_stamps_are_exactly_those_of_the_source(
    tmp_path: Path, rate: str, options: tuple[str, ...]
) -> None:
    path = clip(tmp_path / "a.mp4", *options, *X264, "-video_track_timescale", 90000, rate=rate)
    out = written(open_film(path), tmp_path / "b.mp4")
    assert stamps(out) == stamps(path)
    rounded = stamps(written(open_film(path), tmp_path / "b.mkv"))  # to milliseconds
    assert np.abs(np.subtract(rounded, stamps(path))[:-1]).max() <= 0.0005


def test_time_stamps_of_an_avi(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.avi", "-c:v", "mpeg4", rate="30000/1001")
    assert stamps(written(open_film(path), tmp_path / "b.mp4")) == stamps(path)


def test_part_of_a_film_begins_at_0(tmp_path: Path, heard: Path) -> None:
    out = written(open_film(heard, start=0.48, end=1.48), tmp_path / "b.mp4")
    assert stamps(out) == stamps(heard)[:26]


def test_one_frame(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", *X264, "-frames:v", 1)
    assert stamps(written(open_film(path), tmp_path / "b.mp4")) == stamps(path)


def test_many_short_parts(tmp_path: Path, heard: Path) -> None:
    film = open_film(heard)
    every = frames(film)
    parts = [tmp_path / f"{first}.part" for first in range(0, 50, 7)]
    for first, part in zip(range(0, 50, 7), parts, strict=True):
        write_part(part, film, first, every[first : first + 7], size=(48, 64))
    join_parts(parts, film, tmp_path / "b.mp4", sound=True)
    assert stamps(tmp_path / "b.mp4") == stamps(heard)
    assert np.abs(frames(open_film(tmp_path / "b.mp4")).astype(int) - every).mean() < 6


def test_pictures_of_a_folder_become_a_film(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 48), (100 * number, 0, 0)).save(tmp_path / "in" / f"{number}.png")
    out = written(open_film(tmp_path / "in", rate=29.97), tmp_path / "b.mp4")
    assert stamps(out) == [Fraction(100 * k, 2997) for k in range(4)]
    assert np.diff(frames(open_film(out))[:, 24, 32, 0].astype(int)) == pytest.approx(100, abs=4)


def test_equal_frames_give_equal_bytes(tmp_path: Path, heard: Path) -> None:
    film = open_film(heard)
    for suffix in ("mp4", "mkv"):
        one = written(film, tmp_path / f"1.{suffix}").read_bytes()
        assert one == written(film, tmp_path / f"2.{suffix}").read_bytes()


@pytest.mark.parametrize(("height", "width"), [(47, 63), (48, 63), (2, 2), (1, 1)])
def test_any_size_is_kept(tmp_path: Path, height: int, width: int) -> None:
    pictures = np.full((3, height, width, 3), (200, 50, 20), np.uint8)
    film = open_film(drawn(tmp_path / "a.mkv", pictures, "-pix_fmt", "bgr0", "-c:v", "ffv1"))
    back = open_film(written(film, tmp_path / "b.mp4"))
    assert (back.height, back.width) == (height, width)
    np.testing.assert_allclose(frames(back).astype(int), pictures, atol=5)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_shape_of_pixels_is_kept(tmp_path: Path, suffix: str) -> None:
    film = open_film(clip(tmp_path / "a.mp4", "-vf", "setsar=16/15", *X264))
    assert open_film(written(film, tmp_path / f"b.{suffix}")).aspect == Fraction(16, 15)


def test_the_portrait_film_needs_no_tag_any_more(tmp_path: Path) -> None:
    lying = clip(tmp_path / "a.mp4")
    ffmpeg("-display_rotation", 90, "-i", lying, "-c", "copy", tmp_path / "b.mp4")
    back = open_film(written(open_film(tmp_path / "b.mp4"), tmp_path / "c.mp4"))
    assert (back.width, back.height) == (48, 64)
    assert back.facts is not None
    assert not back.facts.quarter


def test_colours_are_exact_to_a_step(tmp_path: Path, heard: Path) -> None:
    """All of a coarse cube, in tiles that H.264 can keep."""
    levels = np.linspace(0, 255, 6).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(18, 12, 3)
    picture = np.kron(cube, np.ones((8, 8, 1), np.uint8))
    film = open_film(heard)
    write_part(tmp_path / "p", film, 0, [picture], size=picture.shape[:2], quality=1)
    with av.open(str(tmp_path / "p")) as part:
        planes = next(part.decode(video=0)).to_ndarray(format="yuv444p")
    red, green, blue = np.moveaxis(cube / 255, -1, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    exact = (16 + 219 * luma, 128 + 224 / 1.8556 * (blue - luma), 128 + 224 / 1.5748 * (red - luma))
    off = planes[:, 4::8, 4::8] - np.stack(exact)
    assert np.abs(off).max() <= 2
    assert np.abs(off.mean((1, 2))).max() < 0.2


def test_grey_films(tmp_path: Path, heard: Path) -> None:
    film = open_film(heard)
    ramp = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (48, 1))
    write_part(tmp_path / "p", film, 0, [ramp, ramp], size=(48, 64), grey=True, quality=1)
    join_parts([tmp_path / "p"], film, tmp_path / "b.mp4", sound=False)
    back = frames(open_film(tmp_path / "b.mp4")).astype(int)
    assert np.abs(back - ramp[None, :, :, None]).max() <= 3


def test_products_may_have_another_size(tmp_path: Path, heard: Path) -> None:
    film = open_film(heard)
    wide = np.zeros((48, 320, 3), np.uint8)
    write_part(tmp_path / "p", film, 10, [wide] * 3, size=(48, 320))
    assert open_film(join(film, tmp_path)).width == 320
    with pytest.raises(ValueError, match="in a film of 48 x 64"):
        write_part(tmp_path / "p", film, 10, [wide], size=(48, 64))


def join(film: Film, folder: Path) -> Path:
    (folder / "p").rename(folder / "p.mkv")
    join_parts([folder / "p.mkv"], film, folder / "b.mkv", sound=True)
    return folder / "b.mkv"


def tone(path: Path) -> tuple[str, float]:
    """The codec of the sound, and seconds at which the tone begins."""
    with av.open(str(path)) as film:
        codec = film.streams.audio[0].codec_context.codec.canonical_name
    raw = path.with_suffix(".raw")
    ffmpeg("-i", path, "-af", "aresample=async=1:first_pts=0", "-ac", 1, "-f", "f32le", raw)
    samples = np.abs(np.fromfile(raw, np.float32))
    return codec, float(np.flatnonzero(samples > 0.3 * samples.max())[0] / 48000)


@pytest.fixture(scope="module")
def heard_as(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Films with a tone from the first second on, by container and codec."""
    folder = tmp_path_factory.mktemp("codecs")
    return cache(lambda suffix, codec: sounding(folder / f"{codec}.{suffix}", "-c:a", codec))


@pytest.mark.parametrize(
    ("source", "codec", "suffix", "kept"),
    [
        ("mp4", "aac", "mp4", "aac"),
        ("mp4", "aac", "mkv", "aac"),
        ("mkv", "libopus", "mkv", "opus"),
        ("mkv", "libopus", "mov", "aac"),
        ("mkv", "pcm_s16le", "mp4", "aac"),
        ("avi", "libmp3lame", "mp4", "mp3"),
        ("ts", "aac", "mp4", "aac"),
    ],
)
@pytest.mark.parametrize("start", [None, 0.4])
def test_sound_stays_where_it_was(
    tmp_path: Path,
    heard_as: Callable[[str, str], Path],
    source: str,
    codec: str,
    suffix: str,
    kept: str,
    start: float | None,
) -> None:
    film = open_film(heard_as(source, codec), start=start, end=1.6)
    write_part(tmp_path / "p", film, 0, [BLACK] * len(film), size=(48, 64))
    join_parts([tmp_path / "p"], film, tmp_path / f"b.{suffix}", sound=True)
    assert tone(tmp_path / f"b.{suffix}") == (kept, pytest.approx(1 - (start or 0), abs=0.03))


def test_sound_that_begins_before_the_pictures(tmp_path: Path, heard: Path) -> None:
    late = tmp_path / "late.mkv"
    both = ("-itsoffset", 0.5, "-i", heard, "-i", heard, "-map", "0:v", "-map", "1:a")
    ffmpeg(*both, "-c", "copy", late)
    film = open_film(late, start=0.2)
    assert film.begins == Fraction(7, 10)
    write_part(tmp_path / "p", film, 0, [BLACK] * len(film), size=(48, 64))
    join_parts([tmp_path / "p"], film, tmp_path / "b.mp4", sound=True)
    assert tone(tmp_path / "b.mp4") == ("aac", pytest.approx(1 - 0.7, abs=0.03))


def test_sound_may_be_left_out(tmp_path: Path, heard: Path) -> None:
    assert not open_film(written(open_film(heard), tmp_path / "b.mp4", sound=False)).sound


def test_films_of_other_containers_are_refused(tmp_path: Path, heard: Path) -> None:
    film = open_film(heard)
    for name in ("b.webm", "b.gif", "b"):
        with pytest.raises(InputError, match=r"films are written as \.mp4, \.mkv or \.mov"):
            written(film, tmp_path / name)


def test_parts_that_do_not_fit_are_refused(tmp_path: Path, heard: Path) -> None:
    film = open_film(heard)
    parts = [tmp_path / "0.part", tmp_path / "1.part"]
    for part, width in zip(parts, (64, 66), strict=True):
        write_part(part, film, 0, [np.zeros((48, width, 3), np.uint8)], size=(48, width))
    with pytest.raises(InputError, match=r"1\.part: made with other settings than .*0\.part"):
        join_parts(parts, film, tmp_path / "b.mp4", sound=True)
    assert not list(tmp_path.glob("b.*"))


def test_what_fails_leaves_nothing(tmp_path: Path, heard: Path) -> None:
    film = open_film(heard)

    def pictures() -> object:
        yield np.zeros((48, 64, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_part(tmp_path / "0.part", film, 0, pictures(), size=(48, 64))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_are_written(tmp_path: Path, suffix: str) -> None:
    picture = np.full((5, 7, 3), (200, 50, 20), np.uint8)
    write_picture(tmp_path / f"a{suffix}", picture)
    with Image.open(tmp_path / f"a{suffix}") as image:
        np.testing.assert_allclose(np.asarray(image).astype(int), picture, atol=4)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


def test_pictures_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pictures are written as \.png or \.jpg"):
        write_picture(tmp_path / "a.gif", np.zeros((5, 7, 3), np.uint8))


def test_a_disk_that_refuses_is_one_line(tmp_path: Path, heard: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="something of that name is in the way"):
        written(open_film(heard), tmp_path / "file" / "b.mp4")


def test_a_disk_that_fills_up_is_one_line(tmp_path: Path, heard: Path) -> None:
    film = open_film(heard)
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), "u1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(InputError, match=r"p: larger than its disk or `ulimit -f` allows"):
            write_part(tmp_path / "p", film, 0, noise, size=(48, 64))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
