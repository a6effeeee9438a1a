from __future__ import annotations

import gzip
import os

import pytest

from pipeline.runtime import text
from pipeline.runtime.errors import InputError
from pipeline.runtime.text import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_whatever_it_was_saved_in(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes("clip,x\r\nBär,½\r".encode(encoding))
    assert read_text(path) == "clip,x\r\nBär,½\r"


@pytest.mark.parametrize(
    ("mark", "encoding"), [(b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")]
)
def test_either_order_of_bytes(tmp_path, mark, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(mark + "clip\n€".encode(encoding))
    assert read_text(path) == "clip\n€"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nBär\n".encode("latin-1"), r"line 2: not text in UTF-8: byte 3 of the file"),
        ("ab".encode("utf-16")[:-1], r"line 1: not text in UTF-16: byte 4 .*truncated"),
        ("ab\nc".encode("utf-16-le"), r"line 1: a zero byte.*without a byte order mark"),
        ("ab".encode("utf-32"), "a zero byte"),
    ],
)
def test_other_bytes(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.csv, {message}|a\.csv, line 1: {message}") as error:
        read_text(path)
    assert "\n" not in str(error.value)


def test_packed(tmp_path):
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress(b"1\t2\n"))
    assert read_text(path) == "1\t2\n"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"a\.tsv\.gz: cannot be unpacked .*copy it again"):
        read_text(path)
    path.write_bytes(b"1\t2\n")
    with pytest.raises(InputError, match=r"cannot be unpacked \(Not a gzipped file"):
        read_text(path)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_too_large(tmp_path, monkeypatch, name):
    monkeypatch.setattr(text, "LARGEST", 999)
    path = tmp_path / name
    pack = gzip.compress if name.endswith("gz") else bytes
    path.write_bytes(pack(b" " * 999))
    assert len(read_text(path)) == 999
    path.write_bytes(pack(b" " * 1000))
    with pytest.raises(InputError, match=r"more than 999 bytes of text"):
        read_text(path)


def test_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "locked").write_text("a")
    (tmp_path / "locked").chmod(0)
    reasons = {"pipe": "not a regular", "folder": "Is a dir", "absent": "No such file"}
    if os.geteuid():
        reasons["locked"] = "Permission denied"
    for name, reason in reasons.items():
        with pytest.raises(InputError, match=rf"{name}: cannot be read \({reason}"):
            read_text(tmp_path / name)


def test_text_in_part(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"1 2\n# Fl\xe4che\n\0\n")
    assert read_text(path, in_part=True) == "1 2\n# Fl\ufffdche\n\0\n"
    path.write_bytes("1 2\n".encode("utf-16-be"))
    with pytest.raises(InputError, match="a zero byte"):
        read_text(path, in_part=True)
