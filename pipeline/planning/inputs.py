"""Input functions of the rules: from a job's wildcards to the files that it reads.

Each method that takes wildcards is an input function; each other one returns one, so that a rule
reads `frames=inputs.training("frames")`.
"""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipeline.config.config import Config
from pipeline.config.evaluation import Measured
from pipeline.config.section import GIVEN, UNTRAINED
from pipeline.planning import needs, paths
from pipeline.planning.fetchable import fetchable_file
from pipeline.planning.load import RIVALS, own
from pipeline.planning.raw_files import declared, patterns_of
from pipeline.planning.rows import leading, pictured, shown
from pipeline.raw.patterns import paths_matching
from pipeline.raw.splits import SheetClip, part_names
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows

Wildcards = Any
"""Snakemake's: an attribute per wildcard of the job."""
Input = Callable[[Wildcards], list[str]]
LEARNED = ("train", "validation")
"""Splits that a training reads: the clips that it learns from, and those that it holds out."""


class Inputs:
    """Input functions for a run."""

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg

    # Raw data

    def clips(self, wildcards: Wildcards) -> Sequence[SheetClip]:
        """The clips of a part.

        Raises:
            InputError: The run uses no clip of it.
        """
        dealt = needs.dealt(self.cfg, wildcards.dataset)
        if wildcards.part not in dealt:
            sheet = self.cfg.datasets[wildcards.dataset].splits
            raise InputError(
                f"{sheet}: no clip of part {wildcards.part} is used; parts of "
                f"{wildcards.dataset} are {', '.join(dealt) or 'none'}"
            )
        return dealt[wildcards.part]

    def raw(self, stage: str) -> Input:
        """Raw files of a part that a rule of the run draws; others are a param (`RawFiles`)."""

        def found(wildcards: Wildcards) -> list[str]:
            dataset, clips = wildcards.dataset, self.clips(wildcards)
            if not declared(self.cfg, dataset):
                return []
            root, gaze = Path(paths.raw_folder(self.cfg, dataset)), self.cfg.datasets[dataset].gaze
            files = {
                file
                for pattern in patterns_of(self.cfg, dataset, stage)
                for clip in clips
                for file in paths_matching(root, pattern, gaze, clip.name, clip.split)
            }
            return sorted(files)

        return found

    # Stores of the data stages

    def training(
        self, *stages: str, splits: Sequence[str] = ("train",), ending: str = ".json"
    ) -> Input:
        """Parts of the clips that a training learns from, or holds out, in its order."""
        return lambda wildcards: self._parts(
            stages, needs.training_named(self.cfg, wildcards.training).datasets, splits, ending
        )

    def tested(self, *stages: str, ending: str = ".json") -> Input:
        """Parts of the split of a dataset that is predicted and scored."""
        return lambda wildcards: self._parts(
            stages,
            [wildcards.dataset],
            [needs.predicted_split(self.cfg, wildcards.dataset)],
            ending,
        )

    def used(self, *stages: str, ending: str = ".json") -> Input:
        """Parts of every split of a dataset that the run asks for."""
        return lambda wildcards: self._parts(
            stages,
            [wildcards.dataset],
            sorted(needs.used_splits(self.cfg, wildcards.dataset)),
            ending,
        )

    def of_the_flow(self, parts: Callable[..., Input], **options: Any) -> Input:
        """Parts of the flow that a model looks at; none if it sees no motion."""

        def found(wildcards: Wildcards) -> list[str]:
            if not needs.sees_motion(self.cfg, wildcards.model):
                return []
            return parts(needs.flow_name(self.cfg, wildcards.model), **options)(wildcards)

        return found

    def image_flow(
        self, *stages: str, splits: Sequence[str] = ("train",), ending: str = ".json"
    ) -> list[str]:
        """Parts of the videos that show what flow looks like in a still image."""
        datasets = self.cfg.image_flow_weights.training.datasets
        return self._parts(stages, datasets, splits, ending)

    def _parts(
        self, stages: Sequence[str], datasets: Sequence[str], splits: Sequence[str], ending: str
    ) -> list[str]:
        """Stage by stage the manifests, or with ending .zarr the stores that they describe."""
        every = itertools.product(stages, splits, datasets)
        found = (paths.parts(self.cfg, stage, name, split, ending) for stage, split, name in every)
        return [*itertools.chain.from_iterable(found)]

    # Weights and maps

    def flow_weights(self, wildcards: Wildcards) -> list[str]:
        """Weights of a flow's network; none where it has none."""
        weights = getattr(needs.flows(self.cfg)[wildcards.flow], "weights", None)
        return [weights] if weights else []

    def backbone(self, wildcards: Wildcards) -> list[str]:
        """ImageNet weights that a model's backbone starts from, if any."""
        file = needs.backbone_file(
            self.cfg, needs.network_arguments(self.cfg, wildcards.model).get("backbone")
        )
        return [file] if file else []

    def image_flow_backbone(self) -> list[str]:
        """ImageNet weights of the network that sees flow in a still image, if any."""
        file = needs.backbone_file(self.cfg, self.cfg.image_flow_weights.network["backbone"])
        return [file] if file else []

    def start(self, wildcards: Wildcards) -> list[str]:
        """Weights of the training that a model's training starts from, if any."""
        if (start := needs.starts_pretrained(self.cfg, wildcards.model)) is None:
            return []
        return [paths.weights(self.cfg, start, needs.pretraining_name(self.cfg, wildcards.model))]

    def own_backbone(self, wildcards: Wildcards) -> list[str]:
        """ImageNet weights that a model's training starts from if no other training starts it."""
        return [] if self.start(wildcards) else self.backbone(wildcards)

    def teacher(self) -> str:
        """The weights of UNISAL, which teaches, as its authors released them."""
        return str(fetchable_file(self.cfg.pathvars["raw"], "unisal"))

    def released(self, wildcards: Wildcards) -> list[str]:
        """The file of weights that a network's authors released, and one beside it, if any."""
        return needs.released_files(self.cfg, wildcards.model)

    def weights(self, wildcards: Wildcards) -> list[str]:
        """Weights of a trained, fitted or imported model; none of one without training."""
        if wildcards.training == UNTRAINED:
            return []
        return [paths.weights(self.cfg, wildcards.model, wildcards.training)]

    def frame_list(self, wildcards: Wildcards) -> list[str]:
        """The frame list of a meta dataset; none of another dataset."""
        return paths.frame_list(self.cfg, wildcards.dataset)

    def given_maps(self, wildcards: Wildcards) -> str:
        """Folder, archive or Zarr group of maps that somebody else made."""
        return str(self.cfg.models[wildcards.model].maps).format(dataset=wildcards.dataset)

    def _published(self, wildcards: Wildcards) -> list[dict[str, str]]:
        """What is published of a given model on a dataset: rows of the sheet of rivals.

        Raises:
            InputError: Nothing is.
        """
        system = self.cfg.models[wildcards.model].published
        rows = [row for row in read_rows(Path(own(RIVALS))) if row["system"] == system]
        found = [row for row in rows if row["dataset"] == wildcards.dataset]
        if not found:
            known = ", ".join(dict.fromkeys(row["dataset"] for row in rows))
            raise InputError(
                f"{own(RIVALS)}: nothing of {system} on {wildcards.dataset}; known are {known}"
            )
        return found

    def published_sheets(self, wildcards: Wildcards) -> list[str]:
        """The sheet of rivals, and those of single clips that it names."""
        clips = [row["clips"] for row in self._published(wildcards) if row["clips"]]
        return [own(RIVALS), *(str(Path(own(RIVALS)).parent / name) for name in clips)]

    def verified(self, wildcards: Wildcards) -> list[str]:
        """Scores of a given model by every protocol that published values were made with."""
        protocols = (row["protocol"] for row in self._published(wildcards))
        row = Measured(model=wildcards.model, training=GIVEN)
        return [
            paths.scores(self.cfg, row, wildcards.dataset, protocol)
            for protocol in dict.fromkeys(name or self.cfg.score.protocol for name in protocols)
        ]

    # Figures

    def of_table(self, found: Input) -> Input:
        """Files of the dataset of a table, and of its leading model; `found` takes these two."""

        def of(wildcards: Wildcards) -> list[str]:
            label = leading(self.cfg, wildcards.table)
            model = pictured(self.cfg, wildcards.table)[label].model if label else None
            dataset = self.cfg.tables[wildcards.table].dataset
            return found(SimpleNamespace(dataset=dataset, model=model))

        return of

    def pictured(self, wildcards: Wildcards) -> list[str]:
        """Maps and scores of every model that is shown of a table."""
        return [path for pair in self.by_label(wildcards).values() for path in pair]

    def by_label(self, wildcards: Wildcards) -> dict[str, tuple[str, str]]:
        """Label of a table's row -> manifest of its maps, and its score sheet."""
        cfg, table = self.cfg, self.cfg.tables[wildcards.table]
        return {
            label: (
                paths.saliency(cfg, row, table.dataset),
                paths.scores(cfg, row, table.dataset, table.protocol),
            )
            for label, row in pictured(cfg, wildcards.table).items()
        }

    def of_clip(self, *stages: str, ending: str = ".json") -> Input:
        """The parts of the tested split that hold a clip.

        Raises:
            InputError: There is no such clip.
        """

        def of(wildcards: Wildcards) -> list[str]:
            cfg, dataset = self.cfg, wildcards.dataset
            split = needs.predicted_split(cfg, dataset)
            dealt = needs.dealt(cfg, needs.over(cfg, dataset))
            named = part_names(dealt, split)
            holds = [any(clip.name == wildcards.clip for clip in dealt[part]) for part in named]
            if True not in holds:
                some = ", ".join(clip.name for part in named[:1] for clip in dealt[part][:5])
                raise InputError(
                    f"{dataset}: no {split} clip {wildcards.clip}; name one of its split sheet, "
                    f"such as {some}"
                )
            parts = (paths.parts(cfg, stage, dataset, split, ending) for stage in stages)
            return [path for found in parts for path in itertools.compress(found, holds)]

        return of

    def maps_and_scores(self, wildcards: Wildcards) -> list[str]:
        """Maps and scores of every model that tables about a dataset measure."""
        return [path for pair in self.shown_of(wildcards).values() for path in pair]

    def shown_of(self, wildcards: Wildcards) -> dict[str, tuple[str, str]]:
        """Label of a row of a dataset's tables -> manifest of its maps, and its score sheet."""
        cfg, dataset = self.cfg, wildcards.dataset
        return {
            label: (paths.saliency(cfg, row, dataset), paths.scores(cfg, row, dataset))
            for label, row in shown(cfg, dataset).items()
        }

    def clip_pages(self, wildcards: Wildcards) -> list[str]:
        """Pages of all clips of a dataset's tested split."""
        cfg, dataset = self.cfg, wildcards.dataset
        dealt = needs.dealt(cfg, needs.over(cfg, dataset))
        parts = part_names(dealt, needs.predicted_split(cfg, dataset))
        pages = (paths.clip_page(dataset, clip.name) for part in parts for clip in dealt[part])
        return [f"{cfg.pathvars['results']}/{page}" for page in pages]

    def leading(self, wildcards: Wildcards) -> list[str]:
        """Maps and scores of the leading model of a table."""
        label = leading(self.cfg, wildcards.table)
        return list(self.by_label(wildcards)[label]) if label else []

    def attributes(self, wildcards: Wildcards) -> list[str]:
        """The sheet clip,attribute of a dataset; none where it has none."""
        sheet = needs.scored(self.cfg, wildcards.dataset).attributes
        return [str(sheet)] if sheet else []
