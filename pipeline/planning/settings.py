"""Params of the rules: the settings and the digests that a job depends on besides its files.

Snakemake prints the command line of a job that fails, and of a param that changed both values. So
what is long travels as a file whose name has its digest, and the command line names the file.
"""

import hashlib
import json
import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from model.registry import module_of
from pipeline.config.config import Config
from pipeline.config.evaluation import Verification
from pipeline.planning import made, needs, paths
from pipeline.planning.claims import tests_digest
from pipeline.planning.costs.jobs import Costs
from pipeline.planning.inputs import Inputs, Wildcards
from pipeline.planning.load import own
from pipeline.planning.provenance import code_digest
from pipeline.planning.raw_files import RawFiles
from pipeline.planning.rows import clips_scored, leading, searching, tables_settings, truth_in_words
from pipeline.planning.targets import PUBLISHED
from pipeline.raw.patterns import tree_digest
from pipeline.runtime.keeping import keep

STAGES = (
    *("preprocessing.frames", "preprocessing.flow", "preprocessing.gaze", "preprocessing.density"),
    *("training.pretrain", "training.finetune", "training.fit", "importing.import_weights"),
    *("evaluation.predict", "evaluation.gather", "evaluation.score", "evaluation.observers"),
    "reporting.tables",
)
"""Modules of the stages whose code decides a table."""
Param = Callable[[Wildcards], str]
FOLDER = Path(".snakemake/settings")
"""Files of long params, below the working folder; the next plan writes again what is removed."""
_LONG = 160
"""Characters of a param that a line of a message still holds."""


