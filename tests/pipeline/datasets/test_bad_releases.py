"""Released maps that are broken, each refused in one message or counted."""

from __future__ import annotations

import shutil

from tests.spoiling import (
    AGAIN,
    LAYOUT,
    PUT,
    Case,
    Spoil,
    content,
    copied,
    counts,
    cut,
    outside,
    png_of,
    refusals,
    remove,
    resized,
)
from tests.workbench import NUMBERS, RELEASE, SHOT, UCF, Bench


def renumbered(folder: str, by: int, keep: bool = False) -> Spoil:
    """Adds to the numbers of a release's files; `keep`: as copies."""

    def spoil(bench: Bench) -> None:
        for file in sorted(bench.root.glob(f"{folder}/*.png")):
            stem, number = file.stem.rsplit("_", 1)
            shutil.copy(file, file.with_name(f"{stem}_{int(number) + by:03d}.png"))
            if not keep:
                file.unlink()

    return spoil


CASES = [
    Case(
        "no released map",
        RELEASE,
        "gaze",
        remove(f"{SHOT}/fixation"),
        "raw/ucf_sports",
        (f"no gaze file of clip {UCF}", "fixation/*_{frame}.png", LAYOUT),
    ),
    Case(
        "released map of another aspect",
        RELEASE,
        "gaze",
        resized(f"{SHOT}/fixation/{UCF}_002.png", (160, 120)),
        f"{SHOT}/fixation/{UCF}_002.png",
        ("160 x 120", "180 x 120", "use frames and maps of one release"),
    ),
    Case(
        "two maps of one frame",
        RELEASE,
        "gaze",
        copied(f"{SHOT}/fixation/{UCF}_002.png", f"{SHOT}/fixation/{UCF}_02.png"),
        f"{SHOT}/fixation/{UCF}_02.png",
        (f"frame 2 of {UCF} is also {UCF}_002.png", "remove the one"),
    ),
    Case(
        "truncated map",
        RELEASE,
        "gaze",
        cut(f"{SHOT}/fixation/{UCF}_002.png", 0.7),
        f"{SHOT}/fixation/{UCF}_002.png",
        ("not a readable picture", "fetch the release again"),
    ),
    Case(
        "map behind a link",
        RELEASE,
        "gaze",
        outside(f"{SHOT}/fixation/{UCF}_002.png"),
        f"{SHOT}/fixation/{UCF}_002.png",
        ("outside", PUT),
    ),
    Case(
        "density for a fixation map",
        RELEASE,
        "gaze",
        copied(f"{SHOT}/maps/{UCF}_002.png", f"{SHOT}/fixation/{UCF}_002.png"),
        f"{SHOT}/fixation/{UCF}_002.png",
        ("looks like a density", "point gaze.files in config.yaml at the fixation maps"),
    ),
    Case(
        "maps of frames without a picture",
        RELEASE,
        "gaze",
        renumbered(f"{SHOT}/fixation", 50, keep=True),
        counted={"frame_without_picture": 3 * len(NUMBERS)},
    ),
    Case(
        "densities of other frames",
        RELEASE,
        "density",
        renumbered(f"{SHOT}/maps", 100),
        f"{SHOT}/maps",
        ("maps 101-106, frames 1-6 of", "6 of 6 maps have no frame", "renumber", LAYOUT),
    ),
    Case(
        "density of another aspect",
        RELEASE,
        "density",
        resized(f"{SHOT}/maps/{UCF}_004.png", (160, 120)),
        f"{SHOT}/maps/{UCF}_004.png",
        ("160 x 120", "180 x 120", "use frames and maps of one release"),
    ),
    Case(
        "truncated density",
        RELEASE,
        "density",
        cut(f"{SHOT}/maps/{UCF}_004.png", 0.6),
        f"{SHOT}/maps/{UCF}_004.png",
        ("truncated", AGAIN),
    ),
    Case(
        "density of absurd dimensions",
        RELEASE,
        "density",
        content(f"{SHOT}/maps/{UCF}_004.png", png_of(18_000, 12_000)),
        f"{SHOT}/maps/{UCF}_004.png",
        ("pixels", AGAIN),
    ),
    Case(
        "density behind a link",
        RELEASE,
        "density",
        outside(f"{SHOT}/maps/{UCF}_004.png"),
        f"{SHOT}/maps/{UCF}_004.png",
        ("outside", PUT),
    ),
    Case(
        "frame without a density",
        RELEASE,
        "density",
        remove(f"{SHOT}/maps/{UCF}_00[25].png"),
        counted={"frames_without_map": 2},
    ),
    Case(
        "densities beyond the clip",
        RELEASE,
        "density",
        renumbered(f"{SHOT}/maps", 4, keep=True),
        counted={"maps_beyond_clip": 4},
    ),
]


test_one_message_and_nothing_left = refusals(CASES)


test_succeeds_and_counts = counts(CASES)
