"""The page of a clip in headless Chromium: what is on the screen is the frame that it states."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.reporting.clips.clip import clip
from pipeline.stores.kinds import DENSITY, FRAMES, GAZE, SALIENCY
from pipeline.stores.writing import write_store
from tests.chromium import NEEDED, PIXEL, Browser, Tab
from tests.pipeline.reporting.figures.small import seal

pytestmark = NEEDED
COUNT, SIZE, MODELS = 12, (96, 128), 8
FIRST = 21
"""Number of the first frame."""
STATED = "Number(document.getElementById('screen').dataset.frame)"
LEVEL = f"({PIXEL})"
"""Colour of a point of the canvas."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frame k is as bright as 20 + 10 k; model m's map is a bar at 8 + 14 m; NSS is |k - m|."""
    folder = tmp_path_factory.mktemp("clip")
    frames = np.zeros((COUNT, *SIZE, 3), np.uint8) + 20
    frames += (10 * np.arange(COUNT, dtype=np.uint8))[:, None, None, None]
    density = np.zeros((COUNT, *SIZE), np.float16)
    density[:, 70:90, 40:60] = 1
    points = np.array([[k, 100, 80, 0] for k in range(COUNT)], np.float32)
    kinds = {FRAMES: frames, DENSITY: density, GAZE: points}
    for kind, values in kinds.items():
        facts = {"frames": COUNT} if kind is GAZE else {}
        facts |= {"first": FIRST, "rate": 20.0} if kind is FRAMES else {}
        with write_store(kind, folder / f"{kind.name}.zarr", folder / f"{kind.name}.json", {}) as w:
            w.add("clip", [values], **facts)
    pictured = {}
    for m in range(MODELS):
        maps = np.zeros((COUNT, *SIZE), np.float16)
        maps[:, :30, 8 + 14 * m : 18 + 14 * m] = 0.01
        manifest = folder / f"maps_{m}.json"
        with write_store(SALIENCY, manifest.with_suffix(".zarr"), manifest, {}) as w:
            w.add("clip", [maps], frames=None, first=FIRST)
        rows = "".join(f"clip,{k},0.5,{abs(k - m):.1f},ok\n" for k in range(COUNT))
        scores = seal(folder / f"scores_{m}.csv", f"clip,frame,CC,NSS,status\n{rows}")
        pictured[f"Model {m}"] = (manifest, scores)
    out = folder / "clip.html"
    stores = {kind.name: [folder / f"{kind.name}.json"] for kind in kinds}
    clip(
        name="clip",
        dataset="made",
        **stores,
        pictured=pictured,
        metrics=["NSS", "CC"],
        protocol="mit",
        seed=0,
        page=out,
    )
    return out


@pytest.fixture
def tab(browser: Browser, page: Path) -> Iterator[Tab]:
    with Tab(browser, page) as opened:
        shown(opened, FIRST)
        yield opened
        assert opened.complaints() == []


def shown(tab: Tab, number: int) -> None:
    """Wait until the frame of a number is drawn, and check its brightness."""
    tab.until(f"{STATED} === {number}")
    level = tab.js(f"{LEVEL}(20, 60)")[1]
    assert abs(level - (20 + 10 * (number - FIRST))) <= 4


def press(tab: Tab, selector: str) -> None:
    tab.js(f"document.querySelector({selector!r}).click()")


def test_player_keys_and_slider_lead_to_their_frames(tab: Tab) -> None:
    for key, number in [("ArrowRight", 22), ("ArrowRight", 23), ("ArrowLeft", 22)]:
        tab.key(key)
        shown(tab, number)
    tab.js(
        "(() => { const seek = document.getElementById('seek'); seek.value = 9;"
        "seek.dispatchEvent(new Event('input')); })()"
    )
    shown(tab, 30)
    clock = tab.js("document.getElementById('clock').textContent")
    assert clock == "frame 30 of 21 to 32"
    press(tab, "#play")
    tab.until(f"{STATED} === 32")
    tab.until("document.getElementById('play').textContent === 'Play'")
    shown(tab, 32)


def test_maps_lie_over_the_frame_that_they_are_of(tab: Tab) -> None:
    press(tab, "#gaze")
    for model in (0, 5, 7):
        press(tab, f"#tiles button:nth-child({model + 2})")
        inside, beside = tab.until(
            f"(() => {{ const seen = [{LEVEL}({13 + 14 * model}, 12), {LEVEL}(2, 12)];"
            f"return seen[0][0] > 150 && seen; }})()"
        )
        # Inferno's last colour is (252, 255, 164), its opacity four fifths.
        np.testing.assert_allclose(inside, [205, 208, 135], atol=14)
        assert max(beside) < 40
    press(tab, "#map")
    tab.until(f"{LEVEL}({13 + 14 * 7}, 12)[0] < 40")


def test_gaze_points_are_where_people_looked(tab: Tab) -> None:
    press(tab, "#map")
    assert tab.until(f"{LEVEL}(100, 80)[0] > 240")
    press(tab, "#gaze")
    assert tab.until(f"{LEVEL}(100, 80)[0] < 40")


def test_the_worst_frames_are_one_click_away(tab: Tab) -> None:
    worst = "Array.from(document.querySelectorAll('#rows tr:nth-child(4) button'))"
    assert tab.js(f"{worst}.map((one) => one.textContent)") == ["24", "23", "25"]
    tab.js(f"{worst}[0].click()")
    shown(tab, 24)  # model 3 has an NSS of 0 in frame 3, which is number 24
    assert tab.js("document.querySelector('#rows tr:nth-child(4) td').textContent") == "0.000"
    pressed = "document.querySelector('#tiles button[aria-pressed=true]').innerText"
    assert "Model 3" in tab.js(pressed)


