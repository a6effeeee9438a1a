"""What the sheets, stores and weights behind the tables must have been made with.

Stage `tables` compares it with what they name. After an edit of config.yaml and `snakemake --touch`
nothing reruns, and old values would be printed as if the new settings had made them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.config.evaluation import Measured
from pipeline.config.section import GIVEN, UNTRAINED
from pipeline.planning import needs, paths
from pipeline.planning.rows import flows_of, measured
from pipeline.stores.settings import (
    density_settings,
    flow_settings,
    frames_settings,
    gaze_settings,
    maps_settings,
    network_settings,
    observers_settings,
    score_settings,
)


def expected(cfg: Config) -> dict[str, dict[str, Any]]:
    """Folder of manifests or sheets, or sheet or weights -> the settings that this run has for it.

    Only what is scored is compared, and the weights that it was predicted with: these name the
    settings of their training, and their data by a digest.
    """
    return {folder: settings for folder, settings, _ in _products(cfg)}


def manifests(cfg: Config) -> list[str]:
    """Manifests and weights that `expected` is about, and the weights of flows, each once."""
    found = set[str]()
    for _, settings, files in _products(cfg):
        weights = settings.get("flow", {}).get("weights")
        found |= {*files, *([weights] if weights else [])}
    return sorted(file for file in found if not file.endswith(".csv"))


def _products(cfg: Config) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """A folder, sheet or weights, its settings, and its files behind a table; some repeatedly."""
    known = needs.flows(cfg)
    for title, table in cfg.tables.items():
        rows = measured(cfg, title).values()
        name = needs.over(cfg, table.dataset)
        dataset = cfg.datasets[name]
        stages = {
            "frames": frames_settings(dataset.frames, cfg.frames),
            "gaze": gaze_settings(dataset.gaze, cfg.frames),
            "density": density_settings(dataset.density, cfg.frames),
            **{flow: flow_settings(known[flow]) for flow in flows_of(cfg, name)},
        }
        for stage, settings in stages.items() if rows else ():
            files = paths.parts(cfg, stage, name, needs.scored(cfg, table.dataset).split)
            yield f"{cfg.pathvars['data']}/{name}/{stage}", settings, files
        for row in rows:
            sheet = paths.scores(cfg, row, table.dataset)
            if needs.observed(cfg, row.model):
                held_out = int(cfg.models[row.model].held_out or 0)
                yield sheet, observers_settings(dataset.density, held_out, cfg.seed), [sheet]
            else:
                yield str(Path(sheet).parents[2]), score_settings(cfg.seed), [sheet]
                yield from _products_of(cfg, row, table.dataset)


def _products_of(
    cfg: Config, row: Measured, dataset: str
) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """The same for the maps and the weights of a row."""
    maps = paths.saliency(cfg, row, dataset)
    folder = str(Path(maps).parent)
    if row.training == GIVEN:
        source = Path(str(cfg.models[row.model].maps).format(dataset=dataset))
        yield folder, maps_settings(source), [maps]
        return
    arguments = needs.network_arguments(cfg, row.model)
    yield folder, network_settings(arguments), [maps]
    if row.training == UNTRAINED:
        return
    facts: dict[str, Any] = {"network": arguments, "seed": cfg.seed}
    if cfg.models[row.model].fitted:
        facts["fitting"] = cfg.fitting.model_dump(mode="json")
    else:
        facts["training"] = needs.training_named(cfg, row.training).model_dump(mode="json")
        facts["loss"] = needs.loss_of(cfg, row.training).model_dump(mode="json")
    weights = paths.weights(cfg, row.model, row.training)
    yield weights, facts, [weights]


def by_file(
    files: list[Path], settings: Mapping[str, Mapping[str, Any]]
) -> dict[Path, Mapping[str, Any]]:
    """File -> its settings out of `expected`, by its own path or by a folder above it."""
    found = {}
    for file in files:
        paths = (str(path) for path in (file, *file.parents))
        if (nearest := next((path for path in paths if path in settings), None)) is not None:
            found[file] = settings[nearest]
    return found
