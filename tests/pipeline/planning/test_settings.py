"""Params of rules: short ones as they are, long ones in files that their digest names."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.config.config import Config
from pipeline.planning.inputs import Inputs
from pipeline.planning.load import configured, load
from pipeline.planning.settings import FOLDER, Settings, as_json, lists, travelling
from pipeline.runtime.errors import InputError


@pytest.fixture
def cfg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    return configured("demo")


def _content(word: str) -> str:
    assert word.startswith("@")
    return Path(word[1:]).read_text(encoding="utf-8")


def test_a_short_text_is_its_own_word(cfg: Config) -> None:
    assert as_json(cfg.loss) == cfg.loss.model_dump_json()
    assert as_json(None) == "null"
    assert not FOLDER.exists()


def test_a_long_text_travels_as_a_file_named_by_its_digest(cfg: Config) -> None:
    one, other = (travelling("clips", json.dumps(["\u2028" * 100, n])) for n in (1, 2))
    assert one != other
    assert one == travelling("clips", json.dumps(["\u2028" * 100, 1]))
    assert one.startswith("@.snakemake/settings/clips-") and len(one) < 60
    assert json.loads(_content(one)) == ["\u2028" * 100, 1]
    assert len(list(FOLDER.iterdir())) == 2


def test_no_param_of_a_job_fills_a_line(cfg: Config) -> None:
    settings = Settings(cfg, Inputs(cfg))
    job = SimpleNamespace(
        dataset="ucf_sports", part="0001", model="gfsalnet", training="setting_2", flow="flow"
    )
    functions = ("clips", "flow", "network", "training", "loss", "shown", "made")
    words = [getattr(settings, name)(job) for name in functions]
    words += [settings.dataset(name)(job) for name in ("frames", "gaze", "density")]
    words += [settings.tables(), settings.loss_weights(), settings.whole()]
    words += [as_json(section) for section in (cfg.frames, cfg.fitting, cfg.alignment)]
    assert max(map(len, words)) < 200


def test_a_changed_setting_changes_the_word(cfg: Config) -> None:
    changed = cfg.model_copy(update={"seed": cfg.seed + 1})
    words = [Settings(one, Inputs(one)).tables() for one in (cfg, changed)]
    assert words[0] != words[1]


def test_the_whole_configuration_comes_back(cfg: Config) -> None:
    assert load(json.loads(_content(Settings(cfg, Inputs(cfg)).whole()))) == cfg


def test_inputs_travel_as_the_options_of_the_stage(cfg: Config) -> None:
    files = SimpleNamespace(frames=["a.json", "b c.json"], flow=[], validation_frames="d.json")
    files.validation_flow = []
    word = lists("frames", "flow", validation=True)(None, files)
    options = ["--frames", "a.json", "b c.json", "--flow", "--validation-frames", "d.json"]
    assert _content(word).split("\n") == [*options, "--validation-flow"]


def test_a_disk_that_refuses_is_one_line(cfg: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(InputError, match=r"settings/a-\w+: no space left on its disk"):
        travelling("a", "x" * 1000)


def test_a_sheet_says_what_it_is_of(cfg: Config) -> None:
    about = Settings(cfg, Inputs(cfg)).about
    of_data = json.loads(about(SimpleNamespace(dataset="diem")))
    assert of_data["run"] == "demo" and of_data["dataset"] == "diem"
    # Gaze and frames are those of every seed and protocol: a change of these makes no sheet again.
    assert not {"seed", "protocol"} & {*of_data}
    of_table = json.loads(about(SimpleNamespace(table="two_stream_1")))
    table = cfg.tables["two_stream_1"]
    assert (of_table["dataset"], of_table["seed"]) == (table.dataset, str(cfg.seed))
    assert of_table["protocol"] == (table.protocol or cfg.score.protocol)
