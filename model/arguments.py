"""Choices by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Option = TypeVar("Option")


def pick(key: str, value: str, options: Mapping[str, Option]) -> Option:
    """Look up the value of a constructor's key.

    Raises:
        ValueError: It is none of the options.
    """
    if value not in options:
        raise ValueError(f"{key}: expected one of {', '.join(options)}, got {value!r}")
    return options[value]
