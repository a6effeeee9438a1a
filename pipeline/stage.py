"""A stage is a function, and the function's signature is its command line.

`def flow(*, frames: Path, settings: Flow)` is called as
`python -m pipeline.flow --frames PATH --settings '{"estimator": "dis", ...}'`:
paths, numbers and words as they stand, lists as several words, everything else as JSON.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import InputError

_WORDS = (Path, str, int, float)


def _add(parser: argparse.ArgumentParser, name: str, kind: Any) -> None:
    option = f"--{name.replace('_', '-')}"
    if get_origin(kind) is list and get_args(kind)[0] in _WORDS:
        parser.add_argument(option, dest=name, nargs="*", required=True, type=get_args(kind)[0])
    elif kind in _WORDS:
        parser.add_argument(option, dest=name, required=True, type=kind)
    else:
        parse = TypeAdapter(kind).validate_json
        parser.add_argument(option, dest=name, required=True, type=parse, metavar="JSON")


def main(function: Callable[..., None], arguments: Sequence[str] | None = None) -> None:
    """Runs `function` with the command line; an `InputError` becomes one line and exit status 1."""
    parser = argparse.ArgumentParser(
        prog=f"python -m pipeline.{function.__name__}", description=inspect.getdoc(function)
    )
    hints = get_type_hints(function)
    for name in inspect.signature(function).parameters:
        _add(parser, name, hints[name])
    try:
        function(**vars(parser.parse_args(arguments)))
    except ValidationError as error:
        sys.exit(f"{parser.prog}: {error}")
    except InputError as error:
        sys.exit(f"{parser.prog}: {error}")
