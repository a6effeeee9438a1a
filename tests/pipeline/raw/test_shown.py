"""Videos and pictures as they were on the screen, or refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from pipeline.raw.ffmpeg import count_frames, open_video, probe_video, read_frames
from pipeline.raw.video import picture_size, probe, read_picture
from pipeline.runtime.errors import InputError
from tests.pipeline.preprocessing.films import HEIGHT, WIDTH, encode, ffmpeg

RAMP = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (48, 1))
X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
WHOLE = (0, 1, 1, 0, 1)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return encode(tmp_path / "a.mp4", WHOLE, 25, *X264)


def first_frame(video: Path) -> np.ndarray:
    size = probe(video)[:2][::-1]
    (frame,) = next(
        read_frames(open_video(video), size, probe(video)[2], pixel_format="gray", last=1)
    )
    return np.asarray(frame)


@pytest.mark.parametrize("degrees", [90, -90, 180, 270])
def test_a_turned_video_has_the_size_that_is_shown(video: Path, degrees: int) -> None:
    ffmpeg("-display_rotation", degrees, "-i", video, "-c", "copy", video.with_name("b.mp4"))
    turned = video.with_name("b.mp4")
    quarter = degrees % 180 == 90
    assert probe(turned)[:2] == ((HEIGHT, WIDTH) if quarter else (WIDTH, HEIGHT))
    expected = np.rot90(first_frame(video), degrees // 90)
    np.testing.assert_allclose(first_frame(turned), expected, atol=8)


def test_half_a_quarter_is_refused(video: Path) -> None:
    ffmpeg("-display_rotation", 45, "-i", video, "-c", "copy", video.with_name("b.mp4"))
    with pytest.raises(InputError, match=r"b\.mp4: .* turned by 45 degrees"):
        probe(video.with_name("b.mp4"))


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "libx264"), ("avi", "mpeg4")])
@pytest.mark.parametrize(("aspect", "width"), [("16/15", 171), ("2/1", 320), ("8/9", 142)])
def test_pixels_that_are_not_square(
    tmp_path: Path, suffix: str, codec: str, aspect: str, width: int
) -> None:
    options = ("-vf", f"setsar={aspect}", "-c:v", codec, "-pix_fmt", "yuv420p")
    video = encode(tmp_path / f"a.{suffix}", WHOLE, 25, *options)
    assert probe(video)[:2] == (width, HEIGHT)
    assert probe(video, square=True)[:2] == (WIDTH, HEIGHT)


def test_turned_pixels_that_are_not_square(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mp4", WHOLE, 25, "-vf", "setsar=2/1", *X264)
    ffmpeg("-display_rotation", 90, "-i", video, "-c", "copy", tmp_path / "b.mp4")
    assert probe(tmp_path / "b.mp4")[:2] == (HEIGHT // 2, WIDTH)
    assert probe(tmp_path / "b.mp4", square=True)[:2] == (HEIGHT, WIDTH)


def test_a_cover_picture_is_no_video(video: Path) -> None:
    cover, both = video.with_name("cover.png"), video.with_name("both.mkv")
    Image.new("RGB", (32, 32)).save(cover)
    streams = ("-map", "1:v", "-map", "0:v", "-c", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", video, "-i", cover, *streams, both.with_suffix(".mp4"))
    assert probe(both.with_suffix(".mp4"))[:2] == (WIDTH, HEIGHT)
    assert count_frames(both.with_suffix(".mp4")) == len(WHOLE)


def test_of_two_videos_the_first_is_taken(video: Path) -> None:
    other = encode(video.with_name("b.mp4"), [0] * 9, 10, "-s", "32x18", *X264)
    both = video.with_name("both.mp4")
    ffmpeg("-i", video, "-i", other, "-map", "0:v", "-map", "1:v", "-c", "copy", both)
    assert probe(both)[:2] == (WIDTH, HEIGHT)
    assert count_frames(both) == len(WHOLE)


def test_a_video_of_one_frame(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "avi"):
        video = encode(tmp_path / f"a.{suffix}", [1], "24000/1001", *X264)
        assert (count_frames(video), probe(video)[2].mean_rate) == (1, 24000 / 1001)


def test_deep_pictures_keep_their_format(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mp4", WHOLE, 25, *X264[:3], "yuv420p10le")
    assert probe_video(video).pixel_format == "yuv420p10le"


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.mp4\n#EXT-X-ENDLIST\n"
SESSION = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
IMPOSTORS = {
    "script of ffconcat": b"ffconcat version 1.0\nfile a.mp4\n",
    "playlist": PLAYLIST.encode(),
    "session of a stream": SESSION.encode(),
    "PPM": b"P6 4 4 255\n" + bytes(48),
    "list of PPM": (b"P6 4 4 255\n" + bytes(48)) * 4,
    "nothing": b"",
}


@pytest.mark.parametrize("name", ["b.avi", "b.m3u8", "b.ffconcat"])
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_what_only_leads_to_a_video_is_none(video: Path, kind: str, name: str) -> None:
    impostor = video.with_name(name)
    impostor.write_bytes(IMPOSTORS[kind])
    with pytest.raises(InputError, match=rf"{name}: not a video that ffmpeg can read") as refused:
        probe(impostor)
    assert "\n" not in str(refused.value)
    assert count_frames(impostor) == 0


def test_sound_is_no_video(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"a\.mp4: .*no moving picture in it"):
        probe(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["a.avi", "a.png"])
def test_nothing_but_a_regular_file_is_opened(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=name):
        probe(tmp_path / name)
    with pytest.raises(InputError, match=r"no regular file"):
        read_picture(tmp_path / name)
    with pytest.raises(InputError, match=r"no regular file"):
        picture_size(tmp_path / name)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_of_grey_are_scaled(tmp_path: Path, suffix: str) -> None:
    picture = saved(tmp_path / f"a.{suffix}", Image.fromarray(RAMP.astype(np.uint16) * 257))
    np.testing.assert_array_equal(np.asarray(read_picture(picture)), np.dstack([RAMP] * 3))


def test_16_bits_big_end_first(tmp_path: Path) -> None:
    values = (RAMP.astype(np.uint16) * 257).astype(">u2")
    image = Image.frombytes("I;16B", (64, 48), values.tobytes())
    picture = saved(tmp_path / "a.tif", image)
    np.testing.assert_array_equal(np.asarray(read_picture(picture)), np.dstack([RAMP] * 3))


@pytest.mark.parametrize("deep", ["rgb48be", "rgba64be", "ya16be", "gray16be"])
def test_16_bits_from_elsewhere(tmp_path: Path, deep: str) -> None:
    picture = saved(tmp_path / "a.png", Image.fromarray(RAMP))
    ffmpeg("-i", picture, "-pix_fmt", deep, tmp_path / "b.png")
    found = np.asarray(read_picture(tmp_path / "b.png")).astype(int)
    assert np.abs(found - RAMP[..., None]).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_other_modes_look_as_they_do_in_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(RAMP).convert("RGB").convert(mode)
    picture = saved(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_picture(picture), image.convert("RGB"))


def test_cmyk(tmp_path: Path) -> None:
    picture = saved(tmp_path / "a.jpg", Image.new("RGB", (64, 48), (200, 100, 50)).convert("CMYK"))
    np.testing.assert_allclose(np.asarray(read_picture(picture))[5, 5], [200, 100, 50], atol=3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparent_pictures_are_refused(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (64, 48), (9, 9, 9, 255))
    image.putpixel((5, 5), (9, 9, 9, 0))
    options = {"transparency": 0} if mode == "P" else {}
    shown = Image.new("P", (64, 48)) if mode == "P" else image.convert(mode.replace("PA", "RGBA"))
    picture = saved(tmp_path / "a.png", shown, **options)
    with pytest.raises(InputError, match=r"a\.png: parts of it are transparent; save it"):
        read_picture(picture)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_without_a_white_are_refused(tmp_path: Path, mode: str) -> None:
    picture = saved(tmp_path / "a.tif", Image.new(mode, (64, 48), 7))
    with pytest.raises(InputError, match=rf"a\.tif: .* no known white \(mode {mode}\); save"):
        read_picture(picture)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_photograph_is_turned_as_it_says(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image = Image.new("L", (64, 48))
    image.paste(255, (0, 0, 16, 16))
    picture = saved(tmp_path / f"a.{suffix}", image, exif=exif)
    turned = read_picture(picture)
    assert picture_size(picture) == turned.size == ((48, 64) if orientation > 4 else (64, 48))
    corner = {
        1: (0, 0),
        2: (1, 0),
        3: (1, 1),
        4: (0, 1),
        5: (0, 0),
        6: (1, 0),
        7: (1, 1),
        8: (0, 1),
    }
    x, y = (edge * (size - 1) for edge, size in zip(corner[orientation], turned.size, strict=True))
    assert turned.getpixel((x, y)) == (255, 255, 255)


def test_a_program_is_no_picture(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", format="EPS")
    with pytest.raises(InputError, match="cannot identify"):
        read_picture(tmp_path / "a.png")
