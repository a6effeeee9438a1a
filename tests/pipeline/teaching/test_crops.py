"""Parts of photographs: which ones, and what a teacher finds in them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import Tensor, nn

from model.sight import Sight
from pipeline.raw.splits import read_sheet
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import write_rows
from pipeline.teaching import crops as crops_module
from pipeline.teaching.crops import SHARES, WIDTH, crop, crops
from pipeline.teaching.layout import FIXATIONS
from pipeline.teaching.teacher import Teacher
from pipeline.viewing.network.model import Model
from tests.builders import ROOT

SHEETS = ROOT / "workflow/splits"
FIRST, SECOND = "COCO_train2014_000000000000", "COCO_train2014_000000000001"
ROWS = ((f"{FIRST}_1", "train"), (f"{FIRST}_2", "val"), (f"{SECOND}_1", "train"))


class _Bright(nn.Module):
    """Finds the bright, and more of it on the left."""

    sight = Sight()

    def forward(self, clip: Tensor, flow: Tensor, state: None) -> Tensor:
        right = clip.new_tensor(range(clip.shape[-1])) / clip.shape[-1]
        return (clip.mean(2, keepdim=True) + 0.1) * (1.5 - right)


def bright() -> Model:
    return Model("net", "a network", _Bright(), trained=(24, 32))


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that stands for the teacher's."""

    def load_other(name: str, *, weights: Path) -> Model:
        assert (name, weights) == ("unisal", Path("authors.pth"))
        return bright()

    monkeypatch.setattr(crops_module, "load", load_other)
    return Path("authors.pth")


def cut(
    root: Path,
    photographs: Path,
    weights: Path,
    rows: tuple[tuple[str, str], ...] = ROWS,
    seed: int = 0,
) -> Path:
    write_rows(root / "crops.csv", ("clip", "split"), rows)
    sheet, folder = root / "crops.csv", root / "crops"
    crops(photographs=photographs, sheet=sheet, weights=weights, folder=folder, seed=seed)
    return folder


