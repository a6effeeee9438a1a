"""Which maps are a clip's, and findings about the others."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.evaluation.external_maps.clip_names import Group, Grouping, split_name
from pipeline.evaluation.external_maps.containers import FILMS, Container
from pipeline.evaluation.external_maps.findings import Expected, Finding, some

_OF_DATASETS: Final = frozenset(("images", "frames", "maps", "fixation", "fixations", "flow"))
"""Folders that a dataset has in a clip's; some models write theirs beside them."""
_SUGGESTED: Final = 200
"""Unknown names that are compared with the clips that have no maps."""


def matched(
    grouping: Grouping, container: Container, expected: Mapping[str, Expected]
) -> tuple[dict[str, Group], list[Finding]]:
    """Return the group of each clip, and findings about what fits none or several."""
    fits: dict[str, list[tuple[int, Group]]] = {}
    unknown: list[Group] = []
    for group in grouping.groups.values():
        fit = None if group.stranger else grouping.find(group.name)
        if fit:
            fits.setdefault(fit.clip, []).append((fit.closeness, group))
        else:
            unknown.append(group)
    absent = [clip for clip in expected if clip not in fits]
    chosen: dict[str, Group] = {}
    findings = [_missing(expected[clip], container) for clip in absent]
    passed: list[Group] = []
    for clip in (clip for clip in expected if clip in fits):
        candidates = fits[clip]
        closest = min(closeness for closeness, _ in candidates)
        best = [group for closeness, group in candidates if closeness == closest]
        if len(best) > 1:
            best, theirs = _without_the_datasets(best, grouping)
            passed += theirs
        if len(best) > 1:
            findings.append(_ambiguous(clip, best, container))
            continue
        chosen[clip] = best[0]
        findings += [
            _unknown(group, container, f"clip {clip} has maps under its closer name {best[0].name}")
            for closeness, group in candidates
            if closeness > closest
        ]
    if passed:
        findings.append(_passed_over(passed, grouping, container))
    return chosen, findings + _strangers(unknown, absent, container)


def _without_the_datasets(
    groups: Sequence[Group], grouping: Grouping
) -> tuple[list[Group], list[Group]]:
    """Split groups into a clip's maps and what a dataset keeps beside them."""
    theirs, others = list[Group](), list[Group]()
    for group in groups:
        (theirs if _OF_DATASETS & set(grouping.inner(group)) else others).append(group)
    return (others, theirs) if others else (theirs, [])


def _passed_over(groups: Sequence[Group], grouping: Grouping, container: Container) -> Finding:
    names = sorted({"/".join(grouping.inner(group)) for group in groups})
    text = f"expected maps only, found beside them folders as a dataset has ({some(names)}); "
    text += "passed over; nothing to mend unless they are maps: then move them out of the dataset"
    return Finding("other_file", "", None, container.label(groups[0].where), text)


def _ambiguous(clip: str, groups: Sequence[Group], container: Container) -> Finding:
    found = some([group.where or "the files beside the folders" for group in groups])
    text = f"expected one set of maps, found {len(groups)} that fit alike ({found}); none is read; "
    text += "leave one of them"
    return Finding("ambiguous_clip", clip, None, container.label(groups[0].where), text)


def _missing(e: Expected, container: Container) -> Finding:
    text = f"expected maps of {len(e.chosen)} frames, found none; the clip is not scored; "
    return Finding("missing_clip", e.clip, None, container.label(""), f"{text}add {_example(e)}")


def _unknown(group: Group, container: Container, why: str) -> Finding:
    text = f"expected the name of a clip, found {group.name}; left out: {why}"
    return Finding("unknown_clip", group.name, None, container.label(group.where), text)


def _strangers(
    groups: Sequence[Group], missing: Sequence[str], container: Container
) -> list[Finding]:
    """Return a finding for each name that resembles a clip without maps, and one for the others."""
    findings: list[Finding] = []
    rest: list[Group] = []
    for i, group in enumerate(groups):
        close = difflib.get_close_matches(group.name, missing, 1) if i < _SUGGESTED else []
        if close:
            findings.append(_unknown(group, container, f"is it {close[0]}? Then rename it"))
        else:
            rest.append(group)
    names = sorted({group.name for group in rest})
    if len(names) == 1:
        findings.append(
            _unknown(rest[0], container, "no clip is called alike; rename or remove it")
        )
    elif names:
        text = f"expected names of clips, found {len(names)} others ({some(names)}); left out; "
        text += "nothing to mend if they belong to another split"
        findings.append(Finding("unknown_clip", "", None, container.label(rest[0].where), text))
    return findings


def _example(e: Expected) -> str:
    return f"{e.clip}.png" if e.frames == 1 else f"{e.clip}/{e.numbers[0]:04d}.png"


def _suffixes(names: Sequence[str]) -> str:
    counts = Counter(split_name(name)[1] or "no suffix" for name in sorted(names))
    return some([f"{count} {suffix}" for suffix, count in counts.most_common()])


def _layouts(e: Expected) -> str:
    return (
        f"expected {_example(e)}, {e.clip}_0001.png, {e.clip}.npy [time, y, x] or {e.clip}.mp4 "
        "in a folder, all but films also in a zip, or a Zarr group with an array per clip"
    )


def nothing(path: Path, container: Container, others: Sequence[str], e: Expected) -> str:
    """Return the error text where there is no map at all."""
    found = f"found {len(others)} other files ({_suffixes(others)})" if others else "it is empty"
    films = any(split_name(name)[1] in FILMS for name in others)
    remedy = "; films cannot be read inside a zip: unpack it" if films else ""
    if stores := [name for name in others if name.endswith(".zarr")]:
        remedy = f"; of Zarr stores name one: {container.label(stores[0])}"
    return f"{path}: no saliency map in it: {found}; {_layouts(e)}{remedy}"


def nobody(path: Path, grouping: Grouping, clips: Mapping[str, Expected]) -> str:
    """Return the error text where no map is any clip's."""
    found = sorted({group.name for group in grouping.groups.values()})
    return (
        f"{path}: none of its names is a clip's: found {some(found)}; expected "
        f"{some(list(clips))}; rename them, or choose their dataset: "
        f"{_layouts(next(iter(clips.values())))}"
    )


def other_files(names: Sequence[str], container: Container) -> Finding:
    """Return the finding about files that cannot be maps."""
    text = (
        f"expected maps only, found {len(names)} files that are none, or do not say of which frame "
        f"({_suffixes(names)}); left out; nothing to mend unless they are maps"
    )
    return Finding("other_file", "", None, container.label(min(names)), text)
