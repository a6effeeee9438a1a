"""A metric is a function and its name: whatever is registered is scored and becomes a column."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.config.evaluation import TablesSettings
from pipeline.config.protocols import PROTOCOLS as NAMES
from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics import conventions
from pipeline.evaluation.metrics.auc import auc_borji
from pipeline.evaluation.metrics.distributions import centre_bias, emd, info_gain
from pipeline.evaluation.metrics.registry import METRICS, Metric, better
from pipeline.evaluation.protocols import MIT, PROTOCOLS, further, protocol, reported
from pipeline.evaluation.scoring import Request, score_frames, write_scores
from pipeline.planning.missing import planned
from pipeline.preprocessing.fixations import fixated_map
from pipeline.reporting.published import ranks
from pipeline.reporting.tables import tables
from pipeline.runtime.sheets import read_rows
from tests.pipeline.evaluation.frames import SHAPE, looks, references

ASKED = ("AUC-Borji", "IG", "EMD")


@pytest.fixture
def l1(monkeypatch: pytest.MonkeyPatch) -> str:
    """A metric that is only registered: the mean absolute difference."""
    monkeypatch.setattr(
        conventions, "l1", lambda frame: float(abs(frame.saliency - frame.density).mean()), False
    )
    monkeypatch.setitem(METRICS, "L1", Metric("lower", "density", "l1"))
    return "L1"


@pytest.mark.parametrize("name", METRICS)
def test_a_registered_name_has_its_function(name: str) -> None:
    assert callable(getattr(conventions, METRICS[name].function))


def test_planning_knows_the_protocols() -> None:
    assert [*NAMES] == [*PROTOCOLS]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_only_mit_reports_what_is_asked_for(name: str) -> None:
    assert further(name, [*ASKED, "CC"]) == ([*ASKED] if protocol(name).extensible else [])
    assert protocol(name).extensible == (name in ("mit", "mit_jitter", "calibrated"))
    assert reported(protocol(name)) == protocol(name).reports
    assert further(name, protocol(name).reports) == []


def test_what_nobody_asks_for_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ASKED:
        monkeypatch.delattr(conventions, METRICS[name].function)
    assert {*score_frame(MIT, Frame(*looks(1)))} == {*MIT.reports} - {"sAUC"}


@pytest.mark.parametrize("name", ["mit", "mit_jitter"])
def test_borji_information_gain_and_emd(name: str) -> None:
    pytest.importorskip("ot")
    saliency, density, pixels = looks(1, (96, 128))
    fixated = fixated_map(pixels, density.shape)
    frame, rng = Frame(saliency, density, pixels), np.random.default_rng(4)
    drawn = rng if name == "mit_jitter" else None
    got = score_frame(protocol(name), frame, metrics=ASKED, rng=drawn)
    own = np.random.default_rng(4).spawn(1)[0] if drawn else None
    assert got["AUC-Borji"].value == auc_borji(saliency, fixated, own)
    assert got["IG"].value == info_gain(saliency, fixated, centre_bias(density.shape))
    assert got["EMD"].value == emd(saliency, density) > 0
    assert [better(metric) for metric in ASKED] == ["higher", "higher", "lower"]


def test_what_is_asked_for_leaves_the_draws_of_the_others() -> None:
    frame, rules = Frame(*looks(1)), protocol("mit_jitter")
    plain, more = (
        score_frame(
            rules, frame, metrics=metrics, reference=references(2), rng=np.random.default_rng(7)
        )
        for metrics in (rules.reports, ("AUC-Borji", *rules.reports))
    )
    assert plain == {metric: more[metric] for metric in plain}


def test_a_frame_without_fixation_has_no_information_gain() -> None:
    saliency, density, pixels = looks(1)
    got = score_frame(MIT, Frame(saliency, density, pixels[:0]), metrics=ASKED[:2])
    assert {score.status for score in got.values()} == {"no_fixation"}
    assert np.isnan([score.value for score in got.values()]).all()


def scored(folder: Path, model: str, request: Request, seeds: range) -> Path:
    """A sheet of two clips of made-up frames."""
    frames = {
        clip: [looks(seed * 10 + i) for i in range(3)]
        for seed, clip in zip(seeds, "ab", strict=True)
    }
    maps = SimpleNamespace(read=lambda clip, chosen: (frames[clip][i][0] for i in chosen))
    truth = SimpleNamespace(
        shape=lambda clip: SHAPE,
        densities=lambda clip, chosen: (frames[clip][i][1] for i in chosen),
        people={},
        pixels={clip: [pixels for *_, pixels in frames[clip]] for clip in frames},
        elsewhere=lambda *arguments: references(3),
    )
    path = folder / "scores" / model / "untrained" / "ucf_sports.csv"
    blocks = (score_frames(maps, truth, clip, range(3), request) for clip in frames)
    write_scores(path, request, (frame for block in blocks for frame in block))
    return path


def test_a_metric_that_is_only_registered_becomes_a_column_with_its_arrow(
    l1: str, tmp_path: Path
) -> None:
    request = Request("mit", tuple(further("mit", ["CC", l1])), 0)
    sheets = [scored(tmp_path, model, request, seeds) for model, seeds in SHEETS.items()]
    assert sheets[0].read_text().splitlines()[1].endswith("chi-square,L1,status")
    settings = {
        **{"run": "demo", "results": "", "protocol": "mit", "seed": 7},
        **{"config_digest": "c0", "code": "0"},
        **{
            "sanity": {},
            "left_out": {},
            "lacking": {},
            "quoted": {},
            "coverage": {},
            "observed": [],
        },
        "flows": {},
        "datasets": {"ucf_sports": {"variant": "paper", "split": "test", "meta": False}},
        "tables": {
            "table_1": {
                "title": "Comparison",
                "dataset": "ucf_sports",
                "metrics": ["CC", l1],
                "measured": {model: {"model": model, "training": "untrained"} for model in SHEETS},
            }
        },
    }
    (tmp_path / "published").mkdir()
    (tmp_path / "published/table_1.csv").write_text("group,method,deep,CC,L1\nOurs,one,no,,0.5\n")
    tables(
        scores=sheets,
        **{key: [] for key in ("made", "tested", "trained")},
        expected={},
        published=tmp_path / "published",
        out=tmp_path / "out",
        settings=TablesSettings.model_validate(settings),
    )
    sheet = read_rows(tmp_path / "out/table_1.csv")
    rows = {(row["method"], row["metric"]): row for row in sheet}
    assert 0 < float(rows["one", l1]["ours"]) != float(rows["other", l1]["ours"])
    assert "L1 \N{DOWNWARDS ARROW}" in (tmp_path / "out/table_1.md").read_text()
    assert ranks(l1, [2.0, 1.0]) == ["second", "best"]


SHEETS = {"one": range(1, 3), "other": range(3, 5)}


def test_a_table_with_an_unknown_metric_is_refused_before_anything_runs() -> None:
    table = {"title": "t", "dataset": "ucf_sports", "metrics": ["CC", "RMSE"], "measured": {}}
    told = r"tables\.table_1\.metrics: no such metric: RMSE; choose from AUC-J, sAUC, CC"
    with pytest.raises(SystemExit, match=told):
        planned({"run": "demo", "tables": {"table_1": table}}, [], METRICS)
