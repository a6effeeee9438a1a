"""GFSalNet: two saliency streams and a gate between them (Sec. III, Fig. 2).

The paper fixes the blocks and their order. Where it is silent, widths, kernels and initial values
are our choices, and each is an argument.
"""

from collections.abc import Mapping
from functools import partial
from typing import Literal

from torch import Tensor, nn

from model.arguments import STREAMS, Streams, check_sides, check_single_stream, pick
from model.backbones import STRIDE, BackboneName, ImageNetNormalise, load_imagenet
from model.blocks.fusion import ConvFusion, GatedFusion
from model.blocks.stream import SaliencyStream
from model.flow.encoding import ENCODINGS, FlowEncoding
from model.outputs import Maps

Fusion = Literal["gated", "conv"]
FUSIONS = {"gated": GatedFusion, "conv": ConvFusion}


class GFSalNet(nn.Module):
    """Gated fusion of an appearance and a motion stream of the same layout.

    Args:
        streams: Both streams, or one alone (the paper's single-stream rows), without fusion.
        fusion: The gate of Sec. III-C, or a 1x1 convolution (the ablation "w/o gated fusion").
        backbone: Each stream's trunk; the paper's is resnet50. For its weights see load_backbone.
        spatial_attention: Weight ResBlock4's features by location.
        channel_attention: Weight the concatenated features by channel.
        multi_level: Add the side branch of Sec. III-A to the head's main branch.
        main_channels: Channels after the main branch's deconvolutions, which enlarge 4 and 2 times.
        side_channels: Channels after the side branch's deconvolutions, which keep the size.
        multi_level_channels: Channels of the multi-level block at the sizes of ResBlock3, 2, 1.
        attention_reduction: Channels of the features per hidden unit of the channel attention.
        last_bias: Initial bias of the last layers of the channel attention and of the stream. Both
            end in ReLU: with a bias of 0, half of the channels and of the map start dead.
        flow_encoding: Encoding of flow as the picture that the motion stream sees.
        flow_scale: Flow that saturates that picture, px per frame.
        main_kernels: Kernel sides of the main branch's deconvolutions, px.
        side_kernel: Kernel side of the side branch's deconvolutions, px.
        map_kernel: Kernel side of the last deconvolution, which enlarges 4 times, px.
        revive: Let zeros of the last ReLU learn to grow (see `revived_relu`); predictions are the
            same.
    """

    def __init__(
        self,
        *,
        streams: Streams,
        fusion: Fusion,
        backbone: BackboneName,
        spatial_attention: bool,
        channel_attention: bool,
        multi_level: bool,
        main_channels: tuple[int, int],
        side_channels: tuple[int, int, int],
        multi_level_channels: tuple[int, int, int],
        attention_reduction: int,
        last_bias: float,
        flow_encoding: FlowEncoding,
        flow_scale: float,
        main_kernels: tuple[int, int] = (4, 4),
        side_kernel: int = 3,
        map_kernel: int = 8,
        revive: bool = True,
    ) -> None:
        super().__init__()
        stream = partial(
            SaliencyStream,
            backbone=backbone,
            spatial_attention=spatial_attention,
            channel_attention=channel_attention,
            multi_level=multi_level,
            main_channels=main_channels,
            side_channels=side_channels,
            multi_level_channels=multi_level_channels,
            attention_reduction=attention_reduction,
            last_bias=last_bias,
            main_kernels=main_kernels,
            side_kernel=side_kernel,
            map_kernel=map_kernel,
            revive=revive,
        )
        encoding = pick("flow_encoding", flow_encoding, ENCODINGS)
        self.encode_flow = partial(encoding, scale=flow_scale)
        self.normalise = ImageNetNormalise()
        present = pick("streams", streams, STREAMS)
        self.appearance = stream() if "appearance" in present else None
        self.motion = stream() if "motion" in present else None
        fuse = pick("fusion", fusion, FUSIONS)
        self.fusion = fuse() if len(present) == 2 else None

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict from RGB frames [B, 3, H, W] in [0, 1] and flow [B, 2, H, W], px per frame.

        Flow is right and down; without a motion stream it is ignored. The saliency map has the
        input's size.

        Raises:
            ValueError: A side is not a multiple of 32, or the motion stream got no flow.
        """
        S_A = S_T = attention_A = attention_T = None
        if self.appearance is not None:
            check_sides(frame, STRIDE)
            S_A, attention_A = self.appearance(self.normalise(frame))
        if self.motion is not None:
            if flow is None:
                raise ValueError("a network with a motion stream needs flow, got None")
            check_sides(flow, STRIDE)
            S_T, attention_T = self.motion(self.normalise(self.encode_flow(flow)))
        if self.fusion is not None:
            maps: Maps = self.fusion(S_A, S_T)
        else:
            saliency = S_A if S_A is not None else S_T
            assert saliency is not None
            maps = Maps(saliency, S_A, S_T)
        return maps._replace(attention_appearance=attention_A, attention_motion=attention_T)

    def existing_streams(self) -> list[SaliencyStream]:
        """Return the streams that this variant has, appearance first."""
        return [stream for stream in (self.appearance, self.motion) if stream is not None]

    def segments(self) -> list[nn.Module]:
        """Return the parts whose activations fill the memory in training: those of the trunks."""
        return [part for stream in self.existing_streams() for part in stream.trunk.segments()]

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the trunk of every stream from torchvision's ImageNet weights (Sec. III).

        Raises:
            ValueError: The weights are not this backbone's.
        """
        for stream in self.existing_streams():
            load_imagenet(stream.trunk, state_dict)

    def load_stream(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start every stream from a single-stream network, as pretrained on SALICON (Sec. IV-B).

        Raises:
            ValueError: The weights are of another layout, or not of a single stream.
        """
        check_single_stream(key.split(".", 1)[0] for key in state_dict)
        weights = {key.split(".", 1)[1]: value for key, value in state_dict.items()}
        for stream in self.existing_streams():
            try:
                stream.load_state_dict(weights)
            except RuntimeError as error:
                raise ValueError(f"these weights are of another layout: {error}") from error
