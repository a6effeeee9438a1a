"""Stage train_image_flow: weights of the network that sees flow in a single still image.

Walker et al., ICCV 2015 (model/flow/image_flow.py): the flow of training videos, as stage `flow`
made it, is averaged on the network's grid; its vectors are clustered by k-means; the network learns
each cell's cluster. As in the paper, labels are hard and the loss weighs all clusters alike. The
paper's flow is of UCF-101 and HMDB-51, ours of the datasets that config.yaml names; the paper crops
and mirrors its pictures, we do neither. On held-out clips the end-point error is measured, on the
grid of the stores; nothing is selected by it.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from model.flow.image_flow import ImageFlow, cluster_loss
from pipeline.config.training import Training
from pipeline.preprocessing.tensors import upsampled
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.stores.verify import damage
from pipeline.training.backbones import load_backbone
from pipeline.training.batches import Samples
from pipeline.training.frame_trainer import FrameTrainer
from pipeline.training.loop import train_to
from pipeline.training.samples import Motions, MotionSamples
from pipeline.training.trainer import Run

ROUNDS = 50
"""Rounds of k-means; the paper does not state them."""


class ImageFlowTrainer(FrameTrainer[Motions]):
    """Learns the cluster of the flow in each cell of the grid."""

    logged = ("loss", "accuracy")
    """`accuracy` is the share of cells whose most likely cluster is the true one."""
    measured = ("validation_error", "validation_error_still")
    """Mean end-point error in pixels of the frame grid, and the error of predicting no motion."""
    network: ImageFlow

    def counts(self, batch: Motions) -> Tensor:
        """Number of cells of the batch."""
        rows, columns = self.network.grid
        return torch.tensor([float(len(batch.frame) * rows * columns)])

    def on_device(self, batch: Motions) -> tuple[Tensor, Tensor]:
        """Frames in 0..1 and stored flow, as floats."""
        frame, flow = (tensor.to(self.device, non_blocking=True) for tensor in batch)
        return frame.to(memory_format=torch.channels_last) / 255.0, flow.float()

    def learn(self, samples: Motions, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Mean negative log-likelihood over the cells, and the accuracy."""
        frame, flow = self.on_device(samples)
        size = (frame.shape[2], frame.shape[3])
        targets = self.network.targets(adaptive_avg_pool2d(flow, self.network.grid), size)
        with self.autocast():
            logits = self.forward(frame)
        loss = cluster_loss(logits, targets) / counts[0]
        right = (logits.argmax(1) == targets).sum() / counts[0]
        return loss, torch.stack([loss, right])

    @torch.no_grad()
    def validate(self, samples: Samples[Motions]) -> list[float]:
        """End-point errors over the frames of the held-out clips."""
        self.processes.broadcast(self.network.buffers())
        self.network.eval()
        totals = torch.zeros(3, device=self.device)
        for batch in self.held_out(samples):
            frame, flow = self.on_device(batch)
            with self.autocast():
                expected = self.network.expected_flow(frame)
            error = upsampled(expected, (flow.shape[2], flow.shape[3])) - flow
            errors = [field.norm(dim=1).sum() for field in (error, flow)]
            totals += torch.stack([*errors, torch.ones_like(flow[:, 0]).sum()])
        wrong, still, cells = self.processes.all_sum(totals).tolist()
        return [wrong / cells, still / cells]


def flow_vectors(samples: MotionSamples, grid: tuple[int, int], frames: int) -> NDArray[np.float64]:
    """Mean flow of the cells of evenly spaced frames: [vectors, 2], pixels per frame."""
    indices = np.unique(np.linspace(0, len(samples) - 1, min(frames, len(samples))).astype(int))
    cells = [adaptive_avg_pool2d(samples.flows([int(i)]).float(), grid)[0] for i in indices]
    return torch.stack(cells, 1).flatten(1).T.double().numpy()


def cluster(
    vectors: NDArray[np.float64], clusters: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of k-means [clusters, 2], the slowest first, and each one's share of the vectors.

    Raises:
        InputError: There are fewer distinct vectors than clusters.
    """
    different = len(np.unique(vectors, axis=0))
    if different < clusters:
        raise InputError(
            f"--flow: expected at least {clusters} different flow vectors, found {different}; "
            "name other datasets in image_flow_weights of config.yaml, or lower its clusters"
        )
    with warnings.catch_warnings():
        # A cluster that loses all its vectors keeps its centre, with a share of 0.
        warnings.filterwarnings("ignore", "One of the clusters is empty")
        random = np.random.default_rng(seed)
        centres, labels = kmeans2(vectors, clusters, ROUNDS, minit="++", rng=random)
    order = np.argsort(np.hypot(*centres.T), kind="stable")
    shares = np.bincount(labels, minlength=clusters) / len(labels)
    return centres[order], shares[order]


def build_start(
    network: dict[str, Any], samples: MotionSamples, clustered: int, seed: int
) -> ImageFlow:
    """The untrained network, whose centres are those of the training flow.

    Raises:
        InputError: Its constructor does not take the arguments, or the flow cannot be clustered.
    """
    torch.manual_seed(seed)
    try:
        made = ImageFlow(**network)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"--network: expected arguments of ImageFlow ({error}); change "
            "image_flow_weights.network of config.yaml"
        ) from error
    vectors = flow_vectors(samples, made.grid, clustered)
    centres, shares = cluster(vectors, len(made.centres), seed)
    height, width = samples.size()
    made.start_from(torch.from_numpy(centres / [width, height]), torch.from_numpy(shares))
    return made


def train_image_flow(
    *,
    network: dict[str, Any],
    clustered: int,
    backbone: list[Path],
    sha256: str | None,
    frames: list[Path],
    flow: list[Path],
    validation_frames: list[Path],
    validation_flow: list[Path],
    settings: Training,
    seed: int,
    threads: int,
    code: str,
    checkpoints: Path,
    checkpoint_minutes: int,
    board: Path,
    weights: Path,
    log: Path,
) -> None:
    """Trains on the training splits of some datasets of videos.

    `clustered` frames give the flow vectors that are clustered. `backbone` and `sha256` are those
    of `load_backbone`. The stores of `validation_*` hold clips that are only measured; there may be
    none.
    """
    samples = MotionSamples(frames, flow)
    held_out = MotionSamples(validation_frames, validation_flow) if validation_frames else None
    image_flow = build_start(network, samples, clustered, seed)
    load_backbone(image_flow, backbone, sha256)
    run = Run(settings, None, seed, threads, network, code, checkpoints, board, checkpoint_minutes)
    train_to(weights, log, image_flow, samples, run, held_out, kind=ImageFlowTrainer)


if __name__ == "__main__":
    main(train_image_flow, damage=damage)