class Settings:
    """Params for a run: functions of a job's wildcards, or JSON that is the same for all jobs."""

    def __init__(self, cfg: Config, inputs: Inputs) -> None:
        self.cfg, self._inputs, self._raw_files = cfg, inputs, RawFiles(cfg)

    # Digests of code

    def network_code(self, stage: str) -> Param:
        """Digest of a stage together with the network of the model at hand."""
        return lambda job: code_digest(stage, *self._network_modules(job.model))

    def _network_modules(self, model: str) -> list[str]:
        name = self.cfg.models[model].network
        return [module_of(name)] if name else []

    def reader_code(self, wildcards: Wildcards) -> str:
        """Digest of stage `gaze` together with the reader of the dataset at hand."""
        reader = self.cfg.datasets[wildcards.dataset].gaze.reader
        return code_digest("pipeline.preprocessing.gaze", f"pipeline.datasets.{reader}")

    # Raw files

    def raw_root(self, _wildcards: Wildcards) -> str:
        """Folder of the raw folders."""
        return self.cfg.pathvars["raw"]

    def published(self, _wildcards: Wildcards) -> str:
        """Folder of the papers' printed tables."""
        return own(PUBLISHED)

    def raw_folder(self, wildcards: Wildcards) -> str:
        """Folder of a dataset's raw files."""
        return paths.raw_folder(self.cfg, wildcards.dataset)

    def clips(self, wildcards: Wildcards) -> str:
        """The clips of a part, as JSON."""
        clips = [vars(clip) for clip in self._inputs.clips(wildcards)]
        return travelling("clips", json.dumps(clips))

    def raw_files(self, stage: str) -> Param:
        """Digest that changes when the contents of the raw files of the part at hand do."""
        return lambda job: self._raw_files.param(job.dataset, stage, job.part)

    def given_files(self, wildcards: Wildcards) -> str:
        """Digest of somebody's maps by names, sizes and dates of their files."""
        return tree_digest(Path(self._inputs.given_maps(wildcards)))

    # Sections of config.yaml, as JSON

    def dataset(self, section: str) -> Param:
        """A section of the dataset at hand: `frames`, `gaze` or `density`."""
        datasets = self.cfg.datasets
        return lambda job: as_json(getattr(datasets[needs.over(self.cfg, job.dataset)], section))

    def over(self, wildcards: Wildcards) -> str:
        """The dataset at hand, or the one that it lists frames of."""
        return needs.over(self.cfg, wildcards.dataset)

    def flow(self, wildcards: Wildcards) -> str:
        """The flow at hand."""
        return as_json(needs.flows(self.cfg)[wildcards.flow])

    def network(self, wildcards: Wildcards) -> str:
        """Arguments of the network of the model at hand."""
        arguments = json.dumps(needs.network_arguments(self.cfg, wildcards.model))
        return travelling("network", arguments)

    def training(self, wildcards: Wildcards) -> str:
        """The training at hand."""
        return as_json(needs.training_of(self.cfg, wildcards.model, wildcards.training))

    def seed(self, wildcards: Wildcards) -> int:
        """Seed of the training at hand."""
        return needs.seed_of(self.cfg, wildcards.training)

    def loss(self, wildcards: Wildcards) -> str:
        """Weights of Eq. (6) for the training at hand."""
        return as_json(needs.loss_of(self.cfg, wildcards.training))

    def submission(self, wildcards: Wildcards) -> str:
        """What those expect who score the submission at hand."""
        return as_json(self.cfg.submissions[wildcards.dataset])

    def sha256(self, wildcards: Wildcards) -> str:
        """What the digest of the released weights of the model at hand begins with, or null."""
        return as_json(self.cfg.models[wildcards.model].sha256)

    def held_out(self, wildcards: Wildcards) -> int:
        """Number of observers that are held out one by one."""
        return int(self.cfg.models[wildcards.model].held_out or 0)

    def metrics(self, wildcards: Wildcards) -> list[str]:
        """Columns of the tables of the dataset at hand that are scored by the protocol at hand.

        Where there is none at hand, it is that of the run.
        """
        usual = self.cfg.score.protocol
        at_hand = (wildcards.dataset, getattr(wildcards, "protocol", usual))
        tables = self.cfg.tables.values()
        asking = [t for t in tables if (t.dataset, t.protocol or usual) == at_hand]
        return [metric for table in asking for metric in table.metrics]

    def protocol(self, wildcards: Wildcards) -> str:
        """The protocol that scores the table at hand."""
        return self.cfg.tables[wildcards.table].protocol or self.cfg.score.protocol

    def ground_truth(self, wildcards: Wildcards) -> str:
        """The ground truth of the dataset at hand, in words."""
        return truth_in_words(self.cfg, wildcards.dataset)

    def average(self, wildcards: Wildcards) -> str:
        """Which of a protocol's averages the dataset at hand takes."""
        return "meta" if wildcards.dataset in self.cfg.meta_datasets else "own"

    def about(self, wildcards: Wildcards) -> str:
        """What a sheet about a dataset or a table is of, term by term, for its first lines.

        Protocol and seed are there only where they decide what is in the sheet.
        """
        cfg = self.cfg
        words = {name: getattr(wildcards, name, "") for name in ("table", "model", "training")}
        table = cfg.tables.get(words["table"])
        dataset = table.dataset if table else wildcards.dataset
        facts = {"run": cfg.run, "dataset": dataset, "truth": truth_in_words(cfg, dataset), **words}
        if table:
            facts["protocol"] = self.protocol(wildcards)
        if training := words["training"]:
            facts["seed"] = str(needs.seed_of(cfg, training))
        elif table:
            facts["seed"] = str(cfg.seed)
        return json.dumps(facts)

    def coverage(self, wildcards: Wildcards) -> str:
        """How many clips of the dataset at hand are scored, as a list."""
        split = needs.predicted_split(self.cfg, wildcards.dataset)
        return f"[{clips_scored(self.cfg, wildcards.dataset, split).model_dump_json()}]"

    def verification(self, wildcards: Wildcards) -> str:
        """What is verified against published values."""
        cfg, dataset = self.cfg, wildcards.dataset
        found = Verification(
            run=cfg.run,
            model=wildcards.model,
            system=str(cfg.models[wildcards.model].published),
            dataset=dataset,
            variant=cfg.datasets[dataset].variant,
            truth=truth_in_words(cfg, dataset),
            grid=(cfg.frames.width, cfg.frames.height),
            coverage=clips_scored(cfg, dataset, needs.scored(cfg, dataset).split),
            protocol=cfg.score.protocol,
            tolerance=cfg.verify_published,
            seed=cfg.seed,
        )
        return as_json(found)

    def pictured(self, wildcards: Wildcards) -> str:
        """Label -> manifest of its maps and its score sheet, for every model that is shown."""
        return travelling("pictured", json.dumps(self._inputs.by_label(wildcards)))

    def shown(self, wildcards: Wildcards) -> str:
        """Label -> manifest of its maps and its score sheet, of all models tested on a dataset."""
        return travelling("shown", json.dumps(self._inputs.shown_of(wildcards)))

    def leading(self, wildcards: Wildcards) -> str:
        """Label of the row that chooses what is shown of the table at hand."""
        return leading(self.cfg, wildcards.table) or ""

    def columns(self, wildcards: Wildcards) -> str:
        """Metrics of the table at hand, in their order, as words."""
        return " ".join(self.cfg.tables[wildcards.table].metrics)

    def regions(self, wildcards: Wildcards) -> str:
        """Regions of a clip of the dataset at hand in which the gate is followed, or null."""
        return as_json(self.cfg.regions.get(wildcards.dataset))

    def made(self, _wildcards: Wildcards) -> str:
        """Settings that the stores and weights behind the tables must have been made with."""
        return travelling("made", json.dumps(made.expected(self.cfg)))

    def tables(self) -> str:
        """Settings of all tables."""
        return as_json(tables_settings(self.cfg, self._all_code()))

    def loss_weights(self) -> str:
        """Settings of the table of tried losses."""
        of = searching(self.cfg)
        return as_json(tables_settings(self.cfg, self._all_code(), of))

    def whole(self) -> str:
        """The whole configuration, as its files give it."""
        return travelling("config", self.cfg.model_dump_json(exclude_unset=True))

    def _all_code(self) -> str:
        """Digest of every stage, reader and network that decides a table."""
        datasets = self.cfg.datasets.values()
        readers = {f"pipeline.datasets.{dataset.gaze.reader}" for dataset in datasets}
        networks = {name for model in self.cfg.models for name in self._network_modules(model)}
        stages = (f"pipeline.{stage}" for stage in STAGES)
        return code_digest(*stages, *sorted(readers), *sorted(networks))

    def tested_code(self) -> str:
        """Digest of all that decides a table, and of the tests that claims name."""
        return f"{self._all_code()} {tests_digest()}"

    # Resources

    @cached_property
    def _costs(self) -> Costs:
        return Costs(self.cfg)

    def training_memory(self, wildcards: Wildcards, attempt: int) -> int:
        """Memory in MB for the training at hand, `attempt` times as much when tried again."""
        measured = self._costs.training(wildcards.model, wildcards.training).memory
        return _asked_for(measured, 16000) * attempt

    def prediction_memory(self, wildcards: Wildcards, attempt: int) -> int:
        """Memory in MB for the prediction at hand, `attempt` times as much when tried again."""
        measured = self._costs.prediction(wildcards.model, wildcards.dataset).memory
        return max(_LEAST, _asked_for(measured, 8000)) * attempt

    # Folders that are no output

    def beside_weights(self, folder: str) -> Param:
        """Folder in which a training keeps its state or its curves."""
        results = self.cfg.pathvars["results"]
        return lambda wildcards: f"{results}/{folder}/{wildcards.model}/{wildcards.training}"


