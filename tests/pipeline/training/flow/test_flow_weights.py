"""The weights that come with the repository: what they say of themselves, and what they see."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from pipeline.config.data import PwcnetFlow
from pipeline.config.training import FlowTraining
from pipeline.planning.load import configured
from pipeline.preprocessing.network_flow import Pwcnet
from pipeline.stores.weights import weights_facts
from pipeline.training.flow_pairs.pairs import held_out_seed
from pipeline.training.flow_pairs.scenes import pair
from tests.builders import ROOT

CONFIG = configured("paper")
assert isinstance(CONFIG.flow, PwcnetFlow)
WEIGHTS = ROOT / CONFIG.flow.weights


@pytest.fixture(scope="module")
def network() -> Pwcnet:
    torch.set_num_threads(1)
    return Pwcnet(CONFIG.flow.model_copy(update={"weights": str(WEIGHTS)}))


def speeds(network: Pwcnet, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> np.ndarray:
    return np.hypot(*network(np.stack([first, second]))[0])


def test_they_are_small_and_those_that_the_configuration_names() -> None:
    """That they have the digest is checked whenever they are read."""
    assert CONFIG.flow.sha256 is not None
    assert WEIGHTS.stat().st_size < 20e6
    assert {tensor.dtype for tensor in load_file(WEIGHTS).values()} == {torch.float16}


def test_they_say_how_they_were_made() -> None:
    facts = weights_facts(WEIGHTS)
    assert facts["network"] == CONFIG.flow_weights.network
    assert facts["pictures"]["count"] == 0  # nobody's picture is in them
    assert FlowTraining.model_validate(facts["recipe"]) == CONFIG.flow_weights.training
    trainings = [facts]
    while (before := trainings[-1]["start"]) is not None:
        trainings.append({"start": None, **before})
    iterations = sum(training["iterations"] for training in trainings)
    assert f"{iterations:,} iterations" in (ROOT / "docs/preprocessing.md").read_text()


def test_on_pairs_that_no_training_saw_they_err_by_less_than_a_third_of_the_motion(
    network: Pwcnet,
) -> None:
    errors, motions = [], []
    for index in range(12):
        first, second, truth = pair(held_out_seed(index), (192, 256))
        found = network(np.stack([first, second]))[0]
        true = cv2.resize(np.moveaxis(truth, 0, -1), (64, 48), interpolation=cv2.INTER_AREA)
        errors.append(np.hypot(*(found - np.moveaxis(true, -1, 0))).mean())
        motions.append(np.hypot(*truth).mean())
    assert np.mean(errors) < np.mean(motions) / 3


@pytest.mark.parametrize(("right", "down"), [(6, 0), (-6, 0), (0, 6), (0, -6), (3, -4)])
def test_they_see_where_a_picture_moves(network: Pwcnet, right: int, down: int) -> None:
    noise = np.random.default_rng(0).normal(size=(240, 320, 3)).astype(np.float32)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
    frames = [texture[20:212, 30:286], texture[20 - down : 212 - down, 30 - right : 286 - right]]
    flow = network(np.stack(frames).astype(np.uint8))[0][:, 6:-6, 6:-6]
    assert np.hypot(flow[0].mean() - right, flow[1].mean() - down) < 0.5


def test_a_plain_ground_behind_a_moving_ball_stands_still(network: Pwcnet) -> None:
    frames = np.full((2, 192, 256, 3), (90, 120, 150), np.uint8)
    for frame, x in zip(frames, (120, 125), strict=True):
        cv2.circle(frame, (x, 96), 18, (230, 40, 30), -1, cv2.LINE_AA)
    found = speeds(network, *frames)
    ball = np.zeros((48, 64), bool)
    ball[22:27, 28:34] = True
    far = np.ones((48, 64), bool)
    far[14:34, 20:42] = False
    assert found[ball].mean() > 2.5
    assert found[far].mean() < 0.25
    assert speeds(network, frames[0], frames[0]).mean() < 0.1
