"""What `gfsalnet predict` writes, and where."""

import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.runtime.errors import InputError

_MAPS = {"npy": "_maps.npy", "png": "_maps", "zarr": "_maps.zarr", "mp4": "_maps.mp4"}
_FILMS = (".mp4", ".mkv", ".mov")
_PICTURES = (".png", ".jpg", ".jpeg")
_SHOWN = ("overlay", "heat", "panels")
_GRIDS = (".txt", ".roi", ".bin")
"""Of `--roi kvazaar`: text, or in a .bin binary."""
_ROI = {"x264": "_roi.mp4", "kvazaar": "_roi.txt", "json": "_roi.json"}


def _path(given: str) -> Path | None:
    """A file that an option names, which is empty where it names none."""
    return Path(given) if given else None


class Wanted(NamedTuple):
    """A product that is asked for."""

    kind: str
    """overlay, heat, panels, maps, numbers, roi or page."""
    ending: str
    """What its name ends in by default, behind that of the source."""
    path: Path | None
    """Where the user wants it; None: wherever -o and the defaults say."""


def wanted(given: Namespace, picture: bool) -> list[Wanted]:
    """Return what is asked for, an overlay if nothing is; of one `picture`, pictures."""

    def asked() -> Iterator[Wanted]:
        film = ".png" if picture else ".mp4"
        if given.overlay is not None:
            yield Wanted("overlay", f"_saliency{film}", None)
        if given.heat:
            yield Wanted("heat", f"_heat{film}", None)
        if given.side_by_side:
            yield Wanted("panels", f"_panels{film}", None)
        if given.maps:
            yield Wanted("maps", _MAPS[given.maps], None)
        if given.json is not None:
            yield Wanted("numbers", "_saliency.json", _path(given.json))
        if given.roi:
            yield Wanted("roi", _ROI[given.roi], None)
        if given.html is not None:
            yield Wanted("page", "_saliency.html", _path(given.html))

    return list(asked()) or [
        Wanted("overlay", "_saliency.png" if picture else "_saliency.mp4", None)
    ]


def placed(products: list[Wanted], source: Path, out: str | None) -> dict[Wanted, Path]:
    """Return where each product is written.

    Without -o that is the working folder, under the source's name, as the source's own folder is
    often one that is only read. -o names a folder (one that is there, or a name that ends in / or
    has no ending) or the file of the first product of that kind, beside which the others come.

    Raises:
        InputError: None of them is a file like -o, two have one path, or one has the source's.
    """
    stem, folder = source.resolve().stem or "film", Path()
    found: dict[Wanted, Path] = {}
    free = [one for one in products if one.path is None]
    if out is not None and free:
        path = Path(out)
        if path.is_dir() or out.endswith(os.sep):
            folder = path
        elif path.suffix:
            found[_like(free, path)] = path
            folder, stem = path.parent, path.stem
        elif len(free) == 1 and free[0].ending == _MAPS["png"]:
            found[free[0]] = path
        else:
            folder = path
    for one in products:
        found.setdefault(one, one.path or folder / f"{stem}{one.ending}")
    places = [path.resolve() for path in found.values()]
    for path in places:
        if places.count(path) > 1:
            raise InputError(f"{path}: the name of two outputs; give one of them another")
        if path == source.resolve():
            raise InputError(f"{path}: is the input; give the output another name")
    return {one: found[one] for one in products}


def _like(free: list[Wanted], path: Path) -> Wanted:
    """The first product that a file with this ending can hold."""
    ending = path.suffix.lower()
    for one in free:
        usual = Path(one.ending).suffix
        alike = _PICTURES if one.kind in _SHOWN and usual == ".png" else _FILMS
        if ending == usual or (usual in (".mp4", ".png") and ending in alike):
            return one
        if usual == ".txt" and ending in _GRIDS:
            return one
    usual = ", ".join(dict.fromkeys(Path(one.ending).suffix or "a folder" for one in free))
    raise InputError(f"-o {path}: no output is a file of that kind ({usual}); choose another name")
