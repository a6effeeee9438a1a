"""What a run makes: models of each kind, sheets behind its tables, parts of its report."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pipeline.config.config import Config
from pipeline.config.section import GIVEN, MAIN_FLOW, PRETRAINING
from pipeline.planning import needs, paths
from pipeline.planning.load import own
from pipeline.planning.rows import (
    all_measured,
    first_table,
    flows_of,
    leading,
    pictured,
    sheets,
    trainings_behind,
)

PUBLISHED = "workflow/published"
"""Folder of the papers' printed tables."""


def pretrainings(cfg: Config) -> list[str]:
    """The pretrainings that others start from, and those with another loss."""
    return list({PRETRAINING: cfg.loss, **needs.tried_losses(cfg), **cfg.other_pretrainings})


Kind = Literal[
    "trained", "fitted", "imported", "networks", "given", "observed", "maps", "published"
]
"""Kind of a model: how it gets its weights, that it is a network, maps made elsewhere or the
observers, or that there are maps of it."""


def models(cfg: Config, kind: Kind) -> list[str]:
    """Models of a kind, in their order."""
    found = []
    for name, model in cfg.models.items():
        kinds: dict[Kind, bool] = {
            "trained": model.start is not None,
            "fitted": model.fitted,
            "imported": needs.imported(cfg, name),
            "networks": model.network is not None,
            "given": needs.given(cfg, name),
            "observed": needs.observed(cfg, name),
            "maps": not needs.observed(cfg, name),
            "published": model.published is not None,
        }
        if kinds[kind]:
            found.append(name)
    return found


def measured_scores(cfg: Config) -> list[str]:
    """Score sheets behind every measured row of the tables."""
    return sorted(set(sheets(cfg)))


def tested_truth(cfg: Config) -> list[str]:
    """Manifests of the densities that the tables' rows are scored with."""
    datasets = dict.fromkeys(dataset for dataset, _ in all_measured(cfg))
    every = (
        paths.parts(cfg, "density", dataset, needs.scored(cfg, dataset).split)
        for dataset in datasets
    )
    return sorted({*itertools.chain.from_iterable(every)})


def trained_truth(cfg: Config) -> list[str]:
    """Manifests of what the tables' rows learn from: densities, or frames where flow is learned."""
    behind = dict[str, tuple[str, ...]]()
    for _, row in all_measured(cfg):
        behind |= trainings_behind(cfg, row)
    every = (
        paths.parts(cfg, "frames" if name in needs.flows(cfg) else "density", dataset, "train")
        for name, datasets in behind.items()
        for dataset in datasets
    )
    return sorted({*itertools.chain.from_iterable(every)})


def frame_lists(cfg: Config) -> list[str]:
    """Frame lists of the meta datasets that tables are about."""
    datasets = dict.fromkeys(dataset for dataset, _ in all_measured(cfg))
    return [file for dataset in datasets for file in paths.frame_list(cfg, dataset)]


def attribute_sheets(cfg: Config) -> list[str]:
    """Sheets clip,attribute of the datasets under test."""
    used = {
        table.dataset for table in cfg.tables.values() if not needs.unscored(cfg, table.dataset)
    }
    sheets = (needs.scored(cfg, name).attributes for name in used)
    return sorted({str(sheet) for sheet in sheets if sheet})


def published_sheets(cfg: Config) -> list[str]:
    """Printed values of the tables that a paper prints, and its marks; own tables have none."""
    sheets = (own(f"{PUBLISHED}/{name}.csv") for name in [*cfg.tables, "marks"])
    return [sheet for sheet in sheets if Path(sheet).is_file()]


def training_logs(cfg: Config) -> list[str]:
    """Logs of every training behind the tables, those of the pretrainings among them."""
    rows = {
        (row.model, row.training)
        for _, row in all_measured(cfg)
        if cfg.models[row.model].start is not None
    }
    for model, _ in sorted(rows):
        if (start := needs.starts_pretrained(cfg, model)) is not None:
            rows.add((start, needs.pretraining_name(cfg, model)))
    rows = {(model, training) for model, training in rows if training != GIVEN}
    return [paths.training_log(cfg, model, training) for model, training in sorted(rows)]


def _moving(cfg: Config, datasets: Iterable[str]) -> list[str]:
    """Those datasets of the run that are videos."""
    return [
        name for name in datasets if not needs.left_out(cfg, name) and not needs.still(cfg, name)
    ]


