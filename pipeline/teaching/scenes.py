"""Stage scenes: draw short clips with a density of where people look, to teach a network motion.

`pipeline.teaching.drawing.kinds` says what they show and `pipeline.teaching.drawing.attention`
where people look. A clip follows from the seed and its name, whichever others are drawn.
"""

from pathlib import Path

from pipeline.raw.splits import SPLITS, SheetClip, read_sheet
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic, remove
from pipeline.teaching.drawing.attention import densities, draw_habits
from pipeline.teaching.drawing.kinds import KINDS, draw_scene
from pipeline.teaching.drawing.photographs import Photographs
from pipeline.teaching.drawing.timeline import LEAD
from pipeline.teaching.layout import generator, write_clip

_QUALITY = (86, 95)
"""Bounds of a clip's JPEG quality: flow meets real noise of compression."""


def kind_of(clip: str) -> str:
    """Return the kind that a clip's name begins with: pan for pan_001."""
    return clip.rpartition("_")[0]


def draw_clip(folder: Path, clip: str, photographs: Photographs, seed: int) -> None:
    """Write the frames, densities and fixations of a clip into a folder.

    Raises:
        InputError: A photograph is damaged.
    """
    rng = generator(seed, clip)
    scene = draw_scene(rng, kind_of(clip), photographs)
    maps = densities(scene, draw_habits(rng))
    quality = int(rng.integers(*_QUALITY))
    moments = ((scene.picture(LEAD + i, rng), density) for i, density in enumerate(maps))
    write_clip(folder, moments, rng, quality)


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
