"""The tiny network under a name of its own."""

from __future__ import annotations

import pytest

from model.registry import NETWORKS


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", "tests.pipeline.importing.tiny:Tiny")
