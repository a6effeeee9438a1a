"""The stage: the same bytes for the same seed and name, in a layout that our readers know."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config.data import DatasetFrames, DatasetGaze, Frames, ReleasedDensity
from pipeline.datasets.records import NOBODY
from pipeline.preprocessing.density import density
from pipeline.preprocessing.frames import frames
from pipeline.preprocessing.gaze import gaze
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FRAMES, GAZE
from pipeline.stores.reading import Store, open_store
from pipeline.teaching.drawing.kinds import KINDS
from pipeline.teaching.drawing.photographs import Photographs
from pipeline.teaching.drawing.timeline import FRAMES as LENGTH
from pipeline.teaching.layout import FIXATIONS
from pipeline.teaching.scenes import kind_of, scenes
from tests.builders import ROOT

SHEET = ROOT / "workflow/splits/light/drawn.csv"
ROWS = ("alone_1,train", "pan_1,val", "nod_1,train")


def drawn(root: Path, salicon: Path, rows: tuple[str, ...] = ROWS, seed: int = 0) -> Path:
    root.mkdir(exist_ok=True)
    sheet = root / "drawn.csv"
    sheet.write_text("\n".join(("clip,split", *rows)))
    scenes(
        folder=root / "drawn",
        sheet=sheet,
        photographs=salicon / "images",
        attention=salicon / "fixations/train",
        seed=seed,
    )
    return root / "drawn"


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, salicon: Path) -> Path:
    return drawn(tmp_path_factory.mktemp("three"), salicon)


def test_a_clip_follows_from_seed_and_name_whatever_else_is_drawn(
    three: Path, tmp_path: Path, salicon: Path
) -> None:
    alone = digests(drawn(tmp_path, salicon, ROWS[2:]))
    every = digests(three)
    assert len(every) == 3 * 3 * LENGTH
    assert alone == {name: one for name, one in every.items() if name.startswith("train/nod_1/")}
    again = digests(drawn(tmp_path, salicon, ROWS[2:], seed=1))
    assert again.keys() == alone.keys()
    assert all(alone[name] != digest for name, digest in again.items())


def test_what_stands_there_is_replaced(tmp_path: Path, salicon: Path) -> None:
    first = digests(drawn(tmp_path, salicon, ROWS[:1]))
    stray = tmp_path / f"drawn/train/alone_1/images/{LENGTH + 1:04d}.jpg"
    stray.write_bytes(b"of another run")
    assert digests(drawn(tmp_path, salicon, ROWS[:1])) == first


def stored(raw: Path, folder: Path, clips: list[SheetClip]) -> list[Store]:
    """The stores of frames, gaze and densities that the stages make of a layout."""
    grid = Frames(width=96, height=72, filter="area", codec="lossless")
    files = {
        name: f"{{split}}/{{clip}}/{name}/{{frame}}.{suffix}"
        for name, suffix in (("images", "jpg"), ("fixation", "png"), ("density", "png"))
    }
    seen, looked, maps = (
        {"store": folder / f"{name}.zarr", "manifest": folder / f"{name}.json"} for name in files
    )
    pictures = DatasetFrames(video=files["images"], rate=25.0, square_pixels=True, damaged="stop")
    points = DatasetGaze.model_validate({"reader": "released", "files": [files["fixation"]]})
    recipe = ReleasedDensity(recipe="released", files=files["density"])
    frames(raw=raw, clips=clips, dataset=pictures, grid=grid, **seen)
    gaze(raw=raw, frames=seen["manifest"], settings=points, grid=grid, **looked)
    density(gaze=looked["manifest"], raw=raw, settings=recipe, grid=grid, **maps)
    made = zip((FRAMES, GAZE, DENSITY), (seen, looked, maps), strict=True)
    return [open_store(kind, paths["manifest"]) for kind, paths in made]


def test_stages_and_readers_take_the_layout(three: Path, tmp_path: Path) -> None:
    clips = [SheetClip(name, split, None, None) for name, split in (row.split(",") for row in ROWS)]
    stores = stored(three, tmp_path, clips)
    for clip in clips:
        seen, points, looked = (np.asarray(store[clip.name][:]) for store in stores)
        assert seen.shape == (LENGTH, 72, 96, 3)
        assert looked.shape == (LENGTH, 72, 96)
        number = points[:, 0].astype(int)
        counts = np.bincount(number, minlength=LENGTH)
        assert counts.min() > FIXATIONS / 2  # some fall on one pixel
        assert counts.max() <= FIXATIONS
        assert (points[:, 3] == NOBODY).all()
        x, y = np.round(points[:, 1:3]).astype(int).T
        # Points lie where the density is.
        assert looked[number, y, x].mean(dtype=float) > 2 * looked.mean(dtype=float)


def test_every_kind_can_be_drawn_and_is_in_the_sheet(tmp_path: Path, salicon: Path) -> None:
    rows = read_sheet(SHEET)
    assert {kind_of(row.name) for row in rows} == set(KINDS)
    assert len({row.name for row in rows}) == len(rows)
    counts = Counter(row.split for row in rows)
    assert counts == {"train": 2750, "val": 24, "test": 48}
    folder = drawn(tmp_path, salicon, tuple(f"{kind}_1,train" for kind in KINDS))
    for kind in KINDS:
        paths = sorted((folder / "train" / f"{kind}_1" / "density").iterdir())
        maps = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
        assert len(maps) == LENGTH
        assert all(one.max() == 255 and one.mean() < 128 for one in maps), kind


def test_splits_share_no_photograph_and_know_none_of_another(salicon: Path) -> None:
    sets = [
        Photographs(salicon / "images", salicon / "fixations/train", split).files
        for split in ("train", "val", "test")
    ]
    assert [len(one) for one in sets] == [8, 1, 1]
    names = [picture.stem for one in sets for picture, _ in one]
    assert len(set(names)) == 10
    assert all("train2014" in name for name in names)


def test_a_name_of_no_kind_is_refused(tmp_path: Path, salicon: Path) -> None:
    with pytest.raises(InputError, match=r"drawn\.csv: clip holiday_1: no such kind .* pan_001"):
        drawn(tmp_path, salicon, ("pan_1,train", "holiday_1,train"))
    assert not (tmp_path / "drawn").exists()


def test_photographs_that_are_missing_few_or_damaged(tmp_path: Path, salicon: Path) -> None:
    with pytest.raises(InputError, match=r"at least 10 photographs, found 1; give SALICON's"):
        Photographs(salicon / "images", salicon / "fixations/val", "train")
    with pytest.raises(InputError, match=r"\.jpg: no such photograph, but its attention is in"):
        Photographs(tmp_path, salicon / "fixations/train", "train")
    pictures = tmp_path / "images"
    pictures.mkdir()
    for path in (salicon / "images").glob("*.jpg"):
        (pictures / path.name).write_bytes(b"no picture")
    damaged = Photographs(pictures, salicon / "fixations/train", "train")
    with pytest.raises(InputError, match=r"\.jpg: no readable photograph; fetch it again"):
        damaged.draw(np.random.default_rng(0))
