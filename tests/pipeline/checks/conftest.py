"""A checkout whose raw data are the miniatures, and preflight called in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.checks.preflight import main
from pipeline.demo.draw import demo

ROOT = Path(__file__).parents[3]
SHEETS = "workflow/splits"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn")
    demo(raw=root, sheets=sorted((ROOT / SHEETS / "demo").glob("*.csv")), seed=5)
    return root


@pytest.fixture
def checkout(drawn, tmp_path, monkeypatch):
    """A checkout with the miniatures as its raw data; the folder is another one in each test."""
    shutil.copy(ROOT / "config.yaml", tmp_path)
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    shutil.copytree(drawn, tmp_path / "raw")
    run = tmp_path / "workflow/runs/demo.yaml"
    text = run.read_text()
    assert "raw: raw/demo" in text
    run.write_text(text.replace("raw: raw/demo", f"raw: {tmp_path / 'raw'}"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.planning.load.ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def report(checkout, capsys):
    """Runs the command; gives its exit status, JSON and table."""

    def call(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["--run", "demo", "--json", str(checkout / "report.json"), *arguments])
        text = " ".join(capsys.readouterr().out.split())
        return stopped.value.code, json.loads((checkout / "report.json").read_text()), text

    return call
