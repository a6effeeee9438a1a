"""How the two streams become one map: the gate of Fig. 3, and the ablation without it."""

import torch
from torch import Tensor, nn

from model.blocks.revived_relu import revived_relu
from model.outputs import Maps


class GatedFusion(nn.Module):
    """Mixes the two streams by a learned probability per location (Sec. III-C, Fig. 3)."""

    def __init__(self) -> None:
        """Start the gate at P = 0.5 everywhere; a random start would favour a stream by chance."""
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size=1)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, S_A: Tensor, S_T: Tensor) -> Maps:
        """Fuse the appearance map S_A and the motion map S_T, both [B, 1, H, W]."""
        P = torch.sigmoid(self.conv(torch.cat([S_A, S_T], dim=1)))
        G_A, G_T = P, 1 - P  # Eq. (1)
        weighted_A, weighted_T = S_A * G_A, S_T * G_T  # Eq. (2)
        S_final = weighted_A + weighted_T  # Eq. (3)
        return Maps(S_final, S_A, S_T, G_A, G_T)


class ConvFusion(nn.Module):
    """The ablation "w/o gated fusion": a fixed weighting by a 1x1 convolution (Sec. IV-E).

    Our choices: it starts where the gate does, at the mean of both maps, and a ReLU keeps the
    prediction non-negative, as the losses expect and the other variants give it.
    """

    def __init__(self) -> None:
        """Start with both weights at 0.5 and no bias."""
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size=1)
        nn.init.constant_(self.conv.weight, 0.5)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, S_A: Tensor, S_T: Tensor) -> Maps:
        """Fuse the appearance map S_A and the motion map S_T, both [B, 1, H, W]."""
        return Maps(revived_relu(self.conv(torch.cat([S_A, S_T], dim=1))), S_A, S_T)
