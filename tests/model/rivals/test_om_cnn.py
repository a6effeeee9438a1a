"""OM-CNN with 2C-LSTM: the authors' program through its checkpoint's names, and the contract."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from model.registry import build
from model.rivals.om_cnn import OMCNN, VideoMaps
from model.rivals.parts import object_motion, two_c_lstm
from model.rivals.parts.legacy_resize import legacy_resized
from model.sight import Sight, see

PAPER: dict[str, Any] = {
    "size": (448, 448),
    "width": 1.0,
    "recurrent": True,
    "frozen": False,
    "gates": "released",
    "keep": 0.25,
    "passes": 100,
    "restart": 16,
}
SMALL = PAPER | {"size": (64, 128), "width": 1 / 32, "passes": 3}


def small(seed: int = 0, **settings: Any) -> OMCNN:
    torch.manual_seed(seed)
    return OMCNN(**SMALL | settings).eval()


def clip(frames: int = 21, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(batch, frames, 3, 24, 40, generator=generator)


def on_meta(**settings: Any) -> OMCNN:
    with torch.device("meta"):
        network = build("om_cnn", **PAPER | settings)
    assert isinstance(network, OMCNN)
    return network


def test_parameters_are_those_of_the_authors_file() -> None:
    network = on_meta()
    assert sum(p.numel() for p in network.parameters()) == 83_726_752
    running = [b for name, b in network.named_buffers() if "running" in name]
    assert sum(b.numel() for b in running) == 2_016


def test_maps_of_all_frames_but_the_last_five() -> None:
    network = small()
    with torch.no_grad():
        maps, state = see(network, clip(8, batch=2), None)
    assert maps.saliency.shape == (2, 3, 1, 24, 40)
    assert maps.own.shape == maps.coarse.shape == (2, 3, 1, 16, 32)
    assert [part.shape for part in state] == [(2, 4, 4, 8)] * 4
    for found in maps:
        assert found.min() >= 0
        assert found.max() <= 1
    assert network.sight == Sight(after=5, carries=True, restart=16)
    assert small(restart=None).sight.restart is None


def test_a_map_sees_its_frame_and_the_one_five_later() -> None:
    network, frames = small(), clip(6).requires_grad_()
    network(frames, None)[0].saliency.square().sum().backward()
    touched = frames.grad[0].abs().amax(dim=(1, 2, 3)) > 0
    assert touched.tolist() == [True, False, False, False, False, True]


@pytest.mark.parametrize("gates", ["released", "expectation", "monte_carlo"])
def test_pieces_with_their_state_are_the_whole(gates: str) -> None:
    network, frames = small(gates=gates), clip()
    with torch.no_grad():
        whole, _ = see(network, frames, None)
        one, state = see(network, frames[:, :13], None)
        two, _ = see(network, frames[:, 8:], None, state)
        fresh, _ = see(network, frames[:, 8:], None)
    torch.testing.assert_close(torch.cat([one.own, two.own], dim=1), whole.own)
    assert (fresh.own - two.own).abs().max() > 1e-4


def test_clips_of_a_batch_do_not_meet() -> None:
    network, frames = small(gates="monte_carlo"), clip(8, batch=3)
    with torch.no_grad():
        together, _ = network(frames, None)
        alone, _ = network(frames[1:2], None)
    torch.testing.assert_close(together.own[1:2], alone.own)


def test_the_three_readings_of_the_gates() -> None:
    network, frames = small(), clip(9)
    with torch.no_grad():
        seen = network.view(frames[0])[None]
        features, _ = network.core.features(seen[:, :4], seen[:, 5:])
        draws = []
        for number in range(3):
            masks = two_c_lstm.drawn(
                (1, 4, 4, 8),
                keep=0.25,
                like=features,
                generator=torch.Generator().manual_seed(number),
            )
            draws.append(network.core.recur(features, None, gain=4.0, masks=masks)[0])
        expected = {
            "released": network.core.recur(features, None, gain=4.0)[0],
            "expectation": network.core.recur(features, None, gain=1.0)[0],
            "monte_carlo": torch.stack(draws).mean(dim=0),
        }
        for gates, maps in expected.items():
            network.gates = gates
            torch.testing.assert_close(network(frames, None)[0].own, maps)
    assert (draws[0] - draws[1]).abs().max() > 0.01


def test_training_drops_inputs_of_gates_whatever_prediction_sees() -> None:
    network, frames = small().train(), clip(7)
    seen = network.view(frames[0])[None]
    held = network.core.features(seen[:, :2], seen[:, 5:])  # so that dropout alone is random
    network.core.features = lambda *_: held  # type: ignore[method-assign]
    with torch.no_grad():
        one, two = (network(frames, None)[0].own for _ in range(2))
        torch.manual_seed(5)
        three = network(frames, None)[0].own
        torch.manual_seed(5)
        four = network(frames, None)[0].own
    assert (one - two).abs().max() > 0.01
    assert torch.equal(three, four)


def test_without_2c_lstm_it_is_om_cnn() -> None:
    network = small(recurrent=False)
    assert not network.sight.carries
    assert network.sight.restart is None
    with torch.no_grad():
        maps, state = see(network, clip(8), None)
    assert maps.saliency.shape == (1, 3, 1, 24, 40)
    assert state is None
    with pytest.raises(ValueError, match="choose recurrent: true"):
        network.released()


def test_2c_lstm_starts_from_a_trained_om_cnn() -> None:
    given, network = small(1, recurrent=False), small(2)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.load_stream(given.state_dict())
    for key, value in network.state_dict().items():
        fresh = key.startswith("core.lstm.")
        assert torch.equal(value, before[key] if fresh else given.state_dict()[key])
    with pytest.raises(ValueError, match=r"no OM-CNN of this layout: core\.coarse\.conv_19\.conv"):
        network.load_stream(small(recurrent=False, width=1 / 8).state_dict())
    with pytest.raises(ValueError, match=r"layout: core\.lstm\.layer1\.h1\.weight differs"):
        network.load_stream(network.state_dict())


def test_frozen_parts_learn_nothing_and_keep_their_statistics() -> None:
    network = small(frozen=True).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    maps, _ = network(clip(7), None)
    target = torch.rand(2, 1, 24, 40)
    loss = network.authors_loss(flat(maps), target, target)
    loss.backward()
    learning = {key for key, p in network.named_parameters() if p.grad is not None}
    assert {key.split(".")[1] for key in learning} == {"lstm", "readout"}
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    rest = loss - network.authors_loss(flat(maps._replace(coarse=maps.own)), target, target)
    assert rest.abs() < 1e-6  # the coarse map is no part of it


def flat(maps: VideoMaps) -> VideoMaps:
    return VideoMaps(*(part.flatten(0, 1) for part in maps))


def test_loss_is_the_divergence_of_both_maps() -> None:
    network = small()
    torch.manual_seed(3)
    own, coarse, density = (torch.rand(3, 1, 16, 32) for _ in range(3))
    density[1] = 0  # a frame without gaze
    t = density[[0, 2]] / density[[0, 2]].sum(dim=(2, 3), keepdim=True)
    expected = 0.0
    for maps in (own, coarse):
        p = maps[[0, 2]] / maps[[0, 2]].sum(dim=(2, 3), keepdim=True)
        expected += 0.5 * (t * torch.log(1e-7 + t / (p + 1e-7))).sum() / 2
    found = network.authors_loss(VideoMaps(own, own, coarse), density, density)
    torch.testing.assert_close(found, expected)


def test_steps_lower_the_loss() -> None:
    network, frames = small(keep=1.0).train(), clip(7, batch=2)
    target = torch.zeros(4, 1, 24, 40)
    target[..., 4:10, 6:16] = 1
    groups = [{k: v for k, v in g.items() if k != "rate"} for g in network.parameter_groups()]
    assert sum(len(group["params"]) for group in groups) == len([*network.parameters()])
    assert [group["weight_decay"] for group in groups] == [5e-6, 0.0]
    optimiser = torch.optim.Adam(groups, lr=3e-3)
    losses = []
    for _ in range(6):
        maps, _ = network(frames, None)
        loss = network.authors_loss(flat(maps), target, target)
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in network.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]


def test_segments_are_the_layers_with_kernels() -> None:
    network = small()
    counted = {id(p) for part in network.segments() for p in part.parameters()}
    rest = {k.split(".")[2] for k, p in network.named_parameters() if id(p) not in counted}
    assert rest == {"fc16", "fc17", "fc18", "layer1", "layer2"}


@pytest.mark.parametrize("size", [(448, 450), (32, 64)])
def test_sizes_without_whole_cells_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"multiples of 64, got \[{size[0]}, {size[1]}\]"):
        on_meta(size=size)


def test_an_unknown_reading_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="gates: expected one of released, expectation, monte_c"):
        on_meta(gates="4")


def test_legacy_resizing_knows_no_half_pixel() -> None:
    line = torch.tensor([0.0, 1, 2, 4])[None, None, None]
    assert legacy_resized(line, (1, 2)).flatten().tolist() == [0, 2]
    assert legacy_resized(line, (1, 8)).flatten().tolist() == [0, 0.5, 1, 1.5, 2, 3, 4, 4]
    third = legacy_resized(line, (1, 3)).flatten()
    torch.testing.assert_close(third, torch.tensor([0, 4 / 3, 2 + 2 * 2 / 3]))
    column = legacy_resized(line.transpose(2, 3), (8, 2))
    assert column.shape == (1, 1, 8, 2)
    assert column[0, 0, :, 0].tolist() == [0, 0.5, 1, 1.5, 2, 3, 4, 4]


def test_features_fade_from_the_middle() -> None:
    centre = object_motion.middle(28, 28)
    assert centre[14, 14] == 1
    assert centre[0, 0] == 0
    torch.testing.assert_close(centre[14, 0], torch.tensor(1 - 14 / 392**0.5))
