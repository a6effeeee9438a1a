"""Drawn films whose dot jumps, in containers that state the times of frames in various ways."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np

WIDTH, HEIGHT = 160, 90
LEFT, RIGHT = 19.5, 139.5
"""Horizontal centre of the dot, in pixels."""


def ffmpeg(*arguments: object, content: bytes | None = None) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(command, input=content, check=True)


def pictures(sides: Sequence[int]) -> np.ndarray:
    """Grey pictures [time, y, x] with a white dot on the left (0) or on the right (1)."""
    drawn = np.full((len(sides), HEIGHT, WIDTH), 16, np.uint8)
    for picture, side in zip(drawn, sides, strict=True):
        middle = int((LEFT, RIGHT)[side] + 0.5)
        picture[38:52, middle - 7 : middle + 7] = 235
    return drawn


def encode(video: Path, sides: Sequence[int], rate: object, *options: object) -> Path:
    """Encode such pictures at a constant rate, or as filters among the options have it."""
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate, "-i", "-")
    ffmpeg(*raw, *options, video, content=pictures(sides).tobytes())
    return video


def vops(folder: Path, sides: Sequence[int], b_frames: int = 0) -> list[tuple[str, bytes]]:
    """MPEG-4 pictures at 25 frames/s, in order of decoding: kind and bytes."""
    file = folder / "pictures.m4v"
    encode(file, sides, 25, "-c:v", "mpeg4", "-bf", b_frames, "-g", 300, "-q:v", 3, "-f", "m4v")
    content = file.read_bytes()
    starts = [found.start() for found in re.finditer(b"\0\0\1\xb6", content)]
    found = [
        ("IPB"[content[start + 4] >> 6], content[start:stop])
        for start, stop in zip(starts, [*starts[1:], len(content)], strict=True)
    ]
    kind, first = found[0]
    return [(kind, content[: starts[0]] + first), *found[1:]]


def not_coded(frame: int) -> bytes:
    """The MPEG-4 picture that says: as before."""
    bits = f"0101{frame % 25:05b}10" + "01111"  # P, no new second, its 25ths, not coded; stuffing
    return b"\0\0\1\xb6" + int(bits, 2).to_bytes(2, "big")


def avi(video: Path, chunks: Sequence[bytes], rate: int = 25) -> Path:
    """Write an XviD AVI; a chunk may be empty, and one of `not_coded` repeats a picture."""

    def part(kind: bytes, content: bytes) -> bytes:
        return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)

    count, most = len(chunks), 1 << 20
    size = (WIDTH, HEIGHT)
    main = struct.pack("<14I", 10**6 // rate, 0, 0, 16, count, 0, 1, most, *size, *bytes(4))
    stream = b"vidsXVID" + struct.pack(
        "<IHHIIIIIIiI4h", *(0, 0, 0, 0, 1, rate, 0, count, most, -1, 0), 0, 0, *size
    )
    form = struct.pack("<IiiHH4s5I", 40, *size, 1, 24, b"XVID", WIDTH * HEIGHT * 3, *bytes(4))
    lists = part(b"LIST", b"strl" + part(b"strh", stream) + part(b"strf", form))
    movie = index = b""
    for i in range(count):
        flags = 16 if i == 0 else 0
        index += b"00dc" + struct.pack("<3I", flags, 4 + len(movie), len(chunks[i]))
        movie += part(b"00dc", chunks[i])
    head = part(b"LIST", b"hdrl" + part(b"avih", main) + lists)
    body = b"AVI " + head + part(b"LIST", b"movi" + movie) + part(b"idx1", index)
    video.write_bytes(part(b"RIFF", body))
    return video
