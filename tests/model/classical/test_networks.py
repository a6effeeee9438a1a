"""What the networks of the authors' programs have in common, and coding length by definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from model.classical import harel
from model.classical.coding_length import CodingLength
from model.classical.itti import is_peak, promoted
from model.registry import build
from pipeline.planning.load import configured

CFG = configured("paper")
NAMES = ["gbvs", "gbvs_video", "itti", "spectral_residual", "pqft", "pqft_static", "pqft_2"]


def network(name: str, **changes: Any) -> Any:
    entry = CFG.models[name]
    more = entry.model_extra or {}
    assert entry.network is not None
    return build(entry.network, **{**CFG.networks[entry.network], **more, **changes})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(64, 64), (45, 97), (120, 47)])
def test_any_size_and_batches(name: str, size: tuple[int, int]) -> None:
    model = network(name)
    frames = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    earlier = getattr(model, "earlier", 0)
    more = (frames.flip(-1)[:, None].repeat(1, earlier, 1, 1, 1),) if earlier else ()
    saliency = model(frames, None, *more).saliency
    assert saliency.shape == (2, 1, *size)
    assert saliency.isfinite().all() and saliency.min() >= 0 and saliency.std() > 0
    alone = model(frames[1:], None, *(one[1:] for one in more)).saliency
    torch.testing.assert_close(saliency[1:], alone, atol=2e-4, rtol=1e-3)


def uniform(level: float) -> torch.Tensor:
    return torch.full((1, 3, 480, 640), level) * torch.tensor([1, 0.6, 0.3]).view(1, 3, 1, 1)


@pytest.mark.parametrize("name", ["itti", "spectral_residual"])
@pytest.mark.parametrize("level", [0.0, 0.37, 1.0])
def test_nothing_stands_out_of_a_uniform_frame(name: str, level: float) -> None:
    assert not network(name)(uniform(level), None).saliency.any()


@pytest.mark.parametrize("level", [0.37, 1.0])
def test_a_uniform_frame_is_even_but_for_its_border_which_the_programs_darken(level: float) -> None:
    for saliency in (
        network("gbvs", blur=0.0).on_lattice(uniform(level), None),
        network("pqft").small_map(uniform(level), None),
    ):
        # The corner is 0 but for rounding, which differs between processors.
        assert (saliency[..., 4:-4, 4:-4] > 0.999).all() and saliency[..., 0, 0] < 1e-6


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("gbvs", {"channels": "DIX"}, "expected letters of CDFIMO, got 'DIX'"),
        ("gbvs", {"channels": ""}, "expected letters of CDFIMO, got ''"),
        ("gbvs", {"concentration": "log"}, "expected power or graph, got 'log'"),
        ("pqft", {"program": "le"}, "expected guo or pqft_2, got 'le'"),
    ],
)
def test_what_is_unknown_is_refused(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(name, **changes)


def test_pqft_with_motion_needs_frames_before() -> None:
    assert [network(name).earlier for name in ("pqft", "pqft_static", "pqft_2")] == [2, 0, 3]
    with pytest.raises(ValueError, match="needs the 2 frames before"):
        network("pqft")(torch.rand(1, 3, 64, 64), None)


def test_walks_of_faint_maps_are_those_of_strong_ones() -> None:
    gbvs = network("gbvs")
    maps = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(gbvs.activated(5e-5 * maps), gbvs.activated(maps))
    assert gbvs.activated(1e-7 * maps).unique().numel() == 1


def test_promotion_by_hand() -> None:
    maps = torch.zeros(1, 1, 5, 7)
    maps[..., 1, 1], maps[..., 3, 5], maps[..., 0, 6] = 4.0, 2.0, 3.0
    # Peaks of 1 and 1/2; that at the border is none.
    assert is_peak(maps / 4).nonzero()[:, 2:].tolist() == [[1, 1], [3, 5]]
    torch.testing.assert_close(promoted(maps), maps / 4 * (1 - 0.75) ** 2)
    maps[..., 3, 5] = 0.3
    torch.testing.assert_close(promoted(maps), maps / 4)


def test_levels_are_halved_by_the_binomial_and_borders_weigh_what_is_there() -> None:
    row = torch.arange(12.0).repeat(12, 1)[None, None] ** 2
    found = harel.levels_of(row, 2)[1][0, 0]
    line = row[0, 0, 0].tolist()
    first = (10 * line[0] + 10 * line[1] + 5 * line[2] + line[3]) / 26
    taps = (1, 5, 10, 10, 5, 1)
    second = sum(tap * value for tap, value in zip(taps, line, strict=False)) / 32
    assert found.shape == (6, 6)
    assert found[2, :2].tolist() == pytest.approx([first, second], rel=1e-5)
    assert harel.levels_of(torch.rand(1, 1, 25, 13), 3)[2].shape[-2:] == (12, 6)


def test_greys_have_no_colour() -> None:
    grey = torch.linspace(0, 1, 64).expand(1, 3, 8, 64)
    assert not harel.opponents(grey, grey[:, :1]).any()
    axes = harel.cone_axes(grey)
    assert (axes[0, 0, 0].diff() >= 0).all()
    assert axes[0, 1:].abs().max() < 0.25 * axes[0, 0].abs().max()


def program(picture: np.ndarray, filters: np.ndarray, side: int) -> np.ndarray:
    """The map before smoothing, a patch after the other."""
    _, height, width = picture.shape
    rows, columns = height - side + 1, width - side + 1
    answers = np.empty((len(filters), rows, columns))
    for y in range(rows):
        for x in range(columns):
            patch = picture[:, y : y + side, x : x + side]
            answers[:, y, x] = np.abs((filters * patch).sum(axis=(1, 2, 3)))
    p = answers.sum(axis=(1, 2))
    p = p / p.sum()
    gained = np.maximum((p * np.log2(p)).sum() - np.log2(p) - p - p * np.log2(p), 0)
    energy = np.tensordot(gained / gained.sum(), answers, axes=1)
    total = np.zeros((height, width))
    for y in range(rows):
        for x in range(columns):
            total[y : y + side, x : x + side] += energy[y, x]
    square = total**2
    return ((square - square.min()) / np.ptp(square)) ** 2


def test_coding_length_by_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    model = CodingLength(features=20, patch=4, height=12, width=18)
    model.filters.copy_(torch.from_numpy(random.standard_normal((20, 3, 4, 4))))
    picture = random.random((3, 12, 18))
    expected = program(picture, model.filters.double().numpy(), 4)
    monkeypatch.setattr("model.classical.coding_length.imfilter", lambda maps, _taps: maps)
    found = model.small_map(torch.from_numpy(picture).float()[None])[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_coding_length_without_features_is_refused() -> None:
    model = CodingLength(features=3, patch=1, height=8, width=12)
    with pytest.raises(ValueError, match="no features yet: fit it"):
        model(torch.rand(1, 3, 16, 24), None)
    model.filters.copy_(torch.eye(3)[..., None, None])
    assert math.isfinite(model(torch.rand(1, 3, 16, 24), None).saliency.sum())
    assert not model(torch.zeros(1, 3, 16, 24), None).saliency.any()
