"""How pages are written: templates, the shape of numbers, and the escapes of each format.

HTML templates escape by themselves. In Markdown and LaTeX a text passes through the filter `md` or
`tex`; LaTeX's own braces and percent signs would clash with Jinja's, so its tags are << >> and
<% %>.
"""

import math
import re
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from pipeline.reporting.html import digest, environment, source
from pipeline.reporting.intervals import SIGNIFICANT, Comparison, Interval
from pipeline.reporting.published import DECIMALS
from pipeline.runtime.sheets import shielded

_GLOBALS: Final[dict[str, Any]] = {
    "arrows": {"higher": "\u2191", "lower": "\u2193"},
    "marks": {"best": "*", "second": "\u2020", None: ""},
}
"""What all templates know: the better direction of a metric, and the rank of a measured value."""
VENDOR: Final = Path(__file__).parent / "vendor"
LIBRARY: Final = VENDOR / "datatables-3.1.5/dataTables.min.js"
"""The library that sorts and filters tables (docs/reporting.md); its licence lies beside it."""
_SIGNIFICANT: Final = "\u2021"
_LINES: Final = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
"""What ends a line, and other characters that no page shows."""
_LATEX: Final = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "\u2020": r"\dag{}",
        "\u2021": r"\ddag{}",
        "\u25b2": r"$\blacktriangle$",
        "\u25bc": r"$\blacktriangledown$",
        "\u25b3": r"$\triangle$",
        "\u25bd": r"$\triangledown$",
    }
)
_MARKDOWN: Final = re.compile(
    r"[\\`*|\[\]~$]"
    r"|<(?=[A-Za-z/!?])"  # begins a tag; a less-than sign before a blank or digit does not
    r"|&(?=#?\w+;)"  # begins a character reference
    r"|(?<![^\W_])_|_(?![^\W_])"  # within a word an underscore is only that
)


def render(template: str, **values: object) -> str:
    """Text of a template in templates/ with these values."""
    return _templates(latex=template.endswith(".tex.j2")).get_template(template).render(values)


@cache
def _templates(*, latex: bool) -> Environment:
    loader = PackageLoader("pipeline.reporting.pages")
    templates = environment(loader, keep_trailing_newline=True)
    if latex:
        templates = templates.overlay(
            block_start_string="<%",
            block_end_string="%>",
            variable_start_string="<<",
            variable_end_string=">>",
        )
    templates.globals |= _GLOBALS | {"scripts": _scripts}
    templates.filters |= {
        "comparison": shown_comparison,
        "copies": copies,
        "full": full,
        "interval": shown_interval,
        "label": latex_label,
        "md": markdown,
        "number": number,
        "signed": signed,
        "tex": latex_text,
    }
    return templates


class Script(NamedTuple):
    """A script within a page."""

    text: Markup
    digest: str
    """What the page's policy names it by, so that no other may run in it."""


@cache
def _scripts() -> list[Script]:
    """The scripts of a page of tables, in their order."""
    own = source(_templates(latex=False), "tables.js")
    texts = (LIBRARY.read_text(encoding="utf-8"), own)
    return [Script(Markup(text), digest(text)) for text in texts]


def copies(text: str) -> dict[str, str]:
    """Return how a text is written in each form that pages copy, where it is not as it stands."""
    forms = {"csv": str(shielded(text)), "md": markdown(text), "tex": latex_text(text)}
    return {form: written for form, written in forms.items() if written != text}


def full(value: float | None) -> str:
    """Return a value with six decimals, as sheets have it; nothing if there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.6f}"


def latex_text(text: str) -> str:
    r"""Text that LaTeX prints as it stands, on one line.

    Braces keep a bracket or star in front from being an argument of the \\ that ends the row above.
    """
    shown = _LINES.sub(" ", text).translate(_LATEX)
    return "{}" + shown if shown.startswith(("[", "*")) else shown


def latex_label(name: str) -> str:
    r"""A name as \label takes it."""
    return re.sub(r"[^A-Za-z0-9.+-]", "-", name)


def markdown(text: str) -> str:
    """Text that Markdown shows as it stands, in a table's cell as well."""
    return _MARKDOWN.sub(r"\\\g<0>", _LINES.sub(" ", text))


def number(value: float | None) -> str:
    """A value as pages show it: - if there is none, `undefined` if it is NaN."""
    if value is None:
        return "-"
    return "undefined" if math.isnan(value) else f"{value:.{DECIMALS}f}"


def signed(value: float) -> str:
    """A difference as pages show it; never -0."""
    return f"{round(value, DECIMALS) + 0.0:+.{DECIMALS}f}"


def shown_interval(ends: Interval) -> str:
    """An interval of a mean as [low, high]."""
    return f"[{number(ends[0])}, {number(ends[1])}]"


def shown_comparison(cell: Comparison) -> list[str]:
    """Difference, its interval, and p with a double dagger where it is significant.

    What a comparison does not have is left out.
    """
    if math.isnan(cell.difference):
        return ["undefined"]
    parts = [signed(cell.difference)]
    if cell.interval:
        parts.append(f"[{signed(cell.interval[0])}, {signed(cell.interval[1])}]")
    if cell.p is not None:
        p = "p < 0.001" if cell.p < 0.001 else f"p {cell.p:.3f}"
        parts.append(p + (_SIGNIFICANT if cell.p < SIGNIFICANT else ""))
    return parts
