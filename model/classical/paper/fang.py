"""Spatial and temporal saliency, each weighted by how uncertain the other is.

Fang, Wang, Lin and Fang, "Video saliency incorporating spatiotemporal cues and uncertainty
weighting", TIP 2014, from the paper's description: its equations are given here from memory and
were compared with no program of the authors, so a row of a table that this model measures says so.

Spatial (as in Fang et al., TIP 2012). A frame is cut into blocks of 8x8 pixels. Luminance, two
chromas (the blocks' means) and texture (low-frequency DCT coefficients of luminance) each give

    S(i) = sum over j of exp(-l_ij^2 / (2 sigma^2)) |f_i - f_j|

with l_ij the distance of blocks i and j; the four maps, each scaled to 0..1, are averaged.

Temporal. The same sum over motion vectors gives the speed v of a block relative to the rest, to
which motion of the background adds nothing. Human perception of speed (Stocker and Simoncelli 2006)
has the prior p(v) = k / v^a, so motion carries the information -log p(v) = a log v + b, which is
the temporal saliency.

Uncertainty, of the spatial map by two laws of Gestalt. Proximity: a block at distance d from the
map's centre of mass is salient with p = exp(-(d / d0)^2). Continuity: one with c salient blocks
among its eight neighbours with p = exp(-((c - 8) / c0)^2). U_s = H(p_d) + H(p_c) with the entropy H
of a yes or no. Of the temporal map as in Wang and Li, JOSA A 2007: U_t = log v_g - g log c + h, so
it grows with the motion v_g of the background and falls with the local contrast c.

    S = (U_t S_s + U_s S_t) / (U_s + U_t)

As remembered: block size, sigma of 20 blocks, nine coefficients, g = 2.5, h = 2.25 and the
constants of the contrast. The form of the two laws, c0 = 4 and d0 = 92 pixels are those of a
program that a student of the first author published; that its pixels are of a frame 352 wide, and
the use of the centre of mass where it takes the maximum, are our choices. So are: v_g and v as
1 + v/v0, so that rest is finite, and v0 itself; a and b, which scaling S_t to 0..1 removes; the
median flow as the background's motion; the threshold of a salient block; U_t clipped and scaled to
U_s's range of 0..2 bits, as the two have different units; the spatial map alone where nothing moves
relative to the rest, as in a still image, because weighted against an empty map it would lose its
peaks of high contrast; the working width; maps of a block's resolution, enlarged bilinearly, where
the paper may work on pixels.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.classical.resize import resized
from model.outputs import Maps

LEVEL = 1e-4
"""Contrasts whose range is below this share of full scale are rounding errors, not a pattern."""
NEIGHBOURS = 8
"""Blocks around a block."""


class Fang(nn.Module):
    """Fuses centre-surround differences of blocks in space and in motion by their uncertainty.

    Args:
        motion: Whether there is a temporal part; without it the map is the spatial one.
        width: Width of the working grid, pixels, a multiple of `block`; the height follows.
        block: Side of a block in pixels; the paper: 8.
        coefficients: DCT coefficients of a block, after the mean, that describe its texture.
        sigma: Standard deviation of the Gaussian of distance, in blocks.
        proximity: d0 as a fraction of the frame's width.
        continuity: c0, in neighbours.
        salient: A block is salient above this multiple of its map's mean.
        speed: v0 in pixels of the working grid per frame.
        contrast_gain: g, the weight of log contrast in U_t.
        contrast_offset: h, the value of U_t at rest and full contrast.
    """

    basis: Tensor

    def __init__(
        self,
        *,
        motion: bool,
        width: int,
        block: int,
        coefficients: int,
        sigma: float,
        proximity: float,
        continuity: float,
        salient: float,
        speed: float,
        contrast_gain: float,
        contrast_offset: float,
    ) -> None:
        super().__init__()
        if width % block:
            raise ValueError(f"width: expected a multiple of block, {block}, got {width}")
        self.sees_motion = motion
        self.width = width
        self.block = block
        self.sigma = sigma
        self.proximity = proximity
        self.continuity = continuity
        self.salient = salient
        self.speed = speed
        self.contrast_gain = contrast_gain
        self.contrast_offset = contrast_offset
        # One more: the first coefficient is the mean.
        basis = dct_basis(block, coefficients + 1)[:, None]
        self.register_buffer("basis", basis, persistent=False)

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict from frames [B, 3, H, W] and their flow [B, 2, H, W], or None of still images."""
        size = frame.shape[-2:]
        rows = max(2, round(self.width * size[0] / size[1] / self.block))
        small = resized(frame, (rows * self.block, self.width))
        saliency = self.spatial(small)
        if self.sees_motion and flow is not None:
            vectors = resized(flow, saliency.shape[-2:]) * (self.width / size[1])
            saliency = self.fused(saliency, vectors, small)
        return Maps(resized(saliency, size).clamp(min=0))

    def fused(self, spatial: Tensor, vectors: Tensor, frame: Tensor) -> Tensor:
        """Return S [B, 1, h, w] of S_s [B, 1, h, w], flow [B, 2, h, w] and frames [B, 3, H, W]."""
        temporal, background = self.temporal(vectors)
        doubt = self.spatial_uncertainty(spatial)
        other = self.temporal_uncertainty(background, frame)
        both = (other * spatial + doubt * temporal) / (doubt + other)
        moves = temporal.amax(dim=(-2, -1), keepdim=True) > 0
        return torch.where(moves, both, spatial)

    def spatial(self, frame: Tensor) -> Tensor:
        """Return S_s in 0..1, a value per block [B, 1, h, w], of frames [B, 3, H, W]."""
        luminance, *chromas = components(frame)
        coefficients = functional.conv2d(luminance, self.basis, stride=self.block) / self.block
        means = [functional.avg_pool2d(chroma, self.block) for chroma in chromas]
        features = [coefficients[:, :1], *means, coefficients[:, 1:]]
        weights = nearness(coefficients, self.sigma)
        maps = [unit_range(surround_contrast(one, weights)) for one in features]
        return unit_range(torch.stack(maps).mean(dim=0))

    def temporal(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return S_t in 0..1 [B, 1, h, w] and v_g [B, 1, 1, 1] of the blocks' flow [B, 2, h, w]."""
        relative = surround_contrast(vectors, nearness(vectors, self.sigma))
        background = vectors.flatten(2).median(dim=2).values.norm(dim=1)
        return unit_range(torch.log1p(relative / self.speed)), background.view(-1, 1, 1, 1)

    def spatial_uncertainty(self, saliency: Tensor) -> Tensor:
        """Return U_s in 0..2 bits [B, 1, h, w] of S_s."""
        far = distance_from_centre(saliency) / self.proximity
        near = torch.exp(-(far**2))
        mean = saliency.mean(dim=(-2, -1), keepdim=True)
        salient = (saliency > self.salient * mean).to(saliency.dtype)
        around = functional.avg_pool2d(salient, 3, 1, 1, divisor_override=1) - salient
        connected = torch.exp(-(((around - NEIGHBOURS) / self.continuity) ** 2))
        return binary_entropy(near) + binary_entropy(connected)

    def temporal_uncertainty(self, background: Tensor, frame: Tensor) -> Tensor:
        """Return U_t scaled to 0..2 [B, 1, h, w] of v_g and the contrast of frames [B, 3, H, W]."""
        contrast = perceived_contrast(components(frame)[0], self.block)
        largest = self.contrast_offset - self.contrast_gain * math.log(FAINTEST)
        motion = torch.log1p(background / self.speed)
        doubt = motion - self.contrast_gain * contrast.log() + self.contrast_offset
        # 2 bits is the largest U_s: two entropies of a yes or no.
        return 2 * (doubt / largest).clamp(max=1)


def components(frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return luminance and two chromas (Rec. 601), each [B, 1, H, W], of frames [B, 3, H, W]."""
    r, g, b = frame[:, 0:1], frame[:, 1:2], frame[:, 2:3]
    # Rec. 601: weights of luminance, and factors that bring the chromas to -0.5..0.5.
    luminance = 0.299 * r + 0.587 * g + 0.114 * b
    return luminance, 0.564 * (b - luminance), 0.713 * (r - luminance)


def dct_basis(block: int, count: int) -> Tensor:
    """Return the first DCT-II patterns [count, block, block], orthonormal, in zigzag order.

    Raises:
        ValueError: A block has fewer than ``count``.
    """
    if count > block**2:
        raise ValueError(f"a block of {block}x{block} has {block**2} coefficients, not {count}")
    position = (torch.arange(block) + 0.5) * math.pi / block
    waves = torch.cos(torch.arange(block)[:, None] * position) * math.sqrt(2 / block)
    waves[0] /= math.sqrt(2)
    # Diagonals alternate in direction, as JPEG counts coefficients.
    cells = [(y, x) for y in range(block) for x in range(block)]
    cells.sort(key=lambda cell: (sum(cell), cell[0] if sum(cell) % 2 else cell[1]))
    return torch.stack([waves[y][:, None] * waves[x] for y, x in cells[:count]])


def nearness(blocks: Tensor, sigma: float) -> Tensor:
    """Return weights [h * w, h * w] between blocks of [B, C, h, w] by distance; 0 for itself."""
    height, width = blocks.shape[-2:]
    y = torch.arange(height, dtype=blocks.dtype, device=blocks.device).repeat_interleave(width)
    x = torch.arange(width, dtype=blocks.dtype, device=blocks.device).repeat(height)
    squared = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    return torch.exp(-squared / (2 * sigma**2)).fill_diagonal_(0)


def surround_contrast(features: Tensor, weights: Tensor) -> Tensor:
    """Return differences [B, 1, h, w] of features [B, C, h, w] from others, weighted by nearness.

    They are divided by the largest sum of weights of any block, so they are in the features' unit,
    and blocks at the frame's edge, with fewer others near, have less, as in the paper's sum.
    """
    batch, channels, height, width = features.shape
    vectors = features.flatten(2).transpose(1, 2).contiguous()
    if channels == 1:
        differences = (vectors - vectors.transpose(1, 2)).abs()
    else:
        # Through matrix products, equal features would be up to 1e-3 apart.
        differences = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    summed = torch.einsum("bij,ij->bi", differences, weights) / weights.sum(dim=1).max()
    return summed.view(batch, 1, height, width)


def unit_range(maps: Tensor) -> Tensor:
    """Shift and scale each map of [B, 1, h, w] to 0..1; a map without contrast becomes 0."""
    low, high = (limit(maps, dim=(-2, -1), keepdim=True) for limit in (torch.amin, torch.amax))
    extent = high - low
    return torch.where(extent > LEVEL, (maps - low) / extent.clamp(min=LEVEL), 0.0)


def distance_from_centre(saliency: Tensor) -> Tensor:
    """Return the distance [B, 1, h, w] from each map's centre of mass, in widths of the map."""
    height, width = saliency.shape[-2:]
    y = torch.arange(height, dtype=saliency.dtype, device=saliency.device).view(1, 1, -1, 1)
    x = torch.arange(width, dtype=saliency.dtype, device=saliency.device).view(1, 1, 1, -1)
    # A map of zeros has its centre in the middle.
    mass = saliency + torch.finfo(saliency.dtype).eps
    total = mass.sum(dim=(-2, -1), keepdim=True)
    middles = ((mass * axis).sum(dim=(-2, -1), keepdim=True) / total for axis in (y, x))
    dy, dx = (axis - middle for axis, middle in zip((y, x), middles, strict=True))
    return (dy**2 + dx**2).sqrt() / width


def binary_entropy(probability: Tensor) -> Tensor:
    """Return the entropy, in bits, of an event of this probability."""
    missed = 1 - probability
    return -(torch.xlogy(probability, probability) + torch.xlogy(missed, missed)) / math.log(2)


FAINTEST = 0.01
"""The least perceived contrast, so that the logarithm stays finite; our choice."""
DARKEST, SATURATION, SLOPE = 6 / 255, 0.05, 2
"""Constants of Wang and Li's contrast: mu_0 (theirs is 6 of 255 levels), phi and kappa."""


def perceived_contrast(luminance: Tensor, block: int) -> Tensor:
    """Return the contrast in 0.01..1 [B, 1, h, w] of blocks of luminance in 0..1 [B, 1, H, W].

    It is 1 - exp(-(c / phi)^kappa), with c the standard deviation over mean plus mu_0.
    """
    mean = functional.avg_pool2d(luminance, block)
    variance = functional.avg_pool2d(luminance**2, block) - mean**2
    relative = variance.clamp(min=0).sqrt() / (mean + DARKEST)
    return (1 - torch.exp(-((relative / SATURATION) ** SLOPE))).clamp(min=FAINTEST)
