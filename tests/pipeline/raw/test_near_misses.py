"""A missing file that lies there under almost its name is named, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.raw.near_misses import near_folder, near_miss
from pipeline.raw.patterns import entries, readable
from pipeline.runtime.errors import InputError

VIDEO = "video/001.AVI"
GAZE = "export/P{observer}/P{observer}_Trail001.txt"
FRAMES = "annotation/0001/maps/{frame}.png"


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("video/001.avi", VIDEO),
        ("Video/001.AVI", VIDEO),
        ("VIDEO/001.avi", VIDEO),
        ("video/1.AVI", VIDEO),
        ("video/0001.avi", VIDEO),
        ("video/001 .AVI", VIDEO),
        ("video/001.mp4", VIDEO),
        ("video/001.AVI.avi", VIDEO),
        ("dhf1k/video/001.AVI", VIDEO),
        ("DHF1K (1)/video/001.avi", VIDEO),
        ("video/video/001.AVI", VIDEO),
        ("001.AVI", VIDEO),
        ("../video/001.AVI", VIDEO),
        ("export/P01/p01_trail001.TXT", GAZE),
        ("export/P01/P01_Trail1.txt", GAZE),
        ("dhf1k/export/P01/P01_Trail001.txt", GAZE),
        ("annotation/001/maps/0001.png", FRAMES),
        ("annotation/0001/maps/0001.jpg", FRAMES),
        ("videos/Diving Side_001.avi", "videos/Diving-Side_001.avi"),
        ("videos/L\u00e4ufer.avi", "videos/La\u0308ufer.avi"),
        ("videos/La\u0308ufer.avi", "videos/L\u00e4ufer.avi"),
    ],
)
def test_what_was_probably_meant(tmp_path: Path, there: str, wanted: str) -> None:
    root = tmp_path / "raw/dhf1k"
    (root / there).parent.mkdir(parents=True, exist_ok=True)
    (root / there).write_text("")
    (root / "readme.txt").write_text("")
    found = near_miss(root, wanted)
    name = (root / there).resolve()
    assert found is not None
    assert Path(found.partition(" is there; rename it, or correct")[0]).resolve() == name


@pytest.mark.parametrize(
    "there", ["video/002.AVI", "video/001.txt", "video/011.AVI", "a/b/001.AVI"]
)
def test_what_is_something_else(tmp_path: Path, there: str) -> None:
    (tmp_path / "raw" / there).parent.mkdir(parents=True)
    (tmp_path / "raw" / there).write_text("")
    assert near_miss(tmp_path / "raw", VIDEO) is None


def test_of_an_empty_disk(tmp_path: Path) -> None:
    assert near_miss(tmp_path / "none", VIDEO) is None


def test_what_is_there_but_is_no_file_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("gone")
    (tmp_path / "c").write_text("")
    (tmp_path / "c").chmod(0o600)
    assert str(near_miss(tmp_path, "a")).endswith("a is there, but is no regular file")
    assert str(near_miss(tmp_path, "b")).endswith("is a link to gone, which is not there")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert not readable(str(tmp_path / "c"))
    assert str(near_miss(tmp_path, "c")).endswith(
        "c is there, but may not be read; change its permissions"
    )


def test_no_name_is_too_long_to_ask_for(tmp_path: Path) -> None:
    assert not readable(str(tmp_path / ("a" * 300)))
    assert near_miss(tmp_path, f"video/{'a' * 300}.AVI") is None


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(
        InputError, match=r"cannot be listed \(Permission denied\); change its perm"
    ):
        entries(tmp_path)


@pytest.mark.parametrize("there", ["DHF1K", "dhf_1k", " dhf1k"])
def test_a_dataset_in_a_folder_of_almost_its_name(tmp_path: Path, there: str) -> None:
    (tmp_path / there).mkdir()
    (tmp_path / "dhf1k.zip").write_text("")
    assert str(near_folder(tmp_path, "dhf1k")).startswith(f"{tmp_path / there} is there; rename it")
    assert near_folder(tmp_path, "diem") is None
