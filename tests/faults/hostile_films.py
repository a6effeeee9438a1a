"""Films made to harm, for `hostile_maps`."""

from __future__ import annotations

import struct
from collections.abc import Callable

import cv2
import numpy as np

from tests.faults import crafted
from tests.faults.crafted import avi
from tests.faults.hostile_maps import GOOD, Hostile, put

SIDE = 15000


def film(
    content: bytes | Callable[[], bytes], *, name: str = "a.avi", read: int | None = 0
) -> Hostile:
    hostile = put(name, content)
    hostile.read = read
    return hostile


def _png() -> bytes:
    return crafted.png(SIDE, SIDE, 8, 0, packed=crafted.zlib_zeros(SIDE * (SIDE + 1) >> 20))


def _jpeg(side: int) -> bytes:
    picture = cv2.imencode(".jpg", np.zeros((24, 32), np.uint8))[1].tobytes()
    return crafted.jpeg(picture, side, side)


def _atom(kind: bytes, content: bytes, size: int = 0) -> bytes:
    return struct.pack(">I4s", size or len(content) + 8, kind) + content


LIST = "ffconcat version 1.0\nfile 'b/0001.png'\nfile '/etc/passwd'\n"
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
FILMS = {
    "nothing": film(b"", name="a.mp4"),
    "text": film(b"no film\n" * 50, name="a.mp4"),
    "a playlist": film(LIST.encode(), name="a.mp4"),
    "a playlist of the net": film(HLS.encode(), name="a.mp4"),
    "a picture": film(GOOD, name="a.mp4"),
    "a bitmap of text": film(b"P5 30000 30000 255\n" + bytes(2000), name="a.mp4"),
    "225 million pixels announced": film(avi(b"MJPG", SIDE, SIDE, [b"x" * 500] * 3)),
    "900 million pixels announced": film(avi(bytes(4), 30000, 30000, [b"x" * 500] * 3)),
    "225 million pixels in a frame": film(lambda: avi(b"MPNG", 32, 24, [_png()] * 3)),
    "225 million pixels in frame and header": film(lambda: avi(b"MPNG", SIDE, SIDE, [_png()] * 3)),
    "a JPEG of 4 thousand million pixels": film(avi(b"MJPG", 32, 24, [_jpeg(65500)] * 3)),
    "a JPEG of 64 million pixels": film(avi(b"MJPG", 8000, 8000, [_jpeg(8000)] * 3)),
    "a frame of another size": film(
        avi(b"MPNG", 32, 24, [GOOD, crafted.png_zeros(3000, 2000), GOOD]), read=None
    ),
    "1,100,000 frames": film(lambda: avi(b"MPNG", 32, 24, [b""] * 1_100_000)),
    "an endless box": film(_atom(b"ftyp", b"isom" * 4) + _atom(b"moov", b"", 1), name="a.mp4"),
    "boxes in boxes": film(lambda: _nested(3000), name="a.mp4"),
    "an endless element": film(b"\x1aE\xdf\xa3" + b"\xff" * 90, name="a.mp4"),
}  # fmt: skip


def _nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = _atom(b"moov", content)
    return _atom(b"ftyp", b"isom" * 4) + content
