"""GFSalNet's design for processors: two streams and a gate, at an eightieth of the work.

What the paper has (Sec. III): an appearance and a motion stream, spatial and channel-wise
attention, multi-level information, and a gate that weighs both maps. What differs, all of it our
choice: MobileNetV2 in place of ResNet-50; a motion stream of a few convolutions on the grid that
flow comes in, which also sees flow without the camera's share; beside both streams a map of what
stands out by colour and light, which is not learnt; maps that are densities, merged by their
logarithms; a gate of one learnt weight for each of the three maps, where the paper's has one for
each location; no motion stream where nothing moves, so that a picture is seen by the appearance
stream alone.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from model.arguments import STREAMS, Streams, check_single_stream, pick
from model.backbones import IMAGENET_MEAN, IMAGENET_STD, STRIDE, MobileNetTrunk, load_imagenet
from model.blocks.conspicuity import conspicuity
from model.blocks.light_streams import LightAppearance, LightMotion
from model.losses import density_loss
from model.rivals.parts.view import View, resized
from model.rivals.unisal import EPS, released_name

CELL = 4
"""Side of the cells, in pixels of the network's own size, that the motion stream sees flow in."""

ALONE = [[[1.0]], [[0.0]], [[0.0]]]
"""G_A, G_T and G_C of a frame in which nothing moves, [3, 1, 1]."""

NOISE = 0.01
"""Standard deviation of grey in a cell, in [0, 1], that may well be noise."""


class LightMaps(NamedTuple):
    """The saliency map and what it was made of, all [B, 1, H, W]."""

    saliency: Tensor
    """The density over its peak."""
    log_density: Tensor
    """Natural logarithm; the exponentials of a frame sum to 1."""
    appearance: Tensor | None = None
    """S_A, in the unit of `saliency`."""
    motion: Tensor | None = None
    """S_T, in the unit of `saliency`."""
    conspicuity: Tensor | None = None
    """S_C, what stands out by colour and light, in the unit of `saliency`."""


