"""Sections of config.yaml about models, losses and trainings."""

import re
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

from pipeline.config.section import Section, Seed


class Model(BaseModel):
    """A network with its switches, maps made elsewhere, or the observers themselves.

    Exactly one of `network`, `maps` and `held_out` is set. Further keys are arguments of the
    network's constructor, beside those that `networks` gives to all models of the network.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    network: str | None = None
    """Name of the network in model/registry.py; null: no network."""
    start: str | None = None
    """Key of `models`: the model whose pretrained weights start this one; `backbone`: it starts
    from those of its backbone alone. A network must have the key; null: it is not trained."""
    pretraining: str | None = None
    """Key of `other_pretrainings` or `trainings`: the training of the weights of `start`; null: the
    section `pretraining`."""
    recipe: str | None = None
    """Key of `recipes`: how its authors train the network; null: as the training says."""
    flow: str | None = None
    """Key of `other_flows`, or `flow`: the optical flow that the network sees; null: `flow` if the
    network has a motion stream, else none."""
    fitted: bool = False
    """Whether stage `fit` makes the weights from statistics of the training frames."""
    weights: str | None = Field(None, min_length=1)
    """File of weights as the network's authors released it, which is imported; its path may begin
    with <raw>; null: none. Its rows name the training `given`."""
    sha256: str | None = Field(None, pattern="^[0-9a-fA-F]{1,64}$")
    """First digits, or all, of the SHA-256 that the file must have; null: that of the authors'
    file, where it is known."""
    maps: str | None = None
    """Folder, zip file or Zarr group of maps made elsewhere, its path may contain {dataset}; null:
    none."""
    published: str | None = None
    """System of workflow/published/rivals.csv that given maps are those of: target
    `verify_published` sets their scores against its published ones; null: none."""
    held_out: PositiveInt | None = None
    """Observers per frame, drawn at random, whose gaze is predicted from that of all others; null:
    the model is not the observers."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if [self.network, self.maps, self.held_out].count(None) != 2:
            raise ValueError("network, maps or held_out: one of these keys is needed")
        if self.maps and re.search("[{}]", self.maps.replace("{dataset}", "")):
            raise ValueError(f"maps: {self.maps}: may hold {{dataset}} and nothing else in braces")
        if self.network and "start" not in self.model_fields_set:
            raise ValueError("start: needed; null where nothing is trained")
        if self.weights and (self.start or self.fitted):
            raise ValueError("weights: of a network that is not trained: start: null, not fitted")
        if re.search("[{}<>]", (self.weights or "").removeprefix("<raw>")):
            raise ValueError(f"weights: {self.weights}: a path, without braces, < and >")
        if self.sha256 and not self.weights:
            raise ValueError("sha256: is that of `weights`, which are not given")
        further = self.model_fields_set - {"maps", "published", "held_out"}
        if further and not self.network:
            raise ValueError(f"{', '.join(sorted(further))}: only networks have such a key")
        return self


class FlowTraining(Section):
    """Training of a flow network: Adam, with a learning rate that is halved at milestones."""

    batch: PositiveInt
    """Pairs of frames per iteration."""
    iterations: PositiveInt
    """Number of steps of the optimiser."""
    size: tuple[PositiveInt, PositiveInt]
    """Height and width of a pair in pixels, multiples of 64."""
    learning_rate: PositiveFloat
    """Initial learning rate."""
    milestones: tuple[PositiveInt, ...]
    """Iterations after which the learning rate is halved."""
    gradient_norm: PositiveFloat
    """Largest norm of the gradient; longer ones are shortened to it."""
    autocast: bool
    """Whether to compute in bfloat16 where that is safe, which is faster on processors that support
    it."""
    checkpoint: PositiveInt
    """Iterations between checkpoints, at which the held-out error is measured as well."""
    held_out: PositiveInt
    """Number of pairs on which the error is measured only; they are the same for every seed."""


class FlowWeights(Section):
    """Training of our own weights for PWC-Net on generated pairs (target `train_flow`)."""

    network: dict[str, Any]
    """Arguments of the constructor of `PWCNet`."""
    images: str | None
    """Folder of pictures from which textures are cut, beside generated ones; null: all textures are
    generated."""
    start: str | None
    """File of weights from which the training starts; null: random weights."""
    training: FlowTraining


class Loss(Section):
    """Loss of a saliency map, Eq. (6)."""

    alpha: float
    """Weight of the KL divergence, Eq. (4)."""
    beta: float
    """Weight of the NSS loss, Eq. (5)."""
    eps: PositiveFloat
    """Probability per pixel added to divisor and quotient in the logarithm of Eq. (4)."""


