"""The training losses: Eq. (4)-(6), and the predecessor's Euclidean loss.

Maps are [B, 1, H, W]: the prediction P, >= 0, and the density S of the fixations, >= 0, both of any
scale, and the fixation map F, boolean or 0 and 1; maps that differ in size raise ValueError. A
frame without fixations teaches nothing: it contributes 0 to both terms and does not count in their
means, which are over `count` frames, by default those of the batch that count, and 0 if none does.
A constant prediction has a finite loss and a finite gradient.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Terms(NamedTuple):
    """The loss and its two terms, scalars."""

    total: Tensor
    """Eq. (6)."""
    kl: Tensor
    """Eq. (4), mean over the frames that have a density."""
    nss: Tensor
    """Eq. (5), mean over the frames that have fixations; already negative for a good prediction."""


class Counts(NamedTuple):
    """Number of frames that each term is a mean over, scalars."""

    kl: Tensor
    """Frames that have a density."""
    nss: Tensor
    """Frames that have fixations."""


def counted_frames(density: Tensor, fixated: Tensor) -> Counts:
    """Count the frames that the terms are means over."""
    return Counts(*((maps.flatten(1) > 0).any(dim=1).sum() for maps in (density, fixated)))


def saliency_loss(
    prediction: Tensor,
    density: Tensor,
    fixated: Tensor,
    *,
    alpha: float,
    beta: float,
    eps: float,
    counts: Counts | None = None,
) -> Terms:
    """Return alpha KL + beta NSS, Eq. (6), and both terms before weighting.

    The paper's alpha is 1, its beta 0.1; eps keeps logarithms and divisions finite, see each loss.
    If these frames are a part of a batch, `counts` are those of the whole batch; the terms of all
    parts then add up to those of the whole.
    """
    kl = kl_loss(prediction, density, eps, None if counts is None else counts.kl)
    nss = nss_loss(prediction, fixated, eps, None if counts is None else counts.nss)
    return Terms(alpha * kl + beta * nss, kl, nss)


def kl_loss(prediction: Tensor, density: Tensor, eps: float, count: Tensor | None = None) -> Tensor:
    """Return the Kullback-Leibler divergence of the prediction from the density, Eq. (4).

    Both maps are normalised to sum 1. The logarithm is log(eps + S / (P + eps)), as in the MIT
    benchmark, so eps > 0 is a probability per pixel. Maps that sum to less than eps are divided by
    eps. The mean, in nats, is over the frames whose density is not 0 everywhere.
    """
    P, S = per_frame(prediction, density)
    counted = S.sum(dim=1) > 0
    P = P / P.sum(dim=1, keepdim=True).clamp_min(eps)
    S = S / S.sum(dim=1, keepdim=True).clamp_min(eps)
    divergence = (S * torch.log(eps + S / (P + eps))).sum(dim=1)
    return mean_of(divergence, counted, count)


def nss_loss(
    prediction: Tensor, fixated: Tensor, eps: float, count: Tensor | None = None
) -> Tensor:
    """Return minus the normalised scanpath saliency, Eq. (5).

    The standard deviation is sqrt(var + eps^2), var over n - 1 as in the MIT benchmark, so that a
    constant prediction, of standard deviation eps > 0, scores 0.
    """
    P, F = per_frame(prediction, fixated)
    N = F.sum(dim=1)
    variance, mean = torch.var_mean(P, dim=1, keepdim=True)
    normalised = (P - mean) / torch.sqrt(variance + eps**2)
    score = (normalised * F).sum(dim=1) / N.clamp_min(1)
    return mean_of(-score, N > 0, count)


def density_loss(log_density: Tensor, density: Tensor, fixated: Tensor, *, eps: float) -> Tensor:
    """Return KL - 0.1 NSS - 0.1 CC of predicted densities, each a mean over the frames with gaze.

    The loss of UNISAL (Droste et al., ECCV 2020, Sec. 3.4), of natural logarithms of densities
    whose sum is 1; the divergence is of the density from the prediction. `eps` is the standard
    deviation of a constant map whose peak is 1, which keeps NSS and CC finite.
    """
    found, S = per_frame(log_density, density)
    counted = S.sum(1) > 0
    shares = S / S.sum(1, keepdim=True).clamp_min(eps)
    kl = (torch.xlogy(shares, shares) - shares * found).sum(1)
    P = torch.exp(found - found.detach().amax(1, keepdim=True))
    cc = correlation(P, shares * shares.shape[1], eps)
    nss = nss_loss(P, fixated.flatten(1), eps)  # minus NSS
    return mean_of(kl, counted, None) + 0.1 * nss - 0.1 * mean_of(cc, counted, None)


def correlation(P: Tensor, S: Tensor, eps: float) -> Tensor:
    """Return the linear correlation of maps [B, pixels], 0 if one is constant."""
    P, S = P - P.mean(1, keepdim=True), S - S.mean(1, keepdim=True)
    deviations = (P.square().mean(1) + eps**2).sqrt() * (S.square().mean(1) + eps**2).sqrt()
    return (P * S).mean(1) / deviations


def per_frame(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Flatten both maps to [B, H*W], in float32 at least.

    Raises:
        ValueError: The maps differ in shape; torch would broadcast them silently.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ in shape"
        )
    dtype = torch.promote_types(prediction.dtype, torch.float32)
    return prediction.flatten(1).to(dtype), target.flatten(1).to(dtype)


def mean_of(values: Tensor, counted: Tensor, count: Tensor | None) -> Tensor:
    """Return the sum of the counted frames' values [B] over their number; 0 if none counts."""
    return (values * counted).sum() / (counted.sum() if count is None else count).clamp_min(1)


MIDDLE, RANGE = 128.0, 127.0
"""Grey level that is 0 to the predecessor's networks, and the grey levels from there to 1."""


def centred(density: Tensor) -> Tensor:
    """Convert a density in 0..1 to the unit of the predecessor's networks: (255 d - 128) / 127."""
    return (255 * density - MIDDLE) / RANGE


def uncentred(output: Tensor) -> Tensor:
    """Convert the output of the predecessor's networks to a density in 0..1."""
    return (RANGE * output + MIDDLE) / 255


def euclidean_loss(prediction: Tensor, density: Tensor, count: Tensor | None = None) -> Tensor:
    """Return half the squared difference of both maps (predecessor, Sec. 3.1), in its unit.

    Caffe's is 1/(2N) times the sum over pixels and N frames. This is the mean over pixels, so that
    a learning rate holds at any size: at 640x480 Caffe's is 307,200 times as large. The density is
    in 0..1, the prediction may go beyond; a frame whose density is 0 everywhere is not counted.
    """
    P, S = per_frame(prediction, density)
    error = 0.5 * (centred(P) - centred(S)).square().mean(dim=1)
    return mean_of(error, S.sum(dim=1) > 0, count)
