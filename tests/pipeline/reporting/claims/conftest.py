"""A run as claims see it: made-up scores of every clip, in tables as stage `tables` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.config import Config
from pipeline.config.evaluation import TablesSettings
from pipeline.evaluation.metrics.registry import better
from pipeline.planning.claims import Claim
from pipeline.planning.load import complete, load, of_the_papers
from pipeline.planning.rows import tables_settings
from pipeline.reporting.claims.run import Outcome, Run
from pipeline.reporting.intervals import ClipSums, drawn_clips, interval
from pipeline.reporting.pages.page import Cell, Page, Row, write_index
from pipeline.reporting.published import read_published
from pipeline.runtime.sheets import write_rows
from tests.builders import ROOT

CLIPS = 12
Scores = Mapping[str, float]
"""Method -> what it scores on average, above 0 the better: the same in every metric."""


def claim(kind: str, check: str = "", expected: str = "", why: str = "") -> Claim:
    """A claim of a sheet that need not be there."""
    return Claim(Path("claims.csv"), "x1", "III", "It is so.", kind, check, expected, why)


@cache
def _configured(run: str, keys: str) -> Config:
    return load(complete({"run": run, **json.loads(keys)}))


def configured(run: str, **keys: Any) -> Config:
    """The configuration of a run with other keys laid over it."""
    return _configured(run, json.dumps(keys))


PAPERS = cache(of_the_papers)


@cache
def _settings() -> TablesSettings:
    """Those of the papers, of all clips wherever they are."""
    found = tables_settings(configured("paper"), "c0ffee")
    return found.model_copy(update={"coverage": {}, "left_out": {}})


def write_table(folder: Path, cfg: Config, name: str, scores: Scores, clips: int = CLIPS) -> Page:
    """The page of a table and its sheet of clips; methods without a score are not measured."""
    table = cfg.tables[name]
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.02, (len(table.metrics), clips, 1 + len(scores)))
    sums, lines = {}, []
    for m, metric in enumerate(table.metrics):
        sign = 1 if better(metric) == "higher" else -1
        for i, (method, score) in enumerate(scores.items(), start=1):
            values = 5 + sign * (score + noise[m, :, 0] + noise[m, :, i])
            sums[method, metric] = ClipSums(values, np.ones(clips, np.int64))
            lines += [[method, f"c{c}", metric, f"{v:.6f}", 1] for c, v in enumerate(values)]
    write_rows(folder / f"{name}_clips.csv", ["method", "clip", "metric", "mean", "frames"], lines)
    printed = {row.method: row for row in read_published(ROOT / f"workflow/published/{name}.csv")}
    rows = []
    for method in dict.fromkeys([*printed, *scores]):
        known = printed.get(method)
        cells = []
        for metric in table.metrics:
            one = sums.get((method, metric))
            ours = None if one is None else one.mean("frame")
            between = None if one is None else interval(one, "frame", drawn_clips(clips, 0))
            value = known.values.get(metric) if known else None
            cells.append(Cell(value, ours, between))
        group = known.group if known else "Not in the paper"
        rows.append(Row(group, method, True, method in scores, tuple(cells)))
    metrics = {metric: better(metric) for metric in table.metrics}
    return Page(name, table.title, metrics, tuple(rows))


def write_tables(folder: Path, cfg: Config, scores: Mapping[str, Scores], **sizes: int) -> None:
    """The tables that have scores; what has none in them has printed values alone."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = [write_table(folder, cfg, name, of_table, **sizes) for name, of_table in scores.items()]
    write_index(folder, pages, "All", [])


def run_of(folder: Path, cfg: Config, **changes: Any) -> Run:
    """A run whose results lie in a folder, of the papers' clips whatever is there."""
    cfg = cfg.model_copy(update={"pathvars": cfg.pathvars | {"results": str(folder / "results")}})
    tests = {"tests/test_x.py::test_x": Outcome(passed=2)}
    made = Run(cfg, PAPERS(), _settings(), folder / "tables", tests, folder / "tests.json")
    return replace(made, **changes)


@pytest.fixture
def paper(tmp_path: Path) -> Run:
    """A run of the papers without a table."""
    return run_of(tmp_path, configured("paper"))
