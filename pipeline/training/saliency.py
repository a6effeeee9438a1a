"""Training of the networks that predict saliency: Eq. (6), or the predecessor's loss."""

from functools import partial

import torch
from torch import Tensor, nn

from model.losses import Counts, Terms, counted_frames, euclidean_loss, saliency_loss
from model.outputs import Maps
from pipeline.training import loop
from pipeline.training.batches import Samples, part
from pipeline.training.frame_trainer import FrameTrainer
from pipeline.training.samples import Batch, Sample, on_device
from pipeline.training.tensorboard import Board


class SaliencyTrainer(FrameTrainer[Batch]):
    """Learns where people look, by the loss of Eq. (6) or by the predecessor's."""

    logged = ("loss", "kl", "nss", "zeros")
    """`zeros` is the share of predicted pixels at or below 0: the dead pixels of the last ReLU, or
    negative ones of networks without that ReLU."""
    measured = ("validation_kl", "validation_nss")

    def maps(self, network: nn.Module, sample: Sample) -> Maps:
        """The network's maps of some frames."""
        with self.autocast():
            return network(sample.frame, sample.flow)  # type: ignore[no-any-return]

    def predict(self, sample: Sample) -> Maps:
        """The network's maps in evaluation mode; involves no other process."""
        return self.maps(self.network.eval(), sample)

    def terms(self, maps: Maps, sample: Sample, counts: Tensor) -> Terms:
        """The loss of the settings, and the terms of Eq. (4) and (5)."""
        assert self.run.loss is not None
        euclidean = self.settings.loss == "euclidean"
        # The Euclidean loss learns densities that may fall below 0 on the way, where Eq. (4) is
        # undefined: its terms, only logged then, are those of the clamped map.
        scored = maps.saliency.detach().clamp_min(0) if euclidean else maps.saliency
        weights, of = self.run.loss.model_dump(), Counts(*counts)
        terms = saliency_loss(scored, sample.density, sample.fixated, **weights, counts=of)
        if not euclidean:
            return terms
        return terms._replace(total=euclidean_loss(maps.saliency, sample.density, of.kl))

    def learn(self, samples: Batch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, its terms, and the share of pixels that are not above 0."""
        sample = on_device(samples, self.device)
        maps = self.maps(self.forward, sample)
        terms = self.terms(maps, sample, counts)
        zeros = (maps.saliency <= 0).float().mean() * len(sample.frame) / self.settings.batch
        return terms.total, torch.stack([*terms, zeros])

    def counts(self, batch: Batch) -> Tensor:
        """Numbers of frames for which Eq. (4) and Eq. (5) are defined."""
        return torch.stack(counted_frames(batch.density, batch.fixated)).float()

    def show(self, board: Board, batch: Batch, iteration: int) -> None:
        """Adds the maps of two frames."""
        board.show(self.predict, on_device(part(batch, 0, 2), self.device), iteration)

    @torch.no_grad()
    def validate(self, samples: Samples[Batch]) -> list[float]:
        """KL and NSS losses over the frames of the held-out clips."""
        # Each process took the running statistics of its own share of the batches.
        self.processes.broadcast(self.network.buffers())
        totals = torch.zeros(4, device=self.device)
        for batch in self.held_out(samples):
            sample, counts = on_device(batch, self.device), self.counts(batch).to(self.device)
            terms = self.terms(self.predict(sample), sample, counts)
            totals += torch.cat([torch.stack(terms[1:]) * counts, counts])
        kl, nss, *frames = self.processes.all_sum(totals).tolist()
        return [kl / max(frames[0], 1), nss / max(frames[1], 1)]


train = partial(loop.train, kind=SaliencyTrainer)
"""`loop.train` for networks that predict saliency."""
train_to = partial(loop.train_to, kind=SaliencyTrainer)
"""`loop.train_to` for networks that predict saliency."""
