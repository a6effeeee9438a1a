"""What follows from a configuration, found once."""

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pipeline.config.config import Config

_found: dict[int, tuple[weakref.ref[Config], dict[Any, Any]]] = {}
"""Configurations that live, by their identity: their hash would be that of all their keys."""


P = ParamSpec("P")
R = TypeVar("R")


def once(
    function: Callable[Concatenate[Config, P], R],
) -> Callable[Concatenate[Config, P], R]:
    """Let a function find what it finds of a configuration, which never changes, only once.

    Its other arguments must be hashable, and nobody may change what it returns.
    """

    @wraps(function)
    def remembered(cfg: Config, /, *args: P.args, **options: P.kwargs) -> R:
        of, known = _found.get(id(cfg), (None, {}))
        if of is None or of() is not cfg:
            known = {}
            _found[id(cfg)] = weakref.ref(cfg), known
        key = (function, args, *options.items())
        if key not in known:
            known[key] = function(cfg, *args, **options)
        result: R = known[key]
        return result

    return remembered
