"""What networks that predict saliency learn, and what is logged of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.losses import euclidean_loss, saliency_loss
from model.outputs import Maps
from pipeline.runtime.errors import InputError
from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples, on_device
from tests.builders import training
from tests.pipeline.training.spots import LOSS, Small, run_in, small


class Signed(Small):
    """Predicts densities, which may fall below 0."""

    def __init__(self) -> None:
        super().__init__()
        self.layers[3] = nn.Identity()
        nn.init.constant_(self.layers[2].bias, -0.02)


@pytest.mark.parametrize("size", [None, 1])
def test_the_euclidean_loss_learns_the_density_itself(
    samples: TrainingSamples, tmp_path: Path, size: int | None
) -> None:
    torch.manual_seed(3)
    network = Signed()
    changes = {"loss": "euclidean", "epochs": 16.0, "step": 100, "learning_rate": 1e-3}
    rows = train(network, samples, run_in(tmp_path, micro_batch=size, **changes), samples)
    first, last = np.array(rows[0], float), np.array(rows[-1], float)
    everything = on_device(samples.batch(range(11)), torch.device("cpu"))
    with torch.no_grad():
        maps = network(everything.frame, everything.flow).saliency
    density = everything.density
    found = euclidean_loss(maps, density)
    assert found < 0.1 * euclidean_loss(torch.zeros_like(density), density)
    assert first[1] > 10 * last[1]
    # Both terms of Eq. (6) are logged too, though no gradient comes from them.
    assert np.isfinite(np.array([row[2:4] for row in rows], float)).all()
    assert last[3] < first[3]
    clamped = saliency_loss(maps.clamp_min(0), density, everything.fixated, **LOSS.model_dump())
    assert last[-2:] == pytest.approx([float(clamped.kl), float(clamped.nss)], rel=1e-3)
    assert 0 < last[4] < 1


def test_held_out_clips_are_measured_and_change_nothing(
    samples: TrainingSamples, tmp_path: Path
) -> None:
    network, alone = small(), small()
    rows = train(network, samples, run_in(tmp_path, checkpoint=3), samples)
    measured = [row[0] for row in rows if row[-1] is not None]
    assert measured == [3, 6, 9, 11]
    assert [row[:6] for row in train(alone, samples, run_in(tmp_path))] == [row[:6] for row in rows]
    everything = on_device(samples.batch(range(11)), torch.device("cpu"))
    with torch.no_grad():
        maps = network(everything.frame, everything.flow)
        terms = saliency_loss(
            maps.saliency, everything.density, everything.fixated, **LOSS.model_dump()
        )
    assert rows[-1][-2:] == pytest.approx([float(terms.kl), float(terms.nss)], rel=1e-4)


def test_the_share_of_dead_pixels_is_logged(samples: TrainingSamples, tmp_path: Path) -> None:
    network = small()
    network.layers[3] = nn.ReLU()
    nn.init.constant_(network.layers[2].bias, -1e6)
    assert [row[4] for row in train(network, samples, run_in(tmp_path, epochs=0.5))] == [1.0, 1.0]
    assert train(small(), samples, run_in(tmp_path, epochs=0.3))[0][4] == 0


class Squared(Small):
    """Has a loss of its authors in which fixations play no part."""

    def authors_loss(self, maps: Maps, density: Tensor, fixated: Tensor) -> Tensor:
        return euclidean_loss(maps.saliency, density)


@pytest.mark.parametrize("size", [None, 1])
def test_nss_beside_the_loss_of_the_authors(
    samples: TrainingSamples, tmp_path: Path, size: int | None
) -> None:
    last = {}
    for weight in (None, 0.5):
        torch.manual_seed(3)
        changes = {"loss": "authors", "nss": weight, "epochs": 8.0, "learning_rate": 1e-3}
        run = run_in(tmp_path / f"{weight}", micro_batch=size, **changes)
        rows = train(Squared(), samples, run)
        last[weight] = rows[-1]
        total, nss = (float(rows[0][column]) for column in (1, 3))
        if weight is None:
            alone = total
            assert total > 0
        else:
            assert total == pytest.approx(alone + weight * nss, rel=1e-4)
    assert last[0.5][3] < last[None][3] - 0.1


@pytest.mark.parametrize(("key", "remedy"), [("loss", "saliency"), ("rates", "null")])
def test_what_a_networks_authors_do_not_have_is_named(
    samples: TrainingSamples, tmp_path: Path, key: str, remedy: str
) -> None:
    with pytest.raises(InputError, match=f"{key}: authors: .* has none; set it to {remedy}"):
        train(small(), samples, run_in(tmp_path, **{key: "authors"}))


def test_nss_has_a_weight_of_its_own_only_beside_an_authors_loss() -> None:
    with pytest.raises(ValueError, match="nss: other losses have a weight for it"):
        training(nss=4.0, loss="saliency")
