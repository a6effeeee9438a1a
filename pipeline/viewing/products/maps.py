"""The maps of a film as numbers, for other programs.

    npy    OUT.npy         float16 [t, y, x]
    zarr   OUT.zarr        a Zarr group (format 3): `saliency`, float16 [time, y, x], and `time`,
                           the seconds at which each frame appears, which xarray takes for the
                           coordinate
    png    OUT/000001.png  16-bit grey, one for each frame, numbered from 1
    mp4    OUT.mp4         a grey film of the source's size and time stamps

Each map is divided by its largest value, since its scale means nothing; one that is 0 everywhere
stays 0. The first three have the network's own grid, to which nothing was added by enlarging:
whoever scores or lays over resizes by the rules of his own. OUT named after the clip is what
`pipeline.score_folder` reads below MAPS (docs/evaluation.md). The film has 8 bits and lost some in
compression: it is for looking at, and for editing programs.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import zarr
from numpy.typing import NDArray
from PIL import Image

from pipeline.runtime.errors import InputError, meant
from pipeline.runtime.files import atomic, remove
from pipeline.stores.kinds import ENCODINGS, SHARD
from pipeline.viewing.media.encoding import join_parts, write_part
from pipeline.viewing.media.film import Film
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.colours import levels

Form = Literal["npy", "png", "zarr", "mp4"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)


class MapFiles:
    """The maps of a film as a file or a folder; the module's docstring has the forms.

    Args:
        film: The film.
        out: File or folder that is written.
        form: One of `FORMS`.

    Raises:
        InputError: There is no such form.
    """

    sides: tuple[str, ...] = ()

    def __init__(self, film: Film, out: Path, form: str) -> None:
        if form not in FORMS:
            raise InputError(f"maps {form!r}: known are {', '.join(FORMS)}{meant(form, FORMS)}")
        self._film, self._out, self._form = film, out, form
        self._part = f"maps_{form}.mkv" if form == "mp4" else f"maps_{form}.npy"

    def add(self, piece: Piece, folder: Path) -> None:
        """Write the maps of a piece.

        Raises:
            InputError: The disk refuses them.
        """
        part = folder / self._part
        if self._form == "mp4":
            size = (self._film.height, self._film.width)
            grey = (levels(values, size) for values in piece.maps)
            write_part(part, self._film, piece.first, grey, size=size, grey=True)
            return
        largest = piece.maps.max(axis=(1, 2), keepdims=True)
        scaled = piece.maps / np.where(largest > 0, largest, 1)
        with atomic(part) as partial, partial.open("wb") as file:
            np.save(file, scaled.astype(np.float16))

    def finish(self, folders: Sequence[Path]) -> None:
        """Write the whole from the parts, of which a few maps at a time are in memory.

        Raises:
            InputError: The disk refuses it.
        """
        parts = [folder / self._part for folder in folders]
        if self._form == "mp4":
            join_parts(parts, self._film, self._out, sound=False)
            return
        write = {"npy": _write_npy, "png": _write_png, "zarr": _write_zarr}[self._form]
        with atomic(self._out) as partial:
            write(partial, parts, self._film)
            if self._out.is_dir():  # which no rename replaces
                remove(self._out)


def _maps(parts: Sequence[Path]) -> Iterator[NDArray[np.float16]]:
    for part in parts:
        yield from np.load(part, mmap_mode="r")


def _shape(parts: Sequence[Path]) -> tuple[int, int, int]:
    shapes = [np.load(part, mmap_mode="r").shape for part in parts]
    return sum(shape[0] for shape in shapes), shapes[0][1], shapes[0][2]


def _write_npy(path: Path, parts: Sequence[Path], film: Film) -> None:
    with path.open("wb") as file:
        header = {"descr": "<f2", "fortran_order": False, "shape": _shape(parts)}
        np.lib.format.write_array_header_1_0(file, header)
        # Not into a memory map: a full disk would end the process without a word.
        for values in _maps(parts):
            file.write(values.tobytes())


def _write_png(path: Path, parts: Sequence[Path], film: Film) -> None:
    path.mkdir()
    for number, values in enumerate(_maps(parts), start=1):
        grey = np.rint(values.astype(np.float32) * 65535).astype(np.uint16)
        Image.fromarray(grey).save(path / f"{number:06d}.png", compress_level=3)


def _write_zarr(path: Path, parts: Sequence[Path], film: Film) -> None:
    group = zarr.create_group(path, attributes={"source": film.source.name})
    count, *grid = _shape(parts)
    encoding: dict[str, Any] = ENCODINGS["lossless"]
    array = group.create_array(
        "saliency",
        shape=(count, *grid),
        dtype="float16",
        chunks=(1, *grid),
        shards=(SHARD, *grid),
        dimension_names=("time", "y", "x"),
        attributes={"units": "1"},
        # Otherwise a map of zeros has no chunk, which looks the same as a lost one.
        config={"write_empty_chunks": True},
        **encoding,
    )
    values = _maps(parts)
    for start in range(0, count, SHARD):
        block = np.stack(list(islice(values, SHARD)))
        array[start : start + len(block)] = block
    seconds = np.array([film.seconds(index) for index in range(count)])
    group.create_array("time", data=seconds, dimension_names=("time",), attributes={"units": "s"})