_LEAST = 2000
"""MB of a prediction by a network that needs little: shards of frames and maps are held besides."""


_WATCHING = 400
"""MB of the two Snakemakes that watch a job on a cluster, 150 each in a run of the demo."""


def _asked_for(measured: float | None, unmeasured: int) -> int:
    """What a job asks for: what was measured and a tenth more, or where nothing was, a usual MB."""
    if measured is None:
        return unmeasured
    return math.ceil((measured * 1.1 + _WATCHING) / 100) * 100


def memory(megabytes: int) -> Callable[[Wildcards, int], int]:
    """A resource `mem_mb`: each time that the job is tried again, it asks for as much more."""
    return lambda wildcards, attempt: megabytes * attempt


def lists(*names: str, validation: bool = False) -> Callable[[Wildcards, Any], str]:
    """Options of a command line with a job's inputs of these names, each a list of files.

    With `validation`, those of the held-out clips as well.
    """
    named = [*names, *(f"validation_{name}" for name in names if validation)]

    # Snakemake knows by the name `input` that the param follows from the inputs.
    def options(_wildcards: Wildcards, input: Any) -> str:
        words = list[str]()
        for name in named:
            files = getattr(input, name)
            words += [f"--{name.replace('_', '-')}"]
            words += [files] if isinstance(files, str) else map(str, files)
        return _written("inputs", "\n".join(words))

    return options


def as_json(value: Any) -> str:
    """JSON of a section or of plain values."""
    if not isinstance(value, BaseModel):
        return json.dumps(value)
    return travelling(type(value).__name__.lower(), value.model_dump_json())


def travelling(name: str, text: str) -> str:
    """A word of a command line for a text of one line: itself, or where that is long, its file."""
    return text if len(text) <= _LONG else _written(name, text)


def _written(name: str, text: str) -> str:
    """`@` and a file that holds a text: `pipeline.runtime.cli` reads its lines as words.

    Raises:
        InputError: The disk refuses it.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    file = FOLDER / f"{name}-{digest}"
    if not file.is_file():
        keep(file, text)
    return f"@{file}"
