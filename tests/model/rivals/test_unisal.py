"""UNISAL by itself: its shape, its domains, its state, its loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.backbones import MobileNetTrunk
from model.rivals.parts.domain_norm import DOMAINS, STILLS, ConvGRU, DomainNorm
from model.rivals.parts.priors import gaussians
from model.rivals.unisal import UNISAL, DensityMaps, doubled
from model.sight import see, sight_of

PAPER: dict[str, Any] = {
    "domains": {"dhf1k": "DHF1K", "films": "Hollywood", "sports": "UCFSports", "stills": "SALICON"},
    "sizes": {
        "DHF1K": (224, 384),
        "Hollywood": (224, 416),
        "UCFSports": (256, 384),
        "SALICON": (288, 384),
    },
    "width": 1.0,
    "backbone": "mobilenet_v2",
}
SMALL = PAPER | {"sizes": dict.fromkeys(DOMAINS, (64, 96)), "width": 0.125}


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def network() -> UNISAL:
    """A small network whose normalisations and domains all differ."""
    torch.manual_seed(1)
    made = UNISAL(**SMALL)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
    return made.eval()


def test_the_paper_s_network_has_the_authors_counts() -> None:
    with torch.device("meta"):
        network = UNISAL(**PAPER)
    assert sum(parameter.numel() for parameter in network.parameters()) == 3_714_872
    # Without the mask [3, 256] that the authors' file holds besides.
    buffers = set(network.state_dict()) - {name for name, _ in network.named_parameters()}
    held = sum(network.state_dict()[name].numel() for name in buffers)
    assert held == 89_842 - 3 * 256


def test_released_names() -> None:
    with torch.device("meta"):
        released = UNISAL(**PAPER).released()
    names = {source.name for source in released.tensors.values()}
    assert len(names) == len(released.tensors) == 834
    assert {
        "coarse_gaussians_ucfsports",
        "cnn.features.1.conv.4.running_var",
        "cnn.features.17.conv.7.bias",
        "cnn.features.18.1.num_batches_tracked",
        "post_cnn.inv_res.conv.3.weight",
        "rnn.cell_list.0.b_h",
        "rnn.cell_list.0.a_z_x",
        "rnn.cell_list.0.norm_out_h.bn_Hollywood.weight",
        "rnn.cell_list.0.u.conv_sep.weight",
        "rnn.cell_list.0.w_r.sep_bn.bn_SALICON.running_mean",
        "post_rnn.1.bn_DHF1K.bias",
        "skip_4x.reduction.0.bias",
        "upsampling_2.inv_res.conv.3.weight",
        "post_upsampling_2.inv_res.conv.7.bn_UCFSports.weight",
        "adaptation_dhf1k.0.bias",
        "smoothing_hollywood.weight",
    } < names


@pytest.mark.parametrize("dataset", SMALL["domains"])
def test_streamed_is_the_whole_clip(network: UNISAL, dataset: str) -> None:
    network.enter(dataset)
    clip = draw(2, 5, 3, 48, 80)
    with torch.no_grad():
        whole, end = see(network, clip, None)
        first, state = see(network, clip[:, :3], None)
        second, state = see(network, clip[:, 3:4], None, state)
        third, state = see(network, clip[:, 4:], None, state)
    pieces = torch.cat([first.saliency, second.saliency, third.saliency], 1)
    assert torch.allclose(whole.saliency, pieces, atol=1e-6)
    assert end is not None
    assert state is not None
    assert [tensor.shape for tensor in end] == ([] if dataset == "stills" else [(2, 32, 2, 3)])
    assert all(torch.allclose(*pair, atol=1e-6) for pair in zip(end, state, strict=True))
    with torch.no_grad():
        alone, _ = see(network, clip[:1, 4:], None)
    is_the_same = torch.allclose(alone.saliency, third.saliency[:1], atol=1e-4)
    assert is_the_same == (dataset == "stills")


def test_maps_are_densities_and_their_peaks_are_1(network: UNISAL) -> None:
    maps = see(network, draw(2, 3, 3, 48, 80), None)[0]
    assert isinstance(maps, DensityMaps)
    assert torch.allclose(maps.log_density.exp().sum((-2, -1)), torch.ones(2, 3, 1))
    assert torch.equal(maps.saliency.amax((-2, -1)), torch.ones(2, 3, 1))


def test_the_dataset_chooses_the_domain(network: UNISAL) -> None:
    assert network.core.domain == "DHF1K"  # of the dataset that is named first
    clip, found, steps = draw(1, 1, 3, 64, 96), [], []
    for dataset, domain in SMALL["domains"].items():
        network.enter(dataset)
        norms = [module for module in network.modules() if isinstance(module, DomainNorm)]
        assert {norm.domain for norm in norms} == {network.core.domain} == {domain}
        sight = sight_of(network)
        assert sight is not None
        assert sight.carries
        steps.append(sight.step)
        with torch.no_grad():
            found.append(see(network, clip, None)[0].saliency)
    assert steps == [5, 4, 4, 1]
    pairs = [(one, other) for i, one in enumerate(found) for other in found[:i]]
    assert not any(torch.allclose(one, other) for one, other in pairs)
    with pytest.raises(ValueError, match=r"none for dataset 'diem'.*add it with the nearest of DH"):
        network.enter("diem")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"domains": {}}, "domains names the domain"),
        ({"domains": {"diem": "DIEM"}}, "expected one of DHF1K, Hollywood"),
        ({"sizes": {"DHF1K": (64, 96)}}, "sizes the size of each"),
        ({"sizes": dict.fromkeys(DOMAINS, (60, 96))}, "multiples of 32 pixels"),
        ({"backbone": "resnet50"}, "expected one of mobilenet_v2"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        UNISAL(**SMALL | wrong)


def test_halving_late_leaves_the_deepest_features_as_they_are(network: UNISAL) -> None:
    seen = draw(1, 3, 64, 96)
    strided = MobileNetTrunk(SMALL["width"]).eval()
    strided.load_state_dict(network.core.trunk.state_dict())
    deepest = []
    network.core.post_cnn.register_forward_pre_hook(lambda _, given: deepest.append(given[0]))
    with torch.no_grad():
        _, finer, finest = network.core.features(seen)
        levels = strided(seen)
    assert finer.shape[-2:] == (4, 6)
    assert finest.shape[-2:] == (8, 12)
    priors = 16
    assert torch.allclose(deepest[0][:, :-priors], levels.fourth, atol=1e-5)


def test_priors() -> None:
    (spot,) = gaussians(torch.tensor([[[0.5, math.log(0.5)], [0.25, 0.0]]]), (3, 5))[0]
    assert spot[1, 1] == 6
    assert spot[2, 1] == pytest.approx(6 * math.exp(-0.5))
    assert spot[1, 4] == pytest.approx(6 * math.exp(-0.5 * 0.75**2))


def test_the_reset_gate_works_behind_the_convolution() -> None:
    cell = ConvGRU(1, dropout=0.2).eval()
    for module in cell.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0)
            module.weight.data[..., -1 // 2, -1 // 2] = 1
    for name, parameter in cell.named_parameters():
        if name == "state.n.depthwise.weight":
            parameter.data *= 20  # so that ReLU6 cuts: 20 times the state is more than 6
    x, h = torch.full((1, 1, 3, 3), 0.5), torch.full((1, 1, 3, 3), 0.8)
    with torch.no_grad():
        found = cell(x, h, cell.kept(x))[0, 0, 1, 1]
    gate = 1 / (1 + math.exp(-1.3))
    expected = (1 - gate) * 0.8 + gate * math.tanh(0.5 + gate * 6)
    assert found == pytest.approx(expected, abs=1e-4)  # the normalisations' eps


def test_enlarging_and_border() -> None:
    assert doubled(torch.tensor([[[[0.0, 1.0]]]]))[0, 0, 0].tolist() == [0.0, 0.25, 0.75, 1.0]
    network = UNISAL(**SMALL).eval()
    for layer in network.core.adaptation.values():
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, 3.0)
    with torch.no_grad():
        maps = network(draw(1, 1, 3, 48, 80))[0]
    # With zeros around it, the map would fall towards the border.
    assert torch.allclose(maps.log_density, torch.tensor(-math.log(48 * 80)), atol=1e-5)


def test_only_what_works_learns(network: UNISAL) -> None:
    before = {name: value.clone() for name, value in network.named_buffers()}
    network.train()
    network.enter("stills")
    network(draw(2, 1, 3, 64, 96))[0].log_density.amax().backward()
    learns = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert {name.split(".")[1] for name in learns} == {
        *("trunk", "post_cnn", "skip_2x", "skip_4x", "merge_2x", "merge_4x"),
        *("priors", "adaptation", "smoothing"),
    }
    others = set(DOMAINS) - {STILLS}
    assert not [name for name in learns if others & set(name.split("."))]
    changed = {n for n, value in network.named_buffers() if not torch.equal(value, before[n])}
    assert changed
    assert not [name for name in changed if name.startswith("core.trunk")]
    assert not [name for name in changed if others & set(name.split("."))]


def test_a_clip_has_one_mask_for_each_gate() -> None:
    cell = ConvGRU(200, dropout=0.2).train()
    kept = cell.kept(torch.zeros(2, 200, 1, 1))
    assert kept.shape == (3, 200, 1, 1)
    assert set(kept.unique().tolist()) == {0.0, 1.25}
    assert not torch.equal(kept[0], kept[1])
    assert 0.1 < (kept == 0).float().mean() < 0.3
    assert torch.equal(cell.eval().kept(torch.zeros(2, 200, 1, 1)), torch.ones(3, 200, 1, 1))


def test_authors_loss_by_hand() -> None:
    with torch.device("meta"):
        network = UNISAL(**SMALL)
    density, fixated = draw(3, 1, 6, 8, seed=2), torch.zeros(3, 1, 6, 8)
    fixated[0, 0, 1, 2] = fixated[0, 0, 5, 5] = fixated[1, 0, 3, 3] = 1
    density[2] = 0
    logs = (3 * draw(3, 1, 6, 8, seed=3)).flatten(1).log_softmax(1).view(3, 1, 6, 8)
    peaks = logs.exp() / logs.exp().amax((-2, -1), keepdim=True)
    found = network.authors_loss(DensityMaps(peaks, logs), density, fixated)
    losses = []
    for i in range(2):
        p, s, f = (maps[i, 0].double().numpy() for maps in (logs.exp(), density, fixated))
        s = s / s.sum()
        kld = (s * np.log(s / p)).sum()
        nss = ((p - p.mean()) / p.std(ddof=1))[f > 0].mean()
        losses.append(kld - 0.1 * nss - 0.1 * np.corrcoef(p.ravel(), s.ravel())[0, 1])
    assert found == pytest.approx(np.mean(losses), abs=1e-5)
    nothing = network.authors_loss(DensityMaps(peaks, logs), 0 * density, 0 * fixated)
    assert nothing == 0


@pytest.mark.parametrize("dataset", ["dhf1k", "stills"])
def test_steps_lower_the_loss(dataset: str) -> None:
    torch.manual_seed(0)
    network = UNISAL(**SMALL)
    network.enter(dataset)
    clip = draw(2, 1 if dataset == "stills" else 3, 3, 64, 96)
    density = torch.zeros(clip[:, :, :1].flatten(0, 1).shape)
    density[..., 10:20, 60:80] = 1
    fixated = torch.zeros_like(density)
    fixated[..., 15, 70] = 1
    groups = network.parameter_groups()
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    optimiser = torch.optim.SGD(
        [{"params": g["params"], "lr": 0.04 * g["rate"]} for g in groups], momentum=0.9
    )
    losses = []
    for _ in range(6):
        maps, _ = see(network.train(), clip, None)
        optimiser.zero_grad()
        flat = maps._make(part.flatten(0, 1) for part in maps)
        loss = network.authors_loss(flat, density, fixated)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_the_trunk_starts_from_torchvisions_weights() -> None:
    torch.manual_seed(0)
    network, start = UNISAL(**SMALL), MobileNetTrunk(SMALL["width"])
    network.load_backbone(start.state_dict())
    assert torch.equal(
        network.core.trunk.features[14].conv[2].weight, start.features[14].conv[2].weight
    )
    with pytest.raises(ValueError, match="not those of torchvision"):
        network.load_backbone(MobileNetTrunk(0.25).state_dict())
    assert set(network.segments()) < set(network.core.trunk.modules())
