"""Training of the still-image flow: clusters, what is learnt from drawn discs, and resuming."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from model.backbones import BACKBONES, Levels, Trunk
from model.flow.image_flow import ImageFlow
from pipeline.config.data import ImageFlowEstimator
from pipeline.preprocessing.flow_estimators import build_estimator
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import FLOW, FRAMES
from pipeline.stores.weights import load_weights, weights_facts
from pipeline.training.loop import train
from pipeline.training.samples import MotionSamples
from pipeline.training.train_image_flow import (
    ImageFlowTrainer,
    build_start,
    cluster,
    flow_vectors,
    train_image_flow,
)
from pipeline.training.trainer import Run
from tests.builders import store, training
from tests.pipeline.training.kills import assert_same_bits, at_most, killed

NETWORK: dict[str, Any] = {
    "clusters": 4,
    "grid": [8, 8],
    "backbone": "tiny",
    "channels": 16,
}
SETTINGS = training(batch=8, epochs=1.0, learning_rate=5e-3, step=1000, checkpoint=2)
SIDE, SPEED = 64, 4.0
RED, BLUE = (220, 40, 40), (40, 40, 220)


class Tiny(Trunk):
    """A convolution for each level."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = (12, 16, 16, 16)
        self.first = nn.Conv2d(3, 12, 7, 4, 3)
        self.further = nn.ModuleList(nn.Conv2d(n, 16, 3, 2, 1) for n in (12, 16, 16))

    def forward(self, image: Tensor) -> Levels:
        levels = [self.first(image).relu()]
        for layer in self.further:
            levels.append(layer(levels[-1]).relu())
        return Levels(*levels)

    def segments(self) -> list[nn.Module]:
        return []


@pytest.fixture(autouse=True)
def small_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", Tiny)


