"""Stage score: maps against gaze and density by a protocol, a row per frame (Sec. IV-C)."""

from pathlib import Path

from pipeline.evaluation.calibrating import calibrations
from pipeline.evaluation.scoring import (
    GroundTruth,
    Request,
    StoredMaps,
    ground_truth,
    tasks,
    write_scores,
)
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.pace import Pace
from pipeline.runtime.workers import computed
from pipeline.stores.kinds import SALIENCY
from pipeline.stores.manifests import left_out
from pipeline.stores.reading import named, open_store, read_in_rust, refuse_nothing
from pipeline.stores.verify import damage


def score(
    *,
    saliency: Path,
    density: list[Path],
    gaze: list[Path],
    protocol: str,
    metrics: list[str],
    seed: int,
    scheduler: str,
    threads: int,
    scores: Path,
) -> None:
    """Turn SALIENCY, DENSITY and GAZE stores into a sheet with a row per frame.

    `metrics` are those that tables ask for besides what the protocol always reports.

    Raises:
        InputError: The stores do not fit together, no frame has a map, or a map is not finite.
    """
    request = Request(protocol, tuple(metrics), seed)
    # The workers of a cluster may run in any folder.
    store = open_store(SALIENCY, saliency.resolve())
    truth = ground_truth([path.resolve() for path in density], [path.resolve() for path in gaze])
    maps = StoredMaps(store)
    # Maps of a clip whose gaze alone could not be read have nothing to be compared with.
    clips = [clip for clip in store.clips if clip not in left_out(gaze)]
    for clip in clips:
        _check_length(maps, truth, clip)
    refuse_nothing([clip for clip in clips if maps.frames(clip)], [saliency, *gaze])
    changes = calibrations(maps, truth, clips, request, scheduler, threads)
    blocks = computed(tasks(maps, truth, clips, request, changes), scheduler, threads)
    pace = Pace(sum(len(maps.frames(clip)) for clip in clips), "frames")
    frames = (frame for block in pace.along(blocks, len) for frame in block)
    write_scores(scores, request, frames, {**truth.inputs, **named([store])})


def _check_length(maps: StoredMaps, truth: GroundTruth, clip: str) -> None:
    """Refuse a clip without ground truth, or with another number of maps than of frames."""
    store, facts = maps.store, maps.store.clips[clip]
    remedy = f"rerun {store.path.with_suffix('.json')}"
    if clip not in truth.pixels:
        raise InputError(f"{store.path / clip}: no ground truth for this clip; {remedy}")
    wanted, found = len(facts["frames"] or truth.pixels[clip]), facts["shape"][0]
    if found != wanted:
        raise InputError(f"{store.path / clip}: {found} maps for {wanted} frames; {remedy}")


if __name__ == "__main__":
    read_in_rust()
    main(score, damage=damage)
