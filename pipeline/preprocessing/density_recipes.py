"""Recipes of fixation densities (Sec. IV-B: "a small Gaussian"; docs/preprocessing.md).

Every recipe but `released` filters point impulses with a filter that is linear and separable, so
it is one table per axis: row p holds the response along the axis to a point on pixel p. The sum
over points is then a product of two matrices, exact for any border rule, without truncation and
without FFT. A recipe that works on the raw video's pixels is resized to the frame grid, which is
linear and separable too: the resizing goes into the table.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.config.data import Dhf1kDensity, GaussianDensity, MatheDensity, MitDensity

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PointDensity: TypeAlias = GaussianDensity | Dhf1kDensity | MatheDensity | MitDensity
"""The recipes that make a density from points."""
Shape: TypeAlias = tuple[int, int]
"""(height, width) in pixels."""
Map: TypeAlias = NDArray[np.float64]

NEGLIGIBLE = 1e-14
"""Modes whose singular value is below this share of the largest are left out of a table."""

UNDERFLOW = 1e-150
"""Entries of a table below this are set to zero."""

FEW, BAND = 32, 48
"""The density of up to FEW points is made in bands of BAND rows, which fit into the cache."""


def resize_matrix(source: int, target: int) -> Map:
    """Matrix [target, source] of antialiased bilinear resizing along one axis; its rows sum to 1.

    Pixel centres are at halves. When shrinking, the triangle widens as the pixels do.
    """
    factor = source / target
    centre = (np.arange(target) + 0.5) * factor - 0.5
    distance = np.abs(np.arange(source) - centre[:, None]) / max(1.0, factor)
    weight = np.maximum(0.0, 1.0 - distance)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


@lru_cache(maxsize=16)
def _resizing(source: int, target: int) -> csr_array[np.float64]:
    """`resize_matrix` without its zeros, of which it mostly consists."""
    # A third of this module's import, and Gaussians need no resizing.
    from scipy.sparse import csr_array

    return csr_array(resize_matrix(source, target))


def resized(picture: Map, grid: Shape) -> Map:
    """Resize a map [y, x] to another grid, antialiased."""
    if picture.shape[0] != grid[0]:
        picture = np.asarray(_resizing(picture.shape[0], grid[0]) @ picture)
    if picture.shape[1] != grid[1]:
        picture = np.asarray(_resizing(picture.shape[1], grid[1]) @ picture.T).T
    return picture


def _gaussian(size: int, sigma: float, shift: float = 0.0) -> Map:
    pixel = np.arange(size)
    return np.asarray(np.exp(-0.5 * ((pixel - pixel[:, None] - shift) / sigma) ** 2))


def _replicating(size: int, settings: MatheDensity) -> Map:
    """Matlab's imfilter(..., fspecial('gaussian', taps, sigma), 'replicate')."""
    taps = np.arange(settings.taps)
    weight = np.exp(-0.5 * ((taps - (settings.taps - 1) / 2) / settings.sigma) ** 2)
    pixel = np.arange(size)[:, None]
    table = np.zeros((size, size))
    source = np.clip(pixel + taps - settings.anchor, 0, size - 1)
    np.add.at(table, (source, pixel), weight / weight.sum())
    return table


def _low_pass(size: int, longer: int, cutoff: float) -> Map:
    """The MIT benchmark's antonioGaussian: circular, padded to a power of two above both axes.

    `cutoff` is in cycles per padded image, at half of the amplitude.
    """
    period = 1 << (longer - 1).bit_length()
    frequency = np.arange(period) - period // 2
    transfer = np.exp(-(frequency**2) * np.log(2) / cutoff**2)
    kernel = np.fft.ifft(np.fft.ifftshift(transfer)).real
    pixel = np.arange(size)
    return np.asarray(kernel[(pixel - pixel[:, None]) % period])


def _response(settings: PointDensity, size: int, longer: int) -> Map:
    match settings:
        case GaussianDensity():
            return _gaussian(size, settings.sigma)
        case Dhf1kDensity():
            sigma = settings.fwhm / (2 * np.sqrt(2 * np.log(2)))
            return _gaussian(size, sigma, settings.shift)
        case MatheDensity():
            return _replicating(size, settings)
        case MitDensity():
            return _low_pass(size, longer, settings.cutoff)