def discs(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames with a disc anywhere, and its flow: red ones go right and blue ones left."""
    random = np.random.default_rng(seed)
    frames = random.integers(90, 130, (count, SIDE, SIDE, 3)).astype(np.uint8)
    flow = np.zeros((count, 2, SIDE // 4, SIDE // 4), np.float32)
    y, x = np.mgrid[:SIDE, :SIDE]
    for i in range(count):
        centre, red = random.uniform(12, SIDE - 12, 2), random.random() < 0.5
        disc = np.hypot(y - centre[0], x - centre[1]) < 10
        frames[i][disc] = RED if red else BLUE
        flow[i, 0][disc[2::4, 2::4]] = SPEED if red else -SPEED
    return frames, flow


def stored(folder: Path, name: str, frames: np.ndarray, flow: np.ndarray) -> list[list[Path]]:
    """The manifests of a part with one clip."""
    return [
        [store(kind, folder / name, {name: array})]
        for kind, array in ((FRAMES, frames), (FLOW, flow))
    ]


@pytest.fixture
def few(tmp_path: Path) -> MotionSamples:
    return MotionSamples(*stored(tmp_path, "few", *discs(1, 33)))


def run_in(folder: Path, **changes: Any) -> Run:
    settings = SETTINGS.model_copy(update=changes)
    return Run(settings, None, 7, 1, NETWORK, "code", folder / "checkpoints", None)


def test_discs_of_a_colour_are_learnt_to_move_its_way(tmp_path: Path) -> None:
    """Better than no flow and than the mean flow of each cell, on frames never seen."""
    samples = MotionSamples(*stored(tmp_path, "train", *discs(1, 121)))
    network = build_start(NETWORK, samples, 100, 0)
    train(network, samples, run_in(tmp_path, epochs=6.0), kind=ImageFlowTrainer)
    frames, flow = discs(2, 100)
    with torch.inference_mode():
        found = network.eval().expected_flow(torch.from_numpy(frames).permute(0, 3, 1, 2) / 255)
    truth = adaptive_avg_pool2d(torch.from_numpy(flow), (8, 8))
    mean = adaptive_avg_pool2d(samples.flows(range(len(samples))).float(), (8, 8)).mean(0)
    learnt, still, constant = (
        float((guess - truth).norm(dim=1).mean()) for guess in (found, torch.zeros(2, 1, 1), mean)
    )
    assert learnt < 0.6 * min(still, constant)
    moving = truth[:, 0].abs() > SPEED / 2
    assert ((found[:, 0] * truth[:, 0])[moving] > 0).float().mean() > 0.9


def test_held_out_errors_are_means_in_pixels(
    tmp_path: Path, few: MotionSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, flow = discs(2, 6)
    held_out = MotionSamples(*stored(tmp_path, "held_out", frames, flow))
    monkeypatch.setattr(
        ImageFlow,
        "expected_flow",
        lambda self, frame: torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(len(frame), 2, 8, 8),
    )
    rows = train(
        build_start(NETWORK, few, 20, 0),
        few,
        run_in(tmp_path, epochs=0.5, batch=4),
        held_out,
        kind=ImageFlowTrainer,
    )
    truth = flow[:-1].astype(float)
    error = np.hypot(truth[:, 0] - 1, truth[:, 1]).mean()
    assert [row[-2:] for row in rows[:-1:2]] == [[None, None]] * 2
    for row in rows[1::2]:
        assert row[-2:] == pytest.approx([error, np.hypot(*np.moveaxis(truth, 1, 0)).mean()])


def test_vectors_are_the_means_of_cells(tmp_path: Path) -> None:
    flow = np.zeros((3, 2, 8, 8), np.float32)
    flow[0, 0, :4, 4:], flow[1, 1, 4:6, :2], flow[2] = 3.0, 8.0, 99.0
    frames = np.zeros((3, 32, 32, 3), np.uint8)
    samples = MotionSamples(*stored(tmp_path, "a", frames, flow))
    assert len(samples) == 2, "the last frame repeats the one before it"
    found = flow_vectors(samples, (2, 2), 10)
    expected = [[0, 0], [3, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, 2], [0, 0]]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(flow_vectors(samples, (2, 2), 1), expected[:4])


def test_clusters_are_those_of_the_flow_and_always_the_same() -> None:
    random = np.random.default_rng(0)
    truth = np.array([[0.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [4.0, 4.0]])
    sizes = [400, 100, 60, 40]
    vectors = np.repeat(truth, sizes, axis=0) + random.normal(0, 0.02, (600, 2))
    centres, shares = cluster(vectors, 4, 5)
    np.testing.assert_allclose(centres, truth, atol=0.02)
    np.testing.assert_allclose(shares, np.array(sizes) / 600)
    again, _ = cluster(vectors, 4, 5)
    np.testing.assert_array_equal(again, centres)


def test_too_few_different_vectors_are_refused() -> None:
    vectors = np.repeat([[0.0, 0.0], [1.0, 0.0]], 50, axis=0)
    with pytest.raises(InputError, match="at least 3 different flow vectors, found 2; name other"):
        cluster(vectors, 3, 0)


def test_the_start_has_the_flows_clusters_in_shares_of_the_frame(few: MotionSamples) -> None:
    network = build_start(NETWORK, few, 20, 0)
    vectors, _ = cluster(flow_vectors(few, (8, 8), 20), 4, 0)
    np.testing.assert_allclose(network.vectors((SIDE, SIDE)), vectors, atol=1e-5)
    assert network.vectors((SIDE, SIDE))[0].norm() < 0.1
    same = build_start(NETWORK, few, 20, 0).state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, same[name]), name


def test_a_killed_training_ends_with_the_same_bits(tmp_path: Path, few: MotionSamples) -> None:
    whole, resumed = (build_start(NETWORK, few, 20, 0) for _ in range(2))
    rows = train(whole, few, run_in(tmp_path / "whole", epochs=1.25), kind=ImageFlowTrainer)
    run = run_in(tmp_path / "killed", epochs=1.25)
    with killed(ImageFlow, step=4):
        train(build_start(NETWORK, few, 20, 0), few, run, kind=ImageFlowTrainer)
    with at_most(ImageFlow, 3):  # three of five are left after the checkpoint at iteration 2
        assert train(resumed, few, run, kind=ImageFlowTrainer) == rows
    assert len(rows) == 5
    assert_same_bits(whole, resumed)


def test_parts_of_a_batch_add_up(tmp_path: Path, few: MotionSamples) -> None:
    rows = []
    for micro_batch in (None, 3):
        network = build_start(NETWORK, few, 20, 0)
        run = run_in(tmp_path, epochs=0.25, micro_batch=micro_batch)
        rows.append(train(network, few, run, kind=ImageFlowTrainer)[0])
    assert rows[0][1:4] == pytest.approx(rows[1][1:4], rel=1e-4)


def test_frames_seen_from_farther_have_the_same_clusters(
    tmp_path: Path, few: MotionSamples
) -> None:
    """Centres are shares of the frame: halving frames and flow changes no target."""
    network = build_start(NETWORK, few, 20, 0)
    flow = adaptive_avg_pool2d(few.flows(range(8)).float(), (8, 8))
    whole = network.targets(flow, (SIDE, SIDE))
    assert len(whole.unique()) >= 3
    assert torch.equal(network.targets(flow / 2, (SIDE // 2, SIDE // 2)), whole)
    rows = train(network, few, run_in(tmp_path, epochs=0.25, shrink=(2,)), kind=ImageFlowTrainer)
    assert np.isfinite(rows[0][1])


def arguments(folder: Path, **changes: Any) -> list[str]:
    frames, flow = stored(folder, "a", *discs(1, 17))
    held_out = stored(folder, "b", *discs(2, 5))
    given = {
        "network": json.dumps(NETWORK),
        "clustered": 8,
        "backbone": "",
        "sha256": "null",
        "frames": frames[0],
        "flow": flow[0],
        "validation-frames": held_out[0][0],
        "validation-flow": held_out[1][0],
        "settings": SETTINGS.model_dump_json(),
        "seed": 3,
        "threads": 1,
        "code": "abc",
        "checkpoints": folder / "checkpoints",
        "checkpoint-minutes": 30,
        "board": folder / "board",
        "weights": folder / "out/w.safetensors",
        "log": folder / "out/w.csv",
    } | changes
    options = [(f"--{name}", str(value)) for name, value in given.items()]
    return [word for option in options for word in option if word]


def test_the_stage_writes_weights_that_the_estimator_takes(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"batch": 4, "checkpoint": 2}).model_dump_json()
    main(train_image_flow, arguments(tmp_path, settings=settings))
    path = tmp_path / "out/w.safetensors"
    facts = weights_facts(path)
    assert (facts["network"], facts["seed"], facts["code"]) == (NETWORK, 3, "abc")
    assert load_weights(path)["centres"].shape == (4, 2)
    rows = list(csv.DictReader((tmp_path / "out/w.csv").open()))
    assert list(rows[0]) == [
        *("iteration", "loss", "accuracy", "learning_rate"),
        *("validation_error", "validation_error_still"),
    ]
    assert [row["iteration"] for row in rows if row["validation_error"]] == ["2", "4"]
    assert not (tmp_path / "checkpoints").exists()
    estimator = build_estimator(
        ImageFlowEstimator(
            estimator="image", weights=str(path), sha256=None, precision="float32", batch=3
        ),
        threads=1,
    )
    frames, flow = discs(2, 5)
    found = estimator(frames)[:-1]
    error = np.linalg.norm(found - flow[:-1], axis=1).mean()
    assert error == pytest.approx(float(rows[-1]["validation_error"]), rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": '{"widths": 3}'}, "--network: expected arguments of ImageFlow"),
        ({"network": json.dumps(NETWORK | {"clusters": 900})}, "at least 900 different flow"),
        ({"backbone": "none.pth"}, "none.pth"),
        ({"flow": ""}, "--flow: expected as many manifests as frames, 1, found 0"),
    ],
)
def test_what_does_not_fit_is_one_line(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(train_image_flow, arguments(tmp_path, **changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_still_images_cannot_be_trained_on(tmp_path: Path) -> None:
    stores = stored(tmp_path, "still", *discs(1, 1))
    with pytest.raises(InputError, match="expected clips of two frames or more, found none"):
        MotionSamples(*stores)


def test_flow_of_other_frames_is_refused(tmp_path: Path) -> None:
    frames, flow = discs(1, 4)
    stored(tmp_path, "a", frames[:3], flow[:3])
    found = stored(tmp_path, "a", frames, flow[:3])
    with pytest.raises(InputError, match=r"a: expected the flow of 4 frames, found 3; rerun"):
        MotionSamples(*found)
