"""Manifests: the JSON file beside a store that lists its clips, its files and its settings.

A manifest has these keys:

kind, codec   The store's kind and how its chunks are compressed.
clips         Clip -> its facts: shape, frame numbers, counts of what was dropped.
left_out      Clip of the part that is not in the store -> why.
files         File below the store -> [bytes, digest].
digest        Digest of `clips` and `files`, and so of all that the store says.
settings      Sections of config.yaml that the stage was given (`pipeline.stores.settings`).
inputs        Name of what the store was made from -> its digest (`pipeline.stores.seals`).
seal          Digest of all these.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.seals import (
    canonical,
    digest_of,
    file_digest,
    head_of,
    is_sealed,
    rerun,
    sealed,
)

_LARGEST = 2**28
"""Bytes of the largest file of facts: a hundred times those of 10,000 clips in one part."""


class _Manifest(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    kind: str
    codec: str
    clips: dict[str, dict[str, Any]]
    left_out: dict[str, str]
    files: dict[str, Annotated[list[int | str], Field(min_length=2, max_length=2)]]
    digest: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    seal: str


def read_manifest(manifest: Path) -> dict[str, Any]:
    """Return the content of a manifest, which is as it was written.

    Raises:
        InputError: It is missing, edited, damaged, or no manifest of this release.
    """
    needed = _Manifest.model_fields.keys()
    content: dict[str, Any] = read_facts(manifest, "a manifest", needed)
    try:
        _Manifest.model_validate(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(
            f"{manifest}: not a manifest of this release ({where}); {rerun(manifest)}"
        ) from None
    return content


def is_manifest(path: Path) -> bool:
    """Whether a regular file that can be read begins as a manifest does, its keys in order."""
    return b'"clips"' in head_of(path, 32)


def write_manifest(manifest: Path, **content: Any) -> None:
    """Write a manifest, all of whose keys but `digest` and `seal` are given.

    Raises:
        InputError: The disk refuses it.
    """
    said = {key: content[key] for key in ("clips", "files")}
    write_facts(manifest, content | {"digest": digest_of(canonical(said))})


def write_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Write facts, sealed, as a JSON file that is either whole or not there.

    Raises:
        InputError: The disk refuses it.
    """
    write_json(path, sealed(facts))


def left_out(manifests: Iterable[Path]) -> dict[str, str]:
    """Return clip -> why a job left it out, over the parts of a dataset.

    Raises:
        InputError: A manifest cannot be read.
    """
    return {
        clip: reason
        for manifest in manifests
        for clip, reason in read_manifest(manifest)["left_out"].items()
    }


def write_json(path: Path, value: object) -> None:
    """Write a JSON file that is either whole or not there.

    Raises:
        InputError: The disk refuses it.
    """
    with atomic(path) as partial:
        partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_facts(path: Path, what: str, keys: Iterable[str], target: Path | None = None) -> Any:
    """Return what `write_facts` wrote: a dictionary that has `keys` and `seal`.

    `what` it should be, and the `target` that makes it, are named in messages.

    Raises:
        InputError: It is missing, no JSON, of an older release, or not as it was written.
    """
    remedy = rerun(target or path)
    try:
        if not path.is_file():
            raise InputError(f"{path}: not {what}, but {_instead(path)}; {remedy}")
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path}: too large for {what}; {remedy}")
        facts = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: not {what} ({error.strerror}); {remedy}") from error
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not {what} ({str(error)[:100]}); {remedy}") from error
    if not isinstance(facts, dict):
        raise InputError(f"{path}: not {what}, which has keys; {remedy}")
    if lacking := sorted({*keys, "seal"} - facts.keys()):
        raise InputError(
            f"{path}: no {', '.join(lacking)}: not {what}, or made by an older release; {remedy}"
        )
    if not is_sealed(facts):
        raise InputError(f"{path}: edited or damaged since it was written; {remedy}")
    return facts


def _instead(path: Path) -> str:
    if not path.exists():
        return "no such file"
    return "a folder" if path.is_dir() else "no regular file"


LISTING = "files.json"
"""File that lists the others of a folder of tables."""


def write_listing(folder: Path, inputs: Mapping[str, str], run: str) -> None:
    """Write the list of a folder's files, with their digests and those of what they are made from.

    Raises:
        InputError: The disk refuses it.
    """
    facts = {"files": _listed(folder), "inputs": dict(inputs), "run": run}
    write_facts(folder / LISTING, facts)


def read_listing(folder: Path) -> dict[str, Any]:
    """Return the list of a folder whose files are all as they were written.

    Raises:
        InputError: One is not; the message names up to five.
    """
    path = folder / LISTING
    listing: dict[str, Any] = read_facts(
        path, "a list of files", ("files", "inputs", "run"), folder
    )
    if wrong := differing(listing["files"], _listed(folder)):
        remedy = rerun(folder, run=listing["run"])
        raise InputError(f"{folder}: changed since it was written: {wrong}; {remedy}")
    return listing


def _listed(folder: Path) -> dict[str, list[Any]]:
    found = list_files(folder, "*")
    return {name: facts for name, facts in found.items() if name != LISTING}


def differing(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Up to five files that only one list has, or that differ; empty if there is none."""
    names = expected.keys() | found.keys()
    return ", ".join(sorted(n for n in names if expected.get(n) != found.get(n))[:5])


def list_files(folder: Path, pattern: str = "**/*") -> dict[str, list[Any]]:
    """Return [bytes, digest] of every file below a folder that fits a pattern, by its path.

    Hidden files are left out: Snakemake puts one into every folder that a rule has made.
    """
    found = (path for path in folder.glob(pattern) if path.is_file())
    files = sorted(path for path in found if not path.name.startswith("."))
    return {
        path.relative_to(folder).as_posix(): [path.stat().st_size, file_digest(path)]
        for path in files
    }


def frame_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a clip that every manifest passes on: its frames' numbers, their rate and times."""
    return {key: facts[key] for key in ("first", "numbers", "rate", "times") if key in facts}


def frame_numbers(facts: Mapping[str, Any]) -> list[int]:
    """Number of each of a clip's frames in its whole video, from 1, by the facts of a manifest."""
    numbers: list[int] = list(facts.get("numbers") or [])
    first = facts.get("first") or 1
    return numbers or list(range(first, first + int(facts["shape"][0])))
