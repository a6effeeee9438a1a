"""Submission to DHF1K's benchmark: a zip of saliency maps of the test videos, method/video/frame.

The test videos' gaze is hidden; their maps are scored by the benchmark's authors. Every map is an
8-bit grey PNG of the size of the videos, its largest value 255. The zip is checked before it
appears, and the same maps give the same bytes.
"""

import io
import re
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.config.data import Submission
from pipeline.reporting.figures.grey_levels import bilinear, extent_of, finite, grey, safe_name
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.kinds import SALIENCY
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import Store, open_store
from pipeline.stores.verify import damage

_METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Earliest date that a zip can hold: the same maps give the same bytes."""
_READABLE = 0o644 << 16
"""Permissions of an entry, in the upper half of its attributes."""
_SHOWN = 10
"""Frames of a clip that a warning names."""


def _map_name(layout: str, clip: str, frame: int) -> str:
    """Path of a map below the method's folder; refuse a layout that leads out of it."""
    try:
        name = layout.format(clip=clip, frame=frame)
    except (LookupError, ValueError, AttributeError) as error:
        raise InputError(
            f"layout {layout!r}: {error!r}; write {{clip:0>4}} and {{frame:04d}}, or the like, in "
            "the submission's layout in config.yaml"
        ) from None
    parts = name.split("/")
    if not name.endswith(".png") or {"", ".", ".."} & set(parts) or "\\" in name:
        raise InputError(
            f"layout {layout!r}: {name!r} is no path of a .png below a folder; correct the "
            "submission's layout in config.yaml"
        )
    return name


def _check_counts(store: Store, expected: Submission) -> None:
    """Refuse a store with other numbers of videos and frames, or with only listed frames."""
    for clip, facts in store.clips.items():
        if frame_numbers(facts) != list(range(1, facts["shape"][0] + 1)):
            raise InputError(f"{store.path}: clip {clip}: only listed frames; predict all of them")
    found = {
        "videos": (len(store.clips), expected.videos),
        "frames": (sum(facts["shape"][0] for facts in store.clips.values()), expected.frames),
    }
    for what, (number, wanted) in found.items():
        if wanted is not None and number != wanted:
            gone = f" ({', '.join(store.left_out)} left out as damaged)" if store.left_out else ""
            raise InputError(
                f"{store.path}: expected {wanted:,} {what}, found {number:,}{gone}; predict all "
                f"test videos, or set the submission's {what} to null in config.yaml"
            )


def _names(store: Store, expected: Submission, method: str) -> dict[str, tuple[str, int]]:
    """Path in the zip -> clip and index of its frame, sorted by path."""
    if not _METHOD.fullmatch(method):
        raise InputError(
            f"--method {method!r}: not a safe folder name; use letters, digits, dot, - and _"
        )
    names: dict[str, tuple[str, int]] = {}
    for clip, facts in store.clips.items():
        safe_name(clip, "clip")
        for index, number in enumerate(frame_numbers(facts)):
            name = f"{method}/{_map_name(expected.layout, clip, number)}"
            if name in names:
                raise InputError(
                    f"{store.path}: clips {names[name][0]} and {clip} both become {name}; "
                    "correct the submission's layout in config.yaml"
                )
            names[name] = (clip, index)
    return dict(sorted(names.items()))


def _png(values: NDArray[np.float32], expected: Submission) -> tuple[bytes, bool]:
    """Bytes of a map's PNG file, and whether the map is constant."""
    resized = bilinear(values.clip(0), (expected.height, expected.width))
    levels = grey(resized, extent_of(SALIENCY, resized))
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue(), not levels.any()


def _write(path: Path, store: Store, names: dict[str, tuple[str, int]], to: Submission) -> None:
    arrays = {clip: store[clip] for clip in store.clips}
    constant: dict[str, list[int]] = {}
    negative: Counter[str] = Counter()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, (clip, index) in names.items():
            values = finite(arrays[clip], index)
            content, is_constant = _png(values, to)
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr, entry.create_system = _READABLE, 3
            file.writestr(entry, content)
            negative[clip] += int(np.count_nonzero(values < 0))
            if is_constant:
                constant.setdefault(clip, []).append(index + 1)
    for clip, frames in constant.items():
        shown = ", ".join(map(str, frames[:_SHOWN])) + (", ..." if len(frames) > _SHOWN else "")
        print(f"warning: {clip}: {len(frames)} constant maps, written black: frames {shown}")
    for clip, count in (+negative).items():
        print(f"warning: {clip}: {count} negative values clipped to 0")


def _check_zip(path: Path, store: Store, names: dict[str, tuple[str, int]], to: Submission) -> None:
    """Read back what was written; refuse a wrong name, size or number of maps."""
    with zipfile.ZipFile(path) as file:
        if file.namelist() != list(names):
            raise InputError(f"{path}: names differ from what was to be written; run it again")
        for name in names:
            found = None
            with file.open(name) as content, suppress(UnidentifiedImageError):
                picture = Image.open(content, formats=["PNG"])
                found = (*picture.size, picture.mode)
            if found != (to.width, to.height, "L"):  # 8 bits of grey
                raise InputError(f"{path}: {name} is no grey picture of {to.width}x{to.height}")
    folders = Counter(PurePosixPath(name).parent for name in names)
    for name, (clip, _) in names.items():
        count = folders[PurePosixPath(name).parent]
        if count != store.clips[clip]["shape"][0]:
            raise InputError(f"{path}: {count} maps of {clip}, which has another number of frames")


def submission(*, saliency: Path, expected: Submission, method: str, zip: Path) -> None:
    """Write the zip that DHF1K's benchmark takes from the manifest of a SALIENCY store."""
    store = open_store(SALIENCY, saliency)
    _check_counts(store, expected)
    names = _names(store, expected, method)
    with atomic(zip) as partial:
        _write(partial, store, names, expected)
        _check_zip(partial, store, names, expected)
    size = zip.stat().st_size
    print(f"{zip}: {len(store.clips)} videos, {len(names):,} frames, {size:,} bytes")


if __name__ == "__main__":
    main(submission, damage=damage)
