"""STRA-Net: two residual streams that meet densely, attention at three depths, a ConvGRU, priors.

Lai, Wang, Sun, Shen, "Video Saliency Prediction Using Spatiotemporal Residual Attentive Networks",
IEEE TIP 2020. What the paper leaves open is as in the authors' program, for Keras 2.2.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from model.arguments import at_width, pick
from model.classical.gaussian import blurred
from model.released import Released, Source
from model.rivals.parts.dilated_resnet import STRIDE, DilatedResNet, Names, Normalisation, layers
from model.rivals.parts.keras import (
    Sources,
    affine,
    convolution,
    glorot,
    letterbox,
    recurrent,
    running,
)
from model.rivals.parts.keras_loss import EPS, cc, kl, nss, sim, targets
from model.rivals.parts.legacy_resize import legacy_resized
from model.rivals.parts.recurrent import ConvGRU
from model.rivals.parts.view import resized
from model.sight import Sight, State

FLOWS = 5
"""Fields of flow that the motion stream sees: the frame's and those of the four after it."""
STILL, FAST = 0.1, 20.0
"""Flow below which it counts as 0, as noise, and that to which it is cut off, pixels."""
PRIORS = 16
"""Learned Gaussians."""
RANGES = ((0.25, 0.75), (0.35, 0.65), (0.1, 0.9), (0.2, 0.8))
"""Bounds of a prior's mu_x, mu_y, sigma_x, sigma_y, in widths of the picture."""


class ResidualMaps(NamedTuple):
    """The saliency map [B, N, 1, H, W] and what the loss is computed on."""

    saliency: Tensor
    """The prediction on the frames' grid, in 0..1."""
    own: Tensor
    """The same on the network's grid, [B, N, 1, h, w], with any bars."""
    sides: Tensor
    """Maps of the appearance stream at its three depths, in 0..1, [B, N, 3, h/8, w/8]."""
    masks: Tensor
    """The attention at these depths, whose places add up to 1, [B, N, 3, h/8, w/8]."""


