"""Part of a dataset: which clips a run uses, which rows it leaves out, and why."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config.config import Config
from pipeline.planning import needs, paths, targets
from pipeline.planning.inputs import Inputs
from pipeline.planning.load import load, merged
from pipeline.planning.missing import missing_message
from pipeline.planning.rows import clips_scored, coverage, measured, tables_settings, unmeasured
from pipeline.raw import patterns, presence
from pipeline.raw.splits import read_sheet
from pipeline.runtime.errors import InputError
from tests.builders import ROOT, configuration

UNTRAINED = {"PQFT", "Fang et al.", "Observers", "UNISAL (released)", "Centre bias", "Chance"}


def dhf1k(folder: Path, *clips: str, gaze: bool = True) -> None:
    """Puts clips of DHF1K there, touched, each with one observer."""
    for clip in clips:
        files = [f"video/{clip}.AVI"]
        files += [f"exportdata_train/P01/P01_Trail{clip}.txt"] if gaze else []
        for path in (folder / "dhf1k" / file for file in files):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def planned(folder: Path, run: str = "part", **changes: Any) -> Config:
    for cached in (patterns._by_clip, patterns.entries, patterns.facts, presence._present):
        cached.cache_clear()
    folders = {"raw": str(folder), "data": "d", "results": "r", "logs": "l"}
    return load(merged(configuration(run), {"pathvars": folders} | changes))


def names(cfg: Config) -> dict[str, list[str]]:
    """Part of DHF1K -> names of its clips."""
    return {part: [clip.name for clip in of] for part, of in needs.dealt(cfg, "dhf1k").items()}


def test_one_validation_clip_is_scored_by_all_that_needs_no_training(tmp_path: Path) -> None:
    dhf1k(tmp_path, "601")
    cfg = planned(tmp_path)
    assert missing_message(cfg) is None
    assert {*cfg.datasets, *cfg.meta_datasets} - {*cfg.without} == {"dhf1k"}
    assert measured(cfg, "table_3").keys() == UNTRAINED
    assert unmeasured(cfg, "table_3")["Mean training map"] == "no train clip of dhf1k is there"
    assert unmeasured(cfg, "table_3")["Setting 1"] == "its training needs salicon"
    (scored,) = coverage(cfg, "table_3")
    assert (scored.split, scored.clips, scored.of, scored.frames) == ("val", 1, 100, 60273)
    assert targets.tested_truth(cfg) == ["d/dhf1k/density/0601.json"]
    assert targets.trained_truth(cfg) == []
    assert tables_settings(cfg, "code").left_out["diem"] == "diem is left out of this run"


def test_one_training_clip_is_scored_by_nothing_that_learned_it(tmp_path: Path) -> None:
    dhf1k(tmp_path, "002")
    cfg = planned(tmp_path)
    assert missing_message(cfg) is None
    assert measured(cfg, "table_3").keys() == UNTRAINED
    why = unmeasured(cfg, "table_3")["Mean training map"]
    assert why == "its training has the clips under test"
    (scored,) = coverage(cfg, "table_3")
    assert (scored.split, scored.instead, scored.clips, scored.of) == ("train", "val", 1, 600)
    assert clips_scored(cfg, "dhf1k", "val").clips == 0


def test_training_clips_are_no_test_where_that_is_not_asked_for(tmp_path: Path) -> None:
    dhf1k(tmp_path, "002")
    cfg = planned(tmp_path, datasets={"dhf1k": {"test": {"instead": None}}})
    settings = tables_settings(cfg, "code")
    assert settings.left_out["dhf1k"] == "no val clip of dhf1k is there"
    assert not measured(cfg, "table_3")
    assert not targets.alignments(cfg) or "dhf1k" in targets.alignments(cfg)[0]
    assert not targets.statistics(cfg) and not targets.pictures(cfg)


def test_a_clip_is_there_with_its_gaze_unless_that_is_hidden(tmp_path: Path) -> None:
    dhf1k(tmp_path, "601")
    dhf1k(tmp_path, "602", "701", gaze=False)
    assert needs.present(planned(tmp_path), "dhf1k") == {"601", "701"}


def test_a_clip_that_comes_later_changes_its_own_part_alone(tmp_path: Path) -> None:
    pairs = {"datasets": {"dhf1k": {"clips_per_part": 2, "validation": 0.1}}}
    dhf1k(tmp_path, "003", "601")
    before = names(planned(tmp_path, **pairs))
    dhf1k(tmp_path, "002", "004", "650")
    after = names(planned(tmp_path, **pairs))
    changed = {part for part in before if before[part] != after[part]}
    assert before.keys() < after.keys()
    assert changed == {part for part, clips in after.items() if clips == ["003", "004"]}
    whole = names(planned(tmp_path, "paper", **pairs))
    assert all({*clips} <= {*whole[part]} for part, clips in after.items())


def test_a_part_of_which_nothing_is_there_has_no_job(tmp_path: Path) -> None:
    dhf1k(tmp_path, "002")
    cfg = planned(tmp_path)
    assert [*needs.dealt(cfg, "dhf1k")] == ["0002"]
    with pytest.raises(InputError, match=r"dhf1k.csv: no clip of part 0003 is used.*are 0002"):
        Inputs(cfg).raw("frames")(SimpleNamespace(dataset="dhf1k", part="0003"))


def test_nothing_there_at_all_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no dataset; put one there under its name, ucf"):
        planned(tmp_path)
    (tmp_path / "dhf1k").mkdir()
    message = missing_message(planned(tmp_path))
    assert message is not None
    assert "clips: present, and no clip has all its files" in message
    assert "video/{clip}.AVI of 700 of 700 clips" in message
    assert "run: part  in config.yaml" not in message
    message = missing_message(planned(tmp_path, datasets={"dhf1k": {"clips": "all"}}))
    assert message is not None and "run: part  in config.yaml" in message


def test_the_message_about_missing_clips_names_the_remedy(tmp_path: Path) -> None:
    dhf1k(tmp_path, "002", "601")
    others = [name for name in configuration("paper")["datasets"] if name != "dhf1k"]
    message = missing_message(planned(tmp_path, "paper", without=others))
    assert message is not None
    assert "698 of 700 clips in all; to use those that are there (2), set datasets.dhf1k" in message


def sheets(folder: Path, **texts: str) -> dict[str, Any]:
    """Changes that give datasets other sheets, touched whole below `folder`."""
    changes: dict[str, Any] = {}
    for name, text in texts.items():
        sheet = folder / f"{name}.csv"
        sheet.write_text("clip,split\n" + text)
        changes[name] = {"variants": {"paper": {"splits": str(sheet)}}}
    return changes


@pytest.mark.parametrize(
    ("listed", "scored", "trained"),
    [
        ("001,train\n002,train\n", False, True),
        ("001,val\n", True, False),
        ("001,test\n", False, False),
    ],
)
def test_a_sheet_without_clips_to_train_or_test_leaves_rows_out(
    tmp_path: Path, listed: str, scored: bool, trained: bool
) -> None:
    cfg = load(merged(configuration("demo"), {"datasets": sheets(tmp_path, dhf1k=listed)}))
    rows = measured(cfg, "table_3")
    assert ("PQFT" in rows) == scored
    assert ("Setting 1" in rows) == (scored and trained)
    settings = tables_settings(cfg, "code")
    if not scored:
        assert settings.left_out["dhf1k"] == "dhf1k has no val clip in its split sheet"
        assert not [path for path in targets.statistics(cfg) if "dhf1k" in path]
    elif not trained:
        why = "dhf1k has no train clip in its split sheet"
        assert settings.lacking["table_3"]["Mean training map"] == why
    # A setting that has other datasets as well is trained on these, and its tables say so.
    assert "Setting 2" in measured(cfg, "table_1")
    used = {
        one.dataset: one.clips for one in coverage(cfg, "table_1") if one.training == "setting_2"
    }
    assert (used["dhf1k"] > 0) == trained and used["ucf_sports"] > 0
    inputs = Inputs(cfg).training("frames")(SimpleNamespace(training="setting_2"))
    assert any("dhf1k" in path for path in inputs) == trained


def test_a_whole_dataset_is_wholly_covered() -> None:
    cfg = load(configuration("demo"))
    for table in cfg.tables:
        found = coverage(cfg, table)
        assert found and all(one.clips == one.of > 0 and not one.instead for one in found)


def test_a_sheet_made_from_a_part_of_a_folder_is_a_part(tmp_path: Path) -> None:
    """What is known of a dataset counts, too: totals.csv beside the sheet."""
    known = (ROOT / "workflow/splits/totals.csv").read_text()
    (tmp_path / "totals.csv").write_text(known)
    changes = sheets(tmp_path, diem="harry_potter,test\nsport,train\n")
    cfg = load(merged(configuration("demo"), {"datasets": changes}))
    found = clips_scored(cfg, "diem", "test")
    assert (found.clips, found.of, found.frames) == (1, 20, 6000)


def test_the_demo_uses_what_it_is_about_to_draw(tmp_path: Path) -> None:
    part = {"clips": "present"}
    cfg = planned(tmp_path, "demo", datasets={"dhf1k": part})
    sheet = read_sheet(Path(cfg.datasets["dhf1k"].splits))
    assert sum(map(len, needs.dealt(cfg, "dhf1k").values())) == len(sheet)
    dhf1k(tmp_path, "006")
    observers = {"variants": {"paper": {"gaze": {"observers": ["01"]}}}}
    cfg = planned(tmp_path, "demo", datasets={"dhf1k": part | observers})
    assert paths.parts(cfg, "gaze", "dhf1k", "val") == ["d/dhf1k/gaze/0003.json"]
    assert not paths.parts(cfg, "gaze", "dhf1k", "train")
