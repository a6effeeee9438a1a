"""Files whose names fit a clip's, put together as that clip's maps."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

from pipeline.evaluation.external_maps.containers import DEEPEST, FILMS, Container
from pipeline.evaluation.external_maps.findings import Expected

_VIDEO: Final = re.compile(r"\.(avi|mp4|mov|mkv|mpe?g|wmv|webm)$", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(\d+)\D*$")
_FLAT: Final = re.compile(r"(.+)_(\d+)$")
_DIGITS: Final = 18
"""Digits of a number, at most; one of more counts no frames."""
_KIND: Final = "saliency|sal|salmap|smap|pred|prediction|map|output|result"
_AFFIX: Final = re.compile(rf"^(?:{_KIND})s?[_\-. ](?=.)|(?<=.)[_\-. ](?:{_KIND})s?$")
"""What scripts put before or behind a clip's name to say what a folder or file holds."""
_OUTPUT: Final = "_out"
"""What OM-CNN's demo adds to the name of a video."""
_GLUED: Final = re.compile(r"(\d{5})")
"""How SalEMA's script numbers a map, right behind all but the last character of its clip's name."""


def _keys(name: str, *, given: bool = False) -> Iterator[str]:
    """Yield what must be equal for a fit, from the closest kind of fit on.

    Only a name that is given, not a clip's own, is read without what a script added to it.
    """
    yield name
    name = unicodedata.normalize("NFC", name.removesuffix(".zarr") if given else name)
    yield name
    bare = name.lstrip("0") or "0"
    yield bare
    yield bare.casefold()
    folded = _VIDEO.sub("", bare).casefold()
    yield folded
    yield folded.replace("-", "_")
    if given:
        folded = _AFFIX.sub("", folded).lstrip("0") or "0"
    yield folded
    yield folded.replace("-", "_")


class _Fit(NamedTuple):
    closeness: int
    """0 is equal."""
    clip: str


def finder(clips: Iterable[str]) -> Callable[[str], _Fit | None]:
    """Return a function that gives the one clip that fits a name best, or None."""
    known: dict[tuple[int, str], set[str]] = {}
    for clip in clips:
        for key in enumerate(_keys(clip)):
            known.setdefault(key, set()).add(clip)

    @cache
    def find(name: str) -> _Fit | None:
        keys = enumerate(_keys(name, given=True))
        found = ((i, known.get((i, key), ())) for i, key in keys)
        return next((_Fit(i, *clips) for i, clips in found if len(clips) == 1), None)

    return find


@dataclass
class Group:
    """Maps that bear one name: numbered files, or a film or array."""

    name: str
    folder: str
    """With / at the end, or empty."""
    files: dict[int, list[str]] = field(default_factory=dict)
    """Number -> names within the folder."""
    stack: str | None = None
    stranger: bool = False
    """Whether it is no clip's, whatever its name."""

    @property
    def where(self) -> str:
        """Name of the group's folder or only file."""
        if self.stack is not None or len(self.files) == 1:
            return self.file(next(iter(self.files), 0))
        return self.folder.rstrip("/")

    def file(self, number: int) -> str:
        """Return the name of the file that holds the map of a number."""
        return self.stack or self.folder + self.files[number][0]