class LossSearch(Section):
    """Weights of Eq. (6) tried in the pretraining by target `loss_weights` (Sec. IV-B)."""

    model: str
    """Key of `models`: the model that is pretrained with each of the losses."""
    alpha: tuple[NonNegativeFloat, ...] = Field(min_length=1)
    """Weights of the KL divergence, Eq. (4); each is tried with each `beta`."""
    beta: tuple[NonNegativeFloat, ...] = Field(min_length=1)
    """Weights of the NSS loss, Eq. (5)."""

    @model_validator(mode="after")
    def _something_is_learnt(self) -> Self:
        if 0 in self.alpha and 0 in self.beta:
            raise ValueError("alpha and beta: at least one of the two must be without a 0")
        return self


class Adam(Section):
    """Adam (Kingma and Ba, ICLR 2015), used by the paper."""

    name: Literal["adam"]
    weight_decay: NonNegativeFloat
    """Factor of the L2 penalty on the weights."""


class Sgd(Section):
    """Stochastic gradient descent, used by the predecessor."""

    name: Literal["sgd"]
    momentum: NonNegativeFloat
    """Share of the last step that is added to the next one."""
    nesterov: bool = False
    """Whether the gradient is taken after that addition."""
    weight_decay: NonNegativeFloat
    """Factor of the L2 penalty on the weights."""


class Adagrad(Section):
    """Adagrad (Duchi, Hazan and Singer, JMLR 2011), used by the authors of SalGAN."""

    name: Literal["adagrad"]
    weight_decay: NonNegativeFloat
    """Factor of the L2 penalty on the weights."""


Optimiser = Annotated[Adam | Sgd | Adagrad, Field(discriminator="name")]


class Clip(Section):
    """Frames that a network which sees time learns from at once; others learn from single ones."""

    frames: PositiveInt
    """Predicted frames of a clip."""
    step: PositiveInt | None
    """Frames from one of them to the next; null: as many as the network's state spans."""
    in_order: bool = False
    """Whether one video is followed after another, clip by clip, each of which starts from the
    state that the one before left; else clips start at any frame and come in random order."""


class Adversarial(Section):
    """Training in turn with a discriminator, which is the network's own and is not kept."""

    content: NonNegativeFloat
    """Weight of the loss of the network's authors, beside that of being taken for a person."""
    learning_rate: PositiveFloat
    """Initial learning rate of the discriminator; all else is as for the network."""


