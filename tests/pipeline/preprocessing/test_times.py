"""Gaze belongs to the frame on the screen: a dot jumps and gaze follows it, in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.checks.probing import probe
from pipeline.config.data import DatasetFrames, DatasetGaze, Frames
from pipeline.preprocessing.frames import frames
from pipeline.preprocessing.gaze import gaze
from pipeline.raw.splits import SheetClip
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import FRAMES, GAZE
from pipeline.stores.reading import open_store
from tests.pipeline.preprocessing.films import (
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    avi,
    encode,
    ffmpeg,
    not_coded,
    vops,
)

GRID = Frames(width=WIDTH, height=HEIGHT, filter="bicubic", codec="lossless")
EYES = DatasetGaze(reader="dhf1k", files=("P{observer}_Trail{clip}.txt",), options={})
SIDES = np.random.default_rng(15).integers(0, 2, 45).tolist()
X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
SLOWER = "setpts='round(if(lt(N,20),N/30,20/30+(N-20)/10)/TB)'"
"""20 frames of 1/30 s, then frames of 1/10 s."""
UNEVEN = np.concatenate([np.arange(20) / 30, 20 / 30 + np.arange(26) / 10])

Film = tuple[Path, list[int], Sequence[float] | np.ndarray]
"""Video, side of the dot in each frame, and when each frame appears and the last one goes."""


def constant(folder: Path, suffix: str, rate: str, *options: object) -> Film:
    video = encode(folder / f"a.{suffix}", SIDES, rate, *options)
    return video, SIDES, np.arange(len(SIDES) + 1) / float(Fraction(rate))


def slower(folder: Path, suffix: str, *options: object) -> Film:
    video = folder / f"a.{suffix}"
    encode(video, SIDES, 30, "-vf", SLOWER, "-fps_mode", "vfr", *options)
    return video, SIDES, np.round(UNEVEN, 2 if suffix == "gif" else 6)  # its clock's ticks


def repeats(sides: Sequence[int], places: Sequence[int]) -> list[int]:
    """The sides seen where the frames of some places show the picture before."""
    seen = list(sides)
    for place in places:
        seen[place] = seen[place - 1]
    return seen


def xvid(folder: Path, empty: Sequence[int] = (), same: Sequence[int] = ()) -> Film:
    """An AVI with chunks that are empty or not coded."""
    sides = repeats(SIDES, sorted([*empty, *same]))
    chunks = [content for _, content in vops(folder, sides)]
    for place in empty:
        chunks[place] = b""
    for place in same:
        chunks[place] = not_coded(place)
    return avi(folder / "a.avi", chunks), sides, np.arange(len(sides) + 1) / 25


def begins_empty(folder: Path) -> Film:
    chunks = [b""] * 3 + [content for _, content in vops(folder, SIDES)]
    sides = [SIDES[0]] * 3 + SIDES
    return avi(folder / "a.avi", chunks), sides, np.arange(len(sides) + 1) / 25


PACKED = b"\0\0\1\xb2DivX503b1393p"


def packed(folder: Path, mark: bytes = PACKED, after: Callable[[int], bytes] = not_coded) -> Film:
    """B-pictures in the chunk of the picture after them, then a chunk that is not coded."""
    found = vops(folder, SIDES, b_frames=1)
    chunks = list[bytes]()
    for kind, content in found:
        if kind == "B":
            chunks[-1] += content
            chunks.append(after(len(chunks)))
        else:
            chunks.append(content)
    start = chunks[0].index(b"\0\0\1\xb6")
    chunks[0] = chunks[0][:start] + mark + chunks[0][start:]
    return avi(folder / "a.avi", chunks), SIDES, np.arange(len(SIDES) + 1) / 25


def b_frames(folder: Path) -> Film:
    chunks = [content for _, content in vops(folder, SIDES, b_frames=1)]
    return avi(folder / "a.avi", chunks), SIDES, np.arange(len(SIDES) + 1) / 25


def copied(folder: Path, suffix: str) -> Film:
    """The AVI that is not coded everywhere, in another container."""
    video, sides, edges = xvid(folder, same=[5, 6, 7, 8, 30])
    ffmpeg("-i", video, "-c", "copy", folder / f"b.{suffix}")
    return folder / f"b.{suffix}", sides, edges


def resting(folder: Path) -> Film:
    """Theora, which codes a picture that is the same as before in no byte."""
    sides = [0] * 12 + [1] * 12 + [0, 1, 0] + [1] * 18
    video = encode(folder / "a.ogv", sides, 30, "-c:v", "libtheora", "-pix_fmt", "yuv420p")
    return video, sides, np.arange(len(sides) + 1) / 30


def cut(folder: Path) -> Film:
    """The first half second hidden by an edit list."""
    whole, _, _ = constant(folder, "mp4", "30", *X264, "-g", 300)
    ffmpeg("-ss", 0.5, "-i", whole, "-c", "copy", folder / "b.mp4")
    return folder / "b.mp4", SIDES[15:], np.arange(len(SIDES) - 14) / 30


def after_sound(folder: Path) -> Film:
    """The first frame appears when the sound has been heard for 0.7 s."""
    video, sides, edges = constant(folder, "mp4", "24", *X264)
    sound = ("-f", "lavfi", "-i", "sine=duration=3")
    ffmpeg("-itsoffset", 0.7, "-i", video, *sound, "-c:v", "copy", folder / "b.mp4")
    return folder / "b.mp4", sides, edges


MATROSKA_LATE = ("-output_ts_offset", 1.5)
FILMS: dict[str, Callable[[Path], Film]] = {
    "AVI, not coded": lambda folder: xvid(folder, same=[5, 6, 7, 8, 9, 30]),
    "AVI, not coded at the end": lambda folder: xvid(folder, same=[20, 41, 42, 43, 44]),
    "AVI, empty chunks": lambda folder: xvid(folder, empty=[5, 6, 7, 30], same=[12, 31]),
    "AVI, empty chunks at the end": lambda folder: xvid(folder, empty=[20, 41, 42, 43, 44]),
    "AVI, empty chunks at the start": begins_empty,
    "AVI, packed": packed,
    "AVI, B-pictures": b_frames,
    "AVI, H.264": lambda folder: constant(folder, "avi", "30", *X264),
    "mp4, not coded": lambda folder: copied(folder, "mp4"),
    "mkv, not coded": lambda folder: copied(folder, "mkv"),
    "mp4, variable": lambda folder: slower(folder, "mp4", *X264),
    "mkv, variable": lambda folder: slower(folder, "mkv", *X264),
    "webm, variable": lambda folder: slower(folder, "webm", "-c:v", "libvpx"),
    "gif, variable": lambda folder: slower(folder, "gif"),
    "Ogg, resting": resting,
    "Ogg": lambda folder: constant(folder, "ogv", "15", "-c:v", "libtheora"),
    "mp4, cut": cut,
    "mp4, after sound": after_sound,
    "mkv, starts late": lambda folder: constant(folder, "mkv", "24", *X264, *MATROSKA_LATE),
    "MPEG-TS": lambda folder: constant(folder, "ts", "50", *X264),
    "MPEG-PS": lambda folder: constant(folder, "mpg", "25", "-c:v", "mpeg2video"),
    "H.264 alone": lambda folder: constant(folder, "h264", "30", *X264),
    "interlaced AVI": lambda folder: constant(folder, "avi", "25", *MPEG2_FIELDS),
    "1000 frames/s": lambda folder: constant(folder, "mkv", "1000", *X264),
    "mp4, 10 bits": lambda folder: constant(folder, "mp4", "30", *X264[:3], "yuv420p10le"),
}
MPEG2_FIELDS = ("-c:v", "mpeg2video", "-flags", "+ildct+ilme")
RATES = {  # LEDOV's, and what is near them, in containers of coarse and of fine clocks
    "15": ["mp4"],
    "15000/1001": ["avi", "mkv"],
    "24000/1001": ["mp4", "mkv"],
    "24": ["mkv"],
    "25": ["mp4"],
    "30000/1001": ["avi", "mkv"],
    "50": ["avi"],
    "60000/1001": ["mp4"],
    "60": ["mkv"],
}


def record(folder: Path, sides: Sequence[int], edges: Sequence[float] | np.ndarray) -> np.ndarray:
    """Write gaze that rests on the dot, on DHF1K's screen; return the true frame of each sample."""
    edges = np.asarray(edges)
    step = min(0.004, float(np.diff(edges).min()) / 4)
    time = np.append(0.0, np.arange(step / 3, edges[-1], step))
    # Containers round to milliseconds.
    clear = np.abs(time[:, None] - edges).min(axis=1) > min(0.0011, step / 5)
    time = time[clear | (time == 0)]
    frame = np.searchsorted(edges, time, side="right") - 1
    scale = 1440 / WIDTH
    rows = [
        "Time\tType\tTrial\tL Dia X [px]\tL Dia Y [px]\tL POR X [px]\tL POR Y [px]\tL Event Info"
    ]
    for moment, place in zip(time, frame, strict=True):
        x, y = ((LEFT, RIGHT)[sides[place]] + 1) * scale, 45.5 * scale + 45
        stamp = 10**6 + round(moment * 10**6)
        rows.append(f"{stamp}\tSMP\t1\t16\t16\t{x:.2f}\t{y:.2f}\tFixation")
    (folder / "P01_Traila.txt").write_text("\n".join(rows) + "\n")
    return frame[1:]  # the first is on the edge, where DHF1K takes none


