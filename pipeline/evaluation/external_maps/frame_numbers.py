"""Which frame of a clip a file's number, or an index in a film or array, means."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.evaluation.external_maps.findings import Expected, Kind, ranges, some

Remarks = list[tuple[Kind, Sequence[int], str]]
"""Kind, numbers, and text of each finding."""


class Numbering(NamedTuple):
    """Which map is which frame of a clip."""

    numbers: dict[int, int]
    """Frame from 0 -> number of its file, or index in its film or array from 1."""
    remarks: Remarks


def by_files(files: Mapping[int, Sequence[str]], e: Expected) -> Numbering:
    """Match numbered files with frames; a number that several files have is left out."""
    found = _within_clip(set(files), e) or _by_number(set(files), e)
    twice = sorted(number for number, names in files.items() if len(names) > 1)
    if not twice:
        return found
    names = some([name for number in twice for name in files[number]])
    text = "expected one file a frame, found several with the same last digits "
    text += f"({names}); left out; leave one of them"
    kept = {frame: number for frame, number in found.numbers.items() if number not in twice}
    return Numbering(kept, [("duplicate_frame", twice, text), *found.remarks])


def by_position(length: int, numbers: Sequence[int] | None, e: Expected) -> Numbering:
    """Match the maps of a film or array with frames; numbers count only if each map has one."""
    if numbers is None or len(numbers) != length:
        return _by_length(length, e)
    found = _by_number(set(numbers), e)
    indices = {number: index for index, number in enumerate(numbers, 1)}
    return Numbering(
        {frame: indices[number] for frame, number in found.numbers.items()}, found.remarks
    )


def _within_clip(found: set[int], e: Expected) -> Numbering | None:
    """Match a clip that begins later in its video, if all its frames are counted from 0 or 1."""
    start = min(found)
    counted = range(start, start + e.frames)
    if start > 1 or found != set(counted) or min(e.numbers) <= 2:
        return None  # a clip that begins at 2 is its video counted from 0
    text = (
        f"expected numbers {ranges(e.numbers)}, found {ranges(found)}; read as counted from the "
        "clip's first frame; renumber as in the whole video if that is wrong"
    )
    return Numbering(dict(enumerate(counted)), [("shifted", [], text)])


def _by_number(found: set[int], e: Expected) -> Numbering:
    frames = {number: frame for frame, number in enumerate(e.numbers)}
    wanted = {e.numbers[frame] for frame in e.chosen}
    if found in ({n - 1 for n in frames}, {n - 1 for n in wanted}):
        text = (
            f"expected numbers {ranges(n + 1 for n in found)}, found {ranges(found)}; read as "
            "counted from 0, each one frame later; renumber from 1 if that is wrong"
        )
        return Numbering({frames[n + 1]: n for n in found}, [("off_by_one", [], text)])
    if 0 in found and found != {0, *frames}:
        # Numbers count from 1, so who has a 0 counts from there.
        moved = _by_number({n + 1 for n in found}, e)
        text = f"expected numbers from 1, found {ranges(found)}; read as counted from 0, each one "
        text += "frame later; renumber from 1 if that is wrong"
        numbers = {frame: number - 1 for frame, number in moved.numbers.items()}
        return Numbering(numbers, [("off_by_one", [], text), *moved.remarks])
    remarks: Remarks = []
    extra = sorted(found - set(frames))
    if extra and (shift := _shift(found, wanted)):
        text = (
            f"expected numbers {ranges(wanted)}, found {ranges(found)}, as if all were shifted by "
            f"{shift}; read as they are numbered; renumber them if they are shifted"
        )
        remarks.append(("shifted", [], text))
    if extra:
        text = f"expected numbers {ranges(frames)}, found also {ranges(extra)}; left out; "
        text += "nothing to mend if the video is longer than the clip"
        remarks.append(("extra_frame", extra, text))
    remarks += _missing(sorted(wanted - found))
    return Numbering({frames[n]: n for n in found if n in frames}, remarks)


def _shift(found: set[int], wanted: set[int]) -> int | None:
    shift = min(found) - min(wanted)
    moved = {number - shift for number in found}
    return shift if shift and len(found) > 1 and moved <= wanted else None


def _missing(numbers: list[int]) -> Remarks:
    if not numbers:
        return []
    text = f"expected also {ranges(numbers)} ({len(numbers)} in all), found no map of them; they "
    return [("missing_frame", numbers, text + "are not scored; add them")]


def _by_length(length: int, e: Expected) -> Numbering:
    if length != e.frames and length == len(e.chosen):
        return Numbering({frame: index for index, frame in enumerate(e.chosen, 1)}, [])
    if length > e.frames and e.numbers[0] > 1 and length >= e.numbers[-1]:
        text = (
            f"expected {e.frames} maps, found {length}; read as maps of the whole video, of which "
            f"the clip is {ranges(e.numbers)}; cut it if that is wrong"
        )
        return Numbering(dict(enumerate(e.numbers)), [("extra_frame", [], text)])
    remarks = _missing([frame + 1 for frame in e.chosen if frame >= length])
    if length > e.frames:
        text = f"expected {e.frames} maps, found {length}; those after the {e.frames}th left out; "
        text += "nothing to mend if the video is longer than the clip"
        remarks.append(("extra_frame", range(e.frames + 1, length + 1), text))
    return Numbering({frame: frame + 1 for frame in range(min(length, e.frames))}, remarks)
