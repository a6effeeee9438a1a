"""Raw files made to harm; run as a program, the trials of all of them by their stages."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from tests.faults import crafted
from tests.faults.hostile_films import FILMS
from tests.faults.hostile_maps import PICTURES, sparse
from tests.faults.trial import Trial, main, tried
from tests.workbench import DATA, EVENTS, FIXATIONS, IMAGE, SAMPLES, TRAIL, VIDEO, Bench, bench_at

Spoil = Callable[[Path], Any]


def written(content: bytes | Callable[[], bytes]) -> Spoil:
    return lambda file: file.write_bytes(content() if callable(content) else content)


def _hdf5(file: Path) -> None:
    with h5py.File(file, "w") as made:
        for name in ("Data", "gaze", "I"):
            made.create_dataset(name, (10**6, 10**7), "f8", chunks=(1000, 1000))


def _matlab(name: bytes, rows: int, packed: int) -> bytes:
    """A Matlab file of version 5 that announces a square matrix and packs megabytes of zeros."""

    def element(kind: int, content: bytes, size: int = 0) -> bytes:
        return struct.pack("<2I", kind, size or len(content)) + content + bytes(-len(content) % 8)

    inner = element(6, struct.pack("<2I", 6, 0)) + element(5, struct.pack("<2i", rows, rows))
    inner += element(1, name) + struct.pack("<2I", 9, min(8 * rows * rows, 2**32 - 8))
    matrix = struct.pack("<2I", 14, min(len(inner) + 8 * rows * rows, 2**32 - 8)) + inner
    packer = zlib.compressobj(9)
    content = packer.compress(matrix) + packer.flush(zlib.Z_FULL_FLUSH) + crafted.zeros(packed)
    head = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack("<H", 0x100) + b"IM"
    return head + struct.pack("<2I", 15, len(content)) + content


WAYS: dict[str, Spoil] = {
    "a pipe": os.mkfifo,
    "an endless device": lambda file: file.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a link to itself": lambda file: file.symlink_to(file.name),
}
TEXTS: dict[str, Spoil] = {
    **WAYS,
    "3 GB": lambda file: sparse(file, b"1 2 3\n", 3 << 30),
    "a line of 100 MB": written(b"1 " * 50_000_000),
    "a number of 5,000 digits": written((b"9" * 5000 + b" ") * 6 + b"\n"),
    "numbers beyond all": written(b"1e999 nan inf -inf 1e999 nan 0 0\n" * 99),
    "zero bytes": written(bytes(10_000)),
    "no UTF-8": written(bytes(range(128, 256)) * 99),
}
MATLAB: dict[str, Spoil] = {
    **WAYS,
    "3 GB of Matlab": lambda file: sparse(file, b"MATLAB 5.0 MAT-file".ljust(128), 3 << 30),
    "10^13 numbers of HDF5": _hdf5,
    "10^12 numbers of Matlab": written(lambda: _matlab(b"I", 10**6, 1)),
    "2 GB packed in Matlab": written(lambda: _matlab(b"I", 16_000, 2000)),
    "a pickle as Matlab": written(b"\x80\x04\x95\x1e\0\0\0\0\0\0\0\x8c\x05posix"),
}
FILES: dict[str, tuple[str, str, str, dict[str, Spoil]]] = {
    "video": (
        *("ucf_sports", "frames", VIDEO),
        WAYS | {name: written(hostile.content) for name, hostile in FILMS.items()},
    ),
    "picture": (
        *("salicon", "frames", IMAGE),
        WAYS
        | {name: written(hostile.content) for name, hostile in PICTURES.items() if hostile.content},
    ),
    "samples": ("ucf_sports", "gaze", SAMPLES, TEXTS),
    "trail": ("dhf1k", "gaze", TRAIL, TEXTS),
    "events": ("diem", "gaze", EVENTS, TEXTS),
    "Data.mat": ("ledov", "gaze", DATA, MATLAB),
    "fixations": ("salicon", "gaze", FIXATIONS, MATLAB),
}
"""Kind of file -> its dataset, the stage that reads it, its path, and what it becomes."""


def attempt(bench: Bench, stage: str) -> dict[str, Any]:
    """Run a stage."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            bench.run(stage)
        except SystemExit as ended:
            return {"refused": str(ended.code)}
    return {"done": said.getvalue()}


def trials(folder: Path, benches: str) -> list[Trial]:
    """Each hostile file, in a copy of its dataset's bench."""
    found, patch = [], pytest.MonkeyPatch()
    for kind, (dataset, stage, path, spoils) in FILES.items():
        for name, spoil in spoils.items():
            place = folder / str(len(found))
            shutil.copytree(Path(benches, dataset), place / "bench", symlinks=True)
            bench = bench_at(place / "bench", dataset, patch)
            bench.target = bench.root / "data"
            (bench.root / path).unlink()
            spoil(bench.root / path)
            os.chdir(place)
            found.append(
                tried(f"{kind}: {name}", lambda b=bench, s=stage: attempt(b, s))  # type: ignore[misc]
            )
    return found


if __name__ == "__main__":
    main(trials)
