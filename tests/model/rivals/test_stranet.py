"""STRA-Net: its size, its view of flow, its priors and masks, whole clips and streams, its loss."""

from __future__ import annotations

from math import e, log
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.classical.gaussian import blurred
from model.rivals.parts.keras_loss import targets
from model.rivals.stra_net import Depth, Priors, ResidualMaps, STRANet, enlarged, rewrapped
from model.sight import see
from tests.model.rivals.steps import losses_of

PAPER: dict[str, Any] = {
    "backbone": "resnet50",
    "size": (224, 224),
    "width": 1.0,
    "flow_resize": "authors",
    "flow_scale": (1.0, 1.0),
    "blur": 7.0,
}
SMALL = PAPER | {"size": (64, 64), "width": 1 / 16, "blur": 0.0}


def small(**changes: Any) -> STRANet:
    torch.manual_seed(0)
    return STRANet(**(SMALL | changes)).eval()


def clip(batch: int = 2, frames: int = 3) -> tuple[Tensor, Tensor]:
    """Frames of 48x64 and the five fields of flow of each."""
    generator = torch.Generator().manual_seed(1)
    flow = torch.randn(batch, frames, 5, 2, 48, 64, generator=generator)
    return torch.rand(batch, frames, 3, 48, 64, generator=generator), 4 * flow


def test_parameters_and_running_values_are_those_of_the_released_file() -> None:
    with torch.device("meta"):
        network = STRANet(**PAPER)
    running = [value for key, value in network.state_dict().items() if "running" in key]
    assert sum(parameter.numel() for parameter in network.parameters()) == 168_020_503
    assert sum(value.numel() for value in running) == 110_336


def test_maps_stand_on_the_frames_grid_and_what_the_loss_needs_beside_them() -> None:
    network, (frames, flow) = small(), clip()
    maps, state = see(network, frames, flow)
    assert isinstance(maps, ResidualMaps)
    assert maps.saliency.shape == (2, 3, 1, 48, 64)
    assert maps.own.shape == (2, 3, 1, 64, 64)
    assert maps.sides.shape == maps.masks.shape == (2, 3, 3, 8, 8)
    assert all(part.min() >= 0 and part.max() <= 1 for part in maps)
    assert state is not None and [part.shape for part in state] == [(2, 16, 8, 8)]


def test_a_stream_is_the_whole_clip_and_the_state_matters() -> None:
    network, (frames, flow) = small(), clip()
    whole, last = see(network, frames, flow)
    first, state = see(network, frames[:, :2], flow[:, :2])
    second, state = see(network, frames[:, 2:], flow[:, 2:], state)
    torch.testing.assert_close(torch.cat((first.saliency, second.saliency), 1), whole.saliency)
    torch.testing.assert_close(state, last)
    alone, _ = see(network, frames[:, 2:], flow[:, 2:])
    assert (alone.saliency - second.saliency).abs().max() > 1e-4


def test_predictions_are_blurred() -> None:
    frames, flow = clip()
    sharp, soft = (see(small(blur=blur), frames, flow)[0].saliency for blur in (0.0, 1.5))
    torch.testing.assert_close(soft.flatten(0, 1), blurred(sharp.flatten(0, 1), 1.5))


def test_flow_is_needed_and_seen() -> None:
    network, (frames, flow) = small(), clip()
    with pytest.raises(ValueError, match="needs flow"):
        see(network, frames, None)
    moving, still = see(network, frames, flow)[0], see(network, frames, 0 * flow)[0]
    assert (moving.saliency - still.saliency).abs().max() > 1e-4


def test_fields_come_reversed_in_the_letterbox_without_noise_and_cut_off() -> None:
    network = small(flow_resize="bilinear", flow_scale=(2.0, 0.5))
    flow = torch.arange(1.0, 11).view(1, 1, 5, 2, 1, 1).expand(-1, -1, -1, -1, 48, 64).clone()
    flow[:, :, 4, 0], flow[:, :, 0, 1], flow[:, :, 0, 0] = -30, 0.18, 0.06
    seen = network.fields(flow)
    assert seen.shape == (1, 1, 10, 64, 64)
    # Down and right of the last field first; 2 * 9 right of the fourth would be 18, say.
    expected = [5, -20, 4, 14, 3, 10, 2, 6, 0, 0.12]
    torch.testing.assert_close(seen[0, 0, :, 30, 30], torch.tensor(expected))
    assert not seen[..., :8, :].any() and not seen[..., 56:, :].any()


@pytest.mark.parametrize("shape", [(30, 40), (90, 160), (5, 7)])
def test_authors_fields_are_rewrapped_as_numpy_does(shape: tuple[int, int]) -> None:
    field = torch.randn(2, 1, *shape)
    found = rewrapped(field, (36, 64))
    for mine, given in zip(found, field, strict=True):
        np.testing.assert_array_equal(mine[0], np.resize(given[0].numpy(), (36, 64)))


def test_a_resized_field_is_another_one_than_the_authors() -> None:
    flow = clip()[1][..., :36, :48]
    authors, ours = (small(flow_resize=kind).fields(flow) for kind in ("authors", "bilinear"))
    assert (authors - ours).abs().max() > 1
    # The first row of the network's picture goes on with what follows in the first rows.
    row = flow[0, 0, 4, 1].flatten()[:64]
    row = torch.where(row.abs() < 0.1, 0, row).clamp(-20, 20)
    torch.testing.assert_close(authors[0, 0, 0, 8], row)


