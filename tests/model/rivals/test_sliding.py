from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv3d, max_pool3d

from model.rivals.parts.s3d import Inception, Pool, Separable
from model.rivals.parts.sliding import Centre, Columns, Convolution, Maximum, OverTime, Slide


def columns(clip: Tensor) -> Columns:
    """A clip [B, C, T, H, W] as one window."""
    return Columns.of_clip(clip.permute(2, 0, 1, 3, 4), clip.shape[2], Slide(1))


def clip_of(window: Columns) -> Tensor:
    return window.maps.unflatten(0, (window.length, window.batch)).permute(1, 2, 0, 3, 4)


CLIP = torch.randn(2, 5, 16, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(7, 2, 3), (3, 1, 1), (2, 2, 0), (1, 1, 0)])
def test_convolution_is_torchs_with_its_gradients(shape: tuple[int, int, int]) -> None:
    _, step, margin = shape
    layer = Convolution(5, 4, *shape)
    clips = [CLIP.clone().requires_grad_() for _ in range(2)]
    ours = clip_of(layer(columns(clips[0])))
    kernel = layer.weight.detach()[..., None].clone().requires_grad_()
    theirs = conv3d(clips[1], kernel, stride=(step, 1, 1), padding=(margin, 0, 0))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    torch.testing.assert_close(clips[0].grad, clips[1].grad, atol=1e-4, rtol=1e-4)
    assert layer.weight.grad is not None and kernel.grad is not None
    torch.testing.assert_close(layer.weight.grad, kernel.grad[..., 0], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3, 2, 1), (3, 1, 1), (2, 2, 0), (4, 4, 0)])
def test_maximum_is_torchs(shape: tuple[int, int, int]) -> None:
    size, step, margin = shape
    theirs = max_pool3d(CLIP - 9, (size, 1, 1), (step, 1, 1), (margin, 0, 0))
    assert clip_of(Maximum(*shape)(columns(CLIP - 9))).equal(theirs)


@pytest.mark.parametrize("stride", [1, 2])
def test_pool_is_torchs(stride: int) -> None:
    assert clip_of(Pool(stride)(columns(CLIP))).equal(max_pool3d(CLIP, 3, stride, 1))


LAYERS = {
    "one": lambda: [Convolution(4, 4, 3, 1, 1)],
    "stride": lambda: [Convolution(4, 4, 7, 2, 3), Centre(), Maximum(3, 2, 1)],
    "even": lambda: [Maximum(2, 2), Convolution(4, 4, 3, 1, 1), Maximum(4, 4)],
    "blocks": lambda: [Separable(4, 4, 3), Inception(4, 1, 2, 2, 2, 2, 2), Pool(2), Centre()],
    "deep": lambda: [Convolution(4, 4, 3, 1, 1), Maximum(3, 2, 1), *(Centre() for _ in range(9))],
}


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_windows_that_slide_are_windows_that_stand(name: str) -> None:
    length, count = 24, 13
    layers = nn.Sequential(*LAYERS[name]()).eval()
    last = Maximum(1, whole=True)
    frames = torch.randn(length + count - 1, 2, 4, 5, 6)
    slide = Slide(count)
    for slide.number in range(count):
        sliding = last(layers(Columns.of_clip(frames, length, slide)))
        standing = layers(Columns.of_clip(frames[slide.number :], length, Slide(1)))
        torch.testing.assert_close(sliding.maps, standing.maps, atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_a_column_is_computed_once() -> None:
    counted: list[int] = []

    class Counting(Maximum):
        def column(self, seen: object) -> Tensor:
            counted.append(slide.number)
            return super().column(seen)  # type: ignore[arg-type]

    slide, layer = Slide(20), Counting(7, 2, 3)
    for slide.number in range(20):
        layer(Columns.of_clip(torch.rand(51, 1, 1, 2, 2), 32, slide))
    # 16 of each of the two phases, and then two at the start, one in the middle, one at the end.
    assert [counted.count(n) for n in range(20)] == [16, 16, *[4] * 18]


@torch.no_grad()
def test_what_is_kept_does_not_grow() -> None:
    layer: OverTime = Maximum(7, 2, 3)
    held = []
    slide = Slide(60)
    for slide.number in range(60):
        layer(Columns.of_clip(torch.rand(91, 1, 1, 2, 2), 32, slide))
        held.append(len(slide.kept[layer]))
    assert max(held) == 32 and held[-1] < 32
