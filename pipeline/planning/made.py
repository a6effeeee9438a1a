"""What the sheets, stores and weights behind the tables must have been made with.

Stage `tables` compares it with what they name. After an edit of config.yaml and `snakemake --touch`
nothing reruns, and old values would be printed as if the new settings had made them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.config.evaluation import Measured
from pipeline.config.section import GIVEN, UNTRAINED
from pipeline.planning import needs, paths
from pipeline.planning.rows import flows_of, measured
from pipeline.runtime.errors import InputError
from pipeline.stores.chains import broken_links, product
from pipeline.stores.settings import (
    density_settings,
    flow_settings,
    frames_settings,
    gaze_settings,
    maps_settings,
    mismatches,
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


def of_dataset(cfg: Config, name: str) -> dict[str, dict[str, Any]]:
    """Folder of a dataset's frames, gaze or densities -> the settings that this run has for it."""
    dataset = cfg.datasets[name]
    stages = {
        "frames": frames_settings(dataset.frames, cfg.frames),
        "gaze": gaze_settings(dataset.gaze, cfg.frames),
        "density": density_settings(dataset.density, cfg.frames),
    }
    return {_folder(cfg, name, stage): settings for stage, settings in stages.items()}


def _folder(cfg: Config, dataset: str, stage: str) -> str:
    return f"{cfg.pathvars['data']}/{dataset}/{stage}"


def _products(cfg: Config) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """A folder, sheet or weights, its settings, and its files behind a table; some repeatedly."""
    known = needs.flows(cfg)
    for title, table in cfg.tables.items():
        rows = measured(cfg, title).values()
        name = needs.over(cfg, table.dataset)
        dataset = cfg.datasets[name]
        folders = of_dataset(cfg, name) | {
            _folder(cfg, name, flow): flow_settings(known[flow]) for flow in flows_of(cfg, name)
        }
        for folder, settings in folders.items() if rows else ():
            split = needs.scored(cfg, table.dataset).split
            yield folder, settings, paths.parts(cfg, Path(folder).name, name, split)
        for row in rows:
            sheet = paths.scores(cfg, row, table.dataset, table.protocol)
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
    if needs.given(cfg, row.model):
        source = Path(str(cfg.models[row.model].maps).format(dataset=dataset))
        yield folder, maps_settings(source), [maps]
        return
    arguments = needs.network_arguments(cfg, row.model)
    yield folder, network_settings(arguments), [maps]
    if row.training == UNTRAINED:
        return
    weights = paths.weights(cfg, row.model, row.training)
    if row.training == GIVEN:
        file = needs.released_files(cfg, row.model)[0]
        yield weights, {"network": arguments, "weights": Path(file).name}, [weights]
        return
    facts: dict[str, Any] = {"network": arguments, "seed": cfg.seed}
    if cfg.models[row.model].fitted:
        facts["fitting"] = cfg.fitting.model_dump(mode="json")
    else:
        training = needs.training_of(cfg, row.model, row.training)
        facts["training"] = training.model_dump(mode="json")
        facts["loss"] = needs.loss_of(cfg, row.training).model_dump(mode="json")
        facts["seed"] = needs.seed_of(cfg, row.training)
    yield weights, facts, [weights]


def check(files: Sequence[Path], settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare products with what they must have been made with, and with each other.

    `settings` are some of `expected`.

    Raises:
        InputError: Some were made with other settings or from others than are there, or are not as
            they were written; with a line for each.
    """
    found = mismatches(by_file(files, settings))
    if messages := found or broken_links({file: product(file) for file in files}):
        raise InputError("\n".join(messages))


def by_file(
    files: Sequence[Path], settings: Mapping[str, Mapping[str, Any]]
) -> dict[Path, Mapping[str, Any]]:
    """File -> its settings out of `expected`, by its own path or by a folder above it."""
    found = {}
    for file in files:
        paths = (str(path) for path in (file, *file.parents))
        if (nearest := next((path for path in paths if path in settings), None)) is not None:
            found[file] = settings[nearest]
    return found
