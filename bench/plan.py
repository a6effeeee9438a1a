"""Seconds that Snakemake takes to plan the whole paper, and to find that there is nothing to do.

Raw files lie where config.yaml expects them, but empty; torch and the array libraries are replaced
by modules that refuse to be imported, so a plan that needs them fails. Only the first plan, which
tries the networks in a process of its own, has them. Run from anywhere:

    python bench/plan.py [--times 5] [--before REVISION]

With --before, the workflow of that revision is measured too, in turns, on links to the same files.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
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
Measured = dict[str, tuple[list[float], list[float]]]
"""What is measured -> seconds now, and before."""
CALLS = {
    "`snakemake -n`, nothing made yet": ("-n", "--quiet", "rules"),
    "`snakemake`, nothing to be done": (),
}
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


def copy_workflow(folder: Path, revision: str | None = None) -> None:
    """Copies what Snakemake reads, as it is or as it was at a revision.

    The keys that the paper leaves to its reader get a value.
    """
    folder.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for name in () if revision else COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    if revision:
        command = ["git", "archive", revision, *COPIED]
        archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
    path = folder / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["run"] = "paper"
    for dataset in settings["datasets"].values():
        options = dataset["variants"][dataset["variant"]]["gaze"].get("options", {})
        options.update({key: "all" for key, value in options.items() if value is None})
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


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


def processor_seconds() -> float:
    """Seconds of a core that all processes that this one waited for have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def snakemake(folder: Path, *options: str, refused: bool = True) -> tuple[float, str]:
    """Seconds of the processor and output of one call in the copy.

    Others may use this machine, so it is not the time that passes.

    Raises:
        SystemExit: Snakemake failed; its output is printed.
    """
    refusing = folder / "refused"
    refusing.mkdir(exist_ok=True)
    for module in REFUSED:
        (refusing / f"{module}.py").write_text(f"raise ImportError('planning needs no {module}')\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "8", *options, "--", "results/tables"]
    found = [refusing, folder] if refused else [folder]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, found))}
    start = processor_seconds()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds = processor_seconds() - start
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


def row(what: str, now: list[float], before: list[float]) -> str:
    """A line of the report."""
    cells = [f"{statistics.median(now):.1f}", f"{min(now):.1f} to {max(now):.1f}"]
    if before:
        ratios = [old / new for old, new in zip(before, now, strict=True)]
        cells += [f"{statistics.median(before):.1f}", f"{statistics.median(ratios):.1f}"]
    return f"| {what} | {' | '.join(cells)} |"


def report(files: int, jobs: int, found: Measured, revision: str | None) -> str:
    """The Markdown page."""
    heads = ["what", "median s", "range s", *(["before: s", "before / now"] if revision else [])]
    before = f"; before: {revision}, in turns" if revision else ""
    return "\n".join(
        [
            "# Planning the whole paper",
            "",
            f"{with_python()}. Every raw file is in place ({files:,} files,",
            f"all empty), {jobs:,} jobs, no torch or array library imported.",
            f"Seconds of a core{before}. `python bench/plan.py`.",
            "",
            f"| {' | '.join(heads)} |",
            "|---" * len(heads) + "|",
            *(row(what, *found[what]) for what in found),
            "",
        ]
    )


def measure(folders: list[Path], times: int) -> tuple[Measured, int]:
    """What -> seconds now, and before; and the number of jobs. The folders take turns."""
    jobs = 0
    for folder in folders:
        _, output = snakemake(folder, "-n", "--quiet", "rules", refused=False)
        jobs = jobs or job_count(output)
    found: Measured = {}
    for what, options in CALLS.items():
        if not options:
            for folder in folders:
                make_outputs(folder)
        found[what] = ([], [])
        for _, (side, folder) in itertools.product(range(times), enumerate(folders)):
            seconds, output = snakemake(folder, *options)
            if not options and "Nothing to be done" not in output:
                sys.exit(f"something to be done:\n{output[-3000:]}")
            found[what][side].append(seconds)
    return found, jobs


def main() -> None:
    """Measures and writes bench/results/plan.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--before", metavar="REVISION")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / "now", Path(name) / "before"][: 2 if asked.before else 1]
        for folder, revision in zip(folders, (None, asked.before), strict=False):
            copy_workflow(folder, revision)
        cfg = load(yaml.safe_load((folders[0] / "config.yaml").read_text()))
        for folder in folders:
            write_missing_sheets(folder, cfg)
        files = set(raw_files(folders[0], cfg))
        touch_all(files)
        raw = cfg.pathvars["raw"]
        for folder in folders[1:]:
            (folder / raw).mkdir()
            for dataset in (folders[0] / raw).iterdir():
                (folder / raw / dataset.name).symlink_to(dataset)
        found, jobs = measure(folders, asked.times)
    publish("plan", report(len(files), jobs, found, asked.before))


if __name__ == "__main__":
    main()