class Recipe(Section):
    """Training of a model with a learning rate that is reduced in steps (Sec. IV-B)."""

    batch: PositiveInt
    """Frames per iteration, or clips if the network sees time, on all GPUs together."""
    clip: Clip
    epochs: PositiveFloat | None
    """Number of passes over all training frames; null: `iterations` is set instead."""
    iterations: PositiveInt | None
    """Number of steps of the optimiser; null: `epochs` is set instead."""
    loss: Literal["saliency", "euclidean", "authors"]
    """`saliency`: Eq. (6) with the weights of the section `loss`; `euclidean`: the predecessor's
    squared distance to the density, for networks that predict densities; `authors`: that of the
    network's authors, of what is computed at once."""
    nss: PositiveFloat | None = None
    """Weight of the NSS loss, Eq. (5), beside the loss of the network's authors; null: 0."""
    adversarial: Adversarial | None = None
    """Discriminator against which the network learns in every second iteration; null: none."""
    optimiser: Optimiser
    """Optimiser and its parameters."""
    learning_rate: PositiveFloat
    """Initial learning rate."""
    step: PositiveInt | Literal["epoch"]
    """Iterations between two reductions of the learning rate; `epoch`: those of a pass over all
    training frames."""
    gamma: PositiveFloat
    """Factor by which the learning rate is multiplied at each reduction."""
    milestones: tuple[PositiveInt, ...] | None = None
    """Iterations after which the learning rate is reduced; null: after every `step`."""
    end_rate: PositiveFloat | None = None
    """Learning rate of the last iteration, to which it falls in a line; null: in reductions."""
    rates: Literal["authors"] | None = None
    """`authors`: parts of the network learn at multiples of the rate, as its authors have it; null:
    at one rate."""
    gradient_norm: PositiveFloat | None = None
    """Largest norm of the gradient; longer ones are shortened to it; null: any."""
    batch_norm_momentum: Annotated[float, Field(gt=0, le=1)] | None = None
    """Weight of each new batch in the running statistics of `batch_norm: train`, as torch counts
    momentum; null: each layer's own. At 0.001 a random start needs thousands of iterations."""
    mix: Literal["datasets"] | None = None
    """`datasets`: batches of one dataset each, whose epoch has a random clip of every video; null:
    batches of all datasets together."""
    images: PositiveInt | None = None
    """Images per iteration where those of a dataset are by themselves (`mix: datasets`); null: as
    many as clips."""
    late: PositiveInt | None = None
    """Iterations after which those parts of the network learn as well that its authors hold back at
    first; null: all learn from the start."""
    batch_norm: Literal["train", "frozen", "folded"]
    """Statistics of batch normalisation. `train`: those of the frames that are computed at once;
    `frozen`: those stored with the backbone's weights; `folded`: the stored ones, with each layer
    folded into the convolution before it, which is faster."""
    precision: Literal["float32", "bfloat16"]
    """Number format; bfloat16 is used where that is safe, weights and loss stay in float32."""
    micro_batch: PositiveInt | None
    """Frames that a process computes at once, for small memories; null: its whole share of the
    batch."""
    recompute: bool
    """Whether to compute the backbone's layers a second time instead of keeping their outputs in
    memory."""
    compile: bool
    """Whether torch compiles the network, which takes minutes and pays on a GPU."""
    shrink: tuple[PositiveInt, ...]
    """Factors; one is drawn for each batch and divides the size of its frames. [1]: none."""
    mirror: bool = False
    """Whether half of the batches, by chance, are mirrored left to right."""
    checkpoint: PositiveInt
    """Iterations between checkpoints, at which held-out clips are measured as well."""

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("epochs or iterations: one of the two is needed, the other is null")
        return self

    @model_validator(mode="after")
    def _follows_one_video(self) -> Self:
        given = (self.batch, self.shrink, self.mix, self.adversarial)
        if self.clip.in_order and given != (1, (1,), None, None):
            raise ValueError(
                "clip.in_order: one video is followed, at one size; batch: 1, shrink: [1], "
                "mix: null, adversarial: null"
            )
        return self

    @model_validator(mode="after")
    def _has_a_loss_beside_the_discriminator(self) -> Self:
        if self.adversarial and self.loss != "authors":
            raise ValueError("adversarial: goes with the loss of the network's authors; authors")
        return self

    @model_validator(mode="after")
    def _falls_in_a_known_time(self) -> Self:
        if self.end_rate is not None and self.iterations is None:
            raise ValueError("end_rate: needs the number of `iterations`; set it, and epochs: null")
        return self

    @model_validator(mode="after")
    def _keys_mean_something(self) -> Self:
        if self.images and self.mix != "datasets":
            raise ValueError("images: only batches of one dataset are of images; mix: datasets")
        if self.mix == "datasets" and (self.clip.in_order or self.adversarial):
            raise ValueError("mix: clip.in_order and adversarial go with batches of all; null")
        if self.nss and self.loss != "authors":
            raise ValueError("nss: other losses have a weight for it in `loss`; authors, or null")
        if self.late and self.rates != "authors":
            raise ValueError("late: which parts these are is the authors' word; rates: authors")
        return self

    @model_validator(mode="after")
    def _statistics_are_taken_once_or_kept(self) -> Self:
        if self.recompute and self.batch_norm == "train":
            raise ValueError(
                "recompute: would count every batch twice in the statistics of batch_norm: train; "
                "choose frozen or folded"
            )
        if self.batch_norm_momentum is not None and self.batch_norm != "train":
            raise ValueError(
                f"batch_norm_momentum does nothing where batch_norm is {self.batch_norm}; set it "
                "to null, or batch_norm to train"
            )
        return self


class Training(Recipe):
    """A recipe and the datasets that a model learns from by it."""

    datasets: tuple[str, ...]
    """Keys of `datasets`: their training splits are used together, each frame once per epoch."""
    seed: Seed | None = None
    """Seed of what this training leaves to chance; null: that of the run."""


class ImageFlowWeights(Section):
    """Training of the network that predicts flow from a still image (target `train_image_flow`)."""

    network: dict[str, Any]
    """Arguments of the constructor of `ImageFlow`; its backbone starts from `backbone_weights`."""
    clustered: PositiveInt
    """Number of frames whose flow is clustered, spread evenly over the training frames."""
    training: Training
    """Recipe of the training; its datasets are of videos, whose frames and flow it uses."""


class Fitting(Section):
    """How stage `fit` makes weights without gradients: sparse features, and the mean density."""

    every: PositiveInt
    """Step between the training frames that are read: 10 reads every tenth."""
    patches: PositiveInt
    """Number of patches from which sparse features are learned."""
    iterations: PositiveInt
    """Largest number of iterations of the independent component analysis."""
    tolerance: PositiveFloat
    """Change, 1 - |cosine|, of every component below which the analysis ends (FastICA)."""
