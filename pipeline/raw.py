"""Where a clip's raw files lie: the patterns of config.yaml turned into paths.

Snakemake declares with this what a job reads, and the job finds with this what it reads. Nothing
outside a dataset's raw folder is read, wherever a name or a link may point.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from pipeline.config import Config, Dataset, DatasetGaze, ReleasedDensity
from pipeline.errors import InputError
from pipeline.splits import SheetClip, read_sheet

_FIELD = re.compile(r"\{(\w+)\}")


def _regex(pattern: str) -> re.Pattern[str]:
    parts = _FIELD.split(pattern)
    text, seen = "", set[str]()
    for i, part in enumerate(parts):
        if i % 2 == 0:
            text += "[^/]*".join(map(re.escape, part.split("*")))
        elif part == "frame":
            text += r"(?P<frame>\d+)"
        else:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>[^/]+?)"
            seen.add(part)
    return re.compile(text)


@cache
def _entries(folder: Path) -> tuple[str, ...]:
    """Names in a folder, sorted; without those that begin with a dot, which macOS leaves behind."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")))


def _walk(folder: Path, pieces: list[str], below: str = "") -> Iterable[str]:
    """Paths below a folder that fit a pattern piece by piece; each folder is listed once."""
    piece, *rest = pieces
    if _FIELD.search(piece) or "*" in piece:
        form = _regex(piece)
        names = tuple(name for name in _entries(folder) if form.fullmatch(name))
    else:
        names = (piece,)
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


def _filled(pattern: str, clip: str, split: str) -> str:
    return pattern.replace("{clip}", clip).replace("{split}", split)


def video_file(root: Path, pattern: str, clip: str, split: str) -> Path:
    """The raw video (or image) of a clip, whether it exists or not."""
    return root / _filled(pattern, clip, split)


def numbered_files(root: Path, pattern: str, clip: str, split: str) -> dict[int, Path]:
    """The files of a clip that fit a pattern with {frame}, by that number, ascending.

    A pattern without {frame} gives its one path as number 1, whether it exists or not.

    Raises:
        InputError: Two files bear the same number.
    """
    filled = _filled(pattern, clip, split)
    if "{frame}" not in filled:
        return {1: root / filled}
    regex = _regex(filled)
    found: dict[int, Path] = {}
    for path in _walk(root, filled.split("/")):
        if match := regex.fullmatch(path):
            number = int(match["frame"])
            if number in found:
                raise InputError(
                    f"{root / path}: frame {number} of {clip} is also {found[number].name}; "
                    "remove the one that does not belong there"
                )
            found[number] = root / path
    return dict(sorted(found.items()))


def asked_for(files: Mapping[int, Path], clip: SheetClip) -> tuple[dict[int, Path], list[int]]:
    """Of a clip's numbered files those within the range of its sheet, and the numbers that lack."""
    first = clip.first or min(files, default=1)
    last = clip.last or max(files, default=0)
    within = {number: file for number, file in files.items() if first <= number <= last}
    return within, sorted(set(range(first, last + 1)) - within.keys())


