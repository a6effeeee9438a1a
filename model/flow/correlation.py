"""The cost volume of optical-flow networks: how alike each pixel and its surroundings are.

Without a compiled extension, the usual ways copy the search window of each pixel (unfold), sample
once per displacement (grid_sample) or read the features once per displacement (a loop of shifts).
Here all of it is one batched matrix product. A tile is ``TILE`` pixels of a row; the pixels that
any of them may be compared with are a strip of 2r+1 rows and TILE+2r columns. Tile times strip has
a diagonal band for each row of the strip, and the bands are the cost volume. Strips overlap from
row to row, so they are strides over one buffer, not copies.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE = 8
"""Pixels of a tile. The share (2r+1) / (TILE+2r) of its product with a strip is used."""

WORKING_MEMORY = {"cpu": 1 << 20, "cuda": 1 << 28}
"""Bytes of products at a time: on a CPU what fits its cache, elsewhere enough to keep it busy."""


class Tiling(NamedTuple):
    """How images [B, H, W, C] are cut: into columns of tiles, TILE pixels wide.

    A column has the rows of all images of the batch, each image padded by 2r rows.
    """

    batch: int
    height: int
    width: int
    reach: int

    @property
    def columns(self) -> int:
        """Number of tiles in a row of pixels."""
        return -(-self.width // TILE)

    @property
    def rows(self) -> int:
        """Number of rows of one image, with the padding above and below it."""
        return self.height + 2 * self.reach

    @property
    def span(self) -> int:
        """Number of pixels of a strip in a row."""
        return TILE + 2 * self.reach

    @property
    def side(self) -> int:
        """Number of displacements in a row or column of the search window."""
        return 2 * self.reach + 1

    def tiles(self, image: Tensor) -> Tensor:
        """Cut an image [B, H, W, C] into tiles [columns, B * rows, TILE, C].

        Rows beyond the image's own are zeros, so that one stride serves the whole batch.
        """
        shape = (self.columns, self.batch, self.rows, TILE, image.shape[-1])
        tiles = image.new_zeros(shape, dtype=working_type(image))
        for column, pixels in enumerate(torch.split(image, TILE, dim=2)):
            tiles[column, :, : self.height, : pixels.shape[2]] = pixels
        return tiles.flatten(1, 2)

    def strips(self, image: Tensor) -> Tensor:
        """View an image [B, H, W, C] as strips [columns, B * rows, side * span, C].

        A tile's strip holds the pixels that it is compared with; outside the image are zeros.
        """
        channels, reach, span = image.shape[-1], self.reach, self.span
        rows = self.batch * self.rows
        # The last strips reach beyond the last row: 2r more rows, as if of one more column.
        shape = (self.columns * rows + 2 * reach, span, channels)
        buffer = image.new_zeros(shape, dtype=working_type(image))
        grid = buffer[: self.columns * rows].view(self.columns, self.batch, self.rows, span, -1)
        inside = grid[:, :, reach : reach + self.height]
        for column in range(self.columns):
            left = column * TILE - reach
            start, stop = max(left, 0), min(left + span, self.width)
            inside[column, :, :, start - left : stop - left] = image[:, :, start:stop]
        row = span * channels
        return buffer.as_strided(
            (self.columns, rows, self.side * span, channels), (rows * row, row, channels, 1)
        )

    def bands(self, products: Tensor) -> Tensor:
        """View products [n, TILE, side * span] as the bands [n, TILE, side, side] inside them."""
        row = self.side * self.span
        return products.as_strided(
            (products.shape[0], TILE, self.side, self.side),
            (TILE * row, row + 1, self.span, 1),
        )

    def portions(self, tiles: Tensor) -> range:
        """Return the first columns of portions that fit into the working memory."""
        size = self.batch * self.rows * TILE * self.side * self.span * tiles.element_size()
        limit = WORKING_MEMORY.get(tiles.device.type, WORKING_MEMORY["cuda"])
        return range(0, self.columns, max(1, limit // size))

    def put(self, image: Tensor, column: int, tiles: Tensor) -> None:
        """Write tiles [n * B * rows, TILE, ...] from a column on into [B, H, columns * TILE, C]."""
        values = tiles.reshape(-1, self.batch, self.rows, TILE, *tiles.shape[2:])
        place = image.view(self.batch, self.height, self.columns, TILE, *tiles.shape[2:])
        order = (1, 2, 0, *range(3, values.dim()))
        place[:, :, column : column + len(values)] = values[:, :, : self.height].permute(order)


def working_type(image: Tensor) -> torch.dtype:
    """Return the type to multiply in; small matrices of 16 bit are slow on a CPU."""
    half = image.dtype in (torch.bfloat16, torch.float16)
    return torch.float32 if half and image.device.type == "cpu" else image.dtype


def own_types(device: str) -> AbstractContextManager[object]:
    """Return a context in which autocast does not undo the choice of `working_type`."""
    available = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if available else nullcontext()


def compare(first: Tensor, second: Tensor, reach: int) -> Tensor:
    """Compute the cost volume [B, H, W, side * side] of two images [B, H, W, C]."""
    batch, height, width, channels = first.shape
    tiling = Tiling(batch, height, width, reach)
    tiles, strips = tiling.tiles(first), tiling.strips(second).transpose(2, 3)
    volume = first.new_empty(batch, height, tiling.columns * TILE, tiling.side**2)
    portions = tiling.portions(tiles)
    for column in portions:
        portion = slice(column, column + portions.step)
        a, b = tiles[portion].flatten(0, 1), strips[portion].flatten(0, 1)
        # With beta 0 the first argument is not looked at.
        products = torch.baddbmm(a.new_empty(()), a, b, beta=0, alpha=1 / channels)
        tiling.put(volume, column, tiling.bands(products))
    return volume[:, :, :width]


def gather(weights: Tensor, image: Tensor, reach: int) -> Tensor:
    """Return the weighted sum of each pixel's surroundings in [B, H, W, C], over C.

    Weights are [B, H, W, side, side], one for each pixel and displacement.
    """
    batch, height, width, channels = image.shape
    tiling = Tiling(batch, height, width, reach)
    strips = tiling.strips(image)
    tiles = tiling.tiles(weights.flatten(3))
    sums = image.new_empty(batch, height, tiling.columns * TILE, channels)
    portions = tiling.portions(strips)
    for column in portions:
        portion = slice(column, column + portions.step)
        a, b = tiles[portion].flatten(0, 1), strips[portion].flatten(0, 1)
        products = b.new_zeros(len(a), TILE, b.shape[1])
        bands = tiling.bands(products)
        bands.copy_(a.view(bands.shape))
        tiling.put(sums, column, torch.bmm(products, b) / channels)
    return sums[:, :, :width]


def reversed_displacements(weights: Tensor, reach: int) -> Tensor:
    """View weights [B, H, W, side, side] of pixel p and displacement d as those of p+d and -d."""
    batch, height, width, side, _ = weights.shape
    padded = weights.new_zeros(batch, height + 2 * reach, width + 2 * reach, side, side)
    padded[:, reach : reach + height, reach : reach + width] = weights
    image, row, column, down, right = padded.stride()
    return padded.as_strided(
        weights.shape,
        (image, row, column, row - down, column - right),
        (side - 1) * (down + right),
    )


class Correlation(torch.autograd.Function):
    """Computes the cost volume and its gradient; only the features are saved for that."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, reach: int) -> Tensor:
        """Compute the cost volume; see `correlation`."""
        ctx.save_for_backward(first, second)
        ctx.reach = reach
        with own_types(first.device.type):
            volume = compare(first.permute(0, 2, 3, 1), second.permute(0, 2, 3, 1), reach)
        return volume.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Return the gradients of both features from that of the volume [B, side * side, H, W]."""
        first, second = (image.permute(0, 2, 3, 1) for image in ctx.saved_tensors)
        reach, side = ctx.reach, 2 * ctx.reach + 1
        batch, _, height, width = gradient.shape
        weights = gradient.permute(0, 2, 3, 1).reshape(batch, height, width, side, side)
        of_first = of_second = None
        if ctx.needs_input_grad[0]:
            of_first = gather(weights, second, reach).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            mirrored = reversed_displacements(weights, reach)
            of_second = gather(mirrored, first, reach).permute(0, 3, 1, 2)
        return of_first, of_second, None


def correlation(first: Tensor, second: Tensor, reach: int = 4) -> Tensor:
    """Return the cost volume: each pixel of the first features times those around it in the second.

    Of features [B, C, H, W] it is [B, (2 * reach + 1)^2, H, W], in channels_last memory: at channel
    (dy + reach) * (2 * reach + 1) + (dx + reach), the order of the released CUDA layer, the mean
    over channels of first[y, x] * second[y + dy, x + dx]. Outside of the second are zeros; the
    reach is the largest displacement down and to the right, pixels.

    Raises:
        ValueError: The shapes or types of the two differ, or the reach is negative.
    """
    if first.shape != second.shape or first.dtype != second.dtype or first.dim() != 4:
        raise ValueError(
            f"expected two features [B, C, H, W] of one shape and type, got {tuple(first.shape)}"
            f" {first.dtype} and {tuple(second.shape)} {second.dtype}"
        )
    if reach < 0:
        raise ValueError(f"the reach must be 0 or more pixels, got {reach}")
    return Correlation.apply(first, second, reach)  # type: ignore[no-any-return, no-untyped-call]
