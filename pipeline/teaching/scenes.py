"""Stage scenes: draw short clips with a density of where people look, to teach a network motion.

`pipeline.teaching.kinds` says what they show and `pipeline.teaching.attention` where people look.
The layout is that of released maps (`pipeline.datasets.released`): in `<split>/<clip>/`,
`images/0001.jpg` is a frame, `density/0001.png` the density over its peak, and
`fixation/0001.png` the points that were drawn from it. A clip follows from the seed and its name,
whichever others are drawn.
"""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from pipeline.raw.splits import SPLITS, SheetClip, read_sheet
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic, remove
from pipeline.teaching.attention import densities, draw_habits
from pipeline.teaching.kinds import KINDS, draw_scene
from pipeline.teaching.photographs import Photographs
from pipeline.teaching.timeline import LEAD
from pipeline.training.flow_pairs.geometry import Floats, Picture

FIXATIONS = 40
"""Points drawn from each frame's density."""
_QUALITY = (86, 95)
"""Bounds of a clip's JPEG quality: flow meets real noise of compression."""


def kind_of(clip: str) -> str:
    """Return the kind that a clip's name begins with: pan for pan_001."""
    return clip.rpartition("_")[0]


def generator(seed: int, clip: str) -> np.random.Generator:
    """Return the generator of a clip, which follows from the seed and the name."""
    digest = hashlib.sha256(clip.encode()).digest()[:8]
    return np.random.default_rng([seed, int.from_bytes(digest)])


def draw_fixations(rng: np.random.Generator, density: Floats) -> Picture:
    """Return points drawn from a density [y, x], 255 on 0."""
    shares = np.cumsum(density.ravel(), dtype=np.float64)
    chosen = np.searchsorted(shares, rng.random(FIXATIONS) * shares[-1], side="right")
    points = np.zeros(density.shape, np.uint8)
    points.ravel()[np.minimum(chosen, density.size - 1)] = 255
    return points


def draw_clip(folder: Path, clip: str, photographs: Photographs, seed: int) -> None:
    """Write the frames, densities and fixations of a clip into a folder.

    Raises:
        InputError: A photograph is damaged.
    """
    rng = generator(seed, clip)
    scene = draw_scene(rng, kind_of(clip), photographs)
    maps = densities(scene, draw_habits(rng))
    quality = int(rng.integers(*_QUALITY))
    for name in ("images", "density", "fixation"):
        (folder / name).mkdir(parents=True)
    for number, density in enumerate(maps, start=1):
        grey = np.round(255 * density / density.max()).astype(np.uint8)
        picture = scene.picture(LEAD + number - 1, rng)
        _write(folder / f"images/{number:04d}.jpg", picture[..., ::-1], quality)
        _write(folder / f"density/{number:04d}.png", grey)
        _write(folder / f"fixation/{number:04d}.png", draw_fixations(rng, density))


def _write(path: Path, picture: Picture, quality: int = 0) -> None:
    """Encode a picture, BGR or grey; a quality is that of a JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if quality else []
    _, data = cv2.imencode(path.suffix, picture, options)
    path.write_bytes(data.tobytes())


def _check(sheet: Path, clips: tuple[SheetClip, ...]) -> None:
    for clip in clips:
        if kind_of(clip.name) not in KINDS:
            raise InputError(
                f"{sheet}: clip {clip.name}: no such kind of scene; a name is a kind and a number, "
                f"as pan_001, and kinds are {', '.join(KINDS)}"
            )


def scenes(*, folder: Path, sheet: Path, photographs: Path, attention: Path, seed: int) -> None:
    """Draw the clips of a split sheet into `folder`, from photographs and the attention on them.

    Photographs of three splits are three sets, and so are clips. Clips that are there are replaced.

    Raises:
        InputError: The sheet does not fit, or photographs or their attention are missing or
            damaged.
    """
    clips = read_sheet(sheet)
    _check(sheet, clips)
    sources = {split: Photographs(photographs, attention, split) for split in SPLITS}
    for clip in clips:
        target = folder / clip.split / clip.name
        remove(target)
        with atomic(target) as partial:
            draw_clip(partial, clip.name, sources[clip.split], seed)
    print(f"{folder}: {len(clips)} clips")


if __name__ == "__main__":
    main(scenes)
