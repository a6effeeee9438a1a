"""A stage is a function, and the function's signature is its command line.

`def flow(*, frames: Path, settings: Flow)` is called as
`python -m pipeline.preprocessing.flow --frames PATH --settings '{"estimator": "dis", ...}'`:
paths, numbers and words as they are, lists as several words, everything else as JSON. An error that
a user can mend becomes one line and exit status 1; an error of the code keeps its traceback.
`@FILE` stands for the lines of a file, a word each: what is too long for a command line or for
those who read it.
"""

import argparse
import inspect
import io
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import blamed, explain, of_the_disk
from pipeline.runtime.text import read_text

_WORDS = (Path, str, int, float)
_LIMITS: dict[type[Exception], str] = {
    MemoryError: "not enough memory; give the job more (mem_mb, docs/cluster.md) or fewer threads",
    RecursionError: "an input is nested too deep; check what the log names last",
    OverflowError: "a number of an input is too large; check what the log names last",
    UnicodeError: "a text or a name of an input is not UTF-8; check what the log names last",
}
"""Errors of the language that an input or the machine brings about -> what happened, remedy."""
_KILLED = (
    "one of its processes was killed, as the system does where memory is short; give the job more "
    "(mem_mb, docs/cluster.md) or fewer threads"
)
_OF_THE_MACHINE = {
    "can't start new thread": "no further thread; raise `ulimit -u`, or give the job fewer threads",
    "terminated abruptly": _KILLED,  # concurrent.futures
    "DataLoader worker": _KILLED,  # torch
}
"""Words of a RuntimeError -> what happened, remedy."""
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
    try:
        values = vars(parser.parse_args(_words(sys.argv[1:] if arguments is None else arguments)))
    except InputError as error:
        sys.exit(f"{parser.prog}: {error}")
    with in_a_line(parser.prog, _paths(values.values()), damage):
        function(**values)


@contextmanager
def in_a_line(
    prog: str, paths: list[Path], damage: Callable[[list[Path]], str] | None = None
) -> Iterator[None]:
    """Turn what a user can mend within the block into one line that begins with `prog`.

    Args:
        prog: The command that was called.
        paths: What it reads and writes; an error of the disk is about one of them.
        damage: See `main`.

    Raises:
        SystemExit: With the line.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # so that the log can name every file
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except (ValidationError, InputError) as error:
        sys.exit(f"{prog}: {error}")
    except OSError as error:
        if not of_the_disk(error):
            raise
        sys.exit(f"{prog}: {explain(error, blamed(error, paths))}")
    except tuple(_LIMITS) as error:
        what = next(what for kind, what in _LIMITS.items() if isinstance(error, kind))
        sys.exit(f"{prog}: {what} ({_named(error)})")
    except (RuntimeError, ValueError) as error:
        if damage is not None and _CHECKED.search(str(error)):
            sys.exit(f"{prog}: {damage(paths)}")
        for words, what in _OF_THE_MACHINE.items():
            if words in str(error):
                sys.exit(f"{prog}: {what} ({_named(error)})")
        raise


def _words(arguments: Iterable[str]) -> list[str]:
    """The words of a command line, with those that `@FILE` stands for."""
    return [
        word
        for argument in arguments
        for word in (
            read_text(Path(argument[1:])).rstrip("\n").split("\n")
            if argument.startswith("@")
            else [argument]
        )
    ]


def _named(error: BaseException) -> str:
    """An error, and the line of our code that met it."""
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(__file__).parents[2] in Path(frame.filename).parents
    ]
    where = f", {Path(ours[-1].filename).name} line {ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{where}"


def _paths(values: Iterable[Any]) -> list[Path]:
    lists = (value if isinstance(value, list) else [value] for value in values)
    return [value for values in lists for value in values if isinstance(value, Path)]
