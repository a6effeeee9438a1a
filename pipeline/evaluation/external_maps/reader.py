"""Maps that somebody else's model made; the package's docstring has the layouts."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.external_maps.clip_names import Group, grouped
from pipeline.evaluation.external_maps.containers import Container
from pipeline.evaluation.external_maps.decoding import Raw, decoded, map_of
from pipeline.evaluation.external_maps.films_and_arrays import Stack
from pipeline.evaluation.external_maps.findings import (
    Expected,
    Finding,
    MapError,
    UnreadableMap,
    decodable,
    printable,
)
from pipeline.evaluation.external_maps.frame_numbers import Numbering, by_files, by_position
from pipeline.evaluation.external_maps.matching import (
    matched,
    nobody,
    nothing,
    other_files,
    passed_over,
)
from pipeline.evaluation.external_maps.opening import open_container
from pipeline.evaluation.external_maps.summary import Observed, findings_of
from pipeline.evaluation.frame_lists import listed_frames
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import write_rows
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import Store

_OPEN: Final = max(4, os.cpu_count() or 1)
"""Films and arrays that stay open."""


class ExternalMaps:
    """Maps of the expected clips; from `open_maps`. May be read by several threads."""

    def __init__(
        self,
        container: Container,
        expected: Mapping[str, Expected],
        groups: Mapping[str, Group],
        findings: Sequence[Finding],
    ) -> None:
        self._container, self._expected, self._groups = container, expected, groups
        self._by_names = list(findings)
        self._known: dict[str, Numbering] = {}
        self._observed: Observed = {}
        self._open: OrderedDict[str, Stack] = OrderedDict()
        self._lock = threading.RLock()
        for clip, group in groups.items():
            if group.stack is None:
                self._numbering(clip)

    @property
    def clips(self) -> list[str]:
        """Names of all expected clips, also of those without a map."""
        return list(self._expected)

    @property
    def named(self) -> list[str]:
        """Names of the expected clips that some map bears, and no other one as well."""
        return [clip for clip in self.clips if clip in self._groups]

    def frames(self, clip: str) -> list[int]:
        """Return the wanted frames of a clip that there is a map for, from 0, ascending."""
        return sorted(self._numbering(clip).numbers.keys() & self._expected[clip].chosen)

    def read(self, clip: str, frames: Sequence[int]) -> Iterator[NDArray[np.float32] | None]:
        """Yield maps [y, x]; None for an unreadable one, which `findings` lists."""
        for frame in frames:
            try:
                yield self.read_map(clip, frame)
            except UnreadableMap:
                yield None

    def read_map(self, clip: str, frame: int) -> NDArray[np.float32]:
        """Return the map [y, x] of one of a clip's `frames`, as it is in its file.

        Raises:
            UnreadableMap: It is damaged, no map, or not finite, and must be left out.
        """
        if frame not in self._numbering(clip).numbers:
            raise KeyError(f"no map of clip {clip}, frame {frame}")
        try:
            with decodable():
                values, kinds = map_of(self._raw(clip, frame))
        except MapError as error:
            self._note(error.kind, clip, frame, error.detail)
            finding = Finding(error.kind, clip, *self._where(clip, frame), str(error))
            raise UnreadableMap(_printable(finding)) from None
        for kind, detail in kinds.items():
            self._note(kind, clip, frame, detail)
        return values

    @property
    def findings(self) -> list[Finding]:
        """All findings up to now: by names, then by content, each kind once per clip."""
        with self._lock:
            known = {clip: self._known[clip] for clip in self.clips if clip in self._known}
            observed = {key: set(frames) for key, frames in self._observed.items()}
        shapes = {clip: e.shape for clip, e in self._expected.items()}
        by_numbers = [
            Finding(kind, clip, numbers[0] if len(numbers) == 1 else None, self._label(clip), text)
            for clip, numbering in known.items()
            for kind, numbers, text in numbering.remarks
        ]
        found = self._by_names + by_numbers + findings_of(observed, shapes, self._where)
        return [_printable(finding) for finding in found]

    def report(self, path: Path) -> None:
        """Write the findings as CSV."""
        write_rows(path, Finding._fields, self.findings)

    def _note(self, kind: str, clip: str, frame: int, detail: str) -> None:
        with self._lock:
            self._observed.setdefault((kind, clip, detail), set()).add(frame)

    def _label(self, clip: str) -> str:
        return self._container.label(self._groups[clip].where)

    def _where(self, clip: str, frame: int) -> tuple[int, str]:
        """Return the number of a frame as in its file's name, and the file."""
        number = self._numbering(clip).numbers[frame]
        return number, self._container.label(self._groups[clip].file(number))

    def _numbering(self, clip: str) -> Numbering:
        with self._lock:
            if clip not in self._known:
                self._known[clip] = self._numbered(self._groups.get(clip), self._expected[clip])
            return self._known[clip]

    def _numbered(self, group: Group | None, e: Expected) -> Numbering:
        if group is None:
            return Numbering({}, [])
        if group.stack is None:
            return by_files(group.files, e)
        try:
            with decodable():
                stack = self._stack(group.stack)
                return by_position(len(stack), stack.numbers, e)
        except MapError as error:
            return Numbering({}, [(error.kind, [], str(error))])

    def _stack(self, name: str) -> Stack:
        with self._lock:
            if name not in self._open:
                self._open[name] = self._container.stack(name)
            self._open.move_to_end(name)
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].close()
            return self._open[name]

    def _raw(self, clip: str, frame: int) -> Raw:
        group, number = self._groups[clip], self._numbering(clip).numbers[frame]
        if group.stack is not None:
            return self._stack(group.stack)[number - 1]
        return _raw_of(self._container, group, number)


