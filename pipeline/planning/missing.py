"""Raw data, sheets and maps that a run needs and that are not there, in one message."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.planning.fetchable import FETCHABLE
from pipeline.planning.load import chosen
from pipeline.planning.needs import given, has_clips, left_out, used_splits
from pipeline.planning.rows import all_measured
from pipeline.raw.near_misses import near_folder, near_miss
from pipeline.raw.presence import missing_files
from pipeline.raw.splits import read_sheet
from pipeline.runtime.errors import InputError, meant
from pipeline.runtime.yaml_file import read_yaml

TAUGHT = ("drawn", "crops", "films", "pictures")
"""Datasets of run light that target `teach` makes."""

_LOOKED = 5
"""Clips whose file is looked for under other names: each takes a walk through the dataset."""


def _files_missing(cfg: Config, name: str) -> list[str]:
    """Lines about files of a dataset that are not there, unless the run uses what is there."""
    root, dataset = Path(cfg.pathvars["raw"], name), cfg.datasets[name]
    splits = used_splits(cfg, name)
    used = any(has_clips(cfg, name, split) for split in splits)
    if dataset.clips == "present" and used:
        return []
    clips = [clip for clip in read_sheet(Path(dataset.splits)) if clip.split in splits]
    missing = missing_files(root, dataset, clips)
    lines = [
        f"{root / pattern} of {len(of_clips)} of {len(clips)} clips, "
        f"the first is {next(iter(of_clips))}{almost(root, of_clips)}"
        for pattern, of_clips in missing.items()
    ]
    there = len(clips) - len({clip for of_clips in missing.values() for clip in of_clips})
    if lines and dataset.clips == "present":
        lines.append(f"{root}: clips: present, and no clip has all its files")
    elif lines and there:
        lines.append(
            f"{len(clips) - there} of {len(clips)} clips in all; to use those that are there "
            f"({there}), set datasets.{name}.clips: present in config.yaml"
        )
    return lines


def almost(root: Path, of_clips: Mapping[str, Sequence[str]]) -> str:
    """A clause about what lies there under almost the name of a missing file, if any.

    Only those of the first clips are looked for: most often, all names differ in the same way.
    """
    firsts = [files[0].removeprefix(f"{root}/") for files in islice(of_clips.values(), _LOOKED)]
    found = (near_miss(root, file) for file in firsts)
    return _clause(next(filter(None, found), None))


def _clause(found: str | None) -> str:
    return f"; {found}" if found else ""


def _missing(cfg: Config) -> dict[str, list[str]]:
    raw = Path(cfg.pathvars["raw"])
    problems: dict[str, list[str]] = {}
    for name, dataset in cfg.datasets.items():
        if left_out(cfg, name):
            continue
        lines = problems.setdefault(name, [])
        if not (raw / name).is_dir():
            lines.append(f"no folder {raw / name}{_clause(near_folder(raw, name))}")
        elif Path(dataset.splits).is_file():
            lines += _files_missing(cfg, name)
        if not Path(dataset.splits).is_file():
            lines.append(
                f"no split sheet {dataset.splits}; once the folder is there, make it with\n"
                f"              python -m pipeline.checks.split_sheet --dataset {name}"
            )
        lines += [
            f"config.yaml: datasets.{name}.variants.{dataset.variant}.gaze.options.{option} "
            "is required and not set"
            for option, value in dataset.gaze.options.items()
            if value is None
        ]
    for name, meta in cfg.meta_datasets.items():
        frame_list = raw / name / meta.frame_list
        if not left_out(cfg, name) and not frame_list.is_file():
            found = _clause(near_miss(raw / name, meta.frame_list))
            problems[name] = [f"no frame list {frame_list}{found}"]
    return {name: lines for name, lines in problems.items() if lines}


def _missing_maps(cfg: Config) -> list[str]:
    """Messages about somebody else's maps that tables need and that are not there."""
    wanted = {
        (row.model, str(cfg.models[row.model].maps).format(dataset=dataset))
        for dataset, row in all_measured(cfg)
        if given(cfg, row.model)
    }
    return [
        f"config.yaml: models.{model}.maps: no {path}; correct the path, or take the model's rows "
        "out of tables"
        for model, path in sorted(wanted)
        if not Path(path).exists()
    ]


