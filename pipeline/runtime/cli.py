"""A stage is a function, and the function's signature is its command line.

`def flow(*, frames: Path, settings: Flow)` is called as
`python -m pipeline.preprocessing.flow --frames PATH --settings '{"estimator": "dis", ...}'`:
paths, numbers and words as they are, lists as several words, everything else as JSON. An error that
a user can mend becomes one line and exit status 1; an error of the code keeps its traceback.
"""

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import explain, fullest, of_the_disk

_WORDS = (Path, str, int, float)
_CHECKED = re.compile("decompression error|checksum", re.IGNORECASE)
"""Words of codecs about bytes that differ from those written."""


def _add(parser: argparse.ArgumentParser, name: str, kind: Any) -> None:
    option = f"--{name.replace('_', '-')}"
    if get_origin(kind) is list and get_args(kind)[0] in _WORDS:
        parser.add_argument(option, dest=name, nargs="*", required=True, type=get_args(kind)[0])
    elif kind in _WORDS:
        parser.add_argument(option, dest=name, required=True, type=kind)
    elif get_origin(kind) is Literal:
        parser.add_argument(option, dest=name, required=True, choices=get_args(kind))
    else:
        parser.add_argument(option, dest=name, required=True, type=_parser(kind), metavar="JSON")


def _parser(kind: Any) -> Callable[[str], Any]:
    validate = TypeAdapter(kind).validate_json

    def parse(text: str) -> Any:
        try:
            return validate(text)
        except ValidationError as error:
            reasons = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise argparse.ArgumentTypeError(f"{'; '.join(reasons)}, in {text}") from None

    return parse


def _module(function: Callable[..., None]) -> str:
    """Dotted name of a stage's module, also where it runs as `__main__`."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if function.__module__ == "__main__" and spec is not None:
        return str(spec.name)
    return function.__module__


def main(
    function: Callable[..., None],
    arguments: Sequence[str] | None = None,
    *,
    damage: Callable[[list[Path]], str] | None = None,
) -> None:
    """Run a stage with a command line, by default that of the process.

    When a codec reports a wrong checksum, `damage` is given the stage's paths and returns a message
    that names the damaged stores among them.

    Raises:
        SystemExit: With a message, for an error that a user can mend.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {_module(function)}",
        description=(inspect.getdoc(function) or "").partition("\n\nRaises:")[0],
    )
    hints = get_type_hints(function)
    for name in inspect.signature(function).parameters:
        _add(parser, name, hints[name])
    values = vars(parser.parse_args(arguments))
    try:
        function(**values)
    except (ValidationError, InputError) as error:
        sys.exit(f"{parser.prog}: {error}")
    except OSError as error:
        if not of_the_disk(error):
            raise
        # Errors of writing often name no path.
        where = fullest(_paths(values.values())) or Path.cwd()
        sys.exit(f"{parser.prog}: {explain(error, where)}")
    except (RuntimeError, ValueError) as error:
        if damage is None or not _CHECKED.search(str(error)):
            raise
        sys.exit(f"{parser.prog}: {damage(_paths(values.values()))}")


def _paths(values: Iterable[Any]) -> list[Path]:
    lists = (value if isinstance(value, list) else [value] for value in values)
    return [value for values in lists for value in values if isinstance(value, Path)]
