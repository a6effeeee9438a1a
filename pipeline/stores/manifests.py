"""Manifests: the JSON file beside a store that lists its clips, its files and its settings.

A manifest has these keys:

kind, codec   The store's kind and how its chunks are compressed.
clips         Clip -> its facts: shape, frame numbers, counts of what was dropped.
files         File below the store -> [bytes, digest].
digest        Digest of `files`, and so of the store's content.
settings      Sections of config.yaml that the stage was given (`pipeline.stores.settings`).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic


def read_manifest(manifest: Path) -> dict[str, Any]:
    """Return the content of a manifest.

    Raises:
        InputError: It is missing or is not a JSON object.
    """
    try:
        content: dict[str, Any] = json.loads(manifest.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{manifest}: not a manifest ({error}); rerun this target") from error
    if not isinstance(content, dict):
        raise InputError(f"{manifest}: not a manifest, which has keys; rerun this target")
    return content


def write_json(path: Path, value: object) -> None:
    """Write a JSON file that is either whole or not there.

    Raises:
        InputError: The disk refuses it.
    """
    with atomic(path) as partial:
        partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


_SNAKEMAKES = ".snakemake_timestamp"
"""File that Snakemake puts into every folder that a rule has made."""


def list_files(store: Path) -> dict[str, list[Any]]:
    """Return [bytes, digest] of every file of a store, by its path below the store."""
    found = (path for path in store.rglob("*") if path.is_file())
    files = sorted(path for path in found if path.name != _SNAKEMAKES)
    return {
        path.relative_to(store).as_posix(): [path.stat().st_size, _file_digest(path)]
        for path in files
    }


def _file_digest(path: Path) -> str:
    """First 32 hex digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def frame_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a clip that every manifest passes on: its frames' numbers, their rate and times."""
    return {key: facts[key] for key in ("first", "numbers", "rate", "times") if key in facts}


def frame_numbers(facts: Mapping[str, Any]) -> list[int]:
    """Number of each of a clip's frames in its whole video, from 1, by the facts of a manifest."""
    numbers: list[int] = list(facts.get("numbers") or [])
    first = facts.get("first") or 1
    return numbers or list(range(first, first + int(facts["shape"][0])))
