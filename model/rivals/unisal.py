"""UNISAL: one network for videos and images of four domains (Droste et al., ECCV 2020).

MobileNetV2, learnt priors, a recurrent cell that still images bypass, and a decoder with two skip
connections. Each domain has its own normalisation, priors, last layer and smoothing. Where the
paper is silent, the authors' program (Apache-2.0) settles it; none of it is copied.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from model.arguments import at_width, pick
from model.backbones import IMAGENET_MEAN, IMAGENET_STD, STRIDE, MobileNetTrunk, load_imagenet
from model.losses import density_loss
from model.released import Released, Source
from model.rivals.parts.domain_norm import (
    DOMAINS,
    MOMENTUM,
    STILLS,
    ConvGRU,
    Domain,
    depthwise,
    enter,
    inverted_residual,
    pointwise,
    skip,
)
from model.rivals.parts.priors import gaussians, start
from model.rivals.parts.view import View
from model.sight import Sight, State

SHA256 = "4a9157411f1741d588b15670d15295e998805648b8b6348599fe447298338481"
"""Digest of the authors' weights, trained on all four domains."""

CHANNELS = (256, 128, 64)
"""Channels at 1/32, 1/16 and 1/8 of the input (Fig. 2)."""
HALVING = (7, 14)
"""MobileNetV2's layers that halve to 1/16 and 1/32: the skips leave them before they halve."""
SMOOTHING = 41
"""Side of the kernel that smooths the map, px of the network's own size."""
DROPPED, DROPPED_STATE = 0.6, 0.2
"""Shares of a skip's channels and of the state's that are dropped in training."""
EPS = 1e-6
"""Standard deviation of a constant map, whose peak is 1; keeps NSS and CC finite."""


class DensityMaps(NamedTuple):
    """Where people look, as a density and as a map; both [B, N, 1, H, W]."""

    saliency: Tensor
    """The density over its peak: in float16, most densities of single pixels would be 0."""
    log_density: Tensor
    """Natural logarithm; the exponentials of a frame sum to 1."""


