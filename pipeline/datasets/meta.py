"""DIEM-Meta and LEDOV-Meta: frames of DIEM and LEDOV in which spatial patterns do not suffice.

Tangemann et al., ECCV 2020 ("Measuring the importance of temporal features in video saliency"). No
gaze of their own: a frame list `video,frame,mask`, frame 0-based, LEDOV's counted at 30 Hz, mask
True where the frame belongs to the set.
"""

from __future__ import annotations

import csv
from pathlib import Path

from pipeline.datasets.records import ReaderError

_MASK = {"true": True, "1": True, "false": False, "0": False}


def read_frame_list(path: Path) -> dict[str, list[int]]:
    """Frames of each video whose mask is True, sorted; videos without any are left out.

    Raises:
        ReaderError: The file is missing or a row does not fit.
    """
    if not path.is_file():
        raise ReaderError(f"{path}: no such frame list; docs/datasets.md says how to get it")
    frames: dict[str, set[int]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(line for line in file if not line.startswith("#"))
        for row in reader:
            try:
                masked, frame = _MASK[row["mask"].strip().lower()], int(row["frame"])
                video = row["video"]
            except (KeyError, ValueError, AttributeError, TypeError) as error:
                raise ReaderError(
                    f"{path}, row {reader.line_num - 1}: expected video,frame,mask with a frame "
                    f"number and True or False, found {row} ({error!r}); correct the row"
                ) from error
            if masked:
                frames.setdefault(video, set()).add(frame)
    if not frames:
        raise ReaderError(f"{path}: no frame with mask True; use the published frame list")
    return {video: sorted(listed) for video, listed in sorted(frames.items())}
