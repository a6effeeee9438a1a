"""The two Markov chains of graph-based visual saliency, each solved exactly.

Harel, Koch & Perona, NIPS 2006, Sec. 2.2 and 2.3. Every pixel of a map is a node that is joined to
every other one; a walker goes from i to j with a probability proportional to w(i, j), and the new
map is the walk's stationary distribution. Both chains are reversible, so that no iteration is
needed:

    activation     w(i, j) = d(i, j) F(i, j) is symmetric,   so pi(i) ~ sum_j d(i, j) F(i, j)
    concentration  w(i, j) = A(j) F(i, j), and A(i) w(i, j) is symmetric,
                                                             so pi(i) ~ A(i) sum_j A(j) F(i, j)

(pi(i) P(i, j) = pi(j) P(j, i) in both). The authors iterate to a tolerance; where that converges,
it converges to this.
"""

import torch
from torch import Tensor

EMPTY = 1e-4
"""Range below which a map is empty: rounding errors leave less of a uniform one; our choice."""


def closeness(height: int, width: int, sigma: float) -> Tensor:
    """Return F, exp(-distance^2/(2 sigma^2)) between the nodes of a lattice: [N, N], row by row.

    The unit of height, width and sigma is a node.
    """
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    nodes = torch.stack([y.flatten(), x.flatten()]).float()
    square = ((nodes[:, :, None] - nodes[:, None, :]) ** 2).sum(dim=0)
    return torch.exp(-square / (2 * sigma**2))


def activation(maps: Tensor, near: Tensor) -> Tensor:
    """Return how much nodes differ from near ones: maps [M, N] to [M, N], each summing to 1.

    d(i, j) = |M_i - M_j|; of logarithms it is the paper's |log(M_i/M_j)|. Uniform maps give zeros.
    """
    total = torch.stack([((m[:, None] - m[None, :]).abs_().mul_(near)).sum(dim=1) for m in maps])
    span = maps.amax(dim=1, keepdim=True) - maps.amin(dim=1, keepdim=True)
    return torch.where(span < EMPTY, 0, distribution(total))


def concentration(active: Tensor, near: Tensor) -> Tensor:
    """Concentrate activation [M, N] where it is high: [M, N], each summing to 1, or zeros."""
    return distribution(active * (active @ near))


def distribution(mass: Tensor) -> Tensor:
    """Divide each map of [M, N] by its sum; maps of zeros stay zero."""
    total = mass.sum(dim=1, keepdim=True)
    return torch.where(total > 0, mass / total.clamp(min=torch.finfo(mass.dtype).tiny), 0)
