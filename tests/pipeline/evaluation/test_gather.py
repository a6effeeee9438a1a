"""Maps made elsewhere become a SALIENCY store: which frames, what scale, what was wrong."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.evaluation.gather import gather
from pipeline.stores.kinds import DENSITY, SALIENCY
from pipeline.stores.reading import Store, open_store
from pipeline.stores.settings import recorded_settings
from pipeline.stores.writing import write_store

H, W, T = 24, 32, 5


def truth(folder: Path, first: int = 1) -> Path:
    with write_store(DENSITY, folder / "d.zarr", folder / "d.json", {}) as writer:
        for clip in ("a", "b"):
            writer.add(clip, [np.ones((T, H, W))], first=first)
    return folder / "d.json"


def levels(clip: str, number: int) -> np.ndarray:
    return np.random.default_rng([ord(clip), number]).integers(1, 65535, (H, W)).astype(np.uint16)


def maps(folder: Path, first: int = 1) -> Path:
    for clip in ("a", "b"):
        (folder / "maps" / clip).mkdir(parents=True)
        for number in range(first, first + T):
            cv2.imwrite(str(folder / f"maps/{clip}/{number:04d}.png"), levels(clip, number))
    return folder / "maps"


def gathered(folder: Path, *frame_list: Path) -> Store:
    gather(
        maps=folder / "maps",
        density=[folder / "d.json"],
        frame_list=list(frame_list),
        store=folder / "s.zarr",
        manifest=folder / "s.json",
        findings=folder / "findings.csv",
    )
    assert recorded_settings(folder / "s.json") == {"maps": str(folder / "maps")}
    return open_store(SALIENCY, folder / "s.json")


def findings(folder: Path) -> set[tuple[str, str]]:
    with (folder / "findings.csv").open(newline="") as file:
        return {(row["kind"], row["clip"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("first", [1, 11])
def test_each_map_is_its_frames_and_scaled_to_1(tmp_path: Path, first: int) -> None:
    truth(tmp_path, first)
    maps(tmp_path, first)
    store = gathered(tmp_path)
    for clip in ("a", "b"):
        assert store.clips[clip]["frames"] == [*range(T)]
        assert store.clips[clip]["numbers"] == [*range(first, first + T)]
        for place, saliency in enumerate(store[clip][:]):
            given = levels(clip, first + place)
            np.testing.assert_allclose(saliency, given / given.max(), rtol=1e-3)
    assert findings(tmp_path) == {("sixteen_bit", "")}


def test_what_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    truth(tmp_path)
    folder = maps(tmp_path)
    (folder / "a/0003.png").write_bytes((folder / "a/0003.png").read_bytes()[:200])
    (folder / "b/0001.png").unlink()
    cv2.imwrite(str(folder / "b/0004.png"), np.zeros((2 * H, 2 * W), np.uint8))
    store = gathered(tmp_path)
    assert store.clips["a"]["frames"] == [0, 1, 3, 4]
    assert store.clips["b"]["frames"] == [1, 2, 3, 4]
    assert store["b"].shape == (4, H, W)
    assert not store["b"][2].any()
    told = {("truncated", "a"), ("missing_frame", "b"), ("zero_map", "b"), ("mixed_sizes", "b")}
    assert told <= findings(tmp_path)


def test_only_listed_frames_of_a_meta_dataset(tmp_path: Path) -> None:
    truth(tmp_path)
    maps(tmp_path)
    frames = tmp_path / "list.csv"
    frames.write_text("video,frame,mask\na,1,True\na,3,True\n")
    store = gathered(tmp_path, frames)
    assert {clip: facts["frames"] for clip, facts in store.clips.items()} == {"a": [1, 3]}
    np.testing.assert_allclose(store["a"][0], levels("a", 2) / levels("a", 2).max(), rtol=1e-3)


def test_findings_are_kept_when_nothing_of_a_clip_can_be_read(tmp_path: Path) -> None:
    truth(tmp_path)
    folder = maps(tmp_path)
    for picture in (folder / "a").iterdir():
        picture.write_bytes(b"\x89PNG")
    assert list(gathered(tmp_path).clips) == ["b"]
    assert ("truncated", "a") in findings(tmp_path)
