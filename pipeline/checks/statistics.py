"""Stage statistics: lengths, gaze, motion and density of the scored clips, clip by clip.

The papers state no scaling of the flow; the columns about motion show what `flow_scale` should be.
"""

from pathlib import Path
from typing import Any

import dask.array as da
from dask.base import compute

from pipeline.runtime.cli import main
from pipeline.runtime.sheets import heading, write_rows
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE, SHARD
from pipeline.stores.reading import Store, open_parts
from pipeline.stores.verify import damage

COLUMNS = (
    *("clip", "frames", "width", "height", "rate", "observers", "points_per_frame"),
    *("frames_without_gaze", "mean_level", "mean_flow", "largest_flow", "moving_share"),
    "mean_density",
)
MOVING = 1.0
"""Speed, in pixels per frame, above which a cell of the flow grid counts as moving."""


def _array(store: Store, clip: str) -> Any:
    array = store[clip]
    blocks = (SHARD, *array.shape[1:])
    return da.from_zarr(array, chunks=blocks).astype("float32")  # type: ignore[no-untyped-call]


def _lazy(frames: Store, flow: Store, density: Store, clip: str) -> list[Any]:
    """Tasks for mean level, mean and largest flow, moving share and mean density, by shards."""
    speed = da.sqrt((_array(flow, clip) ** 2).sum(axis=1))
    return [
        _array(frames, clip).mean(),
        speed.mean(),
        speed.max(),
        (speed > MOVING).mean(),
        _array(density, clip).mean(),
    ]


def statistics(
    *,
    frames: list[Path],
    flow: list[Path],
    gaze: list[Path],
    density: list[Path],
    threads: int,
    about: dict[str, str],
    sheet: Path,
) -> None:
    """Describe the stores of a test split in a sheet with a row per clip and `COLUMNS`.

    Raises:
        InputError: A store is missing or damaged.
    """
    pictures, motions = open_parts(FRAMES, frames), open_parts(FLOW, flow)
    gazes, densities = open_parts(GAZE, gaze), open_parts(DENSITY, density)
    rows = []
    for clip in gazes:  # a clip whose gaze could not be read has frames alone
        part = pictures[clip]
        facts, looked = part.clips[clip], gazes[clip].clips[clip]
        count = facts["shape"][0]
        values = compute(  # type: ignore[no-untyped-call]
            *_lazy(part, motions[clip], densities[clip], clip),
            scheduler="threads",
            num_workers=threads,
        )
        row = [
            *(clip, count, facts["source_width"], facts["source_height"]),
            *(f"{facts['rate']:.6g}", looked["observers"]),
            f"{looked['shape'][0] / count:.4g}",
            densities[clip].clips[clip]["frames_without_gaze"],
            *(f"{float(value):.4g}" for value in values),
        ]
        rows.append(row)
    write_rows(sheet, COLUMNS, rows, heading(about))


if __name__ == "__main__":
    main(statistics, damage=damage)