def missing_message(cfg: Config, made: Collection[str] = ()) -> str | None:
    """One message about the raw data that are not there; None if nothing is missing.

    Datasets that are `made` by what was asked for may be missing.
    """
    named = cfg.backbone_weights
    for weights in named.values() if isinstance(named, Mapping) else [named]:
        fetched = weights is None or weights in ("torchvision", *FETCHABLE)
        if fetched or Path(str(weights)).is_file():
            continue
        return (
            f"config.yaml: backbone_weights: no file {weights}; name a torchvision state dict with "
            "ImageNet weights, torchvision or unisal to have it fetched, or null for a random start"
        )
    if maps := _missing_maps(cfg):
        return "\n".join(maps)
    missing = {} if cfg.run == "demo" else _missing(cfg)
    missing = {name: lines for name, lines in missing.items() if name not in made}
    if not missing:
        return None
    teach = f"snakemake --config run={cfg.run} --cores 2 teach"
    if cfg.run == "light" and missing.keys() <= {*TAUGHT}:
        names = ", ".join(missing)
        return f"run: light learns from {names}, which are not all there; make them:  {teach}"
    lines = [f"run: {cfg.run} needs raw data that is not there.", ""]
    for name, problems in missing.items():
        if cfg.run == "light" and name in TAUGHT:
            continue
        source = (cfg.datasets | cfg.meta_datasets)[name].source
        lines += [f"  {source.title} ({name})"]
        lines += [f"    missing:  {problem}" for problem in problems]
        lines += [f"    obtain:   {source.obtain}", f"    licence:  {source.licence}", ""]
    lines += [
        "Layouts: docs/datasets.md. Another folder: pathvars.raw in config.yaml.",
        "Everything that is there, missing, short or unreadable:  "
        f"gfsalnet preflight --run {cfg.run}",
    ]
    if cfg.run == "light":  # all of its datasets are needed
        return "\n".join([*lines, f"Then, for all that it learns from besides:  {teach}"])
    if not cfg.datasets.keys() <= {*missing, *cfg.without}:  # then none would be left
        lines.append(f"To leave them out:  without: [{', '.join(missing)}]  in config.yaml.")
    if any(name in cfg.datasets and cfg.datasets[name].clips == "all" for name in missing):
        lines.append("To use what is there of each dataset:  run: part  in config.yaml.")
    lines.append("To see the workflow run without any data:  --config run=demo")
    return "\n".join(lines)


def _refuse_unknown_metrics(cfg: Config, known: Collection[str]) -> None:
    for name, table in cfg.tables.items():
        if unknown := [metric for metric in table.metrics if metric not in known]:
            raise InputError(
                f"config.yaml: tables.{name}.metrics: no such metric: {', '.join(unknown)}; choose "
                f"from {', '.join(known)}, or add it to pipeline/evaluation/metrics/registry.py"
                f"{meant(unknown[0], known)}"
            )


def planned(
    keys: Mapping[str, Any],
    command: Sequence[str],
    metrics: Collection[str],
    files: Iterable[Path] = (),
) -> Config:
    """The configuration of the run that Snakemake is about to plan, with the user's own `keys`.

    `files` are those that Snakemake took the keys from, without a look at YAML's traps.

    Raises:
        SystemExit: It does not fit, or raw data are missing; with one message.
    """
    try:
        for file in files:
            if file.suffix != ".json":
                read_yaml(file)
        cfg = chosen(keys)
        _refuse_unknown_metrics(cfg, metrics)
        # preflight reports more of what is missing; a job of a cluster was planned already.
        looked = {"preflight", "--target-jobs"} & set(command)
        made = TAUGHT if "teach" in command and "train_light" not in command else ()
        message = None if looked else missing_message(cfg, made)
    except ValueError as error:
        message = str(error)
    if message:
        raise SystemExit(f"\n{message}")
    return cfg
