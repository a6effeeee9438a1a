"""The predecessor's networks (Two-Stream Convolutional Networks for Dynamic Saliency Prediction).

Sec. 3 of that paper: a stream turns a picture into a map by nine convolutions and a deconvolution;
the temporal stream's picture is stacked optical flow. Late fusion takes the larger of two streams'
maps before the shared deconvolution, early fusion joins their features after the fourth
convolution. The networks of the journal version (Bak et al., Spatio-Temporal Saliency Networks for
Dynamic Saliency Prediction, IEEE TMM 2018) join them after the fifth: STSConvNet by a convolution,
STSMaxNet by their maximum. A stream alone is the Deep ConvNet of Pan et al., CVPR 2016.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from model.arguments import STREAMS, Streams, at_width, check_sides, check_single_stream, pick
from model.flow.encoding import ENCODINGS, FlowEncoding
from model.losses import MIDDLE, RANGE, uncentred
from model.outputs import Maps
from model.released import Released, Source
from model.rivals.parts.salnet_finish import finished
from model.rivals.parts.view import View, resized

Fusion = Literal["late", "early", "max"]
FUSIONS = {"late": "late", "early": "early", "max": "max"}
Finish = Literal["none", "authors"]
FINISHES = {"none": False, "authors": True}
COLOURS = {"rgb": False, "bgr": True}
STRIDE = 4
"""Two poolings halve a side each; the deconvolution enlarges four times."""
MEAN = (118.0, 110.0, 100.0)
"""Mean that is subtracted from R, G, B in 0..255. The released code has (100, 110, 118) and swaps
the channels first; we read it as B, G, R, Caffe's order, in which ImageNet's is (104, 117, 123)."""
SCALE = 1 / 127.5
"""Factor after the mean is subtracted, of the released code."""

FAINT = 0.1
"""Standard deviation of the last convolution's output at the start, for inputs of 1; our choice."""


class Layer(NamedTuple):
    """A convolution C(d, f, p) of the paper, and what follows its ReLU."""

    filters: int
    """d, at width 1."""
    kernel: int
    """f, px."""
    padding: int
    """p, px."""
    normalised: bool = False
    """Whether local response normalisation follows."""
    pooled: bool = False
    """Whether max pooling follows, which halves the sides."""


LAYERS = {
    "conv1": Layer(96, 7, 3, normalised=True, pooled=True),
    "conv2": Layer(256, 5, 2, pooled=True),
    "conv3": Layer(512, 3, 1),
    "conv4": Layer(512, 5, 2),
    "conv5": Layer(512, 5, 2),
    "conv6": Layer(256, 7, 3),
    "conv7": Layer(128, 11, 5),
    "conv8": Layer(32, 11, 5),
    "conv9": Layer(1, 13, 6),
}
"""Layers of a stream, whose output is a map of a quarter of the size."""
FEATURES, LAST = 4, len(LAYERS)
"""Layers that each stream has to itself, whatever the fusion (Sec. 3); all layers."""


