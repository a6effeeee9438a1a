"""Where a clip's raw files lie: the patterns of config.yaml turned into paths.

Snakemake declares with this what a job reads, and the job finds with this what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pipeline.config import Config, DatasetGaze
from pipeline.splits import read_sheet

_FIELD = re.compile(r"\{(\w+)\}")


def _regex(pattern: str) -> re.Pattern[str]:
    parts = _FIELD.split(pattern)
    text, seen = "", set[str]()
    for i, part in enumerate(parts):
        if i % 2 == 0:
            text += re.escape(part)
        else:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>[^/]+?)"
            seen.add(part)
    return re.compile(text)


@cache
def _entries(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ()


def _walk(folder: Path, pieces: list[str], below: str = "") -> Iterable[str]:
    """Paths below a folder that fit a pattern piece by piece; each folder is listed once."""
    piece, *rest = pieces
    if not _FIELD.search(piece):
        names: tuple[str, ...] = (piece,)
    else:
        form = re.compile(_FIELD.sub("[^/]+", re.sub(r"[.]", r"\\.", piece)))
        names = tuple(name for name in _entries(folder) if form.fullmatch(name))
    for name in names:
        if rest:
            yield from _walk(folder / name, rest, f"{below}{name}/")
        else:
            yield below + name


@cache
def _by_clip(root: Path, pattern: str) -> dict[tuple[str, str], tuple[str, ...]]:
    regex = _regex(pattern)
    found: dict[tuple[str, str], list[str]] = {}
    for path in _walk(root, pattern.split("/")):
        if match := regex.fullmatch(path):
            fields = match.groupdict()
            key = (fields.get("clip", ""), fields.get("split", ""))
            found.setdefault(key, []).append(str(root / path))
    return {key: tuple(sorted(paths)) for key, paths in found.items()}


def video_file(root: Path, pattern: str, clip: str, split: str) -> Path:
    """The raw video (or image) of a clip, whether it exists or not."""
    return root / pattern.format(clip=clip, split=split)


def gaze_files(root: Path, gaze: DatasetGaze, clip: str, split: str) -> list[Path]:
    """The raw gaze files of a clip.

    A pattern with {observer} gives the files of `gaze.observers`, or, where that is null, every
    file that is there; a pattern without it gives its one path, whether it exists or not.
    """
    return [file for pattern in gaze.files for file in _fitting(root, pattern, gaze, clip, split)]


def _fitting(root: Path, pattern: str, gaze: DatasetGaze, clip: str, split: str) -> list[Path]:
    if "{observer}" not in pattern:
        return [root / pattern.format(clip=clip, split=split)]
    if gaze.observers is not None:
        return [
            root / pattern.format(clip=clip, split=split, observer=observer)
            for observer in gaze.observers
        ]
    key = (clip if "{clip}" in pattern else "", split if "{split}" in pattern else "")
    return [Path(file) for file in _by_clip(root, pattern).get(key, ())]


def clips_with_video(root: Path, pattern: str) -> list[str]:
    """Names of all clips whose video lies in a raw folder, in C order."""
    return sorted({clip for clip, _ in _by_clip(root, pattern)})


def used_splits(cfg: Config, dataset: str) -> set[str]:
    """The splits of a dataset that some training or some table of the run asks for."""
    training = any(
        dataset in training.datasets for training in (cfg.pretraining, *cfg.trainings.values())
    )
    tested = {table.dataset for table in cfg.tables.values()}
    names = {name for name in tested if cfg.over(name) == dataset}
    return {cfg.test(name).split for name in names} | ({"train"} if training else set())


def _files_missing(cfg: Config, name: str) -> list[str]:
    root, dataset = Path(cfg.pathvars["raw"], name), cfg.datasets[name]
    splits = used_splits(cfg, name)
    clips = [clip for clip in read_sheet(Path(dataset.splits)) if clip.split in splits]
    lines = []
    for pattern in (dataset.frames.video, *dataset.gaze.files):
        found = [_fitting(root, pattern, dataset.gaze, clip.name, clip.split) for clip in clips]
        lacking = [
            clip.name
            for clip, files in zip(clips, found, strict=True)
            if not files or not all(_exists(file) for file in files)
        ]
        if lacking:
            lines.append(
                f"{root / pattern} of {len(lacking)} of {len(clips)} clips, "
                f"the first is {lacking[0]}"
            )
    return lines


@cache
def _exists(file: Path) -> bool:
    return file.is_file()


def _missing(cfg: Config) -> dict[str, list[str]]:
    raw = Path(cfg.pathvars["raw"])
    problems: dict[str, list[str]] = {}
    for name, dataset in cfg.datasets.items():
        if cfg.left_out(name):
            continue
        lines = problems.setdefault(name, [])
        if not (raw / name).is_dir():
            lines.append(f"no folder {raw / name}")
        elif Path(dataset.splits).is_file():
            lines += _files_missing(cfg, name)
        if not Path(dataset.splits).is_file():
            lines.append(
                f"no split sheet {dataset.splits}; once the folder is there, make it with\n"
                f"              python -m pipeline.sheet --dataset {name}"
            )
        lines += [
            f"config.yaml: datasets.{name}.gaze.options.{option} is required and not set"
            for option, value in dataset.gaze.options.items()
            if value is None
        ]
    for name, meta in cfg.meta_datasets.items():
        frame_list = raw / name / meta.frame_list
        if not cfg.left_out(name) and not frame_list.is_file():
            problems[name] = [f"no frame list {frame_list}"]
    return {name: lines for name, lines in problems.items() if lines}


def missing_message(cfg: Config) -> str | None:
    """What raw data a run lacks, in one message; None if nothing is missing."""
    weights = cfg.backbone_weights
    if weights is not None and not Path(weights).is_file():
        return (
            f"config.yaml: backbone_weights: no file {weights}; name a torchvision state dict "
            "with ImageNet weights, or null for a random start"
        )
    missing = {} if cfg.run == "demo" else _missing(cfg)
    if not missing:
        return None
    lines = [f"run: {cfg.run} needs raw data that is not there.", ""]
    for name, problems in missing.items():
        source = (cfg.datasets | cfg.meta_datasets)[name].source
        lines += [f"  {source.title} ({name})"]
        lines += [f"    missing:  {problem}" for problem in problems]
        lines += [f"    obtain:   {source.obtain}", f"    licence:  {source.licence}", ""]
    lines += [
        "Layouts: docs/datasets.md. Another folder: pathvars.raw in config.yaml.",
        f"To leave them out:  without: [{', '.join(missing)}]  in config.yaml.",
        "To see the workflow run without any data:  run: demo  in config.yaml.",
    ]
    return "\n".join(lines)
