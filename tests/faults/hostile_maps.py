"""Maps made to harm, beside the good ones of clip b; run as a program, the trials of a group."""

from __future__ import annotations

import os
import pickle
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.evaluation.external_maps.findings import Expected
from pipeline.evaluation.external_maps.reader import open_maps
from pipeline.runtime.errors import InputError
from tests.faults import crafted
from tests.faults.crafted import npy, png_zeros
from tests.faults.trial import Trial, main, tried

H, W, T = 24, 32, 3
CLIPS = [Expected(clip, T, [1, 2, 3], (H, W)) for clip in "ab"]
GOOD = cv2.imencode(".png", np.arange(H * W, dtype=np.uint16).reshape(H, W))[1].tobytes()
HARM = "harm"
"""A file that appears where something is executed."""


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {HARM}",)


@dataclass
class Hostile:
    """What is put into the folder of maps, or a path to be opened instead of it."""

    make: Callable[[Path], Path | None]
    refused: bool = False
    """Whether nothing can be read: one line. Otherwise all maps of b are read."""
    nobody: bool = False
    """Whether root would not notice it."""
    read: int | None = 0
    """Maps of clip a that are read; None: it does not matter."""
    content: bytes | Callable[[], bytes] = b""
    """Of the file that is put, if it is one."""


def attempt(path: Path) -> dict[str, Any]:
    """Read all maps, and write the findings."""
    try:
        maps = open_maps(path, CLIPS)
        read = {
            clip: sum(found is not None for found in maps.read(clip, maps.frames(clip)))
            for clip in "ab"
        }
        maps.report(Path("out/findings.csv"))
        return {"read": read, "findings": [str(finding) for finding in maps.findings]}
    except InputError as error:
        return {"refused": str(error)}


def trials(folder: Path, group: str) -> list[Trial]:
    """Each hostile input of a group, in a folder of its own."""
    found = []
    for number, (name, hostile) in enumerate(GROUPS[group].items()):
        place = folder / str(number)
        (place / "maps/b").mkdir(parents=True)
        for frame in range(1, T + 1):
            (place / f"maps/b/{frame:04d}.png").write_bytes(GOOD)
        os.chdir(place)
        path = hostile.make(Path("maps")) or Path("maps")
        (place / "out").mkdir(mode=0o777)
        (place / "out").chmod(0o777)
        found.append(tried(name, lambda path=path: attempt(path), as_nobody=hostile.nobody))
    return found


def put(name: str, content: bytes | Callable[[], bytes]) -> Hostile:
    """A file of some content."""

    def make(maps: Path) -> None:
        file = maps / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(content() if callable(content) else content)

    return Hostile(make, content=content)


def in_a(make: Callable[[Path], Any]) -> Hostile:
    """Something in the folder of clip a."""

    def made(maps: Path) -> None:
        (maps / "a").mkdir(exist_ok=True)
        make(maps / "a")

    return Hostile(made)


def beside(make: Callable[[Path], Any]) -> Hostile:
    """Something beside the folder of clip b."""

    def made(maps: Path) -> None:
        make(maps)

    return Hostile(made)


def instead(make: Callable[[Path], Path]) -> Hostile:
    """Something else to be opened."""
    return Hostile(make, refused=True)


def sparse(file: Path, content: bytes, size: int) -> None:
    """A file of a size of which the disk holds nothing but the beginning."""
    file.write_bytes(content)
    os.truncate(file, size)


