"""Type and meaning of every key of config.yaml.

No number and no choice of an experiment has a default: what runs is written down. A key may be left
out only where that means none (null), no (false) or nothing ({}).
"""

from collections.abc import Iterable
from os.path import normpath
from typing import Any, Literal, Self

from pydantic import PositiveInt, model_validator

from pipeline.config.data import Dataset, Flow, Frames, MetaDataset, Submission
from pipeline.config.evaluation import Alignment, Score, Table, Tolerance
from pipeline.config.figures import GateRegions, Overlays
from pipeline.config.section import (
    GIVEN,
    MAIN_FLOW,
    PRETRAINING,
    UNTRAINED,
    Folder,
    Name,
    Section,
    Seed,
    alike,
)
from pipeline.config.training import (
    Fitting,
    FlowWeights,
    ImageFlowWeights,
    Loss,
    LossSearch,
    Model,
    Recipe,
    Training,
)


class Config(Section):
    """config.yaml with the file of the run laid over it."""

    run: Name
    """`paper`: config.yaml as it stands; another word: workflow/runs/<run>.yaml laid over it."""
    pathvars: dict[Literal["raw", "data", "results", "logs"], Folder]
    """Folders of raw data, of stores made from them, of results and of logs."""
    without: tuple[str, ...] | Literal["absent"]
    """Keys of `datasets` and `meta_datasets` that are left out: their tables show printed values
    only. `absent`: those that have no raw folder."""
    seed: Seed
    """Seed of all random numbers."""
    frames: Frames
    flow: Flow
    """Optical flow from each frame to the next (Sec. IV-B)."""
    other_flows: dict[Name, Flow]
    """Flows by name, for models whose key `flow` gives this name; also the name of their folder."""
    datasets: dict[Name, Dataset]
    """Datasets with frames and gaze of their own, by the name of their raw folder."""
    meta_datasets: dict[Name, MetaDataset]
    """Datasets that consist of listed frames of another one, by the name of their raw folder."""
    submissions: dict[Name, Submission]
    """Maps of splits whose gaze is hidden, packed for the datasets' authors, who score them."""
    networks: dict[Name, dict[str, Any]]
    """Name of a network in model/registry.py -> arguments of its constructor that all its models
    share."""
    flow_weights: FlowWeights
    image_flow_weights: ImageFlowWeights
    backbone_weights: str | dict[str, str | None] | None
    """ImageNet weights of the backbone (Sec. III): `torchvision`: downloaded to raw/imagenet;
    `unisal`: the trunk of UNISAL's released weights, for gfsalnet_light; else a file with a state
    dict of torchvision; null: random weights. Or one of these for each backbone by its name; those
    that are not named are `torchvision`'s."""
    backbone_sha256: str | None
    """First digits, or all, of the SHA-256 that one file of all backbones must have; null: not
    checked."""
    models: dict[Name, Model]
    """Models by name. Exactly one of `network`, `maps` and `held_out` is set; further keys are
    arguments of the network's constructor, beside those under `networks`."""
    recipe: Literal["own", "common"]
    """`own`: networks with a recipe of their authors are trained by it; `common`: all networks are
    trained as `trainings` say."""
    recipes: dict[Name, Recipe]
    """How authors train their networks, for models whose key `recipe` gives this name; the datasets
    are those of the training."""
    loss: Loss
    loss_search: LossSearch
    pretraining: Training
    other_pretrainings: dict[Name, Training]
    """Pretrainings by name, for models whose key `pretraining` gives this name."""
    trainings: dict[Name, Training]
    """Trainings by the name that rows of tables give (Sec. IV-B)."""
    checkpoint_minutes: PositiveInt
    """Minutes after which a training saves its state, also between two times `checkpoint`. A
    resource of the rules: `--set-resources finetune:checkpoint_minutes=10`. Changes no result."""
    fitting: Fitting
    score: Score
    alignment: Alignment
    sanity: dict[str, str]
    """Label of a row of every table -> key of `models`: a model without training."""
    quoted: dict[str, str]
    """Row of published sheets that nothing here measures -> why, which tables print."""
    tables: dict[Name, Table]
    """Tables by the name of their sheet of printed values, workflow/published/<table>.csv."""

    overlays: Overlays
    regions: dict[str, GateRegions]
    """Dataset -> regions of one of its test clips, in which the gate is followed; of a dataset
    without an entry two regions of the liveliest clip are found."""

    verify_published: Tolerance
    """When target `verify_published` says that a given model's score is the published one."""

    @model_validator(mode="after")
    def _names_share_no_file(self) -> Self:
        made = [f"{name}_{part}" for name in self.tables for part in ("clips", "attributes")]
        shared: list[dict[str, Iterable[str]]] = [
            {
                "datasets": self.datasets,
                "meta_datasets": self.meta_datasets,
                "submissions": self.submissions,
            },
            # Flows lie beside the other stores of a dataset, their weights among those of models.
            {"stages": ["frames", "gaze", "density", MAIN_FLOW], "other_flows": self.other_flows},
            {"weights": ["flow"], "models": self.models},
            {
                "weights": [GIVEN, UNTRAINED, PRETRAINING],
                "other_pretrainings": self.other_pretrainings,
                "trainings": self.trainings,
            },
            {"tables": self.tables, "pages": ["index", "pages", "marks", "rivals", *made]},
        ]
        for sections in shared:
            if message := alike(sections):
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _raw_data_have_a_folder_of_their_own(self) -> Self:
        if lacking := {"raw", "data", "results", "logs"} - self.pathvars.keys():
            raise ValueError(f"pathvars: {', '.join(sorted(lacking))} needed; name a folder")
        folders = {name: normpath(folder) for name, folder in self.pathvars.items()}
        for name in ("data", "results", "logs"):
            if folders[name] == folders["raw"]:
                raise ValueError(
                    f"pathvars.{name}: {folders[name]} is that of raw, in which nothing but the "
                    "demo's drawings is written; name another folder"
                )
        return self
