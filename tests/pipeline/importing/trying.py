"""Reads a released file of the tiny network, or says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.importing.opening import opened
from pipeline.importing.released_state import imported
from pipeline.runtime.errors import InputError
from tests.pipeline.importing.tiny import Tiny


def read(file: Path, form: Any) -> dict[str, torch.Tensor]:
    network = Tiny(form=form)
    with opened(file, form) as stored:
        return imported(network, network.released(), stored, file)


def refused(file: Path, form: str) -> str:
    with pytest.raises(InputError) as caught:
        read(file, form)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    assert len(message) < len(str(file)) + 700
    return message
