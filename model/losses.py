"""The training loss, Eq. (4)-(6).

A frame without fixations has nothing to learn from: it contributes 0 to both terms and is left out
of their means. A constant prediction has a finite loss and a finite gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Terms(NamedTuple):
    """The loss and what it is made of, scalars."""

    total: Tensor
    """Eq. (6)."""
    kl: Tensor
    """Eq. (4), mean over the frames that have a density."""
    nss: Tensor
    """Eq. (5), mean over the frames that have fixations; already negative for a good prediction."""


def saliency_loss(
    prediction: Tensor,
    density: Tensor,
    fixated: Tensor,
    *,
    alpha: float,
    beta: float,
    eps: float,
) -> Terms:
    """Combine both losses: alpha KL + beta NSS, Eq. (6).

    Args:
        prediction: Saliency P [B, 1, H, W], >= 0, of any scale.
        density: Blurred fixations S [B, 1, H, W], >= 0, of any scale.
        fixated: Fixation map F [B, 1, H, W], boolean or 0 and 1.
        alpha: Weight of the KL term; the paper's is 1.
        beta: Weight of the NSS term; the paper's is 0.1.
        eps: Keeps logarithms and divisions finite; see each loss.

    Returns:
        The total and both terms before weighting.

    Raises:
        ValueError: The maps differ in size.
    """
    kl = kl_loss(prediction, density, eps)
    nss = nss_loss(prediction, fixated, eps)
    return Terms(alpha * kl + beta * nss, kl, nss)


def kl_loss(prediction: Tensor, density: Tensor, eps: float) -> Tensor:
    """Kullback-Leibler divergence of the prediction from the density, Eq. (4).

    Both maps are normalised to sum 1. The logarithm is log(eps + S / (P + eps)), as in the MIT
    benchmark, so eps is a probability per pixel. A prediction that sums to less than eps stays so.

    Args:
        prediction: P [B, 1, H, W], >= 0.
        density: S [B, 1, H, W], >= 0. A frame that is 0 everywhere is not counted.
        eps: Regulariser, > 0.

    Returns:
        Mean over the counted frames, in nats; 0 when there is none.

    Raises:
        ValueError: The maps differ in size.
    """
    P, S = per_frame(prediction, density)
    counted = S.sum(dim=1) > 0
    P = P / P.sum(dim=1, keepdim=True).clamp_min(eps)
    S = S / S.sum(dim=1, keepdim=True).clamp_min(eps)
    divergence = (S * torch.log(eps + S / (P + eps))).sum(dim=1)
    return mean_of(divergence, counted)


def nss_loss(prediction: Tensor, fixated: Tensor, eps: float) -> Tensor:
    """Minus the normalised scanpath saliency, Eq. (5).

    The standard deviation is sqrt(var + eps^2), var over n - 1 as in the MIT benchmark, so that a
    constant prediction scores 0.

    Args:
        prediction: P [B, 1, H, W].
        fixated: F [B, 1, H, W], boolean or 0 and 1. A frame without fixations is not counted.
        eps: Standard deviation of a constant prediction, > 0.

    Returns:
        Mean over the counted frames; 0 when there is none.

    Raises:
        ValueError: The maps differ in size.
    """
    P, F = per_frame(prediction, fixated)
    N = F.sum(dim=1)
    variance, mean = torch.var_mean(P, dim=1, keepdim=True)
    normalised = (P - mean) / torch.sqrt(variance + eps**2)
    score = (normalised * F).sum(dim=1) / N.clamp_min(1)
    return mean_of(-score, N > 0)


def per_frame(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Flatten both maps to [B, H*W], in float32 at least.

    Raises:
        ValueError: They differ in size (they would broadcast without a word).
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ in shape"
        )
    dtype = torch.promote_types(prediction.dtype, torch.float32)
    return prediction.flatten(1).to(dtype), target.flatten(1).to(dtype)


def mean_of(values: Tensor, counted: Tensor) -> Tensor:
    """Average the values [B] of the counted frames [B]; 0 with gradient 0 if there is none."""
    return (values * counted).sum() / counted.sum().clamp_min(1)
