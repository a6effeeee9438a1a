"""Stage gaze: raw eye tracking to gaze points on the frame grid (Sec. IV-A, IV-B)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.data import DatasetGaze, Frames
from pipeline.datasets.readers import read_gaze
from pipeline.datasets.records import NOBODY, Clip, Gaze
from pipeline.preprocessing.fixations import inside
from pipeline.raw.patterns import gaze_files, stays_inside
from pipeline.raw.unchanged import Unchanged
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.pace import Pace
from pipeline.stores.kinds import FRAMES, GAZE
from pipeline.stores.manifests import frame_facts, left_out, read_manifest
from pipeline.stores.seals import name_of
from pipeline.stores.settings import gaze_settings
from pipeline.stores.verify import damage
from pipeline.stores.writing import write_store


def _read_gaze(raw: Path, settings: DatasetGaze, clip: Clip, files: list[Path]) -> Gaze:
    """Read the raw gaze of a clip with the reader of its dataset."""
    if not files:
        raise InputError(
            f"{raw}: no gaze file of clip {clip.name} fits {', '.join(settings.files)}; "
            "docs/datasets.md shows the expected layout"
        )
    stays_inside(raw, files)
    return read_gaze(settings.reader, files, clip, settings.options)


def on_grid(
    gaze: Gaze, clip: Clip, first: int, grid: Frames
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Move the gaze of a whole raw video to the frame grid; frame `first`, from 1, becomes 0.

    Returns the GAZE array [point, (frame, x, y, observer)], ordered by frame, then observer; and
    reason -> number of samples that were dropped for it.
    """
    x = (gaze.x.astype(np.float64) + 0.5) * grid.width / clip.width - 0.5
    y = (gaze.y.astype(np.float64) + 0.5) * grid.height / clip.height - 0.5
    frame = gaze.frame - (first - 1)
    kept_frames = (frame >= 0) & (frame < clip.frames - (first - 1))
    kept = kept_frames & inside(x, y, grid.width, grid.height)
    dropped = {
        **gaze.dropped,
        "frame outside the clip": int((~kept_frames).sum()),
        "point outside the picture": int((kept_frames & ~kept).sum()),
    }
    points = np.stack([frame, x, y, gaze.observer], axis=1)[kept].astype(np.float32)
    # Rounding to float32 may carry a point beyond the edge of the last pixel.
    edge = np.array([grid.width - 0.5, grid.height - 0.5], np.float32)
    points[:, 1:3] = np.minimum(points[:, 1:3], np.nextafter(edge, np.float32(0)))
    order = np.lexsort((points[:, 3], points[:, 0]))
    return points[order], {reason: count for reason, count in dropped.items() if count}


def gaze(
    *, raw: Path, frames: Path, settings: DatasetGaze, grid: Frames, store: Path, manifest: Path
) -> None:
    """Turn the raw gaze of a part into its GAZE store.

    Lengths, sizes and rates of the clips are those of the FRAMES manifest.

    Raises:
        InputError: Raw files are missing or do not fit, or config.yaml names no such reader.
    """
    with write_store(GAZE, store, manifest, gaze_settings(settings, grid)) as writer:
        writer.left_out |= left_out([frames])
        pictures = _frames_manifest(frames)
        writer.inputs[name_of(frames)] = pictures["digest"]
        pace = Pace(len(pictures["clips"]), "clips")
        for name, facts in pace.along(pictures["clips"].items()):
            clip = _whole_video(name, facts)
            files = gaze_files(raw, settings, name, facts["split"])
            with Unchanged(files) as read:
                try:
                    found = _read_gaze(raw, settings, clip, files)
                except InputError as error:
                    if settings.damaged != "leave_out":
                        raise
                    writer.leave_out(name, str(error))
                    continue
            writer.inputs[f"raw/{name}"] = read.digest
            points, dropped = on_grid(found, clip, facts["first"], grid)
            known = not (found.observer == NOBODY).any()
            observers = len(np.unique(points[:, 3])) if known else None
            writer.add(
                name,
                [points],
                frames=facts["shape"][0],
                split=facts["split"],
                last=facts["last"],
                width=clip.width,
                height=clip.height,
                **frame_facts(facts),
                observers=observers,
                samples=len(found.frame) + sum(found.dropped.values()),
                dropped=dropped,
                seconds=list(found.seconds),
                findings=list(found.findings),
            )
            who = f"{observers} observers" if known else "unknown observers"
            print(f"{name}: {len(points)} points of {who}; dropped {dropped}")
            for finding in found.findings:
                print(f"{name}: {finding}")


def _frames_manifest(frames: Path) -> dict[str, Any]:
    """The content of a FRAMES manifest, whose store is not opened."""
    content = read_manifest(frames)
    if content["kind"] != FRAMES.name:
        raise InputError(
            f"{frames}: expected kind {FRAMES.name}, found {content['kind']!r}; "
            "give the manifest that stage frames wrote"
        )
    return content


def _whole_video(name: str, facts: dict[str, Any]) -> Clip:
    """A clip's raw video from its first frame on, as readers want it."""
    frames = facts["first"] - 1 + facts["shape"][0]
    return Clip(
        name=name,
        frames=frames,
        width=facts["source_width"],
        height=facts["source_height"],
        rate=facts["rate"],
        numbers=tuple(facts["numbers"]),
        cut=facts["last"] is not None,
        # Of a damaged video, fewer frames may be stored than it has times.
        times=tuple(facts.get("times", ())[: frames + 1]),
    )


if __name__ == "__main__":
    main(gaze, damage=damage)
