"""TASED-Net (Min and Corso, ICCV 2019): S3D, and a decoder that puts values where maxima were.

The network of the authors' program, "updated" since the paper; the paper's own is not public.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, max_unpool2d

from model.arguments import at_width, check_sides, pick
from model.classical.gaussian import blurred
from model.losses import per_frame
from model.outputs import Maps
from model.released import Released, Source
from model.rivals.parts.s3d import S3D, STRIDE, batch_norm, layouts_of, through
from model.rivals.parts.sliding import Columns, Convolution, Maximum, Slide, side_by_side
from model.rivals.parts.view import View
from model.sight import Sight

WINDOW = 32
"""Frames that the network sees; the map is of the last. Its layers over time leave one of them."""
EPSILON = 2.0**-52
"""The smallest step above 1 of a double, which keeps the authors' loss finite."""
PIXELS = 100_000
"""Of so many pixels, windows are decoded at once. Many small ones share a reading of the weights;
of large ones, memory that is new to the processor costs more than that."""
HEAD_RATE = 100.0
"""Rate of the decoder, 0.1, over that of the trunk, 0.001 (the authors' program)."""


class TASEDNet(nn.Module):
    """S3D on 32 frames, and a decoder that enlarges with the places of the encoder's maxima.

    Of several windows at once, one frame apart, it computes only once what they share
    (`model.rivals.parts.sliding`); in training each window stands alone.

    Args:
        size: Height and width that the network sees, pixels, multiples of 32; the authors'
            program has 224 and 384.
        width: Factor of all numbers of channels; the authors' network has 1.
        backbone: The trunk's name; for its weights see load_backbone.
        blur: Standard deviation of a Gaussian over predictions, but not in training, pixels of
            what the network sees; the authors' program has one of 7. 0: none.
    """

    sight = Sight(before=WINDOW - 1, edge="reverse", together=32)

    def __init__(
        self, *, size: tuple[int, int], width: float, backbone: Literal["s3d"], blur: float
    ) -> None:
        super().__init__()
        pick("backbone", backbone, {"s3d": S3D})
        check_sides(torch.empty(0, 0, *size, device="meta"), STRIDE, "choose another size")
        self.view = View(size=size, gain=2.0, mean=(1.0, 1.0, 1.0))
        self.core, self.blur = TASEDCore(width=width), blur

    def forward(self, clip: Tensor, flow: Tensor | None = None, state: None = None) -> Maps:
        """Predict the frames of RGB clips [B, T, 3, H, W] in [0, 1] that have 31 before them."""
        batch, size = len(clip), (clip.shape[-2], clip.shape[-1])
        seen: Tensor = self.view(clip.flatten(0, 1))
        maps: Tensor = self.core(seen.view(batch, -1, *seen.shape[1:]))
        maps = maps.flatten(0, 1)
        if self.blur and not self.training:
            maps = blurred(maps, self.blur)
        return Maps(self.view.back(maps, size).view(batch, -1, 1, *size))

    def segments(self) -> list[nn.Module]:
        """Return the blocks of the trunk."""
        return self.core.trunk.segments()

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the trunk from torchvision's S3D on Kinetics-400.

        Raises:
            ValueError: The weights are not this trunk's.
        """
        self.core.trunk.load_kinetics(state_dict)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the trunk, and the decoder at a hundred times its rate (the authors' program)."""
        return [
            {"params": [*self.core.trunk.parameters()], "rate": 1.0},
            {"params": [*self.core.decoder.parameters()], "rate": HEAD_RATE},
        ]

    def authors_loss(self, maps: Maps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return the divergence of the maps from the densities (the authors' program).

        Each is divided by its sum over the whole batch, not over a frame: a frame weighs as much
        as its density sums to.
        """
        P, S = per_frame(maps.saliency, density)
        counted = S.sum(dim=1) > 0
        P, S = P[counted], S[counted]
        if not len(S):
            return maps.saliency.sum() * 0
        P, S = P / P.sum(), S / S.sum()
        return (S * torch.log(EPSILON + S / (P + EPSILON))).sum()

    def released(self) -> Released:
        """Return what is known of `TASED_updated.pt`."""
        layouts = layouts_of(self.core)
        return Released(
            format="torch",
            tensors={
                f"core.{key}": Source(key.split(".", 1)[1], layout)
                for key, layout in layouts.items()
            },
        )


class TASEDCore(nn.Module):
    """The network on frames of its own size, [B, T, 3, h, w] in -1..1, to maps [B, N, 1, h, w]."""

    def __init__(self, *, width: float) -> None:
        super().__init__()
        self.trunk = S3D(width=width)
        self.decoder = Decoder(self.trunk.channels, width=width)
        self.peaks = nn.ModuleList(Maximum(4, 4, whole=True) for _ in range(2))

    def forward(self, clip: Tensor) -> Tensor:
        """Predict every frame that has 31 before it."""
        batch, count = len(clip), clip.shape[1] - WINDOW + 1
        if self.training and count > 1:
            # Normalisations in training weigh every window's features, shared or not.
            windows = clip.unfold(1, WINDOW, 1).movedim(-1, 2)
            alone: Tensor = self(windows.flatten(0, 1))
            return alone.view(batch, count, *alone.shape[2:])
        frames = clip.transpose(0, 1)
        together = max(1, PIXELS // (clip.shape[-2] * clip.shape[-1]))
        slide = Slide(count)
        maps: list[Tensor] = []
        for start in range(0, count, together):
            parts = []
            for slide.number in range(start, min(start + together, count)):
                window = Columns.of_clip(frames, WINDOW, slide)
                first, second, block = self.trunk.shared(window)
                parts.append((self.peaks[0](first), self.peaks[1](second), block))
            first, second, block = map(side_by_side, zip(*parts, strict=True))
            maps += torch.chunk(self.map_of(first, second, block), len(parts))
        return torch.stack(maps, dim=1)

    def map_of(self, first: Columns, second: Columns, block: Columns) -> Tensor:
        """Predict the last frame of each window, [B, 1, h, w], from what `shared` returns.

        Of the first and the second level, it gets the maxima over four times.
        """
        levels = self.trunk(block)
        places = [max_pool2d(one.maps, 3, 2, 1, return_indices=True)[1] for one in (second, first)]
        found: Tensor = self.decoder(levels.fourth, [levels.cells, *places])
        return found


class Decoder(nn.Module):
    """From the trunk's last features to a map in 0..1."""

    def __init__(self, channels: Sequence[int], *, width: float) -> None:
        super().__init__()
        first, second, third, fourth = channels
        few, fewer = at_width(64, width), 4
        # The first is no transposed convolution: released_shape is the same, its axes are not.
        self.convtsp1 = nn.Sequential(
            *(nn.Conv2d(fourth, fourth, 1, bias=False), batch_norm(fourth), nn.ReLU(inplace=True)),
            *enlarged(fourth, third, 3),
        )
        self.convtsp2 = nn.Sequential(*enlarged(third, second, 3))
        self.convtsp3 = nn.Sequential(*enlarged(second, first, 3))
        self.convtsp4 = nn.Sequential(
            *enlarged(first, few, 4),
            *(Convolution(few, few, 2, 2), batch_norm(few), nn.ReLU(inplace=True)),
            *enlarged(few, fewer, 1),
            *(Convolution(fewer, fewer, 2, 2), batch_norm(fewer), nn.ReLU(inplace=True)),
            nn.ConvTranspose2d(fewer, fewer, 4, 2, 1, bias=False),
            nn.Conv2d(fewer, 1, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Columns, places: list[Tensor]) -> Tensor:
        """Predict [B, 1, h, w] from four times of features and the places of maxima.

        Those of the smallest map come first.
        """
        for part, at in zip((self.convtsp1, self.convtsp2, self.convtsp3), places, strict=True):
            features = features.each(part)
            # Contiguous: where two maxima have one place, the later stays, as in the authors' run.
            values, at = features.maps.contiguous(), at.contiguous()
            features = features._replace(maps=max_unpool2d(values, at, [2, 2]))
        return through(self.convtsp4, features).maps


def enlarged(inputs: int, outputs: int, side: int) -> list[nn.Module]:
    """A transposed convolution, normalised, above 0; one of 4 pixels doubles height and width."""
    stride, padding = (2, 1) if side == 4 else (1, side // 2)
    convolution = nn.ConvTranspose2d(inputs, outputs, side, stride, padding, bias=False)
    return [convolution, batch_norm(outputs), nn.ReLU(inplace=True)]
