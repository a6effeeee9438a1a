"""Which tensor of a released file is which of a network's: all names and shapes, or none."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from model.released import Released
from pipeline.importing.stored import Stored

_NUMBER = re.compile(r"_\d+(?=[_/:]|$)")
"""Number of a layer among those of its kind, which Keras counts over a whole session."""
_SHOWN = 5
"""Names that a message lists of each kind."""
Shape = tuple[int, ...]


def matched(
    stored: Mapping[str, Stored], released: Released, shapes: Mapping[str, Shape]
) -> dict[str, str]:
    """Return released name -> name in the file, where every name and shape is as expected.

    `shapes` are those of the released tensors by name, in their order.

    Raises:
        ValueError: Names what is missing, unexpected or misshapen, with counts.
    """
    there = [
        name
        for name in stored
        if not any(re.fullmatch(pattern, name) for pattern in released.ignored)
    ]
    pairs = _pairs(list(shapes), there, ordered=released.ordered)
    missing = [name for name, found in pairs if found is None]
    unexpected = [found for name, found in pairs if name is None]
    both = {name: found for name, found in pairs if name is not None and found is not None}
    misshapen = [
        f"{found} {list(stored[found].shape)!s:.80} for {list(shapes[name])}"
        for name, found in both.items()
        if not stored[found].fits(shapes[name])
    ]
    kinds: dict[str, Sequence[object]] = {
        "missing": missing,
        "unexpected": unexpected,
        "misshapen": misshapen,
    }
    if wrong := [_listed(kind, listed) for kind, listed in kinds.items() if listed]:
        raise ValueError("; ".join(wrong))
    return both


def _pairs(
    names: Sequence[str], there: Sequence[str], *, ordered: bool
) -> list[tuple[str | None, str | None]]:
    """Expected name and name in the file, either None where it has no other."""
    if not ordered or set(names) == set(there):
        known = set(there)
        pairs = [(name, name if name in known else None) for name in names]
        return [*pairs, *((None, name) for name in there if name not in set(names))]
    ours, theirs = _by_stem(names), _by_stem(there)
    stems = dict.fromkeys([*ours, *theirs])
    rows = (itertools.zip_longest(ours[stem], theirs[stem]) for stem in stems)
    return [*itertools.chain.from_iterable(rows)]


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    """Name without its layer's number -> the names with it, in their order."""
    found = defaultdict[str, list[str]](list)
    for name in names:
        found[_NUMBER.sub("", name)].append(name)
    return found


def _listed(kind: str, names: Sequence[object]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{len(names)} {kind} ({', '.join(f'{name!s:.160}' for name in names[:_SHOWN])}{more})"
