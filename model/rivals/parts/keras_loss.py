"""The terms of ACLNet's and STRA-Net's training losses, as their authors' programs compute them.

They divide a prediction by its maximum first. Maps are [M, 1, H, W], predictions and targets on the
same grid. Terms are means over the frames whose density is not 0 everywhere, the others count
nowhere; the programs sum over them, a factor that Adam's steps do not depend on.
"""

import torch
from torch import Tensor

from model.losses import mean_of, per_frame
from model.rivals.parts.view import View

EPS = 1e-7
"""Keras's epsilon, which the programs add to what they divide by and take logarithms of."""


def targets(density: Tensor, fixated: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return both targets of another size, in a letterbox; a fixation stays one pixel of 1."""
    view = View(size=size, fit="letterbox", resizing="antialiased")
    (height, width), (H, W) = size, fixated.shape[-2:]
    inner = view.inner((H, W))
    frames, _, y, x = fixated.nonzero(as_tuple=True)
    y = (y * (inner[0] / H)).round().long().clamp_max(inner[0] - 1) + (height - inner[0]) // 2
    x = (x * (inner[1] / W)).round().long().clamp_max(inner[1] - 1) + (width - inner[1]) // 2
    placed = torch.zeros(len(fixated), 1, height, width, dtype=density.dtype, device=density.device)
    placed[frames, 0, y, x] = 1
    return view.framed(density), placed


def kl(prediction: Tensor, density: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of both maps with sums of 1."""
    P, S = _shares(prediction, density)
    return _mean((S * torch.log(S / (P + EPS) + EPS)).sum(dim=1), density)


def cc(prediction: Tensor, density: Tensor) -> Tensor:
    """Return minus Pearson's correlation.

    The maps have sums of 1; each sum of squares grows by the epsilon, which is not negligible for
    flat maps: the score of a perfect prediction is a little below 1.
    """
    P, S = _shares(prediction, density)
    covariance = (P * S).sum(dim=1) - P.sum(dim=1) * S.sum(dim=1) / P.shape[1]
    spread = torch.sqrt(_spread(P) * _spread(S))
    return -_mean(covariance / (spread + EPS), density)


def nss(prediction: Tensor, density: Tensor, fixated: Tensor) -> Tensor:
    """Return minus the normalised scanpath saliency."""
    P, F = per_frame(prediction, fixated)
    P = P / (P.amax(dim=1, keepdim=True) + EPS)
    variance, mean = torch.var_mean(P, dim=1, keepdim=True, correction=0)
    # The square root of 0 has no gradient, and a map without spread no scanpath to learn from.
    normalised = (P - mean) / (variance.clamp_min(EPS**2).sqrt() + EPS)
    score = (normalised * F).sum(dim=1) / F.sum(dim=1).clamp_min(1)
    return -_mean(score, density)


def sim(prediction: Tensor, density: Tensor) -> Tensor:
    """Return minus the similarity, the sum of the smaller shares."""
    P, S = _shares(prediction, density)
    return -_mean(torch.minimum(P, S).sum(dim=1), density)


def _shares(prediction: Tensor, density: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps [M, H*W] with sums of 1; a density of 0 everywhere stays 0."""
    P, S = per_frame(prediction, density)
    P = P / (P.amax(dim=1, keepdim=True) + EPS)
    return tuple(maps / (maps.sum(dim=1, keepdim=True) + EPS) for maps in (P, S))  # type: ignore


def _spread(shares: Tensor) -> Tensor:
    """Squared deviations from the mean, summed, and the epsilon."""
    return shares.square().sum(dim=1) + EPS - shares.sum(dim=1).square() / shares.shape[1]


def _mean(values: Tensor, density: Tensor) -> Tensor:
    return mean_of(values, (density.flatten(1) > 0).any(dim=1), None)
