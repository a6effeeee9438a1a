"""What preflight says of the numbers of maps."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.checks.probing import probe
from pipeline.planning.load import configured
from pipeline.raw.splits import SheetClip


@pytest.fixture
def probed(tmp_path):
    """Probes pictures and maps of these numbers."""
    whole = configured("paper").datasets["ucf_sports"]
    release = whole.model_copy(update={"variant": "release"})

    def look(pictures, maps):
        for folder, numbers in {"images": pictures, "fixation": maps, "maps": maps}.items():
            (tmp_path / f"testing/c/{folder}").mkdir(parents=True)
            for number in numbers:
                grey = Image.fromarray(np.zeros((12, 16), np.uint8))
                grey.save(tmp_path / f"testing/c/{folder}/c_{number:03d}.png")
        return probe(tmp_path, release, SheetClip("c", "test", None, None))

    return look


def test_one_counts_from_0(probed):
    found = probed(range(3), range(1, 4))
    assert (found.unreadable, found.short) == ((), ())
    assert {note.file.rsplit("/", 1)[1] for note in found.noted} == {"fixation", "maps"}
    for note in found.noted:
        assert "map 1 is read as that of frame 0" in note.problem


def test_other_numbers(probed):
    found = probed(range(1, 4), range(31, 34))
    assert [finding.problem.partition(";")[0] for finding in found.unreadable] == [
        "maps 31-33, frames 1-3 of c: 3 of 3 maps have no frame"
    ] * 2


def test_nothing_to_say(probed):
    assert probed(range(1, 4), (1, 3)).noted == ()
