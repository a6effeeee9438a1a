"""Type and meaning of every key of config.yaml. Nothing has a default: what is written runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from pipeline.errors import InputError

Split = Literal["train", "val", "test"]

PRETRAINING = "salicon"
"""What the training is called that all others start from."""

GIVEN = "given"
"""What stands for a training where maps were made elsewhere."""

UNTRAINED = "untrained"
"""What stands for a training where there is none."""

MAIN_FLOW = "flow"
"""What the section `flow` is called among several flows."""

NOT_ARGUMENTS = {"start", "pretraining", "flow", "fitted", "maps", "held_out"}
"""Keys of a model that its network's constructor does not take."""

TORCHVISION = {
    "resnet50": "resnet50-0676ba61.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "mobilenet_v2": "mobilenet_v2-b0353104.pth",
}
"""Backbone -> torchvision's first ImageNet weights, named after the begin of their sha256."""
Metric = Literal["AUC-J", "sAUC", "CC", "NSS", "SIM", "KLDiv", "chi-square"]


class Section(BaseModel):
    """A part of config.yaml: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_pattern(pattern: str) -> None:
    """Raises ValueError where files cannot be told from a pattern."""
    if "*" in pattern and "{frame}" not in pattern:
        raise ValueError(f"{pattern}: a * needs {{frame}}; name the folder or the file")
    if "{frame}" in pattern and not re.search(r"\{frame\}\.\w+$", pattern):
        raise ValueError(f"{pattern}: {{frame}} stands before the suffix, as in img_{{frame}}.png")


class Frames(Section):
    """The frame grid, to which pictures, flow, gaze and maps are all resized (Sec. IV-B)."""

    width: PositiveInt
    """Pixels."""
    height: PositiveInt
    """Pixels."""
    filter: Literal["bicubic", "bilinear", "area", "lanczos"]
    """Resizing filter of ffmpeg's scale."""
    codec: Literal["lossless", "jpeg95"]
    """How FRAMES stores are compressed: Zstandard, or JPEG of quality 95."""


class _Cuts(Section):
    cut: NonNegativeFloat | None
    """Mean change of grey from one frame to the next, as a share of white, from which on the two
    belong to different scenes and no flow is computed; null: every pair of frames has a flow."""


class DisFlow(_Cuts):
    """Dense Inverse Search (Kroeger et al., ECCV 2016), OpenCV's."""

    estimator: Literal["dis"]
    preset: Literal["ultrafast", "fast", "medium"]


class DeepFlow(_Cuts):
    """DeepFlow (Weinzaepfel et al., ICCV 2013), OpenCV's; the predecessor paper's."""

    estimator: Literal["deepflow"]


class PwcnetFlow(_Cuts):
    """PWC-Net (Sun et al., CVPR 2018; Sec. IV-B)."""

    estimator: Literal["pwcnet"]
    weights: str
    """A file of `train_flow`, or the authors' own pwc_net.pth.tar (CC BY-NC-SA 4.0)."""
    sha256: str | None
    """Digest that the file must have; null: not checked."""
    precision: Literal["float32", "bfloat16"]
    """bfloat16 is faster on processors that know it."""
    batch: PositiveInt
    """Pairs that go through the network together."""


class ImageFlowEstimator(Section):
    """Flow of every frame by itself (Walker et al., ICCV 2015; the predecessor's Sec. 4.2)."""

    estimator: Literal["image"]
    weights: str
    """A file of `train_image_flow`."""
    sha256: str | None
    """Digest that the file must have; null: not checked."""
    precision: Literal["float32", "bfloat16"]
    """bfloat16 is faster on processors that know it."""
    batch: PositiveInt
    """Frames that go through the network together."""


Flow = Annotated[
    DisFlow | DeepFlow | PwcnetFlow | ImageFlowEstimator, Field(discriminator="estimator")
]
"""Optical flow from each frame to the next (Sec. IV-B), or of each frame by itself."""


class Source(Section):
    """Where a dataset comes from; printed when it is missing."""

    title: str
    """The name that the papers print."""
    obtain: str
    """Where to get it."""
    licence: str
    """Its terms, as far as they are stated."""


