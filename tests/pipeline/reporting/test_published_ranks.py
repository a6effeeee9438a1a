"""Ranks of columns, and marks that do not follow from them."""

from __future__ import annotations

import math

import pytest

from pipeline.reporting.published import disagreements, ranks, read_marks
from pipeline.runtime.errors import InputError

SHEET = """\
group,method,deep,CC,KLDiv
,a,yes,0.5,1.0
,b,yes,0.4,2.0
,c,yes,0.3,
"""
HEAD = "table,method,metric,mark\n"


@pytest.fixture
def published(tmp_path):
    (tmp_path / "table_1.csv").write_text(SHEET)
    return tmp_path


def test_equal_looks_share_a_rank_and_the_next_is_second():
    found = ranks("CC", [0.5004, 0.4996, 0.4, 0.3])
    assert found == ["best", "best", "second", None]


def test_lower_is_better_of_kldiv_and_nothing_has_no_rank():
    assert ranks("KLDiv", [2.0, None, math.nan, 1.0]) == ["second", None, None, "best"]
    assert ranks("sAUC", [0.6]) == ["best"]
    assert ranks("CC", [None, math.nan]) == [None, None]
    assert ranks("KLDiv", [1.0, math.inf]) == ["best", None]


def test_right_marks_agree(published):
    lines = "table_1,b,CC,second\ntable_1,b,KLDiv,second\ntable_1,a,CC,best\ntable_1,a,KLDiv,best\n"
    (published / "marks.csv").write_text(HEAD + lines)
    assert disagreements(published) == []


def test_a_wrong_mark_and_a_missing_one_are_told(published):
    (published / "marks.csv").write_text(HEAD + "table_1,c,CC,second\n")
    assert [str(one) for one in disagreements(published)] == [
        "b CC 0.400: not marked, is the second best",
        "c CC 0.300: marked second, is neither",
        "b KLDiv 2.000: not marked, is the second best",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("table,method,mark\n", "no column metric; the header must have table,method,metric,mark"),
        (HEAD + "table_1,a,CC,bold\n", "mark 'bold' is none of best, second"),
    ],
)
def test_wrong_marks_are_refused(text, complaint, tmp_path):
    (tmp_path / "marks.csv").write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_marks(tmp_path / "marks.csv")


def test_a_mark_on_nothing_is_refused(published):
    (published / "marks.csv").write_text(HEAD + "table_1,c,KLDiv,second\n")
    with pytest.raises(InputError, match="table_1 has no value c KLDiv"):
        disagreements(published)
