"""Section."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

Split = Literal["train", "val", "test"]

PRETRAINING = "salicon"
"""What the training is called that all others start from."""

GIVEN = "given"
"""What stands for a training where maps were made elsewhere."""

UNTRAINED = "untrained"
"""What stands for a training where there is none."""

MAIN_FLOW = "flow"
"""What the section `flow` is called among several flows."""


class Section(BaseModel):
    """A part of config.yaml: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def check_pattern(pattern: str) -> None:
    """Raises ValueError where files cannot be told from a pattern."""
    if "*" in pattern and "{frame}" not in pattern:
        raise ValueError(f"{pattern}: a * needs {{frame}}; name the folder or the file")
    if "{frame}" in pattern and not re.search(r"\{frame\}\.\w+$", pattern):
        raise ValueError(f"{pattern}: {{frame}} stands before the suffix, as in img_{{frame}}.png")
