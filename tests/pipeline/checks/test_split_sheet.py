"""Split sheets that are made from a raw folder."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pipeline.checks.split_sheet import sheet
from pipeline.datasets.diem import TEST_CLIPS
from pipeline.raw import patterns as raw
from pipeline.raw.splits import read_sheet
from pipeline.runtime.errors import InputError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "config.yaml", tmp_path)
    (tmp_path / "workflow/splits").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    raw._by_clip.cache_clear()
    raw.entries.cache_clear()
    return tmp_path


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def _videos(folder: Path, names: list[str]) -> None:
    for name in names:
        _touch(folder / f"raw/diem/{name}/video/{name}.mp4")


def test_diem_tests_on_the_videos_of_borji(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = [f"{'Zz' if i < 8 else 'aa'}_{i:02d}_720x576" for i in range(64)]
    _videos(folder, [*trained, *TEST_CLIPS])
    sheet(dataset="diem")
    clips = read_sheet(folder / "workflow/splits/diem.csv")
    assert Counter(clip.split for clip in clips) == {"train": 64, "test": 20}
    tested = [clip for clip in clips if clip.split == "test"]
    assert {clip.name for clip in tested} == TEST_CLIPS
    assert {(clip.first, clip.last) for clip in tested} == {(1, 300)}
    assert {(clip.first, clip.last) for clip in clips if clip.split == "train"} == {(None, None)}
    assert "not as published" not in capsys.readouterr().out


def test_whole_diem_is_every_video_from_end_to_end(folder: Path) -> None:
    trained = [f"aa_{i:02d}_720x576" for i in range(64)]
    _videos(folder, [*trained, *TEST_CLIPS])
    (folder / "raw/diem").rename(folder / "raw/diem_whole")
    sheet(dataset="diem_whole")
    clips = read_sheet(folder / "workflow/splits/diem_whole.csv")
    assert {clip.name for clip in clips} == {*trained, *TEST_CLIPS}
    assert {(clip.split, clip.first, clip.last) for clip in clips} == {("test", None, None)}


def test_an_incomplete_diem_is_told_and_noted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "workflow/splits/totals.csv", folder / "workflow/splits")
    _videos(folder, ["a_1x1", "advert_iphone_1272x720"])
    sheet(dataset="diem")
    told = capsys.readouterr().out
    assert "raw/diem is not as published: 1 clips under train instead of 64" in told
    noted = (folder / "workflow/splits/diem.csv").read_text()
    assert "# NOT AS PUBLISHED: 1 clips under test instead of 20." in noted
    assert len(read_sheet(folder / "workflow/splits/diem.csv")) == 2


def test_ledov_tests_on_what_its_meta_dataset_lists(folder: Path) -> None:
    for name in ("animal_a01", "man_b02", "ball_c03"):
        _touch(folder / f"raw/ledov/{name}/{name}.mp4")
    listing = folder / "raw/ledov_meta/ledov_meta.csv"
    _touch(listing)
    listing.write_text("# provenance\nvideo,frame,mask\nman_b02,15,True\nman_b02,16,False\n")
    sheet(dataset="ledov")
    clips = read_sheet(folder / "workflow/splits/ledov.csv")
    assert [(clip.name, clip.split) for clip in clips] == [
        ("animal_a01", "train"),
        ("ball_c03", "train"),
        ("man_b02", "test"),
    ]


def test_salicon_is_split_by_name(folder: Path) -> None:
    for split in ("val", "test", "train"):
        _touch(folder / f"raw/salicon/images/COCO_{split}2014_000000000001.jpg")
    _touch(folder / "raw/salicon/images/cover.jpg")
    sheet(dataset="salicon")
    clips = read_sheet(folder / "workflow/splits/salicon.csv")
    assert [clip.split for clip in clips] == ["train", "val"]


def test_a_sheet_of_the_repository_is_not_made_anew(folder: Path) -> None:
    with pytest.raises(
        InputError, match=r"dhf1k\.csv of dhf1k \(paper\) is part of the repository"
    ):
        sheet(dataset="dhf1k")


def test_no_videos(folder: Path) -> None:
    with pytest.raises(InputError, match=r"raw/salicon: no file fits images/\{clip\}\.jpg"):
        sheet(dataset="salicon")


def _choose(folder: Path, dataset: str, variant: str) -> None:
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["datasets"][dataset]["variant"] = variant
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def test_shots_of_hollywood2_with_single_frames_among_them(folder: Path) -> None:
    _choose(folder, "hollywood2", "release")
    (folder / "workflow/splits/release").mkdir()
    for path in (
        "training/actioncliptrain00001_1/images/actioncliptrain00001_00001.png",
        "training/actioncliptrain00001_2/images/actioncliptrain00001_00031.png",
        "training/actioncliptrain00001_2/images/actioncliptrain00001_00032.png",
        "testing/actioncliptest00007_3/images/actioncliptest00007_00102.png",
    ):
        _touch(folder / "raw/hollywood2" / path)
    sheet(dataset="hollywood2")
    clips = read_sheet(folder / "workflow/splits/release/hollywood2.csv")
    assert [(clip.name, clip.split) for clip in clips] == [
        ("actioncliptrain00001_1", "train"),
        ("actioncliptrain00001_2", "train"),
        ("actioncliptest00007_3", "test"),
    ]


def test_counts_that_are_not_the_published_ones_are_noted(folder: Path) -> None:
    _choose(folder, "hollywood2", "release")
    (folder / "workflow/splits/release").mkdir()
    (folder / "workflow/splits/totals.csv").write_text(
        "dataset,variant,split,clips,frames,source\nhollywood2,release,train,1,3,me\n"
    )
    shot = "raw/hollywood2/training/actioncliptrain00001_1/images/actioncliptrain00001_"
    for number in ("00001", "00002"):
        _touch(folder / f"{shot}{number}.png")
    sheet(dataset="hollywood2")
    noted = (folder / "workflow/splits/release/hollywood2.csv").read_text()
    assert "# NOT AS PUBLISHED: 2 frames under train instead of 3." in noted
