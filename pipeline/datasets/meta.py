"""DIEM-Meta and LEDOV-Meta: frames of DIEM and LEDOV in which spatial patterns do not suffice.

Tangemann et al., ECCV 2020 ("Measuring the importance of temporal features in video saliency"). No
gaze of their own: a frame list `video,frame,mask`, frame 0-based, LEDOV's counted at 30 Hz, mask
True where the frame belongs to the set.
"""

from pathlib import Path

from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import number, read_rows

_MASK = {"true": True, "1": True, "false": False, "0": False}


def read_frame_list(path: Path) -> dict[str, list[int]]:
    """Return the frames of each video whose mask is True, sorted; videos without any are left out.

    Raises:
        InputError: The file is missing or a row does not fit.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such frame list; docs/datasets.md says how to get it")
    frames: dict[str, set[int]] = {}
    for line, row in enumerate(read_rows(path, ("video", "frame", "mask")), start=1):
        try:
            masked, frame = _MASK[row["mask"].strip().lower()], number(row["frame"])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{path}: row {line}: expected video,frame,mask with a frame number and True or "
                f"False, found {row!r:.200} ({error!r:.100}); correct the row"
            ) from error
        if masked:
            frames.setdefault(row["video"], set()).add(frame)
    if not frames:
        raise InputError(f"{path}: no frame with mask True; use the published frame list")
    return {video: sorted(listed) for video, listed in sorted(frames.items())}
