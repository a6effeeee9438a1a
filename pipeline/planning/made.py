"""What the stores and weights behind the tables must have been made with.

Stage `tables` compares it with what they name. After an edit of config.yaml and `snakemake --touch`
nothing reruns, and old values would be printed as if the new settings had made them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.config.evaluation import Measured
from pipeline.config.section import GIVEN, UNTRAINED
from pipeline.planning import paths
from pipeline.planning.needs import (
    all_trainings,
    flows,
    network_arguments,
    observed,
    over,
    scored,
    tried_losses,
)
from pipeline.planning.rows import flows_of, measured
from pipeline.stores.settings import (
    density_settings,
    flow_settings,
    frames_settings,
    gaze_settings,
    maps_settings,
    network_settings,
)


def expected(cfg: Config) -> dict[str, dict[str, Any]]:
    """Folder of manifests, or file of weights -> the settings that this run has for it.

    Only what is scored is compared, and the weights that it was predicted with: these name the
    settings of their training, and their data by a digest.
    """
    return dict(_expected(cfg))


def _expected(cfg: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = {name: measured(cfg, name).values() for name in cfg.tables}
    tested = {over(cfg, cfg.tables[name].dataset) for name, found in rows.items() if found}
    known = flows(cfg)
    for name in sorted(tested):
        dataset, folder = cfg.datasets[name], f"{cfg.pathvars['data']}/{name}"
        yield f"{folder}/frames", frames_settings(dataset.frames, cfg.frames)
        yield f"{folder}/gaze", gaze_settings(dataset.gaze, cfg.frames)
        yield f"{folder}/density", density_settings(dataset.density, cfg.frames)
        for flow in flows_of(cfg, name):
            yield f"{folder}/{flow}", flow_settings(known[flow])
    for name, found in rows.items():
        for row in found:
            if not observed(cfg, row.model):
                yield from _of_row(cfg, row, cfg.tables[name].dataset)


def _of_row(cfg: Config, row: Measured, dataset: str) -> Iterator[tuple[str, dict[str, Any]]]:
    maps = str(Path(paths.saliency(cfg, row, dataset)).parent)
    if row.training == GIVEN:
        yield maps, maps_settings(Path(str(cfg.models[row.model].maps).format(dataset=dataset)))
        return
    arguments = network_arguments(cfg, row.model)
    yield maps, network_settings(arguments)
    if row.training == UNTRAINED:
        return
    facts: dict[str, Any] = {"network": arguments, "seed": cfg.seed}
    if cfg.models[row.model].fitted:
        facts["fitting"] = cfg.fitting.model_dump(mode="json")
    else:
        training = all_trainings(cfg).get(row.training, cfg.pretraining)
        loss = tried_losses(cfg).get(row.training, cfg.loss)
        facts["training"] = training.model_dump(mode="json")
        facts["loss"] = loss.model_dump(mode="json")
    yield paths.weights(cfg, row.model, row.training), facts


def manifests(cfg: Config) -> list[str]:
    """Manifests and weights that `expected` is about, each once."""
    found = set[str]()
    for name in cfg.tables:
        rows, dataset = measured(cfg, name).values(), cfg.tables[name].dataset
        if not rows:
            continue
        split = scored(cfg, dataset).split
        for stage in ("frames", "gaze", "density", *flows_of(cfg, over(cfg, dataset))):
            found.update(paths.parts(cfg, stage, dataset, split))
        for row in rows:
            if not observed(cfg, row.model):
                found.add(paths.saliency(cfg, row, dataset))
                if row.training not in (UNTRAINED, GIVEN):
                    found.add(paths.weights(cfg, row.model, row.training))
    return sorted(found)


def by_file(
    files: list[Path], settings: Mapping[str, Mapping[str, Any]]
) -> dict[Path, Mapping[str, Any]]:
    """File -> its settings out of `expected`, by its own path or by its folder."""
    found = {file: settings.get(str(file), settings.get(str(file.parent))) for file in files}
    return {file: value for file, value in found.items() if value is not None}
