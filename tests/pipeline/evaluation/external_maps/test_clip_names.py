"""Names that are almost a clip's: the closest counts, and equals are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.external_maps.reader import open_maps
from tests.pipeline.evaluation.external_maps.maps_on_disk import (
    H,
    T,
    W,
    assert_clip,
    drawn,
    expected,
    kinds,
    only,
    save,
    save_clip,
)


@pytest.mark.parametrize(
    ("clip", "named"),
    [
        ("601", "0601"),
        ("0601", "601"),
        ("Diving-Side_001", "diving-side_001"),
        ("601", "601.avi"),
        ("601", "0601.AVI"),
        ("001", "1"),
        ("000", "0000"),
        ("Diving-Side_001", "Diving-Side-001"),
    ],
)
def test_names_that_are_almost_the_clips(tmp_path: Path, clip: str, named: str) -> None:
    pictures = save_clip(tmp_path / named)
    found = open_maps(tmp_path, [expected(clip), expected("602x")])
    assert_clip(found, clip, pictures)
    assert kinds(found) == ["missing_clip"]


def test_the_closest_name_counts_and_equals_are_left_out(tmp_path: Path) -> None:
    exact = save_clip(tmp_path / "601", 1)
    save_clip(tmp_path / "0601", 2)
    save_clip(tmp_path / "0602", 3)
    save_clip(tmp_path / "00602", 4)
    save_clip(tmp_path / "603/maps", 5)
    save_clip(tmp_path / "603/fixation", 6)
    save(tmp_path / "604.npy", np.zeros((T, H, W)))
    save_clip(tmp_path / "604", 7)
    found = open_maps(tmp_path, [expected(clip) for clip in ("601", "602", "603", "604")])
    assert_clip(found, "601", exact)
    assert sorted(kinds(found)) == ["ambiguous_clip"] * 3 + ["unknown_clip"]
    assert [found.frames(clip) for clip in ("602", "603", "604")] == [[], [], []]
    assert "maps under its closer name 601" in only(found, "unknown_clip").text
    texts = [finding.text for finding in found.findings if finding.kind == "ambiguous_clip"]
    pairs = ("00602, 0602", "603/fixation, 603/maps", "604.npy, 604")
    for names, text in zip(pairs, texts, strict=True):
        assert f"found 2 that fit alike ({names}); none is read" in text


def test_what_a_dataset_has_beside_the_maps_is_passed_over(tmp_path: Path) -> None:
    """Of several folders in a clip's, those of the dataset; but not if there are no others."""
    maps, many = save_clip(tmp_path / "a/saliency", 1), ("saliency", "other")
    for inner in ("images", "maps", "fixation/maps"):
        save_clip(tmp_path / "a" / inner, 2)
    alone = save_clip(tmp_path / "b/maps", 3)
    for inner in (*many, "images"):
        save_clip(tmp_path / "c" / inner, 4)
    found = open_maps(tmp_path, [expected(clip) for clip in "abc"])
    assert_clip(found, "a", maps)
    assert_clip(found, "b", alone)
    assert found.frames("c") == []
    assert kinds(found) == ["ambiguous_clip", "other_file"]
    assert "(c/other, c/saliency)" in only(found, "ambiguous_clip").text
    assert "a dataset has (fixation/maps, images, maps)" in only(found, "other_file").text


def test_clips_that_differ_in_case_only_want_equal_names(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "walk")
    save_clip(tmp_path / "WALK")
    found = open_maps(tmp_path, [expected("walk"), expected("Walk")])
    assert_clip(found, "walk", pictures)
    assert kinds(found) == ["missing_clip", "unknown_clip"]


def test_names_of_another_split_are_one_finding(tmp_path: Path) -> None:
    for number in range(1, 31):
        save(tmp_path / f"{number:03d}/0001.png", drawn(1))
    (tmp_path / "readme.txt").write_text("maps")
    found = open_maps(tmp_path, [expected("007"), expected("030")])
    assert kinds(found) == ["unknown_clip", "other_file", "missing_frame", "missing_frame"]
    unknown = only(found, "unknown_clip")
    assert "found 28 others (001, 002," in unknown.text
    assert "1 .txt" in only(found, "other_file").text
