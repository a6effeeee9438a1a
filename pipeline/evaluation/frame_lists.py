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
    found = {clip: _within(listed.get(clip, []), facts) for clip, facts in clips.items()}
    for clip, (lost, of) in beyond_the_end(frame_lists[0], clips).items():
        print(f"{clip}: {lost} of {of} listed frames lie beyond its end")
    chosen = {clip: frames for clip, frames in found.items() if frames}
    if not chosen:
        raise InputError(
            f"{frame_lists[0]}: lists no frame that a clip of the scored split has; "
            "check its video names against the split sheet"
        )
    return chosen


def beyond_the_end(
    frame_list: Path, clips: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[int, int]]:
    """Return clip -> how many of its listed frames it does not have, and how many are listed.

    The sheet may end a clip early, as DIEM's test clips after 300 frames (Sec. IV-A), and a list
    may name frames that no video has, as LEDOV-Meta's does.
    """
    listed = read_frame_list(frame_list)
    counts = {
        clip: (len(listed.get(clip, [])) - len(_within(listed.get(clip, []), facts)))
        for clip, facts in clips.items()
    }
    return {clip: (lost, len(listed[clip])) for clip, lost in counts.items() if lost}


def _within(frames: Sequence[int], facts: Mapping[str, Any]) -> list[int]:
    """Indices in a clip's store of those listed frames that it has."""
    # Lists count the video's frames from 0, stores number them from 1.
    indices = {number - 1: index for index, number in enumerate(frame_numbers(facts))}
    return [indices[frame] for frame in frames if frame in indices]
