"""`gfsalnet TASK ...`: the list of tasks, and what becomes of their errors."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence

from pipeline.commands import completion, export, export_onnx, info, predict, preflight, reframe
from pipeline.commands import score as score_maps
from pipeline.commands.verb import Verb
from pipeline.commands.workflow import REPORT, TABLES, TRAIN
from pipeline.runtime.version import VERSION

VERBS: tuple[Verb, ...] = (
    predict.VERB,
    reframe.VERB,
    export_onnx.VERB,
    score_maps.VERB,
    TABLES,
    preflight.VERB,
    REPORT,
    export.VERB,
    TRAIN,
    info.VERB,
    completion.VERB,
)
"""All tasks, in the order of the help."""
_ABOUT = "Where people look in films: maps of yours, scores of your maps, tables of two papers."


def build_parser() -> ArgumentParser:
    """Return the parser of the whole command line."""
    width = max(len(verb.name) for verb in VERBS)
    examples = (f"  {verb.name:{width}}  {verb.examples[0]}" for verb in VERBS)
    parser = ArgumentParser(
        prog="gfsalnet",
        description=_ABOUT,
        epilog="\n".join(["an example of each:", *examples, "", "More: gfsalnet TASK --help"]),
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gfsalnet {VERSION}")
    tasks = parser.add_subparsers(title="tasks", metavar="TASK", dest="task", required=True)
    for verb in VERBS:
        verb.describe(tasks.add_parser(verb.name, help=verb.about))
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, by default that of the process.

    Raises:
        SystemExit: With a line for what a user can mend, and exit status 1.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    verbs = {verb.name: verb for verb in VERBS}
    passed_on: list[str] = []
    if words and words[0] in verbs and verbs[words[0]].passes_on and "--" in words:
        cut = words.index("--")
        words, passed_on = words[:cut], words[cut + 1 :]
    parser = build_parser()
    given, strange = parser.parse_known_args(words)
    if strange:
        given.refuse(f"unrecognized arguments: {' '.join(strange)}")
    given.parser, given.passed_on = parser, passed_on

    from pipeline.runtime.cli import in_a_line  # it imports pydantic, which `--help` need not

    try:
        with in_a_line(f"gfsalnet {given.task}", []):
            verbs[given.task].run(given)
    except KeyboardInterrupt:
        sys.exit(f"gfsalnet {given.task}: stopped")
    except BrokenPipeError:  # of `gfsalnet info | head`
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
