"""CSV in and out: comments, marks and quotes survive, and what does not fit is named by its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows, write_rows


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.csv"
    rows = [["#first", "1"], ['"quoted" x', "2"], ["a,b", "3"], ["two\nlines", None]]
    assert write_rows(path, ["clip", "n"], rows, ["made by a test"]) == 4
    assert path.read_text().startswith("# made by a test\nclip,n\n#first,1\n")
    found = [list(row.values()) for row in read_rows(path, ["clip", "n"])]
    assert found == [["#first", "1"], ['"quoted" x', "2"], ["a,b", "3"], ["two\nlines", ""]]


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
        (b"clip,n\n\xff,1\n", "not UTF-8 text"),
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
