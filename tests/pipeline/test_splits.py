"""Split sheets, parts, and where raw files lie."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.config import DatasetGaze
from pipeline.errors import InputError
from pipeline.raw import clips_with_video, gaze_files, video_file
from pipeline.splits import SheetClip, part_names, parts, read_sheet

SHEETS = Path(__file__).parents[2] / "workflow/splits"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ucf_sports", {"train": 103, "test": 47}),
        ("hollywood2", {"train": 823, "test": 884}),
        ("dhf1k", {"train": 600, "val": 100, "test": 300}),
    ],
)
def test_counts_of_the_real_sheets(name: str, counts: dict[str, int]) -> None:
    assert Counter(clip.split for clip in read_sheet(SHEETS / f"{name}.csv")) == counts


def test_lan_test_split_by_class() -> None:
    clips = read_sheet(SHEETS / "ucf_sports.csv")
    found = Counter(clip.name.rsplit("_", 1)[0] for clip in clips if clip.split == "test")
    assert found == {
        "Diving-Side": 4,
        "Golf-Swing-Back": 5,
        "Golf-Swing-Front": 1,
        "Kicking-Front": 6,
        "Lifting": 2,
        "Riding-Horse": 4,
        "Run-Side": 4,
        "SkateBoarding-Front": 4,
        "Swing-Bench": 6,
        "Swing-SideAngle": 4,
        "Walk-Front": 7,
    }


def _sheet(folder: Path, text: str) -> Path:
    path = folder / "s.csv"
    path.write_text("# made up\n" + text)
    return path


def test_parts_hold_one_split_each(tmp_path: Path) -> None:
    rows = "clip,split,first,last\n" + "".join(f"t{i},train,,\n" for i in range(5)) + "a,test,2,9\n"
    path = _sheet(tmp_path, rows)
    dealt = parts(path, 2)
    assert [[clip.name for clip in clips] for clips in dealt.values()] == [
        ["t0", "t1"],
        ["t2", "t3"],
        ["t4"],
        ["a"],
    ]
    assert dealt["0004"] == (SheetClip("a", "test", 2, 9),)
    assert part_names(path, 2, ["test"]) == ["0004"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,split\na,train\na,test\n", "clip a is listed twice"),
        ("clip,split\na,training\n", "split 'training' is none of train, val, test"),
        ("clip,split,first,last\na,train,x,\n", r"row 1: invalid literal"),
        ("name,split\na,train\n", "row 1: 'clip'"),
        ("clip,split\n", "no clip listed"),
    ],
)
def test_a_bad_sheet_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"s\.csv: .*{message}"):
        read_sheet(_sheet(tmp_path, text))


def _gaze(pattern: str, observers: tuple[str, ...] | None = None) -> DatasetGaze:
    return DatasetGaze(reader="x", files=(pattern,), observers=observers, options={})


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_gaze_files_of_a_clip_are_those_that_fit(tmp_path: Path) -> None:
    _touch(
        tmp_path,
        "P01/P01_Trail001.txt",
        "P02/P02_Trail001.txt",
        "P02/P02_Trail0011.txt",
        "P02/P03_Trail001.txt",
        "P02/P02_Trail001.txt.bak",
    )
    found = gaze_files(tmp_path, _gaze("P{observer}/P{observer}_Trail{clip}.txt"), "001", "train")
    assert [path.name for path in found] == ["P01_Trail001.txt", "P02_Trail001.txt"]


def test_listed_observers_need_not_be_there_yet(tmp_path: Path) -> None:
    pattern = "{clip}/event_data/diem{observer}_{clip}.txt"
    found = gaze_files(tmp_path, _gaze(pattern, ("1s01.asc_1", "1s02.asc_1")), "ball_1x1", "test")
    assert [path.name for path in found] == [
        "diem1s01.asc_1_ball_1x1.txt",
        "diem1s02.asc_1_ball_1x1.txt",
    ]
    _touch(tmp_path, *(str(path.relative_to(tmp_path)) for path in found))
    assert gaze_files(tmp_path, _gaze(pattern), "ball_1x1", "test") == found


def test_videos(tmp_path: Path) -> None:
    _touch(tmp_path, "b/b.mp4", "A/A.mp4", "c/d.mp4")
    assert clips_with_video(tmp_path, "{clip}/{clip}.mp4") == ["A", "b"]
    assert video_file(tmp_path, "{split}/{clip}.jpg", "a", "val") == tmp_path / "val/a.jpg"


@pytest.mark.parametrize("clip", ["Diving-Side_001", "Golf-Swing-Back_001", "a_b_c_001"])
def test_a_clip_name_with_underscores_is_not_taken_for_an_observer(
    tmp_path: Path, clip: str
) -> None:
    names = [f"samples/{observer}_{clip}.avi.txt" for observer in ("001", "016")]
    _touch(tmp_path, *names)
    found = gaze_files(tmp_path, _gaze("samples/{observer}_{clip}.avi.txt"), clip, "train")
    assert found == [tmp_path / name for name in names]
