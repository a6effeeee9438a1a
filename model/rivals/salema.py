"""SalEMA (Linardos et al., BMVC 2019): SalGAN whose features are averaged over the frames before.

The first convolution of the decoder is averaged exponentially, before its ReLU. What the paper
leaves open is the authors' program's.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, dropout2d

from model.arguments import check_sides
from model.losses import mean_of
from model.released import Released, Source
from model.rivals.parts.vgg import CONVOLUTIONS, VGG
from model.rivals.parts.view import View
from model.rivals.salgan import LAYERS, STRIDE, Decoder, OwnMaps, caffe_view, has_gaze
from model.sight import Sight, State

ALPHA_RATE = 1e6
"""Learning rate of alpha, as a factor of that of the layers: 0.1 beside 1e-7."""
NUMBERS = (*CONVOLUTIONS.values(), 30, 32, 34, 37, 39, 41, 44, 46, 48, 51, 53, 56, 58, 60)
"""Numbers of the convolutions in the released list of layers, in order; the encoder's are
torchvision's, and activations and changes of size are the numbers between."""


class SalEMA(nn.Module):
    """The network with the authors' view of frames.

    Args:
        size: Height and width that the network sees, px, multiples of 16; the authors' is 192x256.
        width: Factor of the number of filters of every layer; the authors' is 1.
        backbone: The encoder's start, `vgg16`; None: random. `load_stream` takes all of SalGAN.
        alpha: The present frame has the weight sigmoid(alpha) in the average, the average before it
            the rest; the authors' is 0.1, a weight of 0.525.
        learned: Whether alpha is trained.
        dropout: Probability that a channel of the features is dropped in training; the authors' is
            0.5.
    """

    sight = Sight(carries=True)

    def __init__(
        self,
        *,
        size: tuple[int, int],
        width: float,
        backbone: Literal["vgg16"] | None,
        alpha: float,
        learned: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.view = caffe_view(size)
        self.core = Averaging(
            width=width, seen=self.view, alpha=alpha, learned=learned, dropout=dropout
        )

    def forward(
        self, clip: Tensor, flow: Tensor | None, state: State | None = None
    ) -> tuple[OwnMaps, State]:
        """Predict every frame of clips [B, T, 3, H, W] in [0, 1]; flow is ignored.

        The state is the average after the last frame, [B, 512 * width, h/16, w/16].
        """
        batch, (height, width) = clip.shape[:2], clip.shape[-2:]
        logits, average = self.core(
            self.view(clip.flatten(0, 1)).unflatten(0, batch), None if state is None else state[0]
        )
        logits = logits.float()
        saliency = self.view.back(torch.sigmoid(logits).flatten(0, 1), (height, width))
        return OwnMaps(saliency.reshape(*batch, 1, height, width), logits), (average,)

    def segments(self) -> list[nn.Module]:
        """Return the blocks, whose activations fill the memory in training."""
        return [*self.core.encoder.segments(), *self.core.decoder.rest]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the layers and, with a rate of its own and no decay, alpha if it is learned."""
        learned = [self.core.alpha] if self.core.alpha.requires_grad else []
        groups: list[dict[str, Any]] = [
            {
                "params": [part for part in self.parameters() if part is not self.core.alpha],
                "rate": 1,
            }
        ]
        if learned:
            groups.append({"params": learned, "rate": ALPHA_RATE, "weight_decay": 0.0})
        return groups

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the encoder from torchvision's ``vgg16``.

        Raises:
            ValueError: The weights are not vgg16's, or the width is not 1.
        """
        self.core.encoder.load_backbone(state_dict, self.view)

    def load_stream(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start all layers from SalGAN's weights, as the authors do; alpha stays as it is.

        Raises:
            ValueError: The weights are of another layout.
        """
        own = {key: value for key, value in self.state_dict().items() if key == "core.alpha"}
        try:
            self.load_state_dict({**state_dict, **own})
        except RuntimeError as error:
            raise ValueError(f"these weights are not SalGAN's of this width: {error}") from error

    def released(self) -> Released:
        """Return what is known of the authors' ``SalEMA30.pt``, whose alpha was a constant."""
        tensors = {
            f"core.{name}.{part}": Source(f"salgan.{number}.{part}")
            for name, number in zip(LAYERS, NUMBERS, strict=True)
            for part in ("weight", "bias")
        }
        if self.core.alpha.requires_grad:
            tensors["core.alpha"] = Source("alpha")
        return Released("torch", tensors)

    def authors_loss(self, maps: OwnMaps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return the mean cross-entropy of the maps with densities stretched to 0..1.

        The authors sum it over a run of frames and limit the gradient to 10 times their number; the
        mean, over the frames with gaze, with a limit of 10 takes the same steps.
        """
        truth = stretched(self.view.framed(density))
        entropy = binary_cross_entropy_with_logits(maps.logits, truth, reduction="none")
        return mean_of(entropy.mean(dim=(1, 2, 3)), has_gaze(density), None)


class Averaging(nn.Module):
    """SalGAN's generator with an exponential average after the decoder's first convolution."""

    def __init__(
        self, *, width: float, seen: View, alpha: float, learned: bool, dropout: float
    ) -> None:
        super().__init__()
        self.encoder = VGG(width=width, seen=seen, dense=False)
        self.decoder = Decoder(self.encoder.channels, width)
        self.dropout = dropout
        value = torch.tensor([alpha])
        self.alpha: Tensor
        if learned:
            self.alpha = nn.Parameter(value)
        else:
            self.register_buffer("alpha", value, persistent=False)

    def forward(self, clip: Tensor, average: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute the logits of every frame of clips [B, T, 3, h, w], and the average after them.

        The first frame of all is its own average.

        Raises:
            ValueError: A side is not a multiple of 16.
        """
        images = clip.flatten(0, 1)
        check_sides(images, STRIDE, "choose another `size`")
        features = dropout2d(self.encoder(images), self.dropout, self.training)
        weight, averages = torch.sigmoid(self.alpha), []
        convolved = self.decoder.first(features).float()
        for present in convolved.unflatten(0, clip.shape[:2]).unbind(1):
            average = present if average is None else average + weight * (present - average)
            averages.append(average)
        assert average is not None
        logits = self.decoder.rest(torch.stack(averages, dim=1).flatten(0, 1))
        return logits.unflatten(0, clip.shape[:2]), average


def stretched(density: Tensor) -> Tensor:
    """Stretch maps [B, 1, H, W] to 0..1, each by its own extremes; an even map becomes 0."""
    density = density.float()
    low, high = density.amin(dim=(2, 3), keepdim=True), density.amax(dim=(2, 3), keepdim=True)
    return (density - low) / (high - low).clamp_min(torch.finfo(density.dtype).tiny)