def test_every_model_has_a_line_of_its_own_that_can_be_hidden(tab: Tab) -> None:
    looks = tab.js(
        "Array.from(document.querySelectorAll('#chart path')).map((one) =>"
        " [getComputedStyle(one).stroke, one.getAttribute('stroke-dasharray')].join())"
    )
    assert len({*looks}) == MODELS
    dashes = [look.rpartition(")")[2] for look in looks]
    assert all(a != b for a, b in itertools.pairwise(dashes))
    press(tab, "#rows tr:nth-child(2) input")
    hidden = (
        "Array.from(document.querySelectorAll('#chart path')).map((one) => one.checkVisibility())"
    )
    assert tab.js(hidden) == [True, False] + [True] * (MODELS - 2)


def test_another_metric_changes_chart_and_table(tab: Tab) -> None:
    tab.js(
        "(() => { const one = document.getElementById('metric'); one.value = 'CC';"
        "one.dispatchEvent(new Event('change')); })()"
    )
    assert tab.js("document.querySelector('#rows td').textContent") == "0.500"
    assert tab.js("document.getElementById('high').textContent") == "CC 0.50"


def test_a_link_leads_to_a_frame(browser: Browser, page: Path) -> None:
    with Tab(browser, page) as tab:
        for asked, number in ((29, 29), (1, FIRST), (999, 32)):
            tab.js(f"location.hash = '#frame-{asked}'")
            shown(tab, number)
        assert tab.complaints() == []


def test_a_clip_may_be_long(browser: Browser, page: Path) -> None:
    text, many = page.read_text(), 30_000
    before, rest = text.split('id="data">')
    data, after = rest.split("</script>", 1)
    content = json.loads(data)
    content["numbers"] = [FIRST + k for k in range(many)]
    for one in content["models"]:
        one["scores"] = {name: [2.5] * many for name in one["scores"]}
    long = page.with_name("long.html")
    long.write_text(f'{before}id="data">{json.dumps(content)}</script>{after}')
    with Tab(browser, long) as tab:
        shown(tab, FIRST)
        assert tab.js("document.getElementById('high').textContent") == "NSS 2.50"
        assert tab.complaints() == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    with Tab(browser, page, width, 844) as tab:
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        tab.call("Emulation.setEmulatedMedia", features=media)
        shown(tab, FIRST)
        assert tab.js("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
        sizes = tab.js(
            "Array.from(document.querySelectorAll('.bar button, select')).map((one) =>"
            " Math.min(one.offsetWidth, one.offsetHeight))"
        )
        assert min(sizes) >= 44  # pixels, what a fingertip hits
        line = tab.js("getComputedStyle(document.querySelector('#chart path')).stroke")
        assert (line == "rgb(179, 71, 0)") == (scheme == "light")
        assert tab.complaints() == []


def test_print_has_frame_maps_and_table_on_white(browser: Browser, page: Path) -> None:
    with Tab(browser, page) as tab:
        shown(tab, FIRST)
        features = [{"name": "prefers-color-scheme", "value": "dark"}]
        tab.call("Emulation.setEmulatedMedia", media="print", features=features)
        style = "getComputedStyle(document.body)"
        assert tab.js(f"[{style}.color, {style}.backgroundColor]") == [
            "rgb(0, 0, 0)",
            "rgb(255, 255, 255)",
        ]
        seen = tab.js(
            "['.bar', '#screen', '#tiles', '#chart', '#rows'].map((one) =>"
            " document.querySelector(one).checkVisibility())"
        )
        assert seen == [False, True, True, True, True]
        assert tab.call("Page.printToPDF", printBackground=False)["data"]
        assert tab.complaints() == []


def test_a_still_image_has_maps_and_scores_and_no_player(browser: Browser, page: Path) -> None:
    text = page.read_text()
    still = page.with_name("still.html")
    folder = page.parent
    paths = {name: folder / f"still_{name}.json" for name in ("frames", "density", "gaze", "maps")}
    for kind, values in (
        (FRAMES, np.full((1, *SIZE, 3), 90, np.uint8)),
        (DENSITY, np.ones((1, *SIZE), np.float16)),
        (GAZE, np.array([[0, 100, 80, 0]], np.float32)),
        (SALIENCY, np.eye(*SIZE, dtype=np.float16)[None]),
    ):
        manifest = paths["maps" if kind is SALIENCY else kind.name]
        facts = {"frames": 1} if kind is GAZE else {"frames": None} if kind is SALIENCY else {}
        with write_store(kind, manifest.with_suffix(".zarr"), manifest, {}) as writer:
            writer.add("one", [values], **facts)
    scores = seal(folder / "still.csv", "clip,frame,CC,NSS,status\none,0,0.5,1.5,ok\n")
    clip(
        name="one",
        dataset="stills",
        **{name: [paths[name]] for name in ("frames", "density", "gaze")},
        pictured={"Only": (paths["maps"], scores)},
        metrics=["NSS"],
        protocol="mit",
        seed=0,
        page=still,
    )
    assert 'id="play"' in text
    with Tab(browser, still) as tab:
        tab.until(f"{STATED} === 1")
        assert tab.js("document.querySelectorAll('#play, #seek, #chart').length") == 0
        assert tab.js("document.querySelector('#rows td').textContent") == "1.500"
        for key in (" ", "ArrowRight", "m"):
            tab.key(key)
        assert tab.complaints() == []
