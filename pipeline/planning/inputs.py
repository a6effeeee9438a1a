"""Input functions of the rules: from a job's wildcards to the files that it reads.

Each method that takes wildcards is an input function; each other one returns one, so that a rule
reads `frames=inputs.training("frames")`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.config.data import ReleasedDensity
from pipeline.config.section import UNTRAINED
from pipeline.planning import paths
from pipeline.planning.needs import (
    all_trainings,
    backbone_file,
    flow_name,
    flows,
    network_arguments,
    predicted_split,
    pretraining_name,
    sees_motion,
)
from pipeline.planning.rows import pictured, used_splits
from pipeline.raw.patterns import gaze_files, video_file
from pipeline.raw.splits import SheetClip

Wildcards = Any
"""Snakemake's: an attribute per wildcard of the job."""
Input = Callable[[Wildcards], list[str]]


class Inputs:
    """Input functions for a run."""

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg

    # Raw data

    def clips(self, wildcards: Wildcards) -> Sequence[SheetClip]:
        """The clips of a part."""
        return paths.dealt(self.cfg, wildcards.dataset)[wildcards.part]

    def _raw(self, wildcards: Wildcards, pattern: str) -> list[str]:
        """A file per clip; numbered pictures are too many to be declared one by one."""
        if "{frame}" in pattern:
            return []
        root = Path(paths.raw_folder(self.cfg, wildcards.dataset))
        clips = self.clips(wildcards)
        return [str(video_file(root, pattern, clip.name, clip.split)) for clip in clips]

    def raw_videos(self, wildcards: Wildcards) -> list[str]:
        """Videos (or still images) of a part."""
        return self._raw(wildcards, self.cfg.datasets[wildcards.dataset].frames.video)

    def raw_gaze(self, wildcards: Wildcards) -> list[str]:
        """Gaze files of a part that are declared one by one."""
        root, gaze = Path(paths.raw_folder(self.cfg, wildcards.dataset)), self.gaze(wildcards)
        one_by_one = tuple(pattern for pattern in gaze.files if "{frame}" not in pattern)
        gaze = gaze.model_copy(update={"files": one_by_one})
        found = (gaze_files(root, gaze, clip.name, clip.split) for clip in self.clips(wildcards))
        return sorted({str(file) for files in found for file in files})

    def gaze(self, wildcards: Wildcards) -> Any:
        """The gaze section of a dataset's variant."""
        return self.cfg.datasets[wildcards.dataset].gaze

    def raw_maps(self, wildcards: Wildcards) -> list[str]:
        """Released densities that are declared one by one: those of still images."""
        density = self.cfg.datasets[wildcards.dataset].density
        if not isinstance(density, ReleasedDensity):
            return []
        return self._raw(wildcards, density.files)

    # Stores of the data stages

    def training(self, stage: str, split: str = "train", ending: str = ".json") -> Input:
        """Parts of the clips that a training learns from, or holds out, in its order."""

        def found(wildcards: Wildcards) -> list[str]:
            name = getattr(wildcards, "training", None)
            training = all_trainings(self.cfg).get(str(name), self.cfg.pretraining)
            return self._parts(stage, training.datasets, split, ending)

        return found

    def training_folders(self, *stages: str) -> Input:
        """The stores themselves, of what is learned from and what is held out."""
        return self._joined(
            self.training(stage, split, ".zarr")
            for stage in stages
            for split in ("train", "validation")
        )

    def tested(self, stage: str, ending: str = ".json") -> Input:
        """Parts of the split of a dataset that is predicted and scored."""

        def found(wildcards: Wildcards) -> list[str]:
            split = predicted_split(self.cfg, wildcards.dataset)
            return self._parts(stage, [wildcards.dataset], split, ending)

        return found

    def tested_folders(self, *stages: str) -> Input:
        """The stores themselves."""
        return self._joined(self.tested(stage, ".zarr") for stage in stages)

    def used(self, stage: str, ending: str = ".json") -> Input:
        """Parts of every split of a dataset that the run asks for."""

        def found(wildcards: Wildcards) -> list[str]:
            splits = sorted(used_splits(self.cfg, wildcards.dataset))
            listed = [self._parts(stage, [wildcards.dataset], s, ending) for s in splits]
            return [path for part in listed for path in part]

        return found

    def used_folders(self, *stages: str) -> Input:
        """The stores themselves."""
        return self._joined(self.used(stage, ".zarr") for stage in stages)

    def of_the_flow(self, parts: Callable[..., Input], *arguments: str) -> Input:
        """Parts of the flow that a model looks at; none if it sees no motion."""

        def found(wildcards: Wildcards) -> list[str]:
            if not sees_motion(self.cfg, wildcards.model):
                return []
            return parts(flow_name(self.cfg, wildcards.model), *arguments)(wildcards)

        return found

    def image_flow(self, stage: str, split: str = "train", ending: str = ".json") -> list[str]:
        """Parts of the videos that show what flow looks like in a still image."""
        return self._parts(stage, self.cfg.image_flow_weights.training.datasets, split, ending)

    def _parts(self, stage: str, datasets: Sequence[str], split: str, ending: str) -> list[str]:
        found = (paths.parts(self.cfg, stage, name, split, ending) for name in datasets)
        return [path for listed in found for path in listed]

    def _joined(self, inputs: Any) -> Input:
        listed = list(inputs)
        return lambda wildcards: [path for one in listed for path in one(wildcards)]

    # Weights and maps

    def flow_weights(self, wildcards: Wildcards) -> list[str]:
        """Weights of a flow's network; none where it has none."""
        weights = getattr(flows(self.cfg)[wildcards.flow], "weights", None)
        return [weights] if weights else []

    def backbone(self, wildcards: Wildcards) -> list[str]:
        """ImageNet weights that a model's backbone starts from, if any."""
        file = backbone_file(self.cfg, network_arguments(self.cfg, wildcards.model).get("backbone"))
        return [file] if file else []

    def image_flow_backbone(self) -> list[str]:
        """ImageNet weights of the network that sees flow in a still image, if any."""
        file = backbone_file(self.cfg, self.cfg.image_flow_weights.network["backbone"])
        return [file] if file else []

    def start(self, wildcards: Wildcards) -> str:
        """Weights that a model's training starts from."""
        start = str(self.cfg.models[wildcards.model].start)
        return paths.weights(self.cfg, start, pretraining_name(self.cfg, wildcards.model))

    def weights(self, wildcards: Wildcards) -> list[str]:
        """Weights of a trained or fitted model; none of one without training."""
        if wildcards.training == UNTRAINED:
            return []
        return [paths.weights(self.cfg, wildcards.model, wildcards.training)]

    def frame_list(self, wildcards: Wildcards) -> list[str]:
        """The frame list of a meta dataset; none of another dataset."""
        return paths.frame_list(self.cfg, wildcards.dataset)

    def given_maps(self, wildcards: Wildcards) -> str:
        """Folder, archive or Zarr group of maps that somebody else made."""
        return str(self.cfg.models[wildcards.model].maps).format(dataset=wildcards.dataset)

    def pictured(self, wildcards: Wildcards) -> list[str]:
        """Maps and scores of every model that is shown of a dataset."""
        return [path for pair in self.by_label(wildcards).values() for path in pair]

    def by_label(self, wildcards: Wildcards) -> dict[str, tuple[str, str]]:
        """Label of a table's row -> manifest of its maps, and its score sheet."""
        cfg, dataset = self.cfg, wildcards.dataset
        return {
            label: (paths.saliency(cfg, row, dataset), paths.scores(cfg, row, dataset))
            for label, row in pictured(cfg, dataset).items()
        }
