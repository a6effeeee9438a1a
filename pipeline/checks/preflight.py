"""Check that the raw data of a run are complete, readable and as long as known; convert nothing.

    python -m pipeline.checks.preflight [--run paper] [--dataset NAME ...] [--json PATH]
    [--no-probe]

Run from the repository's root. Exit status 0: nothing is missing, unreadable, short, unset or
different from the known totals (workflow/splits/totals.csv); 1 otherwise. Extra clips are reported,
but change no exit status. Of a dataset with `clips: present`, one clip that is there is enough, and
only clips that are there are looked into.

The JSON has the keys `run`, `ready`, `disk` {path, free_bytes, needed_bytes}, `work` (below),
`meta_datasets` {name: {file, there, obtain, licence}} and `datasets`, for each:

    title, variant, obtain, licence, folder, there (whether the folder is), ready
    clips       `all` or `present`: the clips that the run uses
    sheet       {file, there, command}; command is null where the sheet is there
    splits      {split: {listed, there, frames, known_clips, known_frames, source}}: clips of the
                sheet, those with all their files, frames that they hold (null: not counted)
    missing     [{pattern, clips, of, files, almost}]: clips with a missing file, these files, and
                what lies there under almost the name of one
    unreadable  [{clip, file, problem}]
    left_out    [{clip, file, problem}]: unreadable too, but `damaged: leave_out` leaves them out
    short       [{clip, file, problem}]: recordings or videos
    noted       [{clip, file, problem}]: what readers made of odd files; no fault
    totals      [{split, what, expected, found, source}]: what differs from the known totals
    extra       [{pattern, clips}]: clips that no split sheet lists
    options     options of the gaze's reader that are required and not set
    stages      {stage or flow: {bytes, core_hours, memory_mb}}, every flow that a table needs of
                the dataset; null where the number of frames is not known

`work` is about the whole run: `trainings` and `predictions` {jobs, unknown (of so many the hours
are not known), hours (of a core, of the others), memory (MB, of the largest job), largest (its
name)}, and `idle`, the trainings that run most of their iterations at a rate of next to nothing.

Costs are reckoned with workflow/costs.csv, workflow/network_costs.csv and the area of the frame
grid (gaze: the frames alone). Gaze is read only where no option is lacking.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.checks.preflight_report import show
from pipeline.checks.probing import Finding, Probed, empty_files, extra_clips, probe
from pipeline.config.config import Config
from pipeline.config.data import Dataset
from pipeline.planning.costs.jobs import Costs, idle, predictions, trainings, work
from pipeline.planning.load import configured, load
from pipeline.planning.missing import almost
from pipeline.planning.needs import left_out, used_splits
from pipeline.planning.rows import flows_of
from pipeline.raw.patterns import video_file
from pipeline.raw.presence import missing_files
from pipeline.raw.splits import SPLITS, SheetClip, Total, known_totals, read_sheet
from pipeline.runtime.errors import InputError, meant
from pipeline.runtime.text import read_text
from pipeline.stores.manifests import write_json

_FAULTS = {
    "all": ("missing", "unreadable", "short", "totals", "options"),
    "present": ("unreadable", "short", "options"),
}
"""Findings that keep a dataset from being ready, by the clips that the run uses of it."""


def _stages(costs: Costs, name: str, frames: int | None) -> dict[str, dict[str, float | None]]:
    """Stage -> bytes, core hours and memory that it takes for a dataset; None: not known."""
    found: dict[str, dict[str, float | None]] = {}
    for stage in ("frames", "gaze", "density", *flows_of(costs.cfg, name)):
        cost, size = costs.stage(stage, name, frames)
        hours = None if cost.hours is None else round(cost.hours, 4)
        found[stage] = {"bytes": size, "core_hours": hours, "memory_mb": cost.memory}
    return found


def _split_facts(
    clips: Sequence[SheetClip],
    lacking: set[str],
    probed: Mapping[str, Probed],
    known: Total | None,
    *,
    only_there: bool,
) -> dict[str, Any]:
    """Facts of a split of the JSON, with the frames of all clips or of those that are there."""
    there = [clip for clip in clips if clip.name not in lacking]
    wanted = there if only_there else clips
    counts = [probed[clip.name].frames if clip.name in probed else None for clip in wanted]
    counted = [count for count in counts if count is not None]
    return {
        "listed": len(clips),
        "there": len(there),
        "frames": sum(counted) if len(counted) == len(wanted) else None,
        "known_clips": known.clips if known else None,
        "known_frames": known.frames if known else None,
        "source": known.source if known else None,
    }


def _differences(splits: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Numbers of clips listed or frames counted that differ from the known totals."""
    return [
        {"split": split, "what": what, "expected": known, "found": found, "source": facts["source"]}
        for split, facts in splits.items()
        for what, found, known in (
            ("clips", facts["listed"], facts["known_clips"]),
            ("frames", facts["frames"], facts["known_frames"]),
        )
        if known is not None and found is not None and found != known
    ]


