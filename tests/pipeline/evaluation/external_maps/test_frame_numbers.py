"""Numbers of files, and positions in films and arrays, become frames of a clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.external_maps.findings import Expected, ranges
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


def test_shifts_other_than_counting_from_0_are_told_but_not_undone(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "a", 1, range(2, T + 2))
    save_clip(tmp_path / "b", 2, range(T))
    (tmp_path / "b/0004.png").unlink()
    found = open_maps(tmp_path, [expected("a"), expected("b")])
    assert_clip(found, "a", pictures[:-1], [1, 2, 3, 4, 5])
    assert found.frames("b") == [0, 1, 2, 3, 5]  # who has a 0 counts from there
    told = [(one.kind, one.clip, one.frame) for one in found.findings[:3]]
    assert told == [("shifted", "a", None), ("extra_frame", "a", 7), ("missing_frame", "a", 1)]
    assert kinds(found)[3:] == ["off_by_one", "missing_frame"]
    assert "expected also 5 (1 in all)" in found.findings[4].text


def test_numbers_may_count_from_the_clips_first_frame(tmp_path: Path) -> None:
    """As scripts count that see a folder of a shot's frames, and not which they are."""
    from_1 = save_clip(tmp_path / "a", 1)
    from_0 = save_clip(tmp_path / "b", 2, range(T))
    short = save_clip(tmp_path / "c", 3, range(1, T))
    found = open_maps(tmp_path, [expected("a", T, 3), expected("b", T, 40), expected("c", T, 3)])
    assert_clip(found, "a", from_1)
    assert_clip(found, "b", from_0)
    assert_clip(found, "c", short[2:], [0, 1, 2])  # read as it is numbered
    told = [finding.text for finding in found.findings if finding.kind == "shifted"]
    assert "expected numbers 3-8, found 1-6; read as counted from the clip's first" in told[0]
    assert "expected numbers 40-45, found 0-5; read as counted from the clip's" in told[1]
    assert "read as they are numbered" in told[2]


def test_one_odd_number_is_no_shift(tmp_path: Path) -> None:
    save(tmp_path / "a/0009.png", drawn(1))
    found = open_maps(tmp_path, [expected("a")])
    assert found.frames("a") == []
    assert kinds(found) == ["extra_frame", "missing_frame"]


def test_numbers_count_the_whole_video(tmp_path: Path) -> None:
    late, zero = save_clip(tmp_path / "a", 1, range(31, 37)), range(30, 36)
    found = open_maps(tmp_path, [expected("a", T, 31)])
    assert_clip(found, "a", late)
    assert kinds(found) == []
    pictures = save_clip(tmp_path / "b", 2, zero)
    found = open_maps(tmp_path, [expected("a", T, 31), expected("b", T, 31)])
    assert_clip(found, "b", pictures)
    assert kinds(found) == ["off_by_one"]


def test_a_film_counted_from_0_that_goes_on_after_the_clip(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "a", 1, range(T + 3))
    found = open_maps(tmp_path, [expected("a")])
    assert_clip(found, "a", pictures[:T])
    assert kinds(found) == ["off_by_one", "extra_frame"]


def test_gaps_in_a_clips_own_numbers(tmp_path: Path) -> None:
    for number in (4, 9, 10):
        save(tmp_path / f"a/{number}.png", drawn(number))
    found = open_maps(tmp_path, [Expected("a", 3, [4, 9, 10], (H, W))])
    assert_clip(found, "a", [drawn(4), drawn(9), drawn(10)])


@pytest.mark.parametrize("first", [0, 1])
def test_wanted_frames(tmp_path: Path, first: int) -> None:
    """All or only the wanted ones may be there, also counted from 0; 77 lies beyond the clip."""
    clip = expected("a", 10, wanted=[2, 3, 7, 77])
    for frame in (2, 3, 7):
        save(tmp_path / f"some/a/{frame + first:04d}.png", drawn(frame))
    for frame in range(10):
        save(tmp_path / f"all/a/{frame + first:04d}.png", drawn(frame))
    save(tmp_path / "array/a.npy", np.stack([drawn(frame) for frame in (2, 3, 7)]))
    for folder in ("some", "all", "array"):
        found = open_maps(tmp_path / folder, [clip])
        assert_clip(found, "a", [drawn(2), drawn(3), drawn(7)], [2, 3, 7])
        assert kinds(found) == ([] if first or folder == "array" else ["off_by_one"])


def test_a_number_twice_leaves_the_frame_out(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "a")
    save(tmp_path / "a/2.bmp", drawn(9))
    save(tmp_path / "a/mean.png", drawn(9))
    found = open_maps(tmp_path, [expected("a")])
    assert_clip(found, "a", [pictures[0], *pictures[2:]], [0, 2, 3, 4, 5])
    assert kinds(found) == ["other_file", "duplicate_frame"]
    finding = only(found, "duplicate_frame")
    assert finding.frame == 2
    assert "(0002.png, 2.bmp)" in finding.text


@pytest.mark.parametrize(
    ("length", "first", "frames", "told"),
    [
        (T, 31, list(range(T)), []),
        (T + 3, 1, list(range(T)), ["extra_frame"]),
        (T - 2, 1, list(range(T - 2)), ["missing_frame"]),
        (20, 11, list(range(T)), ["extra_frame"]),
    ],
)
def test_arrays_have_places_instead_of_numbers(
    tmp_path: Path, length: int, first: int, frames: list[int], told: list[str]
) -> None:
    values = np.stack([drawn(i, np.float32) for i in range(length)])
    save(tmp_path / "a.npy", values)
    found = open_maps(tmp_path, [expected("a", T, first)])
    shift = 10 if length == 20 else 0
    assert_clip(found, "a", list(values[shift : shift + len(frames)]), frames)
    assert kinds(found) == told


def test_ranges() -> None:
    assert ranges([9, 3, 8, 7]) == "3, 7-9"
    assert ranges([]) == ""
    assert ranges(range(0, 60, 2)).endswith("36, 38 and 10 more")