def test_maps_are_enlarged_as_tensorflow_1_does() -> None:
    """Pixel 8 i is cell i; between them lines, beyond the last one that one goes on."""
    cells = torch.tensor([[1.0, 5.0], [2.0, -3.0]])
    found = enlarged(cells[None, None])[0, 0]
    assert found.shape == (16, 16)
    torch.testing.assert_close(found[::8, ::8], cells)
    torch.testing.assert_close(found[0, :8], torch.linspace(1, 5, 9)[:8])
    torch.testing.assert_close(found[8:, 8:], torch.full((8, 8), -3.0))
    torch.testing.assert_close(found[4, 0], torch.tensor(1.5))


def test_a_mask_is_the_softmax_of_the_sigmoid() -> None:
    """Places differ by a factor of e at most, however sure the attention is."""
    torch.manual_seed(0)
    depth, features = Depth(8, None).eval(), torch.randn(2, 8, 5, 6)
    features[..., :3] = 0
    nn.init.constant_(depth.attention.get_parameter("out.weight"), 1e3)
    nn.init.constant_(depth.attention.get_parameter("out.bias"), -30)
    _, _, mask = depth(features, [torch.ones_like(features)])
    mask = mask.flatten(1)
    torch.testing.assert_close(mask.sum(dim=1), torch.ones(2))
    torch.testing.assert_close(mask.amax(dim=1) / mask.amin(dim=1), torch.tensor([e, e]))


def test_motion_and_mask_add_to_the_features() -> None:
    depth, features = Depth(8, None).eval(), torch.rand(1, 8, 5, 6)
    weighted, side, mask = depth(features, [torch.full_like(features, 0.5)])
    torch.testing.assert_close(weighted, features * 1.5 * (1 + mask))
    torch.testing.assert_close(side, torch.sigmoid(depth.side(weighted)))


def test_attention_normalises_after_the_relu() -> None:
    names = [name for name, _ in Depth(8, 12).attention.named_children()]
    assert names == ["conv", "relu", "bn", "out", "sigmoid"]


def test_priors_are_clipped_gaussians_of_maximum_one() -> None:
    priors = Priors()
    with torch.no_grad():
        # mu_x, mu_y, sigma_x, sigma_y of 16: the first as given, the second beyond all bounds.
        shapes = priors.shapes.view(4, 16)
        shapes[:, 0] = torch.tensor([0.5, 0.4, 0.2, 0.3])
        shapes[:, 1] = torch.tensor([0.0, 1.0, 0.01, 2.0])
        found = priors((9, 18))
    assert found.shape == (16, 9, 18)
    x, y = np.meshgrid(np.linspace(0, 1, 18), np.linspace(0.25, 0.75, 9))
    for number, (mu_x, mu_y, sigma_x, sigma_y) in enumerate(
        [(0.5, 0.4, 0.2, 0.3), (0.25, 0.65, 0.1, 0.8)]
    ):
        expected = np.exp(
            -((x - mu_x) ** 2) / (2 * sigma_x**2) - (y - mu_y) ** 2 / (2 * sigma_y**2)
        )
        np.testing.assert_allclose(found[number], expected / expected.max(), atol=1e-5)


def test_start_of_the_priors_is_the_programs() -> None:
    centres, spreads = Priors().shapes.detach().view(2, 32)
    assert centres.min() >= 0.3 and centres.max() <= 0.7 and centres.std() > 0.08
    assert spreads.min() >= 0.05 and spreads.max() <= 0.3 and spreads.std() > 0.05


def test_loss_is_that_of_the_map_and_of_each_side_map() -> None:
    density, fixated = torch.zeros(2, 1, 1, 64, 64)
    density[..., :32], fixated[..., 40, 10] = 1, 1
    S, _ = targets(density, fixated, (64, 64))
    flat = ResidualMaps(S, torch.ones_like(S), torch.ones(1, 3, 8, 8), torch.ones(1, 3, 8, 8))
    loss = small().authors_loss
    # A flat map: KL log 2, CC and NSS 0, a similarity of a half.
    assert loss(flat, density, fixated).item() == pytest.approx(4 * (10 * log(2) - 0.5), rel=1e-3)
    # The map is the target: KL 0, CC 1, NSS 1, a similarity of 1.
    one = loss(flat._replace(own=S), density, fixated).item()
    assert one == pytest.approx(3 * (10 * log(2) - 0.5) - 2 - 1 - 1, rel=1e-3)


def test_training_lowers_the_loss_and_reaches_every_parameter() -> None:
    losses = losses_of(small(), *clip(1, 2), steps=6)
    assert losses[-1] < losses[0]


def test_sides_are_multiples_of_the_stride() -> None:
    with pytest.raises(ValueError, match=r"size: expected multiples of 8, got \[60, 64\]"):
        small(size=(60, 64))


def test_released_names_every_tensor_once() -> None:
    network = small()
    released = network.released()
    counters = {key for key in network.state_dict() if key.endswith("num_batches_tracked")}
    assert set(released.tensors) == set(network.state_dict()) - counters
    assert len({source.name for source in released.tensors.values()}) == 680