def converted(video: Path, rate: float | None = None, clip: SheetClip | None = None) -> Any:
    """Frames and gaze as stored, the facts of the clip, and what preflight finds."""
    folder = video.parent
    clip = clip or SheetClip("a", "test", None, None)
    dataset = DatasetFrames(video=video.name, rate=rate, damaged="stop")
    stores = {name: folder / f"{name}.json" for name in ("frames", "gaze")}
    places = {
        name: {"store": path.with_suffix(".zarr"), "manifest": path}
        for name, path in stores.items()
    }
    frames(raw=folder, clips=[clip], dataset=dataset, grid=GRID, **places["frames"])
    gaze(raw=folder, frames=stores["frames"], settings=EYES, grid=GRID, **places["gaze"])
    seen, looked = open_store(FRAMES, stores["frames"]), open_store(GAZE, stores["gaze"])
    settings: Any = SimpleNamespace(frames=dataset, gaze=EYES, density=None)
    found = probe(folder, settings, clip)
    return np.asarray(seen["a"][:]), np.asarray(looked["a"][:]), seen.clips["a"], found


def sides_of(stored: np.ndarray) -> list[int]:
    bright = stored[:, HEIGHT // 2, :, 0].astype(float)
    return [int(line[WIDTH // 2 :].sum() > line[: WIDTH // 2].sum()) for line in bright]


def check(film: Film) -> dict[str, Any]:
    video, sides, edges = film
    frame = record(video.parent, sides, edges)
    stored, points, facts, found = converted(video)
    assert sides_of(stored) == sides
    np.testing.assert_array_equal(points[:, 0], frame)
    np.testing.assert_allclose(points[:, 1], np.take([LEFT, RIGHT], np.take(sides, frame)), atol=1)
    assert (found.frames, found.unreadable, found.short) == (len(sides), (), ())
    return dict(facts)


@pytest.mark.parametrize("kind", FILMS)
def test_gaze_meets_the_dot(tmp_path: Path, kind: str) -> None:
    check(FILMS[kind](tmp_path))


@pytest.mark.parametrize(
    ("mark", "after"),
    [(PACKED, lambda frame: b""), (b"", not_coded), (b"", lambda frame: b"\x7f")],
    ids=["no chunk for it", "no mark", "neither"],
)
def test_packed_pictures_that_would_be_lost_are_refused(
    tmp_path: Path, mark: bytes, after: Callable[[int], bytes]
) -> None:
    video, sides, edges = packed(tmp_path, mark, after)
    record(tmp_path, sides, edges)
    with pytest.raises(InputError, match=r"a\.avi: .*chunk 2 holds two pictures"):
        converted(video)


@pytest.mark.parametrize(
    ("rate", "suffix"), [(rate, suffix) for rate in RATES for suffix in RATES[rate]]
)
def test_gaze_meets_the_dot_at_every_rate(tmp_path: Path, rate: str, suffix: str) -> None:
    facts = check(constant(tmp_path, suffix, rate, "-c:v", "mpeg4", "-q:v", 3))
    assert facts["rate"] == float(Fraction(rate))
    assert facts["times"] == []


def test_times_are_those_of_the_whole_video_where_the_sheet_cuts(tmp_path: Path) -> None:
    video, sides, edges = slower(tmp_path, "mp4", *X264)
    frame = record(tmp_path, sides, edges)
    stored, points, facts, found = converted(video, clip=SheetClip("a", "test", 15, 30))
    assert sides_of(stored) == sides[14:30]
    kept = frame[(frame >= 14) & (frame < 30)]
    np.testing.assert_array_equal(points[:, 0], kept - 14)
    np.testing.assert_allclose(facts["times"], edges[:31], atol=1e-5)
    assert (facts["first"], found.frames) == (15, 16)


def test_a_variable_rate_is_resampled_in_time(tmp_path: Path) -> None:
    video, sides, edges = slower(tmp_path, "mkv", *X264)
    record(tmp_path, sides, edges)
    stored, points, facts, found = converted(video, rate=60.0)
    assert (len(stored), found.frames, facts["rate"], facts["times"]) == (190, 190, 60.0, [])
    # ffmpeg takes what was on the screen in the middle of each new frame.
    middles = (np.arange(190) + 0.5) / 60
    clear = np.abs(middles[:, None] - edges).min(axis=1) > 1e-3
    expected = np.take(sides, np.searchsorted(edges, middles, side="right") - 1)
    np.testing.assert_array_equal(np.array(sides_of(stored))[clear], expected[clear])
    assert clear.sum() > 150
    np.testing.assert_allclose(np.bincount(points[:, 0].astype(int))[20:160:6], 4, atol=1)


def test_pictures_without_a_time_of_their_own_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = r"setts=pts=if(eq(N\,10)\,PTS-1\,PTS):dts=DTS-4"
    video = encode(tmp_path / "a.mp4", SIDES, 25, *X264, "-bf", 0, "-bsf:v", twice)
    edges = np.delete(np.arange(46) / 25, 10)
    record(tmp_path, SIDES[:9] + SIDES[10:], edges)
    stored, _, facts, found = converted(video)
    assert sides_of(stored) == SIDES[:9] + SIDES[10:]
    assert (len(stored), found.frames) == (44, 44)
    np.testing.assert_allclose(facts["times"], edges, atol=1e-5)
    assert (
        "a.mp4: 1 pictures are left out, whose time is that of the next" in capsys.readouterr().out
    )


def test_a_frame_of_an_hour_stops_before_anything_is_decoded(tmp_path: Path) -> None:
    late = "setpts='if(lt(N,20),N,N+3600*30)/30/TB'"
    video = encode(tmp_path / "a.mp4", SIDES, 30, "-vf", late, "-fps_mode", "vfr", *X264)
    record(tmp_path, SIDES, np.arange(46) / 30)
    with pytest.raises(InputError, match=r"a\.mp4: .*frame 20 would stay for 3,600 s.*fetch it"):
        converted(video)


def test_several_sizes_in_one_video_are_told(tmp_path: Path) -> None:
    parts = [
        encode(tmp_path / f"{width}.ts", SIDES, 25, "-s", f"{width}x90", *X264).read_bytes()
        for width in (160, 80)
    ]
    video = tmp_path / "a.ts"
    video.write_bytes(b"".join(parts))
    record(tmp_path, SIDES, np.arange(46) / 25)
    with pytest.raises(InputError, match=r"a\.ts: .*pictures of several sizes, 160x90, 80x90"):
        converted(video)


def test_a_clock_that_begins_again_is_told(tmp_path: Path) -> None:
    part = encode(tmp_path / "b.ts", SIDES, 25, *X264).read_bytes()
    (tmp_path / "a.ts").write_bytes(part + part)
    record(tmp_path, SIDES, np.arange(46) / 25)
    with pytest.raises(InputError, match=r"a\.ts: .*first: time steps back at picture 46"):
        converted(tmp_path / "a.ts")
