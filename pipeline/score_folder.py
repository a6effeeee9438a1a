"""Anybody's saliency maps, scored by the rules of the tables.

    python -m pipeline.score_folder MAPS --dataset dhf1k --split val --protocol mit

MAPS is a folder or zip of pictures or arrays, a folder of films, or a Zarr group
(docs/evaluation.md has the layouts). The dataset's ground truth is made by the workflow unless it
is up to date. Writes <protocol>.csv, a row per frame; findings.csv, what was wrong with the maps;
and protocols.html, .md and .csv.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from pipeline.config.config import Config
from pipeline.evaluation.external_maps.findings import Finding
from pipeline.evaluation.external_maps.reader import ExternalMaps, expected_maps, open_maps
from pipeline.evaluation.protocols import PROTOCOLS, further
from pipeline.evaluation.scoring import GroundTruth, Request, ground_truth, tasks, write_scores
from pipeline.planning import paths
from pipeline.planning.load import configured
from pipeline.planning.needs import over, scored
from pipeline.planning.rows import clips_scored, truth_in_words
from pipeline.reporting.compare import measured_by, part_of, write_comparison
from pipeline.reporting.coverage import Manifests
from pipeline.reporting.means import Measurement
from pipeline.runtime.errors import InputError
from pipeline.runtime.workers import computed


def opened_truth(cfg: Config, dataset: str, split: str, threads: int) -> GroundTruth:
    """Open the ground truth of a split, which the workflow makes or finds up to date.

    Raises:
        InputError: The split has no clip, or its ground truth cannot be made.
    """
    found = {
        stage: [Path(path) for path in paths.parts(cfg, stage, dataset, split)]
        for stage in ("density", "gaze")
    }
    if not found["density"]:
        sheet = cfg.datasets[over(cfg, dataset)].splits
        raise InputError(f"{sheet}: {dataset} has no clip of split {split}; choose another --split")
    wanted = [str(path) for listed in found.values() for path in listed]
    print(f"ground truth of {dataset}, {split}: {len(wanted)} stores", flush=True)
    line = [sys.executable, "-m", "snakemake", "--cores", str(threads), "--quiet", "rules"]
    line += ["--config", f"run={cfg.run}", "--", *wanted]
    if subprocess.run(line, check=False).returncode:
        raise InputError(f"{wanted[0]}: could not be made; Snakemake says above what it needs")
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
        blocks = computed(tasks(maps, truth, clips, request), "threads", threads)
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
        raise InputError(f"--dataset {dataset}: known are {', '.join(known)}")
    split = split or scored(cfg, dataset).split
    names = list(PROTOCOLS) if protocol == "all" else [protocol or cfg.score.protocol]
    # What tables of the dataset ask for, a protocol that knows it reports here too.
    asked = {m for table in cfg.tables.values() if table.dataset == dataset for m in table.metrics}
    requests = [Request(name, tuple(further(name, asked)), cfg.seed) for name in names]
    truth = opened_truth(cfg, dataset, split, threads)
    meta = cfg.meta_datasets.get(dataset)
    lists = [Path(cfg.pathvars["raw"], dataset, meta.frame_list)] if meta else []
    opened = open_maps(maps, expected_maps(truth.density, lists))
    name = maps.stem if maps.stem != dataset else f"{maps.resolve().parent.name}_{dataset}"
    own = split == scored(cfg, dataset).split
    folder = dataset if own else f"{dataset}_{split}"
    out = out or Path(cfg.pathvars["results"], "given", name, folder)
    out.mkdir(parents=True, exist_ok=True)
    sheets = score_by_protocols(opened, truth, requests, out, threads)
    opened.report(out / "findings.csv")
    measured = measured_by(sheets, meta=meta is not None, seed=cfg.seed)
    footer = {"Maps": str(maps), "Ground truth": truth_in_words(cfg, dataset), "Split": split}
    title = f"{name} on {dataset}"
    footer["Findings"] = str(len(opened.findings))
    tested = [Path(path) for path in paths.parts(cfg, "density", dataset, split)]
    part = part_of(measured, [clips_scored(cfg, dataset, split)], Manifests(tested), lists)
    write_comparison(out, measured, title, footer, part)
    show(measured, opened.findings, out)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.score_folder", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("maps", type=Path, help="folder, zip or Zarr group of saliency maps")
    parser.add_argument("--dataset", required=True, help="one of config.yaml")
    parser.add_argument("--split", help="train, val or test; default: the one that is scored")
    parser.add_argument("--protocol", help=f"all, or one of {', '.join(PROTOCOLS)}")
    parser.add_argument("--run", help="run of config.yaml; default: the one it names")
    parser.add_argument("--out", type=Path, help="folder for the results")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = vars(parser.parse_args())
    try:
        given["run"] = given["run"] or _run()
        score_folder(given.pop("maps"), **given)
    except InputError as error:
        sys.exit(f"{parser.prog}: {error}")


def _run() -> str:
    try:
        return str(yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))["run"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(
            f"config.yaml: cannot be read ({error}); call this from the repository's root"
        ) from None


if __name__ == "__main__":
    main()
