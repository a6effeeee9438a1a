"""Training of the networks that predict saliency: Eq. (6), or the predecessor's loss."""

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from model.losses import Counts, Terms, counted_frames, euclidean_loss, saliency_loss
from model.outputs import Maps
from model.sight import see
from pipeline.runtime.errors import InputError
from pipeline.training import loop
from pipeline.training.batches import MixedOrder, Order, Samples, part
from pipeline.training.clips import MixedSamples, enter
from pipeline.training.frame_trainer import FrameTrainer
from pipeline.training.samples import Batch, Sample, on_device
from pipeline.training.tensorboard import Board


class SaliencyTrainer(FrameTrainer[Batch]):
    """Learns where people look, by the loss of Eq. (6) or by the predecessor's."""

    logged = ("loss", "kl", "nss", "zeros")
    """`zeros` is the share of predicted pixels at or below 0: the dead pixels of the last ReLU, or
    negative ones of networks without that ReLU."""
    measured = ("validation_kl", "validation_nss")
    mixed: MixedSamples | None = None
    """What is learnt, if each batch is of one dataset."""

    def order(self, samples: Samples[Batch]) -> Order:
        """Which samples this process reads; in mixed trainings each batch is of one dataset."""
        order = super().order(samples)
        if not isinstance(samples, MixedSamples):
            return order
        if any(batch % self.processes.count for batch in samples.batches):
            raise InputError(
                f"config.yaml: images: {self.processes.count} processes cannot share "
                f"{self.settings.images} images evenly; change this training's images"
            )
        self.mixed = samples
        given = {one.name: getattr(order, one.name) for one in fields(order)}
        self.turns = MixedOrder(**given, videos=samples.videos, batches=samples.batches)
        return self.turns

    @property
    def whole(self) -> int:
        """Samples of the present iteration, of all processes together."""
        if self.mixed is None:
            return self.settings.batch
        return self.mixed.batches[self.turns.turn(len(self.rows))[0]]

    def start_step(self) -> None:
        """Training mode, in the domain of the dataset whose turn it is."""
        super().start_step()
        if self.mixed is not None:
            enter(self.network, [*self.mixed.datasets][self.turns.turn(len(self.rows))[0]])

    def held_out(self, samples: Samples[Batch]) -> Iterator[Batch]:
        """This process's share of held-out samples, batch by batch, each of one dataset."""
        if not isinstance(samples, MixedSamples):
            yield from super().held_out(samples)
            return
        for (name, numbers), size in zip(samples.datasets.items(), samples.batches, strict=True):
            enter(self.network, name)
            for start in range(
                self.processes.rank * size, len(numbers), self.processes.count * size
            ):
                yield samples.batch(numbers[start : start + size])

    def maps(self, network: nn.Module, sample: Sample) -> Any:
        """The network's maps of some frames, or of the predicted frames of clips: [M, 1, H, W]."""
        frame, flow = sample.frame, sample.flow
        if frame.dim() == 4:
            frame, flow = frame[:, None], flow[:, None, None]
        with self.autocast():
            maps, _ = see(network, frame, flow)
        return type(maps)(*(None if one is None else one.flatten(0, 1) for one in maps))

    def predict(self, sample: Sample) -> Maps:
        """The network's maps in evaluation mode; involves no other process."""
        return self.maps(self.network.eval(), sample)  # type: ignore[no-any-return]

    def terms(self, maps: Any, sample: Sample, counts: Tensor) -> Terms:
        """The loss of the settings, and the terms of Eq. (4) and (5)."""
        assert self.run.loss is not None
        density, fixated = (map_.flatten(0, -4) for map_ in (sample.density, sample.fixated))
        chosen = self.settings.loss
        # Other losses learn maps that may fall below 0 on the way, where Eq. (4) is undefined: its
        # terms, only logged then, are those of the clamped map.
        own = chosen == "saliency"
        scored = maps.saliency if own else maps.saliency.detach().clamp_min(0)
        weights, of = self.run.loss.model_dump(), Counts(*counts)
        terms = saliency_loss(scored, density, fixated, **weights, counts=of)
        if own:
            return terms
        if chosen == "euclidean":
            return terms._replace(total=euclidean_loss(maps.saliency, density, of.kl))
        # Processes share a batch; their losses add up to the mean of their shares.
        share = len(sample.frame) / self.whole
        loss = self.network.authors_loss(maps, density, fixated)  # type: ignore[operator]
        return terms._replace(total=loss * share)

    def learn(self, samples: Batch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, its terms, and the share of pixels that are not above 0."""
        sample = on_device(samples, self.device)
        maps = self.maps(self.forward, sample)
        terms = self.terms(maps, sample, counts)
        zeros = (maps.saliency <= 0).float().mean() * len(sample.frame) / self.whole
        return terms.total, torch.stack([*terms, zeros])

    def counts(self, batch: Batch) -> Tensor:
        """Numbers of frames for which Eq. (4) and Eq. (5) are defined."""
        flat = (maps.flatten(0, -4) for maps in (batch.density, batch.fixated))
        return torch.stack(counted_frames(*flat)).float()

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
