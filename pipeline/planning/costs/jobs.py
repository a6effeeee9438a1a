"""What jobs cost: hours of a core and memory, by rates that were measured (docs/cost.md).

Rates are of 640x480; what works on the frame grid grows with its area. What a network costs is
known for the sizes that config.yaml gives it: of a run that changes them, nothing is stated.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.config.config import Config
from pipeline.config.training import Training
from pipeline.planning import needs
from pipeline.planning.costs.rates import (
    NETWORK_COSTS,
    STAGE_COSTS,
    NetworkCost,
    prediction_label,
    read_costs,
    read_network_costs,
    training_label,
)
from pipeline.planning.load import own
from pipeline.planning.provenance import ROOT
from pipeline.planning.rows import all_measured
from pipeline.planning.schedule import SMALL, iterations_of, share_small
from pipeline.planning.targets import pretrainings, training_logs
from pipeline.raw.splits import Total, known_totals, read_sheet
from pipeline.runtime.pace import duration
from pipeline.runtime.yaml_file import read_yaml

MOST = 0.5
"""Share of the iterations above which a training counts as idle."""
_MEASURED_AREA = 640 * 480
_HOUR = 3600.0


class Cost(NamedTuple):
    """What a job is expected to take; None: not known."""

    hours: float | None = None
    """Hours of a core."""
    memory: float | None = None
    """Memory in MB."""


@cache
def _papers_networks() -> Mapping[str, Mapping[str, Any]]:
    """As they come with the workflow, whatever else stands in its config.yaml."""
    found: Mapping[str, Mapping[str, Any]] = read_yaml(ROOT / "config.yaml")["networks"]
    return found


class Costs:
    """What the jobs of a run cost."""

    def __init__(self, cfg: Config, counted: Mapping[tuple[str, str], int] | None = None) -> None:
        """`counted` are frames of a dataset's splits, where they were counted in its files.

        Raises:
            InputError: A sheet of costs is missing or does not fit.
        """
        self.cfg = cfg
        self._stages = read_costs(Path(own(STAGE_COSTS)))
        self._networks = read_network_costs(Path(own(NETWORK_COSTS)))
        self._counted = counted or {}
        self._area = cfg.frames.width * cfg.frames.height / _MEASURED_AREA

    def frames(self, dataset: str, split: str) -> int | None:
        """Frames of a split: counted, known of its variant, or else of another one; or None."""
        if (dataset, split) in self._counted:
            return self._counted[dataset, split]
        entry = self.cfg.datasets[dataset]
        if not self._known(dataset, entry.variant):
            return None  # its sheet lists other clips
        variants = [entry.variant, *(one for one in entry.variants if one != entry.variant)]
        totals = (self._known(dataset, variant).get(split) for variant in variants)
        frames = next((total.frames for total in totals if total and total.frames), None)
        return None if frames is None else round(frames * self._used(dataset, split))

    def _known(self, dataset: str, variant: str) -> Mapping[str, Total]:
        sheet = self.cfg.datasets[dataset].variants[variant].splits
        return known_totals(Path(own(sheet)), dataset, variant)

    def _used(self, dataset: str, split: str) -> float:
        """Share of a split's clips that the run uses."""
        entry = self.cfg.datasets[dataset]
        if entry.clips != "present" or not Path(entry.splits).is_file():
            return 1.0
        listed = sum(clip.split == split for clip in read_sheet(Path(entry.splits)))
        used = needs.dealt(self.cfg, dataset).values()
        return sum(clip.split == split for clips in used for clip in clips) / max(1, listed)

    def stage(self, stage: str, dataset: str, frames: int | None) -> tuple[Cost, int | None]:
        """What a data stage or a flow takes for some frames, and bytes on the disk."""
        known = needs.flows(self.cfg)
        settings = {
            "frames": f"frames {self.cfg.frames.codec}",
            "gaze": "gaze",
            "density": f"density {self.cfg.datasets[dataset].density.recipe}",
            **{flow: f"flow {entry.estimator}" for flow, entry in known.items()},
        }
        cost = self._stages.get(settings[stage])
        if cost is None or frames is None:
            return Cost(memory=cost.memory if cost else None), None
        times = frames * (1.0 if stage == "gaze" else self._area)
        return Cost(times / cost.speed / _HOUR, cost.memory), round(times * cost.size)

    def training(self, model: str, training: str) -> Cost:
        """What a training takes; its memory is known where its frames are not."""
        settings = needs.training_of(self.cfg, model, training)
        arguments = self._trained(model, training)
        cost = self._of(arguments, training_label(arguments, settings))
        if cost is None:
            return Cost()
        at_once = min(settings.micro_batch or settings.batch, settings.batch)
        memory = None
        if cost.memory is not None and cost.each is not None:
            memory = cost.memory + at_once * cost.each * self._grown(arguments)
        epoch = self.epoch(model, training)
        if epoch is None:
            return Cost(memory=memory)
        samples = iterations_of(settings, epoch) * settings.batch
        # Each batch is of one of these sizes, by chance.
        smaller = sum(1 / factor**2 for factor in settings.shrink) / len(settings.shrink)
        hours = samples * cost.seconds * smaller * self._grown(arguments) / _HOUR
        return Cost(hours, memory)

    def epoch(self, model: str, training: str) -> int | None:
        """Samples of an epoch of a training; None where its frames are not known.

        Frames without gaze, which are few, count here and not in the training.
        """
        settings = needs.training_of(self.cfg, model, training)
        arguments = self._trained(model, training)
        cost = self._of(arguments, training_label(arguments, settings))
        if settings.mix == "datasets":
            return self._videos(settings)
        counts = [self.frames(dataset, "train") for dataset in settings.datasets]
        known = [count for count in counts if count is not None]
        if len(known) < len(counts) or not known:
            return 0 if settings.iterations and settings.step != "epoch" else None
        return -(-sum(known) // (cost.frames if cost else 1))

    def _trained(self, model: str, training: str) -> dict[str, Any]:
        """Arguments of the network that learns: a pretraining is of one stream."""
        arguments = needs.network_arguments(self.cfg, model)
        alone = "streams" in arguments and training in pretrainings(self.cfg)
        return arguments | ({"streams": "appearance"} if alone else {})

    def _videos(self, settings: Training) -> int | None:
        """Clips of the datasets that a training learns from."""
        counts = []
        for dataset in settings.datasets:
            total = self._known(dataset, self.cfg.datasets[dataset].variant).get("train")
            counts.append(total.clips if total else None)
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def prediction(self, model: str, tested: str) -> Cost:
        """What the maps of a dataset or meta dataset take.

        Of a meta dataset all frames are counted, of which it lists some: a network that carries a
        state sees them all.
        """
        arguments = needs.network_arguments(self.cfg, model)
        cost = self._of(arguments, prediction_label(arguments))
        if cost is None:
            return Cost()
        dataset = needs.over(self.cfg, tested)
        frames = self.frames(dataset, needs.predicted_split(self.cfg, tested))
        if frames is None:
            return Cost(memory=cost.memory)
        return Cost(frames * cost.seconds * self._grown(arguments) / _HOUR, cost.memory)

    def job(self, rule: str, wildcards: Mapping[str, str]) -> Cost:
        """What a job of a data stage, a training or a prediction takes."""
        if not {"model", "part"} & wildcards.keys():
            return Cost()  # of a workflow that uses this one, with a rule of the same name
        if rule in ("pretrain", "finetune"):
            return self.training(wildcards["model"], wildcards["training"])
        dataset = wildcards["dataset"]
        if rule == "predict":
            return self.prediction(wildcards["model"], dataset)
        every = needs.dealt(self.cfg, dataset)
        clips = every[wildcards["part"]]
        ranges = [clip.last - (clip.first or 1) + 1 for clip in clips if clip.last]
        split = clips[0].split
        frames = self.frames(dataset, split)
        if len(ranges) == len(clips):
            frames = sum(ranges)
        elif frames is not None:
            of = sum(clip.split == split for part in every.values() for clip in part)
            frames = round(frames * len(clips) / of)
        return self.stage(wildcards.get("flow", rule), dataset, frames)[0]

    def _of(self, arguments: Mapping[str, Any], label: str) -> NetworkCost | None:
        """What was measured, if it was of the sizes that this run gives the network."""
        name = str(arguments["network"])
        same = self.cfg.networks.get(name, {}) == _papers_networks().get(name, {})
        return self._networks.get(label) if same else None

    def _grown(self, arguments: Mapping[str, Any]) -> float:
        """How much more this run's frame grid asks of a network without a size of its own."""
        own_size = {"size", "sizes", "longer_side", "height"} & arguments.keys()
        return 1.0 if own_size else self._area


class Work(NamedTuple):
    """Jobs of a kind, and what they are expected to take together."""

    jobs: int
    unknown: int
    """Jobs whose hours are not known."""
    hours: float
    """Hours of a core, of the others."""
    memory: float | None
    """Memory of the largest job in MB; None: of none it is known."""
    largest: str
    """Name of that job."""


def work(jobs: Mapping[str, Cost]) -> Work:
    """Return what jobs by their names take together."""
    hours = [cost.hours for cost in jobs.values() if cost.hours is not None]
    memory = {name: cost.memory for name, cost in jobs.items() if cost.memory is not None}
    largest = max(memory, key=lambda name: memory[name], default="")
    unknown = len(jobs) - len(hours)
    return Work(len(jobs), unknown, sum(hours), memory.get(largest), largest)


def trainings(costs: Costs) -> dict[str, Cost]:
    """Return every training behind a run's tables, as model/training, with its cost."""
    found = (Path(log) for log in training_logs(costs.cfg))
    names = ((log.parent.name, log.stem) for log in found)
    return {f"{model}/{training}": costs.training(model, training) for model, training in names}


def predictions(costs: Costs) -> dict[str, Cost]:
    """Return the maps that networks make for a run's tables, as model/training/dataset."""
    rows = {
        f"{row.model}/{row.training}/{dataset}": costs.prediction(row.model, dataset)
        for dataset, row in all_measured(costs.cfg)
        if costs.cfg.models[row.model].network
    }
    return dict(sorted(rows.items()))


def idle(costs: Costs, names: Iterable[str]) -> list[str]:
    """Return the trainings, as model/training, most of whose iterations have next to no rate."""
    found = []
    for name in names:
        model, training = name.split("/")
        epoch = costs.epoch(model, training)
        settings = needs.training_of(costs.cfg, model, training)
        if epoch is not None and share_small(settings, epoch) > MOST:
            found.append(name)
    return found


_KINDS = {
    **dict.fromkeys(("frames", "flow", "image_flow", "gaze", "density"), "data stages"),
    **dict.fromkeys(("pretrain", "finetune"), "trainings"),
    "predict": "predictions",
}
"""Rules whose jobs are reckoned; what is left takes little beside them."""


def announced(cfg: Config, jobs: Iterable[tuple[str, Mapping[str, str]]], cores: int) -> list[str]:
    """Return lines on what jobs, by rule and wildcards, will take; none for less than an hour."""
    costs, kinds = Costs(cfg), dict[str, dict[str, Cost]]()
    for rule, wildcards in jobs:
        if rule in _KINDS:
            name = f"{rule} {'/'.join(wildcards.values())}"
            kinds.setdefault(_KINDS[rule], {})[name] = costs.job(rule, wildcards)
    every = {name: cost for of_kind in kinds.values() for name, cost in of_kind.items()}
    whole = work(every)
    if whole.hours < 1:
        return []
    parts = ", ".join(f"{kind} {work(of_kind).hours:,.0f}" for kind, of_kind in kinds.items())
    lines = [
        f"About {whole.hours:,.0f} hours of a core ({parts}), so "
        f"{duration(whole.hours * _HOUR / cores)} on {cores} cores at best; docs/cost.md says what "
        "to shrink first."
    ]
    if whole.unknown:
        lines.append(f"{whole.unknown} of these {whole.jobs} jobs do not count: cost not known.")
    if whole.memory:
        lines.append(f"The largest needs {whole.memory / 1000:.1f} GB of memory: {whole.largest}.")
    names = [name.split(" ")[1] for name in kinds.get("trainings", {})]
    return [*lines, *idle_in_words(idle(costs, names), len(names))]


def idle_in_words(found: Sequence[str], of: int) -> list[str]:
    """Return a line on `idle` trainings, if there are any."""
    if not found:
        return []
    return [
        f"{len(found)} of {of} trainings spend most of their iterations at {SMALL:g} of the first "
        "learning rate or less, as the papers' schedules have it "
        "(docs/training.md#how-the-rate-falls)."
    ]
