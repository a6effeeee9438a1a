"""Sections of config.yaml about scores, checks and tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, NonNegativeFloat, NonNegativeInt

from pipeline.config.protocols import ProtocolName
from pipeline.config.section import Section, Split


class Score(Section):
    """How saliency maps are scored (docs/evaluation.md)."""

    protocol: ProtocolName
    """Metrics, and how they are computed and averaged."""


class Alignment(Section):
    """Thresholds of the check that compares gaze with motion (`results/<run>/alignment`)."""

    lags: NonNegativeInt
    """Largest number of frames by which gaze is shifted against the motion, either way."""
    usual_lag: NonNegativeInt
    """Frames by which eyes may lead or follow without a flag."""
    min_frames: NonNegativeInt
    """Frames with motion that a clip must have for a flag: with fewer, chance decides."""
    min_nss: float
    """NSS on the motion that a lag or a flip must reach for a flag."""
    lag_margin: NonNegativeFloat
    """Share of its NSS by which the best lag must exceed lag 0 for a flag."""
    flip_margin: NonNegativeFloat
    """Share of its NSS by which a flip must exceed every lag for a flag."""
    length_margin: NonNegativeFloat
    """Share of the video's length by which recordings may be shorter or longer."""
    min_observers: NonNegativeFloat
    """Mean number of observers that a frame must have."""
    max_outside: NonNegativeFloat
    """Largest share of usable samples that may lie outside the video."""


class Measured(Section):
    """The model and the training behind a row of a table."""

    model: str
    """Key of `models`."""
    training: str
    """Key of `trainings`; `salicon` or a key of `other_pretrainings`: the pretraining alone, for a
    model that starts others; `untrained`: no training; `given`: maps or weights made
    elsewhere."""


def _without_null(rows: Any) -> Any:
    if not isinstance(rows, Mapping):
        return rows
    return {label: row for label, row in rows.items() if row is not None}


Rows = Annotated[
    dict[str, Measured],
    BeforeValidator(_without_null, json_schema_input_type=dict[str, Measured | None]),
]
"""Label of a row -> what measures it; a run takes one out by null."""


class Table(Section):
    """A table of a paper, with measured values beside the printed ones."""

    title: str
    """Title, as the paper prints it."""
    dataset: str
    """Key of `datasets` or `meta_datasets`: the dataset that is scored."""
    metrics: tuple[str, ...]
    """Columns, in the order of the paper: names of pipeline/evaluation/metrics/registry.py."""
    measured: Rows
    """Row of the published sheet, or a new one -> what measures it; all other rows are quoted, and
    so is one that a run sets to null."""
    average: Literal["clip"] | None = None
    """`clip`: means over the frames of each clip, then over clips; null: as the protocol says."""
    leading: str | None = None
    """Row whose scores choose the clips and frames that pictures of the table show; null, or a row
    that the run does not measure: the last row that it trains."""
    protocol: ProtocolName | None = None
    """The scorer that the printed values come from; null: that of `score`."""
    note: str | None = None
    """Text below the table; null: none."""


class Tolerance(Section):
    """Largest differences of a measured value from a published one; either may be reached."""

    relative: NonNegativeFloat
    """Largest difference, as a share of the published value."""
    absolute: NonNegativeFloat
    """Largest difference, in units of the metric."""


class Coverage(Section):
    """How many clips of a split a run uses, for scoring or for a training."""

    dataset: str
    """Key of `datasets`."""
    split: str
    """The split."""
    instead: str | None
    """Split that would be scored if any of its clips were there; null: the split itself."""
    training: str | None
    """Name of the training that learns from the clips; null: they are scored."""
    clips: int
    """Clips that the run uses, those that a job leaves out included."""
    of: int
    """Clips that the split has, by its sheet or as known of the dataset."""
    frames: int | None
    """Frames that the split is known to have; null: not known."""


class ScoredDataset(Section):
    """What the footer of a table states about its dataset."""

    variant: str
    """Name of the ground truth and how its densities were made."""
    split: Split
    """Split that was scored."""
    meta: bool
    """Whether the dataset lists frames of another one, which protocols average differently."""
    attributes: Path | None = None
    """CSV file of clip,attribute."""
    frame_list: Path | None = None
    """List of a meta dataset."""


class TablesSettings(Section):
    """Everything that tables depend on beside scores and published values."""

    run: str
    """Name of the run: `paper` for the real thing."""
    results: str
    """Folder of the run's results, in which clips have pages; empty where tables do not lead to
    them: in a folder outside of the workflow, or of rows that no clip's page shows."""
    protocol: str
    """Name of the scoring protocol (docs/evaluation.md)."""
    seed: int
    """Seed of everything random in the run."""
    config_digest: str
    """Digest of the configuration."""
    code: str
    """Digest of the code of all stages."""
    sanity: dict[str, str]
    """Row label -> model without training, in every table."""
    datasets: dict[str, ScoredDataset]
    """Every dataset and meta dataset by name."""
    tables: dict[str, Table]
    """Tables with the rows that the run measures."""
    left_out: dict[str, str]
    """Dataset that was not scored, so that its tables show printed values only -> why."""
    lacking: dict[str, dict[str, str]]
    """Table -> row that this run cannot measure -> why."""
    quoted: dict[str, str]
    """Row of published sheets that nothing here measures -> why."""
    coverage: dict[str, tuple[Coverage, ...]]
    """Table -> clips of the split that is scored, and of the trainings of its rows."""
    observed: tuple[str, ...]
    """Models that are the observers themselves, which do not compete with the others."""
    flows: dict[str, str]
    """Model that sees motion -> its optical flow and the weights of that, in words."""


class Verification(Section):
    """What is verified against published values, and what its page states about that."""

    run: str
    """Name of the run."""
    model: str
    """Name of the given model."""
    system: str
    """Name in workflow/published/rivals.csv."""
    dataset: str
    """Dataset that is scored."""
    variant: str
    """Name of its ground truth."""
    truth: str
    """The ground truth and how its densities were made, in words."""
    grid: tuple[int, int]
    """Width and height of the frame grid."""
    coverage: Coverage
    """How many clips are scored."""
    protocol: str
    """Protocol for values whose own one is not known."""
    tolerance: Tolerance
    seed: int
    """Seed of everything random in the run."""
