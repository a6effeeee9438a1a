"""Stage train_image_flow: weights of the network that sees flow in a single still image.

Walker et al., ICCV 2015 (model/flow/image_flow.py): the flow of training videos, as stage `flow`
made it, is averaged on the network's grid; its vectors are clustered by k-means; the network learns
each cell's cluster. The paper's labels are hard, its loss weighs all clusters alike, and so do
ours. Differences: the paper's flow is of UCF-101 and HMDB-51, ours of whatever datasets are named;
it crops and mirrors its pictures, we do neither. On held-out clips the end-point error is measured,
on the grid of the stores; nothing is chosen by it.
"""

from __future__ import annotations

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
from pipeline.stores.weights import check_digest
from pipeline.training.loop import Run, Trainer, train_to
from pipeline.training.samples import Motions, MotionSamples, Samples

ROUNDS = 50
"""Rounds of k-means; the paper is silent."""


class ImageFlowTrainer(Trainer[Motions]):
    """Learns the cluster of each cell's flow."""

    logged = ("loss", "accuracy")
    """`accuracy`: share of the cells whose likeliest cluster is theirs."""
    measured = ("validation_error", "validation_error_still")
    """Mean end-point error in pixels of the frame grid, and that of no flow at all."""
    network: ImageFlow

    def counts(self, batch: Motions) -> Tensor:
        """Cells of the batch."""
        rows, columns = self.network.grid
        return torch.tensor([float(len(batch.frame) * rows * columns)])

    def on_device(self, batch: Motions) -> tuple[Tensor, Tensor]:
        """Frames in 0..1 and stored flow, as floats."""
        frame, flow = (tensor.to(self.where, non_blocking=True) for tensor in batch)
        return frame.to(memory_format=torch.channels_last) / 255.0, flow.float()

    def learn(self, part: Motions, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Mean negative log-likelihood over the cells."""
        frame, flow = self.on_device(part)
        size = (frame.shape[2], frame.shape[3])
        targets = self.network.targets(adaptive_avg_pool2d(flow, self.network.grid), size)
        with self.narrow():
            logits = self.forward(frame)
        loss = cluster_loss(logits, targets) / counts[0]
        right = (logits.argmax(1) == targets).sum() / counts[0]
        return loss, torch.stack([loss, right])

    @torch.no_grad()
    def validate(self, samples: Samples[Motions]) -> list[float]:
        """End-point errors over the frames of the held-out clips."""
        self.processes.spread(self.network.buffers())
        self.network.eval()
        totals = torch.zeros(3, device=self.where)
        for batch in self.held_out(samples):
            frame, flow = self.on_device(batch)
            with self.narrow():
                expected = self.network.expected_flow(frame)
            error = upsampled(expected, (flow.shape[2], flow.shape[3])) - flow
            errors = [field.norm(dim=1).sum() for field in (error, flow)]
            totals += torch.stack([*errors, torch.ones_like(flow[:, 0]).sum()])
        wrong, still, cells = self.processes.total(totals).tolist()
        return [wrong / cells, still / cells]


def flow_vectors(samples: MotionSamples, grid: tuple[int, int], frames: int) -> NDArray[np.float64]:
    """Mean flow of the cells of some frames, spread evenly: [vectors, 2], pixels per frame."""
    places = np.unique(np.linspace(0, len(samples) - 1, min(frames, len(samples))).astype(int))
    cells = [adaptive_avg_pool2d(samples.flows([int(i)]).float(), grid)[0] for i in places]
    return torch.stack(cells, 1).flatten(1).T.double().numpy()


def cluster(
    vectors: NDArray[np.float64], clusters: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of k-means [clusters, 2], the slowest first, and the share of vectors of each.

    Raises:
        InputError: There are fewer different vectors than clusters.
    """
    different = len(np.unique(vectors, axis=0))
    if different < clusters:
        raise InputError(
            f"--flow: expected at least {clusters} different flow vectors, found {different}; "
            "name other datasets in image_flow_weights of config.yaml, or lower its clusters"
        )
    with warnings.catch_warnings():
        # A cluster that lost its vectors on the way keeps its centre, and a share of 0.
        warnings.filterwarnings("ignore", "One of the clusters is empty")
        random = np.random.default_rng(seed)
        centres, labels = kmeans2(vectors, clusters, ROUNDS, minit="++", rng=random)
    order = np.argsort(np.hypot(*centres.T), kind="stable")
    shares = np.bincount(labels, minlength=clusters) / len(labels)
    return centres[order], shares[order]


def start(network: dict[str, Any], samples: MotionSamples, clustered: int, seed: int) -> ImageFlow:
    """The network before its training, with the centres of the training flow.

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


def load_backbone(network: ImageFlow, file: Path, sha256: str | None) -> None:
    """Starts the trunk from ImageNet weights under torchvision's keys.

    Raises:
        InputError: They are not this backbone's, or the file has another digest.
    """
    check_digest(file, sha256)
    try:
        network.load_backbone(torch.load(file, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{file}: expected weights of this backbone ({error}); name others in "
            "backbone_weights of config.yaml"
        ) from error


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
    board: Path,
    weights: Path,
    log: Path,
) -> None:
    """Trains on the training splits of some datasets of videos.

    `backbone` is one file with ImageNet weights under torchvision's keys, or none, and `sha256` the
    digest that it must have. The stores of `validation_*` hold clips that are only measured; there
    may be none.
    """
    samples = MotionSamples(frames, flow)
    held_out = MotionSamples(validation_frames, validation_flow) if validation_frames else None
    begun = start(network, samples, clustered, seed)
    for file in backbone:
        load_backbone(begun, file, sha256)
    run = Run(settings, None, seed, threads, network, code, checkpoints, board)
    train_to(weights, log, begun, samples, run, held_out, kind=ImageFlowTrainer)


if __name__ == "__main__":
    main(train_image_flow, damage=damage)
