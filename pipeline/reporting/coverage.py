"""What part of its data a table is about: clips that are there, and clips that a job left out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.config.evaluation import Coverage
from pipeline.evaluation.frame_lists import beyond_the_end
from pipeline.stores.manifests import left_out, read_manifest

WORDS: Final = {"train": "training", "val": "validation", "test": "test"}
_SHOWN: Final = 3
"""Clips that a sentence names; the rest is counted."""


class Manifests(NamedTuple):
    """Manifests .../<dataset>/<stage>/<part>.json, which name the clips that a job left out."""

    tested: Sequence[Path]
    """Those of the scored splits."""
    trained: Sequence[Path] = ()
    """Those of the training splits."""


def _of(dataset: str, manifests: Iterable[Path]) -> list[Path]:
    return [path for path in manifests if path.parents[1].name == dataset]


def sentences(
    coverage: Iterable[Coverage], data: Manifests, frames: int | None = None
) -> tuple[str, ...]:
    """What a reader must know of the data of a table; nothing where all of it was used.

    `frames` is the number of frames scored, None where it does not compare with the split's.

    Raises:
        InputError: A manifest cannot be read.
    """
    found = list[str]()
    for one in coverage:
        gone = left_out(_of(one.dataset, data.trained if one.training else data.tested))
        clips = f"{WORDS[one.split]} clips of {one.dataset}"
        found += _used(one, one.clips - len(gone), clips, frames)
        if gone:
            found.append(f"{len(gone)} of {one.clips:,} {clips} left out: {_some(gone)}.")
    return tuple(dict.fromkeys(found))


def _used(one: Coverage, used: int, clips: str, frames: int | None) -> Iterator[str]:
    """How many clips of a split were used, if not all of them."""
    if one.training and not used:
        yield f"{one.training} is trained on no clip of {one.dataset}."
    elif one.training and used < one.of:
        yield f"{one.training} is trained on {used:,} of {one.of:,} {clips}."
    elif not one.training and (used < one.of or one.instead):
        known = frames is not None and one.frames is not None
        counted = f" ({frames:,} of {one.frames:,} frames)" if known else ""
        why = f", as no {WORDS[one.instead]} clip is there" if one.instead else ""
        yield f"{used:,} of {one.of:,} {clips}{counted}{why}; not comparable."


def _some(reasons: Mapping[str, str]) -> str:
    """The first clips with what is said of each, and how many more there are."""
    shown = [f"{clip}: {why.rstrip('.')}" for clip, why in [*reasons.items()][:_SHOWN]]
    more = [f"and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
    return "; ".join([*shown, *more])


def listed_beyond(
    frame_list: Path | None, coverage: Iterable[Coverage], data: Manifests
) -> dict[str, str]:
    """Footer about frames that a meta dataset lists and its clips do not have; mostly none.

    Raises:
        InputError: The list or a manifest cannot be read.
    """
    scored = [one.dataset for one in coverage if one.training is None]
    if frame_list is None or not scored:
        return {}
    manifests = [read_manifest(path)["clips"] for path in _of(scored[0], data.tested)]
    clips = {clip: facts for of_part in manifests for clip, facts in of_part.items()}
    beyond = beyond_the_end(frame_list, clips)
    if not beyond:
        return {}
    counts = {clip: f"{lost} of {listed}" for clip, (lost, listed) in beyond.items()}
    total = sum(lost for lost, _ in beyond.values())
    return {"Listed, yet beyond a clip's end": f"{total:,} frames, not scored ({_some(counts)})"}