@dataclass
class Grouping:
    """Groups the files of a folder or zip that bear one name."""

    find: Callable[[str], _Fit | None]
    """The clip that fits a name."""
    expected: Mapping[str, Expected]
    arrays: Mapping[str, int] = field(default_factory=dict)
    """Zarr arrays among the files -> their axes."""
    level: int = 0
    """Folders above those that bear the clips' names."""
    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    """Files that are no maps, or do not say of which frame."""

    def add(self, folder: str, files: Sequence[str]) -> None:
        """Group the maps that lie in a folder."""
        parts = folder.split("/")[:-1]
        bearer = parts[self.level] if len(parts) > self.level else ""
        fit = self.find(bearer) if bearer else None
        for file in files:
            stem, suffix = self._split(folder, file)
            if suffix in FILMS or self.arrays.get(folder + file, 2) != 2:
                self._stack(bearer if fit else self._filmed(stem), folder, file)
            elif fit:
                self._in_clip(bearer, self.expected[fit.clip], folder, file, len(files))
            else:
                self._loose(stem, bearer, folder, file)

    def inner(self, group: Group) -> list[str]:
        """Return the folders between the one that bears the clip's name and the maps.

        A Zarr array counts as one.
        """
        inner = group.folder.split("/")[self.level + 1 : -1]
        return [*inner, group.where.rpartition("/")[2]] if group.stack in self.arrays else inner

    def _split(self, folder: str, file: str) -> tuple[str, str]:
        """Return a file's stem and suffix; of an array, the stem is all but .zarr."""
        return (
            (file.removesuffix(".zarr"), "") if folder + file in self.arrays else split_name(file)
        )

    def _filmed(self, stem: str) -> str:
        """Return the name of the video that a film belongs to."""
        video = stem.removesuffix(_OUTPUT)
        return video if not self.find(stem) and self.find(video) else stem

    def _stack(self, name: str, folder: str, file: str) -> None:
        self.groups[(folder + file, name)] = Group(name, folder, stack=folder + file)

    def _number(self, name: str, folder: str, file: str, number: int) -> None:
        group = self.groups.setdefault((folder, name), Group(name, folder))
        group.files.setdefault(number, []).append(file)

    def _in_clip(self, name: str, e: Expected, folder: str, file: str, files: int) -> None:
        stem, _ = self._split(folder, file)
        number = _number_in(stem, name)
        # An image's only map may be called anything, also what the image is called.
        if files == e.frames == 1 and (number is None or self.find(stem)):
            self._number(name, folder, file, e.numbers[0])
        elif number is None:
            self.others.append(folder + file)
        else:
            self._number(name, folder, file, number)

    def _loose(self, stem: str, bearer: str, folder: str, file: str) -> None:
        """Group a file whose own name says the clip."""
        fit, flat = self.find(stem), _FLAT.fullmatch(stem) or _FLAT.fullmatch(_AFFIX.sub("", stem))
        if fit and (file.lower().endswith(".npy") or folder + file in self.arrays):
            self._stack(stem, folder, file)
        elif fit and self.expected[fit.clip].frames == 1:
            self._number(stem, folder, file, self.expected[fit.clip].numbers[0])
        elif flat and len(flat[2]) <= _DIGITS and self.find(flat[1]):
            self._number(flat[1], folder, file, int(flat[2]))
        elif fit:  # one picture cannot be a clip of several frames
            self.others.append(folder + file)
        else:  # no clip's: what a finding calls it
            images = all(e.frames == 1 for e in self.expected.values())
            name = bearer or (stem if images or not flat else flat[1])
            group = Group(name, folder, stranger=True)
            files = self.groups.setdefault(("", name), group).files
            files.setdefault(len(files), []).append(file)


def _number_in(stem: str, clip: str) -> int | None:
    """Return the last digits of a map's name, if any, in the folder that bears its clip's."""
    glued = "" if clip.isdigit() else stem.removeprefix(clip[:-1])
    digits = _GLUED.fullmatch(glued) or _NUMBER.search(stem)
    return int(digits[1]) if digits and len(digits[1]) <= _DIGITS else None


def split_name(file: str) -> tuple[str, str]:
    """Return a file's stem, and its suffix in small letters."""
    stem, _, suffix = file.rpartition(".")
    return (stem, f".{suffix.lower()}") if stem else (file, "")


def _level(folders: Iterable[str], find: Callable[[str], _Fit | None]) -> int:
    """Return how deep the folders lie that bear the clips' names."""
    fits: list[set[str]] = [set() for _ in range(DEEPEST + 1)]
    for folder in folders:
        for found, part in zip(fits, folder.split("/")[:-1], strict=False):
            if fit := find(part):
                found.add(fit.clip)
    return max(range(len(fits)), key=lambda level: len(fits[level]))


def grouped(container: Container, expected: Mapping[str, Expected]) -> Grouping:
    """Group all maps of a container by the names they bear."""
    grouping = Grouping(finder(expected), expected, container.arrays)
    if not container.suffixes:
        for name in container.files():
            grouping.groups[("", name)] = Group(name, "", stack=name)
        return grouping
    folders: dict[str, list[str]] = {}
    for path in container.files():
        folder, _, file = path.rpartition("/")
        # Of fewer axes are coordinates, such as the times of frames.
        if container.arrays.get(path, 0) > 1 or split_name(file)[1] in container.suffixes:
            folders.setdefault(folder + "/" if folder else "", []).append(file)
        else:
            grouping.others.append(path)
    grouping.level = _level(folders, grouping.find)
    for folder in sorted(folders):
        grouping.add(folder, sorted(folders[folder]))
    return grouping
