"""Training of the networks that predict saliency: Eq. (6), or the loss of a network's authors.

Three kinds of training are rivals' alone: of videos in order, with batches of one dataset each, and
against a discriminator.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import partial
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from model.losses import Counts, Terms, counted_frames, euclidean_loss, saliency_loss
from model.outputs import Maps
from model.sight import State, see
from pipeline.config.training import Training
from pipeline.runtime.errors import InputError
from pipeline.runtime.processes import Processes
from pipeline.training import loop
from pipeline.training.batches import MixedOrder, Order, Samples, part
from pipeline.training.clips import ClipSamples, MixedSamples
from pipeline.training.frame_trainer import FrameTrainer
from pipeline.training.networks import enter
from pipeline.training.samples import Batch, Sample, on_device
from pipeline.training.tensorboard import Board
from pipeline.training.trainer import Run


class SaliencyTrainer(FrameTrainer[Batch]):
    """Learns where people look, by the loss of Eq. (6) or by the predecessor's."""

    logged: ClassVar[tuple[str, ...]] = ("loss", "kl", "nss", "zeros")
    """`zeros` is the share of predicted pixels at or below 0: the dead pixels of the last ReLU, or
    negative ones of networks without that ReLU."""
    measured = ("validation_kl", "validation_nss")

    def __init__(self, network: nn.Module, run: Run, processes: Processes) -> None:
        """Take a network that has the loss of its settings.

        Raises:
            InputError: It has no loss of its authors' own.
        """
        super().__init__(network, run, processes)
        if self.settings.loss == "authors" and not hasattr(network, "authors_loss"):
            name = run.network.get("network", "this network")
            raise InputError(f"loss: authors: {name} has none; set it to saliency, and nss to null")

    @property
    def whole(self) -> int:
        """Samples of the present iteration, of all processes together."""
        return self.settings.batch

    def maps(
        self, network: nn.Module, sample: Sample, state: State | None = None
    ) -> tuple[Any, State | None]:
        """The maps of some frames, or of the predicted frames of clips, [M, 1, H, W]; the state."""
        frame, flow = sample.frame, sample.flow
        if frame.dim() == 4:
            frame, flow = frame[:, None], flow[:, None, None]
        with self.autocast():
            maps, state = see(network, frame, flow, state)
        flat = (None if one is None else one.flatten(0, 1) for one in maps)
        return type(maps)(*flat), state

    def predict(self, sample: Sample) -> Maps:
        """The network's maps in evaluation mode; involves no other process."""
        return self.maps(self.network.eval(), sample)[0]  # type: ignore[no-any-return]

    def watch(self, sample: Sample) -> Any:
        """The network's maps in training."""
        return self.maps(self.forward, sample)[0]

    def terms(self, maps: Any, sample: Sample, counts: Tensor) -> Terms:
        """The loss of the settings, and the terms of Eq. (4) and (5)."""
        assert self.run.loss is not None
        density, fixated = (map_.flatten(0, -4) for map_ in (sample.density, sample.fixated))
        chosen = self.settings.loss
        # Other losses learn maps that may fall below 0 on the way, where Eq. (4) is undefined: its
        # terms are those of the clamped map then, and only logged, but for NSS with key `nss`.
        own, beside = chosen == "saliency", self.settings.nss
        scored = maps.saliency if own else maps.saliency.clamp_min(0)
        if not own and beside is None:
            scored = scored.detach()
        weights, of = self.run.loss.model_dump(), Counts(*counts)
        terms = saliency_loss(scored, density, fixated, **weights, counts=of)
        if own:
            return terms
        if chosen == "euclidean":
            return terms._replace(total=euclidean_loss(maps.saliency, density, of.kl))
        # Processes share a batch; their losses add up to the mean of their shares.
        share = len(sample.frame) / self.whole
        loss = self.network.authors_loss(maps, density, fixated)  # type: ignore[operator]
        total = loss * share
        if beside is not None:
            total = total + beside * terms.nss
        return terms._replace(total=total)

    def learn(self, samples: Batch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a part of a batch, and the values of `logged`."""
        sample = on_device(samples, self.device)
        return self.measured_loss(self.watch(sample), sample, counts)

    def measured_loss(self, maps: Any, sample: Sample, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss; it and its terms, and the share of pixels that are not above 0."""
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


class FollowingTrainer(SaliencyTrainer):
    """Follows one video after another; a clip starts from the state that the one before left.

    No gradient goes from a clip to the one before.
    """

    shuffled = False

    def __init__(self, network: nn.Module, run: Run, processes: Processes) -> None:
        super().__init__(network, run, processes)
        self.carried: tuple[Tensor, ...] | None = None

    def order(self, samples: Samples[Batch]) -> Order:
        """The clips in the order of their numbers."""
        if not isinstance(samples, ClipSamples):
            raise InputError(
                "config.yaml: clip.in_order: this network sees single frames; leave it out"
            )
        self.clips = samples
        return super().order(samples)

    def watch(self, sample: Sample) -> Any:
        """The network's maps in training."""
        begins = self.clips.begins(len(self.rows) % len(self.clips))
        maps, state = self.maps(self.forward, sample, None if begins else self.carried)
        assert state is not None
        self.carried = tuple(part.detach() for part in state)
        return maps

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint, with the state that the next clip starts from."""
        return super().state() | {"carried": self.carried}

    def resume(self, state: dict[str, Any] | None) -> None:
        """Goes on from the content of a checkpoint, if there is one."""
        super().resume(state)
        if state is not None:
            self.carried = tuple(part.to(self.device) for part in state["carried"])


class MixingTrainer(SaliencyTrainer):
    """Learns from one dataset at a time, in the domain of that dataset if the network has such."""

    turns: MixedOrder | None = None
    """None: there is one dataset only, whose domain the network is in."""

    def order(self, samples: Samples[Batch]) -> Order:
        """The datasets' batches in turn."""
        order = super().order(samples)
        if not isinstance(samples, MixedSamples):
            return order
        if any(batch % self.processes.count for batch in samples.batches):
            raise InputError(
                f"config.yaml: images: {self.processes.count} processes cannot share "
                f"{self.settings.images} images evenly; change this training's images"
            )
        given = {one.name: getattr(order, one.name) for one in fields(order)}
        self.turns = MixedOrder(**given, choices=samples.choices, batches=samples.batches)
        self.datasets = [*samples.datasets]
        return self.turns

    @property
    def whole(self) -> int:
        """Samples of the present iteration, of all processes together."""
        if self.turns is None:
            return super().whole
        return self.turns.batches[self.turns.turn(len(self.rows))[0]]

    def start_step(self) -> None:
        """Training mode, in the domain of the dataset whose turn it is."""
        super().start_step()
        if self.turns is not None:
            enter(self.network, self.datasets[self.turns.turn(len(self.rows))[0]])

    def held_out(self, samples: Samples[Batch]) -> Iterator[Batch]:
        """This process's share of held-out samples, batch by batch, each of one dataset."""
        if not isinstance(samples, MixedSamples):
            yield from super().held_out(samples)
            return
        rank, count = self.processes.rank, self.processes.count
        for (name, numbers), size in zip(samples.datasets.items(), samples.batches, strict=True):
            enter(self.network, name)
            for start in range(rank * size, len(numbers), count * size):
                yield samples.batch(numbers[start : start + size])


class AdversarialTrainer(SaliencyTrainer):
    """Trains a network and its discriminator in turn, the latter first.

    One optimiser has the parameters of both. In an iteration those of one side have gradients, and
    an optimiser leaves alone what has none, also its moments.
    """

    logged = (*SaliencyTrainer.logged, "discriminator")
    """Both losses are measured in every iteration; `loss` is the network's."""

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network as it is trained; makes the discriminator."""
        if not hasattr(network, "discriminator"):
            raise InputError(
                f"config.yaml: adversarial: network {type(network).__name__} has no discriminator; "
                "set it to null"
            )
        torch.manual_seed(self.run.seed)
        build: Any = network.discriminator
        self.discriminator: nn.Module = build().to(self.device)
        return super().prepare(network)

    def trained(self) -> Iterable[nn.Parameter]:
        """The parameters of both sides."""
        return chain(super().trained(), self.discriminator.parameters())

    def groups(self) -> list[dict[str, Any]]:
        """The parameters of both sides, with their learning rates."""
        assert self.settings.adversarial is not None
        rate = self.settings.adversarial.learning_rate
        return [*super().groups(), {"params": list(self.discriminator.parameters()), "lr": rate}]

    def learn(self, samples: Batch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of the side whose turn it is, and the values of `logged`."""
        assert self.settings.adversarial is not None
        judging, network = len(self.rows) % 2 == 0, self.network
        sample = on_device(samples, self.device)
        self.discriminator.requires_grad_(judging)
        with torch.set_grad_enabled(not judging):
            maps = self.watch(sample)
        given = (self.discriminator, maps, sample.frame, sample.density)
        content = self.settings.adversarial.content
        own = network.generator_loss(*given, content=content)  # type: ignore[operator]
        its = network.discriminator_loss(*given)  # type: ignore[operator]
        share = len(sample.frame) / self.whole
        _, values = self.measured_loss(maps, sample, counts)
        values = torch.stack([own * share, *values[1:], its * share])
        return (its if judging else own) * share, values

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint, with the discriminator."""
        return super().state() | {"discriminator": self.discriminator.state_dict()}

    def resume(self, state: dict[str, Any] | None) -> None:
        """Goes on from the content of a checkpoint, if there is one."""
        super().resume(state)
        if state is not None:
            self.discriminator.load_state_dict(state["discriminator"])


def trainer(network: nn.Module, run: Run, processes: Processes) -> SaliencyTrainer:
    """The trainer that the settings ask for."""
    assert isinstance(run.settings, Training)
    kind = SaliencyTrainer
    if run.settings.adversarial is not None:
        kind = AdversarialTrainer
    elif run.settings.clip.in_order:
        kind = FollowingTrainer
    elif run.settings.mix == "datasets" or hasattr(network, "enter"):
        kind = MixingTrainer
    return kind(network, run, processes)


train = partial(loop.train, kind=trainer)
"""`loop.train` for networks that predict saliency."""
train_to = partial(loop.train_to, kind=trainer)
"""`loop.train_to` for networks that predict saliency."""
