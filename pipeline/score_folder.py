"""Anybody's saliency maps, scored by the rules of the tables.

    python -m pipeline.score_folder MAPS --dataset dhf1k --split val --protocol mit

MAPS is what somebody's model wrote, one of

    MAPS/<clip>/0001.png    a picture or .npy [y, x] per frame; a folder in between has any name
    MAPS/<clip>_0001.png    the same without folders
    MAPS/<clip>.png         for image datasets
    MAPS/<clip>.mp4, .avi   a grey film
    MAPS/<clip>.npy         [time, y, x]
    MAPS.zip                any of these except films
    MAPS.zarr               Zarr arrays [time, y, x] named after the clips, or a store of ours

and is looked at first. The dataset's ground truth is then made by the workflow, unless it is up to
date; only this dataset's raw files are needed. Nothing of MAPS is changed, unpacked or executed.

Into the folder --out come <protocol>.csv, a row per frame; findings.csv, what is missing or odd
about the maps; and protocols.html, .md and .csv, the means. docs/evaluation.md has the rules.
"""

import argparse
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from rich.console import Console
from rich.table import Table

from pipeline.config.config import Config
from pipeline.evaluation.calibrating import calibrations
from pipeline.evaluation.external_maps.findings import (
    NO_THREADS,
    Expected,
    Finding,
    no_threads,
    printable,
)
from pipeline.evaluation.external_maps.reader import ExternalMaps, expected_maps, open_maps
from pipeline.evaluation.protocols import PROTOCOLS, further
from pipeline.evaluation.scoring import GroundTruth, Request, ground_truth, tasks, write_scores
from pipeline.planning import paths
from pipeline.planning.load import complete, configured, own
from pipeline.planning.made import check, of_dataset
from pipeline.planning.needs import dealt, over, scored, still
from pipeline.planning.rows import clips_scored, truth_in_words
from pipeline.reporting.compare import measured_by, part_of, write_comparison
from pipeline.reporting.coverage import Manifests
from pipeline.reporting.means import Measurement
from pipeline.runtime.errors import InputError, meant
from pipeline.runtime.files import explain, of_the_disk
from pipeline.runtime.workers import computed

_WIDEST: Final = 1000
"""Columns of text that a table of means may take."""
_DRAWN: Final = (
    "run: demo: its ground truth is drawn here and none of real recordings, whose clips' names it "
    "shares; for maps of those name their run, as in --run paper"
)


def refuse_strangers(maps: Path, cfg: Config, dataset: str, split: str) -> None:
    """Look whether maps bear the names of a split's clips, before anything is made for them.

    Raises:
        InputError: The split has no clip, MAPS is not there, cannot be opened, holds no map, none
            of any clip, or several for each.
    """
    parts = dealt(cfg, over(cfg, dataset)).values()
    clips = [clip.name for part in parts for clip in part if clip.split == split]
    if not clips:
        sheet = cfg.datasets[over(cfg, dataset)].splits
        raise InputError(f"{sheet}: {dataset} has no clip of split {split}; choose another --split")
    # How many frames a video has is not known yet; only images differ in how maps are named.
    frames = 1 if still(cfg, dataset) else 2
    numbers = list(range(1, frames + 1))
    found = open_maps(maps, [Expected(clip, frames, numbers, (1, 1)) for clip in clips])
    if not found.named:
        raise InputError(str(found.findings[0]))


