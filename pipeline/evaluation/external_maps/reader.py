"""Opens anybody's maps: the front of this package, whose docstring has the layouts."""

from __future__ import annotations

import csv
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.external_maps.clip_names import Group, grouped
from pipeline.evaluation.external_maps.containers import Place, place_of
from pipeline.evaluation.external_maps.decoding import Raw, decoded, map_of
from pipeline.evaluation.external_maps.films_and_arrays import Stack
from pipeline.evaluation.external_maps.findings import (
    Expected,
    Finding,
    MapError,
    UnreadableMap,
    decodable,
)
from pipeline.evaluation.external_maps.frame_numbers import Placing, by_files, by_place
from pipeline.evaluation.external_maps.matching import matched, nobody, nothing, other_files
from pipeline.evaluation.external_maps.summary import Observed, told
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic

_OPEN: Final = max(4, os.cpu_count() or 1)
"""Films and arrays that stay open."""


class Maps:
    """Maps of the expected clips; from `open_maps`.

    May be read by several threads, and sent to other processes. What other processes find is
    theirs: `observed` takes it out, `join` puts it in.
    """

    def __init__(
        self,
        place: Place,
        expected: Mapping[str, Expected],
        groups: Mapping[str, Group],
        findings: Sequence[Finding],
    ) -> None:
        self._place, self._expected, self._groups = place, expected, groups
        self._by_names = list(findings)
        self._placings: dict[str, Placing] = {}
        self._observed: Observed = {}
        self._open: OrderedDict[str, Stack] = OrderedDict()
        self._lock = threading.RLock()
        for clip, group in groups.items():
            if group.stack is None:
                self._placing(clip)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    @property
    def clips(self) -> list[str]:
        """All expected clips, also those without a map."""
        return list(self._expected)

    def frames(self, clip: str) -> list[int]:
        """The wanted frames of a clip, from 0, that there is a map for, ascending."""
        return sorted(self._placing(clip).places.keys() & self._expected[clip].chosen)

    def read(self, clip: str, frame: int) -> NDArray[np.float32]:
        """The map of one of a clip's `frames` [y, x], as it is in its file.

        Raises:
            UnreadableMap: It is damaged, no map, or not finite, and must be left out.
        """
        if frame not in self._placing(clip).places:
            raise KeyError(f"no map of clip {clip}, frame {frame}")
        try:
            with decodable():
                found = map_of(self._raw(clip, frame))
        except MapError as error:
            self._note(error.kind, clip, frame, error.detail)
            finding = Finding(error.kind, clip, *self._where(clip, frame), str(error))
            raise UnreadableMap(finding) from None
        for kind, detail in found.kinds.items():
            self._note(kind, clip, frame, detail)
        return found.values

    @property
    def findings(self) -> list[Finding]:
        """Everything found up to now: by names, then by content, each kind once per clip."""
        with self._lock:
            placings = {clip: self._placings[clip] for clip in self.clips if clip in self._placings}
        shapes = {clip: e.shape for clip, e in self._expected.items()}
        by_numbers = [
            Finding(kind, clip, numbers[0] if len(numbers) == 1 else None, self._label(clip), text)
            for clip, placing in placings.items()
            for kind, numbers, text in placing.told
        ]
        return self._by_names + by_numbers + told(self.observed(), shapes, self._where)

    def report(self, path: Path) -> None:
        """Writes the findings as CSV."""
        with atomic(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Finding._fields)
            writer.writerows(self.findings)

    def observed(self) -> Observed:
        """What reading has shown, to be sent to another process."""
        with self._lock:
            return {key: set(frames) for key, frames in self._observed.items()}

    def join(self, observed: Observed) -> None:
        """Adds what another process saw; to add it twice changes nothing."""
        with self._lock:
            for key, frames in observed.items():
                self._observed.setdefault(key, set()).update(frames)

    def _note(self, kind: str, clip: str, frame: int, detail: str) -> None:
        self.join({(kind, clip, detail): {frame}})

    def _label(self, clip: str) -> str:
        return self._place.label(self._groups[clip].where)

    def _where(self, clip: str, frame: int) -> tuple[int, str]:
        """Number of a frame as in its file's name, and the file."""
        number = self._placing(clip).places[frame]
        return number, self._place.label(self._groups[clip].file(number))

    def _placing(self, clip: str) -> Placing:
        e = self._expected[clip]
        with self._lock:
            if clip not in self._placings:
                self._placings[clip] = self._placed(self._groups.get(clip), e)
            return self._placings[clip]

    def _placed(self, group: Group | None, e: Expected) -> Placing:
        if group is None:
            return Placing({}, [])
        if group.stack is None:
            return by_files(group.files, e)
        try:
            with decodable():
                stack = self._stack(group.stack)
                return by_place(len(stack), stack.numbers, e)
        except MapError as error:
            return Placing({}, [(error.kind, [], str(error))])

    def _stack(self, name: str) -> Stack:
        with self._lock:
            if name not in self._open:
                self._open[name] = self._place.stack(name)
            self._open.move_to_end(name)
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].close()
            return self._open[name]

    def _raw(self, clip: str, frame: int) -> Raw:
        group, number = self._groups[clip], self._placing(clip).places[frame]
        if group.stack is not None:
            return self._stack(group.stack)[number - 1]
        name = group.file(number)
        return decoded(name, self._place.content(name))


def open_maps(path: Path, expected: Sequence[Expected]) -> Maps:
    """Finds the maps of the expected clips; decodes none.

    Args:
        path: A folder, zip, Zarr group, the manifest of a SALIENCY or DENSITY store, or one file.
        expected: The clips, each once.

    Raises:
        InputError: There is no such path, it holds no map, or none of any expected clip.
    """
    clips = {e.clip: e for e in expected}
    if not clips:
        raise InputError(f"{path}: no clip is expected, so there is nothing to look for")
    place = place_of(path)
    grouping = grouped(place, clips)
    if not grouping.groups:
        raise InputError(nothing(path, place, grouping.others, next(iter(clips.values()))))
    chosen, findings = matched(grouping, place, clips)
    if not chosen and not any(finding.kind == "ambiguous_clip" for finding in findings):
        raise InputError(nobody(path, grouping, clips))
    if grouping.others:
        findings.append(other_files(grouping.others, place))
    return Maps(place, clips, chosen, findings)
