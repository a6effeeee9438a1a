from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from model.flow import correlation as module
from model.flow.correlation import correlation

# Smaller than a tile, not a multiple of it, exactly one, one row, one column, a batch.
SHAPES = [(1, 3, 5, 3), (2, 3, 9, 21), (1, 4, 8, 8), (3, 2, 1, 17), (1, 5, 11, 1), (2, 7, 16, 24)]
FORMATS = [torch.contiguous_format, torch.channels_last]


def pair(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(shape))
    first, second = torch.randn(2, *shape, generator=generator, dtype=torch.float64).to(dtype)
    return first, second


def direct(first: Tensor, second: Tensor, reach: int = 4) -> Tensor:
    height, width = first.shape[2:]
    padded = pad(second, (reach,) * 4)
    window = range(2 * reach + 1)
    shifted = [padded[:, :, y : y + height, x : x + width] for y in window for x in window]
    return torch.stack([(first * other).mean(dim=1) for other in shifted], dim=1)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_definition(shape: tuple[int, ...], memory_format: torch.memory_format) -> None:
    first, second = (image.contiguous(memory_format=memory_format) for image in pair(shape))
    expected = direct(first, second)
    assert correlation(first, second).shape == (shape[0], 81, *shape[2:])
    torch.testing.assert_close(correlation(first, second), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_other_reaches(reach: int) -> None:
    first, second = pair((2, 3, 9, 21), torch.float64)
    torch.testing.assert_close(correlation(first, second, reach), direct(first, second, reach))


def test_channels_run_down_and_then_right() -> None:
    first, second = torch.zeros(2, 1, 2, 12, 20)
    first[0, :, 6, 9] = torch.tensor([3.0, 1.0])
    second[0, :, 6 + 2, 9 - 3] = torch.tensor([4.0, 2.0])
    volume = correlation(first, second)
    assert volume.nonzero().tolist() == [[0, (2 + 4) * 9 + (-3 + 4), 6, 9]]
    assert volume.max() == (3 * 4 + 1 * 2) / 2


def test_outside_is_zero() -> None:
    ones = torch.ones(1, 4, 6, 10)
    corner = correlation(ones, ones)[0, :, 0, 0].view(9, 9)
    assert (corner[4:, 4:] == 1).all()
    assert corner.sum() == 25


@pytest.mark.parametrize("memory", [1, 1 << 16, 1 << 30])
def test_the_working_memory_changes_nothing(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pair((2, 7, 10, 45), torch.float64)
    gradient = torch.randn(2, 81, 10, 45, dtype=torch.float64)
    expected = gradients(direct, first, second, gradient)
    monkeypatch.setitem(module.WORKING_MEMORY, "cpu", memory)
    torch.testing.assert_close(correlation(first, second), direct(first, second))
    torch.testing.assert_close(gradients(correlation, first, second, gradient), expected)


def gradients(function, first: Tensor, second: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
    inputs = first.clone().requires_grad_(), second.clone().requires_grad_()
    return torch.autograd.grad(function(*inputs), inputs, gradient)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_equal_the_definitions(
    shape: tuple[int, ...], memory_format: torch.memory_format
) -> None:
    first, second = (image.contiguous(memory_format=memory_format) for image in pair(shape))
    gradient = torch.randn(shape[0], 81, *shape[2:]).contiguous(memory_format=memory_format)
    found = gradients(correlation, first, second, gradient)
    expected = gradients(direct, first, second, gradient)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 2, 3, 10), (2, 1, 4, 3)])
def test_gradcheck(shape: tuple[int, ...]) -> None:
    first, second = (image.requires_grad_() for image in pair(shape, torch.float64))
    assert torch.autograd.gradcheck(lambda a, b: correlation(a, b, 2), (first, second))


def test_gradient_of_one_side_alone() -> None:
    first, second = pair((1, 3, 6, 11))
    second.requires_grad_()
    correlation(first, second).sum().backward()
    reference = second.detach().clone().requires_grad_()
    direct(first, reference).sum().backward()
    torch.testing.assert_close(second.grad, reference.grad)
    assert first.grad is None


def test_sixteen_bits_lose_only_the_rounding() -> None:
    first, second = pair((2, 96, 9, 21), torch.bfloat16)
    expected = direct(first.double(), second.double())
    volume = correlation(first, second)
    assert volume.dtype == torch.bfloat16
    torch.testing.assert_close(volume.double(), expected, atol=1e-6, rtol=2**-8)
    gradient = torch.ones(2, 81, 9, 21, dtype=torch.bfloat16)
    found = gradients(correlation, first, second, gradient)
    expected_gradients = gradients(direct, first.double(), second.double(), gradient.double())
    assert [one.dtype for one in found] == [torch.bfloat16] * 2
    for one, reference in zip(found, expected_gradients, strict=True):
        torch.testing.assert_close(one.double(), reference, atol=1e-2, rtol=2**-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_features_type_counts_under_autocast(dtype: torch.dtype) -> None:
    first, second = pair((1, 96, 9, 21), dtype)
    with torch.autocast("cpu", torch.bfloat16):
        volume = correlation(first, second)
    assert volume.dtype == dtype
    assert torch.equal(volume, correlation(first, second))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_gpu_computes_the_same(shape: tuple[int, ...]) -> None:
    first, second = pair(shape, torch.float64)
    gradient = torch.randn(shape[0], 81, *shape[2:], dtype=torch.float64)
    found = gradients(correlation, first.cuda(), second.cuda(), gradient.cuda())
    expected = gradients(direct, first, second, gradient)
    torch.testing.assert_close(
        correlation(first.cuda(), second.cuda()).cpu(), direct(first, second)
    )
    torch.testing.assert_close([one.cpu() for one in found], list(expected))


def test_refuses_features_that_do_not_match() -> None:
    first, second = pair((1, 2, 4, 5))
    with pytest.raises(ValueError, match=r"one shape and type.*\(1, 2, 4, 4\)"):
        correlation(first, second[..., :4])
    with pytest.raises(ValueError, match="float64"):
        correlation(first, second.double())
    with pytest.raises(ValueError, match="0 or more pixels, got -1"):
        correlation(first, second, -1)
