"""Frames as a film with the times, the shape and the sound of the one that they come from.

A film is written in parts, H.264 in Matroska, and the parts are joined without encoding them again.
There are no B-frames: packets are in the order of frames, so that the time stamps of the source can
be put onto them exactly. (Matroska itself counts milliseconds; MP4 and QuickTime keep the source's
clock.) Equal frames give equal bytes on one machine: one thread, no date, no random identifiers.

Colour is at half the resolution, as players want it, unless a side is odd: H.264 can only crop by
two pixels then, and at full resolution of colour (High 4:4:4) the film keeps its size. Players on
computers show that; some phones and Safari do not.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic, explain, of_the_disk
from pipeline.viewing.media.film import Film
from pipeline.viewing.media.sound import opened, sound_of

_BITEXACT = {"fflags": "+bitexact"}
_FORMATS: dict[str, tuple[str, dict[str, str]]] = {
    ".mkv": ("matroska", _BITEXACT),
    ".mov": ("mov", {**_BITEXACT, "movflags": "+faststart"}),
    ".mp4": ("mp4", {**_BITEXACT, "movflags": "+faststart"}),
}
"""Of each suffix: ffmpeg's name and options. With faststart, browsers play before all is there."""
_PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_BT709 = 1
"""What FFmpeg calls primaries, transfer and matrix of BT.709."""
_LIMITED = 1
"""What FFmpeg calls the range 16..235."""
_KEYS = 2.0
"""Seconds between frames at which players can start: they decode from there to where one seeks."""


def _luma_and_chroma() -> NDArray[np.float32]:
    """The matrix from R, G, B, 1 to Y, Cb, Cr of limited range (ITU-R BT.709, section 3)."""
    red, green, blue = 0.2126, 0.7152, 0.0722
    light = np.array([red, green, blue])
    rows = np.stack(
        [
            light * 219 / 255,
            (np.array([0, 0, 1]) - light) / (2 - 2 * blue) * 224 / 255,
            (np.array([1, 0, 0]) - light) / (2 - 2 * red) * 224 / 255,
        ]
    )
    return np.column_stack([rows, [16, 128, 128]]).astype(np.float32)


_MATRIX = _luma_and_chroma()
_LIGHT = np.rint(16 + np.arange(256) * 219 / 255).astype(np.uint8)
"""Y of each grey."""


