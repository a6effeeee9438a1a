"""The recipe of trainings on stored frames: section `Training` of config.yaml (Sec. IV-B)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from model.batch_norm import Folded, fold, freeze, set_momentum, unfold
from pipeline.config.training import Training
from pipeline.runtime.errors import InputError
from pipeline.runtime.processes import Processes
from pipeline.training.batches import AnyBatch
from pipeline.training.trainer import Run, Trainer

_SLOW = (
    "precision: bfloat16: this processor has no instructions for it, and takes many times as long "
    "as in float32; precision: float32 is faster here, but ends in other weights"
)


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16: any GPU, and what oneDNN does it on."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class FrameTrainer(Trainer[AnyBatch]):
    """Trains with Adam or SGD, whose learning rate falls in equal steps."""

    def __init__(self, network: nn.Module, run: Run, processes: Processes) -> None:
        assert isinstance(run.settings, Training)
        self.settings = run.settings
        self.micro_batch, self.shrinks = self.settings.micro_batch, self.settings.shrink
        self.mirror = self.settings.mirror
        self.bfloat16 = self.settings.precision == "bfloat16"
        self.folded: list[Folded] = []
        self.late: list[nn.Parameter] = []
        super().__init__(network, run, processes)
        if self.bfloat16 and processes.first and not computes_bfloat16(self.device):
            print(_SLOW, flush=True)
        if self.settings.compile:
            self.forward = torch.compile(self.network)

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network in channels-last memory, as frames are stored."""
        network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.settings.batch_norm == "folded":
            try:
                self.folded = fold(network)
            except ValueError as error:
                raise InputError(
                    f"config.yaml: batch_norm: folded, of a training of {type(network).__name__}: "
                    f"{error}"
                ) from error
        if self.settings.batch_norm_momentum is not None:
            set_momentum(network, self.settings.batch_norm_momentum)
        if self.settings.recompute:
            # Only the inputs of segments are kept; the rest is computed again when it is needed.
            for segment in network.segments():  # type: ignore[operator]
                segment.forward = partial(checkpoint, segment.forward, use_reentrant=False)
        return network

    def finish(self) -> None:
        """Gives folded normalisations their layers back."""
        unfold(self.folded)

    def build_optimiser(self) -> torch.optim.Optimizer:
        """Adam, the paper's, SGD, the predecessor paper's, or Adagrad."""
        kinds: dict[str, Callable[..., torch.optim.Optimizer]]
        kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad}
        chosen, rate = self.settings.optimiser, self.settings.learning_rate
        own = chosen.model_dump(exclude={"name"})
        return kinds[chosen.name](self.groups(), rate, **own)

    def groups(self) -> list[dict[str, Any]]:
        """The parameters, those with a rate of their own apart; keeps those that learn late.

        Raises:
            InputError: The network's authors have no rates of their own.
        """
        if self.settings.rates != "authors":
            return [{"params": list(self.network.parameters())}]
        if not hasattr(self.network, "parameter_groups"):
            name = self.run.network.get("network", "this network")
            raise InputError(f"rates: authors: {name} has none; set it to null")
        found: list[dict[str, Any]] = self.network.parameter_groups()  # type: ignore[operator]
        for group in found:
            group["lr"] = self.settings.learning_rate * group.pop("rate")
            self.late += group["params"] if group.pop("late", False) else []
        return found

    def build_schedule(self) -> torch.optim.lr_scheduler.LRScheduler:
        """The rate times gamma after every `step` iterations, or as the settings say."""
        settings, schedulers = self.settings, torch.optim.lr_scheduler
        if settings.end_rate is not None:
            end, count = settings.end_rate / settings.learning_rate, settings.iterations
            return schedulers.LinearLR(self.optimiser, 1.0, end, max(1, (count or 1) - 1))
        if settings.milestones is not None:
            return schedulers.MultiStepLR(self.optimiser, settings.milestones, settings.gamma)
        # `train` gives the step in iterations, as it knows how many an epoch has.
        assert settings.step != "epoch"
        return schedulers.StepLR(self.optimiser, settings.step, settings.gamma)

    def clip_gradients(self) -> None:
        """Limits the norm of the gradients of the whole batch, if the settings do."""
        if self.settings.gradient_norm is not None:
            nn.utils.clip_grad_norm_(self.trained(), self.settings.gradient_norm)

    def start_step(self) -> None:
        """Training mode; frozen normalisations keep their statistics, late parts their weights."""
        super().start_step()
        for parameter in self.late:
            parameter.requires_grad_(len(self.rows) >= (self.settings.late or 0))
        if self.settings.batch_norm == "frozen":
            freeze(self.network)