class STRANet(nn.Module):
    """Streams, attention, ConvGRU and priors (Sec. III).

    The state goes through a whole video, as in the authors' program, which predicts runs of five.

    Args:
        backbone: The streams' trunks; it is the authors'.
        size: Height and width that the network sees, both 224 in the authors' program; frames
            stand in it with black bars.
        width: Factor of the number of channels of every layer; the published one is 1.
        flow_resize: How a field of flow gets the network's size. `authors`: its first values, row
            by row, wrapped into rows of another length, as NumPy's `resize` does and the released
            weights expect; `bilinear`: the picture of the flow.
        flow_scale: Factors of the flow right and down, which make pixels of the video of those of
            the stored frames: the released weights saw flow of the video, never scaled.
        blur: Standard deviation of a Gaussian over predictions, but not in training, pixels of the
            frames; the authors' program has one of 7 pixels of the video. 0: none.
    """

    sight = Sight(flows=FLOWS, carries=True)

    def __init__(
        self,
        *,
        backbone: Literal["resnet50"],
        size: tuple[int, int],
        width: float,
        flow_resize: Literal["authors", "bilinear"],
        flow_scale: tuple[float, float],
        blur: float,
    ) -> None:
        super().__init__()
        trunk = pick("backbone", backbone, {"resnet50": DilatedResNet})
        if any(side % STRIDE for side in size):
            raise ValueError(f"size: expected multiples of {STRIDE}, got {list(size)}")
        self.resize = pick("flow_resize", flow_resize, RESIZINGS)
        self.flow_scale = tuple(flow_scale)
        self.view, self.blur = letterbox(size), blur
        self.appearance = trunk(inputs=3, width=width)
        self.motion = trunk(inputs=2 * FLOWS, width=width)
        third, fourth, fifth = self.appearance.channels[1:]
        self.depth3 = Depth(third, None)
        self.depth4 = Depth(fourth, fourth + third)
        self.depth5 = Depth(fifth, fifth + fourth + third)
        hidden = at_width(256, width)
        self.memory = ConvGRU(fifth, hidden)
        self.norm = Normalisation(hidden)
        self.priors = Priors()
        self.out = glorot(nn.Conv2d(hidden + PRIORS, 1, 1))

    def forward(
        self, clip: Tensor, flow: Tensor | None, state: State | None
    ) -> tuple[ResidualMaps, State]:
        """Predict every frame of RGB clips [B, T, 3, H, W] in [0, 1] with flow [B, T, 5, 2, H, W].

        The state is the GRU's.

        Raises:
            ValueError: There is no flow.
        """
        if flow is None:
            raise ValueError("STRA-Net has a motion stream and needs flow, got None")
        frames = clip.shape[:2]
        seen = torch.unflatten(self.view(clip.flatten(0, 1)), 0, frames)
        maps, sides, masks, state = self.core(seen, self.fields(flow), state)
        own = enlarged(maps.flatten(0, 1))
        saliency = self.view.back(own, (clip.shape[-2], clip.shape[-1]))
        if self.blur and not self.training:
            saliency = blurred(saliency, self.blur)
        saliency, own = (torch.unflatten(part, 0, frames) for part in (saliency, own))
        return ResidualMaps(saliency, own, sides, masks), state

    def fields(self, flow: Tensor) -> Tensor:
        """Return what the motion stream sees of flow [B, N, 5, 2, H, W], [B, N, 10, h, w].

        The last field comes first, and of each that down before that right, since the program
        reverses all of its channels.
        """
        scaled = flow * flow.new_tensor(self.flow_scale)[:, None, None]
        inner = self.view.inner((flow.shape[-2], flow.shape[-1]))
        framed = self.view.framed(self.resize(scaled.flatten(0, 2), inner))
        cut = torch.where(framed.abs() < STILL, 0, framed).clamp(-FAST, FAST)
        return torch.unflatten(cut, 0, flow.shape[:3]).flatten(2, 3).flip(2)

    def core(
        self, seen: Tensor, fields: Tensor, state: State | None
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """Return map, side maps, masks and state of what the network sees.

        Pictures are [B, T, 3, h, w], fields [B, T, 10, h, w]; the map is [B, T, 1, h/8, w/8], side
        maps and masks [B, T, 3, h/8, w/8].
        """
        frames = seen.shape[:2]
        features, sides, masks = self.streams(seen.flatten(0, 1), fields.flatten(0, 1))
        remembered, state = self.memory(torch.unflatten(features, 0, frames), state)
        remembered = self.norm(remembered.flatten(0, 1))
        priors = self.priors((remembered.shape[-2], remembered.shape[-1]))
        priors = priors.expand(len(remembered), -1, -1, -1)
        maps = self.out(torch.cat((remembered, priors), dim=1)).sigmoid()
        maps, sides, masks = (torch.unflatten(part, 0, frames) for part in (maps, sides, masks))
        return maps, sides, masks, state

    def streams(self, seen: Tensor, fields: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the last features, the side maps and the masks, [M, C or 3, h/8, w/8]."""
        m3 = self.motion.first(fields)
        m4 = self.motion.layer3(m3)
        m5 = self.motion.layer4(m4)
        features, side3, mask3 = self.depth3(self.appearance.first(seen), [m3])
        features, side4, mask4 = self.depth4(self.appearance.layer3(features), [m4, m3])
        features, side5, mask5 = self.depth5(self.appearance.layer4(features), [m5, m4, m3])
        return features, torch.cat((side3, side4, side5), 1), torch.cat((mask3, mask4, mask5), 1)

    def authors_loss(self, maps: ResidualMaps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return the loss of the whole network with the weights of the authors' program.

        It is 10 KL - 2 CC - NSS - SIM of the map and of the three side maps. The M frames are the
        first dimension of all `maps`; density and fixated are [M, 1, H, W].
        """
        S, F = targets(density, fixated, (maps.own.shape[-2], maps.own.shape[-1]))
        total = density.new_zeros(())
        for P in (maps.own, *enlarged(maps.sides).chunk(3, dim=1)):
            total = total + 10 * kl(P, S) + 2 * cc(P, S) + nss(P, S, F) + sim(P, S)
        return total

    def segments(self) -> list[nn.Module]:
        """Return the residual blocks, whose activations fill the memory in training."""
        return [*self.appearance.segments(), *self.motion.segments()]

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start both streams from torchvision's ResNet-50.

        Raises:
            ValueError: The weights are not that network's.
        """
        self.appearance.load_backbone(state_dict, self.view)
        self.motion.load_backbone(state_dict, None)

    def released(self) -> Released:
        """Return the tensors of the authors' `UHD_dcross_res_matt_res.h5`, in its order."""
        learned, counted = _streams()
        group = "learning_prior_1/learning_prior_1"
        tensors = learned | counted
        tensors["priors.shapes"] = Source(f"{group}/learning_prior_1_W:0")
        tensors |= recurrent("memory", "ConvGRU2D/ConvGRU2D")
        tensors |= affine("norm", "time_distributed_2/time_distributed_2")
        tensors |= running("norm", "time_distributed_2/time_distributed_2")
        tensors |= convolution("out", "time_distributed_3/time_distributed_3")
        return Released("hdf5", tensors, ordered=True)


class Depth(nn.Module):
    """One depth at which the appearance stream meets the motion stream, and looks at places.

    Args:
        channels: Channels of the appearance stream.
        motion: Channels of all features of the motion stream together, which a convolution merges;
            None: there is one, of the same channels, and no convolution.
    """

    def __init__(self, channels: int, motion: int | None) -> None:
        super().__init__()
        self.merge = None
        if motion is not None:
            self.merge = glorot(nn.Conv2d(motion, channels, 3, padding=1))
        half = channels // 2
        self.attention = nn.Sequential()
        self.attention.add_module("conv", glorot(nn.Conv2d(channels, half, 3, padding=1)))
        self.attention.add_module("relu", nn.ReLU(inplace=True))
        self.attention.add_module("bn", Normalisation(half))  # after the ReLU, as in the program
        self.attention.add_module("out", glorot(nn.Conv2d(half, 1, 1)))
        nn.init.ones_(self.attention.get_parameter("out.weight"))
        self.attention.add_module("sigmoid", nn.Sigmoid())
        self.side = glorot(nn.Conv2d(channels, 1, 1))

    def forward(self, features: Tensor, motion: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weighted features [M, C, h, w], the side map and the mask [M, 1, h, w]."""
        merged = motion[0] if self.merge is None else self.merge(torch.cat(motion, 1)).relu()
        features = features * (1 + merged)
        # A softmax of the sigmoid, not of what it is taken of: places differ by a factor of e.
        mask = self.attention(features).flatten(1).softmax(1).view_as(features[:, :1])
        features = features * (1 + mask)
        return features, self.side(features).sigmoid(), mask


class Priors(nn.Module):
    """Gaussians on the picture with learned centres and spreads, whose largest value is 1.

    `shapes` holds the mu_x of all, then their mu_y, sigma_x and sigma_y, in widths of the picture;
    the start is uniform in 0.3..0.7 and in 0.05..0.3, as in the authors' program.
    """

    def __init__(self) -> None:
        super().__init__()
        centres, spreads = torch.rand(2, 2 * PRIORS)
        self.shapes = nn.Parameter(torch.cat((0.3 + 0.4 * centres, 0.05 + 0.25 * spreads)))

    def forward(self, size: tuple[int, int]) -> Tensor:
        """Return the priors on a grid of so many rows and columns, [16, height, width]."""
        height, width = size
        shapes = zip(self.shapes.chunk(4), RANGES, strict=True)
        mu_x, mu_y, sigma_x, sigma_y = (part.clamp(*ends)[:, None] for part, ends in shapes)
        # Rows lie about the middle, as far apart as columns.
        edge = (1 - height / width) / 2
        x = torch.linspace(0, 1, width, device=mu_x.device)
        y = torch.linspace(edge, 1 - edge, height, device=mu_x.device)
        columns = torch.exp(-((x - mu_x) ** 2) / (2 * sigma_x**2 + EPS))
        rows = torch.exp(-((y - mu_y) ** 2) / (2 * sigma_y**2 + EPS))
        gaussians = rows[:, :, None] * columns[:, None]
        return gaussians / gaussians.amax(dim=(1, 2), keepdim=True)


def rewrapped(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the first values of each picture [B, C, H, W], row by row, in rows of another length.

    Beyond the last value the first one follows again. This is NumPy's `resize`, which the authors
    took for a change of size.
    """
    count = size[0] * size[1]
    values = picture.flatten(2)[..., :count]
    again = -(-count // values.shape[2])
    return values.repeat(1, 1, again)[..., :count].reshape(*picture.shape[:2], *size)


RESIZINGS: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    "authors": rewrapped,
    "bilinear": partial(resized, resizing="bilinear"),
}


def enlarged(maps: Tensor) -> Tensor:
    """Return maps [M, C, h, w] of the network's size, eight times as large."""
    return legacy_resized(maps, (STRIDE * maps.shape[-2], STRIDE * maps.shape[-1]))


FEATURES = "time_distributed_1"
"""Group of the released file that holds all but what sees time."""
STREAMS = {"A": "appearance", "M": "motion"}
HEADS = {3: (None, 1, 2), 4: (3, 4, 5), 5: (6, 7, 8)}
"""Depth -> numbers of its convolutions: that which merges, and the two of the attention."""


def _streams() -> tuple[Sources, Sources]:
    """Names of the tensors of both streams: learned ones, running values; in the file's order."""
    learned, counted = Sources(), Sources()
    for stage, depths in groupby(layers(), key=itemgetter(0)):
        for _, depth in depths:
            _add(learned, counted, depth, together=stage <= 3)
        if stage in HEADS:
            merge, first, second = (f"{FEATURES}/conv2d_{number}" for number in HEADS[stage])
            norm = f"{FEATURES}/batch_normalization_{stage - 2}"
            if stage > 3:
                learned |= convolution(f"depth{stage}.merge", merge)
            learned |= convolution(f"depth{stage}.attention.conv", first)
            learned |= affine(f"depth{stage}.attention.bn", norm)
            learned |= convolution(f"depth{stage}.attention.out", second)
            counted |= running(f"depth{stage}.attention.bn", norm)
    for stage in HEADS:
        learned |= convolution(f"depth{stage}.side", f"{FEATURES}/conv2d_{stage + 6}")
    return learned, counted


def _add(learned: Sources, counted: Sources, depth: list[Names], *, together: bool) -> None:
    """Add the layers of one depth of both streams.

    Up to the first depth at which the streams meet, both streams' convolutions come `together`,
    appearance first; after it, each stream's layers, motion first.
    """
    convs, norms = Sources(), Sources()
    for stream in "AM" if together else "MA":
        ours, theirs = STREAMS[stream], f"{FEATURES}/{stream}_"
        for conv, norm, their_conv, their_norm in depth:
            convs |= convolution(f"{ours}.{conv}", theirs + their_conv)
            norms |= affine(f"{ours}.{norm}", theirs + their_norm)
            counted |= running(f"{ours}.{norm}", theirs + their_norm)
        if not together:
            learned |= convs | norms
            convs, norms = Sources(), Sources()
    learned |= convs | norms