def factors(table: Map) -> tuple[Map, Map]:
    """Return two factors [point, mode] and [mode, pixel] of a table.

    A smooth filter has few modes: 70 of 480 for a sigma of 20 pixels.
    """
    left, values, right = np.linalg.svd(table, full_matrices=False)
    count = int(np.count_nonzero(values > NEGLIGIBLE * values[0]))
    root = np.sqrt(values[:count])
    return np.ascontiguousarray(left[:, :count] * root), right[:count] * root[:, None]


@lru_cache(maxsize=8)
def _axis(settings: PointDensity, size: int, longer: int, target: int) -> tuple[Map, Map, Map]:
    """A recipe along one axis: its table [point, pixel] and the factors of that."""
    table = _response(settings, size, longer)
    if size != target:
        table = table @ resize_matrix(size, target).T
    # Products of two smaller values would be denormal numbers, with which processors are slow.
    table = np.where(np.abs(table) < UNDERFLOW, 0.0, table)
    return table, *factors(table)


def _product(down: Map, across: Map) -> Map:
    """down.T @ across, divided by its maximum.

    With few points memory takes the time, not multiplication: the maximum of each band is taken
    while the cache holds the band, and the last bands, which it still holds, are divided first.
    """
    height = down.shape[1]
    band = BAND if len(down) <= FEW else height
    density = np.empty((height, across.shape[1]))
    bands = [density[top : top + band] for top in range(0, height, band)]
    highest = 0.0
    for i, rows in enumerate(bands):
        np.matmul(down[:, i * band : (i + 1) * band].T, across, out=rows)
        highest = max(highest, float(rows.max()))
    for rows in reversed(bands):
        _divide(rows, highest)
    return density


def _divide(density: Map, highest: float | None = None) -> Map:
    """Divide a density by its maximum, in place; one that is zero everywhere stays as it is."""
    highest = density.max() if highest is None else highest
    if highest > 0:
        # It takes a third of a division's time; the maximum is 1 but for the last bit.
        density *= 1.0 / highest
    return density


def _superposed(settings: PointDensity, pixels: NDArray[np.int32], shape: Shape, on: Shape) -> Map:
    """Sum of the responses to all points of a picture of `shape`, on the grid `on`; maximum 1."""
    rows, columns = pixels[:, 0], pixels[:, 1]
    vertical, at_row, down = _axis(settings, shape[0], max(shape), on[0])
    horizontal, at_column, across = _axis(settings, shape[1], max(shape), on[1])
    # More points than modes: adding up the modes first takes fewer multiplications.
    if len(pixels) > max(len(down), len(across)):
        density = _product(down, at_row[rows].T @ at_column[columns] @ across)
        # Modes cancel to within rounding, and a negative density has no KL divergence.
        ringing = isinstance(settings, MitDensity)
        return density if ringing else np.maximum(density, 0.0, out=density)
    return _product(vertical[rows], horizontal[columns])


def _distinct(pixels: NDArray[np.int32], shape: Shape) -> NDArray[np.int32]:
    """Each pixel [n, (y, x)] once, row by row."""
    indices = np.unique(np.ravel_multi_index((pixels[:, 0], pixels[:, 1]), shape))
    return np.stack(np.unravel_index(indices, shape), axis=1).astype(np.int32)


def quantised(density: Map) -> Map:
    """Round a density of maximum 1 to the 256 grey levels of an 8-bit file, half up."""
    return np.asarray(np.floor(255 * density + 0.5) / 255)


def density_map(
    pixels: NDArray[np.int32], shape: Shape, settings: PointDensity, grid: Shape | None = None
) -> Map:
    """Return the density [y, x] of points by a recipe: maximum 1, or zero without points.

    The pixels [n, (y, x)] are of a picture of `shape`, which is the raw video's for all recipes but
    `gaussian`, and the frame grid for that one. The density lies on `grid`, which None makes equal
    to `shape`.
    """
    grid = grid or shape
    if not len(pixels):
        return np.zeros(grid)
    if isinstance(settings, MatheDensity):
        levels = quantised(_superposed(settings, _distinct(pixels, shape), shape, shape))
        return _divide(resized(levels, grid))
    if settings.repeats == "once":
        pixels = _distinct(pixels, shape)
    return _superposed(settings, pixels, shape, grid)


def released_map(picture: NDArray[np.generic], grid: Shape) -> Map:
    """Resize a distributed map [y, x] to the frame grid and divide it by its maximum."""
    return _divide(resized(picture.astype(np.float64), grid))
