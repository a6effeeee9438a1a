"""Optical flow of a single still image, as a choice among a few vectors for every cell of a grid.

Walker, Gupta and Hebert, "Dense Optical Flow Prediction from a Static Image", ICCV 2015: the flow
of training videos is averaged on a coarse grid (20x20) and clustered (k-means, 40 centres), and a
network predicts for each cell the centre that its flow is nearest to. A choice can leave a question
open (left or right?) where a regression would answer with the mean; the predicted flow is the
expectation over the centres, which is small where the network is undecided. Two-Stream
Convolutional Networks (Sec. 4.2) uses it for the motion of SALICON's still images.

What differs from the original:

- Its AlexNet (200x200 pixels, two fully connected layers of 4096) is one of this repository's
  trunks, which takes frames of any size. Features of strides 8, 16 and 32 are brought to the grid
  and meet there, in 3x3 convolutions.
- A fully connected layer knows where in the picture it looks, a convolution does not: two more
  channels hold each cell's row and column.
- The last bias starts at the logarithm of each centre's frequency in training.
- The centres are kept as shares of the picture's sides, so that flow is in pixels of the frames
  that the network sees, whatever their size.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from model.arguments import pick
from model.backbones import BACKBONES, BackboneName, ImageNetNormalise, load_imagenet


class ImageFlow(nn.Module):
    """Predicts logits of the flow's cluster in each cell, and the flow that follows from them.

    Args:
        clusters: Flow vectors to choose from; the paper's are 40.
        grid: Rows and columns of the coarse grid; the paper's are 20 and 20.
        backbone: The trunk; for its ImageNet weights see load_backbone.
        channels: Channels of each level on the grid and of the two convolutions there; our choice.
    """

    centres: Tensor
    position: Tensor

    def __init__(
        self, *, clusters: int, grid: tuple[int, int], backbone: BackboneName, channels: int
    ) -> None:
        """Build the network, all centres at zero.

        Raises:
            ValueError: A number is not positive.
        """
        super().__init__()
        if min(clusters, *grid, channels) < 1:
            raise ValueError(
                f"clusters, grid, channels: expected positive numbers, got {clusters}, {grid}, "
                f"{channels}"
            )
        self.grid = (grid[0], grid[1])
        self.normalise = ImageNetNormalise()
        self.trunk = pick("backbone", backbone, BACKBONES)()
        self.levels = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in self.trunk.channels[1:])
        self.head = nn.Sequential(
            # Three levels, and the cell's row and column.
            nn.Conv2d(3 * channels + 2, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.choice = nn.Conv2d(channels, clusters, 1)
        self.register_buffer("centres", torch.zeros(clusters, 2))
        self.register_buffer("position", positions(self.grid), persistent=False)

    def forward(self, frame: Tensor) -> Tensor:
        """Return logits [B, clusters, rows, columns] for RGB frames [B, 3, H, W] in [0, 1]."""
        features = self.trunk(self.normalise(frame))[1:]
        on_grid = [self._to_grid(layer(f)) for layer, f in zip(self.levels, features, strict=True)]
        position = self.position.to(on_grid[0].dtype).expand(len(frame), -1, -1, -1)
        logits: Tensor = self.choice(self.head(torch.cat([*on_grid, position], 1)))
        return logits

    def _to_grid(self, features: Tensor) -> Tensor:
        """Resize features [B, C, h, w], finer or coarser, to the grid; negative values become 0."""
        return interpolate(
            features.float(), self.grid, mode="bilinear", align_corners=False, antialias=True
        ).relu()

    @torch.no_grad()
    def start_from(self, centres: Tensor, shares: Tensor) -> None:
        """Set the flow vectors to choose from, and the prior probability of each.

        Centres are [clusters, 2], right and down, as shares of the picture's width and height; the
        shares of the cells that belong to each, [clusters], add up to 1.
        """
        self.centres.copy_(centres)
        assert self.choice.bias is not None
        # A centre without cells keeps a finite bias.
        self.choice.bias.copy_(shares.clamp_min(1e-6).log())

    def vectors(self, size: tuple[int, int]) -> Tensor:
        """Return the centres [clusters, 2] in pixels of a picture of ``size`` (height, width)."""
        return self.centres * self.centres.new_tensor([size[1], size[0]])

    def targets(self, flow: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the cluster of each cell, [B, rows, columns]: the nearest centre in pixels.

        The flow on the grid is [B, 2, rows, columns], of frames of ``size`` (height, width).
        """
        cells = flow.permute(0, 2, 3, 1)
        return torch.cdist(cells.flatten(0, 2), self.vectors(size)).argmin(1).view(cells.shape[:3])

    def expectation(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the expected flow [B, 2, rows, columns] of frames of ``size`` from logits."""
        return torch.einsum("bcij,ck->bkij", logits.float().softmax(1), self.vectors(size))

    def expected_flow(self, frame: Tensor) -> Tensor:
        """Predict flow [B, 2, rows, columns], right and down, pixels of the input per frame."""
        return self.expectation(self(frame), (frame.shape[2], frame.shape[3]))

    def segments(self) -> list[nn.Module]:
        """Return the parts whose activations fill the memory in training: those of the trunk."""
        return self.trunk.segments()

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the trunk from torchvision's ImageNet weights.

        Raises:
            ValueError: The weights are not this backbone's.
        """
        load_imagenet(self.trunk, state_dict)


def positions(grid: tuple[int, int]) -> Tensor:
    """Return the row and column of each cell's centre, [1, 2, rows, columns], from -1 to 1."""
    rows, columns = ((torch.arange(n) + 0.5) * 2 / n - 1 for n in grid)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]


def cluster_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-likelihood of the clusters, summed over the cells and the frames.

    The paper's softmax loss: cells weigh the same, and so do clusters, however rare.
    """
    return cross_entropy(logits.float(), targets, reduction="sum")
