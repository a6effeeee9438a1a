from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from model.losses import (
    centred,
    counted_frames,
    euclidean_loss,
    kl_loss,
    nss_loss,
    saliency_loss,
    uncentred,
)

EPS = 1e-7


def maps(dtype: torch.dtype = torch.float64, frames: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (frames, 1, 6, 8)
    prediction = torch.rand(shape, generator=generator, dtype=dtype) + 0.01
    density = torch.rand(shape, generator=generator, dtype=dtype)
    fixated = torch.rand(shape, generator=generator) > 0.8
    return prediction, density, fixated


def test_kl_is_equation_4() -> None:
    prediction, density, _ = maps()
    expected = []
    for P, S in zip(prediction.numpy(), density.numpy(), strict=True):
        P, S = P / P.sum(), S / S.sum()
        expected.append(np.sum(S * np.log(S / P)))
    assert kl_loss(prediction, density, 1e-15).item() == pytest.approx(np.mean(expected))


def test_kl_ignores_scale_and_is_0_for_the_density_itself() -> None:
    prediction, density, _ = maps()
    torch.testing.assert_close(
        kl_loss(7 * prediction, density, EPS), kl_loss(prediction, 3 * density, EPS)
    )
    assert kl_loss(density, density, 1e-12).item() == pytest.approx(0, abs=1e-9)


def test_nss_is_equation_5() -> None:
    prediction, _, fixated = maps()
    expected = []
    for P, F in zip(prediction.numpy(), fixated.numpy(), strict=True):
        expected.append(-np.mean(((P - P.mean()) / P.std(ddof=1))[F]))
    assert nss_loss(prediction, fixated, 1e-15).item() == pytest.approx(np.mean(expected))


def test_nss_is_negative_where_people_looked() -> None:
    prediction = torch.zeros(1, 1, 6, 8)
    prediction[..., 2, 3] = 1
    assert nss_loss(prediction, prediction > 0, EPS) < -6


def test_total_is_equation_6() -> None:
    prediction, density, fixated = maps()
    terms = saliency_loss(prediction, density, fixated, alpha=2.0, beta=0.5, eps=EPS)
    torch.testing.assert_close(terms.total, 2 * terms.kl + 0.5 * terms.nss)
    torch.testing.assert_close(terms.kl, kl_loss(prediction, density, EPS))
    torch.testing.assert_close(terms.nss, nss_loss(prediction, fixated, EPS))


def test_gradients_are_those_of_finite_differences() -> None:
    prediction, density, fixated = maps(frames=2)
    density[1], fixated[1] = 0, False

    def total(P: Tensor) -> Tensor:
        return saliency_loss(P, density, fixated, alpha=1.0, beta=0.1, eps=EPS).total

    assert torch.autograd.gradcheck(total, prediction.requires_grad_())


def test_frame_without_fixations_is_not_counted() -> None:
    prediction, density, fixated = maps()
    alone = saliency_loss(prediction[:2], density[:2], fixated[:2], alpha=1.0, beta=0.1, eps=EPS)
    density[2], fixated[2] = 0, False
    together = saliency_loss(prediction, density, fixated, alpha=1.0, beta=0.1, eps=EPS)
    torch.testing.assert_close(alone.total, together.total)


def test_batch_without_fixations_is_0_with_gradient_0() -> None:
    prediction, density, fixated = maps()
    prediction.requires_grad_()
    terms = saliency_loss(prediction, 0 * density, fixated & False, alpha=1.0, beta=0.1, eps=EPS)
    terms.total.backward()
    assert [term.item() for term in terms] == [0, 0, 0]
    assert (prediction.grad == 0).all()


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    """As with gradient accumulation and several processes, also where a frame does not count."""
    prediction, density, fixated = maps(frames=5)
    density[3], fixated[3] = 0, False
    fixated[1] = False
    weights = {"alpha": 1.0, "beta": 0.1, "eps": EPS}
    whole = saliency_loss(prediction, density, fixated, **weights)
    counts = counted_frames(density, fixated)
    assert [int(count) for count in counts] == [4, 3]
    parts = [
        saliency_loss(*(m[part] for m in (prediction, density, fixated)), **weights, counts=counts)
        for part in (slice(0, 2), slice(2, 5))
    ]
    for term, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        torch.testing.assert_close(term, sum(pieces))


@pytest.mark.parametrize("value", [0.0, 1e-6, 1.0, 1e4])
@pytest.mark.parametrize("eps", [1e-7, 2.2e-16])
def test_constant_prediction_is_finite(value: float, eps: float) -> None:
    _, density, fixated = maps(torch.float32)
    prediction = torch.full_like(density, value).requires_grad_()
    terms = saliency_loss(prediction, density, fixated, alpha=1.0, beta=0.1, eps=eps)
    terms.total.backward()
    assert torch.isfinite(terms.total)
    assert torch.isfinite(prediction.grad).all()
    assert terms.nss.item() == pytest.approx(0, abs=1e-3)


def test_half_precision_is_computed_in_float32() -> None:
    prediction, density, fixated = maps(torch.float32)
    rounded = prediction.bfloat16()
    terms = saliency_loss(rounded, density.half(), fixated, alpha=1.0, beta=0.1, eps=EPS)
    assert terms.total.dtype == torch.float32
    torch.testing.assert_close(terms.nss, nss_loss(rounded.float(), fixated, EPS))


def test_maps_that_would_broadcast_are_refused() -> None:
    prediction, density, fixated = maps()
    with pytest.raises(ValueError, match="differ in shape"):
        kl_loss(prediction, density[:, 0], EPS)
    with pytest.raises(ValueError, match="differ in shape"):
        nss_loss(prediction, fixated[..., 1:], EPS)


def test_euclidean_loss_is_caffes_over_the_pixels_in_the_predecessors_units() -> None:
    prediction, density, _ = maps()
    output = (255 * prediction.numpy() - 128) / 127
    target = (255 * density.numpy() - 128) / 127
    caffe = ((output - target) ** 2).sum() / (2 * len(output))
    assert euclidean_loss(prediction, density).item() == pytest.approx(caffe / (6 * 8))
    assert euclidean_loss(density, density) == 0
    black_and_white = torch.tensor([0.0, 1.0])
    torch.testing.assert_close(centred(black_and_white), torch.tensor([-128 / 127, 1.0]))
    torch.testing.assert_close(uncentred(centred(density)), density)


def test_euclidean_loss_leaves_out_frames_without_a_density() -> None:
    prediction, density, _ = maps()
    density[1] = 0
    kept = [0, 2]
    torch.testing.assert_close(
        euclidean_loss(prediction, density), euclidean_loss(prediction[kept], density[kept])
    )
    prediction.requires_grad_()
    euclidean_loss(prediction, density).backward()  # type: ignore[no-untyped-call]
    assert prediction.grad is not None
    assert not prediction.grad[1].any()
    assert prediction.grad[0].any()
    assert euclidean_loss(prediction, 0 * density) == 0


def test_euclidean_losses_of_parts_add_up_to_the_whole() -> None:
    prediction, density, fixated = maps()
    count = counted_frames(density, fixated).kl
    parts = [euclidean_loss(prediction[i : i + 1], density[i : i + 1], count) for i in range(3)]
    torch.testing.assert_close(sum(parts), euclidean_loss(prediction, density))


def test_euclidean_loss_refuses_maps_of_another_size() -> None:
    prediction, density, _ = maps()
    with pytest.raises(ValueError, match="differ in shape"):
        euclidean_loss(prediction[..., :4], density)
