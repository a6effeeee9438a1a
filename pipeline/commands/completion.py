"""`gfsalnet completion bash`: words and files that the Tab key knows."""

from argparse import Action, ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

from pipeline.commands.verb import Verb

_SHELLS = ("bash", "zsh", "tcsh")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS)


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    """All arguments of a parser and of those below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, _SubParsersAction):
            for below in dict.fromkeys(action.choices.values()):
                yield from _actions(below)


def _run(given: Namespace) -> None:
    import shtab

    for action in _actions(given.parser):
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(given.parser, shell=given.shell))


VERB = Verb(
    name="completion",
    about="print a shell's completion of these tasks and their options",
    examples=(
        'eval "$(gfsalnet completion bash)"  # in ~/.bashrc',
        "gfsalnet completion zsh > ~/.zsh/completions/_gfsalnet",
        "gfsalnet completion tcsh > ~/.gfsalnet.csh",
    ),
    options=_options,
    run=_run,
)