class Core(nn.Module):
    """UNISAL on pictures of the domain's own size."""

    def __init__(self, width: float) -> None:
        """Take the factor of all channels, 1 for the authors' network."""
        super().__init__()
        deep, middle, shallow = (at_width(channels, width) for channels in CHANNELS)
        self.trunk = MobileNetTrunk(width)
        for index in HALVING:
            self.trunk.features[index].conv[1][0].stride = (1, 1)
        finest, finer = (self.trunk.features[index].out_channels for index in HALVING)
        priors = start()
        last = self.trunk.channels[-1] + len(priors)
        self.post_cnn = nn.Sequential(
            depthwise(last),
            nn.BatchNorm2d(last, momentum=MOMENTUM),
            nn.ReLU6(inplace=True),
            nn.Conv2d(last, deep, 1, bias=False),
            nn.BatchNorm2d(deep, momentum=MOMENTUM),
        )
        self.rnn = ConvGRU(deep, DROPPED_STATE)
        self.post_rnn = pointwise(deep, deep)
        self.skip_2x, self.skip_4x = (
            skip(inputs, outputs, DROPPED)
            for inputs, outputs in ((finer, middle), (finest, shallow))
        )
        self.merge_2x = inverted_residual(deep + middle, middle)
        self.merge_4x = inverted_residual(middle + shallow, shallow)
        self.priors = nn.ParameterDict({d: nn.Parameter(priors.clone()) for d in DOMAINS})
        self.adaptation = nn.ModuleDict({d: nn.Conv2d(shallow, 1, 1) for d in DOMAINS})
        self.smoothing = nn.ModuleDict({d: nn.Conv2d(1, 1, SMOOTHING, bias=False) for d in DOMAINS})
        with torch.no_grad():
            spot = gaussians(torch.tensor([[[0.5, -2.0]] * 2]), (SMOOTHING, SMOOTHING))
            for weight in self.smoothing.parameters():
                weight.copy_(spot / spot.sum())
        self.domain = DOMAINS[0]

    def enter(self, domain: Domain) -> None:
        """Choose the domain of all that follows."""
        self.domain = domain
        enter(self, domain)

    def train(self, mode: bool = True) -> "Core":
        """Switch to training or evaluation; the trunk's normalisation always evaluates."""
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(
        self, clip: Tensor, size: tuple[int, int], state: State | None, *, still: bool
    ) -> tuple[Tensor, State]:
        """Return log densities [B, T, 1, *size] of a clip [B, T, 3, h, w], and the next state.

        Each step of time is a batch of its own, as it is to the authors' normalisation. `still`
        pictures bypass the recurrent cell and have no state.
        """
        hidden = state[0] if state else None
        kept = None
        maps = []
        for frame in clip.unbind(1):
            deep, finer, finest = self.features(frame)
            if not still:
                if kept is None:
                    kept = self.rnn.kept(deep)
                hidden = self.rnn(deep, hidden, kept)
                deep = deep + self.post_rnn(hidden)
            maps.append(self.decoded(deep, finer, finest, frame, size))
        return torch.stack(maps, 1), () if hidden is None or still else (hidden,)

    def features(self, frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features at 1/32, 1/16 and 1/8 of normalised frames [B, 3, h, w]."""
        taken = []
        for index, layer in enumerate(self.trunk.features):
            frame = layer(frame)
            if index in HALVING:
                taken.append(frame)
                frame = frame[..., ::2, ::2]
        priors = gaussians(self.priors[self.domain], (frame.shape[-2], frame.shape[-1]))
        priors = priors.to(frame.dtype).expand(len(frame), -1, -1, -1)
        deep = self.post_cnn(torch.cat([frame, priors], 1))
        return deep, self.skip_2x(taken[1]), self.skip_4x(taken[0])

    def decoded(
        self, deep: Tensor, finer: Tensor, finest: Tensor, frame: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """Return the log density [B, 1, *size] of features of a frame."""
        merged = self.merge_2x(torch.cat([doubled(deep), finer], 1))
        merged = self.merge_4x(torch.cat([doubled(merged), finest], 1))
        # Logarithms need more digits than bfloat16 has.
        with torch.autocast(frame.device.type, enabled=False):
            level = self.adaptation[self.domain](merged.float())
            level = interpolate(level, frame.shape[-2:], mode="nearest")
            level = pad(level, [SMOOTHING // 2] * 4, mode="replicate")
            level = interpolate(self.smoothing[self.domain](level), size, mode="bilinear")
            return level.flatten(1).log_softmax(1).view_as(level)


class UNISAL(nn.Module):
    """The network of all four domains; `enter` chooses the one that it works in.

    Args:
        domains: Dataset -> the domain that is nearest to it.
        sizes: Domain -> height and width that the network sees, multiples of 32 pixels.
        width: Factor of all channels, 1 for the authors' network.
        backbone: The trunk; for its weights see load_backbone.
    """

    def __init__(
        self,
        *,
        domains: Mapping[str, Domain],
        sizes: Mapping[Domain, tuple[int, int]],
        width: float,
        backbone: Literal["mobilenet_v2"],
    ) -> None:
        super().__init__()
        pick("backbone", backbone, {"mobilenet_v2": MobileNetTrunk})
        for domain in domains.values():
            pick("domains", domain, dict.fromkeys(DOMAINS))
        if not domains or set(sizes) != set(DOMAINS):
            raise ValueError(
                f"domains names the domain of each dataset, sizes the size of each of "
                f"{', '.join(DOMAINS)}; got domains of {[*domains]}, sizes of {[*sizes]}"
            )
        if any(side % STRIDE or side < STRIDE for size in sizes.values() for side in size):
            raise ValueError(
                f"sizes: height and width must be multiples of {STRIDE} pixels, got {dict(sizes)}"
            )
        self.domains = dict(domains)
        self.views = nn.ModuleDict(
            {
                domain: View(
                    size=sizes[domain], resizing="lanczos", mean=IMAGENET_MEAN, std=IMAGENET_STD
                )
                for domain in DOMAINS
            }
        )
        self.core = Core(width)
        self.enter(next(iter(self.domains)))

    def enter(self, dataset: str) -> None:
        """Work in the domain of a dataset from now on; at the start, in that of the first one.

        Raises:
            ValueError: The dataset has no domain.
        """
        if dataset not in self.domains:
            raise ValueError(
                f"domains: none for dataset {dataset!r}, only for {', '.join(self.domains)}; add "
                f"it with the nearest of {', '.join(DOMAINS)}"
            )
        self.core.enter(self.domains[dataset])

    @property
    def sight(self) -> Sight:
        """The state goes to the 5th frame from here in DHF1K's videos, to the 4th in others'.

        That is about 6 frames/s in all of them (Sec. 4.1). Still images have none to go to.
        """
        return Sight(carries=True, step={"DHF1K": 5, STILLS: 1}.get(self.core.domain, 4))

    def forward(
        self, clip: Tensor, flow: Tensor | None = None, state: State | None = None
    ) -> tuple[DensityMaps, State]:
        """Predict from RGB clips [B, T, 3, H, W] in [0, 1]; flow is ignored.

        The state is the recurrent cell's, [B, C, h/32, w/32]; that of still images is empty.
        """
        size = (clip.shape[-2], clip.shape[-1])
        seen = self.views[self.core.domain](clip.flatten(0, 1)).unflatten(0, clip.shape[:2])
        found, state = self.core(seen, size, state, still=self.core.domain == STILLS)
        return DensityMaps(torch.exp(found - found.detach().amax((-2, -1), True)), found), state

    def authors_loss(self, maps: DensityMaps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return KLD - 0.1 NSS - 0.1 CC of frames [M, 1, H, W]: the paper's loss (Sec. 3.4)."""
        return density_loss(maps.log_density, density, fixated, eps=EPS)

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the trunk from torchvision's ImageNet weights of MobileNetV2 (Sec. 3.2).

        Raises:
            ValueError: The weights are not this trunk's.
        """
        load_imagenet(self.core.trunk, state_dict)

    def segments(self) -> list[nn.Module]:
        """Return the parts whose activations fill the memory in training: those of the trunk."""
        return self.core.trunk.segments()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return all parameters but the trunk's, and the trunk's: late, at a tenth of the rate."""
        of_trunk = set(self.core.trunk.parameters())
        others = [parameter for parameter in self.parameters() if parameter not in of_trunk]
        trunk = [*self.core.trunk.parameters()]
        return [
            {"params": others, "rate": 1.0},
            {"params": trunk, "rate": 0.1, "weight_decay": 1e-5, "late": True},
        ]

    def released(self) -> Released:
        """Return how the authors' file names the tensors; a mask of its last batch is left over."""
        return Released(
            format="torch",
            tensors={key: Source(released_name(key)) for key in self.state_dict()},
            ignored=(r"rnn\.cell_list\.0\.drop_mask_1",),
            sha256=(SHA256,),
        )


def doubled(features: Tensor) -> Tensor:
    """Return features [B, C, H, W] at twice the size."""
    return interpolate(features, scale_factor=2, mode="bilinear")


GATES = {"r": ("_r", "r", "r"), "z": ("_z", "z", "z"), "n": ("", "out", "h")}
"""Gate -> how the authors' names have it in convolutions, normalisations and scales."""
TERMS = {"depthwise": "conv_dw", "inner": "sep_bn", "pointwise": "conv_sep"}


def released_name(key: str) -> str:
    """Return the name in the authors' file of a tensor of our state dict."""
    key = key.removeprefix("core.")
    key = re.sub(rf"\.({'|'.join(DOMAINS)})\.(?=\w+$)", r".bn_\1.", key)
    part, _, rest = key.partition(".")
    if part == "trunk":
        return "cnn." + re.sub(r"(\d+)\.conv\.(\d)(?:\.(\d))?\.(?=\w+$)", _in_block, rest)
    if part == "rnn":
        return "rnn.cell_list.0." + _of_gate(*rest.split(".", 2))
    if part in ("adaptation", "smoothing"):
        domain, _, name = rest.removeprefix("bn_").partition(".")
        return f"{part}_{domain.lower()}.{'0.' if part == 'adaptation' else ''}{name}"
    if part == "priors":
        return f"coarse_gaussians_{rest.lower()}"
    blocks = {"merge_2x": "upsampling_2", "merge_4x": "post_upsampling_2", "post_cnn": "post_cnn"}
    return f"{blocks[part]}.inv_res.conv.{rest}" if part in blocks else key


def _in_block(found: re.Match[str]) -> str:
    """A layer of an inverted residual, counted with all others and not within its triple."""
    block, first, second = found.groups()
    triples = 1 if block == "1" else 2  # the first block does not widen
    place = 3 * int(first) + int(second) if second else 2 * triples + int(first)
    return f"{block}.conv.{place}."


def _of_gate(group: str, gate: str, rest: str = "") -> str:
    """A tensor of the recurrent cell: bias, or of what the features (w) or the state (u) add."""
    suffix, of_norm, of_scale = GATES[gate]
    if group == "bias":
        return f"b_{of_scale}"
    of, symbol = ("x", "w") if group == "features" else ("h", "u")
    name, _, tail = rest.partition(".")
    if name == "scale":
        return f"a_{of_scale}_{of}"
    if name == "outer":
        return f"norm_{of_norm}_{of}.{tail}"
    return f"{symbol}{suffix}.{TERMS[name]}.{tail}"
