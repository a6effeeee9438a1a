"""Pieces of an HTML page that stands alone: other pages' bodies, pictures, tables."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from pipeline.runtime.errors import InputError

_REFERENCES: Final = {"id", "for", "aria-labelledby", "aria-describedby", "headers"}
"""Attributes that hold names of elements, separated by blanks."""
_LOWER: Final = 2
"""Levels by which headings of an embedded page go down."""
_WIDTH: Final = 1500
_QUALITY: Final = 80
"""Pixels and WebP quality of a picture: enough for print on a page's width."""


class _Body(HTMLParser):
    """Writes down a page's body and style as they stand, but for names and headings."""

    def __init__(self, name: str) -> None:
        super().__init__(convert_charrefs=False)
        self.name = name
        self.body: list[str] = []
        self.style: list[str] = []
        self._open: list[str] = []

    def _write(self, text: str) -> None:
        if "style" in self._open:
            self.style.append(text)
        elif "body" in self._open and "nav" not in self._open:
            self.body.append(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Names get the page's own before them."""
        if tag in ("body", "style", "nav"):
            self._open.append(tag)
        if tag not in ("body", "style"):
            told = "".join(self._attribute(key, value) for key, value in attrs)
            self._write(f"<{_heading(tag)}{told}>")

    def handle_endtag(self, tag: str) -> None:
        """A page's links to others end with it."""
        if tag not in ("body", "style"):
            self._write(f"</{_heading(tag)}>")
        if tag in self._open:
            self._open.remove(tag)

    def handle_data(self, data: str) -> None:
        """Text."""
        self._write(data)

    def handle_entityref(self, name: str) -> None:
        """As it stands."""
        self._write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """As it stands."""
        self._write(f"&#{name};")

    def _attribute(self, key: str, value: str | None) -> str:
        if value is None:
            return f" {key}"
        if key in _REFERENCES:
            value = " ".join(f"{self.name}-{one}" for one in value.split())
        elif key == "href" and value.startswith("#"):
            value = f"#{self.name}-{value[1:]}"
        return f' {key}="{escape(value)}"'


def _heading(tag: str) -> str:
    level = re.fullmatch(r"h([1-6])", tag)
    return f"h{min(6, int(level[1]) + _LOWER)}" if level else tag


def embedded(page: Path, name: str) -> tuple[str, str]:
    """Body and style of a page, for use within another.

    Headings go down, links in <nav> are left out, and every id gets `name` before it.

    Raises:
        InputError: The page cannot be read.
    """
    parser = _Body(name)
    try:
        parser.feed(page.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{page}: cannot be read ({error}); make it anew") from None
    parser.close()
    return "".join(parser.body).strip(), "".join(parser.style).strip()


def image(path: Path, alt: str) -> str:
    """A picture within the page itself, as WebP, not wider than a printed page needs.

    Raises:
        InputError: The picture is missing or damaged.
    """
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(
            f"{path}: not a picture ({error}); make it anew with: snakemake --force {path}"
        ) from None
    if picture.width > _WIDTH:
        size = (_WIDTH, round(picture.height * _WIDTH / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    held = io.BytesIO()
    picture.save(held, "WEBP", quality=_QUALITY, method=4)
    data = base64.b64encode(held.getvalue()).decode("ascii")
    return (
        f'<img src="data:image/webp;base64,{data}" width="{picture.width}" '
        f'height="{picture.height}" alt="{escape(alt)}">'
    )


def figure(name: str, picture: str, caption: str) -> str:
    """A picture that keeps a readable size on a phone, with a caption."""
    return (
        f'<figure><div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">'
        f'{picture}</div><figcaption id="{name}">{escape(caption)}</figcaption></figure>'
    )


def table(name: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the rows; cells are HTML, heads are text.

    Args:
        name: Id of the heading that says what it is.
        heads: Of all columns.
        rows: Cells.
    """
    named = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    lines = [
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    ]
    return "\n".join(
        [
            f'<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">',
            f'<table aria-labelledby="{name}"><thead><tr>{named}</tr></thead><tbody>',
            *lines,
            "</tbody></table></div>",
        ]
    )


def definitions(terms: Mapping[str, str]) -> str:
    """A list of terms and what is said of them."""
    told = (f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in terms.items())
    return f"<dl>{''.join(told)}</dl>"


def paragraph(text: str) -> str:
    """Text that is no HTML."""
    return f"<p>{escape(text)}</p>"
