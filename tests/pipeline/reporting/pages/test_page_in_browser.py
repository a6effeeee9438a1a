"""A page of a table in headless Chromium: sort, search, filter, columns, copies; print and dark."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.reporting.intervals import Comparison
from pipeline.reporting.pages.page import Cell, ClipTable, Page, Pair, Row, write_page
from pipeline.reporting.pages.rendering import latex_text, markdown
from tests.chromium import NEEDED, Browser, Tab

pytestmark = NEEDED
HOSTILE = "=A_b & <i>|5 %,"
"""Breaks every format that does not write it in its own way."""
WIDTHS = (1280, 390)


def row(group: str, method: str, *values: tuple[float | None, float | None]) -> Row:
    """A row of two metrics; a value is printed and ours, whose interval is 0.1 to either side."""
    cells = (
        Cell(printed, ours, None if ours is None else (ours - 0.1, ours + 0.1))
        for printed, ours in values
    )
    return Row(group, method, True, any(ours is not None for _, ours in values), tuple(cells))


PAGE = Page(
    name="table_1",
    caption="Made up",
    metrics={"NSS": "higher", "KLDiv": "lower"},
    rows=(
        row("Static", "Still", (2.0, None), (2.5, None)),
        row("Static", HOSTILE, (1.0, 1.5), (None, 2.0)),
        row("Moving", "Film", (3.0, 2.5), (1.0, 0.9)),
        row("Moving", "Flow", (None, 10.0), (None, float("inf"))),
    ),
    pairs=(
        Pair("Film", "Flow", (Comparison(0.1, (0.0, 0.2), 0.01), Comparison(0.2, None, None))),
        Pair("Flow", HOSTILE, (Comparison(-3.0, None, None), Comparison(0.1, None, None))),
    ),
    pairs_note="Paired.",
    clips=ClipTable("NSS", "By clip.", ("Film",), (("b", (2.0,), 0.5), ("a", (3.0,), 0.1))),
    footer={"Run": "made up"},
    links={"table_1.html": "Itself"},
    source={"run": "made up", "protocol": "mit"},
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_page(folder, PAGE, ("html",))
    return folder / "table_1.html"


@pytest.fixture(params=WIDTHS)
def tab(request: pytest.FixtureRequest, browser: Browser, path: Path) -> Iterator[Tab]:
    """The page at the width of a desk and of a phone, without a complaint to the end."""
    with Tab(browser, path, request.param) as opened:
        opened.until("!document.querySelector('.tools').hidden")
        yield opened
        assert opened.complaints() == []


def names(tab: Tab, table: int = 0) -> list[str]:
    """The first cells of the rows of a table's body, as they are seen."""
    rows = f"[...document.querySelectorAll('table.live')[{table}].tBodies[0].rows]"
    return [str(name) for name in tab.js(f"{rows}.map((row) => row.cells[0].innerText)")]


def click(tab: Tab, selector: str, text: str = "", place: int = 0) -> None:
    """Click the element of a selector that has a text, out of several the one at a place."""
    found = tab.js(
        f"(() => {{ const one = [...document.querySelectorAll({selector!r})]"
        f".filter((one) => one.textContent.trim().startsWith({text!r}))[{place}];"
        "one.scrollIntoView({block: 'center', inline: 'center'}); one.click(); return 1; })()"
    )
    assert found == 1


def copied(tab: Tab, form: str, table: int = 0) -> str:
    """What the button of a form puts on the clipboard."""
    tab.js("navigator.clipboard.writeText = async (text) => { window.taken = text; }; 0")
    click(tab, ".tools button", form, table)
    tab.until("window.taken !== undefined")
    text = tab.js("(() => { const text = window.taken; delete window.taken; return text; })()")
    return str(text)


def test_rows_stand_in_their_groups_and_nothing_overflows(tab: Tab) -> None:
    assert names(tab) == ["Static", "Still", HOSTILE, "Moving", "Film", "Flow"]
    assert tab.js("document.documentElement.scrollWidth <= innerWidth")
    heads = tab.js("[...document.querySelectorAll('.scores thead th')].map((one) => one.innerText)")
    assert [head.split()[0] for head in heads] == [
        *("Method", "NSS", "KLDiv"),
        *["ours", "paper", "diff."] * 2,
    ]
    below = "[...document.querySelectorAll('.scores thead tr + tr th')]"
    assert {*tab.js(f"{below}.map((one) => getComputedStyle(one).textAlign)")} == {"right"}


