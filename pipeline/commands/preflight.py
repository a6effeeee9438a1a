"""`gfsalnet preflight`: whether the raw data of a run are complete."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pipeline.commands.verb import Verb, whole


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--run", default="paper", help="a run of config.yaml (default: paper)")
    parser.add_argument("--dataset", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON, too")
    parser.add_argument("--no-probe", action="store_true", help="look into no video, image or gaze")
    parser.add_argument(
        "--workers", type=whole, default=2, help="files probed at a time (default: 2)"
    )


def _run(given: Namespace) -> None:
    from rich.console import Console

    from pipeline.checks.preflight import preflight
    from pipeline.checks.preflight_report import show
    from pipeline.planning.load import configured
    from pipeline.stores.manifests import write_json

    report = preflight(
        configured(given.run), given.dataset, probing=not given.no_probe, workers=given.workers
    )
    if given.json is not None:
        write_json(given.json, report)
    show(report, Console(width=100))
    sys.exit(0 if report["ready"] else 1)


VERB = Verb(
    name="preflight",
    about="check that the raw data of a run are complete and readable",
    examples=(
        "gfsalnet preflight",
        "gfsalnet preflight --run part --dataset dhf1k diem",
        "gfsalnet preflight --no-probe --json report.json",
    ),
    options=_options,
    run=_run,
    details="Exit status 0: everything is there; 1: something is missing, and the report names it.",
)
