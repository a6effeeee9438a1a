"""Weights of networks on disk: safetensors, with the facts of their training as metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.seals import canonical, digest_of, file_digest, is_sealed, rerun, sealed

if TYPE_CHECKING:
    from torch import Tensor, nn

_SETTINGS = ("network", "training", "fitting", "recipe", "loss", "seed", "weights")
"""Facts that come from config.yaml; the others name the data, the code and what came out."""


def save_weights(path: Path, network: nn.Module, facts: dict[str, Any]) -> None:
    """Write a network's weights as safetensors, with `facts` as JSON in its metadata.

    The facts get a digest of the tensors, and a seal.

    Raises:
        InputError: The disk refuses it.
    """
    from safetensors.torch import save  # torch takes two seconds, and facts can be read without it

    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    said = sealed({**facts, "tensors": _tensors_digest(save(tensors))})
    # One key: with several, safetensors writes them in an order that changes from run to run.
    # As bytes: save_file makes files that nobody else may read.
    content = save(tensors, metadata={"facts": json.dumps(said, sort_keys=True)})
    with atomic(path) as partial:
        partial.write_bytes(content)


def _tensors_digest(content: bytes) -> str:
    """Digest of names, types, shapes and values in the bytes of a safetensors file.

    Raises:
        ValueError: It is none.
    """
    size = int.from_bytes(content[:8], "little")
    header: Any = json.loads(content[8 : 8 + size])
    if not isinstance(header, dict):
        raise ValueError("no header")
    header.pop("__metadata__", None)
    return digest_of(canonical(header), memoryview(content)[8 + size :])


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, sha256: str | None) -> None:
    """Compare a file with the sha256 that it must have, or with its first digits.

    Raises:
        InputError: It has another one.
    """
    if sha256 is None:
        return
    found = file_sha256(path)
    if not found.startswith(sha256.lower()):
        raise InputError(f"{path}: expected the sha256 {sha256}, found {found}; fetch it again")


def load_weights(path: Path, *, ours: bool = True) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, by name, which are as they were written.

    Those that are not `ours` may come from elsewhere, and then name no digest.

    Raises:
        InputError: The file is missing, damaged, or holds NaN or infinity.
    """
    from safetensors.torch import load

    content = check_tensors(path, ours=ours)
    try:
        tensors: dict[str, Tensor] = load(content)
    except Exception as error:
        raise _unreadable(path, error, ours) from error
    _check_finite(path, tensors, "train it again at a lower rate, or fetch it again")
    return tensors


def check_tensors(path: Path, *, ours: bool = True) -> bytes:
    """Return the bytes of a safetensors file whose tensors have the digest that it names.

    Raises:
        InputError: They have another, or it is `ours` and names none.
    """
    facts, content = _facts(path, ours), path.read_bytes()
    if "tensors" in facts:
        if _tensors_digest(content) != facts["tensors"]:
            remedy = _remedy(path, ours)
            raise InputError(f"{path}: weights changed since they were written; {remedy}")
    elif ours:
        raise InputError(f"{path}: weights name no digest: of an older release; {rerun(path)}")
    return content


def load_pickled(path: Path) -> Any:
    """Return what `torch.save` wrote elsewhere; no code in it is run.

    Raises:
        InputError: The file is damaged, holds objects, or NaN or infinity.
    """
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own words would advise to load it unsafely.
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(
            f"{path}: no tensors that torch can load safely ({reason}); fetch it again"
        ) from error
    _check_finite(path, content, "fetch it again")
    return content


def _check_finite(path: Path, content: Any, remedy: str) -> None:
    """Refuse a dictionary, of whatever depth, whose tensors hold NaN or infinity."""
    for name, value in content.items() if isinstance(content, Mapping) else ():
        if isinstance(value, Mapping):
            _check_finite(path, value, remedy)
        elif getattr(value, "is_floating_point", bool)() and not value.isfinite().all():
            raise InputError(f"{path}: {name} holds NaN or infinity; {remedy}")


def _unreadable(path: Path, error: Exception, ours: bool) -> InputError:
    reason = " ".join(str(error).split())[:100]
    return InputError(f"{path}: cannot read weights ({reason}); {_remedy(path, ours)}")


def _remedy(path: Path, ours: bool) -> str:
    return rerun(path) if ours else "fetch it again, or make it again if the workflow made it"


def _facts(path: Path, ours: bool = True) -> dict[str, Any]:
    """All that is said beside the weights; empty where another program wrote them.

    Raises:
        InputError: The file is missing or damaged.
    """
    # The metadata hold no array, and NumPy is there at once where torch takes two seconds.
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        facts: Any = json.loads(metadata.get("facts", "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, error, ours) from error
    if not isinstance(facts, dict):
        return {}
    if ("seal" in facts or "tensors" in facts) and not is_sealed(facts):
        remedy = _remedy(path, ours)
        raise InputError(f"{path}: what it says of itself was edited or damaged; {remedy}")
    return facts


def weights_facts(path: Path) -> dict[str, Any]:
    """Return the facts that `save_weights` was given; empty where another program wrote the file.

    Raises:
        InputError: The file is missing or damaged.
    """
    return {key: value for key, value in _facts(path).items() if key not in ("tensors", "seal")}


def weights_digest(path: Path) -> str:
    """Digest of the tensors as the file names it, or else of the whole file.

    Raises:
        InputError: The file is missing or damaged.
    """
    named = _facts(path).get("tensors") if path.suffix == ".safetensors" else None
    return str(named or file_digest(path))


def weights_settings(path: Path) -> Mapping[str, Any] | None:
    """Return the facts of a training that come from config.yaml; None where there are no facts.

    Raises:
        InputError: The file is missing or damaged.
    """
    facts = weights_facts(path)
    return {name: facts[name] for name in _SETTINGS if name in facts} if facts else None
