"""What a table says of its data where it has only a part of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.evaluation import Coverage
from pipeline.reporting.coverage import Manifests, listed_beyond, sentences
from pipeline.stores.kinds import DENSITY
from pipeline.stores.writing import write_store
from tests.pipeline.reporting.conftest import Html


def used(**changes: Any) -> Coverage:
    facts: dict[str, Any] = {"dataset": "dhf1k", "split": "val", "instead": None, "training": None}
    return Coverage(**facts | {"clips": 100, "of": 100, "frames": 60273} | changes)


def part(folder: Path, clips: dict[str, int], dataset: str = "dhf1k", **gone: str) -> Path:
    """A part's densities: clip -> its frames, and clips left out with the reason."""
    manifest = folder / dataset / "density/0001.json"
    manifest.parent.mkdir(parents=True)
    with write_store(DENSITY, manifest.with_suffix(".zarr"), manifest, {}) as writer:
        for clip, frames in clips.items():
            writer.add(clip, [np.zeros((frames, 2, 2))], first=1, numbers=[])
        for clip, reason in gone.items():
            writer.leave_out(clip, reason)
    return manifest


@pytest.mark.parametrize(
    ("changes", "frames", "said"),
    [
        ({}, 90, ()),
        (
            {"clips": 1},
            90,
            ("1 of 100 validation clips of dhf1k (90 of 60,273 frames); not comparable.",),
        ),
        ({"clips": 99}, None, ("99 of 100 validation clips of dhf1k; not comparable.",)),
        (
            {"split": "train", "instead": "val", "clips": 600, "of": 600, "frames": None},
            9,
            (
                "600 of 600 training clips of dhf1k, as no validation clip is there; "
                "not comparable.",
            ),
        ),
        (
            {"split": "train", "training": "setting_1", "clips": 3, "of": 600},
            90,
            ("setting_1 is trained on 3 of 600 training clips of dhf1k.",),
        ),
        (
            {"split": "train", "training": "setting_2", "clips": 0, "of": 0},
            90,
            ("setting_2 is trained on no clip of dhf1k.",),
        ),
        ({"split": "train", "training": "setting_1", "clips": 600, "of": 600}, 90, ()),
    ],
)
def test_a_part_is_a_sentence_and_the_whole_is_none(
    changes: dict[str, Any], frames: int | None, said: tuple[str, ...]
) -> None:
    assert sentences([used(**changes)], Manifests([]), frames) == said


def test_clips_that_a_job_left_out_are_named_with_the_reason(tmp_path: Path) -> None:
    manifest = part(tmp_path, {"a": 2}, b="b.avi: cut\nshort", c="C.", d="D", e="E")
    scored = used(clips=5, of=5, frames=None)
    learned = used(split="train", training="setting_1", clips=5, of=5)
    gone = "b: b.avi: cut short; c: C; d: D; and 1 more."
    assert sentences([scored, learned], Manifests([manifest])) == (
        "1 of 5 validation clips of dhf1k; not comparable.",
        f"4 of 5 validation clips of dhf1k left out: {gone}",
    )
    assert sentences([scored, learned], Manifests([], [manifest])) == (
        "setting_1 is trained on 1 of 5 training clips of dhf1k.",
        f"4 of 5 training clips of dhf1k left out: {gone}",
    )


def test_listed_frames_beyond_a_clips_end_are_counted(tmp_path: Path) -> None:
    manifest = part(tmp_path, {"short": 3, "long": 9, "other": 1}, "ledov")
    frame_list = tmp_path / "list.csv"
    rows = [f"{clip},{frame},True" for clip in ("short", "long", "absent") for frame in range(6)]
    frame_list.write_text("\n".join(["video,frame,mask", *rows]) + "\n")
    over = used(dataset="ledov")
    found = listed_beyond(frame_list, [over], Manifests([manifest]))
    assert [*found.values()] == ["3 frames, not scored (short: 3 of 6)"]
    assert listed_beyond(None, [over], Manifests([manifest])) == {}


def test_every_page_of_a_part_says_so(tmp_path: Path, made: Any) -> None:
    manifest = part(tmp_path / "data", {"a": 2}, "ucf_sports", b="<b>.avi & cut")
    scored = used(dataset="ucf_sports", split="test", clips=2, of=47, frames=None)
    out = made(coverage={"table_1": [scored.model_dump()]}, tested=[manifest])
    short = "1 of 47 test clips of ucf_sports; not comparable."
    pages = (f"{name}.{form}" for name in ("table_1", "index") for form in ("md", "html"))
    for name in (*pages, "table_1.tex", "pages.json"):
        text = (out / name).read_text().replace("\\_", "_")
        assert short in text, name
    assert "left out: b: <b>.avi & cut." in Html((out / "table_1.html").read_text()).text
