"""S3D, the trunk of video networks: convolutions in space, then in time (Xie et al., ECCV 2018).

The layers without the classifier, as TASED-Net uses them (Min and Corso, ICCV 2019), over windows
that slide (`model.rivals.parts.sliding`). Keys are those of TASED-Net's released weights.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.arguments import at_width
from model.released import Layout, arranged, released_shape
from model.rivals.parts.sliding import Centre, Columns, Convolution, Maximum

STRIDE = 32
"""Input sides must be multiples of this many pixels, so that halves stay whole."""
INCEPTIONS = (
    ((192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64)),
    (
        (480, 192, 96, 208, 16, 48, 64),
        (512, 160, 112, 224, 24, 64, 64),
        (512, 128, 128, 256, 24, 64, 64),
        (512, 112, 144, 288, 32, 64, 64),
        (528, 256, 160, 320, 32, 128, 128),
    ),
    ((832, 256, 160, 320, 32, 128, 128), (832, 384, 192, 384, 48, 128, 128)),
)
"""Channels of the blocks of `base2`, `base3`, `base4`: input; the branch of one convolution; the
two branches of three, inside and at their ends; the branch of the maximum."""
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
"""Mean of RGB values in [0, 1] that torchvision's weights were trained with."""
KINETICS_STD = (0.22803, 0.22145, 0.216989)
"""Standard deviation of RGB values in [0, 1] that torchvision's weights were trained with."""

FEATURES = {"base1": 0, "base2": 5, "base3": 8, "base4": 14}
"""Number of each part's first block among torchvision's `features`, which count pools as well."""
LAYERS = {
    "conv": "0",
    "bn": "1",
    "conv_s": "0.0",
    "bn_s": "0.1",
    "conv_t": "1.0",
    "bn_t": "1.1",
}
"""Layer of a block -> its name in torchvision's blocks."""

batch_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.001)


def through(layers: Iterable[nn.Module], columns: Columns) -> Columns:
    """Apply layers in turn: those over time to the window, the others to each time."""
    for layer in layers:
        over = isinstance(layer, (Convolution, Maximum))
        columns = layer(columns) if over else columns.each(layer)
    return columns


class Pointwise(nn.Conv2d):
    """A convolution of one pixel, as a product of matrices.

    The same pixel is the same sum however many others there are: a library's convolution may choose
    its order of sums by their number, and a maximum of two values that are almost one may then lie
    elsewhere.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Compute `outputs` channels of maps [B, C, H, W]."""
        sums = maps.permute(0, 2, 3, 1) @ self.weight[:, :, 0, 0].T
        return (sums if self.bias is None else sums + self.bias).permute(0, 3, 1, 2)


