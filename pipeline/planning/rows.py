"""The rows of the tables: which this run measures, which it cannot and why, and what they need."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pipeline.config.config import Config
from pipeline.config.data import ReleasedDensity
from pipeline.config.evaluation import Measured, ScoredDataset, Table, TablesSettings
from pipeline.config.section import GIVEN, MAIN_FLOW, UNTRAINED
from pipeline.planning import needs
from pipeline.planning.provenance import ROOT


def measured(cfg: Config, table: str) -> dict[str, Measured]:
    """Rows of a table that this run measures, the sanity rows among them."""
    if needs.left_out(cfg, cfg.tables[table].dataset):
        return {}
    without, entry = unmeasured(cfg, table), cfg.tables[table]
    rows = {label: row for label, row in entry.measured.items() if label not in without}
    sanity = {
        label: Measured(model=model, training=UNTRAINED) for label, model in cfg.sanity.items()
    }
    return rows | sanity


def all_measured(cfg: Config) -> list[tuple[str, Measured]]:
    """The dataset and the row of everything that the tables of this run measure."""
    return [
        (table.dataset, row)
        for name, table in cfg.tables.items()
        for row in measured(cfg, name).values()
    ]


def unmeasured(cfg: Config, table: str) -> dict[str, str]:
    """Rows of a table that this run cannot measure, and why."""
    density = cfg.datasets[needs.over(cfg, cfg.tables[table].dataset)].density
    found = dict[str, str]()
    for label, row in cfg.tables[table].measured.items():
        if needed := _needed_datasets(cfg, row):
            found[label] = f"its training needs {', '.join(needed)}"
        elif needs.observed(cfg, row.model) and isinstance(density, ReleasedDensity):
            found[label] = "released maps do not tell observers apart"
    return found


def _start(cfg: Config, row: Measured) -> Measured | None:
    """The pretraining that a row starts from, if that is another one."""
    if (start := cfg.models[row.model].start) is None:
        return None
    before = Measured(model=start, training=needs.pretraining_name(cfg, row.model))
    return before if before != row else None


def _needed_datasets(cfg: Config, row: Measured) -> list[str]:
    """Datasets that `without` leaves out and that a row's training or its start needs."""
    needed = list[str]()
    if row.training not in (UNTRAINED, GIVEN):
        needed += needs.training_named(cfg, row.training).datasets
    if needs.sees_motion(cfg, row.model):
        needed += needs.teaches_flow(cfg, needs.flow_name(cfg, row.model))
    absent = [dataset for dataset in needed if needs.left_out(cfg, dataset)]
    if (before := _start(cfg, row)) is not None:
        absent += _needed_datasets(cfg, before)
    return list(dict.fromkeys(absent))


def flows_of(cfg: Config, dataset: str) -> list[str]:
    """Flows of a dataset that rows of this run's tables need, in the order of `flows`."""
    used = set[str]()
    for tested, row in all_measured(cfg):
        used |= _flows_of(cfg, row, dataset, {needs.over(cfg, tested)})
    return [
        name for name in needs.flows(cfg) if name in used and needs.has_flow(cfg, name, dataset)
    ]


def _flows_of(cfg: Config, row: Measured, dataset: str, seen: set[str]) -> set[str]:
    """Flows of a dataset that a row needs where it sees these datasets and its training's."""
    known, used = needs.all_trainings(cfg), set[str]()
    if row.training in known:
        seen = seen | {*known[row.training].datasets}
    if needs.sees_motion(cfg, row.model):
        name = needs.flow_name(cfg, row.model)
        used |= {name} if dataset in seen else set()
        used |= {MAIN_FLOW} if dataset in needs.teaches_flow(cfg, name) else set()
    if (before := _start(cfg, row)) is not None:
        used |= _flows_of(cfg, before, dataset, set())
    return used


def used_splits(cfg: Config, dataset: str) -> set[str]:
    """The splits of a dataset that some training or some table of the run asks for."""
    learned = [training.datasets for training in needs.all_trainings(cfg).values()]
    learned += [needs.teaches_flow(cfg, name) for name in cfg.other_flows]
    training = any(dataset in datasets for datasets in learned)
    tested = {table.dataset for table in cfg.tables.values()}
    names = {name for name in tested if needs.over(cfg, name) == dataset}
    return {needs.scored(cfg, name).split for name in names} | ({"train"} if training else set())


def pictured(cfg: Config, dataset: str) -> dict[str, Measured]:
    """Networks and given maps of the first table about a dataset: label -> row."""
    table = next(name for name, table in cfg.tables.items() if table.dataset == dataset)
    return {
        label: row
        for label, row in measured(cfg, table).items()
        if cfg.models[row.model].start is not None or needs.given(cfg, row.model)
    }


def searching(cfg: Config) -> Config:
    """A configuration with one table: the scores of each tried loss on tested images."""
    rows = {
        f"alpha {loss.alpha:g}, beta {loss.beta:g}": Measured(
            model=cfg.loss_search.model, training=name
        )
        for name, loss in needs.tried_losses(cfg).items()
    }
    table = Table(
        title="What the pretraining comes to with other weights of Eq. (6)",
        dataset=cfg.pretraining.datasets[0],
        metrics=("AUC-J", "CC", "NSS", "SIM", "KLDiv"),
        measured=rows,
        note="The paper says that alpha = 1 and beta = 0.1 were chosen on SALICON, not how.",
    )
    return cfg.model_copy(update={"tables": {"loss_weights": table}})


def truth_in_words(cfg: Config, dataset: str) -> str:
    """The variant of a dataset's ground truth and how it was made, in words."""
    truth = cfg.datasets[needs.over(cfg, dataset)]
    recipe = truth.density.model_dump()
    density = _in_words(recipe.pop("recipe"), recipe)
    gaze = _in_words(truth.gaze.reader, truth.gaze.options)
    grid = f"{cfg.frames.width}x{cfg.frames.height}"
    return f"{truth.variant}; gaze {gaze}; density {density} on {grid}"


def _in_words(name: str, keys: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{key} {value}" for key, value in keys.items())
    return f"{name} ({inside})" if inside else name


def tables_settings(cfg: Config, code: str, of: Config | None = None) -> TablesSettings:
    """Settings of stage `tables`, for the tables of the run or those of `searching`.

    Rows that cannot be measured are taken out of the tables.
    """
    of = of or cfg
    tested = of.datasets | of.meta_datasets
    tables = {}
    for name, table in of.tables.items():
        rows = {k: row for k, row in measured(of, name).items() if k not in of.sanity}
        tables[name] = table.model_copy(update={"measured": rows})
    return TablesSettings(
        run=of.run,
        protocol=of.score.protocol,
        seed=of.seed,
        config_digest=config_digest(cfg),
        code=code,
        sanity=of.sanity,
        datasets={
            name: ScoredDataset(
                variant=truth_in_words(of, name),
                split=dataset.test.split,
                meta=name in of.meta_datasets,
                attributes=dataset.test.attributes,
            )
            for name, dataset in tested.items()
        },
        left_out=tuple(name for name in tested if needs.left_out(of, name)),
        lacking={name: unmeasured(of, name) for name in of.tables},
        observed=tuple(name for name in of.models if needs.observed(of, name)),
        tables=tables,
    )


def config_digest(cfg: Config) -> str:
    """Eight hex digits that tell one configuration from another; folders do not count."""
    # The workflow's own files count by their names, wherever the workflow lies.
    text = cfg.model_dump_json(exclude={"pathvars"}).replace(f"{ROOT}/", "")
    return hashlib.sha256(text.encode()).hexdigest()[:8]