class TwoStream(nn.Module):
    """A single stream, or two and their fusion (Sec. 3, Fig. 1 and 2).

    Our choices, where the paper is silent: He's random start (the paper starts from the weights of
    Pan et al., CVPR 2016; `load_stream` takes those of a pretraining), a last bias that predicts an
    empty map, a deconvolution that starts as bilinear interpolation.

    Args:
        streams: Both streams, or one alone (Spatial and Temporal Stream Net), without fusion.
        fusion: The larger of two maps (late), a 1x1 convolution of stacked features (early), or the
            larger of two features (max).
        fuse_after: Convolution after which features are fused: 4 is early fusion, 5 STSConvNet and
            STSMaxNet. Late fusion and single streams ignore it.
        width: Factor of the number of filters of every layer but the last; the paper's is 1.
        fusion_identity: Early fusion's convolution starts as this times the identity on either
            stream's features: 1 is their sum ("identity matrices"), 0.5 their mean.
        flow_encoding: Encoding of flow as the motion stream's picture; the paper's is uvm.
        flow_scale: Flow that saturates that picture, px per frame; the paper is silent.
        size: Height and width into which pictures are shrunk; None: as they come. The authors'
            programs have 320x320 for Deep ConvNet, 512x512 for STSConvNet.
        colour: Order of the channels that the streams see, of flow's picture too; the authors'
            weights need bgr.
        finish: Whether predictions get the post-processing of the authors' programs (`finished`).
    """

    def __init__(
        self,
        *,
        streams: Streams,
        fusion: Fusion,
        fuse_after: int,
        width: float,
        fusion_identity: float,
        flow_encoding: FlowEncoding,
        flow_scale: float,
        size: tuple[int, int] | None = None,
        colour: Literal["rgb", "bgr"] = "rgb",
        finish: Finish = "none",
    ) -> None:
        """Build the network.

        Raises:
            ValueError: An option is unknown.
        """
        super().__init__()
        encoding = pick("flow_encoding", flow_encoding, ENCODINGS)
        self.encode_flow = partial(encoding, scale=flow_scale)
        present = pick("streams", streams, STREAMS)
        fuses = pick("fusion", fusion, FUSIONS) if len(present) == 2 else "late"
        if fuse_after not in range(FEATURES, LAST):
            raise ValueError(f"fuse_after: expected {FEATURES} to {LAST - 1}, got {fuse_after!r}")
        own = LAST if fuses == "late" else fuse_after
        self.appearance = stream(width, own) if "appearance" in present else None
        self.motion = stream(width, own) if "motion" in present else None
        self.fusion: nn.Conv2d | None = None
        if fuses == "early":
            self.fusion = conv_fusion(filters(LAYERS[f"conv{own}"], width), fusion_identity)
        self.regression = regression(width, own + 1) if own < LAST else None
        self.fused_after = own
        self.upsample = interpolation()
        self.view = None if size is None else View(size=size, fit="inside")
        self.swaps = pick("colour", colour, COLOURS)
        self.finishes = pick("finish", finish, FINISHES)

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict from RGB frames [B, 3, H, W] in [0, 1] and flow [B, 2, H, W], px per frame.

        Flow is right and down; without a motion stream it is ignored. The density [B, 1, H, W] is
        trained towards 0..1, and clamped to >= 0 except in training mode.

        Raises:
            ValueError: A side is not a multiple of 4, or the motion stream got no flow.
        """
        pictures: list[Tensor] = []
        if self.appearance is not None:
            pictures.append(self.see(frame))
        if self.motion is not None:
            if flow is None:
                raise ValueError("a network with a motion stream needs flow, got None")
            pictures.append(self.see(self.encode_flow(flow)))
        output, size = self.core(pictures).float(), (frame.shape[-2], frame.shape[-1])
        if self.finishes and not self.training:
            return Maps(finished(output, size))
        density = resized(uncentred(output), size, "bilinear")
        return Maps(density if self.training else density.clamp_min(0))

    def see(self, picture: Tensor) -> Tensor:
        """Return an RGB frame, or flow's picture, as the streams see it."""
        if self.view is None:
            check_sides(picture, STRIDE)
        else:
            picture = self.view.framed(picture)
        picture = normalise(picture)
        return picture.flip(1) if self.swaps else picture

    def core(self, pictures: list[Tensor]) -> Tensor:
        """Return the output [B, 1, h, w], about -1 to 1, for what each stream sees, [B, 3, h, w].

        A side that is no multiple of 4 comes back as one close to it.
        """
        seen = zip(self.existing_streams(), pictures, strict=True)
        output: Tensor = self.upsample(self.join([stream(picture) for stream, picture in seen]))
        return output

    def join(self, seen: list[Tensor]) -> Tensor:
        """Fuse what the streams return into one map [B, 1, H/4, W/4]."""
        if self.fusion is not None:
            joined = self.fusion(torch.cat(seen, dim=1))
        else:
            joined = seen[0] if len(seen) == 1 else torch.maximum(*seen)
        output: Tensor = joined if self.regression is None else self.regression(joined)
        return output

    def existing_streams(self) -> list[nn.Sequential]:
        """Return the streams that this variant has, appearance first."""
        return [stream for stream in (self.appearance, self.motion) if stream is not None]

    def segments(self) -> list[nn.Module]:
        """Return the parts whose activations fill the memory in training: the layers."""
        chains = [*self.existing_streams(), self.regression]
        parts = [part for chain in chains if chain is not None for part in chain.modules()]
        return [part for part in parts if isinstance(part, Segment)]

    def load_stream(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start every stream from a single-stream network, as pretrained on still images.

        Both streams take its layers up to the fusion, and the shared layers take the rest.

        Raises:
            ValueError: The weights are of another layout, or not of a single stream.
        """
        check_single_stream({key.split(".", 1)[0] for key in state_dict} - {"upsample"})
        weights = {within_stream(key): value for key, value in state_dict.items()}
        own = self.state_dict()
        taken = {key: within_stream(key) for key in own if not key.startswith("fusion.")}
        given = {key: tuple(value.shape) for key, value in weights.items()}
        needed = {part: tuple(own[key].shape) for key, part in taken.items()}
        if given != needed:
            odd = min(key for key in given.keys() | needed if given.get(key) != needed.get(key))
            raise ValueError(
                f"these weights are of another layout: {odd} is {given.get(odd)}, expected"
                f" {needed.get(odd)}"
            )
        self.load_state_dict(own | {key: weights[part] for key, part in taken.items()})

    def released(self) -> Released:
        """Return the layout of the authors' caffemodel: of Deep ConvNet, STSConvNet or STSMaxNet.

        Single streams of Bak et al. have the names of Deep ConvNet. Blob 0 of a layer is its
        weights, blob 1 its bias; the motion stream's layers end in _b.

        Raises:
            ValueError: No weights of this variant were released.
        """
        both = len(self.existing_streams()) == 2
        if both and self.fused_after != 5:
            raise ValueError(
                "of two streams only those fused after conv5 were released; choose fuse_after: 5"
                " and fusion: early or max"
            )
        blobs = {key: blob(key, both) for key in self.state_dict()}
        # The file has the fusion after conv5_b, before conv6.
        order = sorted(blobs, key=lambda key: blobs[key].replace("conv_fuse", "conv5_fuse"))
        return Released("caffe", {key: Source(blobs[key]) for key in order})


class Segment(nn.Sequential):
    """A convolution with its ReLU, normalisation and pooling; training recomputes it as one."""


def segment(layer: Layer, inputs: int, outputs: int) -> Segment:
    """Build a layer: convolution (He's start), ReLU, and its normalisation and pooling if any."""
    conv = nn.Conv2d(inputs, outputs, layer.kernel, padding=layer.padding)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    parts = OrderedDict[str, nn.Module](conv=conv, relu=nn.ReLU(inplace=True))
    if layer.normalised:
        # n, alpha and beta of AlexNet (Krizhevsky et al., NIPS 2012, Sec. 3.3).
        parts["norm"] = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
    if layer.pooled:
        # Caffe rounds sides up.
        parts["pool"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    return Segment(parts)


def filters(layer: Layer, width: float) -> int:
    """Return the number of filters of a layer (other than the last) at a width."""
    return at_width(layer.filters, width)


def segments(first: int, last: int, width: float) -> nn.Sequential:
    """Chain the layers from conv`first` to conv`last`; conv9 has one filter at any width."""
    parts = OrderedDict[str, nn.Module]()
    inputs = 3 if first == 1 else filters(LAYERS[f"conv{first - 1}"], width)
    for number in range(first, last + 1):
        layer = LAYERS[f"conv{number}"]
        outputs = filters(layer, width) if layer.filters > 1 else 1
        parts[f"conv{number}"] = segment(layer, inputs, outputs)
        inputs = outputs
    return nn.Sequential(parts)


def stream(width: float, last: int) -> nn.Sequential:
    """Build the layers of a stream, conv1 to conv`last`, from a picture [B, 3, H, W].

    They are named as in a whole stream, C(96, 7, 3) to C(1, 13, 6), so that they take its weights.
    """
    parts = OrderedDict[str, nn.Module](features=segments(1, FEATURES, width))
    if last > FEATURES:
        parts["regression"] = regression(width, FEATURES + 1, last)
    return nn.Sequential(parts)


def regression(width: float, first: int, last: int = LAST) -> nn.Sequential:
    """Chain layers after the features; the map comes without a ReLU, at first of density 0."""
    chain = segments(first, last, width)
    if last == LAST:
        conv = chain[-1].conv
        assert isinstance(conv, nn.Conv2d)
        nn.init.normal_(conv.weight, std=FAINT / conv.weight[0].numel() ** 0.5)
        # Density 0 in the unit that the losses train in.
        nn.init.constant_(conv.bias, -MIDDLE / RANGE)  # type: ignore[arg-type]
        chain[-1] = Segment(OrderedDict(conv=conv))
    return chain


@torch.no_grad()
def conv_fusion(channels: int, identity: float) -> nn.Conv2d:
    """Build C(512, 1, 0) of early fusion, which starts as identity * (appearance + motion).

    It has no ReLU and takes features after theirs, as the released network does; the paper has a
    ReLU after "all convolutional layers".
    """
    conv = nn.Conv2d(2 * channels, channels, 1)
    both = identity * torch.eye(channels).repeat(1, 2)
    conv.weight.copy_(both[:, :, None, None])
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


@torch.no_grad()
def interpolation() -> nn.ConvTranspose2d:
    """Build D, 8x8 with stride 4, which starts as bilinear interpolation.

    Beyond the border it finds 0, which is grey: an empty map has 0.19 in its outermost pixels and
    0.06 in the next, unless the convolution before it learns to compensate.
    """
    layer = nn.ConvTranspose2d(1, 1, 8, stride=STRIDE, padding=2, bias=False)
    # The kernel's middle lies between the taps 3 and 4.
    line = 1 - (torch.arange(8) - 3.5).abs() / STRIDE
    layer.weight.copy_(torch.outer(line, line))
    return layer


def normalise(picture: Tensor) -> Tensor:
    """Shift and scale a picture [B, 3, H, W] in 0..1 as the first convolution expects it.

    A flow picture is treated alike, plane by plane.
    """
    mean = torch.tensor(MEAN, dtype=picture.dtype, device=picture.device)[:, None, None]
    return (255 * picture - mean) * SCALE


def within_stream(key: str) -> str:
    """Drop the stream's name from a key of a state dict."""
    return key.removeprefix("appearance.").removeprefix("motion.")


def blob(key: str, both: bool) -> str:
    """Return the name in the authors' caffemodel of a tensor of the state dict: layer/blob."""
    *path, kind = key.split(".")
    layer = path[-2:][0]
    layer = {"fusion": "conv_fuse", "upsample": "deconv1"}.get(layer, layer)
    return f"{layer}{'_b' if both and path[0] == 'motion' else ''}/{0 if kind == 'weight' else 1}"