def test_the_first_click_on_a_metric_puts_the_best_first(tab: Tab) -> None:
    click(tab, "th.ours", place=0)
    assert [name.split("\n")[0] for name in names(tab)] == ["Flow", "Film", HOSTILE, "Still"]
    assert names(tab)[0] == "Flow\nMoving", "out of its group a row says which it is of"
    click(tab, "th.ours", place=0)
    # What has no value stays last.
    assert [name.split("\n")[0] for name in names(tab)] == [HOSTILE, "Film", "Flow", "Still"]
    click(tab, "th.ours", place=0)
    assert names(tab) == ["Static", "Still", HOSTILE, "Moving", "Film", "Flow"]
    click(tab, "th.ours", place=1)
    # Lower is better of a divergence, and an infinite one is the worst.
    assert [name.split("\n")[0] for name in names(tab)] == ["Film", HOSTILE, "Flow", "Still"]
    assert tab.js("document.querySelectorAll('th.ours')[1].ariaSort") == "ascending"


@pytest.mark.parametrize(("key", "code", "text"), [("Enter", 13, "\r"), (" ", 32, " ")])
def test_keys_sort_as_a_click_does(key: str, code: int, text: str, tab: Tab) -> None:
    tab.js("document.querySelectorAll('th.ours')[0].querySelector('[tabindex]').focus(); 0")
    event = {"key": key, "windowsVirtualKeyCode": code, "text": text}
    tab.call("Input.dispatchKeyEvent", type="keyDown", **event)
    tab.until("document.querySelector('.scores').classList.contains('sorted')")
    assert names(tab)[0].startswith("Flow")


def test_search_finds_methods_and_groups(tab: Tab) -> None:
    tab.js("document.querySelector('.tools [type=search]').focus(); 0")
    tab.call("Input.insertText", text="moving")
    assert names(tab) == ["Moving", "Film", "Flow"]
    assert tab.js("document.querySelector('.tools output').textContent") == "2 of 4 rows"
    tab.call("Input.insertText", text=" film")
    assert names(tab) == ["Moving", "Film"]
    tab.call("Input.insertText", text="s")
    assert names(tab) == ["No row matches."]


def test_measured_only(tab: Tab) -> None:
    click(tab, ".only-measured")
    assert names(tab) == ["Static", HOSTILE, "Moving", "Film", "Flow"]
    click(tab, ".only-measured")
    assert len(names(tab)) == 6


def test_columns_are_chosen_by_metric_and_by_kind(tab: Tab) -> None:
    heads = "[...document.querySelectorAll('.scores thead tr:last-child th')]"
    head = f"{heads}.map((one) => one.innerText.trim())"
    click(tab, "summary", "Columns")
    click(tab, "[value=NSS]")
    assert [text.split()[0] for text in tab.js(head)] == ["ours", "paper", "diff."]
    assert tab.js("document.querySelector('.scores thead tr').cells.length") == 2
    click(tab, "[value=paper]")
    assert [text.split()[0] for text in tab.js(head)] == ["ours", "diff."]
    assert tab.js("document.querySelector('.scores small:not(.of)').checkVisibility()")
    click(tab, "[value=intervals]")
    assert not tab.js("document.querySelector('.scores small:not(.of)').checkVisibility()")
    lines = copied(tab, "Markdown").splitlines()
    assert lines[0] == "| Group | Method | KLDiv \u2193 ours | KLDiv \u2193 difference |"
    assert lines[4] == "| Moving | Film | 0.900 | -0.100 \u25b3 |"


def test_a_copy_as_csv_is_what_is_seen_in_full(tab: Tab) -> None:
    click(tab, ".only-measured")
    lines = copied(tab, "CSV").splitlines()
    assert lines[:3] == ["# table: Table 1. Made up", "# run: made up", "# protocol: mit"]
    heads, *rows = csv.reader(lines[3:])
    kinds = ("ours", "paper", "difference")
    assert heads == ["Group", "Method", *(f"{m} {k}" for m in ("NSS", "KLDiv") for k in kinds)]
    assert rows[0] == [
        *("Static", f"'{HOSTILE}", "1.500000", "1.000000", "0.500000"),
        *("2.000000", "", ""),
    ]
    assert [row[1] for row in rows[1:]] == ["Film", "Flow"]
    assert rows[2][5] == "inf"


