"""Resizing against Pillow and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.evaluation.metrics.resizing import resized


@pytest.mark.parametrize("shape", [(60, 90), (15, 17), (30, 40)])
def test_bicubic_is_pillows_away_from_the_border(shape):
    field = gaussian_filter(np.random.default_rng(0).random((30, 40)), 1).astype(np.float32)
    picture = Image.fromarray(field).resize(shape[::-1], Image.Resampling.BICUBIC)
    inner = slice(6, -6)
    got = resized(field, shape)[inner, inner]
    np.testing.assert_allclose(got, np.asarray(picture)[inner, inner], atol=1e-5)


@pytest.mark.parametrize("shape", [(60, 90), (15, 17), (30, 40)])
def test_bilinear_without_antialias_is_opencvs(shape):
    field = np.random.default_rng(0).random((30, 40))
    got = resized(field, shape, kernel="bilinear", antialias=False)
    expected = cv2.resize(field, shape[::-1], interpolation=cv2.INTER_LINEAR)
    # OpenCV repeats the border pixel, which for this kernel is the mirrored one.
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
def test_resizing_keeps_a_constant(kernel):
    np.testing.assert_allclose(resized(np.full((9, 7), 0.3), (4, 20), kernel=kernel), 0.3)
