"""The camera's share of optical flow: what a pan, a zoom or a turn does to the whole picture."""

import torch
from torch import Tensor

ROUNDS = 3
"""Fits, each of which trusts less what departed from the one before. On drawn scenes the third is
within 0.03 of the spread of the eighth, on average."""


def camera_motion(flow: Tensor, spread: float) -> Tensor:
    """Return the affine motion [B, 2, H, W] that most of a flow field [B, 2, H, W] follows.

    Iteratively reweighted least squares with Cauchy weights (Black and Anandan, CVIU 1996, fit
    parametric motion in this way): a pixel that departs by `spread`, in the flow's unit, counts
    half. What moves by itself over less than about half of the picture hardly counts.
    """
    height, width = flow.shape[-2:]
    y = torch.linspace(-1, 1, height, dtype=flow.dtype, device=flow.device)[:, None]
    x = torch.linspace(-1, 1, width, dtype=flow.dtype, device=flow.device)
    grid = torch.stack(
        [torch.ones(height, width).to(flow), x.expand(height, -1), y.expand(-1, width)]
    )
    basis = grid.flatten(1)  # [3, pixels]
    field = flow.flatten(2)
    weight = torch.ones_like(field[:, :1])
    fitted = torch.zeros_like(field)
    for _ in range(ROUNDS):
        normal = torch.einsum("bp,ip,jp->bij", weight[:, 0], basis, basis)
        moments = torch.einsum("bcp,ip->bci", field * weight, basis)
        fitted = torch.einsum("bcj,jp->bcp", moments @ inverse(normal), basis)
        away = (field - fitted).square().sum(1, keepdim=True)
        weight = 1 / (1 + away / spread**2)
    return fitted.view_as(flow)


def inverse(matrix: Tensor) -> Tensor:
    """Return the inverses of symmetric matrices [B, 3, 3], by cofactors, which ONNX can express."""
    (a, b, c), (_, d, e), (_, _, f) = (row.unbind(-1) for row in matrix.unbind(-2))
    cofactors = [
        [d * f - e * e, c * e - b * f, b * e - c * d],
        [c * e - b * f, a * f - c * c, b * c - a * e],
        [b * e - c * d, b * c - a * e, a * d - b * b],
    ]
    determinant = a * cofactors[0][0] + b * cofactors[0][1] + c * cofactors[0][2]
    rows = torch.stack([torch.stack(row, -1) for row in cofactors], -2)
    return rows / determinant[:, None, None]
