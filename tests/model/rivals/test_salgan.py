from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d

from model.released import arranged, released_shape
from model.rivals.parts.view import View
from model.rivals.salgan import (
    LAYERS,
    Decoder,
    Discriminator,
    NormedConvolution,
    SalGAN,
    content_loss,
)
from model.sight import see
from tests.model.rivals.goldens import golden, load_released, standin

PUBLISHED: dict[str, Any] = {"size": (192, 256), "width": 1, "backbone": None, "frozen_blocks": 3}
SMALL: dict[str, Any] = PUBLISHED | {"size": (32, 48), "width": 1 / 16}


def small(**changed: Any) -> SalGAN:
    torch.manual_seed(0)
    return SalGAN(**SMALL | changed)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = SalGAN(**PUBLISHED)
        discriminator = network.discriminator()
        frame = torch.rand(1, 3, 360, 640)
        maps = network(frame, None)
        assert discriminator(maps.logits, torch.rand(1, 3, 192, 256)).shape == (1,)
    assert sum(parameter.numel() for parameter in network.parameters()) == 31_787_009
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 1_359_424
    assert maps.saliency.shape == (1, 1, 360, 640) and maps.logits.shape == (1, 1, 192, 256)


def test_what_the_paper_trains_is_trained() -> None:
    fixed = {name for name, part in small().named_parameters() if not part.requires_grad}
    assert {name.rsplit(".", 1)[0] for name in fixed} == {
        f"core.encoder.block{block}.conv{layer}"
        for block, layer in [(1, 1), (1, 2), (2, 1), (2, 2)]
    } | {f"core.encoder.block3.conv{layer}" for layer in (1, 2, 3)}
    assert all(part.requires_grad for part in small(frozen_blocks=0).parameters())


def test_it_is_called_like_every_network_of_single_frames() -> None:
    network, clip = small(), drawn(2, 3, 3, 40, 60)
    maps, state = see(network, clip, None)
    assert maps.saliency.shape == (2, 3, 1, 40, 60) and state is None
    assert maps.saliency.min() >= 0 and maps.saliency.max() <= 1
    torch.testing.assert_close(maps.saliency[1, 2], network(clip[1, 2:], None).saliency[0])


def test_a_size_that_the_poolings_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16 pixels, got 50x32"):
        small(size=(32, 50))(drawn(1, 3, 32, 48), None)


def test_it_sees_blue_first_in_bytes_less_imagenets_mean() -> None:
    red = torch.zeros(1, 3, 192, 256)
    red[:, 0] = 1
    seen = SalGAN(**PUBLISHED | {"width": 1 / 64}).view(red)[0, :, 0, 0]
    torch.testing.assert_close(seen, torch.tensor([-103.939, -116.779, 255 - 123.68]))


def test_every_convolution_but_the_last_is_rectified() -> None:
    """The decoder's, too, and the enlarged pixels are repeated, not interpolated."""
    parts = list(small().core.modules())
    assert sum(isinstance(part, nn.ReLU) for part in parts) == 26
    assert [part.mode for part in parts if isinstance(part, nn.Upsample)] == ["nearest"] * 4


def test_released_tensors_come_in_the_order_of_the_layers() -> None:
    network = small()
    released, state = network.released(), network.state_dict()
    assert list(released.tensors) == list(state)
    assert [source.name for source in released.tensors.values()] == [f"arr_{i}" for i in range(54)]
    flipped = {k for k, source in released.tensors.items() if source.layout == "flipped"}
    assert flipped == {f"core.{name}.weight" for name in LAYERS[13:]}
    assert len(LAYERS) == 27
    for key, source in released.tensors.items():
        assert released_shape(state[key].shape, source.layout) == state[key].shape


def test_a_released_decoder_layer_is_a_true_convolution() -> None:
    generator = np.random.default_rng(0)
    kernels, picture = generator.normal(size=(2, 3, 3, 3)), generator.normal(size=(3, 7, 9))
    expected = [sum(map(partial_same, picture, filters)) for filters in kernels]
    ours = arranged(torch.from_numpy(kernels), "flipped")
    found = conv2d(torch.from_numpy(picture)[None], ours, padding=1)[0]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-12)
    assert not np.allclose(
        conv2d(torch.from_numpy(picture)[None], torch.from_numpy(kernels), padding=1)[0], expected
    )


