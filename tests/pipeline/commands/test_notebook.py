"""The notebook of the docs does what it says, and is stored without outputs."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.builders import ROOT

NOTEBOOK = ROOT / "docs/gfsalnet.ipynb"


def test_it_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []


@pytest.mark.slow
def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    _, three_lines, picture, score = outputs
    assert "spectral_residual" in three_lines[0].text
    assert "(12, 72, 128) float32" in three_lines[0].text
    assert len(picture[0].data["image/png"]) > 10_000
    values = ast.literal_eval(score[0].data["text/plain"])
    assert values["NSS"] > 1, "the map is high where the square is"
    assert set(values) >= {"AUC-J", "CC", "NSS", "SIM", "KLDiv"}