class Basic(nn.Module):
    """A convolution of one pixel, normalised, above 0."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = Pointwise(inputs, outputs)
        self.bn = batch_norm(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, columns: Columns) -> Columns:
        """Compute `outputs` channels."""
        return through(self.children(), columns)


class Separable(nn.Module):
    """A convolution in space, then one in time, each normalised and above 0."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv_s = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.bn_s = batch_norm(outputs)
        self.relu_s = nn.ReLU(inplace=True)
        self.conv_t = Convolution(outputs, outputs, size, stride, size // 2)
        self.bn_t = batch_norm(outputs)
        self.relu_t = nn.ReLU(inplace=True)

    def forward(self, columns: Columns) -> Columns:
        """Compute `outputs` channels, `stride` times fewer in height, width and time."""
        return through(self.children(), columns)


class Pool(nn.Module):
    """The maximum over three pixels each way and, unless `times` is 1, over three times."""

    def __init__(self, stride: int, times: int = 3) -> None:
        super().__init__()
        self.space = nn.MaxPool2d(3, stride, 1)
        self.time = Maximum(times, stride, 1) if times > 1 else nn.Identity()

    def forward(self, columns: Columns) -> Columns:
        """Compute as many channels."""
        return through(self.children(), columns)


class Inception(nn.Module):
    """Four branches side by side; their channels one after the other."""

    def __init__(self, inputs: int, a: int, b: int, B: int, c: int, C: int, d: int) -> None:
        super().__init__()
        self.branch0 = nn.Sequential(Basic(inputs, a))
        self.branch1 = nn.Sequential(Basic(inputs, b), Separable(b, B, 3))
        self.branch2 = nn.Sequential(Basic(inputs, c), Separable(c, C, 3))
        self.branch3 = nn.Sequential(Pool(1), Basic(inputs, d))
        self.centre = Centre()

    def forward(self, columns: Columns) -> Columns:
        """Compute a + B + C + d channels."""
        around = [branch(columns) for branch in (self.branch1, self.branch2, self.branch3)]
        centre: Columns = self.centre(self.branch0(columns))
        every = [centre, *around]
        return centre._replace(maps=torch.cat([one.maps for one in every], dim=1))


class Levels(NamedTuple):
    """What the trunk computes of whole windows of T frames of H x W pixels.

    The first two levels, T/2 times of H/4 x W/4 and of H/8 x W/8, come from `S3D.shared`.
    """

    third: Columns
    """T/4 times of H/16 x W/16."""
    fourth: Columns
    """T/8 times of H/32 x W/32."""
    cells: Tensor
    """Index of the pixel of each maximum of the last pool, [n B, C, H/32, W/32]."""


class S3D(nn.Module):
    """S3D up to its last inception block.

    Args:
        width: Factor of all numbers of channels; the paper's network has 1.
    """

    def __init__(self, *, width: float) -> None:
        super().__init__()

        def n(channels: int) -> int:
            return at_width(channels, width)

        self.base1 = nn.Sequential(
            Separable(3, n(64), 7, 2),
            Pool(2, times=1),
            Basic(n(64), n(64)),
            Separable(n(64), n(192), 3),
        )
        inputs, parts, outputs = n(192), [], []
        for part in INCEPTIONS:
            blocks = []
            for _, *channels in part:
                a, b, B, c, C, d = map(n, channels)
                blocks.append(Inception(inputs, a, b, B, c, C, d))
                inputs = a + B + C + d
            parts.append(nn.Sequential(*blocks))
            outputs.append(inputs)
        self.base2, self.base3, self.base4 = parts
        self.channels = (n(192), *outputs)
        self.pool2, self.pool3 = Pool(2, times=1), Pool(2)
        self.pool4 = Maximum(2, 2)
        self.space4 = nn.MaxPool2d(2, return_indices=True)

    def shared(self, window: Columns) -> tuple[Columns, Columns, Columns]:
        """Compute what is new of a window of RGB frames in -1..1, as far as windows share.

        Returns the first and the second level, and the first block of the third: the reach of the
        window's ends covers all of its times.
        """
        first = self.base1(window)
        second = self.base2(self.pool2(first))
        return first, second, self.base3[0](self.pool3(second))

    def forward(self, block: Columns) -> Levels:
        """Compute what follows the first block of the third level."""
        third = self.base3[1:](block)
        pooled = self.pool4(third)
        maps, cells = self.space4(pooled.maps)
        return Levels(third, self.base4(pooled._replace(maps=maps)), cells)

    def segments(self) -> list[nn.Module]:
        """Return the blocks, in order, whose activations can be recomputed from their input."""
        return [*self.base1, *self.base2, *self.base3, *self.base4]

    @torch.no_grad()
    def load_kinetics(self, state_dict: Mapping[str, Tensor]) -> None:
        """Load torchvision's weights of S3D on Kinetics-400, with or without its classifier.

        They were trained with frames less KINETICS_MEAN over KINETICS_STD, this trunk sees frames
        in -1..1. The first convolution's weights take the difference in scale, the mean of the
        normalisation behind it that in the origin. This is exact but for the outermost pixels of
        the first convolution's output (two rows and columns at the top and left, one at the bottom
        and right): its padding is mid-grey here, the mean colour there.

        Raises:
            ValueError: The keys or shapes are not this trunk's.
        """
        layouts = layouts_of(self)
        names = {key: torchvision_name(key) for key in layouts}
        given = {key: value for key, value in state_dict.items() if "classifier." not in key}
        # Counters of batches play no part in the features.
        needed = [name for key, name in names.items() if not key.endswith("num_batches_tracked")]
        shapes = {
            names[key]: released_shape(value.shape, layouts[key])
            for key, value in self.state_dict().items()
        }
        known = given.keys() & shapes.keys()
        problems = {
            "missing": [name for name in needed if name not in given],
            "unexpected": sorted(given.keys() - known),
            "of another shape": sorted(n for n in known if tuple(given[n].shape) != shapes[n]),
        }
        if any(problems.values()):
            listed = ((len(names), kind, names[:3]) for kind, names in problems.items() if names)
            found = "; ".join(f"{count} {kind} ({', '.join(few)})" for count, kind, few in listed)
            raise ValueError(f"these weights are not those of torchvision's S3D: {found}")
        weights = {
            key: arranged(given[name], layouts[key]) for key, name in names.items() if name in given
        }
        # (r - mean) / std of r in 0..1 is (u + 1 - 2 mean) / (2 std) of u in -1..1.
        mean, std = (torch.tensor(v)[:, None, None] for v in (KINETICS_MEAN, KINETICS_STD))
        kernel = weights["base1.0.conv_s.weight"] / (2 * std)
        constant = (kernel * (1 - 2 * mean)).sum(dim=(1, 2, 3))
        weights["base1.0.conv_s.weight"] = kernel
        weights["base1.0.bn_s.running_mean"] = weights["base1.0.bn_s.running_mean"] - constant
        self.load_state_dict(weights, strict=False)


def layouts_of(network: nn.Module) -> dict[str, Layout]:
    """Return how each tensor of a network of separable convolutions stands in a file of 3D ones."""
    kinds: dict[str, Layout] = {
        f"{name}.weight": "time" if isinstance(layer, Convolution) else "frame"
        for name, layer in network.named_modules()
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
    }
    return {key: kinds.get(key, "same") for key in network.state_dict()}


def torchvision_name(key: str) -> str:
    """Return the name that torchvision's S3D has for a key of the trunk."""
    part, block, *inner, layer, value = key.split(".")
    if inner[:1] == ["branch0"]:  # a block of layers there, a list of one block here
        inner.pop()
    number = FEATURES[part] + int(block)
    return ".".join(["features", str(number), *inner, LAYERS[layer], value])