def results_folder(out: Path) -> Path:
    """Make the folder for the results, unless it is there.

    Raises:
        InputError: It cannot be written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            return out
    except OSError as error:
        raise InputError(
            f"--out {printable(str(out))}: no folder that can be written to ({error.strerror}); "
            "choose another --out"
        ) from None


def opened_truth(cfg: Config, dataset: str, split: str, threads: int) -> GroundTruth:
    """Open the ground truth of a split, which the workflow makes or finds up to date.

    Raises:
        InputError: It cannot be made, or was made with other settings than config.yaml has.
    """
    found = {
        stage: [Path(path) for path in paths.parts(cfg, stage, dataset, split)]
        for stage in ("density", "gaze")
    }
    wanted = [str(path) for listed in found.values() for path in listed]
    print(f"ground truth of {dataset}, {split}: {len(wanted)} stores", flush=True)
    known = [*cfg.datasets, *cfg.meta_datasets]
    others = [name for name in known if over(cfg, name) != over(cfg, dataset)]
    line = [sys.executable, "-m", "snakemake", "--snakefile", own("Snakefile"), "--directory", "."]
    line += ["--cores", str(threads), "--quiet", "rules"]
    # Frames too: Snakemake leaves what was made from a store that a failed job took away.
    frames = paths.parts(cfg, "frames", dataset, split)
    line += ["--config", f"run={cfg.run}", f"without={json.dumps(others)}", "--", *frames, *wanted]
    if subprocess.run(line, check=False).returncode:
        raise InputError(f"{wanted[0]}: could not be made; Snakemake says above what it needs")
    # After an edit of config.yaml and `snakemake --touch` they are there, and others.
    check([Path(path) for path in wanted], of_dataset(cfg, over(cfg, dataset)))
    return ground_truth(found["density"], found["gaze"])


def score_by_protocols(
    maps: ExternalMaps, truth: GroundTruth, requests: Sequence[Request], out: Path, threads: int
) -> dict[str, Path]:
    """Score maps by several protocols, and return each protocol's sheet.

    Raises:
        InputError: No map can be read.
    """
    sheets = dict[str, Path]()
    clips = [clip for clip in maps.clips if maps.frames(clip)]
    for request in requests:
        sheet = sheets[request.protocol] = out / f"{request.protocol}.csv"
        changes = calibrations(maps, truth, clips, request, "threads", threads)
        blocks = computed(tasks(maps, truth, clips, request, changes), "threads", threads)
        if not write_scores(sheet, request, (frame for block in blocks for frame in block)):
            maps.report(out / "findings.csv")
            raise InputError(f"no map can be read: {out / 'findings.csv'} says why of each")
    return sheets


def show(measured: dict[str, Measurement], findings: Sequence[Finding], out: Path) -> None:
    """Print the means and the findings."""
    console = Console(soft_wrap=True)
    metrics = dict.fromkeys(metric for found in measured.values() for metric in found.means)
    table = Table("protocol", "frames", *metrics)
    for name, found in measured.items():
        means = (found.means.get(metric) for metric in metrics)
        cells = ("-" if mean is None else f"{mean:.3f}" for mean in means)
        table.add_row(name, str(found.frames), *cells)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        # Nobody says how wide it is, and rich would cut columns to fit 80.
        wide = console.options.update(max_width=_WIDEST)
        console.width = max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)
    for finding in findings:
        console.print(str(finding), markup=False, highlight=False)
    console.print(f"{len(findings)} findings; all of it in {out}", markup=False, highlight=False)


def score_folder(
    maps: Path,
    *,
    dataset: str,
    split: str | None = None,
    protocol: str | None = None,
    run: str,
    out: Path | None = None,
    threads: int = 1,
) -> None:
    """Score a folder, zip or Zarr group of maps against a dataset's split.

    What is not given is config.yaml's: the scored split, the protocol (or `all`), and the run's
    folder of results.

    Raises:
        InputError: Something is not known, not there or not readable.
    """
    cfg = configured(run)
    known = [*cfg.datasets, *cfg.meta_datasets]
    if dataset not in known:
        near = meant(dataset, known)
        raise InputError(f"--dataset {dataset}: known are {', '.join(known)}{near}")
    split = split or scored(cfg, dataset).split
    names = list(PROTOCOLS) if protocol == "all" else [protocol or cfg.score.protocol]
    # What tables of the dataset ask for, a protocol that knows it reports here too.
    asked = {m for table in cfg.tables.values() if table.dataset == dataset for m in table.metrics}
    requests = [Request(name, tuple(further(name, asked)), cfg.seed) for name in names]
    refuse_strangers(maps, cfg, dataset, split)
    name = printable(maps.resolve().stem) or "maps"
    if name == dataset:
        name = f"{printable(maps.resolve().parent.name)}_{dataset}"
    folder = dataset if split == scored(cfg, dataset).split else f"{dataset}_{split}"
    out = results_folder(out or Path(cfg.pathvars["results"], "given", name, folder))
    truth = opened_truth(cfg, dataset, split, threads)
    meta = cfg.meta_datasets.get(dataset)
    lists = [Path(cfg.pathvars["raw"], dataset, meta.frame_list)] if meta else []
    opened = open_maps(maps, expected_maps(truth.density, lists))
    sheets = score_by_protocols(opened, truth, requests, out, threads)
    opened.report(out / "findings.csv")
    measured = measured_by(sheets, meta=meta is not None, seed=cfg.seed)
    footer = {"Run": _DRAWN.removeprefix("run: ") if cfg.run == "demo" else cfg.run}
    footer |= {"Maps": printable(str(maps)), "Ground truth": truth_in_words(cfg, dataset)}
    footer |= {"Dataset": dataset, "Split": split, "Seed": str(cfg.seed)}
    title = f"{name} on {dataset}, run {cfg.run}"
    footer["Findings"] = str(len(opened.findings))
    tested = [Path(path) for path in paths.parts(cfg, "density", dataset, split)]
    part = part_of(measured, [clips_scored(cfg, dataset, split)], Manifests(tested), lists)
    write_comparison(out, measured, title, footer, part)
    show(measured, opened.findings, out)
    if cfg.run == "demo":
        print(f"warning: {_DRAWN}", file=sys.stderr)


def _threads(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and 0 < int(text[:9]) <= _MOST_THREADS):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {_MOST_THREADS}")
    return int(text)


_MOST_THREADS: Final = 1024


def main() -> None:
    """Run the command line."""
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.score_folder",
        description=first,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("maps", metavar="MAPS", type=Path, help="folder, zip or store of maps")
    parser.add_argument("--dataset", required=True, help="one of config.yaml, such as dhf1k")
    parser.add_argument("--split", help="train, val or test; default: the one that is scored")
    parser.add_argument("--protocol", help=f"all, or one of {', '.join(PROTOCOLS)}")
    parser.add_argument("--run", help="run of config.yaml; default: the one it names")
    parser.add_argument(
        "--out", type=Path, help="folder for the results; default: <results>/given/<MAPS>/<dataset>"
    )
    parser.add_argument(
        "--threads", type=_threads, default=os.cpu_count() or 1, help="default: all processors"
    )
    given = vars(parser.parse_args())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may have what a terminal's letters lack
            stream.reconfigure(errors="backslashreplace")
    try:
        given["run"] = given["run"] or str(complete({}).get("run"))
        score_folder(given.pop("maps"), **given)
    except InputError as error:
        sys.exit(f"{parser.prog}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{parser.prog}: stopped; called again, it goes on where the ground truth was")
    except (OSError, RuntimeError) as error:
        if no_threads(error):
            sys.exit(f"{parser.prog}: {NO_THREADS}")
        if isinstance(error, OSError) and of_the_disk(error):
            sys.exit(f"{parser.prog}: {explain(error, Path.cwd())}")
        raise


if __name__ == "__main__":
    main()
