"""The small run, made once, for tests of what lies between its stages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipeline.stores.small_run import SmallRun


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """The run as its stages left it; nobody changes it."""
    from tests.pipeline.stores.small_run import SmallRun  # torch takes two seconds

    run = SmallRun(tmp_path_factory.mktemp("run"))
    run.make()
    return run


@pytest.fixture
def run(made_run: SmallRun, tmp_path: Path) -> SmallRun:
    """A copy of the run."""
    shutil.copytree(made_run.root, tmp_path / "run")
    return type(made_run)(tmp_path / "run")
