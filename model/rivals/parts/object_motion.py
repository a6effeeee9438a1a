"""OM-CNN's two subnets: what is an object (tiny YOLO), and what moves (FlowNet-S's encoder)."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, max_pool2d

from model.arguments import at_width
from model.rivals.parts.legacy_resize import legacy_resized

STRIDE = 64
"""Six halvings of a side lead to the cells of the detector and to the last features of motion."""
GRID = 16
"""Pixels of the network's size for each of the features that are joined, along a side."""
SHOWN = 128
"""Channels of each level among the joined features, at width 1."""
ANSWERS = 30
"""Numbers that the detector gives for each of its cells (Redmon et al., YOLO, CVPR 2016)."""
SLOPE = 0.1
"""Of leaky ReLU below 0."""
BIAS = 0.1
"""Biases at the start (the authors' program)."""


class Plan(NamedTuple):
    """A layer: its name, its filters at width 1 (1 stays 1), and what it does to the sides."""

    name: str
    filters: int
    kernel: int = 3
    stride: int = 1
    doubles: bool = False
    """Whether it is a transposed convolution of 4x4 that doubles the sides."""


DETECTOR = {1: 16, 3: 32, 5: 64, 7: 128, 9: 256, 11: 512}
"""Number of a layer of the detector -> its filters; the numbers between are poolings."""
CELLS = (13, 14, 15)
"""Its last layers, of 1024 filters."""
SHOWN_BY_1X1 = {9: 256, 11: 512, 15: 1024}
"""Layers that are joined through a convolution of 1x1, and their filters; conv7 is joined as it
is."""
MOTION = (
    Plan("conv1", 64, 7, 2),
    Plan("conv2", 128, 5, 2),
    Plan("conv3", 256, 5, 2),
    Plan("conv3_1", 256),
    Plan("conv4", 512, 3, 2),
    Plan("conv4_1", 512),
    Plan("conv5", 512, 3, 2),
    Plan("conv5_1", 512),
    Plan("conv6", 1024, 3, 2),
    Plan("conv6_1", 1024),
)
MASKED = ("conv1", "conv2", "conv3", "conv3_1", "conv4")
"""Layers of motion whose output the coarse map weakens."""
LEVELS = ("6_1", "5_1", "4_1", "3_1")
"""Layers of motion that are joined, in this order."""