def write_part(
    path: Path,
    film: Film,
    first: int,
    pictures: Iterable[NDArray[np.uint8]],
    *,
    size: tuple[int, int],
    quality: int = 18,
    grey: bool = False,
) -> None:
    """Write pictures as H.264 in Matroska, each at the time of the film's frame that it is for.

    Args:
        path: Of the part.
        film: Whose time stamps and shape of pixels they have.
        first: The chosen frame that the first picture is for.
        pictures: RGB [y, x, 3], or grey [y, x].
        size: Their height and width.
        quality: x264's constant rate factor: 18 looks like the original, 23 is usual.
        grey: Whether they are grey.

    Raises:
        InputError: The disk refuses it, or a side is too long for H.264.
    """
    height, width = size
    ticks = film.timing.tick.numerator
    clock = Fraction(1, film.timing.tick.denominator)
    stamps = (film.timing.stamps - film.timing.stamps[0]) * ticks
    with _written(path) as partial, _opened(partial, "matroska", _BITEXACT) as target:
        rate = Fraction(film.timing.mean_rate).limit_denominator(1001)
        stream = target.add_stream("libx264", rate=rate or 1)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"
        stream.time_base = clock
        coder = stream.codec_context
        coder.time_base = clock
        coder.thread_count = 1
        coder.sample_aspect_ratio = film.aspect
        coder.color_primaries = coder.color_trc = coder.colorspace = _BT709
        coder.color_range = _LIMITED
        coder.gop_size = max(1, min(250, round(_KEYS * film.timing.mean_rate)))
        # subme=1 takes two thirds of the preset's time and gives a tenth more bytes. With mbtree,
        # one in two hundred films whose height is no multiple of 16 comes out in other bytes.
        tuned = {"preset": "veryfast", "x264-params": "subme=1:mbtree=0", "bf": "0"}
        stream.options = {**tuned, "crf": str(quality)}
        for index, picture in enumerate(pictures, first):
            if picture.shape != ((height, width) if grey else (height, width, 3)):
                raise ValueError(f"a picture {picture.shape} in a film of {height} x {width}")
            frame = _frame(picture, stream.pix_fmt)
            frame.pts, frame.time_base = int(stamps[index]), clock
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def _frame(picture: NDArray[np.uint8], pixels: str) -> Any:
    """A picture in the colours of a film: exact to a step, and three times as fast as swscale."""
    height, width = picture.shape[:2]
    half = pixels == "yuv420p"
    count = height * width
    flat = np.empty(count * 3 // 2 if half else count * 3, np.uint8)
    planes = (flat[count : (len(flat) + count) // 2], flat[(len(flat) + count) // 2 :])
    if picture.ndim == 2:
        flat[:count] = cv2.LUT(picture, _LIGHT).ravel()
        flat[count:] = 128
    else:
        luma, *chroma = cv2.split(cv2.transform(picture, _MATRIX))
        flat[:count] = luma.ravel()
        for plane, values in zip(planes, chroma, strict=True):
            if half:
                small = (width // 2, height // 2)
                values = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
            plane[:] = values.ravel()
    shape = (height * 3 // 2, width) if half else (3, height, width)
    frame = av.VideoFrame.from_ndarray(flat.reshape(shape), format=pixels)
    frame.colorspace = _BT709
    frame.color_range = _LIMITED
    return frame


def join_parts(parts: Sequence[Path], film: Film, out: Path, *, sound: bool) -> None:
    """Write the film whose parts are given, in order, without encoding them again; replaces `out`.

    Args:
        parts: From `write_part`, at least one; together they begin with the first chosen frame.
        film: Whose time stamps and sound it has.
        out: A film: .mp4, .mkv or .mov.
        sound: Whether the sound between the film's start and end is put beside the pictures.

    Raises:
        InputError: The name has another suffix, the disk refuses it, or parts do not fit together.
    """
    form, options = film_format(out)
    with ExitStack() as stack:
        partial = stack.enter_context(_written(out))
        target = stack.enter_context(_opened(partial, form, options))
        with opened(parts[0]) as head:
            stream = target.add_stream_from_template(head.streams.video[0])
            facts = _facts(head)
        stream.time_base = Fraction(1, film.timing.tick.denominator)
        packets = [_pictures(parts, film, stream, facts)]
        if sound and film.sound:
            source = stack.enter_context(opened(film.source))
            packets.append(sound_of(source, film, target, form))
        for _, packet in heapq.merge(*packets, key=lambda one: one[0]):
            target.mux(packet)


def film_format(out: Path) -> tuple[str, dict[str, str]]:
    """Return ffmpeg's name of the container that a film's name asks for, and its options.

    Raises:
        InputError: There is none of that suffix.
    """
    if out.suffix.lower() not in _FORMATS:
        raise InputError(f"{out}: films are written as .mp4, .mkv or .mov; name it so")
    return _FORMATS[out.suffix.lower()]


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture, RGB [y, x, 3] or grey [y, x], as .png, .jpg or .jpeg; replaces `path`.

    Raises:
        InputError: The name has another suffix, or the disk refuses it.
    """
    kind = _PICTURES.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: pictures are written as .png or .jpg; name it so")
    with _written(path) as partial:
        # At 95, JPEG shows no blocks; more only makes files larger (Pillow's documentation).
        Image.fromarray(picture).save(partial, kind, quality=95)


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A path to write to as with `atomic`, and FFmpeg's complaints in one line."""
    try:
        with atomic(path) as partial:
            yield partial
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and of_the_disk(error):  # it names the path in its own way
            refused = OSError(error.errno, error.strerror)
            raise InputError(explain(refused, path)) from error
        raise InputError(f"{path}: it cannot be written ({error.strerror})") from error


def _opened(path: Path, form: str, options: dict[str, str]) -> Any:
    return av.open(f"file:{path}", "w", format=form, options=options)  # a colon is no protocol


def _facts(part: Any) -> tuple[bytes, int, int]:
    """What has to be equal in all parts."""
    coder = part.streams.video[0].codec_context
    return bytes(coder.extradata or b""), coder.width, coder.height


def _pictures(
    parts: Sequence[Path], film: Film, stream: Any, facts: tuple[bytes, int, int]
) -> Iterator[tuple[float, Any]]:
    """Seconds and packet of each picture, at the time of its frame."""
    timing = film.timing
    ticks, clock = timing.tick.numerator, Fraction(1, timing.tick.denominator)
    stamps = [*((timing.stamps - timing.stamps[0]) * ticks).tolist()]
    stamps.append(stamps[-1] + timing.last * ticks)
    index = 0
    for part in parts:
        with opened(part) as source:
            if _facts(source) != facts:
                raise InputError(f"{part}: made with other settings than {parts[0]}; remove both")
            for packet in source.demux(video=0):
                if packet.pts is None:  # the end; dts is unknown in parts that begin later
                    continue
                packet.stream = stream
                packet.time_base = clock
                packet.pts = packet.dts = stamps[index]
                packet.duration = stamps[index + 1] - stamps[index]
                yield float(stamps[index] * clock), packet
                index += 1
