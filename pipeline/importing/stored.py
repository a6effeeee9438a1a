"""What a reader gives of a file of weights: its tensors by name, none of them in memory yet."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import of_the_disk

MOST = 100_000
"""Tensors that a file may name; the largest released one of these systems names 835."""


class Stored(NamedTuple):
    """A tensor of a file."""

    shape: tuple[int, ...]
    """As the file announces it; nothing of that size was allocated yet."""
    read: Callable[[], Tensor]
    """Reads its values, which takes memory for as many as the shape has."""
    padded: bool = False
    """Whether the shape may have leading ones, since the format knows four dimensions only."""

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether it can be a tensor of that shape."""
        if self.padded:
            return _without_leading_ones(self.shape) == _without_leading_ones(shape)
        return self.shape == shape


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((place for place, length in enumerate(shape) if length != 1), len(shape))
    return shape[first:]


Opened = AbstractContextManager[dict[str, Stored]]
"""An open file: name -> tensor, in the file's order."""


def distinct(pairs: Iterator[tuple[str, Stored]]) -> dict[str, Stored]:
    """Return tensors by name.

    Raises:
        ValueError: A name occurs twice, or there are too many.
    """
    found = dict[str, Stored]()
    for name, stored in pairs:
        if name in found:
            raise ValueError(f"two tensors have the name {name!r:.80}")
        if len(found) == MOST:
            raise ValueError(f"more than {MOST} tensors")
        found[name] = stored
    return found


def plain(dtype: Any, name: str) -> np.dtype[Any]:
    """Return the type of a tensor's numbers.

    Raises:
        ValueError: They are no plain numbers, such as pickled objects.
    """
    kind: np.dtype[Any] = np.dtype(dtype)
    if kind.kind not in "fiu" or kind.itemsize > 8:
        raise ValueError(f"{name!r:.80} holds {kind!s:.40} where plain numbers belong")
    return kind


def sized(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> int:
    """Return the bytes that a tensor takes.

    Raises:
        ValueError: Its shape is none.
    """
    if len(shape) > 32 or min(shape, default=0) < 0:
        raise ValueError(f"{name!r:.80} has the shape {list(shape)!s:.80}")
    return math.prod(shape) * dtype.itemsize


def tensor(values: NDArray[Any]) -> Tensor:
    """Return values of any byte order as a tensor of their own memory."""
    native = np.array(values, dtype=values.dtype.newbyteorder("="), order="C")
    # torch computes with the unsigned type of one byte only.
    wide = native.astype(np.int64) if native.dtype.kind == "u" else native
    return torch.from_numpy(wide)


@contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a reader stumbles over within the block into one line about the file.

    Raises:
        InputError: Instead of any error but those of the disk, which are explained elsewhere.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # libraries raise what they like at bytes that were crafted
        if isinstance(error, OSError) and of_the_disk(error):
            raise
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: cannot be read as {what} ({why}); fetch it again") from error
