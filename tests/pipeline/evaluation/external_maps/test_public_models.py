"""The layouts that public models write (docs/rivals.md)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.evaluation.external_maps.reader import open_maps
from tests.pipeline.evaluation.external_maps.maps_on_disk import (
    T,
    assert_clip,
    drawn,
    expected,
    film,
    kinds,
    save,
)


class Written(NamedTuple):
    """A clip as a model's script writes its maps (docs/rivals.md)."""

    clip: str
    path: str
    """Of a map, from its number; of the film, for all of a clip's."""
    frames: int = T
    first: int = 1
    """Number of the clip's first frame in its video."""
    start: int = 1
    """Number that the script gives to this frame."""
    mapped: range | None = None
    """Frames with a map; None: all."""
    beside: tuple[str, ...] = ()
    """What else lies in the clip's folder."""

    @property
    def chosen(self) -> list[int]:
        return list(range(self.frames) if self.mapped is None else self.mapped)


SHOT, UCF = "actioncliptest00007_12", "Diving-Side-001"
INPUTS = ("images", "maps", "fixation")
FOLDERS = tuple(f"testing/{UCF}/{inner}/Diving-Side_001_{{:03d}}.png" for inner in INPUTS)
SHOTS = tuple(f"testing/{SHOT}/{inner}/actioncliptest00007_{{:05d}}.png" for inner in INPUTS)
LAYOUTS: dict[str, tuple[list[Written], list[str]]] = {
    "SalGAN": (
        [Written("0601", "0601_{:04d}.jpg"), Written("Run-Side_001", "Run-Side_001_{:03d}.jpg")],
        ["jpeg", "jpeg"],
    ),
    "ACLNet": (
        [Written(UCF, f"testing/{UCF}/saliency/Diving-Side_001_{{:03d}}.png", beside=FOLDERS)],
        ["other_file"],
    ),
    "SalEMA-DHF1K": ([Written("601", "SalEMA30_predictions/0601/{:04d}.png")], []),
    "SalEMA-Hollywood-2": (
        [
            Written(
                SHOT,
                f"testing/{SHOT}/SalEMA30_predictions/actioncliptest00007_1{{:05d}}.png",
                first=201,
                beside=SHOTS,
            )
        ],
        ["other_file", "shifted"],
    ),
    "SalEMA-other": ([Written("diving", "SalEMA30_predictions/diving/{:05d}.jpg")], ["jpeg"]),
    "STRA-Net": (
        [
            Written(
                f"Lifting_00{n}", f"UCF sports/UHD.01-299/Lifting-00{n}/Lifting_00{n}_{{:03d}}.png"
            )
            for n in (1, 2)
        ],
        [],
    ),
    "TASED-Net": (
        [
            Written("0601", "output/0601/{:04d}.png", 63),
            Written("0602", "output/0602/{:04d}.png", 62, mapped=range(0)),
        ],
        ["missing_clip"],
    ),
    "TASED-Net-Hollywood-2": (
        [Written(SHOT, f"output/{SHOT}/{{:04d}}.png", 63, first=3)],
        ["shifted"],
    ),
    "OM-CNN": (
        [Written("animal_alpaca01", "animal_alpaca01_out.avi", 54, mapped=range(48))],
        ["missing_frame"],
    ),
    "UNISAL-DHF1K": ([Written("0601", "2020_unisal/DHF1K/0601/{:04d}.png")], []),
    "UNISAL-Hollywood-2": (
        [Written(SHOT, f"Hollywood/{SHOT}/actioncliptest00007_{{:05d}}.png", first=3, start=3)],
        [],
    ),
    "UNISAL-folder": (
        [Written("0601", "0601/saliency/{:04d}.png", beside=("0601/images/{:04d}.png",))],
        ["other_file"],
    ),
    "ViNet": (
        [
            Written("0601", "ViNet/0601/{:04d}.png", 63),
            Written("0602", "ViNet/0602/{:04d}.png", 62, mapped=range(0)),
        ],
        ["missing_clip"],
    ),
    "ViNet-Hollywood-2": (
        [Written(SHOT, f"ViNet/{SHOT}/actioncliptest00007_{{:05d}}.png", first=3, start=3)],
        [],
    ),
}


def write_film(root: Path, written: Written, pictures: list[NDArray]) -> None:
    """As the demo of OM-CNN, and what docs/rivals.md says to do with it."""
    kept = root.parent / written.path
    film(kept, np.stack(pictures), "gray", "-c:v", "mpeg4", "-vtag", "DIVX", "-q:v", "1")
    (root / written.clip).mkdir(parents=True)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(kept)]
    command += ["-start_number", str(written.chosen[0] + 1)]
    subprocess.run([*command, str(root / written.clip / "%04d.png")], check=True)


def write_as(root: Path, written: Written) -> list[NDArray]:
    """The maps that a clip then has."""
    pictures = [drawn(frame) for frame in written.chosen]
    if written.path.endswith(".avi"):
        write_film(root, written, pictures)
        return pictures
    for frame, picture in zip(written.chosen, pictures, strict=True):
        save(root / written.path.format(frame + written.start), picture)
        for other in written.beside:
            save(root / other.format(frame + written.first), drawn(1000 + frame))
    return pictures


@pytest.mark.parametrize(("clips", "told"), LAYOUTS.values(), ids=LAYOUTS)
def test_the_layouts_of_public_models(
    tmp_path: Path, clips: list[Written], told: list[str]
) -> None:
    """Every map is its frame's, and missing is what the model does not predict."""
    root = tmp_path / "maps"
    truth = {written.clip: write_as(root, written) for written in clips}
    found = open_maps(root, [expected(one.clip, one.frames, one.first) for one in clips])
    for written in clips:
        assert found.frames(written.clip) == written.chosen
        for frame, picture in zip(written.chosen, truth[written.clip], strict=True):
            lossy = 0 if written.path.endswith(".png") else 12
            np.testing.assert_allclose(found.read_map(written.clip, frame), picture, atol=lossy)
    assert kinds(found) == told


def test_a_film_may_be_called_the_output_of_a_video(tmp_path: Path) -> None:
    grey = np.stack([drawn(i) for i in range(T)])
    for name in ("animal_alpaca01_out", "time_out", "b_out", "b"):
        film(tmp_path / f"{name}.avi", grey, "gray", "-c:v", "ffv1")
    found = open_maps(tmp_path, [expected(c) for c in ("animal_alpaca01", "time_out", "b")])
    assert_clip(found, "animal_alpaca01", list(grey))
    assert_clip(found, "time_out", list(grey))
    assert found.frames("b") == []
    assert kinds(found, besides=("eight_bit", "film")) == ["ambiguous_clip"]
