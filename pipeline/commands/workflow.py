"""`gfsalnet tables`, `report` and `train`: the workflow, called where one works."""

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.commands.verb import Verb, threads, whole

_PASSED_ON = """
Reads raw data and writes data, results and logs where you work; a config.yaml there takes the place
of ours. Called again, it goes on where it was. Words after `--` are Snakemake's.
"""


def snakemake(given: Namespace, *words: str) -> None:
    """Call Snakemake with our Snakefile in the working folder, and exit as it does if it fails."""
    from pipeline.planning.provenance import ROOT

    # -P and PYTHONSAFEPATH: a folder `model` or `pipeline` where one works is none of ours.
    line = [sys.executable, "-P", "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    line += ["--directory", ".", "--cores", str(given.cores)]
    line += _with_run(given.run, given.passed_on)
    sys.stdout.flush()
    done = subprocess.run([*line, *words], env={**os.environ, "PYTHONSAFEPATH": "1"}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def _with_run(run: str | None, passed_on: Sequence[str]) -> list[str]:
    """Snakemake's words with the run among the keys of `--config`, of which the last one counts."""
    if run is None:
        return list(passed_on)
    places = [place for place, word in enumerate(passed_on) if word in ("--config", "-C")]
    if not places:
        return ["--config", f"run={run}", *passed_on]
    after = places[-1] + 1
    return [*passed_on[:after], f"run={run}", *passed_on[after:]]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--run", help="a run of config.yaml; default: the one it names (demo)")
    parser.add_argument(
        "-c", "--cores", type=whole, default=threads(), help="default: all that there are"
    )


def _tables(given: Namespace) -> None:
    snakemake(given, "--", "results/tables")


def _report(given: Namespace) -> None:
    snakemake(given, "--", "all", "report")
    if "--dry-run" in given.passed_on or "-n" in given.passed_on:
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    snakemake(given, "--report", str(given.out))


def _report_options(parser: ArgumentParser) -> None:
    _options(parser)
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("results/report.html"),
        metavar="FILE",
        help="Snakemake's own report, .html or .zip (default: results/report.html)",
    )


def _train_options(parser: ArgumentParser) -> None:
    _options(parser)
    parser.add_argument("model", nargs="?", metavar="MODEL", help="of config.yaml; default: all")
    parser.add_argument("--training", help="of config.yaml, such as setting_2; default: all")


def _train(given: Namespace) -> None:
    """Make the weights of the trainings behind the tables, or of those asked for."""
    from pipeline.planning.load import chosen
    from pipeline.planning.targets import training_logs
    from pipeline.runtime.errors import InputError, meant

    cfg = chosen({"run": given.run} if given.run else {})
    known = {
        (path.parent.name, path.stem): str(path.with_suffix(".safetensors"))
        for path in map(Path, training_logs(cfg))
    }
    for place, option, name in ((0, "MODEL", given.model), (1, "--training", given.training)):
        names = sorted({pair[place] for pair in known})
        if name is not None and name not in names:
            raise InputError(
                f"{option} {name}: no training of run {cfg.run}; known are {', '.join(names)}"
                f"{meant(name, names)}"
            )
    wanted = [
        weights
        for (model, training), weights in known.items()
        if given.model in (None, model) and given.training in (None, training)
    ]
    if not wanted:
        trainings = (training for model, training in known if model == given.model)
        raise InputError(
            f"{given.model} has no training {given.training} in run {cfg.run}; it has "
            f"{', '.join(sorted(trainings))}"
        )
    snakemake(given, "--", *wanted)
    if not {"-n", "--dry-run"} & set(given.passed_on):
        print("\n".join(wanted))


def _verb(
    name: str,
    about: str,
    examples: tuple[str, ...],
    options: Callable[[ArgumentParser], None],
    run: Callable[[Namespace], None],
) -> Verb:
    return Verb(name, about, examples, options, run, details=_PASSED_ON, passes_on=True)


TABLES = _verb(
    "tables",
    "compute every table of the two papers",
    (
        "gfsalnet tables --run demo  # draws its own raw data; a quarter of an hour",
        "gfsalnet tables --run paper --cores 16",
        "gfsalnet tables --run demo --cores 2 -- --dry-run  # what would be made",
    ),
    _options,
    _tables,
)
REPORT = _verb(
    "report",
    "add pictures, training curves and gate plots to the tables, on one page",
    ("gfsalnet report --run demo", "gfsalnet report --run paper -o results/report.zip"),
    _report_options,
    _report,
)
TRAIN = _verb(
    "train",
    "train networks by the recipes of config.yaml",
    (
        "gfsalnet train gfsalnet --training setting_2 --run demo",
        "gfsalnet train spatial --run demo  # all its trainings",
        "gfsalnet train --run paper --cores 16  # all that the tables need",
    ),
    _train_options,
    _train,
)
