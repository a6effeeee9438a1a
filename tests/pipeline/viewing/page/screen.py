"""What is seen of a page of the coded film in a tab, and how a hand moves about in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.chromium import PIXEL, Tab
from tests.pipeline.viewing.page.pages import TIMES

SEEN = f"""(() => {{
  const level = (x, y) => ({PIXEL})(x, y)[1];
  return [Number(document.getElementById("chart").getAttribute("aria-valuenow")),
    level(8, 4), [0, 1, 2, 3].map((k) => level(20 + 40 * k, 60))];
}})()"""
"""The frame that the page says it shows, the level of the picture, and those of four places of the
map."""
SETTLED = "document.getElementById('source').seeking === false && "


def shown(tab: Tab, frame: int) -> None:
    """Wait until a frame is on the screen."""
    at = "document.getElementById('chart').getAttribute('aria-valuenow')"
    tab.until(f"{SETTLED} {at} === '{frame}'")


def check(seen: list[Any], frame: int | None = None, strength: float = 0.6) -> None:
    """Check that picture and map on the screen are those of the frame that the page states."""
    stated, level, places = seen
    assert frame is None or stated == frame
    assert abs(level - (16 + 4 * stated)) <= 2
    wanted = np.full(4, 16.0 + 4 * stated)
    # At the map's peak its colour, in the colour map `grey` white, covers what is below it.
    wanted[stated % 4] = (1 - strength) * wanted[stated % 4] + strength * 255
    np.testing.assert_allclose(places, wanted, atol=8)  # H.264 takes some levels off a peak


def grey(tab: Tab) -> None:
    choose(tab, "colours", "grey")


def choose(tab: Tab, name: str, value: object) -> None:
    tab.js(
        f"(() => {{ const one = document.getElementById('{name}'); one.value = '{value}';"
        "one.dispatchEvent(new Event('input', {bubbles: true}));"
        "one.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def box(tab: Tab, selector: str) -> tuple[float, float, float, float]:
    """Left, top, width and height of an element on the screen."""
    found = tab.js(
        f"(() => {{ const one = document.querySelector('{selector}');"
        "one.scrollIntoView({block: 'center'}); const box = one.getBoundingClientRect();"
        "return [box.left, box.top, box.width, box.height]; })()"
    )
    return tuple(found)


def on_chart(tab: Tab, frame: int) -> tuple[float, float]:
    """The point of the chart in the middle of a frame."""
    left, top, width, height = box(tab, "#chart")
    middle = (TIMES[frame] + TIMES[frame + 1]) / 2
    return left + width * middle / TIMES[-1], top + height / 2
