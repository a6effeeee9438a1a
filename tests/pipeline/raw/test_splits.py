"""Split sheets, parts, and where raw files lie."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.config.data import DatasetGaze
from pipeline.raw.patterns import (
    clips_with_video,
    entries,
    gaze_files,
    listing,
    numbered_files,
    stays_inside,
    video_file,
)
from pipeline.raw.splits import SheetClip, part_names, parts, read_sheet, read_totals
from pipeline.runtime.errors import InputError

SHEETS = Path(__file__).parents[3] / "workflow/splits"


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
    assert part_names(dealt, "test") == ["0004"]
    assert part_names(dealt, "train") == ["0001", "0002", "0003"]
    assert part_names(dealt, "validation") == []


@pytest.mark.parametrize(("share", "held"), [(0.1, 1), (0.25, 3), (0.5, 6), (0.99, 12)])
def test_held_out_clips_are_training_clips_in_parts_of_their_own(
    tmp_path: Path, share: float, held: int
) -> None:
    rows = [f"{split}{i},{split}" for split in ("val", "train", "test") for i in range(13)]
    path = _sheet(tmp_path, "\n".join(["clip,split", *rows]) + "\n")
    dealt = parts(path, 3, share)
    names = {
        split: [clip.name for part in part_names(dealt, split) for clip in dealt[part]]
        for split in ("train", "validation", "val", "test")
    }
    assert len(names["validation"]) == held
    assert all(name.startswith("train") for name in names["validation"])
    assert sorted(names["train"] + names["validation"]) == sorted(f"train{i}" for i in range(13))
    assert names["val"] == [f"val{i}" for i in range(13)]
    assert names["test"] == [f"test{i}" for i in range(13)]
    assert {len({clip.held_out for clip in clips}) for clips in dealt.values()} == {1}


@pytest.mark.parametrize("name", ["ucf_sports", "hollywood2", "dhf1k", "release/ucf_sports"])
def test_no_committed_clip_is_in_two_splits(name: str) -> None:
    clips = read_sheet(SHEETS / f"{name}.csv")
    assert len({clip.name for clip in clips}) == len(clips)


def test_the_release_of_ucf_sports_has_the_same_split() -> None:
    paper, release = (
        read_sheet(SHEETS / "ucf_sports.csv"),
        read_sheet(SHEETS / "release/ucf_sports.csv"),
    )
    assert [(clip.name.replace("_", "-"), clip.split) for clip in paper] == [
        (clip.name, clip.split) for clip in release
    ]


def test_known_totals_agree_with_the_committed_sheets() -> None:
    totals = read_totals(SHEETS / "totals.csv")
    for name in ("ucf_sports", "hollywood2", "dhf1k"):
        found = Counter(clip.split for clip in read_sheet(SHEETS / f"{name}.csv"))
        known = {
            split: total.clips
            for (of, made, split), total in totals.items()
            if (of, made) == (name, "paper")
        }
        assert known == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,split\na,train\na,test\n", "clip a is listed twice, under train and test"),
        ("clip,split\na,train\na,train\n", "clip a is listed twice, under train and train"),
        ("clip,split\n../a,train\n", r"'\.\./a' cannot be a clip"),
        ("clip,split\na/b,train\n", "'a/b' cannot be a clip"),
        ("clip,split\n a ,train\n", "' a ' cannot be a clip"),
        ("clip,split\n.hidden,train\n", r"'\.hidden' cannot be a clip"),
        ('clip,split\n"a\nb",train\n', "cannot be a clip"),
        ("clip,split\n{clip},train\n", "cannot be a clip"),
        ("clip,split\n<raw>,train\n", "'<raw>' cannot be a clip; .*no word in < and >"),
        ("clip,split\na <b>bold</b>,train\n", "cannot be a clip"),
        ("clip,split\nx<i_2>,train\n", "cannot be a clip"),
        ("clip,split\n,train\n", "'' cannot be a clip"),
        ("clip,split\nzarr.json,train\n", r"'zarr\.json' cannot be a clip; .*a store's own"),
        ("clip,split\n" + "\u00e9" * 101 + ",train\n", "cannot be a clip; .*at most 200 bytes"),
        ("clip,split,first,last\na,train,0,\n", "frames 0 to None of a"),
        ("clip,split,first,last\na,train,9,3\n", "frames 9 to 3 of a"),
        ("clip,split\na,training\n", "split 'training'; use one of train, val, test"),
        ("clip,split,first,last\na,train,x,\n", r"row 1: 'x' is no whole number"),
        (
            "clip,split,first,last\na,train,," + "9" * 5000 + "\n",
            r"row 1: '9{39} is no whole number",
        ),
        ("clip,split,first,last\na,train,1e3,\n", r"row 1: '1e3' is no whole number"),
        ("name,split\na,train\n", "no column clip; the header must have clip,split"),
        ("clip,split\n", "no clip listed"),
    ],
)
def test_a_bad_sheet_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"s\.csv: .*{message}"):
        read_sheet(_sheet(tmp_path, text))


def test_a_sheet_that_is_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(b"clip,split\n\xff\xfe,train\n")
    with pytest.raises(InputError, match=r"line 2: not text in UTF-8"):
        read_sheet(path)


@pytest.mark.parametrize("name", ["Füße 3", "видео-1", "a,b", "a'b"])
def test_names_of_other_alphabets_and_with_blanks_are_clips(tmp_path: Path, name: str) -> None:
    path = _sheet(tmp_path, f'clip,split\n"{name}",test\n')
    assert read_sheet(path)[0].name == name


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


RELEASED = {
    "{split}ing/{clip}/images/*_{frame}.png": "testing/shot_1/images/film_{:05d}.png",
    "{split}/{clip}/maps/{frame}.png": "test/shot_1/maps/{:04d}.png",
    "video_frames/DIEM/{clip}/img_{frame}.jpg": "video_frames/DIEM/shot_1/img_{:05d}.jpg",
    "annotation/0{clip}/maps/{frame}.png": "annotation/0shot_1/maps/{:04d}.png",
}


@pytest.mark.parametrize("pattern", RELEASED)
def test_numbered_files_of_every_release(tmp_path: Path, pattern: str) -> None:
    layout = RELEASED[pattern]
    _touch(tmp_path, *(layout.format(number) for number in (102, 9, 10)), layout.format(1) + "~")
    _touch(tmp_path, layout.format(1).replace("shot_1", "shot_11"))
    folder, _, name = layout.format(9).rpartition("/")
    _touch(tmp_path, f"{folder}/._{name}")  # as macOS leaves behind
    found = numbered_files(tmp_path, pattern, "shot_1", "test")
    assert {number: str(path.relative_to(tmp_path)) for number, path in found.items()} == {
        number: layout.format(number) for number in (9, 10, 102)
    }
    assert list(found) == [9, 10, 102]


def test_two_files_of_one_number_are_told(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.png", "a/0001.png")
    with pytest.raises(InputError, match=r"frame 1 of a is also 0001\.png"):
        numbered_files(tmp_path, "{clip}/{frame}.png", "a", "test")


def test_a_listing_tells_names_and_sizes_apart(tmp_path: Path) -> None:
    def digest() -> str:
        entries.cache_clear()
        return listing(tmp_path, "{clip}/{frame}.png", [SheetClip("a", "test", None, None)])

    _touch(tmp_path, "a/1.png")
    first = digest()
    (tmp_path / "a/1.png").touch()
    assert digest() == first
    (tmp_path / "a/1.png").write_bytes(b"x")
    longer = digest()
    _touch(tmp_path, "a/2.png")
    assert len({first, longer, digest()}) == 3
    assert listing(tmp_path, "{clip}.avi", [SheetClip("a", "test", None, None)]) == ""


def test_a_link_may_not_leave_the_raw_folder(tmp_path: Path) -> None:
    _touch(tmp_path, "elsewhere/a.avi", "disk/raw/b.avi")
    raw = tmp_path / "raw"
    raw.symlink_to(tmp_path / "disk/raw")
    (raw / "a.avi").symlink_to(tmp_path / "elsewhere/a.avi")
    stays_inside(raw, [raw / "b.avi"])
    with pytest.raises(InputError, match=r"raw/a\.avi: leads to .*elsewhere/a\.avi, outside"):
        stays_inside(raw, [raw / "b.avi", raw / "a.avi"])
    with pytest.raises(InputError, match="outside"):
        stays_inside(raw, [raw / "../elsewhere/a.avi"])