def _tested(cfg: Config) -> list[str]:
    """Datasets of the tables, in their order."""
    return list(dict.fromkeys(table.dataset for table in cfg.tables.values()))


def pictures(cfg: Config) -> list[str]:
    """A picture of maps for each table that measures any, and one of the training curves."""
    names = [name for name in cfg.tables if pictured(cfg, name)]
    curves = ["training"] if training_logs(cfg) else []
    return [f"{cfg.pathvars['results']}/pictures/{name}.png" for name in [*names, *curves]]


def gates(cfg: Config) -> list[str]:
    """For each dataset of videos, gates of the last gated network of its first table."""
    found = []
    for name in _moving(cfg, _tested(cfg)):
        rows = pictured(cfg, first_table(cfg, name)).values()
        gated = [row for row in rows if needs.gated(cfg, row.model)]
        if gated and name in cfg.datasets:
            folder = f"{cfg.pathvars['results']}/gates/{gated[-1].model}/{gated[-1].training}"
            found.append(f"{folder}/{name}.csv")
    return found


def overlays(cfg: Config) -> list[str]:
    """Overlaid frames of each dataset of videos under test."""
    names = [name for name in _moving(cfg, _tested(cfg)) if name in cfg.datasets]
    used = [name for name in names if MAIN_FLOW in flows_of(cfg, name)]
    return [f"{cfg.pathvars['results']}/overlays/{name}.png" for name in used]


def flow_images(cfg: Config) -> list[str]:
    """Flow as the leading models of the tables see it, on the datasets under test."""
    found = dict[str, None]()
    for name, table in cfg.tables.items():
        label = leading(cfg, name)
        model = pictured(cfg, name)[label].model if label else ""
        encoded = label and "flow_encoding" in needs.network_arguments(cfg, model)
        if encoded and needs.sees_motion(cfg, model) and table.dataset in cfg.datasets:
            found[f"{cfg.pathvars['results']}/flow_images/{model}/{table.dataset}.png"] = None
    return [*found]


def failures(cfg: Config) -> list[str]:
    """Failures of the leading model of the first table of each dataset of videos."""
    names = [first_table(cfg, name) for name in _moving(cfg, _tested(cfg))]
    return [
        f"{cfg.pathvars['results']}/failures/{name}.png" for name in names if leading(cfg, name)
    ]


def statistics(cfg: Config) -> list[str]:
    """Statistics of each dataset of videos under test."""
    names = dict.fromkeys(needs.over(cfg, name) for name in _tested(cfg))
    used = [name for name in _moving(cfg, names) if not needs.unscored(cfg, name)]
    return [f"{cfg.pathvars['results']}/statistics/{name}.csv" for name in used]


def alignments(cfg: Config) -> list[str]:
    """Alignment of gaze and frames for every dataset of videos that the run uses."""
    names = [
        name
        for name in _moving(cfg, cfg.datasets)
        if any(needs.has_clips(cfg, name, split) for split in needs.used_splits(cfg, name))
    ]
    return [f"{cfg.pathvars['results']}/alignment/{name}.csv" for name in names]


def everything_beside_tables(cfg: Config) -> list[str]:
    """Figures, statistics and checks of the report."""
    figures = [*pictures(cfg), *gates(cfg), *overlays(cfg), *flow_images(cfg), *failures(cfg)]
    return [*figures, *statistics(cfg), *alignments(cfg)]


def files(cfg: Config) -> list[str]:
    """Files of the run that somebody may ask for by name."""
    learned = [log.removesuffix(".csv") for log in training_logs(cfg)]
    imported = [paths.weights(cfg, model, GIVEN) for model in models(cfg, "imported")]
    maps = [paths.saliency(cfg, row, dataset) for dataset, row in all_measured(cfg)]
    stores = [
        part
        for name in cfg.datasets
        for stage in ("frames", "gaze", "density", *needs.flows(cfg))
        for split in needs.used_splits(cfg, name)
        if Path(cfg.datasets[name].splits).is_file()
        for part in paths.parts(cfg, stage, name, split)
    ]
    weights = [f"{stem}{ending}" for stem in learned for ending in (".safetensors", ".csv")]
    made = [*measured_scores(cfg), *weights, *imported, *maps, *stores]
    return [*made, *everything_beside_tables(cfg)]
