"""OM-CNN with 2C-LSTM (Jiang et al., DeepVS, ECCV 2018 and arXiv 1709.06316).

Objects and motion: a detector's features of a frame, and an optical flow network's of the frame
and the one five later, whose features are weakened where a coarse map of the first sees little. A
network that carries a state makes maps of both. What the paper leaves open is that of the authors'
program for prediction, the only one that is public.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from model.arguments import at_width, pick
from model.losses import kl_loss
from model.released import Layout, Released, Source
from model.rivals.parts.object_motion import STRIDE, Layer, Motion, Objectness, Plan, chain
from model.rivals.parts.two_c_lstm import Masks, TwoCLSTM, drawn
from model.rivals.parts.view import View, resized
from model.sight import Sight, State

Gates = Literal["released", "expectation", "monte_carlo"]
GATES = {"released": "released", "expectation": "expectation", "monte_carlo": "monte_carlo"}
LATER = 5
"""Frames between the two whose motion is seen."""
FLOOR = 0.5
"""What a coarse map of 0 leaves of the motion features."""
EPS = 1e-7
"""Keeps divisions and logarithms finite (the authors' program)."""
DECAY = 5e-6
"""Half of this times a weight's square is added to the loss (the authors' program)."""
COARSE = (
    Plan("conv_19", 512, 3),
    Plan("conv_20", 256, 1),
    Plan("conv_21", 128, 3),
    Plan("conv_22", 128, 1),
    Plan("deconv_23", 16, doubles=True),
    Plan("deconv_24", 1, doubles=True),
)
JOINT = (
    Plan("conv_1", 512, 3),
    Plan("conv_2", 512, 1),
    Plan("conv_3", 256, 3),
    Plan("conv_4", 128, 1),
)
READOUT = (Plan("deconv", 16, doubles=True), Plan("deconv2", 1, doubles=True))
NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
"""Torch's names of what a normalisation holds -> TensorFlow's."""


class VideoMaps(NamedTuple):
    """The map on the frames' grid, and what the network itself makes, in 0..1."""

    saliency: Tensor
    """[B, N, 1, H, W]."""
    own: Tensor
    """[B, N, 1, h/4, w/4] of the network's size."""
    coarse: Tensor
    """The map that weakens motion features, of the same size."""


class OMCNN(nn.Module):
    """The network with the authors' view of a frame: RGB in -1..1, stretched to its size.

    Args:
        size: Height and width that the network sees, px, multiples of 64; the paper's is 448x448.
        width: Factor of the number of channels of every layer; the paper's is 1.
        recurrent: Whether 2C-LSTM stands before the last two deconvolutions; without it this is
            OM-CNN, as the authors train it first.
        frozen: Whether training leaves all before 2C-LSTM as it is, as the authors do then.
        gates: What gates see in prediction. In `monte_carlo` the map is the mean of those of
            `passes` draws of masks (the paper). In `expectation` they see everything. In `released`
            they see everything, multiplied as if most had been dropped: the authors' program, whose
            demo switches dropout off only after its graph is built.
        keep: Share of the values that dropout keeps; the released weights were trained with 0.25.
        passes: Draws of masks; the authors' file name has 100. The first is always the same.
        restart: Frames after which the state is dropped; the authors predict clips of 16. None:
            never.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int],
        width: float,
        recurrent: bool,
        frozen: bool,
        gates: Gates,
        keep: float,
        passes: int,
        restart: int | None,
    ) -> None:
        """Build the network.

        Raises:
            ValueError: An option is unknown, or a side is no multiple of 64.
        """
        super().__init__()
        if size[0] % STRIDE or size[1] % STRIDE:
            raise ValueError(f"size: expected multiples of {STRIDE}, got {[*size]}")
        self.view = View(size=size, gain=2.0, mean=(1.0, 1.0, 1.0))
        self.core = Core(size=size, width=width, recurrent=recurrent)
        self.gates, self.keep, self.passes = pick("gates", gates, GATES), keep, passes
        self.sight = Sight(after=LATER, carries=recurrent, restart=restart if recurrent else None)
        self.frozen = frozen
        if frozen:
            for part in self.core.still():
                part.requires_grad_(False)

    def forward(
        self, clip: Tensor, flow: Tensor | None, state: State | None = None
    ) -> VideoMaps | tuple[VideoMaps, State]:
        """Predict all frames but the last 5 of clips [B, T, 3, H, W], RGB in [0, 1].

        Flow is ignored. The state is c and h of both layers, [B, C, h, w] each, or [B, passes, C,
        h, w] where there are several passes. Training draws masks for each clip.
        """
        seen = self.view(clip.flatten(0, 1)).unflatten(0, clip.shape[:2])
        features, coarse = self.core.features(seen[:, :-LATER], seen[:, LATER:])
        if self.core.lstm is None:
            own = self.core.maps(features)
        elif self.training:
            shape = (len(features), *features.shape[2:])
            masks = drawn(shape, keep=self.keep, like=features)
            own, state = self.core.recur(features, state, gain=1 / self.keep, masks=masks)
        elif self.gates == "monte_carlo":
            own, state = self._drawn_often(features, state)
        else:
            gain = 1 / self.keep if self.gates == "released" else 1.0
            own, state = self.core.recur(features, state, gain=gain)
        size = (clip.shape[-2], clip.shape[-1])
        saliency = torch.unflatten(self.view.back(own.flatten(0, 1), size), 0, own.shape[:2])
        maps = VideoMaps(saliency, own, coarse)
        return maps if self.core.lstm is None else (maps, state or ())

    def _drawn_often(self, features: Tensor, state: State | None) -> tuple[Tensor, State]:
        """The mean map of all draws, and their states. Each draw is the same in all calls."""
        total: Tensor | float = 0.0
        states = []
        for number in range(self.passes):
            generator = torch.Generator().manual_seed(number)
            masks = drawn(
                (1, *features.shape[2:]), keep=self.keep, like=features, generator=generator
            )
            before = None if state is None else tuple(part[:, number] for part in state)
            own, after = self.core.recur(features, before, gain=1 / self.keep, masks=masks)
            total = total + own / self.passes
            states.append(after)
        assert isinstance(total, Tensor)
        return total, tuple(torch.stack(parts, dim=1) for parts in zip(*states, strict=True))

    def train(self, mode: bool = True) -> "OMCNN":
        """Set training or prediction; statistics of frozen parts do not follow a training."""
        super().train(mode)
        if self.frozen:
            for part in self.core.still():
                part.eval()
        return self

    def segments(self) -> list[nn.Module]:
        """Return the parts whose activations fill the memory in training: the layers."""
        return [part for part in self.core.modules() if isinstance(part, Layer)]

    def load_stream(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start all but 2C-LSTM from a trained OM-CNN.

        The authors' program starts the last two deconvolutions at random again; ours are taken
        along, because the state then learns sooner.

        Raises:
            ValueError: The weights are not those of an OM-CNN of this width and size.
        """
        own = {k: v for k, v in self.state_dict().items() if not k.startswith("core.lstm.")}
        odd = [k for k in own if k not in state_dict or state_dict[k].shape != own[k].shape]
        if odd or state_dict.keys() != own.keys():
            wrong = min(odd or state_dict.keys() - own.keys())
            raise ValueError(f"these weights are of no OM-CNN of this layout: {wrong} differs")
        self.load_state_dict(state_dict, strict=False)

    def authors_loss(self, maps: VideoMaps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return the divergence of the maps from densities [M, 1, H, W], at the network's size.

        The coarse map counts as much as the final one (the paper, as far as we know it), unless
        it is frozen.
        """
        height, width = maps.own.shape[-2:]
        truth = resized(density, (height, width), "area")
        final = kl_loss(maps.own, truth, EPS)
        if self.frozen:
            return final
        return (final + kl_loss(maps.coarse, truth, EPS)) / 2

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return weights, which decay, and all other parameters, which do not."""
        trained = [p for p in self.parameters() if p.requires_grad]
        weights = [p for p in trained if p.dim() > 1]
        others = [p for p in trained if p.dim() == 1]
        return [
            {"params": weights, "rate": 1.0, "weight_decay": DECAY},
            {"params": others, "rate": 1.0, "weight_decay": 0.0},
        ]

    def released(self) -> Released:
        """Return what is known of the authors' TensorFlow checkpoint.

        Raises:
            ValueError: No weights without 2C-LSTM were released.
        """
        if self.core.lstm is None:
            raise ValueError("only weights with 2C-LSTM were released; choose recurrent: true")
        keys = [key for key in self.state_dict() if not key.endswith("num_batches_tracked")]
        found = {key: Source(*released_name(key)) for key in keys}
        return Released(
            "tensorflow",
            dict(sorted(found.items(), key=lambda item: item[1].name)),
            ignored=(r".*/Adam(_1)?", r"beta[12]_power", "Variable"),
        )


class Core(nn.Module):
    """From frames of the network's size in -1..1 to maps of a quarter of their sides."""

    def __init__(self, *, size: tuple[int, int], width: float, recurrent: bool) -> None:
        super().__init__()
        self.objectness = Objectness(size, width)
        self.coarse = chain(self.objectness.channels, COARSE, width)
        self.motion = Motion(width)
        joined = self.objectness.channels + self.motion.channels
        self.joint = chain(joined, JOINT, width)
        self.lstm = TwoCLSTM(at_width(128, width)) if recurrent else None
        self.readout = chain(at_width(128, width), READOUT, width)

    def features(self, frames: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [B, N, 128 * width, h/16, w/16] and coarse maps [B, N, 1, h/4, w/4].

        Arguments are [B, N, 3, h, w]: the frames to be predicted, and those five later.
        """
        frame, after = frames.flatten(0, 1), later.flatten(0, 1)
        objects = self.objectness(frame)
        coarse = stretched(self.coarse(objects).float())
        moving = self.motion(torch.cat([frame, after], dim=1), FLOOR + (1 - FLOOR) * coarse)
        found = self.joint(torch.cat([objects, moving], dim=1))
        batch = frames.shape[:2]
        return torch.unflatten(found, 0, batch), torch.unflatten(coarse, 0, batch)

    def recur(
        self,
        features: Tensor,
        state: State | None,
        *,
        gain: float,
        masks: tuple[Masks, Masks] | None = None,
    ) -> tuple[Tensor, State]:
        """Return maps [B, N, 1, h/4, w/4] of features that follow one another, and the state."""
        assert self.lstm is not None
        found, after = self.lstm(features, state, gain=gain, masks=masks)
        return self.maps(found), after

    def maps(self, features: Tensor) -> Tensor:
        """Return the maps of features [B, N, C, h/16, w/16], in 0..1."""
        own = stretched(self.readout(features.flatten(0, 1)).float())
        return torch.unflatten(own, 0, features.shape[:2])

    def still(self) -> list[nn.Module]:
        """Return the parts before 2C-LSTM."""
        return [self.objectness, self.coarse, self.motion, self.joint]


def stretched(maps: Tensor) -> Tensor:
    """Return each map [B, 1, H, W] with its smallest value at 0, its largest just below 1."""
    maps = maps - maps.amin(dim=(2, 3), keepdim=True)
    return maps / (maps.amax(dim=(2, 3), keepdim=True) + EPS)


def released_name(key: str) -> tuple[str, Layout]:
    """Return the name in the checkpoint of a tensor of the state dict, and its layout there."""
    _, part, layer, *rest, kind = key.split(".")
    if part == "lstm":
        layer = f"lstm_{layer}{rest[0]}"
    layer = {"motion": "FN", "joint": "Last"}.get(part, "") + layer
    if rest[-1:] == ["norm"]:
        return f"inference/{layer}/batch_normalization/{NORM[kind]}", "same"
    layout: Layout = "same"
    if kind == "weight":
        layout = "matrix" if layer.startswith("fc") else "hwio"
        layout = "hwoi" if layer.startswith("deconv") else layout
    return f"inference/{layer}/{'weights' if kind == 'weight' else 'biases'}", layout
