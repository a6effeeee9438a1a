"""What is learned by the networks that predict saliency: Eq. (6), or the predecessor's loss."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from model.losses import Counts, Terms, counted_frames, euclidean_loss, saliency_loss
from model.outputs import Maps
from pipeline.training import loop
from pipeline.training.loop import Trainer
from pipeline.training.samples import Batch, Sample, Samples, on_device
from pipeline.training.tensorboard import Board


class SaliencyTrainer(Trainer[Batch]):
    """Learns where people look by the loss of Eq. (6), or by the predecessor's."""

    logged = ("loss", "kl", "nss", "zeros")
    """`zeros`: share of the predicted pixels that are 0, the last ReLU's dead ones, or below it,
    where a network without that ReLU can be."""
    measured = ("validation_kl", "validation_nss")

    def maps(self, network: nn.Module, sample: Sample) -> Maps:
        """What the network makes of frames."""
        with self.narrow():
            return network(sample.frame, sample.flow)  # type: ignore[no-any-return]

    def predict(self, sample: Sample) -> Maps:
        """What the network makes of frames when it is used; by one process alone."""
        return self.maps(self.network.eval(), sample)

    def terms(self, maps: Maps, sample: Sample, counts: Tensor) -> Terms:
        """The loss of the settings, and those of Eq. (4) and (5)."""
        assert self.run.loss is not None
        euclidean = self.run.settings.loss == "euclidean"
        # Then Eq. (6) is only logged: densities that fall below 0 while they are learnt have none.
        scored = maps.saliency.detach().clamp_min(0) if euclidean else maps.saliency
        loss, of = self.run.loss.model_dump(), Counts(*counts)
        terms = saliency_loss(scored, sample.density, sample.fixated, **loss, counts=of)
        if not euclidean:
            return terms
        return terms._replace(total=euclidean_loss(maps.saliency, sample.density, of.kl))

    def learn(self, part: Batch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of Eq. (6), its terms, and the share of zeros."""
        sample = on_device(part, self.where)
        maps = self.maps(self.forward, sample)
        terms = self.terms(maps, sample, counts)
        zeros = (maps.saliency <= 0).float().mean() * len(sample.frame) / self.run.settings.batch
        return terms.total, torch.stack([*terms, zeros])

    def counts(self, batch: Batch) -> Tensor:
        """Frames for which Eq. (4) and Eq. (5) are defined."""
        return torch.stack(counted_frames(batch.density, batch.fixated)).float()

    def show(self, board: Board, batch: Batch, iteration: int) -> None:
        """Adds the maps of two frames."""
        board.show(self.predict, on_device(batch.part(0, 2), self.where), iteration)

    @torch.no_grad()
    def validate(self, samples: Samples[Batch]) -> list[float]:
        """KL and NSS losses over the frames of the held-out clips."""
        self.processes.spread(self.network.buffers())
        totals = torch.zeros(4, device=self.where)
        for batch in self.held_out(samples):
            sample, counts = on_device(batch, self.where), self.counts(batch).to(self.where)
            terms = self.terms(self.predict(sample), sample, counts)
            totals += torch.cat([torch.stack(terms[1:]) * counts, counts])
        kl, nss, *frames = self.processes.total(totals).tolist()
        return [kl / max(frames[0], 1), nss / max(frames[1], 1)]


train = partial(loop.train, kind=SaliencyTrainer)
"""`loop.train` for these networks."""
train_to = partial(loop.train_to, kind=SaliencyTrainer)
"""`loop.train_to` for these networks."""
