"""Digests by which products name themselves, each other, and what they were made from.

A product, that is a store, a file of weights, a sheet of scores or the tables, has two: `digest`,
of its content, which what is made from it records, and `seal`, of all that it says of itself,
settings and inputs included. The same content gives the same digests wherever it is made.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_DIGITS = 32
"""Hex digits of a digest: 128 bits of a SHA-256."""


def digest_of(*parts: bytes | memoryview) -> str:
    """First hex digits of the SHA-256 of some bytes, one after another."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:_DIGITS]


def file_digest(path: Path) -> str:
    """Digest of a file's bytes, as `digest_of` has it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def head_of(path: Path, size: int) -> bytes:
    """First bytes of a regular file; none if it is something else or cannot be read."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(size)
    return b""


def canonical(value: object) -> bytes:
    """JSON of a value with its keys in order, the same before it is written and after."""
    return json.dumps(json.loads(json.dumps(value)), sort_keys=True).encode()


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with their digest as key `seal`."""
    return {**facts, "seal": digest_of(canonical(facts))}


_OF_A_RUN = ("weights", "saliency", "scores", "tables", "checkpoints")
"""Folders of results whose parent is not a run's where they lie in results itself."""


def is_sealed(facts: Mapping[str, Any]) -> bool:
    """Whether facts are as they were when `sealed` made them."""
    rest = {key: value for key, value in facts.items() if key != "seal"}
    return facts.get("seal") == digest_of(canonical(rest))


def name_of(product: Path) -> str:
    """A product's name among the inputs of another: the end of its path, wherever the run lies."""
    return "/".join(product.absolute().parts[-3:])


def rerun(*targets: Path, run: str = "") -> str:
    """The remedy for products that cannot be used: a command that makes them again.

    Without a `run`, the one is named whose name the folders bear, as in
    data/<run>/<dataset>/<stage>/<part>.json.
    """
    runs = [run] if run else []
    runs += [path.parts[1] for path in targets if path.parts[0] == "data" and len(path.parts) == 5]
    runs += [path.parts[1] for path in targets if path.parts[0] == "results" and path.parts[2:]]
    config = "" if not runs or runs[0] in _OF_A_RUN else f" --config run={runs[0]}"
    it, names = "it" if len(targets) == 1 else "both", " ".join(map(str, targets))
    return f"rerun {it}: snakemake --cores 2{config} --forcerun {names} -- {targets[-1]}"
