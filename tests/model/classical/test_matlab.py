"""MATLAB's image functions against direct definitions and against the resize of the metrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.classical.matlab import disk, gaussian, imfilter, imresize, mat2gray, rgb2gray
from pipeline.evaluation.metrics.resizing import resized as of_the_metrics

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(24, 32), (7, 5), (90, 40), (31, 47)])
def test_bicubic_is_that_of_the_metrics(size: tuple[int, int]) -> None:
    picture = RANDOM.random((31, 47))
    found = imresize(torch.from_numpy(picture).float()[None, None], size)[0, 0]
    np.testing.assert_allclose(found, of_the_metrics(picture, size), atol=2e-6)


def test_bilinear_by_hand() -> None:
    line = torch.tensor([0.0, 1.0, 4.0, 9.0]).view(1, 1, 1, 4)
    # Halved: weights 1/8, 3/8, 3/8, 1/8; beyond the border the first and the last pixel again.
    found = imresize(line, (1, 2), "triangle").flatten().tolist()
    assert found == pytest.approx([(0 + 0 + 3 * 1 + 4) / 8, (1 + 3 * 4 + 3 * 9 + 9) / 8])


def test_even_filters_have_their_centre_before_the_middle() -> None:
    point = torch.zeros(1, 1, 9, 9)
    point[..., 4, 4] = 1
    taps = torch.arange(16.0).view(4, 4)
    found = imfilter(point, taps)[0, 0]
    # out(y) = sum of taps(k) in(y + k - 1), with k from 0: the last tap falls two before the point.
    for y in range(9):
        for x in range(9):
            ky, kx = 4 - y + 1, 4 - x + 1
            inside = 0 <= ky < 4 and 0 <= kx < 4
            assert found[y, x] == (taps[ky, kx] if inside else 0)
    assert imfilter(torch.ones(1, 1, 3, 3), torch.ones(3, 3))[0, 0].tolist()[0] == [4, 6, 4]


def test_disk_has_the_area_of_a_circle() -> None:
    taps = disk(3)
    assert taps.sum() == pytest.approx(1)
    # A pixel that lies inside as a whole has 1/(9 pi) of the circle.
    assert taps[3, 3] == pytest.approx(1 / (9 * np.pi), rel=1e-3)
    assert taps[0, 0] == 0 < taps[0, 3] < taps[3, 3]


def test_gaussian_and_grey_and_range() -> None:
    taps = gaussian(8, 3.0)
    assert taps.sum() == pytest.approx(1)
    assert taps[0, 3] / taps[3, 3] == pytest.approx(np.exp(-(3.5**2 - 0.5**2) / 18))
    grey = rgb2gray(torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1)).item()
    assert grey == pytest.approx(0.2989 + 0.5870 / 2 + 0.1140 / 4)
    maps = torch.tensor([[1.0, 1.0], [2.0, 4.0]]).view(2, 1, 1, 2)
    assert mat2gray(maps).flatten().tolist() == [0, 0, 0, 1]


def test_what_is_kept_has_values_after_a_network_of_shapes_alone() -> None:
    with torch.device("meta"):
        assert imresize(torch.zeros(1, 1, 37, 53), (11, 17)).is_meta
        kernels = [gaussian(5, 1.7), disk(4)]
    assert not any(kernel.is_meta for kernel in kernels)
    found = imresize(torch.ones(1, 1, 37, 53), (11, 17))
    torch.testing.assert_close(found, torch.ones(1, 1, 11, 17))
