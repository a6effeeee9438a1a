"""Seconds that Snakemake takes to plan the whole paper, and to find that there is nothing to do.

Raw files lie where config.yaml expects them, but empty; torch and the array libraries are replaced
by modules that refuse to be imported, so a plan that needs them fails. Run from anywhere:

    python bench/plan.py [--times 5]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from pages import publish, with_python

from pipeline.config.config import Config
from pipeline.planning.load import load
from pipeline.raw.patterns import patterns
from pipeline.raw.splits import read_sheet

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("Snakefile", "config.yaml", "workflow", "pipeline", "model", "profiles", "envs")
REFUSED = ("torch", "torchvision", "zarr", "cv2", "scipy")
# Clips of a split where no sheet is committed; the official sizes (docs/datasets.md).
SIZES = {
    "diem": {"train": 64, "test": 20},
    "ledov": {"train": 461, "val": 36, "test": 41},
    "salicon": {"train": 10_000, "val": 5_000},
}
OBSERVERS = {
    "ucf_sports": [f"{number:03d}" for number in range(1, 17)],
    "hollywood2": [f"{number:03d}" for number in range(1, 17)],
    "dhf1k": [f"{number:02d}" for number in range(1, 18)],
    "diem": [f"1s{number:02d}.asc_1" for number in range(1, 51)],
}


def copy_workflow(folder: Path) -> Config:
    """Copies what Snakemake reads; the keys that the paper leaves to its reader get a value."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    path = folder / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["run"] = "paper"
    for dataset in settings["datasets"].values():
        options = dataset["variants"][dataset["variant"]]["gaze"].get("options", {})
        options.update({key: "all" for key, value in options.items() if value is None})
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return load(settings)


def write_missing_sheets(folder: Path, cfg: Config) -> None:
    """Split sheets of the official sizes where none is committed."""
    for name, dataset in cfg.datasets.items():
        sheet = folder / dataset.splits
        if not sheet.is_file():
            rows = [
                f"{name}_{split}_{number:05d},{split}"
                for split, size in SIZES[name].items()
                for number in range(1, size + 1)
            ]
            sheet.write_text("\n".join(["clip,split", *rows]) + "\n")


def raw_files(folder: Path, cfg: Config) -> Iterator[Path]:
    """Every raw file of every clip and observer."""
    raw = folder / cfg.pathvars["raw"]
    for name, dataset in cfg.datasets.items():
        for clip in read_sheet(folder / dataset.splits):
            for pattern in patterns(dataset):
                observers = OBSERVERS[name] if "{observer}" in pattern else [""]
                for observer in observers:
                    names = {"clip": clip.name, "split": clip.split, "observer": observer}
                    yield raw / name / pattern.format(**names)
    for name, meta in cfg.meta_datasets.items():
        yield raw / name / meta.frame_list


def touch_all(files: set[Path]) -> None:
    """Empty files, each folder made once."""
    for folder in {file.parent for file in files}:
        folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        file.touch()


def snakemake(folder: Path, *options: str) -> tuple[float, str]:
    """Seconds and output of one call in the copy.

    Raises:
        SystemExit: Snakemake failed; its output is printed.
    """
    refusing = folder / "refused"
    refusing.mkdir(exist_ok=True)
    for module in REFUSED:
        (refusing / f"{module}.py").write_text(f"raise ImportError('planning needs no {module}')\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "8", *options, "--", "results/tables"]
    environment = os.environ | {"PYTHONPATH": f"{refusing}{os.pathsep}{folder}"}
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return seconds, done.stdout + done.stderr


def make_outputs(folder: Path) -> None:
    """Pretends that all is done: empty outputs, then `--touch`, which records them."""
    _, summary = snakemake(folder, "--summary")
    rows = [line.split("\t")[0] for line in summary.splitlines() if "\t" in line][1:]
    for output in (folder / row for row in rows):
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.suffix == ".zarr" or output.name == "tables":
            output.mkdir(exist_ok=True)
        else:
            output.touch()
    snakemake(folder, "--touch", "--quiet", "all")


def job_count(output: str) -> int:
    """The line `total` of Snakemake's statistics."""
    return next(int(line.split()[1]) for line in output.splitlines() if line.startswith("total"))


def row(what: str, seconds: list[float]) -> str:
    """A line of the report."""
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    return f"| {what} | {middle:.1f} | {low:.1f} to {high:.1f} | {len(seconds)} |"


def report(files: int, jobs: int, plan: list[float], nothing: list[float]) -> str:
    """The Markdown page."""
    return "\n".join(
        [
            "# Planning the whole paper",
            "",
            f"{with_python()}. Every raw file is in place ({files:,} files, all",
            f"empty), {jobs:,} jobs, no torch or array library imported. `python bench/plan.py`.",
            "",
            "| what | median s | range s | runs |",
            "|---|---|---|---|",
            row("`snakemake -n`, nothing made yet", plan),
            row("`snakemake`, nothing to be done", nothing),
            "",
        ]
    )


def main() -> None:
    """Measures and writes bench/results/plan.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cfg = copy_workflow(folder)
        write_missing_sheets(folder, cfg)
        files = set(raw_files(folder, cfg))
        touch_all(files)
        planned = [snakemake(folder, "-n", "--quiet", "rules") for _ in range(times)]
        make_outputs(folder)
        idle = [snakemake(folder) for _ in range(times)]
    if not all("Nothing to be done" in output for _, output in idle):
        sys.exit(f"something to be done:\n{idle[-1][1][-3000:]}")
    page = report(
        len(files),
        job_count(planned[0][1]),
        [seconds for seconds, _ in planned],
        [seconds for seconds, _ in idle],
    )
    publish("plan", page)


if __name__ == "__main__":
    main()
