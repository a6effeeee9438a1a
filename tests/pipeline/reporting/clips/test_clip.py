"""The page of a clip, from small stores: its numbers, what it refuses, and its links."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.planning.paths import clip_page
from pipeline.reporting.clips.clip import clip, worst
from pipeline.reporting.clips.clips import clips
from pipeline.reporting.figures.seen import read_model
from pipeline.runtime.errors import InputError
from tests.pipeline.reporting.figures.small import LISTED, NUMBERS, rows_of, seal, sheet, stores


def pictured(folder: Path, scored: str = "abcd") -> dict[str, tuple[Path, Path]]:
    found = {}
    for label, name in {"One": "one", "Two </script>": "two"}.items():
        lines = rows_of(sheet(folder, name)).splitlines(keepends=True)
        kept = [line for line in lines if line.split(",")[0] in ("clip", *scored)]
        found[label] = (folder / "saliency.json", seal(folder / f"{name}.csv", "".join(kept)))
    return found


def page(folder: Path, name: str = "b", scored: str = "abcd") -> Path:
    paths, out = stores(folder), folder / clip_page("small", name)
    out.parent.mkdir(parents=True, exist_ok=True)
    clip(
        name=name,
        dataset="small",
        **{kind: [paths[kind]] for kind in ("frames", "density", "gaze")},
        pictured=pictured(folder, scored),
        metrics=["NSS", "CC", "sAUC"],
        protocol="mit",
        seed=0,
        page=out,
    )
    return out


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_scores_gaze_and_numbers_are_those_of_the_frames(tmp_path: Path) -> None:
    data = data_of(page(tmp_path).read_text())
    assert data["numbers"] == [*NUMBERS]
    assert data["shown"] == [0, 1, 2]
    assert data["metrics"] == {"NSS": "higher", "CC": "higher"}
    assert [one["name"] for one in data["models"]] == ["One", "Two </script>"]
    assert data["models"][0]["scores"] == {"NSS": [5.0, None, 6.0], "CC": [0.5] * 3}
    # One point a frame, at (2 k, k) of the frame grid, which is not reduced.
    assert data["points"] == [[2 * k, k] for k in LISTED]
    assert data["rate"] == 10.0
    assert len(data["layout"]["places"]) == 3  # density and two models


def test_the_worst_frames_come_first(tmp_path: Path) -> None:
    stores(tmp_path)
    model = read_model("One", tmp_path / "saliency.json", sheet(tmp_path), "mit", 0)
    assert worst(model, "a", "NSS", 2) == [1, 3]
    assert worst(model, "b", "NSS", 5) == [1, 5]
    assert worst(model, "a", "sAUC", 2) == []


def test_a_clip_that_was_not_scored_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"z\.html: no clip z of small was scored; .* a, b, c, d"):
        page(tmp_path, "z")


def test_a_clip_of_which_no_frame_is_listed_has_a_page_that_says_so(tmp_path: Path) -> None:
    text = page(tmp_path, "d", scored="abc").read_text()
    assert "No frame of this clip is scored: the frame list of small names none" in text
    assert "<script" not in text


def test_a_page_is_bounded_and_asks_for_nothing(tmp_path: Path) -> None:
    out = page(tmp_path)
    text = out.read_text()
    assert out.stat().st_size < 100_000
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import", text)
    assert "default-src 'none'" in text


def test_the_list_links_every_page_the_worst_clip_first(tmp_path: Path) -> None:
    out = page(tmp_path).parents[1] / "small.html"
    clips(
        dataset="small",
        pictured=pictured(tmp_path),
        metrics=["NSS"],
        protocol="mit",
        seed=0,
        page=out,
    )
    links = re.findall(r'href="([^"]+)">([^<]+)<', out.read_text())
    assert links == [(f"small/{name}.html", name) for name in "adcb"]
    assert (out.parent / links[-1][0]).is_file()
