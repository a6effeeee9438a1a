from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config.once import once
from pipeline.planning.load import configured
from pipeline.planning.raw_files import RawFiles, compared, declared
from pipeline.raw import patterns
from pipeline.raw.splits import SheetClip
from pipeline.raw.unchanged import contents
from pipeline.stores.manifests import write_manifest

CLIPS = {"0001": [SheetClip("a", "test", None, None)], "0002": [SheetClip("b", "test", None, None)]}
Plan = Callable[[], dict[str, str]]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Tokens of two clips of a file each, as another process would find them."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(name).write_text(name)

    def tokens() -> dict[str, str]:
        patterns.facts.cache_clear()
        return compared(Path("data/x/gaze"), CLIPS, lambda clip: [clip.name])

    return tokens


def make() -> None:
    """What the stage leaves: manifests that name the contents that it read."""
    for part, (clip,) in CLIPS.items():
        made_from = {f"raw/{clip.name}": contents([Path(clip.name)])}
        facts = {"kind": "gaze", "codec": "", "clips": {}, "left_out": {}, "files": {}}
        manifest = Path(f"data/x/gaze/{part}.json")
        manifest.parent.mkdir(parents=True, exist_ok=True)
        write_manifest(manifest, **facts, settings={}, inputs=made_from)


def write(name: str, text: str, seconds: int) -> None:
    Path(name).write_text(text)
    os.utime(name, (seconds, seconds))


def test_what_was_not_changed_keeps_its_token_whether_made_or_not(plan: Plan) -> None:
    first = plan()
    assert plan() == first
    make()
    assert plan() == first


def test_a_touched_file_keeps_its_token_and_is_read_once(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    first = plan()
    make()
    write("a", "a", 5)
    assert plan() == first
    assert capsys.readouterr().err == "data/x/gaze: comparing raw files whose dates changed\n"
    assert plan() == first
    assert capsys.readouterr().err == ""


def test_changed_contents_of_the_same_size_and_their_return(plan: Plan) -> None:
    first = plan()
    make()
    write("a", "c", 5)
    changed = plan()
    assert changed["a"] != first["a"]
    assert changed["b"] == first["b"]
    assert plan() == changed
    write("a", "a", 6)
    assert plan() == first  # Snakemake knows the store by this token
    write("a", "c", 7)
    make()
    write("a", "c", 8)
    assert plan() == changed


def test_before_a_store_is_made_a_change_is_nothing(plan: Plan) -> None:
    first = plan()
    write("a", "c", 5)
    assert plan() == first


def test_a_file_that_is_gone_is_another_content(plan: Plan) -> None:
    first = plan()
    make()
    Path("b").unlink()
    assert plan()["b"] != first["b"]


@pytest.mark.parametrize(
    "damaged", ["{", "[]", '{"a": 5}', '{"a": ["x", "y"]}', '{"a": ["x", 7, {}]}', "[" * 100_000]
)
def test_a_damaged_record_is_as_none(plan: Plan, damaged: str) -> None:
    first = plan()
    (record,) = Path(".snakemake/raw").glob("*.json")
    record.write_text(damaged)
    assert plan() == first


def test_only_what_the_demo_draws_is_declared() -> None:
    assert declared(configured("demo"), "dhf1k")
    paper = configured("paper")
    assert not declared(paper, "dhf1k")
    assert RawFiles(paper).param("dhf1k", "density", "0001") == ""  # it is made of gaze


def test_what_follows_from_a_configuration_is_found_once() -> None:
    asked = list[str]()

    @once
    def run(cfg: object, word: str) -> str:
        asked.append(word)
        return f"{cfg.run} {word}"  # type: ignore[attr-defined]

    cfg = configured("demo")
    assert [run(cfg, "a"), run(cfg, "a"), run(cfg, "b")] == ["demo a", "demo a", "demo b"]
    other = cfg.model_copy(update={"run": "mine"})
    assert [run(other, "a"), run(cfg, "a")] == ["mine a", "demo a"]
    assert asked == ["a", "b", "a"]