class GFSalNetLight(nn.Module):
    """Gated fusion of a small appearance and a small motion stream.

    Args:
        streams: Both streams, or one alone.
        size: Height and width that the network sees, multiples of 32 pixels.
        backbone: The appearance stream's trunk; for its weights see load_backbone.
        layers: Of the trunk's 19 layers, the first so many: all, or 14 for stride 16.
        channels: Of the appearance stream's features, from the deepest to those at stride 8.
        motion_channels: Of the motion stream's features at stride 8, 16 and 32.
        spread: Departure from the camera's motion, as a share of the frame's width, that counts as
            moving by itself; the motion stream sees logarithms of flow in this unit.
        aside: Weight of the loss of each stream by itself, beside that of the merged map.
        scales: Factors of the size at which a frame without flow, such as a picture, is seen, each
            time with its mirror image; its map is the mean of the densities. A frame with flow, and
            any frame in training, is seen once.
        frozen: Whether training leaves the appearance stream as it is, beside a motion stream, so
            that pictures stay seen as it learnt from pictures.
        picture_head: Whether a batch without flow, such as a picture, has a last step of the
            decoder of its own. Training then leaves the rest of the appearance stream as it is, so
            that what is learnt from pictures changes no film.
    """

    def __init__(
        self,
        *,
        streams: Streams,
        size: tuple[int, int],
        backbone: Literal["mobilenet_v2"],
        layers: int,
        channels: tuple[int, ...],
        motion_channels: tuple[int, int, int],
        spread: float,
        aside: float,
        scales: tuple[float, ...],
        frozen: bool,
        picture_head: bool,
    ) -> None:
        super().__init__()
        pick("backbone", backbone, {"mobilenet_v2": MobileNetTrunk})
        if any(side % STRIDE or side < STRIDE for side in size):
            raise ValueError(f"size: height and width must be multiples of {STRIDE} pixels: {size}")
        if not scales or min(scales) <= 0:
            raise ValueError(f"scales: expected factors above 0, got {scales}")
        present = pick("streams", streams, STREAMS)
        self.view = View(size=size, resizing="area", mean=IMAGENET_MEAN, std=IMAGENET_STD)
        self.appearance: LightAppearance | None = None
        if "appearance" in present:
            self.appearance = LightAppearance(layers, channels, picture_head)
        self.motion = LightMotion(motion_channels, spread) if "motion" in present else None
        self.gate: nn.Parameter | None = None
        if len(present) == 2:
            self.gate = nn.Parameter(torch.zeros(3, 1, 1))  # each weight starts at one half
        self.scales = tuple(scales)
        self.aside, self.frozen = aside, frozen and self.gate is not None
        if self.appearance is not None:
            self.appearance.requires_grad_(False)
            self.learning.requires_grad_(True)

    @property
    def learning(self) -> nn.Module:
        """The part of the appearance stream that learns: all, its head of pictures, or nothing."""
        if self.appearance is None or self.frozen:
            return nn.Module()
        return self.appearance if self.appearance.picture is None else self.appearance.picture

    def train(self, mode: bool = True) -> "GFSalNetLight":
        """Switch to training or evaluation; what does not learn always evaluates."""
        super().train(mode)
        if self.appearance is not None:
            self.appearance.eval()
            self.learning.train(mode)
        return self

    def forward(self, frame: Tensor, flow: Tensor | None) -> LightMaps:
        """Predict from RGB frames [B, 3, H, W] in [0, 1] and flow [B, 2, H, W], px per frame.

        Flow is right and down. A frame whose flow is 0 everywhere, as that of a picture is, or a
        batch without flow, has no motion: its map is the appearance stream's.

        Raises:
            ValueError: There is no flow, and no appearance stream either.
        """
        size = (frame.shape[-2], frame.shape[-1])
        if self.motion is None or (flow is None and self.appearance is not None):
            return finished(self.of_picture(frame, size))
        if flow is None:
            raise ValueError("a network with a motion stream alone needs flow, got None")
        seen = self.view.framed(frame)
        level_T = self.motion(self.seen_flow(flow), contrast(seen))
        if self.appearance is None or self.gate is None:
            return finished(log_density(level_T, size))
        level_A = self.appearance(self.view.normalised(seen))
        levels = (level_A, level_T, conspicuity(seen))
        logs = torch.cat([log_density(level, size) for level in levels], 1)
        moves = flow.abs().amax((1, 2, 3))[:, None, None, None] > 0
        G = torch.where(moves, self.gate.sigmoid(), self.gate.new_tensor(ALONE))
        # In place of Eq. (1) to (3), the logarithm of S is G_A log S_A + G_T log S_T + G_C log S_C:
        # where all expect a look, there is more than one reason for it.
        maps = finished(normalised((G * logs).sum(1, keepdim=True)))
        S_A, S_T, S_C = (finished(log).saliency for log in logs.chunk(3, 1))
        return maps._replace(appearance=S_A, motion=S_T, conspicuity=S_C)

    def of_picture(self, frame: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the log density [B, 1, *size] that the appearance stream finds in a picture."""
        assert self.appearance is not None
        if self.training:
            return log_density(self.appearance(self.view(frame), picture=True), size)
        total = torch.zeros((), device=frame.device)
        for scale in self.scales:
            height, width = (max(1, round(side * scale / STRIDE)) for side in self.view.size)
            seen = self.view.normalised(resized(frame, (height * STRIDE, width * STRIDE), "area"))
            level = self.appearance(torch.cat([seen, seen.flip(-1)]), picture=True)
            found, mirrored = log_density(level, size).exp().chunk(2)
            total = total + found + mirrored.flip(-1)
        mean = total / (2 * len(self.scales))
        return torch.log(mean.clamp_min(torch.finfo(mean.dtype).tiny))

    def seen_flow(self, flow: Tensor) -> Tensor:
        """Return flow [B, 2, H, W] by cells of the view, as shares of the frame's width."""
        height, width = self.view.size
        return resized(flow / flow.shape[-1], (height // CELL, width // CELL), "area")

    def authors_loss(self, maps: LightMaps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return KL - 0.1 CC - 0.1 NSS of the merged map, and of each stream at weight `aside`."""
        total = density_loss(maps.log_density, density, fixated, eps=EPS)
        for stream in (maps.appearance, maps.motion):
            if stream is not None and stream.requires_grad:
                level = stream / stream.sum((-2, -1), keepdim=True)
                log = torch.log(level.clamp_min(torch.finfo(level.dtype).tiny))
                total = total + self.aside * density_loss(log, density, fixated, eps=EPS)
        return total

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return all parameters but the trunk's, and the trunk's, at a tenth of the rate."""
        trunk = [] if self.appearance is None else [*self.appearance.trunk.parameters()]
        slow = set(trunk)
        others = [one for one in self.parameters() if one.requires_grad and one not in slow]
        slower = [one for one in trunk if one.requires_grad]
        groups = [{"params": others, "rate": 1.0}, {"params": slower, "rate": 0.1}]
        return [group for group in groups if group["params"]]

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the trunk from torchvision's weights of MobileNetV2, or from those of UNISAL.

        Raises:
            ValueError: The weights are neither.
        """
        if self.appearance is None:
            return
        trunk = MobileNetTrunk()
        names = {key: released_name(f"core.trunk.{key}") for key in trunk.state_dict()}
        if names[FIRST] in state_dict:
            there = {key: state_dict.get(name) for key, name in names.items()}
            state_dict = {key: one for key, one in there.items() if one is not None}
        load_imagenet(trunk, state_dict)
        own = self.appearance.trunk
        own.load_state_dict({key: trunk.state_dict()[key] for key in own.state_dict()})

    def load_stream(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the appearance stream from that of a network of it alone, trained on pictures.

        The head of pictures, where only this network has one, starts from that of films.

        Raises:
            ValueError: The weights are of another layout, or not of the appearance stream.
        """
        check_single_stream({key.split(".", 1)[0] for key in state_dict})
        own = self.state_dict()
        if unknown := [key for key in state_dict if key not in own]:
            raise ValueError(f"these weights are of another layout: {unknown[0]} is not known here")
        self.load_state_dict(own | dict(state_dict))
        if self.appearance is not None and not any(key.startswith(PICTURE) for key in state_dict):
            self.appearance.start_picture()

    def segments(self) -> list[nn.Module]:
        """Return the parts whose activations fill the memory in training: those of the trunk."""
        return [] if self.appearance is None else self.appearance.trunk.segments()


PICTURE = "appearance.picture."
"""What the names of the head of pictures begin with."""

FIRST = "features.0.0.weight"
"""A tensor that every MobileNetV2 has."""


def contrast(seen: Tensor) -> Tensor:
    """Return the logarithm of the contrast in cells of a frame, [B, 1, H/4, W/4], about 0 to 3."""
    grey = seen.mean(1, keepdim=True)
    mean, square = avg_pool2d(grey, CELL), avg_pool2d(grey.square(), CELL)
    return torch.log1p((square - mean.square()).clamp_min(0) ** 0.5 / NOISE)


def log_density(level: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the log density [B, 1, *size] of a level [B, 1, h, w], in float32."""
    return normalised(interpolate(level.float(), size, mode="bilinear"))


def normalised(level: Tensor) -> Tensor:
    """Return the log density of a level [B, 1, H, W], which is one up to a constant."""
    return level.flatten(1).log_softmax(1).view_as(level)


def finished(found: Tensor) -> LightMaps:
    """Return the maps of a log density."""
    return LightMaps(torch.exp(found - found.detach().amax((-2, -1), True)), found)
