"""A task of the command line: its name, help, options, and what it does."""

import argparse
import os
import re
import textwrap
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.runtime.errors import InputError


@dataclass(frozen=True)
class Verb:
    """A task. Its module imports little: what computes is imported by `run`."""

    name: str
    about: str
    """What it does, in a line of the list of all tasks."""
    examples: tuple[str, ...]
    """Command lines as one types them, the commonest first; `#` begins a remark."""
    options: Callable[[ArgumentParser], None]
    """Adds its options to its parser."""
    run: Callable[[Namespace], None]
    """Does it; raises InputError for what a user can mend."""
    details: str = ""
    """Paragraphs below `about` in its own help."""
    passes_on: bool = False
    """Whether words after `--` go to Snakemake."""

    def describe(self, parser: ArgumentParser) -> None:
        """Add help and options to its parser."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        paragraphs = [self.about, *self.details.strip().split("\n\n")]
        parser.description = "\n\n".join(textwrap.fill(one, 79) for one in paragraphs if one)
        parser.epilog = "\n".join(["examples:", *(f"  {example}" for example in self.examples)])
        parser.set_defaults(refuse=parser.error)  # argparse's own would show the usage of all tasks
        self.options(parser)


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"expected a number from 0 to 1, found {text!r}")
    return value


def whole(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not (text.isdecimal() and text.isascii() and int(text[:9]) > 0):
        raise ArgumentTypeError(f"expected a whole number from 1 on, found {text!r}")
    return int(text)


_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")
"""[[hours:]minutes:]seconds."""


def seconds(text: str) -> float:
    """Parse a time: 90, 90.5, 1:30, 0:01:30.5."""
    if parts := _CLOCK.fullmatch(text.strip()):
        hours, minutes, rest = (float(part or 0) for part in parts.groups())
        if (parts[2] is None or rest < 60) and (parts[1] is None or minutes < 60):
            return 3600 * hours + 60 * minutes + rest
    raise ArgumentTypeError(
        f"expected seconds (90.5) or [hours:]minutes:seconds (1:30.5), found {text!r}"
    )


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free(
    path: Path, *, force: bool, option: str, reads: Sequence[Path] = (), folder: bool = False
) -> Path:
    """Return the path of an output that may be written, and see that its folder is there.

    Args:
        path: Of the output.
        force: Whether what is there is overwritten.
        option: What the messages name as the remedy.
        reads: Files that are read, which are never overwritten.
        folder: Whether the output is a folder.

    Raises:
        InputError: Something is there already and not to be overwritten, or nothing can be written
            there.
    """
    if path.exists() and any(one.exists() and path.samefile(one) for one in reads):
        raise InputError(f"{path}: is an input; choose another {option}")
    if path.is_dir() and not folder:
        raise InputError(f"{path}: a folder is where a file should be; choose another {option}")
    if path.exists() and not force:
        raise InputError(f"{path}: is there already; add --force, or choose another {option}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{path.parent}: no such folder can be made ({error.strerror}); choose another {option}"
        ) from None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{path.parent}: cannot be written to; choose another {option}")
    return path
