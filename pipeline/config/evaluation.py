"""Evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import NonNegativeFloat, NonNegativeInt, model_validator

from pipeline.config.section import Section, Split

Metric = Literal["AUC-J", "sAUC", "CC", "NSS", "SIM", "KLDiv", "chi-square"]


PROTOCOLS = ("mit", "mit_jitter", "dhf1k", "unisal", "pysaliency", "msu_ntire26", "stavis")
"""Names of pipeline/evaluation/protocols.py, here for those who plan without what scoring needs."""


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
