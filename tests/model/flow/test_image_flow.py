"""Flow of a still image: shapes, the expectation, the clusters, and where a cell is."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from model.backbones import BACKBONES
from model.flow.image_flow import ImageFlow, cluster_loss, positions

SETTINGS: dict[str, Any] = {
    "clusters": 3,
    "grid": (4, 5),
    "backbone": "mobilenet_v2",
    "channels": 8,
}


def network(**changes: Any) -> ImageFlow:
    torch.manual_seed(2)
    return ImageFlow(**(SETTINGS | changes)).eval()


@pytest.mark.parametrize("size", [(64, 96), (50, 70)])
def test_every_cell_has_logits_whatever_the_frame(size: tuple[int, int]) -> None:
    made = network()
    frame = torch.rand(2, 3, *size)
    assert made(frame).shape == (2, 3, 4, 5)
    assert made.expected_flow(frame).shape == (2, 2, 4, 5)


def test_the_expectation_is_the_centres_mean_in_pixels() -> None:
    """Probabilities 1/2, 1/4, 1/4 of (0, 0), (8, -4) and (-4, 4) pixels of a 40x80 frame."""
    made = network()
    centres = torch.tensor([[0.0, 0.0], [8 / 80, -4 / 40], [-4 / 80, 4 / 40]])
    made.start_from(centres, torch.tensor([0.5, 0.25, 0.25]))
    torch.nn.init.zeros_(made.choice.weight)
    flow = made.expected_flow(torch.rand(1, 3, 40, 80))
    torch.testing.assert_close(flow[0, 0], torch.full((4, 5), 0.25 * 8 - 0.25 * 4))
    torch.testing.assert_close(flow[0, 1], torch.zeros(4, 5))
    twice = made.expected_flow(torch.rand(1, 3, 80, 160))
    torch.testing.assert_close(twice, 2 * flow)


def test_each_cell_is_weighed_by_its_own_probabilities() -> None:
    made = network()
    made.start_from(torch.tensor([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]), torch.ones(3) / 3)
    logits = torch.full((1, 3, 4, 5), -100.0)
    logits[0, 0], logits[0, 1, 1, 2], logits[0, 2, 3, 4] = 0.0, 50.0, 50.0
    flow = made.expectation(logits, (20, 30))
    expected = torch.zeros(1, 2, 4, 5)
    expected[0, 0, 1, 2], expected[0, 1, 3, 4] = 3.0, 2.0
    torch.testing.assert_close(flow, expected)


def test_a_cells_cluster_is_the_nearest_in_pixels() -> None:
    """As shares of the sides the second centre would be nearer to (3, 2) in a wide frame."""
    made = network()
    made.start_from(torch.tensor([[0.05, 0.0], [0.01, 0.2], [-1.0, -1.0]]), torch.ones(3) / 3)
    flow = torch.tensor([3.0, 2.0]).view(1, 2, 1, 1).repeat(1, 1, 4, 5)
    flow[0, :, 2, 3] = torch.tensor([-90.0, -15.0])
    size = (10, 100)
    torch.testing.assert_close(made.vectors(size)[1], torch.tensor([1.0, 2.0]))
    found = made.targets(flow, size)
    expected = torch.full((1, 4, 5), 1)
    expected[0, 2, 3] = 2
    assert torch.equal(found, expected)


def test_the_loss_is_the_sum_over_cells() -> None:
    logits = torch.zeros(2, 4, 3, 3)
    logits[0, 1, 0, 0] = 1.0
    targets = torch.zeros(2, 3, 3, dtype=torch.long)
    targets[0, 0, 0] = 1
    e = torch.tensor(1.0).exp()
    expected = 17 * torch.tensor(4.0).log() - (e / (e + 3)).log()
    torch.testing.assert_close(cluster_loss(logits, targets), expected)


def test_an_untrained_network_expects_what_is_met_in_training() -> None:
    made, shares = network(), torch.tensor([0.9, 0.1, 0.0])
    made.start_from(torch.zeros(3, 2), shares)
    torch.nn.init.zeros_(made.choice.weight)
    probability = made(torch.rand(1, 3, 64, 64)).softmax(1).mean(dim=(0, 2, 3))
    torch.testing.assert_close(probability, shares, atol=1e-5, rtol=0)


def test_cells_know_their_place_and_what_is_there() -> None:
    grid = positions((4, 5))
    assert grid.shape == (1, 2, 4, 5)
    torch.testing.assert_close(grid[0, 0, :, 0], torch.tensor([-0.75, -0.25, 0.25, 0.75]))
    torch.testing.assert_close(grid[0, 1, 0], torch.tensor([-0.8, -0.4, 0.0, 0.4, 0.8]))
    made = network(grid=(8, 8))
    features = torch.zeros(1, 1, 16, 16)
    features[0, 0, 2:4, 10:12] = 1.0
    found = made._to_grid(features)[0, 0]
    assert found.argmax() == 1 * 8 + 5
    coarse = torch.zeros(1, 1, 4, 4)
    coarse[0, 0, 3, 0] = 1.0
    assert made._to_grid(coarse)[0, 0, 7, 0] == 1.0


def test_the_trunk_starts_from_imagenet_weights() -> None:
    made = network()
    torch.manual_seed(9)
    given = BACKBONES["mobilenet_v2"]().state_dict()
    made.load_backbone(given | {"classifier.1.bias": torch.zeros(1000)})
    name = "features.0.0.weight"
    assert torch.equal(made.trunk.state_dict()[name], given[name])
    with pytest.raises(ValueError, match="not those of torchvision's backbone"):
        made.load_backbone({})


def test_the_centres_are_part_of_the_weights_and_not_learnt() -> None:
    made = network()
    assert "centres" in made.state_dict()
    assert "place" not in made.state_dict()
    assert "centres" not in dict(made.named_parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "alexnet"}, "backbone: expected one of"),
        ({"clusters": 0}, "expected positive numbers, got 0"),
        ({"grid": (4, 0)}, "expected positive numbers"),
    ],
)
def test_what_cannot_be_built_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**changes)