class DatasetFrames(Section):
    """Where a dataset's pictures lie and how fast they run."""

    video: str
    """Path below the dataset's raw folder, with {clip} and {split}; with {frame}, a folder of
    numbered pictures. A * stands for anything but a slash."""
    rate: PositiveFloat | None
    """Frames per second after resampling; null keeps the video's own. Of a folder of numbered
    pictures: the rate that they were taken at."""
    damaged: Literal["stop", "keep"]
    """What a video that ffmpeg reads with errors, or a gap in numbered pictures, does: stop the
    job, or keep what is there."""

    @model_validator(mode="after")
    def _pictures_have_a_rate(self) -> Self:
        _check_pattern(self.video)
        if "{frame}" in self.video and self.rate is None:
            raise ValueError("numbered pictures carry no rate: set rate to their frames per second")
        return self


class DatasetGaze(Section):
    """Where a dataset's gaze lies and who reads it."""

    reader: str
    """Module of pipeline/datasets."""
    files: tuple[str, ...]
    """Paths below the dataset's raw folder, with {clip}, {split}, {observer} and {frame}."""
    observers: tuple[str, ...] | None
    """Values of {observer}; null takes every file that is there."""
    options: dict[str, Any]
    """Keyword arguments of the reader."""

    @model_validator(mode="after")
    def _patterns_can_be_found(self) -> Self:
        for pattern in self.files:
            _check_pattern(pattern)
        return self


class GaussianDensity(Section):
    """The sum of Gaussians at the gaze points on the frame grid, divided by its maximum."""

    recipe: Literal["gaussian"]
    sigma: PositiveFloat
    """Standard deviation in pixels of the frame grid."""
    repeats: Literal["each", "once"]
    """Several gaze points on one pixel of a frame count each time, or once."""


class Dhf1kDensity(Section):
    """The same in pixels of the raw video, as DHF1K's authors make their maps."""

    recipe: Literal["dhf1k"]
    fwhm: PositiveFloat
    """Full width at half maximum in pixels of the raw video."""
    shift: float
    """Pixels of the raw video, right and down; 2.0 repeats the official make_gauss_masks.m."""
    repeats: Literal["each", "once"]
    """As in `gaussian`."""


class MatheDensity(Section):
    """The maps of UCF-Sports and Hollywood-2 that the authors of DHF1K distribute, in 8 bits."""

    recipe: Literal["mathe_release"]
    taps: PositiveInt
    """Length of the filter in pixels of the raw video."""
    sigma: PositiveFloat
    """Standard deviation in pixels of the raw video."""
    anchor: NonNegativeInt
    """Tap, from 0, that lies on the filtered pixel: an even filter has no middle one."""

    @model_validator(mode="after")
    def _anchor_is_a_tap(self) -> Self:
        if self.anchor >= self.taps:
            raise ValueError(f"anchor {self.anchor} is none of the {self.taps} taps, 0 to taps - 1")
        return self


class MitDensity(Section):
    """Low-pass filter in the Fourier domain, as in the MIT benchmark's code."""

    recipe: Literal["mit"]
    cutoff: PositiveFloat
    """Cycles per image at which the amplitude is halved."""
    repeats: Literal["each", "once"]
    """As in `gaussian`."""


class ReleasedDensity(Section):
    """Maps that somebody distributes, as they are, divided by their maximum."""

    recipe: Literal["released"]
    files: str
    """Path below the dataset's raw folder, with {clip}, {split} and {frame}."""

    @model_validator(mode="after")
    def _pattern_can_be_found(self) -> Self:
        _check_pattern(self.files)
        return self


Density = Annotated[
    GaussianDensity | Dhf1kDensity | MatheDensity | MitDensity | ReleasedDensity,
    Field(discriminator="recipe"),
]
"""How fixations become a density."""


class Variant(Section):
    """A ground truth of a dataset: where it comes from and how it is made."""

    splits: str
    """Split sheet: clip,split[,first,last]."""
    frames: DatasetFrames
    gaze: DatasetGaze
    density: Density


