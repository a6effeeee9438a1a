"""The public validator, without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.reporting.crate.metadata import METADATA
from pipeline.reporting.crate.validate import main, validate
from pipeline.runtime.errors import InputError

pytest.importorskip("rocrate_validator", reason="the extra crate is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph")
UNKNOWN = {"process-run-crate-0.5_3.2", "process-run-crate-0.5_5.1", "process-run-crate-0.5_8.6"}
"""Recommended: an address of the workflow, twice, and who ran it."""
HOMELESS = {"ro-crate-1.1_22.3", "ro-crate-1.1_31.2"}
"""Recommended: who publishes it, and an address of the contributors."""


def test_a_packed_crate_is_valid(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(packed)])
    assert "valid by workflow-run-crate (required)" in capsys.readouterr().out


@pytest.mark.slow
def test_what_is_recommended_and_not_known(packed: Path) -> None:
    found = {message.partition(":")[0] for message in validate(packed, "recommended")}
    assert found == UNKNOWN | HOMELESS


@pytest.mark.slow
def test_a_broken_crate_is_refused(crate: Path) -> None:
    content = json.loads((crate / METADATA).read_text())
    content["@graph"] = [one for one in content["@graph"] if one["@id"] != "#run"]
    (crate / METADATA).write_text(json.dumps(content))
    with pytest.raises(SystemExit, match="MUST reference the root data entity's mainEntity"):
        main([str(crate)])


def test_no_crate(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="x: no such crate; make it: make crate"):
        validate(tmp_path / "x")
