"""Every planted fault is found by name, and every other map is read unharmed."""

from __future__ import annotations

import csv
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.evaluation.external_maps.findings import UnreadableMap
from pipeline.evaluation.external_maps.reader import ExternalMaps, open_maps
from tests.pipeline.evaluation.external_maps.maps_on_disk import (
    H,
    T,
    W,
    drawn,
    expected,
    kinds,
    only,
    save,
    save_clip,
    zipped,
)

CLIPS = (
    "absent",
    "extra",
    "sized",
    "flat",
    "zero",
    "nan",
    "deep",
    "alpha",
    "cut",
    "Walk-Front_001",
)
CLIPS += ("shifted", "jpeg")


class Faulty:
    """A folder with one fault in each of twelve clips, and what each frame must read as."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.truth: dict[str, dict[int, NDArray]] = {}
        for seed, clip in enumerate(CLIPS):
            folder = root / (clip if clip != "Walk-Front_001" else "Walk-Frnt_001")
            first = 0 if clip == "shifted" else 1
            pictures = save_clip(folder, seed, range(first, first + T))
            self.truth[clip] = dict(enumerate(pictures))
        del self.truth["Walk-Front_001"]
        self.leave_out("absent", 2, "0003.png")
        save(root / "extra/0009.png", drawn(1))
        self.replace("sized", 4, "0005.png", drawn(2, shape=(12, 16)))
        self.replace("flat", 1, "0002.png", np.full((H, W), 7, np.uint8))
        self.replace("zero", 5, "0006.png", np.zeros((H, W), np.uint8))
        self.spoil_nan()
        self.replace("deep", 3, "0004.png", drawn(4, np.uint16))
        grey = drawn(5)
        transparent = np.stack([grey, grey, grey, 255 - grey], axis=-1)
        save(root / "alpha/0002.png", transparent)
        self.truth["alpha"][1] = grey
        content = (root / "cut/0004.png").read_bytes()
        (root / "cut/0004.png").write_bytes(content[: len(content) // 2])
        del self.truth["cut"][3]
        (root / "jpeg/0003.png").unlink()
        picture = save(root / "jpeg/0003.jpg", drawn(6))
        self.truth["jpeg"][2] = np.asarray(Image.open(picture))

    def leave_out(self, clip: str, frame: int, file: str) -> None:
        (self.root / clip / file).unlink()
        del self.truth[clip][frame]

    def replace(self, clip: str, frame: int, file: str, picture: NDArray) -> None:
        save(self.root / clip / file, picture)
        self.truth[clip][frame] = picture

    def spoil_nan(self) -> None:
        self.leave_out("nan", 0, "0001.png")
        spoilt = drawn(3, np.float32)
        spoilt[3, 4:6] = np.nan, np.inf
        save(self.root / "nan/0001.npy", spoilt)
        whole = self.truth["nan"][1] / np.float32(3)
        (self.root / "nan/0002.png").unlink()
        self.replace("nan", 1, "0002.npy", whole)


FAULTS = {
    "unknown_clip": ("Walk-Frnt_001", None, "Walk-Frnt_001", "is it Walk-Front_001?"),
    "missing_frame": ("absent", 3, "absent", "found no map of them"),
    "extra_frame": ("extra", 9, "extra", "found also 9; left out"),
    "off_by_one": ("shifted", None, "shifted", "expected numbers 1-6, found 0-5; read as"),
    "truncated": ("cut", 4, "cut/0004.png", "cannot be decoded"),
    "not_finite": ("nan", 1, "nan/0001.npy", "2 values of 768 that are NaN or infinite"),
    "zero_map": ("zero", 6, "zero/0006.png", "found 0 everywhere"),
    "constant_map": ("flat", 2, "flat/0002.png", "found 7 everywhere"),
    "mixed_sizes": ("sized", 5, "sized/0005.png", "found 32x24 (1-4, 6), 16x12 (5)"),
    "alpha_channel": ("alpha", 2, "alpha/0002.png", "transparency, which was dropped"),
    "jpeg": ("jpeg", 3, "jpeg/0003.jpg", "found JPEG"),
    "sixteen_bit": ("deep", 4, "deep/0004.png", "read at full depth"),
}
"""Kind -> clip, number, file, words of the text."""


@pytest.fixture
def faulty(tmp_path: Path) -> Faulty:
    return Faulty(tmp_path / "maps")


def check_faults(found: ExternalMaps, truth: dict[str, dict[int, NDArray]], before: str) -> None:
    by_name = {"missing_clip", "unknown_clip", "missing_frame", "extra_frame", "off_by_one"}
    assert set(kinds(found, besides=())) == by_name, "no map is decoded at opening"
    unreadable = {}
    for clip in CLIPS:
        for frame in found.frames(clip):
            try:
                values = found.read_map(clip, frame)
            except UnreadableMap as error:
                unreadable[clip, frame] = error.finding
                assert str(error).startswith(error.finding.file)
            else:
                np.testing.assert_array_equal(values, truth[clip].pop(frame).astype(np.float32))
    assert not any(truth.values()), "every frame without a fault is read"
    assert {place: finding.kind for place, finding in unreadable.items()} == {
        ("nan", 0): "not_finite",
        ("cut", 3): "truncated",
    }
    assert only(found, "missing_clip").clip == "Walk-Front_001"
    assert sorted(kinds(found, besides=("eight_bit", "missing_clip"))) == sorted(FAULTS)
    for kind, (clip, number, file, words) in FAULTS.items():
        finding = only(found, kind)
        assert finding[1:4] == (clip, number, before + file), kind
        assert words in finding.text
    eight = only(found, "eight_bit")
    assert (eight.clip, eight.frame) == ("", None)
    assert "from 2.0 to about 10" in eight.text
    assert re.search(r"\(\d\d maps of 11 clips\)$", eight.text)


def test_twelve_faults_are_named_and_every_other_frame_is_read(faulty: Faulty) -> None:
    found = open_maps(faulty.root, [expected(clip) for clip in CLIPS])
    check_faults(found, faulty.truth, f"{faulty.root}/")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inside", ["", "test/our maps/"])
def test_a_zip_tells_the_same(faulty: Faulty, tmp_path: Path, inside: str, method: int) -> None:
    archive = zipped(faulty.root, tmp_path / "maps.zip", inside=inside, method=method)
    found = open_maps(archive, [expected(clip) for clip in CLIPS])
    check_faults(found, faulty.truth, f"{archive}!{inside}")


def test_the_report_is_a_sheet_of_the_findings(faulty: Faulty, tmp_path: Path) -> None:
    found = open_maps(faulty.root, [expected(clip) for clip in CLIPS])
    found.report(tmp_path / "findings.csv")
    with (tmp_path / "findings.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["kind", "clip", "frame", "file", "text"]
    frames = ["" if one.frame is None else str(one.frame) for one in found.findings]
    assert [row[2] for row in rows[1:]] == frames
    assert [row[4] for row in rows[1:]] == [finding.text for finding in found.findings]


def test_many_maps_of_a_kind_are_one_finding_with_a_count(tmp_path: Path) -> None:
    for number in (1, 2, 3, 5):
        save(tmp_path / f"a/{number}.png", np.zeros((H, W), np.uint8))
    found = open_maps(tmp_path, [expected("a", 5)])
    for frame in [*found.frames("a"), 0, 0]:
        found.read_map("a", frame)
    assert only(found, "zero_map").text.endswith("(4 maps: 1-3, 5)")
    assert only(found, "zero_map").frame == 1
    assert kinds(found) == ["missing_frame", "zero_map"]
