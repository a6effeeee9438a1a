"""Terms of ACLNet's and STRA-Net's losses against equations, and what they count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from model.rivals.parts.keras_loss import cc, kl, nss, sim, targets


def maps(seed: int = 0, frames: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """A prediction, a density and fixations of 12x16 pixels."""
    generator = torch.Generator().manual_seed(seed)
    prediction, density = torch.rand(2, frames, 1, 12, 16, generator=generator)
    return prediction, density**4, (density > 0.9).float()


def test_terms_are_the_equations() -> None:
    prediction, density, fixated = maps()
    expected = np.zeros(4)
    for P, S, F in zip(prediction.numpy(), density.numpy(), fixated.numpy(), strict=True):
        p, s = (part.astype(float) / part.sum() for part in (P, S))
        z = (P - P.mean()) / P.std()
        expected += (
            (s * np.log(s / p)).sum(),
            -np.corrcoef(p.ravel(), s.ravel())[0, 1],
            -z[F > 0].mean(),
            -np.minimum(p, s).sum(),
        )
    found = [
        kl(prediction, density),
        cc(prediction, density),
        nss(prediction, density, fixated),
        sim(prediction, density),
    ]
    np.testing.assert_allclose(torch.stack(found).numpy(), expected / 3, rtol=1e-3)


def test_nss_weighs_the_prediction_by_fixations_and_not_the_other_way_round() -> None:
    prediction, density, fixated = torch.zeros(3, 1, 1, 4, 4)
    prediction[..., 1, 2], density[..., 1, 2], fixated[..., 1, 2] = 1, 1, 1
    mean, std = 1 / 16, (15 / 16 / 16) ** 0.5
    assert nss(prediction, density, fixated).item() == pytest.approx(-(1 - mean) / std, rel=1e-5)
    prediction = torch.rand(1, 1, 4, 4)
    assert nss(prediction, density, fixated) != nss(fixated, density, prediction)


def test_a_frame_without_gaze_counts_nowhere_and_has_a_gradient_of_zero() -> None:
    prediction, density, fixated = maps()
    density[1], fixated[1] = 0, 0
    prediction.requires_grad_()
    both = [0, 2]
    for whole, part in (
        (kl(prediction, density), kl(prediction[both], density[both])),
        (cc(prediction, density), cc(prediction[both], density[both])),
        (sim(prediction, density), sim(prediction[both], density[both])),
        (
            nss(prediction, density, fixated),
            nss(prediction[both], density[both], fixated[both]),
        ),
    ):
        torch.testing.assert_close(whole, part)
        (gradient,) = torch.autograd.grad(whole, prediction)
        assert torch.isfinite(gradient).all()
        assert not gradient[1].any()


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_constant_prediction_has_finite_terms_and_gradients(value: float) -> None:
    _, density, fixated = maps()
    prediction = torch.full_like(density, value, requires_grad=True)
    total = kl(prediction, density) + cc(prediction, density) + sim(prediction, density)
    total = total + nss(prediction, density, fixated)
    (gradient,) = torch.autograd.grad(total, prediction)
    assert torch.isfinite(total)
    assert torch.isfinite(gradient).all()


def test_targets_stand_in_the_letterbox_of_the_network() -> None:
    density, fixated = torch.zeros(2, 2, 1, 30, 60)
    density[0], fixated[0, 0, 0, 0], fixated[1, 0, 29, 59] = 1, 1, 1
    S, F = targets(density, fixated, (16, 20))
    # 30x60 becomes 10x20, three rows of nothing above and below.
    assert S.shape == F.shape == (2, 1, 16, 20)
    torch.testing.assert_close(S[0, 0, 3:13], torch.ones(10, 20))
    assert not S[0, 0, :3].any() and not S[0, 0, 13:].any()
    assert F.nonzero().tolist() == [[0, 0, 3, 0], [1, 0, 12, 19]]
