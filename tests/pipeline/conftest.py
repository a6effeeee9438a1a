"""Workbenches of every dataset for the tests of bad input in each chapter."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def good_benches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench of each dataset, with everything made of it that a later stage reads."""
    from tests.workbench import draw_benches

    root = tmp_path_factory.mktemp("benches")
    draw_benches(root)
    return root


@pytest.fixture
def bench(
    request: pytest.FixtureRequest,
    good_benches: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[object]:
    """A copy of the bench of the dataset that a test names."""
    from tests.workbench import bench_at

    key = request.param
    shutil.copytree(good_benches / key.replace("/", "_"), tmp_path / "bench", symlinks=True)
    made = bench_at(tmp_path / "bench", key, monkeypatch)
    made.target = made.root / "data"
    yield made
    for disk in made.mounted:
        subprocess.run(["umount", str(disk)], check=True)
