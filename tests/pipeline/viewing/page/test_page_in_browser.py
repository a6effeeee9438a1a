"""The page in headless Chromium: what is on the screen is the right frame and its own map."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.viewing.media.film import open_film
from pipeline.viewing.products import page as page_module
from pipeline.viewing.products.numbers import About
from pipeline.viewing.products.page import Page
from pipeline.viewing.products.regions import Region, Regions
from tests.chromium import NEEDED, PIXEL, Browser, Tab
from tests.pipeline.viewing.page.pages import (
    COUNT,
    HEIGHT,
    SHOTS,
    TIMES,
    WIDTH,
    coded_film,
    made,
)
from tests.pipeline.viewing.page.screen import (
    SEEN,
    box,
    check,
    choose,
    grey,
    on_chart,
    shown,
)

pytestmark = NEEDED
REGIONS = Regions(
    [
        Region("left </script>", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))),
        Region("a region of a rather long name", ((0.6, 0.1), (0.9, 0.1), (0.75, 0.9))),
        Region("late", ((0.0, 0.0), (1.0, 0.0), (1.0, 0.2)), since=1.0),
    ]
)
ABOUT = About(name="coded", about="Weights of nobody, CC0.")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page in which frame k is as bright as 16 + 4 k, and its map at the place k mod 4."""
    folder = tmp_path_factory.mktemp("page")
    film = open_film(coded_film(folder))
    out = folder / "page.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_module, "_SLICE", 999)  # so that the film is in several elements
        product = Page(film, out, REGIONS, ABOUT)
        made(product, film, folder)
    return out


@pytest.fixture
def tab(browser: Browser, page: Path) -> Iterator[Tab]:
    with Tab(browser, page) as opened:
        shown(opened, 0)
        yield opened
        assert opened.complaints() == []


def test_each_frame_is_shown_with_its_own_map_wherever_one_seeks(tab: Tab) -> None:
    grey(tab)
    for frame in (7, 6, 23, 0, COUNT - 1, 1, 12, 39, 38):
        tab.drag(on_chart(tab, frame))
        shown(tab, frame)
        check(tab.js(SEEN), frame)
    # People count from 1.
    assert f"39 of {COUNT}" in tab.js("document.body.innerText")


def test_a_drag_ends_where_the_mouse_is_let_go(tab: Tab) -> None:
    grey(tab)
    tab.drag(*(on_chart(tab, frame) for frame in (3, *range(4, 33), 17)))
    shown(tab, 17)
    check(tab.js(SEEN), 17)
    left = tab.js("document.querySelector('.cursor').style.left")
    assert float(left.rstrip("%")) == pytest.approx(100 * TIMES[17] / TIMES[-1], abs=0.01)


def test_picture_map_and_numbers_stay_in_step_while_it_plays(tab: Tab) -> None:
    grey(tab)
    tab.key(" ")
    tab.until("document.getElementById('play').textContent === 'Pause'")
    frames = set()
    until = time.monotonic() + 10
    while len(frames) < 12 and time.monotonic() < until:
        stated, *drawn = tab.js(SEEN)
        check([frame := round((drawn[0] - 16) / 4), *drawn])
        assert abs(stated - frame) <= 1  # a browser that is late states the frame before
        frames.add(frame)
    assert len(frames) >= 12
    tab.until("document.getElementById('source').ended")
    shown(tab, COUNT - 1)
    check(tab.js(SEEN), COUNT - 1)
    assert tab.js("document.getElementById('play').textContent") == "Play"


def test_it_works_by_keyboard(tab: Tab) -> None:
    for key, shift, frame in [
        ("ArrowRight", False, 1),
        ("ArrowRight", False, 2),
        ("ArrowLeft", False, 1),
        # A second on, the frame that is shown then; and a second back.
        ("ArrowRight", True, later := int(np.searchsorted(TIMES, TIMES[1] + 1, "right")) - 1),
        ("ArrowLeft", True, int(np.searchsorted(TIMES, TIMES[later] - 1 + 1e-6, "right")) - 1),
    ]:
        tab.key(key, shift=shift)
        shown(tab, frame)
    tab.js("document.getElementById('chart').focus()")
    for key, frame in [
        ("End", COUNT - 1),
        ("ArrowRight", COUNT - 1),
        ("Home", 0),
        ("ArrowLeft", 0),
    ]:
        tab.key(key)
        shown(tab, frame)
    tab.js("document.getElementById('strength').focus()")
    tab.key("ArrowRight")  # belongs to the slider that has the focus
    assert tab.js("document.getElementById('strength').value") == "0.65"
    shown(tab, 0)
    tab.key("m")
    assert not tab.js("document.getElementById('map').checked")
    tab.js("document.getElementById('play').focus()")
    tab.key(" ")  # the button's own; not twice
    tab.until("!document.getElementById('source').paused")
    tab.key(" ")
    tab.until("document.getElementById('source').paused")


