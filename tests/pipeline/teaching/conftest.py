"""Photographs with attention in SALICON's layout, drawn by the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.demo.draw import draw
from pipeline.raw.splits import SheetClip
from pipeline.teaching.drawing.photographs import Photographs


@pytest.fixture(scope="session")
def salicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven photographs, one of which has its attention in the folder of another split."""
    root = tmp_path_factory.mktemp("photographs")
    names = [f"COCO_train2014_{number:012d}" for number in range(10)]
    clips = [SheetClip(name, "train", None, None) for name in names]
    clips.append(SheetClip("COCO_val2014_000000000010", "val", None, None))
    draw(root, {"salicon": clips}, 0)
    return root / "salicon"


@pytest.fixture(scope="session")
def photographs(salicon: Path) -> Photographs:
    return Photographs(salicon / "images", salicon / "fixations/train", "train")
