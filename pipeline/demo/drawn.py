"""Which raw files the demo draws: the rules demo_<dataset> are planned with this.

Datasets of a user's own are none of the demo's business, nor are those that `without` leaves out.
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.config.config import Config
from pipeline.raw.patterns import gaze_files, video_file
from pipeline.raw.splits import read_sheet

FRAME_LISTS = {"diem_meta": "diem", "ledov_meta": "ledov"}
"""Frame lists that the demo can draw, and the dataset that each is over."""


def drawn_files(cfg: Config, dataset: str) -> list[Path]:
    """Raw files of a dataset that the run reads and the demo draws, and of the lists over it.

    Raises:
        InputError: The split sheet is missing or does not fit.
    """
    return sorted(set(_files(cfg, dataset)))


def _files(cfg: Config, name: str) -> Iterator[Path]:
    root, dataset = Path(cfg.pathvars["raw"], name), cfg.datasets[name]
    for clip in read_sheet(Path(dataset.splits)):
        yield video_file(root, dataset.frames.video, clip.name, clip.split)
        # As with the real DHF1K, a split that is neither trained on nor scored hides its gaze.
        if clip.split in ("train", dataset.test.split):
            yield from gaze_files(root, dataset.gaze, clip.name, clip.split)
    for frame_list, over in FRAME_LISTS.items():
        if over == name and frame_list in cfg.meta_datasets:
            yield Path(cfg.pathvars["raw"], frame_list, cfg.meta_datasets[frame_list].frame_list)
