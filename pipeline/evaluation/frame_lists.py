"""Which frames of a split are scored: all, or those that a meta dataset lists."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.datasets.meta import read_frame_list
from pipeline.runtime.errors import InputError
from pipeline.stores.manifests import frame_numbers


def listed_frames(
    frame_lists: Sequence[Path], clips: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[int]]:
    """Return, per clip, the indices in its store of the frames that count.

    Without the list of a meta dataset these are all; `clips` are the facts of a manifest.

    Raises:
        InputError: The list names no frame of any clip.
    """
    if not frame_lists:
        return {clip: list(range(facts["shape"][0])) for clip, facts in clips.items()}
    listed = read_frame_list(frame_lists[0])
    chosen: dict[str, list[int]] = {}
    for clip, facts in clips.items():
        frames = listed.get(clip, [])
        # Lists count the video's frames from 0, stores number them from 1.
        indices = {number - 1: index for index, number in enumerate(frame_numbers(facts))}
        # The sheet may end a clip early: DIEM's test clips count for 300 frames (Sec. IV-A).
        within = [indices[frame] for frame in frames if frame in indices]
        if len(within) < len(frames):
            print(f"{clip}: {len(frames) - len(within)} of {len(frames)} listed frames left out")
        if within:
            chosen[clip] = within
    if not chosen:
        raise InputError(
            f"{frame_lists[0]}: lists no frame that a clip of the scored split has; "
            "check its video names against the split sheet"
        )
    return chosen