def listing(root: Path, pattern: str, clips: Iterable[SheetClip]) -> str:
    """Digest of the names and sizes of numbered files, by which a job notices that they changed.

    There are too many of them to be declared one by one. Empty for a pattern without {frame}.
    """
    if "{frame}" not in pattern:
        return ""
    digest = hashlib.sha256()
    for clip in clips:
        for file in numbered_files(root, pattern, clip.name, clip.split).values():
            digest.update(f"{file}\0{file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def tree_digest(place: Path) -> str:
    """Digest of the names, sizes and dates of the files of a folder, or of one file."""
    digest = hashlib.sha256()
    files = place.rglob("*") if place.is_dir() else [place]
    for file in sorted(file for file in files if file.is_file()):
        facts = file.stat()
        digest.update(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def stays_inside(root: Path, files: Iterable[Path]) -> None:
    """Refuses files that lie outside a dataset's raw folder once links are followed.

    Raises:
        InputError: Names the first such file and where it leads.
    """
    base = os.path.realpath(root)
    for file in files:
        real = os.path.realpath(file)
        if os.path.commonpath([base, real]) != base:
            raise InputError(
                f"{file}: leads to {real}, outside {root}; put the file there itself, or make "
                "the whole raw folder the link"
            )


def gaze_files(root: Path, gaze: DatasetGaze, clip: str, split: str) -> list[Path]:
    """The raw gaze files of a clip.

    A pattern with {observer} gives the files of `gaze.observers`, or, where that is null, every
    file that is there; one with {frame} every file that is there; another its one path, whether it
    exists or not.
    """
    return [file for pattern in gaze.files for file in fitting(root, pattern, gaze, clip, split)]


def fitting(root: Path, pattern: str, gaze: DatasetGaze, clip: str, split: str) -> list[Path]:
    """The raw files of a clip that one pattern of a dataset stands for."""
    if "{observer}" not in pattern:
        return list(numbered_files(root, pattern, clip, split).values())
    if gaze.observers is not None:
        filled = _filled(pattern, clip, split)
        return [root / filled.replace("{observer}", observer) for observer in gaze.observers]
    key = (clip if "{clip}" in pattern else "", split if "{split}" in pattern else "")
    return [Path(file) for file in _by_clip(root, pattern).get(key, ())]


def patterns(dataset: Dataset) -> list[str]:
    """Every pattern of a dataset's raw files: pictures, gaze, and maps if they are released."""
    density = dataset.density
    maps = [density.files] if isinstance(density, ReleasedDensity) else []
    return [dataset.frames.video, *dataset.gaze.files, *maps]


def clips_of(root: Path, pattern: str) -> dict[tuple[str, str], int]:
    """Files of a raw folder that fit a pattern, by (clip, split); "" where the path names none."""
    return {key: len(files) for key, files in _by_clip(root, pattern).items()}


def clips_with_video(root: Path, pattern: str) -> list[str]:
    """Names of all clips whose video or pictures lie in a raw folder, in C order."""
    return sorted({clip for clip, _ in clips_of(root, pattern)})


def used_splits(cfg: Config, dataset: str) -> set[str]:
    """The splits of a dataset that some training or some table of the run asks for."""
    learnt = [training.datasets for training in cfg.all_trainings().values()]
    learnt += [cfg.teaches_flow(name) for name in cfg.other_flows]
    training = any(dataset in datasets for datasets in learnt)
    tested = {table.dataset for table in cfg.tables.values()}
    names = {name for name in tested if cfg.over(name) == dataset}
    return {cfg.test(name).split for name in names} | ({"train"} if training else set())


def _lacking(root: Path, dataset: Dataset, pattern: str, clip: SheetClip) -> list[str]:
    try:
        files = fitting(root, pattern, dataset.gaze, clip.name, clip.split)
    except InputError as error:
        return [str(error)]
    if not files:
        return [str(video_file(root, pattern, clip.name, clip.split))]
    try:
        stays_inside(root, files[:1])
    except InputError as error:
        return [str(error)]
    if "{frame}" in pattern:  # found by listing a folder, so they are there
        return []
    return [str(file) for file in files if not _exists(file)]


def missing_files(
    root: Path, dataset: Dataset, clips: Iterable[SheetClip]
) -> dict[str, dict[str, list[str]]]:
    """Pattern -> clip -> its files that are not there.

    Where the names of the files cannot be told, what stands is the pattern itself.
    """
    missing: dict[str, dict[str, list[str]]] = {}
    for clip in clips:
        for pattern in patterns(dataset):
            if lacking := _lacking(root, dataset, pattern, clip):
                missing.setdefault(pattern, {})[clip.name] = lacking
    return missing


def _files_missing(cfg: Config, name: str) -> list[str]:
    root, dataset = Path(cfg.pathvars["raw"], name), cfg.datasets[name]
    splits = used_splits(cfg, name)
    clips = [clip for clip in read_sheet(Path(dataset.splits)) if clip.split in splits]
    return [
        f"{root / pattern} of {len(lacking)} of {len(clips)} clips, "
        f"the first is {next(iter(lacking))}"
        for pattern, lacking in missing_files(root, dataset, clips).items()
    ]


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
            f"config.yaml: datasets.{name}.variants.{dataset.variant}.gaze.options.{option} "
            "is required and not set"
            for option, value in dataset.gaze.options.items()
            if value is None
        ]
    for name, meta in cfg.meta_datasets.items():
        frame_list = raw / name / meta.frame_list
        if not cfg.left_out(name) and not frame_list.is_file():
            problems[name] = [f"no frame list {frame_list}"]
    return {name: lines for name, lines in problems.items() if lines}


def _missing_maps(cfg: Config) -> list[str]:
    """What tables want of somebody else's maps that are not there."""
    wanted = {
        (row.model, str(cfg.models[row.model].maps).format(dataset=table.dataset))
        for name, table in cfg.tables.items()
        for row in cfg.measured(name).values()
        if cfg.given(row.model)
    }
    return [
        f"config.yaml: models.{model}.maps: no {path}; correct the path, or take the model's rows "
        "out of tables"
        for model, path in sorted(wanted)
        if not Path(path).exists()
    ]


def missing_message(cfg: Config) -> str | None:
    """What raw data a run lacks, in one message; None if nothing is missing."""
    weights = cfg.backbone_weights
    if weights not in (None, "torchvision") and not Path(weights).is_file():
        return (
            f"config.yaml: backbone_weights: no file {weights}; name a torchvision state dict with "
            "ImageNet weights, torchvision to have it fetched, or null for a random start"
        )
    if maps := _missing_maps(cfg):
        return "\n".join(maps)
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
        "Everything that is there, missing, short or unreadable:  snakemake --cores 2 preflight",
        f"To leave them out:  without: [{', '.join(missing)}]  in config.yaml.",
        "To see the workflow run without any data:  run: demo  in config.yaml.",
    ]
    return "\n".join(lines)