def _frames_of(costs: Costs, name: str, splits: Mapping[str, Mapping[str, Any]]) -> int | None:
    """Number of frames to convert, counted or else known; None if a split has neither."""
    counts = [
        costs.frames(name, split) if facts["frames"] is None else facts["frames"]
        for split, facts in splits.items()
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _leaves_out(root: Path, dataset: Dataset, finding: Finding, splits: Mapping[str, str]) -> bool:
    """Whether a job that meets an unreadable file leaves its clip out, and goes on."""
    clip = finding.clip
    video = video_file(root, dataset.frames.video, clip, splits[clip])
    section = dataset.frames if finding.file == str(video) else dataset.gaze
    return section.damaged == "leave_out"


def _files(
    cfg: Config, name: str, clips: Sequence[SheetClip], *, probing: bool, workers: int
) -> tuple[dict[str, Any], set[str], dict[str, Probed]]:
    """Findings about files of some clips, clips with missing files, and what was probed."""
    root, dataset = Path(cfg.pathvars["raw"], name), cfg.datasets[name]
    missing = missing_files(root, dataset, clips)
    lacking = {clip for of_clips in missing.values() for clip in of_clips}
    every = len(clips)
    if dataset.clips == "present":
        clips = [clip for clip in clips if clip.name not in lacking]
    empty = empty_files(root, dataset, clips)
    probed: dict[str, Probed] = {}
    if probing:
        broken = {finding.clip for finding in empty}
        whole = [clip for clip in clips if clip.name not in broken]
        with ThreadPoolExecutor(workers) as pool:
            results = pool.map(partial(probe, root, dataset), whole)
            probed = {clip.name: found for clip, found in zip(whole, results, strict=True)}
    splits = {clip.name: clip.split for clip in clips}
    found: dict[bool, list[Finding]] = {True: [], False: []}
    for one in empty + [one for its in probed.values() for one in its.unreadable]:
        found[_leaves_out(root, dataset, one, splits)].append(one)
    findings = {
        "missing": [
            {
                "pattern": pattern,
                "clips": len(of_clips),
                "of": every,
                "files": list(dict.fromkeys(file for files in of_clips.values() for file in files)),
                "almost": almost(root, of_clips),
            }
            for pattern, of_clips in missing.items()
        ],
        "unreadable": [asdict(one) for one in found[False]],
        "left_out": [asdict(one) for one in found[True]],
        "short": [asdict(one) for its in probed.values() for one in its.short],
        "noted": [asdict(one) for its in probed.values() for one in its.noted],
    }
    return findings, lacking, probed


def inspect_dataset(
    cfg: Config, name: str, *, probing: bool, workers: int, costs: Costs
) -> dict[str, Any]:
    """Return all facts of a dataset, with the keys of the JSON (see the module).

    Raises:
        InputError: Its split sheet does not fit.
    """
    dataset = cfg.datasets[name]
    root, sheet = Path(cfg.pathvars["raw"], name), Path(dataset.splits)
    known = known_totals(sheet, name, dataset.variant)
    meant = {dataset.test.split} if dataset.test.instead else set[str]()
    used = sorted(used_splits(cfg, name) | meant, key=SPLITS.index)
    rows = read_sheet(sheet) if sheet.is_file() else ()
    by_split = {split: [clip for clip in rows if clip.split == split] for split in used}
    clips = [clip for its_clips in by_split.values() for clip in its_clips]
    findings, lacking, probed = _files(cfg, name, clips, probing=probing, workers=workers)
    splits = {
        split: _split_facts(
            its_clips, lacking, probed, known.get(split), only_there=dataset.clips == "present"
        )
        for split, its_clips in by_split.items()
    }
    if not rows:
        for facts in splits.values():
            facts["frames"] = None
    extra = extra_clips(root, dataset, (clip.name for clip in rows)) if rows else {}
    make = f"python -m pipeline.checks.split_sheet --dataset {name}"
    command = None if sheet.is_file() else make
    report = {
        "title": dataset.source.title,
        "variant": dataset.variant,
        "obtain": dataset.source.obtain,
        "licence": dataset.source.licence,
        "folder": str(root),
        "there": root.is_dir(),
        "sheet": {"file": str(sheet), "there": sheet.is_file(), "command": command},
        "splits": splits,
        **findings,
        "clips": dataset.clips or "all",
        "totals": _differences(splits) if rows and dataset.clips != "present" else [],
        "extra": [{"pattern": pattern, "clips": names} for pattern, names in extra.items()],
        "options": [key for key, value in dataset.gaze.options.items() if value is None],
        "stages": _stages(costs, name, _frames_of(costs, name, splits)),
    }
    there = any(facts["there"] for facts in splits.values())
    report["ready"] = there and not any(report[fault] for fault in _FAULTS[dataset.clips or "all"])
    return report


def _meta(cfg: Config, name: str) -> dict[str, Any]:
    meta = cfg.meta_datasets[name]
    file = Path(cfg.pathvars["raw"], name, meta.frame_list)
    return {
        "file": str(file),
        "there": file.is_file(),
        "obtain": meta.source.obtain,
        "licence": meta.source.licence,
    }


def _disk(cfg: Config, datasets: Mapping[str, Any]) -> dict[str, Any]:
    """Free space where the stores will lie, and what they need as far as it is known."""
    target = Path(cfg.pathvars["data"]).absolute()
    there = next(folder for folder in (target, *target.parents) if folder.exists())
    sizes = [stage["bytes"] for facts in datasets.values() for stage in facts["stages"].values()]
    return {
        "path": cfg.pathvars["data"],
        "free_bytes": shutil.disk_usage(there).free,
        "needed_bytes": sum(size for size in sizes if size is not None),
    }


def _work(cfg: Config, datasets: Mapping[str, Any]) -> dict[str, Any]:
    """What trainings and predictions of the whole run take, as far as frames are known."""
    counted = {
        (name, split): its["frames"]
        for name, facts in datasets.items()
        for split, its in facts["splits"].items()
        if its["frames"] is not None
    }
    costs = Costs(cfg, counted)
    learned = trainings(costs)
    kinds = {"trainings": work(learned), "predictions": work(predictions(costs))}
    return {
        **{kind: found._asdict() for kind, found in kinds.items()},
        "idle": idle(costs, learned),
    }


def preflight(cfg: Config, names: Sequence[str], *, probing: bool, workers: int) -> dict[str, Any]:
    """Report on the named datasets and meta datasets of a run, or on all if none is named.

    Raises:
        InputError: A name is not known, or a file of the repository does not fit.
    """
    everything = [*cfg.datasets, *cfg.meta_datasets]
    for name in names:
        if name not in everything:
            known = ", ".join(everything)
            raise InputError(f"--dataset {name}: known are {known}{meant(name, everything)}")
    wanted = names or [name for name in everything if not left_out(cfg, name)]
    costs = Costs(cfg)
    datasets = {
        name: inspect_dataset(cfg, name, probing=probing, workers=workers, costs=costs)
        for name in wanted
        if name in cfg.datasets
    }
    metas = {name: _meta(cfg, name) for name in wanted if name in cfg.meta_datasets}
    ready = [facts["ready"] for facts in datasets.values()]
    ready += [facts["there"] for facts in metas.values()]
    return {
        "run": cfg.run,
        "ready": all(ready),
        "disk": _disk(cfg, datasets),
        "work": _work(cfg, datasets),
        "datasets": datasets,
        "meta_datasets": metas,
    }


def _given(file: str) -> Config:
    """The configuration in a file of JSON, which a rule names with an @ in front."""
    return load(json.loads(read_text(Path(file.removeprefix("@")))))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 1 if something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.checks.preflight",
        description="Checks that the raw data of a run are complete and readable.",
    )
    parser.add_argument("--run", default="paper", help="a run of config.yaml (default: paper)")
    parser.add_argument("--config", metavar="FILE", help="all of its keys as JSON, for no run's")
    parser.add_argument("--dataset", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the report as JSON, too")
    parser.add_argument("--no-probe", action="store_true", help="look into no video, image or gaze")
    parser.add_argument(
        "--workers", type=int, default=2, help="files probed at a time (default: 2)"
    )
    given = parser.parse_args(arguments)
    workers = max(1, given.workers)
    try:
        cfg = configured(given.run) if given.config is None else _given(given.config)
        report = preflight(cfg, given.dataset, probing=not given.no_probe, workers=workers)
        if given.json is not None:
            write_json(given.json, report)
    except InputError as error:
        sys.exit(f"python -m pipeline.checks.preflight: {error}")
    show(report, Console(width=100))
    sys.exit(0 if report["ready"] else 1)


if __name__ == "__main__":
    main()
