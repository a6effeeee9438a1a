"""Type and meaning of every key of config.yaml.

No number and no choice of an experiment has a default: what runs is written down. A key may be left
out only where that means none (null), no (false) or nothing ({}).
"""

from typing import Any, Literal

from pipeline.config.data import Dataset, Flow, Frames, MetaDataset, Submission
from pipeline.config.evaluation import Alignment, Score, Table
from pipeline.config.section import Section
from pipeline.config.training import (
    Fitting,
    FlowWeights,
    ImageFlowWeights,
    Loss,
    LossSearch,
    Model,
    Training,
)


class Config(Section):
    """config.yaml with the file of the run laid over it."""

    run: str
    """`paper`: config.yaml as it stands; another word: workflow/runs/<run>.yaml laid over it."""
    pathvars: dict[Literal["raw", "data", "results", "logs"], str]
    """Folders of raw data, of stores made from them, of results and of logs."""
    without: tuple[str, ...]
    """Keys of `datasets` and `meta_datasets` that are left out: their tables show printed values
    only."""
    seed: int
    """Seed of all random numbers."""
    frames: Frames
    flow: Flow
    """Optical flow from each frame to the next (Sec. IV-B)."""
    other_flows: dict[str, Flow]
    """Flows by name, for models whose key `flow` gives this name; also the name of their folder."""
    datasets: dict[str, Dataset]
    """Datasets with frames and gaze of their own, by the name of their raw folder."""
    meta_datasets: dict[str, MetaDataset]
    """Datasets that consist of listed frames of another one, by the name of their raw folder."""
    submissions: dict[str, Submission]
    """Maps of splits whose gaze is hidden, packed for the datasets' authors, who score them."""
    networks: dict[str, dict[str, Any]]
    """Name of a network in model/registry.py -> arguments of its constructor that all its models
    share."""
    flow_weights: FlowWeights
    image_flow_weights: ImageFlowWeights
    backbone_weights: str | None
    """ImageNet weights of the backbone (Sec. III): `torchvision`: downloaded to raw/imagenet; else
    a file with a state dict of torchvision; null: random weights."""
    backbone_sha256: str | None
    """First digits, or all, of the SHA-256 that the file must have; null: not checked."""
    models: dict[str, Model]
    """Models by name. Exactly one of `network`, `maps` and `held_out` is set; further keys are
    arguments of the network's constructor, beside those under `networks`."""
    loss: Loss
    loss_search: LossSearch
    pretraining: Training
    other_pretrainings: dict[str, Training]
    """Pretrainings by name, for models whose key `pretraining` gives this name."""
    trainings: dict[str, Training]
    """Trainings by the name that rows of tables give (Sec. IV-B)."""
    fitting: Fitting
    score: Score
    alignment: Alignment
    sanity: dict[str, str]
    """Label of a row of every table -> key of `models`: a model without training."""
    tables: dict[str, Table]
    """Tables by the name of their sheet of printed values, workflow/published/<table>.csv."""
