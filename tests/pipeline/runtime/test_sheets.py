"""CSV in and out: comments, marks and quotes survive, and what does not fit is named by its row."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows, write_rows


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.csv"
    rows = [["#first", "1"], ['"quoted" x', "2"], ["a,b", "3"], ["two\nlines", None]]
    assert write_rows(path, ["clip", "n"], rows, ["made by a test"]) == 4
    assert path.read_text().startswith("# made by a test\nclip,n\n#first,1\n")
    found = [list(row.values()) for row in read_rows(path, ["clip", "n"])]
    assert found == [["#first", "1"], ['"quoted" x', "2"], ["a,b", "3"], ["two\nlines", ""]]


LETTERS = st.sampled_from([*"#\"',;=+-@ \t\r\n\\ab01.|\u00e9\u2028\uff1d"])
NAMES = st.text(LETTERS, max_size=8) | st.text(max_size=8).filter(lambda name: "\0" not in name)


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1))
def test_every_name_comes_back(rows: list[tuple[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "sheet.csv")
        rows = [(one, two.encode(errors="ignore").decode()) for one, two in rows]
        rows = [(one.encode(errors="ignore").decode(), two) for one, two in rows]
        write_rows(path, ["clip", "n"], rows, ["of a test", "two\r\nlines"])
        assert [tuple(row.values()) for row in read_rows(path, ["n"])] == rows


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=cmd", "'=cmd"),
        ("'=cmd", "''=cmd"),
        ("+a", "'+a"),
        ("@SUM(1)", "'@SUM(1)"),
        (" =1", "' =1"),
        ("-", "'-"),
        ("-0.500000", "-0.500000"),
        ("+1e-3", "+1e-3"),
        (-0.5, "-0.5"),
        (None, ""),
        ("x=1", "x=1"),
        ("'quoted'", "'quoted'"),
    ],
)
def test_no_spreadsheet_computes_a_name(tmp_path: Path, cell: object, written: str) -> None:
    write_rows(tmp_path / "s.csv", ["clip", "n"], [[cell, 1]])
    assert (tmp_path / "s.csv").read_text() == f"clip,n\n{written},1\n"
    (row,) = read_rows(tmp_path / "s.csv")
    assert row["clip"] == ("" if cell is None else str(cell))


def test_a_name_that_is_not_utf8_is_spelled_out(tmp_path: Path) -> None:
    write_rows(tmp_path / "s.csv", ["clip", "n"], [[os.fsdecode(b"a\xff"), 1]])
    assert read_rows(tmp_path / "s.csv") == [{"clip": r"a\udcff", "n": "1"}]


def test_sheets_as_spreadsheet_programs_save_them(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes("# said\r\nclip,n\r\nx\u00e9,1\r\n".encode("utf-16"))
    assert read_rows(tmp_path / "s.csv", ["clip"]) == [{"clip": "x\u00e9", "n": "1"}]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(b"\xef\xbb\xbf# said\r\nclip,n\r\nx,1\r\n")
    assert read_rows(tmp_path / "s.csv", ["clip"]) == [{"clip": "x", "n": "1"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"clip\nx\n", "no column n; the header must have clip,n"),
        (b"", "no column clip, n"),
        (b"clip,n\nx,1\nx\n", "row 2: expected 2 cells, found fewer"),
        (b"clip,n\nx,1,2\n", "row 1: expected 2 cells, found more"),
        (b"clip,n\n\xff,1\n", "line 2: not text in UTF-8"),
        (b"clip;n\nx;1\n", "no column clip, n; .* found 'clip;n'"),
        (b"clip,n,n\nx,1,2\n", "column n is there twice; remove one"),
        (b'clip,n\n"x" y,1\n', "row 1: .*correct this row"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_rows(tmp_path / "s.csv", ["clip", "n"])


def test_a_missing_sheet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No such file or directory.*check the path"):
        read_rows(tmp_path / "none.csv")
