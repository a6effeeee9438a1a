"""What a command changes in its process ends with its test."""

from __future__ import annotations

import pytest

from pipeline.runtime import files


@pytest.fixture(autouse=True)
def _usual_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_moves", [*files._moves])
