"""What reading maps has shown, as findings: each kind once per clip, some kinds once in all."""

from collections.abc import Callable, Mapping
from typing import Final, get_args

from pipeline.evaluation.external_maps.findings import TEXTS, Finding, Kind, ranges

Observed = dict[tuple[str, str, str], set[int]]
"""(kind or "size", clip, detail) -> frames from 0."""
Where = Callable[[str, int], tuple[int, str]]
"""Clip and frame -> number as in the file's name, and the file."""
_EVERYWHERE: Final = frozenset(("eight_bit", "sixteen_bit", "film"))
"""One finding for all clips together."""


def findings_of(
    observed: Observed, shapes: Mapping[str, tuple[int, int]], where: Where
) -> list[Finding]:
    """Return what reading has shown as findings, by kind, then by clip.

    `shapes` has every clip, and height and width of its frame grid.
    """
    seen: dict[str, dict[str, dict[str, set[int]]]] = {}
    for (kind, clip, detail), frames in observed.items():
        seen.setdefault(kind, {}).setdefault(clip, {})[detail] = frames
    findings: list[Finding] = []
    for kind in get_args(Kind):
        found = seen.get(kind, {})
        by_clip = {clip: found[clip] for clip in shapes if clip in found}
        if kind in _EVERYWHERE and len(by_clip) > 1:
            findings.append(_everywhere(kind, by_clip, where))
        else:
            findings += [_in_clip(kind, clip, by_clip[clip], where) for clip in by_clip]
    sizes = seen.get("size", {})
    for clip in (clip for clip in shapes if clip in sizes):
        findings += _about_sizes(clip, shapes[clip], sizes[clip], where)
    return findings


def _everywhere(kind: Kind, by_clip: Mapping[str, Mapping[str, set[int]]], where: Where) -> Finding:
    first = next(iter(by_clip))
    counts = [len(frames) for details in by_clip.values() for frames in details.values()]
    text = f"{TEXTS[kind]} ({sum(counts)} maps of {len(by_clip)} clips)"
    _, file = where(first, min(set().union(*by_clip[first].values())))
    return Finding(kind, "", None, file, text)


def _in_clip(kind: Kind, clip: str, details: Mapping[str, set[int]], where: Where) -> Finding:
    """Return one finding for a clip, with the detail of its first frame."""
    frames = set().union(*details.values())
    first = min(details, key=lambda detail: min(details[detail]))
    text = TEXTS[kind].format(first)
    if len(frames) > 1:
        text += f" ({len(frames)} maps: {ranges(where(clip, frame)[0] for frame in frames)})"
    return Finding(kind, clip, *where(clip, min(frames)), text)


def _about_sizes(
    clip: str, shape: tuple[int, int], sizes: Mapping[str, set[int]], where: Where
) -> list[Finding]:
    """Return a finding where maps have another size than the frame grid, or several sizes."""
    grid = f"{shape[1]}x{shape[0]}"
    if not set(sizes) - {grid}:
        return []
    odd = set().union(*(frames for size, frames in sizes.items() if size != grid))
    number, file = where(clip, min(odd))
    if len(sizes) == 1:
        text = f"expected maps of the frame grid, {grid}, found {next(iter(sizes))}; the protocol "
        text += f"resizes them; nothing to mend ({len(odd)} maps)"
        return [Finding("other_size", clip, number, file, text)]
    found = ", ".join(
        f"{size} ({ranges(where(clip, frame)[0] for frame in frames)})"
        for size, frames in sorted(sizes.items(), key=lambda one: -len(one[1]))
    )
    text = f"expected maps of one size, {grid} or another, found {found}; the protocol resizes "
    return [Finding("mixed_sizes", clip, number, file, text + "them; make the odd ones again")]
