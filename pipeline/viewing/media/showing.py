"""Frames as players show them: RGB of 8 bits, upright, whatever a film or a picture holds.

Interlaced frames lose their combs, high dynamic range (PQ, HLG) is brought to the standard one, and
what is transparent is black. Pixels stay as they are, square or not.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pipeline.raw.ffmpeg import VideoFacts
from pipeline.raw.video import DAMAGED, opened, picture_size, read_picture
from pipeline.runtime.errors import InputError

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
"""Suffixes of still pictures; a GIF is a film."""
_HIGH_RANGE = {"smpte2084", "arib-std-b67"}
"""Transfer functions of high dynamic range: PQ and HLG."""
_WHITE = 203
"""Luminance of white paper in HDR, in cd/m2 (ITU-R BT.2408): what becomes white in SDR."""
_BRIGHTEST = 1000
"""Luminance above which all is white, in cd/m2: the peak of HLG and of most PQ."""
_HIGH_DEFINITION = 576
"""Lines above which a film that states no matrix has that of BT.709, as players take it."""
_MATRICES = {
    *("bt709", "bt470bg", "smpte170m", "smpte240m", "fcc"),
    *("bt2020nc", "bt2020c", "gbr", "ycgco", "ictcp"),
}
"""ffmpeg's names of the matrices between RGB and YCbCr."""


def filters(
    facts: VideoFacts, size: tuple[int, int]
) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """Yield name, arguments and options of what ffmpeg does to each frame of a film.

    The result has a height and a width, and is RGB of 8 bits.
    """
    spaces = next((words.split("/") for words in facts.colours if words.count("/") == 2), [])
    matrix = _MATRICES & {*facts.colours, *spaces[:1]}
    high = spaces[2:] and spaces[2] in _HIGH_RANGE
    if any("first" in words for words in facts.colours):  # the top or the bottom field
        yield "bwdif", ("send_frame",), {"deint": "interlaced"}
    if re.search(r"^(?:yuva|gbrap|rgba|bgra|argb|abgr|ya\d)", facts.pixel_format):
        yield "format", ("gbrap",), {}
        yield "premultiply", (), {"inplace": 1}
    if high:
        primaries = "bt2020" if spaces[1] == "unknown" else spaces[1]
        known = {"color_primaries": primaries, "color_trc": spaces[2]}
        yield "setparams", (), {"colorspace": next(iter(matrix), "bt2020nc"), **known}
    # Without the latter two, colour loses half its resolution, or the mean of what is small.
    scale = {"flags": "area+full_chroma_inp+full_chroma_int"}
    if facts.pixel_format.startswith("yuv") and not matrix and not high:
        scale["in_color_matrix"] = "bt709" if facts.height > _HIGH_DEFINITION else "bt601"
    yield "scale", (size[1], size[0]), scale
    if high:
        yield "format", ("yuv444p10le",), {}
        yield "zscale", (), {"transfer": "linear", "npl": _WHITE}
        yield "format", ("gbrpf32le",), {}
        yield "zscale", (), {"primaries": "bt709"}
        yield "tonemap", ("mobius",), {"peak": _BRIGHTEST / _WHITE}
        yield "zscale", (), {"transfer": "bt709"}
        yield "format", ("gbrp",), {}
    yield "format", ("rgb24",), {}


def on_black(file: Path) -> NDArray[np.uint8]:
    """Return a picture in RGB [y, x, 3], upright, what is transparent on black.

    Raises:
        InputError: It is damaged, or in numbers of which nobody knows the brightest.
    """
    try:
        with opened(file) as image:
            clear = image.has_transparency_data
            if clear:
                shown = ImageOps.exif_transpose(image).convert("RGBA")
                ground = Image.new("RGBA", shown.size, "black")
                return np.array(Image.alpha_composite(ground, shown).convert("RGB"))
    except DAMAGED as error:
        raise InputError(f"{file}: broken image ({error}); check the file") from error
    return np.array(read_picture(file))


def pictures_of(folder: Path) -> tuple[int, int, tuple[Path, ...]]:
    """Return width and height of the pictures in a folder, and the pictures, sorted naturally.

    Raises:
        InputError: There is none, one is no picture, or their sizes differ.
    """
    inside = [file for file in folder.iterdir() if not file.name.startswith(".")]
    files = [file for file in inside if file.suffix.lower() in PICTURES and file.is_file()]
    if not files:
        others = sorted(file.name for file in inside if file.is_file())
        remedy = f"; give one film, for example {folder / others[0]}" if others else ""
        raise InputError(f"{folder}: no picture in this folder{remedy}")
    files.sort(key=_natural)
    sizes: dict[tuple[int, int], Path] = {}
    for file in files:
        sizes.setdefault(picture_size(file), file)
    if len(sizes) > 1:
        found = ", ".join(f"{w} x {h} ({file.name})" for (w, h), file in sizes.items())
        raise InputError(f"{folder}: pictures of several sizes, {found[:300]}; make them equal")
    return (*next(iter(sizes)), tuple(files))


def _natural(file: Path) -> tuple[list[tuple[int, int, str]], str]:
    """The order in which people number files: 2 before 10."""
    parts = re.findall(r"\d+|\D+", file.name.casefold())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts], file.name
