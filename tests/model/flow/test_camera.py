from __future__ import annotations

import torch

from model.flow.camera import camera_motion, inverse


def affine(height: int, width: int) -> torch.Tensor:
    """A pan, a zoom and a turn, [1, 2, height, width]."""
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    return torch.stack([3 + 2 * x - 0.5 * y, -1 + 0.5 * x + 2 * y])[None]


def test_what_moves_by_itself_is_no_part_of_the_camera() -> None:
    field = affine(36, 48)
    flow = field.clone()
    flow[:, 0, 5:20, 10:25] += 8
    flow[:, 1, 5:20, 10:25] -= 5
    found = camera_motion(flow, 0.5)
    assert (found - field).abs().max() < 0.1
    alone = flow - found
    assert alone[:, :, 6:19, 11:24].norm(dim=1).min() > 9


def test_a_camera_alone_leaves_nothing_and_stillness_stays_zero() -> None:
    field = affine(18, 24)
    torch.testing.assert_close(camera_motion(field, 1.0), field, atol=1e-4, rtol=1e-4)
    assert camera_motion(torch.zeros(2, 2, 18, 24), 1.0).abs().max() == 0


def test_the_inverse_is_the_inverse() -> None:
    torch.manual_seed(0)
    root = torch.randn(5, 3, 3, dtype=torch.float64)
    matrix = root @ root.mT + torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(inverse(matrix), torch.linalg.inv(matrix))
