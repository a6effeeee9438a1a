"""Type and meaning of every key of config.yaml.

No number and no choice of an experiment has a default: what runs is written down. A key may be left
out only where that means none (null), no (false) or nothing ({}).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import ValidationError, model_validator

from pipeline.config.data import (
    Dataset,
    Flow,
    Frames,
    ImageFlowEstimator,
    MetaDataset,
    PwcnetFlow,
    ReleasedDensity,
    Submission,
    Test,
)
from pipeline.config.evaluation import (
    Alignment,
    Measured,
    Score,
    ScoredDataset,
    Table,
    TablesSettings,
)
from pipeline.config.section import GIVEN, MAIN_FLOW, PRETRAINING, UNTRAINED, Section, Split
from pipeline.config.training import (
    Fitting,
    FlowWeights,
    ImageFlowWeights,
    Loss,
    LossSearch,
    Model,
    Training,
)
from pipeline.runtime.errors import InputError

NOT_ARGUMENTS = {"start", "pretraining", "flow", "fitted", "maps", "held_out"}
"""Keys of a model that its network's constructor does not take."""

TORCHVISION = {
    "resnet50": "resnet50-0676ba61.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "mobilenet_v2": "mobilenet_v2-b0353104.pth",
}
"""Backbone -> torchvision's first ImageNet weights, named after the begin of their sha256."""


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
    folder = Path(__file__).parents[2] / "workflow/runs"
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