def listen(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as here:
        before = Path.cwd()
        os.chdir(file.parent)  # a socket's path may have 108 bytes
        here.bind(file.name)
        os.chdir(before)


def deep(maps: Path) -> None:
    before = Path.cwd()
    os.chdir(maps)
    for _ in range(300):
        Path("d").mkdir()
        os.chdir("d")
    os.chdir(before)


def forbidden(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(GOOD)
    path.chmod(0)


def loop(folder: Path) -> Path:
    (folder / "x").symlink_to("y")
    (folder / "y").symlink_to("x")
    return folder / "x"


def many(maps: Path) -> None:
    for number in range(1000):
        (maps / f"{number:05d}x").mkdir()


def made(make: Callable[[Path], Any], name: str) -> Callable[[Path], Path]:
    def path(maps: Path) -> Path:
        make(maps / name)
        return maps / name

    return path


FOLDERS = {
    "pipe as a picture": in_a(lambda a: os.mkfifo(a / "0001.png")),
    "pipe as an array": beside(lambda maps: os.mkfifo(maps / "a.npy")),
    "pipe as a film": beside(lambda maps: os.mkfifo(maps / "a.mp4")),
    "socket as a picture": in_a(lambda a: listen(a / "0001.png")),
    "link to an endless device": in_a(lambda a: (a / "0001.png").symlink_to("/dev/zero")),
    "link to a waiting device": in_a(lambda a: (a / "0001.png").symlink_to("/dev/tty")),
    "maps that are a device": beside(lambda maps: (maps / "a.npy").symlink_to("/dev/zero")),
    "link to the whole disk": beside(lambda maps: (maps / "a").symlink_to("/")),
    "link to itself": beside(lambda maps: loop(maps)),
    "link back up": in_a(lambda a: (a / "again").symlink_to("../..")),
    "300 folders deep": beside(deep),
    "1,000 folders": beside(many),
    "picture that is a folder": in_a(lambda a: (a / "0001.png").mkdir()),
    "array that is a folder": beside(lambda maps: (maps / "a.npy").mkdir()),
    "film that is a folder": beside(lambda maps: (maps / "a.mp4").mkdir()),
    "store that is a file": put("a.zarr", b"no store"),
    "picture without permission": Hostile(lambda maps: forbidden(maps / "a/0001.png"), nobody=True),
    "folder without permission": Hostile(
        lambda maps: (maps / "a").mkdir(mode=0), nobody=True
    ),
    "name that is no UTF-8": put("x\udcff/1.png", GOOD),
    "number that is no UTF-8": put("a/\udcff0001.png", GOOD),
    "name that acts on a terminal": put("\x1b[2J\x1b]0;owned\x07\r\n/0001.png", GOOD),
    "name of 255 bytes": put("a/" + "x" * 251 + ".png", GOOD),
    "number of 250 digits": put("a/" + "1" * 250 + ".png", GOOD),
    "number of zeros and a sign": put("a/-00000000000000000000.png", GOOD),
    "pipe to be opened": instead(made(os.mkfifo, "pipe")),
    "device to be opened": instead(lambda _: Path("/dev/zero")),
    "socket to be opened": instead(made(listen, "socket")),
    "name too long to be opened": instead(lambda maps: maps / ("x" * 300)),
    "loop to be opened": instead(loop),
    "file as a folder": instead(lambda maps: maps / "b/0001.png/x"),
}  # fmt: skip
FOLDERS["number that is no UTF-8"].read = 1

DIGITS = "9" * 5000
ARRAYS = {
    "a thousand million maps": put("a.npy", npy("(1000000000, 24, 32)")),
    "10^19 values": put("a.npy", npy("(10000000, 1000000, 1000000)")),
    "10^19 values in a map": put("a/0001.npy", npy("(3000000000, 3000000000)")),
    "a dimension of 5,000 digits": put("a.npy", npy(f"({DIGITS}, 24, 32)")),
    "a negative dimension": put("a.npy", npy("(3, -24, 32)", values=bytes(9216))),
    "two negative dimensions": put("a/0001.npy", npy("(-24, -32)", values=bytes(3072))),
    "no values": put("a.npy", npy("(0, 24, 32)")),
    "a dimension of none": put("a.npy", npy("(3, 0, 32)")),
    "no dimension": put("a/0001.npy", npy("()", values=bytes(4))),
    "twenty dimensions": put("a.npy", npy("(" + "1, " * 20 + ")", values=bytes(4))),
    "truth as a dimension": put("a.npy", npy("(True, 24, 32)", values=bytes(3072))),
    "a pickle": put("a/0001.npy", npy("(1,)", "'|O'", values=pickle.dumps([Payload()]))),
    "a pickle as maps": put("a.npy", npy("(3, 24, 32)", "'|O'", values=pickle.dumps([Payload()]))),
    "a bare pickle": put("a/0001.npy", pickle.dumps([Payload()])),
    "fields": put("a.npy", npy("(3, 24, 32)", "[('x', '<f4')]", values=bytes(9216))),
    "a header of a gigabyte": in_a(
        lambda a: sparse(a / "0001.npy", npy("(24, 32)", length=2**30), 2**30 + 64)
    ),
    "maps with a header of a gigabyte": beside(
        lambda maps: sparse(maps / "a.npy", npy("(3, 24, 32)", length=2**30), 2**30 + 64)
    ),
    "a header of brackets": put("a.npy", npy("(" * 9000)),
    "a header that computes": put("a.npy", npy(f"__import__('os').system('touch {HARM}')")),
    "10 GB in Fortran's order": beside(
        lambda maps: sparse(maps / "a.npy", npy("(3, 60000, 60000)", "'|u1'", fortran=True), 2**34)
    ),
    "a map of 4 GB": in_a(
        lambda a: sparse(a / "0001.npy", npy("(1, 32768, 32768)"), (4 << 30) + 4096)
    ),
    "an archive of arrays": put("a/0001.npy", b"PK\3\4" + bytes(500)),
    "NaN": put("a/0001.npy", lambda: npy("(24, 32)", values=np.full(768, np.nan, "f4").tobytes())),
    "infinity as maps": put(
        "a.npy", lambda: npy("(3, 24, 32)", values=np.full(2304, np.inf, "f4").tobytes())
    ),
    "text as values": put("a.npy", npy("(3, 24, 32)", "'<U4'", values=bytes(36864))),
    "dates as values": put("a.npy", npy("(3, 24, 32)", "'<M8[s]'", values=bytes(18432))),
    "numbers of a kind there is not": put("a.npy", npy("(3, 24, 32)", "'<q99'", values=bytes(99))),
}  # fmt: skip
ARRAYS["truth as a dimension"].read = None


def _jpeg() -> bytes:
    picture = np.zeros((16, 16), np.uint8)
    return crafted.jpeg(cv2.imencode(".jpg", picture)[1].tobytes(), 65500, 65500)


SIDES = {256: 60000, 257: 60000, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: 60000, 279: 9}
TILES = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 277: 1, 322: 32768, 323: 32768, 324: 9, 325: 9}
DEEP = {256: 6000, 257: 6000, 258: 64, 259: 1, 262: 1, 273: 200, 277: 60000, 278: 6000, 279: 9}
BIG = (30000, 30000, 8, 0)
BOMB = partial(crafted.zlib_zeros, 858)
PICTURES = {
    "900 million grey pixels": put("a/0001.png", lambda: crafted.png(*BIG, packed=BOMB())),
    "80 million pixels of 64 bits": put(
        "a/0001.png", lambda: crafted.png(16000, 5000, 16, 6, packed=BOMB())
    ),
    "a header of 4 thousand million pixels": put(
        "a/0001.png", crafted.png(2**31 - 1, 2**31 - 1, 8, 0, packed=b"")
    ),
    "no pixels": put("a/0001.png", crafted.png(0, 0, 8, 0, packed=zlib.compress(b""))),
    "a text of 2 GB in a picture": put(
        "a/0001.png",
        lambda: crafted.png(
            32, 24, 8, 0, crafted.text_chunk(2000), packed=zlib.compress(bytes(24 * 33))
        ),
    ),
    "values of 2 GB in a small picture": put(
        "a/0001.png", lambda: crafted.png(32, 24, 8, 0, packed=crafted.zlib_zeros(2000))
    ),
    "a JPEG of 4 thousand million pixels": put("a/0001.jpg", _jpeg),
    "a BMP of as many": put("a/0001.bmp", crafted.bmp(65535, 65535)),
    "a BMP upside down": put("a/0001.bmp", crafted.bmp(2**30, -(2**31))),
    "a TIFF of as many": put("a/0001.tif", crafted.tiff(SIDES)),
    "a TIFF of vast tiles": put("a/0001.tif", crafted.tiff(TILES)),
    "a TIFF of 60,000 values a pixel": put("a/0001.tif", crafted.tiff(DEEP)),
    "a TIFF that begins in itself": put("a/0001.tif", b"II*\0\0\0\0\0" + bytes(40)),
    "a grey map of another program": put("a/0001.png", b"P5 40000 40000 255\n" + bytes(100)),
    "a film as a picture": put("a/0001.png", crafted.avi(b"MJPG", 32, 24, [b"x"])),
    "a file of 3 GB": in_a(lambda a: sparse(a / "0001.png", GOOD[:40], 3 << 30)),
    "the largest grey map": put("a/0001.png", lambda: png_zeros(5000, 4000)),
    "one byte": put("a/0001.png", b"\x89"),
}
PICTURES["the largest grey map"].read = 1
LARGEST = {
    "the largest map of 64 bits": put("a/0001.png", lambda: png_zeros(5000, 4000, 16, 6)),
    "the largest map in colours": put("a/0001.png", lambda: png_zeros(5000, 4000, 8, 2)),
    "the largest array": put("a/0001.npy", lambda: npy("(4000, 5000)", values=bytes(80_000_000))),
    "the largest array of 64 bits": in_a(
        lambda a: sparse(a / "0001.npy", npy("(4000, 5000)", "'<f8'"), 160_000_100)
    ),
}
for hostile in LARGEST.values():
    hostile.read = 1
GROUPS: dict[str, dict[str, Hostile]] = {
    "folders": FOLDERS,
    "arrays": ARRAYS,
    "pictures": PICTURES,
    "largest": LARGEST,
}

if __name__ == "__main__":
    from tests.faults.hostile_films import FILMS
    from tests.faults.hostile_stores import STORES, ZIPS

    GROUPS |= {"zips": ZIPS, "stores": STORES, "films": FILMS}
    main(trials)