def test_a_copy_as_latex_compiles_by_its_columns(tab: Tab) -> None:
    text = copied(tab, "LaTeX")
    lines = [line for line in text.splitlines() if line.endswith("\\\\")]
    spans = [sum(int(n) - 1 for n in re.findall(r"multicolumn\{(\d)\}", line)) for line in lines]
    counts = [len(re.findall(r"(?<!\\)&", line)) for line in lines]
    assert {count + span for count, span in zip(counts, spans, strict=True)} == {6}
    assert latex_text(HOSTILE) in text
    assert r"NSS $\uparrow$" in text and r"KLDiv $\downarrow$" in text
    assert r"Film & 2.500 [2.400, 2.600] & 3.000 & $-0.500$ $\blacktriangledown$" in text
    assert text.startswith("% table: Table 1. Made up\n% run: made up\n")


def test_a_copy_as_markdown_keeps_every_cell(tab: Tab) -> None:
    lines = copied(tab, "Markdown").splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {9}
    assert any(f"| {markdown(HOSTILE)} |" in line for line in table)
    assert lines[-1] == "<!-- table: Table 1. Made up; run: made up; protocol: mit -->"


def test_the_differences_and_the_clips_sort_and_copy_too(tab: Tab) -> None:
    click(tab, "summary", "NSS of each clip")
    click(tab, "table.live th", "Clip")
    assert names(tab, 2) == ["a", "b"]
    assert "Film less Flow,0.100000,0.200000" in copied(tab, "CSV", 1)
    latex = copied(tab, "LaTeX", 2).splitlines()
    assert r"Clip & Film $\uparrow$ & difference $\uparrow$ \\" in latex
    assert r"a & 3.000 & +0.100 \\" in latex


def test_without_leave_to_copy_the_text_is_shown(tab: Tab) -> None:
    tab.js("navigator.clipboard.writeText = async () => { throw new Error('no'); }; 0")
    click(tab, ".tools button", "CSV")
    tab.until("document.querySelector('.tools textarea')?.value.includes('Film')")
    assert tab.js("getSelection().toString()").startswith("# table: Table 1.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read_and_are_not_alone(scheme: str, browser: Browser, path: Path) -> None:
    with Tab(browser, path) as tab:
        tab.until("!document.querySelector('.tools').hidden")
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        tab.call("Emulation.setEmulatedMedia", features=feature)
        for word, mark in (("better", "\u25b3\u25b2"), ("worse", "\u25bd\u25bc")):
            cell = f"document.querySelector('.scores td.{word}')"
            ink, ground = (
                [int(n) for n in re.findall(r"\d+", tab.js(f"getComputedStyle({cell}).{of}"))[:3]]
                for of in ("color", "backgroundColor")
            )
            assert contrast(ink, ground) >= 4.5  # WCAG 2, level AA
            assert tab.js(f"{cell}.querySelector('.mark').textContent") in mark
        better, worse = (
            tab.js(f"getComputedStyle(document.querySelector('.scores td.{word}')).backgroundColor")
            for word in ("better", "worse")
        )
        assert better != worse


def contrast(one: list[int], other: list[int]) -> float:
    """Ratio of the luminances of two colours (WCAG 2)."""

    def luminance(colour: list[int]) -> float:
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (value / 255 for value in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_on_paper_there_are_no_tools_and_every_column(browser: Browser, path: Path) -> None:
    with Tab(browser, path) as tab:
        tab.until("!document.querySelector('.tools').hidden")
        tab.call("Emulation.setEmulatedMedia", media="print")
        assert not tab.js("document.querySelector('.tools').checkVisibility()")
        assert not tab.js("document.querySelector('nav').checkVisibility()")
        printed = tab.call("Page.printToPDF", preferCSSPageSize=True)
        assert printed["data"].startswith("JVBERi")  # %PDF
        # 267 mm, what A4 across leaves between its margins, in the pixels of CSS.
        assert tab.js("document.querySelector('.scores').scrollWidth") <= 1280
        assert tab.complaints() == []


def test_without_scripts_it_is_a_plain_table(browser: Browser, path: Path) -> None:
    with Tab(browser, path) as tab:
        tab.call("Emulation.setScriptExecutionDisabled", value=True)
        tab.call("Page.reload")
        tab.until(
            "document.readyState === 'complete' && document.querySelector('.scores') !== null"
        )
        assert tab.js("document.querySelector('.tools').hidden")
        assert tab.js("document.querySelectorAll('.scores tbody').length") == 2
        shown = tab.js("document.querySelector('.scores').innerText")
        assert "Static" in shown and HOSTILE in shown and "-0.500 \u25bc" in shown
