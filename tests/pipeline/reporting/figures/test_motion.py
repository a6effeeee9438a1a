"""Overlaid frames, flow pictures and failures: which clips and frames they show, and how."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config.figures import Overlays
from pipeline.reporting.figures.drawing import LOOKS, OPACITY, overlaid
from pipeline.reporting.figures.failures import by_class, failures, read_attributes
from pipeline.reporting.figures.flow_images import flow_images
from pipeline.reporting.figures.overlays import overlays
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from tests.pipeline.reporting.figures.small import NAN, sheet, stores


def test_a_map_over_its_frame_leaves_the_frame_where_it_is_lowest() -> None:
    frame = np.full((4, 4, 3), 51, np.uint8)
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 7
    found = overlaid(frame, values)
    np.testing.assert_allclose(found[0, 0], 0.2, atol=1e-6)
    # Inferno's last colour is (252, 255, 164).
    peak = (1 - OPACITY) * 0.2 + OPACITY * np.array([252, 255, 164]) / 255
    np.testing.assert_allclose(found[1, 2], peak, atol=0.01)


def test_eight_lines_differ_in_more_than_colour() -> None:
    assert len({(look.linestyle, look.marker, look.color) for look in LOOKS}) == len(LOOKS)
    pairs = itertools.pairwise(LOOKS)
    assert all((a.linestyle, a.marker) != (b.linestyle, b.marker) for a, b in pairs)


def _overlays(folder: Path, settings: Overlays) -> list[dict[str, str]]:
    paths = stores(folder)
    parts = {name: [paths[name]] for name in ("frames", "flow", "density", "gaze")}
    overlays(
        **parts,
        settings=settings,
        about={"run": "demo"},
        picture=folder / "o.png",
        sheet=folder / "o.csv",
    )
    return read_rows(folder / "o.csv")


def test_overlays_show_the_stillest_and_the_liveliest_clip(tmp_path: Path) -> None:
    still, lively = _overlays(tmp_path, Overlays(frames=2, step=2))
    assert (still["row"], still["speed"]) == ("stillest", "0.0000")
    assert (lively["row"], lively["clip"]) == ("liveliest", "d")
    assert float(lively["speed"]) == pytest.approx(3 * 2**0.5, abs=1e-3)
    assert int(lively["last"]) - int(lively["first"]) == 2
    assert int(lively["first"]) >= 11
    with Image.open(tmp_path / "o.png") as picture:
        assert picture.width > picture.height


def test_clips_that_are_too_short_leave_a_word(tmp_path: Path) -> None:
    assert _overlays(tmp_path, Overlays(frames=4, step=9)) == []
    assert (tmp_path / "o.png").is_file()


def test_flow_pictures_have_the_encoding_of_the_network(tmp_path: Path) -> None:
    paths = stores(tmp_path)
    found = {}
    for encoding in ("uvm", "colorwheel"):
        out = tmp_path / f"{encoding}.png"
        network = {"network": "two_stream", "flow_encoding": encoding, "flow_scale": 6.0}
        flow_images(network=network, frames=[paths["frames"]], flow=[paths["flow"]], picture=out)
        with Image.open(out) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        found[encoding] = pixels[-30, -60]  # within the last flow picture
    # Clip d moves by (3, 3): half of the scale right and down, and 0.707 of it in all.
    np.testing.assert_allclose(found["uvm"], [191, 191, 180], atol=2)
    assert found["colorwheel"][2] != 180
    with pytest.raises(InputError, match="gbvs: it is given no flow pictures"):
        flow_images(network={"network": "gbvs"}, frames=[], flow=[], picture=tmp_path / "x.png")


MEANS = {"a": 2.0, "b": 5.5, "c": 3.3, "d": 3.0, "e": NAN}


def test_classes_are_ordered_from_the_worst() -> None:
    classes = {"text": {"a", "d", "e"}, "repetition": {"b", "c"}, "nobody": {"e"}}
    text, repetition = by_class(MEANS, classes, "NSS")
    assert text == ("text", 2, 2.5, "a")
    assert repetition == ("repetition", 2, pytest.approx(4.4), "c")
    assert [one.name for one in by_class(MEANS, classes, "KLDiv")] == ["repetition", "text"]


def test_attributes_of_other_clips_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "attributes.csv"
    path.write_text("clip,attribute\na,text\nz,text\nb,faces\n")
    found = read_attributes(path, ["a", "b", "c"])
    assert found == {"text": {"a"}, "faces": {"b"}, "no attribute": {"c"}}
    with pytest.raises(InputError, match="none of its clips was scored"):
        read_attributes(path, ["c"])


@pytest.mark.parametrize("with_sheet", [True, False])
def test_failures_show_the_worst_clip_of_each_class(tmp_path: Path, with_sheet: bool) -> None:
    paths, scores = stores(tmp_path), sheet(tmp_path)
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("clip,attribute\na,text\nd,text\nb,repetition\nc,repetition\n")
    failures(
        **{name: [paths[name]] for name in ("frames", "density", "gaze")},
        attributes=[attributes] if with_sheet else [],
        model="Ours",
        saliency=paths["saliency"],
        scores=scores,
        metrics=["CC"],
        protocol="mit",
        seed=0,
        about={"run": "demo", "table": ""},
        picture=tmp_path / "f.png",
        sheet=tmp_path / "f.csv",
    )
    # A term without a text is not there.
    assert (tmp_path / "f.csv").read_text().startswith("# run: demo\nclass,")
    rows = read_rows(tmp_path / "f.csv")
    shown = [(row["class"], row["clips"], row["mean"], row["clip"], row["frame"]) for row in rows]
    if with_sheet:
        assert shown == [
            ("text", "2", "2.5000", "a", "14"),
            ("repetition", "2", "4.4000", "c", "16"),
        ]
    else:
        assert [(one[3], one[2]) for one in shown] == [
            ("a", "2.0000"),
            ("d", "3.0000"),
            ("c", "3.3000"),
            ("b", "5.5000"),
        ]
    assert (tmp_path / "f.png").stat().st_size > 1000