def _printable(finding: Finding) -> Finding:
    words = (printable(word) if isinstance(word, str) else word for word in finding)
    return Finding(*words)  # type: ignore[arg-type]


def _raw_of(container: Container, group: Group, number: int) -> Raw:
    """Read the map of a number, from a file of its own."""
    name = group.file(number)
    if name in container.arrays:
        return container.stack(name)[0]
    return decoded(name, container.content(name))


def _coloured(container: Container, group: Group) -> bool:
    """Whether the map in the middle of a group has colours; False if it cannot be read."""
    if group.stack is not None:
        return False
    try:
        with decodable():
            middle = sorted(group.files)[len(group.files) // 2]
            return "colour" in map_of(_raw_of(container, group, middle))[1]
    except MapError:
        return False


def expected_maps(density: Mapping[str, Store], frame_lists: Sequence[Path]) -> list[Expected]:
    """List the clips of DENSITY stores that maps are expected for.

    They are wanted for every frame, or for those in the list of a meta dataset.
    """
    facts = {clip: store.clips[clip] for clip, store in density.items()}
    return [
        Expected(
            clip=clip,
            frames=facts[clip]["shape"][0],
            numbers=frame_numbers(facts[clip]),
            shape=(facts[clip]["shape"][1], facts[clip]["shape"][2]),
            wanted=wanted if frame_lists else None,
        )
        for clip, wanted in listed_frames(frame_lists, facts).items()
    ]


def open_maps(path: Path, expected: Sequence[Expected]) -> ExternalMaps:
    """Find the maps of the expected clips, each of which is given once.

    None is decoded, but for one of each place where several fit a clip alike.

    `path` is a folder, zip, Zarr group, the manifest of a SALIENCY or DENSITY store, or one file.

    Raises:
        InputError: There is no such path, it holds no map, or none of any expected clip.
    """
    clips = {e.clip: e for e in expected}
    if not clips:
        raise InputError(
            f"{printable(str(path))}: no clip is expected, so there is nothing to look for"
        )
    container = open_container(path)
    grouping = grouped(container, clips)
    if not grouping.groups:
        raise InputError(nothing(path, container, grouping.others, next(iter(clips.values()))))
    chosen, findings = matched(grouping, container, clips, partial(_coloured, container))
    if not chosen and not any(finding.kind == "ambiguous_clip" for finding in findings):
        raise InputError(nobody(path, grouping, clips))
    if grouping.others:
        findings.append(other_files(grouping.others, container))
    findings += passed_over(container)
    return ExternalMaps(container, clips, chosen, findings)
