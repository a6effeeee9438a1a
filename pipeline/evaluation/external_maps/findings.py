"""What was expected of somebody's maps, what was found instead, and in which words."""

import errno
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import of_the_disk

Kind = Literal[
    "missing_clip",
    "unknown_clip",
    "ambiguous_clip",
    "missing_frame",
    "extra_frame",
    "duplicate_frame",
    "off_by_one",
    "shifted",
    "other_file",
    "passed_over",
    "truncated",
    "too_large",
    "not_a_map",
    "not_finite",
    "zero_map",
    "constant_map",
    "negative",
    "other_size",
    "mixed_sizes",
    "alpha_channel",
    "colour",
    "jpeg",
    "film",
    "eight_bit",
    "sixteen_bit",
]
"""From names, down to `passed_over`; from what is read, the others."""

_SHOWN: Final = 20
"""Ranges of frames, or names, that a text lists."""
TEXTS: Final[dict[Kind, str]] = {
    "truncated": "expected a whole file, found one that cannot be decoded ({}); left out; make it "
    "again",
    "too_large": "expected at most 20 million pixels and 320 MB a map, found {}; left out; save it "
    "smaller, uncompressed inside a zip, and as <clip>.npy [time, y, x] in C order",
    "not_a_map": "expected a map [y, x] of numbers, found {}; left out; save it as [y, x], or a "
    "whole clip as <clip>.npy [time, y, x]",
    "not_finite": "expected numbers, found {}; left out; make it again",
    "zero_map": "expected a map with a maximum, found 0 everywhere; read as it is: CC and NSS are "
    "undefined and KLDiv is about 30; make it again unless the model means it",
    "constant_map": "expected a map with a maximum, found {} everywhere; read as it is: CC, NSS "
    "and SIM are undefined and AUC-J is about 0.5; make it again unless the model means it",
    "negative": "expected values from 0, found {}; read as it is: KLDiv is undefined where a value "
    "is below 0; save probabilities, not their logarithms",
    "alpha_channel": "expected a grey picture, found one with transparency, which was dropped; "
    "save it without",
    "colour": "expected a grey picture, found colours, of which the luminance was taken; a colour "
    "map such as jet is no saliency, so save the grey values",
    "jpeg": "expected a lossless picture, found JPEG, which was read; its coding leaves "
    "artefacts where the map was 0; save PNG of 16 bits or .npy",
    "film": "expected a lossless map, found a film, which was read; coding changes its values by "
    "some levels; save PNG of 16 bits or .npy",
    "eight_bit": "expected 16 bits or floating point, found 8 bits, which were read; a peaky map's "
    "KLDiv then rises from 2.0 to about 10, and AUC-J loses the order of values that became "
    "equal; save PNG of 16 bits or .npy",
    "sixteen_bit": "found more than 8 bits, read at full depth; nothing to mend",
}
"""Of what reading shows, but sizes; {} stands for what was found."""
_OF_ONE_FILE: Final = frozenset(
    (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO)
)
"""Errors of the disk that concern the one file that was to be read."""
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
"""Differs from run to run."""
_SHORTENED: Final = 100
"""Letters of a name that a text shows: inside a zip it may have 65,535."""


class Expected(NamedTuple):
    """A clip that maps are wanted for."""

    clip: str
    frames: int
    """Frames of the clip in our stores."""
    numbers: list[int]
    """Number of each frame in its whole video, from 1."""
    shape: tuple[int, int]
    """Height and width of the frame grid; maps may have any."""
    wanted: list[int] | None = None
    """Frames that are scored, from 0; None: all."""

    @property
    def chosen(self) -> list[int]:
        """The frames that a map is wanted for, ascending."""
        every = range(self.frames)
        return list(every if self.wanted is None else sorted(set(self.wanted) & set(every)))


class Finding(NamedTuple):
    """Something about the maps that their maker should know."""

    kind: Kind
    clip: str
    """Clip, or the name that is no clip's; empty if it concerns several."""
    frame: int | None
    """Number as in the file's name, or index in the film or array from 1."""
    file: str
    """Path; inside a zip as `archive.zip!inner`."""
    text: str
    """What was expected, what was found, what was done, and the remedy."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.clip or shortened(self.file, 300)}: {self.text}"


class UnreadableMap(InputError):  # noqa: N818 - it is one map that is left out, no fault of a run
    """A map that must be left out; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding

    def __str__(self) -> str:
        return f"{self.finding.file}: {self.finding.text}"


class MapError(Exception):
    """Why a file holds no map; an `UnreadableMap` once clip and frame are known."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail

    def __str__(self) -> str:
        return TEXTS[self.kind].format(self.detail)


@contextmanager
def decodable() -> Iterator[None]:
    """Turn what a broken file raises into a `MapError`, unless more than that file is concerned.

    A disk that fails, a machine that lacks threads or memory, or a store of ours that is not whole
    is no fault of one map. Otherwise what is damaged, or made to harm, raises whatever its decoder
    stumbles over.

    Raises:
        InputError: No thread can be started.
    """
    try:
        yield
    except (MapError, InputError):
        raise
    except OSError as error:
        if no_threads(error):
            raise InputError(NO_THREADS) from None
        if of_the_disk(error) and error.errno not in _OF_ONE_FILE:
            raise
        refused = error.errno in (errno.EACCES, errno.EPERM)
        remedy = ": change its permissions" if refused else ""
        raise MapError("truncated", in_short(error) + remedy) from None
    except Exception as error:
        if no_threads(error):
            raise InputError(NO_THREADS) from None
        raise MapError("truncated", in_short(error)) from None


NO_THREADS: Final = (
    "no further thread or process can be started here; lower --threads, or raise `ulimit -u` or "
    "the container's limit of processes"
)


def no_threads(error: BaseException) -> bool:
    """Whether an error says that the machine starts no further thread or process."""
    refused = isinstance(error, OSError) and error.errno == errno.EAGAIN
    return refused or "can't start new thread" in str(error)


def in_short(error: BaseException) -> str:
    """Return the message of an error in one short line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = _ADDRESS.sub("", " ".join(str(error).split()))
    return printable(text[:200]) or type(error).__name__


def printable(text: str) -> str:
    r"""Return text without what a terminal would act on: \x1b for escape, \xff for no UTF-8."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    # Python reads a byte that is no UTF-8 as a letter of its own in this range.
    code = ord(letter) - 0xDC00 if 0xDC80 <= ord(letter) <= 0xDCFF else ord(letter)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def shortened(name: str, most: int = _SHORTENED) -> str:
    """Return a name that is printable, without its middle if it has more than `most` letters."""
    short = name if len(name) <= most else f"{name[: most // 2]}...{name[-most // 2 :]}"
    return printable(short)


def some(names: Sequence[str]) -> str:
    """Join names with commas; after many, three dots."""
    shown = ", ".join(map(shortened, names[:_SHOWN]))
    return shown + (", ..." if len(names) > _SHOWN else "")


def ranges(numbers: Iterable[int]) -> str:
    """Write numbers as `3, 7-9`; after many ranges, how many numbers follow."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs[:_SHOWN])
    rest = sum(b - a + 1 for a, b in runs[_SHOWN:])
    return f"{shown} and {rest} more" if rest else shown
