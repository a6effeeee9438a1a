"""The rules and what they read from one another, as a drawing that needs no program: SVG.

Rules lie in rows, each below all that it reads from; within a row they are ordered by where their
neighbours above lie (Sugiyama, Tagawa and Toda, 1981). An edge that others make superfluous is
not drawn: who reads from `score` also waits for `predict`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Final

from pipeline.runtime.errors import InputError

Edges = frozenset[tuple[str, str]]
"""(rule, the rule that reads what it made)."""
Node = tuple[str, str, int]
"""A rule ("flow", "", row), or where an edge passes a row ("flow", "predict", row)."""

Pairs = set[tuple[Node, Node]]
"""Nodes of neighbouring rows that a line joins, the upper one first."""

_BOX: Final = (88, 24)
_STEP: Final = (100, 56)
"""Width and height of a rule's box, and from one to the next, in pixels of the drawing."""
_SWEEPS: Final = 12


def read_edges(dot: Path) -> Edges:
    """The edges of a graph in the language DOT, one a line: `gaze -> density`.

    Raises:
        InputError: The file is missing, holds no edge, or edges that go in a circle.
    """
    try:
        text = dot.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{dot}: cannot be read ({error.strerror}); restore it") from None
    edges = frozenset(re.findall(r"^\s*(\w+)\s*->\s*(\w+)", text, re.MULTILINE))
    if not edges:
        raise InputError(f"{dot}: expected lines such as `gaze -> density`, found none; restore it")
    if circle := _circle(edges):
        raise InputError(f"{dot}: {', '.join(circle)} read from one another; mend these lines")
    return edges


def without(edges: Edges, rules: Iterable[str]) -> Edges:
    """The graph without some rules."""
    gone = set(rules)
    return frozenset(edge for edge in edges if not gone & set(edge))


def reduced(edges: Edges) -> Edges:
    """Only the edges that no longer way replaces."""
    longer = {
        (start, end)
        for start, end in edges
        if any(_reaches(edges, middle, end) for first, middle in edges if first == start)
    }
    return edges - longer


def _reaches(edges: Edges, start: str, end: str) -> bool:
    """Whether there is a way of at least one edge."""
    seen, ahead = set[str](), [start]
    while ahead:
        rule = ahead.pop()
        following = {second for first, second in edges if first == rule} - seen
        seen |= following
        ahead += following
    return end in seen


def _circle(edges: Edges) -> list[str]:
    rules = sorted({rule for edge in edges for rule in edge})
    return [rule for rule in rules if _reaches(edges, rule, rule)]


def row_of_each(edges: Edges) -> dict[str, int]:
    """Row of each rule: one below the lowest that it reads from."""
    found: dict[str, int] = {}

    def row(rule: str) -> int:
        if rule not in found:
            found[rule] = 1 + max(
                (row(first) for first, second in edges if second == rule), default=-1
            )
        return found[rule]

    for rule in sorted({rule for edge in edges for rule in edge}):
        row(rule)
    return found


def _ways(edges: Edges, row: Mapping[str, int]) -> dict[tuple[str, str], list[Node]]:
    """The nodes that each edge goes through, one in every row that it crosses."""
    return {
        (first, second): [
            (first, "", row[first]),
            *((first, second, i) for i in range(row[first] + 1, row[second])),
            (second, "", row[second]),
        ]
        for first, second in sorted(edges)
    }


def _ordered(nodes: Iterable[Node], pairs: Pairs) -> list[list[Node]]:
    """Rows of nodes from left to right, so that few edges cross."""
    known = sorted(nodes)
    levels = [[n for n in known if n[2] == i] for i in range(1 + max(n[2] for n in known))]
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for level in levels if down else reversed(levels):
            place = _centred(levels)
            ends = [pair if down else pair[::-1] for pair in pairs]
            beside = {n: [place[a] for a, b in ends if b == n] or [place[n]] for n in level}
            level.sort(key=lambda node: (fmean(beside[node]), node))
    return levels


def _centred(levels: Iterable[Sequence[Node]]) -> dict[Node, float]:
    """Places in each row around its middle, one apart."""
    return {n: i - (len(level) - 1) / 2 for level in levels for i, n in enumerate(level)}


def _straightened(levels: Sequence[Sequence[Node]], pairs: Pairs) -> dict[Node, float]:
    """Places in each row, at least one apart, near those of the nodes above and below."""
    place = _centred(levels)
    for sweep in range(_SWEEPS):
        for level in levels if sweep % 2 == 0 else reversed(levels):
            wanted = []
            for node in level:
                ends = [b if a == node else a for a, b in pairs if node in (a, b)]
                wanted.append(fmean(place[end] for end in ends) if ends else place[node])
            place.update(zip(level, _apart(wanted), strict=True))
    least = min(place.values())
    return {node: x - least for node, x in place.items()}


def _apart(wanted: Sequence[float]) -> list[float]:
    """The places nearest to those wanted that are in order and one apart (least squares)."""
    blocks: list[list[float]] = []
    for i, place in enumerate(wanted):
        blocks.append([place - i])
        while len(blocks) > 1 and fmean(blocks[-2]) > fmean(blocks[-1]):
            right = blocks.pop()
            blocks[-1] += right
    means = [fmean(block) for block in blocks for _ in block]
    return [mean + i for i, mean in enumerate(means)]


def svg(edges: Edges, label: str) -> str:
    """The graph as an element <svg> in the colour of the text around it.

    Args:
        edges: All edges; those that others make superfluous are not drawn.
        label: What a screen reader says instead.
    """
    drawn = reduced(edges)
    ways = _ways(drawn, row_of_each(drawn))
    pairs = {pair for way in ways.values() for pair in pairwise(way)}
    levels = _ordered({node for pair in pairs for node in pair}, pairs)
    place = _straightened(levels, pairs)
    width, height = (max(place.values()) + 1) * _STEP[0], len(levels) * _STEP[1]
    at = {node: ((x + 0.5) * _STEP[0], (node[2] + 0.5) * _STEP[1]) for node, x in place.items()}
    lines = [_line([at[node] for node in way]) for way in ways.values()]
    boxes = [_box(node[0], *at[node]) for level in levels for node in level if not node[1]]
    opened = (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'role="img" aria-label="{escape(label)}">'
    )
    return "\n".join([opened, *lines, *boxes, "</svg>"])


def _line(points: Sequence[tuple[float, float]]) -> str:
    """A curve from below the first box to an arrowhead above the last, upright in every row."""
    half = _BOX[1] / 2
    (x, y), (end, tip) = points[0], points[-1]
    path = [f"M{x:.1f} {y + half:.1f}"]
    y += half
    for to, below in [*points[1:-1], (end, tip - half - 5)]:
        middle = (y + below) / 2
        path.append(f"C{x:.1f} {middle:.1f} {to:.1f} {middle:.1f} {to:.1f} {below:.1f}")
        x, y = to, below
    head = f"M{x - 4:.1f} {y - 2:.1f}L{x + 4:.1f} {y - 2:.1f}L{x:.1f} {y + 5:.1f}Z"
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="currentColor"/>'
        f'<path d="{head}" fill="currentColor"/>'
    )


def _box(rule: str, x: float, y: float) -> str:
    width, height = _BOX
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width}" height="{height}" '
        f'rx="4" fill="Canvas" stroke="currentColor"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" font-size="12" '
        f'fill="currentColor">{escape(rule)}</text>'
    )
