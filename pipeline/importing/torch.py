"""PyTorch's file of a state dict, read without running any code in it."""

import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.importing.stored import Stored, distinct


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Stored]]:
    """Give the tensors of a state dict, which may lie below `state_dict`.

    One leading `module.` of a name is left out: data-parallel training puts it there.
    """
    _check_zip(path)
    try:
        with warnings.catch_warnings(action="ignore"):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own words would advise to load it unsafely.
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ValueError(f"torch cannot load it safely: {reason}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise ValueError(f"a {type(content).__name__} where a state dict belongs")
    yield distinct(_entry(name, value) for name, value in content.items())


def _check_zip(path: Path) -> None:
    """Compare the checksums of a zip's entries, which torch itself does not.

    Raises:
        ValueError: One differs, or the entries say that they are larger than the file: torch packs
            none. Files of before PyTorch 1.6 are no zips.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
            raise ValueError("its entries unpack to more than the file")
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged!r:.80} differs")


def _entry(name: object, value: object) -> tuple[str, Stored]:
    if not isinstance(name, str) or not isinstance(value, Tensor):
        raise ValueError(f"{name!r:.80} is no tensor")
    if value.layout is not torch.strided or value.device.type != "cpu" or value.is_quantized:
        raise ValueError(f"{name!r:.80} is no plain tensor")
    plain = value.detach()
    return name.removeprefix("module."), Stored(tuple(plain.shape), lambda: plain)