class Layer(nn.Sequential):
    """A convolution, its normalisation if any, and leaky ReLU unless it is the last of all."""

    def __init__(self, inputs: int, plan: Plan, width: float, *, normalised: bool = False) -> None:
        outputs = 1 if plan.filters == 1 else at_width(plan.filters, width)
        conv: nn.Conv2d | nn.ConvTranspose2d
        if plan.doubles:
            conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
        else:  # pads alike on both sides, also where it halves them
            conv = nn.Conv2d(inputs, outputs, plan.kernel, plan.stride, plan.kernel // 2)
        parts = OrderedDict[str, nn.Module](conv=started(conv))
        if normalised:
            parts["norm"] = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        if plan.filters > 1:
            parts["relu"] = nn.LeakyReLU(SLOPE, inplace=True)
        super().__init__(parts)


def started(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> nn.Module:
    """Give a layer the authors' start: Xavier's weights, small biases."""
    nn.init.xavier_uniform_(layer.weight)
    nn.init.constant_(layer.bias, BIAS)  # type: ignore[arg-type]
    return layer


def chain(inputs: int, plans: Iterable[Plan], width: float) -> nn.Sequential:
    """Chain layers by their names."""
    parts = OrderedDict[str, nn.Module]()
    for plan in plans:
        parts[plan.name] = Layer(inputs, plan, width)
        inputs = at_width(plan.filters, width)
    return nn.Sequential(parts)


class Objectness(nn.Module):
    """Tiny YOLO's features of a frame, at the size of conv9, weaker the further from the middle.

    Args:
        size: Height and width of frames, px, multiples of 64.
        width: Factor of the number of channels.
    """

    centre: Tensor

    def __init__(self, size: tuple[int, int], width: float) -> None:
        super().__init__()
        shown = at_width(SHOWN, width)
        inputs = 3
        for number, filters in DETECTOR.items():
            name = f"conv{number}"
            self.add_module(name, Layer(inputs, Plan(name, filters), width, normalised=True))
            inputs = at_width(filters, width)
        for number in CELLS:
            name = f"conv{number}"
            self.add_module(name, Layer(inputs, Plan(name, 1024), width))
            inputs = at_width(1024, width)
        for number, filters in SHOWN_BY_1X1.items():
            plan = Plan(f"conv_{number}_2", SHOWN, 1)
            self.add_module(plan.name, Layer(at_width(filters, width), plan, width))
        self.cells = size[0] // STRIDE, size[1] // STRIDE
        cells = self.cells[0] * self.cells[1]
        few, many = at_width(256, width), at_width(4096, width)
        self.fc16 = started(nn.Linear(inputs * cells, few))
        self.fc17 = started(nn.Linear(few, many))
        self.fc18 = started(nn.Linear(many, ANSWERS * cells))
        self.channels = 4 * shown + ANSWERS
        self.register_buffer("centre", middle(size[0] // GRID, size[1] // GRID), persistent=False)

    def forward(self, frame: Tensor) -> Tensor:
        """Return features [B, 4 * 128 * width + 30, h/16, w/16] of frames [B, 3, h, w]."""
        found: dict[int, Tensor] = {}
        features = frame
        for number in DETECTOR:
            features = self.get_submodule(f"conv{number}")(features)
            found[number] = features
            features = max_pool2d(features, 2)
        for number in CELLS:
            features = self.get_submodule(f"conv{number}")(features)
        found[CELLS[-1]] = features
        # Channels, rows, columns; what belongs to a cell comes last again.
        hidden = leaky_relu(self.fc16(features.flatten(1)), SLOPE)
        answers = self.fc18(leaky_relu(self.fc17(hidden), SLOPE))
        answers = answers.unflatten(1, (*self.cells, ANSWERS)).permute(0, 3, 1, 2)
        shown = (self.get_submodule(f"conv_{n}_2")(found[n]) for n in SHOWN_BY_1X1)
        grid = (found[9].shape[-2], found[9].shape[-1])
        levels = [legacy_resized(level, grid) for level in (found[7], *shown, answers)]
        return torch.cat(levels, dim=1) * self.centre


def middle(height: int, width: int) -> Tensor:
    """Return 1 at the middle pixel of H x W, 0 at the pixel furthest from it."""
    rows, columns = torch.arange(height) - height // 2, torch.arange(width) - width // 2
    distance = torch.hypot(rows[:, None].float(), columns.float())
    return 1 - distance / distance.amax()


class Motion(nn.Module):
    """FlowNet-S's encoder (Fischer et al., ICCV 2015), its first layers weakened by a mask."""

    def __init__(self, width: float) -> None:
        super().__init__()
        inputs = 6
        for plan in MOTION:
            self.add_module(plan.name, Layer(inputs, plan, width))
            inputs = at_width(plan.filters, width)
        filters = {plan.name: plan.filters for plan in MOTION}
        for level in LEVELS:
            inputs = at_width(filters[f"conv{level}"], width)
            plan = Plan(f"Downconv_{level}", SHOWN)
            self.add_module(plan.name, Layer(inputs, plan, width))
        self.channels = len(LEVELS) * at_width(SHOWN, width)

    def forward(self, pair: Tensor, mask: Tensor) -> Tensor:
        """Return features [B, 4 * 128 * width, h/16, w/16].

        Arguments are two frames, [B, 6, h, w], and the mask [B, 1, h/4, w/4].
        """
        found: dict[str, Tensor] = {}
        features = pair
        for plan in MOTION:
            features = self.get_submodule(plan.name)(features)
            if plan.name in MASKED:
                size = (features.shape[-2], features.shape[-1])
                features = features * legacy_resized(mask, size)
            found[plan.name] = features
        grid = (found["conv4"].shape[-2], found["conv4"].shape[-1])
        shown = (self.get_submodule(f"Downconv_{n}")(found[f"conv{n}"]) for n in LEVELS)
        return torch.cat([legacy_resized(level, grid) for level in shown], dim=1)
