"""A map is scored from arrays as the tables score it from stores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.one_map import score
from pipeline.evaluation.protocols import PROTOCOLS
from pipeline.runtime.errors import InputError

RANDOM = np.random.default_rng(3)
SALIENCY, DENSITY = RANDOM.random((18, 24)), RANDOM.random((36, 48))
POSITIONS = np.stack([RANDOM.uniform(0, 47, 9), RANDOM.uniform(0, 35, 9)], 1)
PIXELS = np.floor(POSITIONS[:, ::-1] + 0.5).astype(int)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_equals_what_tables_compute(name: str) -> None:
    rng = np.random.default_rng(0) if PROTOCOLS[name].draws else None
    wanted = score_frame(PROTOCOLS[name], Frame(SALIENCY, DENSITY, PIXELS), rng=rng)
    found = score(SALIENCY, POSITIONS, DENSITY, name)
    assert found == {metric: one.value for metric, one in wanted.items()}
    assert "sAUC" not in found
    assert found.keys() == {*PROTOCOLS[name].reports} - {"sAUC"}


def test_a_map_of_fixations_is_the_same() -> None:
    fixated = np.zeros(DENSITY.shape, np.uint8)
    fixated[PIXELS[:, 0], PIXELS[:, 1]] = 255
    assert score(SALIENCY, fixated, DENSITY) == score(SALIENCY, POSITIONS, DENSITY)


def test_tensors_are_welcome() -> None:
    maps = [torch.tensor(one, requires_grad=True) for one in (SALIENCY, POSITIONS, DENSITY)]
    assert score(*maps) == score(SALIENCY, POSITIONS, DENSITY)


def test_negatives_of_the_shuffled_auc() -> None:
    """Others' fixations count against a map that is high where this one looks."""
    saliency = np.zeros((36, 48))
    saliency[:, :24] = 1
    left, right = [(3, 4), (10, 30)], [(40, 4), (30, 30)]
    assert score(saliency, left, DENSITY, others=right)["sAUC"] == pytest.approx(1, abs=0.05)
    assert score(saliency, right, DENSITY, others=left)["sAUC"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"saliency": np.zeros((2, 3, 4))}, r"saliency: expected a map \[y, x\]"),
        ({"density": np.full((36, 48), np.nan)}, "density: holds NaN"),
        (
            {"fixations": np.zeros((4, 3))},
            r"expected positions .* or a map \[36, 48\]",
        ),
        ({"fixations": [(48, 3)]}, "1 of 1 positions lie outside .* 48x36 pixels"),
        ({"fixations": ["a"]}, "fixations: expected numbers"),
        ({"protocol": "mti"}, "mit"),
    ],
)
def test_bad_arrays(changed: dict[str, Any], says: str) -> None:
    given = {"saliency": SALIENCY, "fixations": POSITIONS, "density": DENSITY} | changed
    with pytest.raises(InputError, match=says):
        score(**given)
