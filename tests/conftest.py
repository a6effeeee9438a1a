"""How the tests run side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.chromium import Browser

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:  # before torch and numpy are imported, which would each take every core
    cores = len(os.sched_getaffinity(0))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // WORKERS)))

FIRST = ("tests/workflow/", "tests/pipeline/training/", "tests/faults/")
"""Folders of the longest files: what starts them last waits for them alone."""


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, for tests with the mark `NEEDED`."""
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _reader_of_arrays() -> Iterator[None]:
    """Zarr's own reader and writer; a stage takes others, for a process that ends with it."""
    _forget_rust()
    yield
    _forget_rust()


def _forget_rust() -> None:
    if os.environ.pop("ZARR_CODEC_PIPELINE__PATH", None):
        os.environ.pop("ZARR_THREADING__MAX_WORKERS", None)
        import zarr  # and numpy with it, which counts its threads then

        zarr.config.reset()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first; all else in its order."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
