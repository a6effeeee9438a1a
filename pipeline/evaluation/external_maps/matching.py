"""Which maps are a clip's, and findings about the others."""

import difflib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.evaluation.external_maps.clip_names import Group, Grouping, split_name
from pipeline.evaluation.external_maps.containers import FILMS, Container
from pipeline.evaluation.external_maps.findings import Expected, Finding, printable, some

_OF_DATASETS: Final = frozenset(("images", "frames", "maps", "fixation", "fixations", "flow"))
"""Folders that a dataset has in a clip's; some models write theirs beside them."""
_ARCHIVES: Final = frozenset((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".npz"))
_SUGGESTED: Final = 200
"""Unknown names that are compared with the clips that have no maps."""


def matched(
    grouping: Grouping,
    container: Container,
    expected: Mapping[str, Expected],
    coloured: Callable[[Group], bool],
) -> tuple[dict[str, Group], list[Finding]]:
    """Return the group of each clip, and findings about what fits none or several.

    `coloured` looks at one of a group's maps; it is asked only where several groups fit a clip.
    """
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
    colours: list[tuple[Group, Group]] = []
    for clip in (clip for clip in expected if clip in fits):
        candidates = fits[clip]
        closest = min(closeness for closeness, _ in candidates)
        best = [group for closeness, group in candidates if closeness == closest]
        if len(best) > 1:
            best, theirs = _without_the_datasets(best, grouping)
            passed += theirs
        # An overlay, or the frames that were looked at, are coloured; maps seldom are.
        alike = best if len(best) > 1 else [group for _, group in candidates if group not in passed]
        grey = [group for group in alike if not coloured(group)] if len(alike) > 1 else best
        if len(grey) == 1 and (len(best) > 1 or coloured(best[0])):
            colours += [(grey[0], group) for group in alike if group is not grey[0]]
            best = grey
        if len(best) > 1:
            findings.append(_ambiguous(clip, best, container))
            continue
        chosen[clip] = best[0]
        findings += [
            _unknown(group, container, _further(clip, group, best[0]))
            for closeness, group in candidates
            if closeness > closest and not any(group in pair for pair in colours)
        ]
    if passed:
        findings.append(_passed_over(passed, grouping, container))
    if colours:
        findings.append(_coloured(colours, container))
    return chosen, findings + _strangers(unknown, absent, container)


def _without_the_datasets(
    groups: Sequence[Group], grouping: Grouping
) -> tuple[list[Group], list[Group]]:
    """Split groups into a clip's maps and what a dataset keeps beside them."""
    theirs, others = list[Group](), list[Group]()
    for group in groups:
        (theirs if _OF_DATASETS & set(grouping.inner(group)) else others).append(group)
    return (others, theirs) if others else (theirs, [])


def _further(clip: str, group: Group, best: Group) -> str:
    """Why a group is not read whose name fits less closely than that of another."""
    text = f"clip {clip} has maps under its closer name {best.name}"
    names = {unicodedata.normalize("NFC", name) for name in (group.name, best.name)}
    return text if len(names) > 1 else f"{text}, whose accents are encoded as in the split sheet"


def _coloured(pairs: Sequence[tuple[Group, Group]], container: Container) -> Finding:
    read, other = pairs[0]
    text = f"expected one set of maps, found several, of which one alone is grey ({read.where}); "
    text += f"it is read, and {other.where} with its colours is passed over, likewise of "
    text += f"{len(pairs)} in all; if that is wrong, leave only the right ones"
    return Finding("other_file", "", None, container.label(other.where), text)


def _passed_over(groups: Sequence[Group], grouping: Grouping, container: Container) -> Finding:
    names = sorted({"/".join(grouping.inner(group)) for group in groups})
    text = f"expected maps only, found beside them folders as a dataset has ({some(names)}); "
    text += "passed over; nothing to mend unless they are maps: then move them out of the dataset"
    return Finding("other_file", "", None, container.label(groups[0].where), text)


def _ambiguous(clip: str, groups: Sequence[Group], container: Container) -> Finding:
    found = some([group.where or "the files beside the folders" for group in groups])
    text = f"expected one set of maps, found {len(groups)} that fit alike ({found}); none is read; "
    text += "leave one of them in the clip's place, and move the others out of MAPS"
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
        "in a folder, all but films also in a zip, or Zarr arrays [time, y, x] of the clips' names"
    )


def nothing(path: Path, container: Container, others: Sequence[str], e: Expected) -> str:
    """Return the error text where there is no map at all."""
    found = [f"{len(others)} other files ({_suffixes(others)})"] if others else []
    found += [f"{what} ({remedy})" for what, remedy, _ in _unopened(container)]
    films = any(split_name(name)[1] in FILMS for name in others)
    remedy = "; films cannot be read inside a zip: unpack it" if films else ""
    if stores := [name for name in others if name.endswith(".zarr")]:
        remedy = f"; of stores name one: {printable(container.label(stores[0]))}"
    if any(split_name(name)[1] in _ARCHIVES for name in others):
        remedy += "; unpack an archive, or name a zip itself"
    what = f"found {'; '.join(found)}" if found else "it is empty"
    return f"{printable(str(path))}: no saliency map in it: {what}; {_layouts(e)}{remedy}"


def nobody(path: Path, grouping: Grouping, clips: Mapping[str, Expected]) -> str:
    """Return the error text where no map is any clip's."""
    found = sorted({group.name for group in grouping.groups.values()})
    return (
        f"{printable(str(path))}: none of its names is a clip's: found {some(found)}; expected "
        f"{some(list(clips))}; rename them, or choose their dataset: "
        f"{_layouts(next(iter(clips.values())))}"
    )


def _unopened(container: Container) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what is not opened and how often, what to do about it, and the names."""
    for reason, names in container.passed.items():
        what, _, remedy = reason.partition("; ")
        yield f"{what} ({len(names)}: {some(sorted(names))})", remedy, names


def passed_over(container: Container) -> list[Finding]:
    """Return a finding for each reason for which something was not opened."""
    return [
        Finding(
            "passed_over",
            "",
            None,
            container.label(min(names)),
            f"expected folders and files, found {found}; not opened; {remedy}",
        )
        for found, remedy, names in _unopened(container)
    ]


def other_files(names: Sequence[str], container: Container) -> Finding:
    """Return the finding about files that cannot be maps."""
    text = (
        f"expected maps only, found {len(names)} files that are none, or do not say of which frame "
        f"({_suffixes(names)}); left out; nothing to mend unless they are maps"
    )
    return Finding("other_file", "", None, container.label(min(names)), text)
