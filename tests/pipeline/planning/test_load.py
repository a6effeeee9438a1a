"""config.yaml, the run's file and the user's keys, wherever one works."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import yaml

from pipeline.planning import needs, paths
from pipeline.planning.load import chosen, complete, configured, load, merged, own
from pipeline.planning.provenance import ROOT
from pipeline.planning.rows import config_digest, trainings_behind
from pipeline.runtime.errors import InputError


def test_the_users_keys_win_over_the_runs_and_the_runs_over_the_file() -> None:
    found = complete({"run": "demo", "frames": {"width": 320}})
    demo = yaml.safe_load((ROOT / "workflow/runs/demo.yaml").read_text())
    assert found["frames"]["width"] == 320
    assert found["frames"]["height"] == demo["frames"]["height"]
    assert found["frames"]["filter"] == "bicubic"


def test_paper_has_no_file_of_its_own() -> None:
    assert complete({"run": "paper"}) == yaml.safe_load((ROOT / "config.yaml").read_text()) | {
        "run": "paper"
    }


def test_own_files_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = configured("demo")
    monkeypatch.chdir(tmp_path)
    away = configured("demo")
    sheet = Path(away.datasets["diem"].splits)
    assert sheet.is_absolute() and sheet.is_file()
    assert away.pathvars == home.pathvars
    assert config_digest(away) == config_digest(home)


def test_a_file_where_one_works_comes_before_the_workflows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert own("config.yaml") == str(ROOT / "config.yaml")
    assert own("workflow/splits/none.csv") == "workflow/splits/none.csv"
    ours = (ROOT / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(re.sub("(?m)^seed: .*$", "seed: 7", ours))
    assert own("config.yaml") == "config.yaml"
    assert load(complete({"run": "demo"})).seed == 7


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"frames": {"width": 0}}, "--config or --configfile"),
        ({"run": "own", "frames": {"width": 0}}, "--config or --configfile"),
        ({"run": "own"}, "workflow/runs/own.yaml"),
        ({"run": "paper"}, "config.yaml"),
        ({"run": "own", "frames": {"height": 320}}, "workflow/runs/own.yaml"),
    ],
)
def test_what_does_not_fit_is_blamed_on_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, object], place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = yaml.safe_load((ROOT / "config.yaml").read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(merged(ours, {"frames": {"width": -1}})))
    runs = tmp_path / "workflow/runs"
    runs.mkdir(parents=True)
    (runs / "own.yaml").write_text("frames: {width: -2}\n")
    with pytest.raises(InputError) as error:
        chosen(keys)
    line, key = str(error.value).splitlines()
    assert line == f"{place} does not fit:"
    assert key == "  frames.width: Input should be greater than 0"


@pytest.mark.parametrize(
    ("above", "change", "message"),
    [
        (
            {"models": {"itti": {"blur": 3.0}}},
            {"models": {"salema": {"start": "nonsense"}}},
            "config.yaml does not fit:\n  models.salema.start names 'nonsense'",
        ),
        (
            {"tables": {"table_1": {"title": "Ours"}}},
            {"tables": {"table_1": {"dataset": "ucf_sprots"}}},
            "config.yaml does not fit:\n  tables.table_1.dataset names 'ucf_sprots'",
        ),
        (
            {"trainings": {"setting_1_diem": {"batch": 4}}},
            {"trainings": {"setting_1_diem": {"epochs": 1.0, "iterations": 5}}},
            "config.yaml, with --config or --configfile over it, does not fit:\n"
            "  trainings.setting_1_diem: ",
        ),
        (
            {"seed": 1},
            {"trainings": {"setting_1_diem": {"datasets": ["dime"]}}},
            "config.yaml does not fit:\n  trainings.setting_1_diem.datasets names 'dime'",
        ),
    ],
)
def test_what_lies_beside_a_fault_is_not_to_blame(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    above: dict[str, object],
    change: dict[str, object],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = yaml.safe_load((ROOT / "config.yaml").read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(merged(ours, change)))
    with pytest.raises(InputError) as error:
        chosen({"run": "paper", **above})
    assert str(error.value).startswith(message)


def test_all_wrong_names_are_found_at_once() -> None:
    models = {"salema": {"start": "nonsense"}, "gbvs": {"network": "gvbs"}}
    with pytest.raises(InputError) as error:
        chosen({"run": "paper", "models": models})
    _, *lines = str(error.value).splitlines()
    assert [line.split()[0] for line in lines] == ["models.salema.start", "models.gbvs.network"]


def test_a_run_that_is_not_there_is_blamed_on_where_it_stands() -> None:
    with pytest.raises(InputError, match=r"^--config or --configfile: run: dem: no such .*demo\?$"):
        chosen({"run": "dem"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a\n", "config.yaml: expected keys with values"),
        ("a: [", "config.yaml, line 1: not YAML"),
        (
            "run: papr\n",
            "run: papr: no such run; set it to paper, demo, diem_whole, light, own, part, real, "
            "verify; did",
        ),
        ("run: ../runs/demo\n", "run: ../runs/demo: no such run"),
        ("seed: 1\nrun: demo\nseed: 2\n", "config.yaml, line 3: seed: .* twice, first in line 1"),
    ],
)
def test_a_file_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(InputError, match=said):
        complete({})


def test_diem_meta_over_whole_videos_uses_the_papers_weights() -> None:
    paper, whole = configured("paper"), configured("diem_whole")
    assert whole.pathvars == paper.pathvars
    for table in ("table_5", "table_9"):
        rows, tested = whole.tables[table].measured, whole.tables[table].dataset
        assert rows == paper.tables[table].measured
        assert needs.over(whole, tested) == "diem_whole"
        for row in rows.values():
            arguments = (row.model, row.training)
            assert paths.weights(whole, *arguments) == paths.weights(paper, *arguments)
            assert paths.scores(whole, row, tested) != paths.scores(paper, row, "diem_meta")
            # No training that a row rests on has any of the videos.
            assert "diem" not in {*itertools.chain(*trainings_behind(whole, row).values())}
    same = ("frames", "gaze", "density")
    one, other = (run.datasets[name] for run, name in ((whole, "diem_whole"), (paper, "diem")))
    assert all(getattr(one, section) == getattr(other, section) for section in same)


@pytest.mark.parametrize("table", ["table_5", "table_6"])
def test_tables_say_that_setting_2_has_neither_diem_nor_ledov(table: str) -> None:
    cfg = configured("paper")
    learned = cfg.trainings[cfg.tables[table].measured["Ours"].training].datasets
    assert {"diem", "ledov"}.isdisjoint(learned)
    assert "that includes frames from DIEM or LEDOV" in str(cfg.tables[table].note)