def written(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_crop_is_a_part_of_the_photographs_aspect() -> None:
    across, down = np.meshgrid(np.arange(600), np.arange(400))
    photograph = np.stack([across * 255 / 599, down * 255 / 399, 0 * down], -1).astype(np.uint8)
    mirrored, shares = [], []
    for seed in range(60):
        part = crop(photograph, np.random.default_rng(seed)).astype(float)
        assert part.shape == (round(WIDTH * 400 / 600), WIDTH, 3)
        right, left = part[:, -1, 0].mean() / 255, part[:, 0, 0].mean() / 255
        bottom, top = part[-1, :, 1].mean() / 255, part[0, :, 1].mean() / 255
        assert abs(right - left) == pytest.approx(bottom - top, abs=0.02)
        mirrored.append(right < left)
        shares.append(bottom - top)
        assert part[..., 2].max() == 0
    assert 18 < sum(mirrored) < 42
    assert SHARES[0] - 0.02 < min(shares) < 0.5
    assert 0.8 < max(shares) < SHARES[1] + 0.02


def test_a_teacher_has_no_side() -> None:
    picture = np.full((24, 32, 3), 20, np.uint8)
    picture[6:10, 4:8] = picture[6:10, -8:-4] = 250
    alone = bright().predict(picture).squeeze()
    assert alone[8, 6] > 1.5 * alone[8, -7]
    found = Teacher(bright()).predict(picture).squeeze()
    assert found.shape == (24, 32)
    np.testing.assert_allclose(found, found[:, ::-1], rtol=1e-4)


def test_a_teacher_sees_a_picture_at_two_sizes() -> None:
    class Watching(_Bright):
        """Keeps the sizes that it sees."""

        def forward(self, clip: Tensor, flow: Tensor, state: None) -> Tensor:
            seen.append((*clip.shape[-2:],))
            return super().forward(clip, flow, state)

    seen: list[tuple[int, ...]] = []
    model = Model("net", "a network", Watching(), trained=(96, 192))
    picture = np.full((300, 600, 3), 20, np.uint8)
    picture[80:120, 440:480] = 250
    found = Teacher(model).predict(picture).squeeze()
    assert seen == [(128, 256), (96, 192)]
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 80 <= row < 120
    assert 440 <= column < 480


def test_a_crop_follows_from_seed_and_name(tmp_path: Path, salicon: Path, weights: Path) -> None:
    roots = [tmp_path / name for name in ("all", "one", "other")]
    for root in roots:
        root.mkdir()
    every = written(cut(roots[0], salicon / "images", weights))
    assert {name.rpartition("/")[0] for name in every} == {
        f"{split}/{clip}/{kind}"
        for clip, split in ROWS
        for kind in ("images", "density", "fixation")
    }
    assert len({content for name, content in every.items() if "images" in name}) == 3
    one = written(cut(roots[1], salicon / "images", weights, ROWS[1:2]))
    assert one == {name: content for name, content in every.items() if name in one}
    other = written(cut(roots[2], salicon / "images", weights, ROWS[1:2], seed=1))
    assert other.keys() == one.keys()
    assert all(other[name] != content for name, content in one.items())


def test_its_density_is_what_the_teacher_finds_in_it(
    tmp_path: Path, salicon: Path, weights: Path
) -> None:
    folder = cut(tmp_path, salicon / "images", weights) / f"val/{FIRST}_2"
    part = cv2.imread(str(folder / "images/0001.jpg"), cv2.IMREAD_COLOR_RGB)
    density, points = (
        cv2.imread(str(folder / f"{kind}/0001.png"), cv2.IMREAD_GRAYSCALE)
        for kind in ("density", "fixation")
    )
    assert density.shape == points.shape == part.shape[:2]
    assert part.shape[1] == WIDTH
    found = cv2.resize(
        Teacher(bright()).predict(np.asarray(part, np.uint8)).squeeze(), part.shape[1::-1]
    )
    assert np.corrcoef(density.ravel(), found.ravel())[0, 1] > 0.99
    assert density.max() == 255
    assert FIXATIONS / 2 < np.count_nonzero(points) <= FIXATIONS


def test_clips_that_are_there_are_kept(
    tmp_path: Path, salicon: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cut(tmp_path, salicon / "images", weights)
    first = written(folder)
    kept = folder / f"train/{FIRST}_1/images/0001.jpg"
    kept.write_bytes(b"of a run before")
    shutil.rmtree(folder / f"val/{FIRST}_2")
    again = written(cut(tmp_path, salicon / "images", weights))
    assert "3 clips, 1 of them new" in capsys.readouterr().out
    assert kept.read_bytes() == b"of a run before"
    name = kept.relative_to(folder).as_posix()
    assert again == first | {name: b"of a run before"}


@pytest.mark.parametrize("damaged", [False, True])
def test_a_photograph_that_is_missing_or_damaged_is_named(
    tmp_path: Path, salicon: Path, weights: Path, damaged: bool
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    shutil.copy(salicon / f"images/{FIRST}.jpg", images)
    if damaged:
        whole = (salicon / f"images/{SECOND}.jpg").read_bytes()
        (images / f"{SECOND}.jpg").write_bytes(whole[: len(whole) // 2])
    message = rf"images/{SECOND}\.jpg: no readable photograph; fetch it again"
    with pytest.raises(InputError, match=message):
        cut(tmp_path, images, weights)
    found = sorted(path.name for path in (tmp_path / "crops").glob("*/*"))
    assert found == [f"{FIRST}_1", f"{FIRST}_2"]


def test_a_clip_is_called_by_a_photograph_and_a_number(
    tmp_path: Path, salicon: Path, weights: Path
) -> None:
    with pytest.raises(
        InputError, match=r"crops\.csv: clip odd: expected a photograph and a number"
    ):
        cut(tmp_path, salicon / "images", weights, (("odd", "train"),))


def test_no_photograph_that_is_measured_on_is_cut() -> None:
    rows = read_sheet(SHEETS / "light/crops.csv")
    photographs = {row.name: row.split for row in read_sheet(SHEETS / "real/salicon.csv")}
    stems = {split: set[str]() for split in ("train", "val")}
    for row in rows:
        stems[row.split].add(row.name.rpartition("_")[0])
    assert len({row.name for row in rows}) == len(rows)
    assert stems["train"].isdisjoint(stems["val"])
    trained = {name for name, split in photographs.items() if split == "train"}
    assert stems["train"] | stems["val"] == trained
    assert {*Counter(row.name.rpartition("_")[0] for row in rows).values()} == {6}
