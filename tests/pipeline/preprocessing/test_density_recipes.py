"""Density recipes: against direct definitions, written down without tables or matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate2d

from pipeline.config.data import Density
from pipeline.preprocessing.density_recipes import (
    density_map,
    factors,
    released_map,
    resize_matrix,
    resized,
)

GRID = (480, 640)
TAPS, SIGMA = 150, 20.0


def recipe(**settings: Any) -> Any:
    return TypeAdapter(Density).validate_python(settings)


def gaussian(sigma: float, repeats: str = "each") -> Any:
    return recipe(recipe="gaussian", sigma=sigma, repeats=repeats)


def mathe(anchor: int = 74) -> Any:
    return recipe(recipe="mathe_release", taps=TAPS, sigma=SIGMA, anchor=anchor)


RECIPES = [
    gaussian(20.0),
    recipe(recipe="dhf1k", fwhm=30.0, shift=2.0, repeats="each"),
    mathe(),
    recipe(recipe="mit", cutoff=8.0, repeats="each"),
]


def points(count: int, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Random pixels (y, x), some twice, the first four in the corners."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, shape, (count, 2)).astype(np.int32)
    corners = [(y, x) for y in (0, shape[0] - 1) for x in (0, shape[1] - 1)]
    pixels[: min(count, 4)] = corners[:count]
    pixels[count - count // 4 :] = pixels[: count // 4]
    return pixels


def counted(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    counts = np.zeros(shape)
    np.add.at(counts, tuple(pixels.T), 1.0)
    return counts


def summed(pixels: np.ndarray, shape: tuple[int, int], sigma: float, shift: float) -> np.ndarray:
    """A Gaussian of two variables a point, over the whole picture."""
    row, column = np.indices(shape)
    total = np.zeros(shape)
    for y, x in pixels:
        total += np.exp(-((row - y - shift) ** 2 + (column - x - shift) ** 2) / (2 * sigma**2))
    return total / total.max()


def low_passed(pixels: np.ndarray, shape: tuple[int, int], cutoff: float) -> np.ndarray:
    """real(ifft2(fft2(img, n, n) .* fftshift(gf))), cropped."""
    n = 2
    while n < max(shape):
        n *= 2
    fx, fy = np.meshgrid(np.arange(-n / 2, n / 2), np.arange(-n / 2, n / 2))
    transfer = np.exp(-(fx**2 + fy**2) / (cutoff / math.sqrt(math.log(2))) ** 2)
    spectrum = np.fft.fft2(counted(pixels, shape), (n, n)) * np.fft.fftshift(transfer)
    blurred = np.fft.ifft2(spectrum).real[: shape[0], : shape[1]]
    return blurred / blurred.max()


def fspecial() -> np.ndarray:
    """fspecial('gaussian', 150, 20) along one axis, not normalised."""
    return np.array([math.exp(-((k - 74.5) ** 2) / (2 * SIGMA**2)) for k in range(TAPS)])


def padded(pixels: np.ndarray, shape: tuple[int, int], anchor: int) -> np.ndarray:
    """The fixated map, its border repeated as far as the filter reaches."""
    fixated = (counted(pixels, shape) > 0).astype(float)
    return np.pad(fixated, (anchor, TAPS - 1 - anchor), mode="edge")


def levels(filtered: np.ndarray) -> np.ndarray:
    return np.floor(255 * filtered / filtered.max() + 0.5).astype(int)


def imfilter(pixels: np.ndarray, shape: tuple[int, int], anchor: int) -> np.ndarray:
    """imfilter(fixated, fspecial('gaussian', 150, 20), 'replicate') in grey levels."""
    kernel = np.outer(fspecial(), fspecial())
    return levels(correlate2d(padded(pixels, shape, anchor), kernel, mode="valid"))


def imfilter_by_axis(pixels: np.ndarray, shape: tuple[int, int], anchor: int) -> np.ndarray:
    """The same, row by row and column by column, for larger pictures."""
    picture = padded(pixels, shape, anchor)
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(picture, TAPS, axis=axis)
        picture = windows @ fspecial()
    return levels(picture)


def grey(density: np.ndarray) -> np.ndarray:
    rounded = np.rint(255 * density)
    np.testing.assert_allclose(255 * density, rounded, atol=1e-9)
    return rounded.astype(int)


# 300 points are more than the modes of a table, 12 are fewer: two orders of multiplication.
@pytest.mark.parametrize("count", [1, 12, 300])
@pytest.mark.parametrize("sigma", [5.0, 20.0, 38.0])
def test_gaussian_is_the_untruncated_sum(count: int, sigma: float) -> None:
    pixels = points(count, GRID)
    found = density_map(pixels, GRID, gaussian(sigma))
    np.testing.assert_allclose(found, summed(pixels, GRID, sigma, 0.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", [12, 300, 12_000])
def test_a_density_is_nowhere_negative(count: int) -> None:
    """Looks at one side of a picture: at the other one, rounding is all there is."""
    pixels = points(count, (480, 200))
    assert density_map(pixels, GRID, gaussian(19.0)).min() >= 0


def test_gaussian_is_scipys_filter_with_a_zero_border() -> None:
    pixels = points(12, (60, 80))
    blurred = gaussian_filter(counted(pixels, (60, 80)), 4.0, mode="constant", truncate=20)
    found = density_map(pixels, (60, 80), gaussian(4.0))
    np.testing.assert_allclose(found, blurred / blurred.max(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", [12, 300])
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_dhf1k_is_the_sum_at_video_resolution(count: int, shift: float) -> None:
    video = (360, 640)
    pixels = points(count, video)
    settings = recipe(recipe="dhf1k", fwhm=30.0, shift=shift, repeats="each")
    expected = summed(pixels, video, 30.0 / math.sqrt(8 * math.log(2)), shift)
    found = density_map(pixels, video, settings)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    stretched = resize_matrix(360, 480) @ expected
    found = density_map(pixels, video, settings, GRID)
    np.testing.assert_allclose(found, stretched / stretched.max(), rtol=0, atol=1e-12)


def test_dhf1k_is_half_as_high_half_a_width_away_and_shifted_right_and_down() -> None:
    settings = recipe(recipe="dhf1k", fwhm=30.0, shift=2.0, repeats="each")
    found = density_map(np.array([[50, 70]], np.int32), (100, 160), settings)
    assert np.unravel_index(found.argmax(), found.shape) == (52, 72)
    assert found[52 + 15, 72] == pytest.approx(0.5, abs=1e-12)
    assert found[52, 72 - 15] == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("count", [1, 4, 12, 300])
def test_mathe_release_is_matlabs_filter_in_every_grey_level(count: int) -> None:
    pixels, shape = points(count, (60, 80)), (60, 80)
    np.testing.assert_array_equal(
        grey(density_map(pixels, shape, mathe())), imfilter(pixels, shape, 74)
    )


@pytest.mark.parametrize("shape", [(360, 640), (480, 720)])
@pytest.mark.parametrize("count", [12, 300])
def test_mathe_release_at_video_size(shape: tuple[int, int], count: int) -> None:
    pixels = points(count, shape)
    np.testing.assert_array_equal(
        grey(density_map(pixels, shape, mathe())), imfilter_by_axis(pixels, shape, 74)
    )


def test_mathe_release_with_another_anchor_is_another_map() -> None:
    pixels, shape = points(12, (60, 80)), (60, 80)
    other = grey(density_map(pixels, shape, mathe(anchor=75)))
    np.testing.assert_array_equal(other, imfilter(pixels, shape, 75))
    assert np.abs(other - imfilter(pixels, shape, 74)).max() >= 4


def test_mathe_release_is_quantised_before_it_is_resized() -> None:
    pixels, video = points(12, (90, 120)), (90, 120)
    picture = Image.fromarray(imfilter(pixels, video, 74).astype(np.float32))
    expected = np.asarray(picture.resize((80, 60), Image.Resampling.BILINEAR))
    found = density_map(pixels, video, mathe(), (60, 80))
    np.testing.assert_allclose(found, expected / expected.max(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [1, 12, 300])
@pytest.mark.parametrize("shape", [(480, 640), (360, 640), (512, 256), (97, 33)])
def test_mit_is_the_fourier_formula(count: int, shape: tuple[int, int]) -> None:
    pixels = points(count, shape)
    found = density_map(pixels, shape, recipe(recipe="mit", cutoff=8.0, repeats="each"))
    np.testing.assert_allclose(found, low_passed(pixels, shape, 8.0), rtol=0, atol=1e-12)


def test_mit_keeps_the_ripples_of_a_filter_too_sharp_for_its_pixels() -> None:
    pixels, shape = points(3, (30, 40)), (30, 40)
    found = density_map(pixels, shape, recipe(recipe="mit", cutoff=40.0, repeats="each"))
    assert found.min() < -1e-3
    np.testing.assert_allclose(found, low_passed(pixels, shape, 40.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", RECIPES, ids=lambda settings: settings.recipe)
def test_resizing_in_the_table_is_resizing_the_map(settings: Any) -> None:
    pixels, video, grid = points(12, (96, 130)), (96, 130), (60, 80)
    at_video = density_map(pixels, video, settings).astype(np.float32)
    picture = Image.fromarray(at_video).resize((80, 60), Image.Resampling.BILINEAR)
    expected = np.asarray(picture)
    found = density_map(pixels, video, settings, grid)
    np.testing.assert_allclose(found, expected / expected.max(), rtol=0, atol=1e-5)
    assert found.max() == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("settings", RECIPES, ids=lambda settings: settings.recipe)
def test_no_point_no_density(settings: Any) -> None:
    found = density_map(np.empty((0, 2), np.int32), (36, 64), settings, (48, 64))
    np.testing.assert_array_equal(found, np.zeros((48, 64)))


@pytest.mark.parametrize("settings", RECIPES, ids=lambda settings: settings.recipe)
def test_repeated_points_count_as_the_recipe_says(settings: Any) -> None:
    once = np.array([[10, 12], [40, 70]], np.int32)
    thrice = np.concatenate([once, once[1:], once[1:]])
    expected = density_map(once, (60, 90), settings)
    if settings.recipe == "mathe_release":
        np.testing.assert_array_equal(density_map(thrice, (60, 90), settings), expected)
        return
    assert np.abs(density_map(thrice, (60, 90), settings) - expected).max() > 0.3
    settings = settings.model_copy(update={"repeats": "once"})
    found = density_map(thrice, (60, 90), settings)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("sigma", "modes"), [(20.0, 80), (2.0, 480)])
def test_the_modes_of_a_table_make_the_table(sigma: float, modes: int) -> None:
    pixel = np.arange(480)
    table = np.exp(-0.5 * ((pixel - pixel[:, None]) / sigma) ** 2)
    left, right = factors(table)
    assert left.shape[1] == right.shape[0] <= modes
    np.testing.assert_allclose(left @ right, table, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("source", "target"), [(640, 480), (480, 640), (1280, 640), (37, 480), (641, 100), (5, 1)]
)
def test_resizing_is_pillows(source: int, target: int) -> None:
    picture = np.random.default_rng(0).random((source, source + 3)).astype(np.float32)
    expected = Image.fromarray(picture).resize((target + 2, target), Image.Resampling.BILINEAR)
    found = resized(picture.astype(np.float64), (target, target + 2))
    np.testing.assert_allclose(found, np.asarray(expected), rtol=0, atol=1e-5)
    np.testing.assert_allclose(resize_matrix(source, target).sum(axis=1), 1.0, atol=1e-12)


def test_resizing_to_the_same_size_changes_nothing() -> None:
    picture = np.random.default_rng(0).random((7, 9))
    np.testing.assert_array_equal(resize_matrix(9, 9), np.eye(9))
    np.testing.assert_array_equal(resized(picture, (7, 9)), picture)


def test_a_released_map_keeps_its_levels() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    found = released_map(picture, (3, 4))
    np.testing.assert_allclose(found, picture / 220, rtol=0, atol=1e-15)
    assert picture.max() == 220
    np.testing.assert_array_equal(released_map(np.zeros((3, 4), np.uint8), (6, 8)), 0.0)
