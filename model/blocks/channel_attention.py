"""The box "Channel-wise Attention" of Fig. 2b-iii."""

from torch import Tensor, nn
from torch.nn.functional import relu


class ChannelAttention(nn.Module):
    """Weights each channel by one number, computed from the whole image (Sec. III-B, Fig. 2b-iii).

    The text ends the block with ReLU, not sigmoid, so a channel can be switched off for an image.
    """

    def __init__(self, channels: int, *, reduction: int, bias: float) -> None:
        """Squeeze to channels // reduction; start the last layer's bias at ``bias``.

        With a bias of 0 about half of the channels would start switched off (our choice: 1).
        """
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)
        nn.init.constant_(self.excite.bias, bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return features [B, C, H, W] times one weight >= 0 per image and channel."""
        # Global average pooling, as in squeeze-and-excitation (Hu et al., CVPR 2018).
        pooled = features.mean(dim=(2, 3))
        weights = relu(self.excite(relu(self.squeeze(pooled))))
        return features * weights[:, :, None, None]
