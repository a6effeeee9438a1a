"""Type and meaning of every key of config.yaml: the whole of it."""

from __future__ import annotations

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