class Test(Section):
    """What is scored."""

    split: Split
    """Split that is scored."""
    attributes: Path | None = None
    """Sheet clip,attribute: tables then tell the means over the clips of each attribute."""


class Dataset(Section):
    """A dataset with frames and gaze of its own."""

    source: Source
    variant: str
    """The ground truth that this run uses; every table names it, and none mixes two."""
    variants: dict[str, Variant]
    clips_per_part: PositiveInt
    """Clips that one job takes through a data stage."""
    validation: Annotated[float, Field(ge=0, lt=1)]
    """Share of the training clips that no training sees, kept for choosing models; 0: none, as the
    paper. No stage chooses yet."""
    test: Test

    @model_validator(mode="after")
    def _variant_is_there(self) -> Self:
        if self.variant not in self.variants:
            raise ValueError(f"variant {self.variant!r} is none of {', '.join(self.variants)}")
        return self

    @property
    def splits(self) -> str:
        """Split sheet of the chosen variant."""
        return self.variants[self.variant].splits

    @property
    def frames(self) -> DatasetFrames:
        """Pictures of the chosen variant."""
        return self.variants[self.variant].frames

    @property
    def gaze(self) -> DatasetGaze:
        """Gaze of the chosen variant."""
        return self.variants[self.variant].gaze

    @property
    def density(self) -> Density:
        """Density recipe of the chosen variant."""
        return self.variants[self.variant].density


class MetaDataset(Section):
    """A list of frames of another dataset."""

    source: Source
    over: str
    """The dataset whose frames are listed."""
    frame_list: str
    """CSV below the raw folder: video,frame,mask."""
    test: Test


class Submission(Section):
    """Maps of a split whose gaze is hidden, packed as those want it who score them."""

    over: str
    """The dataset."""
    split: Split
    layout: str
    """Path of a map below the method's name, with {clip} and {frame} (from 1)."""
    width: PositiveInt
    """Pixels of every map."""
    height: PositiveInt
    """Pixels of every map."""
    videos: PositiveInt | None
    """Number of videos that must be there; null: not checked."""
    frames: PositiveInt | None
    """Number of maps that must be there; null: not checked."""


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


PROTOCOLS = ("mit", "mit_jitter", "dhf1k", "unisal", "pysaliency", "msu_ntire26", "stavis")
"""Names of pipeline/protocols.py, here for those who plan without what scoring needs."""


class Score(Section):
    """How maps are scored (docs/protocols.md)."""

    protocol: str
    """One of `PROTOCOLS`."""

    @model_validator(mode="after")
    def _protocol_is_known(self) -> Self:
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol: {self.protocol!r}: known are {', '.join(PROTOCOLS)}")
        return self


class Alignment(Section):
    """When the check of gaze against motion raises a flag."""

    lags: NonNegativeInt
    """Frames by which gaze is shifted against the motion, either way, at most."""
    usual_lag: NonNegativeInt
    """Frames that eyes may lead or follow without a flag."""
    min_frames: NonNegativeInt
    """Frames with motion below which chance decides about lag and flips: no flag."""
    min_nss: float
    """NSS on the motion below which neither a lag nor a flip is called a fault."""
    lag_margin: NonNegativeFloat
    """Share of its NSS that the best lag must gain over lag 0."""
    flip_margin: NonNegativeFloat
    """Share of its NSS that a flip must gain over every lag."""
    length_margin: NonNegativeFloat
    """Share of the video by which recordings may be shorter or longer."""
    min_observers: NonNegativeFloat
    """Observers that a frame must have on average."""
    max_outside: NonNegativeFloat
    """Share of usable samples that may lie outside the video."""


class Measured(Section):
    """The model and the training behind a table's row."""

    model: str
    training: str
    """One of `trainings`; `salicon` or one of `other_pretrainings`: the pretraining alone, of a
    model that starts others; `untrained`: none; `given`: none, of maps that somebody else made."""


class Table(Section):
    """A table of the paper."""

    title: str
    dataset: str
    metrics: tuple[Metric, ...]
    """Columns, in the paper's order."""
    measured: dict[str, Measured]
    """Row of the published sheet -> what measures it; the other rows are quoted."""
    average: Literal["clip"] | None = None
    """Means over each clip's frames and then over clips; null: as the protocol has it."""
    note: str | None
    """Said below the table."""


