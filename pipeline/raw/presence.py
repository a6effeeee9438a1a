"""Which raw files of a dataset are there, and which clips of its split sheet they make up."""

from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

from pipeline.config.data import Dataset
from pipeline.raw.patterns import paths_matching, patterns, readable, stays_inside, video_file
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.runtime.errors import InputError


def missing_files(
    root: Path, dataset: Dataset, clips: Iterable[SheetClip], hidden: Collection[str] = ()
) -> dict[str, dict[str, list[str]]]:
    """Pattern -> clip -> its files that are not there.

    Where names cannot be known before the files are there, the pattern stands for them. Of splits
    whose gaze is `hidden`, only pictures are asked for.
    """
    missing: dict[str, dict[str, list[str]]] = {}
    wanted = patterns(dataset)
    for clip in clips:
        for pattern in wanted[:1] if clip.split in hidden else wanted:
            if files := _missing_of(root, dataset, pattern, clip):
                missing.setdefault(pattern, {})[clip.name] = files
    return missing


def _missing_of(root: Path, dataset: Dataset, pattern: str, clip: SheetClip) -> list[str]:
    """Files of a clip that are not there, or the message why they cannot be listed."""
    try:
        files = paths_matching(root, pattern, dataset.gaze, clip.name, clip.split)
        stays_inside(root, files[:1])
    except InputError as error:
        return [str(error)]
    if not files:
        return [str(video_file(root, pattern, clip.name, clip.split))]
    if "{frame}" in pattern:  # found by listing a folder, so they are there
        return []
    return [file for file in files if not readable(file)]


def present_clips(root: Path, dataset: Dataset, hidden: Collection[str] = ()) -> frozenset[str]:
    """Names of the clips of a dataset's split sheet whose files are all there."""
    return _present(root, dataset.model_dump_json(), frozenset(hidden))


@cache
def _present(root: Path, dataset: str, hidden: frozenset[str]) -> frozenset[str]:
    """The same for a dataset as JSON, which is asked for many times while a run is planned."""
    entry = Dataset.model_validate_json(dataset)
    clips = read_sheet(Path(entry.splits))
    missing = missing_files(root, entry, clips, hidden)
    lacking = {name for of_clips in missing.values() for name in of_clips}
    return frozenset(clip.name for clip in clips if clip.name not in lacking)
