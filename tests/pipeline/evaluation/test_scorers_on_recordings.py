"""What the predecessor's scorers move on real recordings, beside the values known of them.

The values are those of the authors' programs on the same recordings, to two thousandths or less of
rounding: what `mit` gives, and what the other scorer does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.test_bench import bench  # noqa: F401

pytestmark = pytest.mark.shared

CENTRE = {"AUC": (0.704, 0.702), "sAUC": (0.527, 0.515)}
"""The centre bias on 60 images, by `mit` and by `salicon_challenge`."""
CLIPS = {"the clip's mean gaze map": (0.676, 0.484), "centre bias": (0.505, 0.498)}
"""sAUC on 48 frames of 640x480, by `mit` and by `rudoy`."""


@pytest.fixture
def measuring(bench: Callable[[str], Any]) -> Any:  # noqa: F811
    found = bench("predecessors_protocols")
    if not (found.DATA / "salicon").exists():
        pytest.skip(f"no recordings in {found.DATA}")
    return found


def test_salicons_server_moves_the_centre_bias_on_60_images(measuring: Any) -> None:
    auc_mit, auc, sauc_mit, sauc = measuring.salicon_means({})["centre bias"]
    assert (auc_mit, auc) == pytest.approx(CENTRE["AUC"], abs=0.01)
    assert (sauc_mit, sauc) == pytest.approx(CENTRE["sAUC"], abs=0.01)
    for found, (mit, challenge) in (
        (auc - auc_mit, CENTRE["AUC"]),
        (sauc - sauc_mit, CENTRE["sAUC"]),
    ):
        assert found == pytest.approx(challenge - mit, abs=0.01)


def test_rudoy_moves_what_a_clip_alone_tells_on_48_frames(measuring: Any) -> None:
    means = measuring.diem_means(measuring.IMAGE, measuring.ON_GRID)
    for name, (mit, rudoy) in CLIPS.items():
        usual, own, _ = means[name]
        assert own - usual == pytest.approx(rudoy - mit, abs=0.01), name
    usual, own, _ = means["the frame's own gaze"]
    assert -0.04 < own - usual < 0