def test_every_control_is_reached_seen_and_named(tab: Tab) -> None:
    order = []
    tab.js("document.activeElement.blur()")
    for _ in range(30):
        tab.key("Tab")
        name, outline = tab.js(
            "[document.activeElement.id || document.activeElement.tagName,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if name == "BODY":
            break
        assert outline not in ("none", ""), name
        order.append(name)
    wanted = ["play", "back", "on", "speed", "chart", "SUMMARY", "map", "strength", "colours"]
    assert [name for name in order if name in wanted][: len(wanted)] == wanted
    roles = {"button", "slider", "checkbox", "combobox", "image"}
    nodes = [
        node
        for node in tab.call("Accessibility.getFullAXTree")["nodes"]
        if not node["ignored"] and node["role"]["value"].lower() in roles
    ]
    assert len(nodes) >= 11
    assert [node["role"]["value"] for node in nodes if not node["name"]["value"]] == []


def test_strength_colours_and_the_switch_change_the_canvas(tab: Tab) -> None:
    grey(tab)
    for strength in (0.6, 1, 0.25):
        choose(tab, "strength", strength)
        check(tab.js(SEEN), 0, strength)
    tab.key("m")
    check(tab.js(SEEN), 0, 0)
    tab.key("m")
    check(tab.js(SEEN), 0, 0.25)
    choose(tab, "strength", 1)
    for name, colour in {"jet": (128, 0, 0), "inferno": (252, 255, 164)}.items():
        choose(tab, "colours", name)
        np.testing.assert_allclose(tab.js(f"({PIXEL})(20, 60)"), colour, atol=8)


def test_regions_are_outlined_while_they_count_and_as_long_as_they_are_wanted(tab: Tab) -> None:
    visible = (
        "Array.from(document.querySelectorAll('#names span'))"
        ".filter((one) => one.checkVisibility()).map((one) => one.textContent)"
    )
    assert tab.js(visible) == ["a region of a rather long name", "left </script>"]
    after = int(np.searchsorted(TIMES, 1.0))
    tab.drag(on_chart(tab, after))
    shown(tab, after)
    assert tab.js(visible) == ["a region of a rather long name", "late", "left </script>"]
    x, y, width, height = box(tab, "#regions tr:nth-child(3) input")
    tab.drag((x + width / 2, y + height / 2))
    assert tab.js(visible) == ["a region of a rather long name", "late"]
    kept = "document.querySelectorAll('.lane path[class]:not([hidden])').length"
    assert tab.js(kept) == 2
    # The map of frame k lies in the k-th quarter of the picture.
    share = "document.querySelector('#regions tr:nth-child(3) td').textContent"
    for frame, wanted in [(0, "100.0 %"), (1, "100.0 %"), (2, "0.0 %"), (3, "0.0 %")]:
        tab.drag(on_chart(tab, frame))
        shown(tab, frame)
        assert tab.js(share) == wanted


def test_the_chart_breaks_at_cuts_and_marks_them(tab: Tab) -> None:
    paths = tab.js(
        "Array.from(document.querySelectorAll('.lane path')).map((one) => one.outerHTML)"
    )
    assert len(paths) == 1 + len(REGIONS)  # spread; this network has no gate
    assert all(text.count("M") == len(SHOTS) for text in paths[:1])
    lefts = tab.js("Array.from(document.querySelectorAll('.cut')).map((one) => one.style.left)")
    wanted = [100 * TIMES[first] / TIMES[-1] for first in SHOTS[1:]]
    np.testing.assert_allclose([float(one.rstrip("%")) for one in lefts], wanted, atol=0.01)


def test_the_sound_is_heard_in_step_and_can_be_switched_off(
    browser: Browser, tmp_path: Path
) -> None:
    film = open_film(coded_film(tmp_path, sound=True))
    out = tmp_path / "page.html"
    made(Page(film, out, REGIONS, ABOUT), film, tmp_path)
    with Tab(browser, out) as tab:
        shown(tab, 0)
        grey(tab)
        tab.drag(on_chart(tab, 21))
        shown(tab, 21)
        check(tab.js(SEEN), 21)
        tab.key(" ")
        tab.until("document.getElementById('source').webkitAudioDecodedByteCount > 1000")
        x, y, width, height = box(tab, "#sound")
        tab.drag((x + width / 2, y + height / 2))
        assert tab.js("document.getElementById('source').muted")
        assert tab.complaints() == []


def test_a_film_that_no_browser_can_play_is_a_line_on_the_page(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(page.read_text().replace('class="film">', 'class="film">AAAA'))
    with Tab(browser, broken) as tab:
        line = tab.until("document.getElementById('fault').innerText")
        assert line.startswith("This browser cannot play the film")


def test_a_long_film_has_a_chart_that_can_be_read(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    text = page.read_text()
    head, data, tail = re.split(r'(?<=id="data">)(.*?)(?=</script>)', text, maxsplit=1)
    known, count = json.loads(data), 54_000
    known["times"] = [k / 30 for k in range(count + 1)]
    known["shots"] = list(range(0, count, 60))
    for lane in known["lanes"]:
        lane["values"] = lane["values"] and [0.5 * lane["top"]] * count
    for name in known["numbers"]:
        known["numbers"][name] = ["-"] * count
    for region in known["regions"]:
        region |= {"shares": [0.5] * count, "shown": [True] * count}
    long = tmp_path / "long.html"
    long.write_text(head + json.dumps(known).replace("<", "\\u003c") + tail)
    with Tab(browser, long) as tab:
        tab.until("document.getElementById('clock').textContent === '0:00.00 / 30:00.00'")
        assert tab.js("document.querySelectorAll('.cut').length") == 0
        hint = tab.js("document.querySelector('.hint').innerText")
        assert "too many to mark" in hint and "the mean of 27 frames" in hint
        lines = tab.js(
            "Array.from(document.querySelectorAll('.lane path')).map((one) => one.outerHTML)"
        )
        assert all(line.count("H") == 2000 for line in lines)
        assert tab.complaints() == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    with Tab(browser, page, width, 844) as tab:
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        tab.call("Emulation.setEmulatedMedia", features=media)
        shown(tab, 0)
        tab.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert tab.js("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
        across = tab.js("document.getElementById('screen').getBoundingClientRect().width")
        assert across > width / 2
        ground = tab.js(
            "getComputedStyle(document.querySelector('.lane .name span')).backgroundColor"
        )
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
        assert tab.complaints() == []


def test_a_finger_seeks_on_a_phone(browser: Browser, page: Path) -> None:
    with Tab(browser, page, 390, 844) as tab:
        shown(tab, 0)
        grey(tab)
        tab.touch(*on_chart(tab, 21))
        shown(tab, 21)
        check(tab.js(SEEN), 21)
        sizes = tab.js(
            "Array.from(document.querySelectorAll('button, select')).map((one) => "
            "Math.min(one.offsetWidth, one.offsetHeight))"
        )
        assert min(sizes) >= 44  # pixels, what a fingertip hits
        assert tab.complaints() == []


def test_nothing_moves_by_itself_and_nothing_may_be_loaded(browser: Browser, page: Path) -> None:
    with Tab(browser, page) as tab:
        shown(tab, 0)
        assert tab.js("document.getElementById('source').paused")
        assert tab.js("document.getAnimations().length") == 0
        assert tab.complaints() == []
        blocked = tab.js(
            "Promise.all(['https://example.com/', 'data:text/plain,1'].map((one) => "
            "fetch(one).then(() => 'came', () => 'refused')))"
        )
        assert blocked == ["refused", "refused"]


def test_a_still_has_its_map_and_numbers_and_no_player(browser: Browser, tmp_path: Path) -> None:
    import cv2

    source = tmp_path / "still.png"
    cv2.imwrite(str(source), np.full((HEIGHT, WIDTH, 3), 100, np.uint8))
    film = open_film(source)
    out = tmp_path / "still.html"
    made(Page(film, out, REGIONS, ABOUT), film, tmp_path)
    with Tab(browser, out) as tab:
        share = "document.querySelector('#regions tr:nth-child(3) td')?.textContent"
        assert tab.until(share) == "100.0 %"
        grey(tab)
        levels = f"[20, 60, 100].map((x) => ({PIXEL})(x, 60)[1])"
        np.testing.assert_allclose(tab.js(levels), [193, 100, 100], atol=4)
        tab.key("m")
        np.testing.assert_allclose(tab.js(levels), [100, 100, 100], atol=2)
        for key in (" ", "ArrowRight"):
            tab.key(key)
        assert tab.js("document.querySelectorAll('video, button, #chart').length") == 0
        assert tab.js("document.documentElement.scrollWidth") == 1280
        assert tab.complaints() == []