def partial_same(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return convolve2d(plane, kernel, mode="same")


def test_content_loss_is_the_cross_entropy_of_averages_over_4x4() -> None:
    own, truth = drawn(2, 1, 16, 24), drawn(2, 1, 16, 24, seed=1)
    p, t = (avg_pool2d(maps.double(), 4) for maps in (own, truth))
    expected = -(t * p.log() + (1 - t) * (1 - p).log()).mean()
    torch.testing.assert_close(content_loss(own.logit(), truth).double(), expected)


@pytest.mark.parametrize("level", [-300.0, 300.0])
def test_a_saturated_map_still_learns(level: float) -> None:
    logits = torch.full((1, 1, 16, 16), level, requires_grad=True)
    loss = content_loss(logits, torch.full_like(logits, 0.5))
    loss.backward()
    assert loss.isfinite() and logits.grad is not None
    torch.testing.assert_close(logits.grad.sum(), torch.tensor(level).sign() / 2)


def test_frames_without_gaze_do_not_count() -> None:
    network, frames, densities = small(), drawn(3, 3, 40, 60), drawn(3, 1, 40, 60, seed=1)
    densities[1] = 0
    discriminator = network.discriminator()

    def losses(keep: list[int]) -> list[Tensor]:
        maps = network(frames[keep], None)
        given = (discriminator, maps, frames[keep], densities[keep])
        return [
            network.authors_loss(maps, densities[keep], densities[keep] > 0.9),
            network.generator_loss(*given, content=0.05),
            network.discriminator_loss(*given),
        ]

    for found, expected in zip(losses([0, 1, 2]), losses([0, 2]), strict=True):
        torch.testing.assert_close(found, expected)
    assert all(loss == 0 for loss in losses([1]))


def test_adversarial_losses_are_the_papers() -> None:
    """Answers of log-odds 2 to people's maps and -1 to the network's."""
    network, frame, density = small(), drawn(2, 3, 32, 48), drawn(2, 1, 32, 48, seed=1)
    maps = network(frame, None)

    class Stub(nn.Module):
        def forward(self, shown: Tensor, picture: Tensor) -> Tensor:
            assert shown.shape[2:] == picture.shape[2:] == (32, 48)
            assert torch.equal(picture, frame)
            people = (shown == density).flatten(1).all(dim=1)
            return torch.where(people, 2.0, -1.0)

    answers = torch.tensor([2.0, -1.0]).sigmoid()
    expected = -(answers[0].log() + (1 - answers[1]).log()) / 2
    torch.testing.assert_close(network.discriminator_loss(Stub(), maps, frame, density), expected)
    content = network.authors_loss(maps, density, density > 0.9)
    torch.testing.assert_close(
        network.generator_loss(Stub(), maps, frame, density, content=0.05),
        0.05 * content - answers[1].log(),
    )


def test_each_adversarial_loss_moves_its_own_side() -> None:
    network, frame, density = small(), drawn(2, 3, 32, 48), drawn(2, 1, 32, 48, seed=1)
    discriminator = network.discriminator()
    network.discriminator_loss(discriminator, network(frame, None), frame, density).backward()
    assert all(part.grad is None for part in network.parameters())
    assert all(part.grad is not None for part in discriminator.parameters())
    given = (discriminator, network(frame, None), frame, density)
    network.generator_loss(*given, content=0.0).backward()
    last = network.core.decoder.rest.last
    assert isinstance(last, nn.Conv2d) and last.weight.grad is not None
    assert last.weight.grad.abs().max() > 0


def test_the_discriminator_sees_the_map_first_and_the_picture_in_bytes() -> None:
    discriminator = Discriminator(size=(32, 48), width=1 / 32)
    seen: list[Tensor] = []
    discriminator.merge.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    maps, picture = drawn(1, 1, 32, 48), drawn(1, 3, 32, 48, seed=1)
    discriminator(maps, picture)
    torch.testing.assert_close(seen[0], torch.cat([maps, 255 * picture], dim=1))


def test_normed_filters_have_the_length_of_their_scale() -> None:
    layer, features = NormedConvolution(3), drawn(1, 3, 5, 5)
    before = layer(features)
    with torch.no_grad():
        layer.weight.mul_(7)
    torch.testing.assert_close(layer(features), before, rtol=1e-4, atol=1e-5)


def test_training_lowers_the_loss() -> None:
    network, frame = small(), drawn(2, 3, 32, 48)
    density = torch.zeros(2, 1, 32, 48)
    density[..., 8:16, 8:16] = 1
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(5):
        optimiser.zero_grad()
        loss = network.authors_loss(network(frame, None), density, density)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_recomputed_parts_make_up_the_network() -> None:
    network = small()
    parts = [id(part) for segment in network.segments() for part in segment.parameters()]
    first = {id(part) for part in network.core.decoder.first.parameters()}
    assert {id(part) for part in network.parameters()} == {*parts} | first


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """SalEMA's stand-in weights, which has the same layers, as SalGAN's file would hold them."""
    values = standin("salema").values()
    return {
        f"arr_{i}": value[:, :, ::-1, ::-1].copy() if i >= 26 and value.ndim == 4 else value
        for i, value in enumerate(values)
    }


@pytest.fixture
def network() -> SalGAN:
    return SalGAN(**PUBLISHED | {"size": (96, 128)}).eval()


def error(network: SalGAN, arrays: dict[str, np.ndarray]) -> float:
    """Largest difference to the golden map of a first frame, in the map's spread."""
    load_released(network, arrays)
    run = golden("salema")
    frame = torch.from_numpy(run["frames_rgb"][:1]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        found = network(frame, None).saliency[0, 0].numpy()
    expected = run["maps"][0]
    return float(np.abs(found - expected).max() / expected.std())


@pytest.mark.shared
def test_the_authors_layers_compute_the_same(
    network: SalGAN, arrays: dict[str, np.ndarray]
) -> None:
    assert error(network, arrays) < 1e-4


@pytest.mark.shared
@pytest.mark.parametrize("port", ["not flipped", "channels flipped", "not rectified", "rgb"])
def test_known_errors_of_ports_are_found(
    port: str, network: SalGAN, arrays: dict[str, np.ndarray]
) -> None:
    kernels = [name for name in list(arrays)[26:] if arrays[name].ndim == 4]
    if port == "not flipped":
        arrays = arrays | {name: arrays[name][:, :, ::-1, ::-1].copy() for name in kernels}
    elif port == "channels flipped":
        arrays = arrays | {name: arrays[name][::-1, ::-1, ::-1, ::-1].copy() for name in kernels}
    elif port == "not rectified":
        network.core.decoder = unrectified(network.core.decoder)
    else:
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        network.view = View(size=(96, 128), resizing="area", mean=mean, std=std)
    assert error(network, arrays) > 0.05


def unrectified(decoder: Decoder) -> Decoder:
    """The decoder without its ReLUs."""
    for block in decoder.rest:
        for name, layer in list(block.named_children()):
            if isinstance(layer, nn.ReLU):
                setattr(block, name, nn.Identity())
    return decoder
