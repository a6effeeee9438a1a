"""What YAML would take for something else than was meant is one line with the key's path."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.planning.provenance import ROOT
from pipeline.runtime.errors import InputError
from pipeline.runtime.yaml_file import read_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("file", ["config.yaml", "workflow/runs/demo.yaml"])
def test_the_shipped_files_are_read_as_yaml_reads_them(file: str) -> None:
    assert read_yaml(ROOT / file) == yaml.safe_load((ROOT / file).read_text())


def test_words_that_everybody_reads_alike(tmp_path: Path) -> None:
    text = "a: [-1, .5, 1.0e-4, .inf, true, null, 01.avi, '001', \"on\", 1e, 2015-1, e4]\nb:\n"
    (tmp_path / "c.yaml").write_text(text)
    assert read_yaml(tmp_path / "c.yaml") == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("seed: 1\nseed: 2\n", "line 2: seed: the key is there twice, first in line 1"),
        ("models:\n  a:\n    x: 1\n    y: 2\n    x: 3\n", "line 5: models.a.x: the key is there"),
        ("a: {b: 1, 'b': 1}", "line 1: a.b: the key is there twice"),
        ("a: &a {x: 1}\nb: {<<: *a, <<: *a}", "line 2: b.<<: the key is there twice"),
        ("b: {<<: [1]}", "line 1: b.<<: takes an alias of a mapping"),
        ("b: {<<: 3}", "line 1: b.<<: takes an alias of a mapping"),
        ("a: &a [*a]", "line 1: a.0: an alias of what it stands in"),
        ("a: &a {b: {<<: *a}}", "line 1: a.b.<<: an alias of what it stands in"),
        (BOMB, "aliases multiply"),
        ("a: " + "[" * 1000, "nested too deep"),
        ("observers: [001, 002]", "line 1: observers.0: YAML takes 001 for another number; put it"),
        ("a: 0x1F", "YAML takes 0x1F for another number"),
        ("a: 1_000", "YAML takes 1_000 for another number"),
        ("a: 1:30", "YAML takes 1:30 for another number"),
        ("learning_rate: 1e-4", "learning_rate: YAML takes 1e-4 for a word, not a number; write"),
        ("a: -2E5", "YAML takes -2E5 for a word"),
        ("a: 2015-01-01", "YAML takes 2015-01-01 for a date"),
        ("variable: on", "variable: YAML takes on for a truth value; write true or false"),
        ("variable: No", "variable: YAML takes No for a truth value"),
        ("001: a", "001: as a key YAML takes this for something else"),
        ("yes: a", "yes: as a key YAML takes this for something else"),
        ("[a]: b", "as a key YAML takes this for something else"),
        ("a:\n\tb: 1\n", r"line 2: not YAML \(.*cannot start any token"),
        ("a: *b", "line 1: not YAML .found undefined alias"),
        ("a: 1\n---\nb: 2\n", "line 2: not YAML .*another document"),
        ("a: !!python/name:os.system", "line 1: not YAML"),
        ("a: \x07", "not YAML .*special characters are not allowed"),
        ("", "expected keys with values, found nothing"),
        ("- a\n", "expected keys with values, found a list"),
    ],
)
def test_a_trap_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(InputError, match=said) as stopped:
        read_yaml(tmp_path / "c.yaml")
    assert len(str(stopped.value).splitlines()) == 1
    assert str(stopped.value).startswith(f"{tmp_path / 'c.yaml'}")


@pytest.mark.parametrize("content", [b"seed: \xff\n", b"s\0e: 1\n"])
def test_what_is_not_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"line 1: (not text in UTF-8|a zero byte)"):
        read_yaml(tmp_path / "c.yaml")


def test_utf16_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("title: \u00dcbung\n", encoding="utf-16")
    assert read_yaml(tmp_path / "c.yaml") == {"title": "\u00dcbung"}