class ScoredDataset(Section):
    """What the footer of a table says about its dataset."""

    variant: str
    """Name of the ground truth and how its densities were made."""
    split: Split
    """Split that was scored."""
    meta: bool
    """Whether it is a list of frames of another dataset, which protocols average otherwise."""
    attributes: Path | None = None
    """Sheet clip,attribute."""


class TablesSettings(Section):
    """All that the tables depend on besides scores and published values."""

    run: str
    """Name of the run: `paper` for the real thing."""
    protocol: str
    """Name of the scoring protocol (docs/protocols.md)."""
    seed: int
    """Seed of everything random in the run."""
    config_digest: str
    """Digest of the configuration."""
    code: str
    """Digest of the code of all stages."""
    sanity: dict[str, str]
    """Row label -> model without training, in every table."""
    datasets: dict[str, ScoredDataset]
    tables: dict[str, Table]
    left_out: tuple[str, ...]
    """Datasets that were not scored: their tables show printed values only."""
    lacking: dict[str, dict[str, str]]
    """Table -> row that this run cannot measure -> why."""
    observed: tuple[str, ...]
    """Models that are the observers themselves: no rivals of the others."""


class Config(Section):
    """config.yaml, with the file of the run laid over it."""

    run: str
    """paper, or the name of a file in workflow/runs."""
    pathvars: dict[Literal["raw", "data", "results", "logs"], str]
    """Folders."""
    without: tuple[str, ...]
    """Datasets that are left out."""
    seed: int
    """Seed of everything random."""
    frames: Frames
    flow: Flow
    other_flows: dict[str, Flow]
    """By the name that a model's key `flow` gives, which is also their folder's."""
    datasets: dict[str, Dataset]
    meta_datasets: dict[str, MetaDataset]
    submissions: dict[str, Submission]
    networks: dict[str, dict[str, Any]]
    """Network -> arguments that all its models share."""
    flow_weights: FlowWeights
    image_flow_weights: ImageFlowWeights
    backbone_weights: str | None
    """ImageNet weights of the backbone: `torchvision`, which fetches its own; a file with a state
    dict of torchvision's; null: random start."""
    backbone_sha256: str | None
    """Digest that the file must have, at least its first digits; null: not checked."""
    models: dict[str, Model]
    loss: Loss
    loss_search: LossSearch
    pretraining: Training
    other_pretrainings: dict[str, Training]
    """By the name that a model's key `pretraining` gives."""
    trainings: dict[str, Training]
    fitting: Fitting
    score: Score
    alignment: Alignment
    sanity: dict[str, str]
    """Row label -> model, in every table."""
    tables: dict[str, Table]

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        tested = self.datasets.keys() | self.meta_datasets.keys()
        used: list[tuple[str, str | None, Iterable[str]]] = []
        networks = [name for name in self.models if not self.given(name)]
        used += [("models", model.start, networks) for model in self.models.values()]
        starts = [model.start for model in self.models.values() if model.start]
        used += [("loss_search", self.loss_search.model, starts)]
        used += [
            ("meta_datasets", meta.over, self.datasets) for meta in self.meta_datasets.values()
        ]
        used += [("submissions", entry.over, self.datasets) for entry in self.submissions.values()]
        used += [("sanity", model, networks) for model in self.sanity.values()]
        used += [("without", dataset, tested) for dataset in self.without]
        seen = self.image_flow_weights.training.datasets
        used += [("image_flow_weights", dataset, self.datasets) for dataset in seen]
        for training in self.all_trainings().values():
            used += [("trainings", dataset, self.datasets) for dataset in training.datasets]
        for entry in self.models.values():
            used += [("models", entry.flow, {MAIN_FLOW, *self.other_flows})]
            used += [("models", entry.pretraining, self.all_trainings())]
        for name, table in self.tables.items():
            used += [(f"tables.{name}", table.dataset, tested)]
            for row in table.measured.values():
                used += [(f"tables.{name}", row.model, self.models)]
                if row.model in self.models:
                    used += [(f"tables.{name}", row.training, self._trainings_of(row.model))]
        for section, word, known in used:
            if word is not None and word not in known:
                raise ValueError(f"{section} names {word!r}; known are {', '.join(sorted(known))}")
        return self

    def _trainings_of(self, model: str) -> set[str]:
        """What a table may call the training of a model."""
        if self.given(model):
            return {GIVEN}
        entry = self.models[model]
        if entry.start is None and not entry.fitted:
            return {UNTRAINED}
        own = {self.pretraining_name(model)} if self._is_a_start(model) else set()
        return self.trainings.keys() | own

    def all_trainings(self) -> dict[str, Training]:
        """Every training by its name, those that others start from among them."""
        return {PRETRAINING: self.pretraining} | self.other_pretrainings | self.trainings

    def pretraining_name(self, model: str) -> str:
        """The training that made what a model starts from."""
        return self.models[model].pretraining or PRETRAINING

    def flow_name(self, model: str) -> str:
        """The flow that a model looks at, if it sees motion."""
        return self.models[model].flow or MAIN_FLOW

    def flows(self, *, still: bool | None = None) -> dict[str, Flow]:
        """Every flow by its name, or those that need one frame each, or a pair of them.

        Weights that are made here lie in this run's folder.
        """
        flows = {MAIN_FLOW: self.flow} | self.other_flows
        for name, flow in flows.items():
            if isinstance(flow, PwcnetFlow | ImageFlowEstimator):
                weights = flow.weights.replace("<results>", self.pathvars["results"])
                flows[name] = flow.model_copy(update={"weights": weights})
        wanted = (True, False) if still is None else (still,)
        return {name: f for name, f in flows.items() if (f.estimator == "image") in wanted}

    def observed(self, model: str) -> bool:
        """Whether a model is the observers themselves."""
        return self.models[model].held_out is not None

    def _is_a_start(self, model: str) -> bool:
        """Whether a model's pretraining is the model itself: a single appearance stream."""
        entry = self.models.get(model)
        return entry is not None and entry.start == model and not self.sees_motion(model)

    def sees_motion(self, model: str) -> bool:
        """Whether a model's network looks at flow."""
        entry = self.models[model]
        streams = entry.start is not None and self.network(model).get("streams") != "appearance"
        return streams or entry.flow is not None

    def gated(self, model: str) -> bool:
        """Whether a model's network weighs two streams by a gate."""
        settings = self.network(model)
        return (settings.get("streams"), settings.get("fusion")) == ("both", "gated")

    def has_flow(self, flow: str, dataset: str) -> bool:
        """Whether a flow can be computed of a dataset: of still images only by what needs one."""
        return flow in self.flows(still=True) or not self.still(dataset)

    def still(self, dataset: str) -> bool:
        """Whether a dataset is of still images, which have no flow."""
        return self.over(dataset) in self.pretraining.datasets

    def test(self, dataset: str) -> Test:
        """What is scored of a dataset or meta dataset."""
        return (self.datasets | self.meta_datasets)[dataset].test

    def predicted_split(self, dataset: str) -> Split:
        """The split that networks predict maps of: the scored one, or that of a submission."""
        submission = self.submissions.get(dataset)
        return submission.split if submission else self.test(dataset).split

    def over(self, dataset: str) -> str:
        """The dataset itself, or the one that a meta dataset or a submission is about."""
        about = self.meta_datasets.get(dataset) or self.submissions.get(dataset)
        return about.over if about else dataset

    def left_out(self, dataset: str) -> bool:
        """Whether `without` names a dataset, or the one that a meta dataset lists frames of."""
        return dataset in self.without or self.over(dataset) in self.without

    def network(self, model: str) -> dict[str, Any]:
        """Constructor arguments of a model's network, with the key `network`."""
        entry = self.models[model]
        own = entry.model_dump(exclude=NOT_ARGUMENTS)
        return {**self.networks.get(entry.network or "", {}), **own}

    def given(self, model: str) -> bool:
        """Whether a model is maps that somebody else made."""
        return self.models[model].maps is not None

    def imagenet_file(self, model: str) -> str | None:
        """Where the ImageNet weights of a model's backbone lie, if it starts from any."""
        return self.backbone_file(self.network(model).get("backbone"))

    def backbone_file(self, backbone: object) -> str | None:
        """Where the ImageNet weights of a backbone lie, if it starts from any."""
        if backbone is None:
            return None
        if self.backbone_weights != "torchvision":
            return self.backbone_weights
        file = TORCHVISION.get(str(backbone))
        return file and f"{self.pathvars['raw']}/imagenet/{file}"

    def tried_losses(self) -> dict[str, Loss]:
        """Name of a pretraining -> its loss: those of the search for the weights of Eq. (6)."""
        search, tried = self.loss_search, dict[str, Loss]()
        for alpha in search.alpha:
            for beta in search.beta:
                loss = self.loss.model_copy(update={"alpha": alpha, "beta": beta})
                name = f"{PRETRAINING}_{alpha:g}_{beta:g}"
                tried[PRETRAINING if loss == self.loss else name] = loss
        return tried

    def searching(self) -> Config:
        """This configuration with one table: what each tried loss comes to on tested images."""
        rows = {
            f"alpha {loss.alpha:g}, beta {loss.beta:g}": Measured(
                model=self.loss_search.model, training=name
            )
            for name, loss in self.tried_losses().items()
        }
        table = Table(
            title="What the pretraining comes to with other weights of Eq. (6)",
            dataset=self.pretraining.datasets[0],
            metrics=("AUC-J", "CC", "NSS", "SIM", "KLDiv"),
            measured=rows,
            note="The paper says that alpha = 1 and beta = 0.1 were chosen on SALICON, not how.",
        )
        return self.model_copy(update={"tables": {"loss_weights": table}})

    def unmeasured(self, table: str) -> dict[str, str]:
        """Rows of a table that this run cannot measure, and why."""
        density = self.datasets[self.over(self.tables[table].dataset)].density
        found = dict[str, str]()
        for label, row in self.tables[table].measured.items():
            if lacking := self._lacking(row):
                found[label] = f"its training needs {', '.join(lacking)}"
            elif self.observed(row.model) and isinstance(density, ReleasedDensity):
                found[label] = "released maps do not tell observers apart"
        return found

    def _lacking(self, row: Measured) -> list[str]:
        """Datasets of a training, or of those that it starts from, that are left out."""
        known, needed = self.all_trainings(), list[str]()
        if row.training not in (UNTRAINED, GIVEN):
            needed += known.get(row.training, self.pretraining).datasets
        if self.sees_motion(row.model):
            needed += self.teaches_flow(self.flow_name(row.model))
        lacking = [dataset for dataset in needed if self.left_out(dataset)]
        if (start := self.models[row.model].start) is not None:
            before = Measured(model=start, training=self.pretraining_name(row.model))
            lacking += self._lacking(before) if before != row else []
        return list(dict.fromkeys(lacking))

    def measured(self, table: str) -> dict[str, Measured]:
        """Rows of a table that this run measures, the sanity rows among them."""
        if self.left_out(self.tables[table].dataset):
            return {}
        without, entry = self.unmeasured(table), self.tables[table]
        rows = {label: row for label, row in entry.measured.items() if label not in without}
        sanity = {
            label: Measured(model=model, training=UNTRAINED) for label, model in self.sanity.items()
        }
        return rows | sanity

    def teaches_flow(self, name: str) -> tuple[str, ...]:
        """Datasets that a flow is learned from in this run; none if its weights are a file."""
        flow = self.other_flows.get(name, self.flow)
        made = isinstance(flow, ImageFlowEstimator) and "<results>" in flow.weights
        return self.image_flow_weights.training.datasets if made else ()

    def flows_of(self, dataset: str) -> list[str]:
        """Flows of a dataset that rows of this run's tables need, in the order of `flows`."""
        used = set[str]()
        for name, table in self.tables.items():
            for row in self.measured(name).values():
                used |= self._flows_of(row, dataset, {self.over(table.dataset)})
        return [name for name in self.flows() if name in used and self.has_flow(name, dataset)]

    def _flows_of(self, row: Measured, dataset: str, seen: set[str]) -> set[str]:
        """Flows of a dataset that a row needs where it sees these datasets and its training's."""
        known, used = self.all_trainings(), set[str]()
        if row.training in known:
            seen = seen | {*known[row.training].datasets}
        if self.sees_motion(row.model):
            name = self.flow_name(row.model)
            used |= {name} if dataset in seen else set()
            used |= {MAIN_FLOW} if dataset in self.teaches_flow(name) else set()
        if (start := self.models[row.model].start) is not None:
            before = Measured(model=start, training=self.pretraining_name(row.model))
            used |= self._flows_of(before, dataset, set()) if before != row else set()
        return used

    def ground_truth(self, dataset: str) -> str:
        """The variant of a dataset's ground truth and how it was made, in words."""
        truth = self.datasets[self.over(dataset)]
        recipe = truth.density.model_dump()
        density = _told(recipe.pop("recipe"), recipe)
        gaze = _told(truth.gaze.reader, truth.gaze.options)
        grid = f"{self.frames.width}x{self.frames.height}"
        return f"{truth.variant}; gaze {gaze}; density {density} on {grid}"

    def tables_settings(self, code: str) -> TablesSettings:
        """Settings of stage `tables`; rows that cannot be measured are taken out of the tables."""
        tested = self.datasets | self.meta_datasets
        return TablesSettings(
            run=self.run,
            protocol=self.score.protocol,
            seed=self.seed,
            config_digest=self.digest(),
            code=code,
            sanity=self.sanity,
            datasets={
                name: ScoredDataset(
                    variant=self.ground_truth(name),
                    split=dataset.test.split,
                    meta=name in self.meta_datasets,
                    attributes=dataset.test.attributes,
                )
                for name, dataset in tested.items()
            },
            left_out=tuple(name for name in tested if self.left_out(name)),
            lacking={name: self.unmeasured(name) for name in self.tables},
            observed=tuple(name for name in self.models if self.observed(name)),
            tables={
                name: table.model_copy(
                    update={
                        "measured": {
                            label: row
                            for label, row in self.measured(name).items()
                            if label not in self.sanity
                        }
                    }
                )
                for name, table in self.tables.items()
            },
        )

    def digest(self) -> str:
        """Eight hex digits that tell one configuration from another; folders do not count."""
        text = self.model_dump_json(exclude={"pathvars"})
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def _told(name: str, keys: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{key} {value}" for key, value in keys.items())
    return f"{name} ({inside})" if inside else name


def run_file(run: str) -> str:
    """The file of workflow/runs that a run lays over config.yaml.

    Raises:
        SystemExit: There is none; the message lists the runs that there are.
    """
    folder = Path(__file__).parents[1] / "workflow/runs"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if run not in known:
        raise SystemExit(f"config.yaml: run: {run}: known runs are paper, {', '.join(known)}")
    return f"workflow/runs/{run}.yaml"


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with another laid over it, as Snakemake does it.

    Sections are joined; all else is replaced.
    """
    joined = dict(below)
    for key, value in above.items():
        inner = joined.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            joined[key] = merged(inner, value)
        else:
            joined[key] = value
    return joined


def configured(run: str) -> Config:
    """The configuration of a run, from config.yaml in the working folder.

    Raises:
        InputError: A file is missing, not YAML, or does not fit.
    """
    content: dict[str, Any] = {}
    for file in ["config.yaml", *([] if run == "paper" else [run_file(run)])]:
        try:
            above: Any = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
            content = merged(content, above)
        except (OSError, yaml.YAMLError, AttributeError, UnicodeDecodeError) as error:
            raise InputError(
                f"{file}: cannot be read ({error}); call this from the repository's root"
            ) from None
    return load(content | {"run": run})


def load(content: Mapping[str, Any]) -> Config:
    """Checks what was read from config.yaml.

    Raises:
        InputError: Names each key that is missing, unknown or of the wrong type.
    """
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, problem['loc'])) or 'config'}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise InputError("\n".join(["config.yaml does not fit:", *lines])) from error
