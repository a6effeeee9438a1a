"""Training."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from pipeline.config.section import Section


class Model(BaseModel):
    """A network with its switches, somebody else's maps, or the observers themselves.

    The further keys are arguments of the network's constructor.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    network: str | None = None
    """Key of model/registry.py."""
    start: str | None = None
    """Model whose weights of `pretraining` start this one; null: nothing to train."""
    pretraining: str | None = None
    """Key of `other_pretrainings` or `trainings` that made these weights; null: `pretraining`."""
    flow: str | None = None
    """Flow that is looked at: a key of `other_flows`, or `flow`; null: `flow`, if the network has a
    motion stream."""
    fitted: bool = False
    """Whether stage `fit` makes the weights, from statistics of the training frames."""
    maps: str | None = None
    """Folder, zip or Zarr group of maps that were made elsewhere; may hold {dataset}."""
    held_out: PositiveInt | None = None
    """No network: each frame's gaze is predicted by the other observers', for so many observers of
    each frame, drawn by chance."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if [self.network, self.maps, self.held_out].count(None) != 2:
            raise ValueError("network, maps or held_out: one of these keys is needed")
        if self.maps:
            try:
                self.maps.format(dataset="x")
            except (KeyError, IndexError, ValueError):
                raise ValueError(
                    f"maps: {self.maps}: may hold {{dataset}} and nothing else in braces"
                ) from None
        if self.network and "start" not in self.model_fields_set:
            raise ValueError("start: needed; null where nothing is trained")
        further = {*self.model_dump(exclude_unset=True)} - {"maps", "held_out"}
        if further and not self.network:
            raise ValueError(f"{', '.join(sorted(further))}: only networks have such a key")
        return self


class FlowTraining(Section):
    """How the weights of a flow network are trained: Adam, learning rate halved at milestones."""

    batch: PositiveInt
    """Pairs per iteration."""
    iterations: PositiveInt
    """Steps of the optimiser."""
    size: tuple[PositiveInt, PositiveInt]
    """Height and width of a pair in pixels, multiples of 64."""
    learning_rate: PositiveFloat
    """Initial learning rate."""
    milestones: tuple[PositiveInt, ...]
    """Iterations after which the learning rate is halved."""
    gradient_norm: PositiveFloat
    """Longer gradients are shortened to this norm."""
    autocast: bool
    """Whether to compute in bfloat16 where that is safe: faster on processors that know it."""
    checkpoint: PositiveInt
    """Iterations between checkpoints, at which the held-out error is measured too."""
    held_out: PositiveInt
    """Number of pairs that are only measured on; they are the same for every seed."""


class FlowWeights(Section):
    """Weights of our own for PWC-Net (target train_flow)."""

    network: dict[str, Any]
    """Arguments of PWCNet."""
    images: str | None
    """Folder of pictures that textures are cut from, besides drawn ones; null: all are drawn."""
    start: str | None
    """Weights of an earlier training that this one goes on from; null: random start."""
    training: FlowTraining


class Loss(Section):
    """Eq. (6)."""

    alpha: float
    """Weight of the KL divergence, Eq. (4)."""
    beta: float
    """Weight of the NSS loss, Eq. (5)."""
    eps: PositiveFloat
    """Added inside the logarithm's quotient of Eq. (4)."""


class LossSearch(Section):
    """Weights of Eq. (6) that are tried on the pretraining (Sec. IV-B: "determine empirically")."""

    model: str
    """Whose pretraining it is; one that others start from."""
    alpha: tuple[NonNegativeFloat, ...] = Field(min_length=1)
    """Weights of the KL divergence; each is tried with each beta."""
    beta: tuple[NonNegativeFloat, ...] = Field(min_length=1)
    """Weights of the NSS loss."""

    @model_validator(mode="after")
    def _something_is_learnt(self) -> Self:
        if 0 in self.alpha and 0 in self.beta:
            raise ValueError("alpha and beta: at least one of the two must be without a 0")
        return self


class Adam(Section):
    """Kingma and Ba, ICLR 2015; the paper's."""

    name: Literal["adam"]
    weight_decay: NonNegativeFloat


class Sgd(Section):
    """Stochastic gradient descent; the predecessor paper's."""

    name: Literal["sgd"]
    momentum: NonNegativeFloat
    weight_decay: NonNegativeFloat


Optimiser = Annotated[Adam | Sgd, Field(discriminator="name")]


class Training(Section):
    """One training of a model (Sec. IV-B): learning rate reduced in steps."""

    datasets: tuple[str, ...]
    """Datasets whose training splits are used together, each frame once an epoch."""
    batch: PositiveInt
    """Frames per iteration, on all GPUs together."""
    epochs: PositiveFloat | None
    """Passes over all training frames; null where `iterations` says how long."""
    iterations: PositiveInt | None
    """Steps of the optimiser; null where `epochs` says how long."""
    loss: Literal["saliency", "euclidean"]
    """`saliency`: Eq. (6) with the weights of `loss`; `euclidean`: the predecessor's, on the
    densities themselves, for networks that predict these."""
    optimiser: Optimiser
    learning_rate: PositiveFloat
    """Initial learning rate."""
    step: PositiveInt
    """Iterations after which the learning rate is multiplied by gamma, again and again."""
    gamma: PositiveFloat
    """Factor of the learning rate."""
    batch_norm: Literal["train", "frozen", "folded"]
    """Statistics: of each batch (of what is computed at once); those of the backbone's weights; the
    same, and the whole layer folded into the convolution before it, which is faster."""
    precision: Literal["float32", "bfloat16"]
    """bfloat16 computes in 16 bits where that is safe; weights and loss stay in 32."""
    micro_batch: PositiveInt | None
    """Frames that a process computes at once, for small memories; null: all of the batch."""
    recompute: bool
    """Whether to compute a backbone's layers twice instead of keeping their maps."""
    compile: bool
    """Whether to let torch compile the network: minutes that pay on a GPU."""
    shrink: tuple[PositiveInt, ...]
    """Factors of which each batch takes one by chance, to be made smaller by it."""
    checkpoint: PositiveInt
    """Iterations between checkpoints, at which held-out clips are measured too."""

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("epochs or iterations: one of the two is needed, the other is null")
        return self

    @model_validator(mode="after")
    def _statistics_are_taken_once(self) -> Self:
        if self.recompute and self.batch_norm == "train":
            raise ValueError(
                "recompute: would count every batch twice in the statistics of batch_norm: train; "
                "choose frozen or folded"
            )
        return self


class ImageFlowWeights(Section):
    """Weights of the network that sees flow in a still image (target train_image_flow)."""

    network: dict[str, Any]
    """Arguments of ImageFlow; `backbone_weights` are of its backbone too."""
    clustered: PositiveInt
    """Frames whose flow is clustered, spread evenly over those that are trained on."""
    training: Training
    """Its datasets are of videos, of whose training splits frames and flow are used together."""


class Fitting(Section):
    """How stage `fit` learns what needs no gradients: sparse features, the mean density."""

    every: PositiveInt
    """Every n-th training frame is read."""
    patches: PositiveInt
    """Patches that sparse features are learned from."""
    iterations: PositiveInt
    """Of the independent component analysis, at most."""
    tolerance: PositiveFloat
    """1 - |cosine| by which no component turns any more when the analysis ends (FastICA)."""
