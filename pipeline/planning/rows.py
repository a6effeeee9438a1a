"""The rows of the tables: which this run measures, which it cannot and why, and what they need."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.config.data import ReleasedDensity
from pipeline.config.evaluation import Coverage, Measured, ScoredDataset, Table, TablesSettings
from pipeline.config.once import once
from pipeline.config.section import GIVEN, MAIN_FLOW, UNTRAINED
from pipeline.planning import needs, paths
from pipeline.planning.provenance import CODE, ROOT
from pipeline.raw.splits import SheetClip, known_totals, part_names
from pipeline.raw.splits import parts as parts_of


@once
def measured(cfg: Config, table: str) -> dict[str, Measured]:
    """Rows of a table that this run measures, the sanity rows among them."""
    if needs.unscored(cfg, cfg.tables[table].dataset):
        return {}
    without, entry = unmeasured(cfg, table), cfg.tables[table]
    rows = {label: row for label, row in entry.measured.items() if label not in without}
    sanity = {
        label: Measured(model=model, training=UNTRAINED) for label, model in cfg.sanity.items()
    }
    return rows | sanity


def sheets(cfg: Config) -> list[str]:
    """Every sheet of scores that the tables of this run are made of; some repeatedly."""
    return [
        paths.scores(cfg, row, table.dataset, table.protocol)
        for name, table in cfg.tables.items()
        for row in measured(cfg, name).values()
    ]


@once
def all_measured(cfg: Config) -> list[tuple[str, Measured]]:
    """The dataset and the row of everything that the tables of this run measure."""
    return [
        (table.dataset, row)
        for name, table in cfg.tables.items()
        for row in measured(cfg, name).values()
    ]


@once
def unmeasured(cfg: Config, table: str) -> dict[str, str]:
    """Rows of a table that this run cannot measure, and why."""
    density = cfg.datasets[needs.over(cfg, cfg.tables[table].dataset)].density
    found = dict[str, str]()
    for label, row in cfg.tables[table].measured.items():
        if why := _untrained(cfg, row, cfg.tables[table].dataset):
            found[label] = why
        elif needs.observed(cfg, row.model) and isinstance(density, ReleasedDensity):
            found[label] = "released maps do not tell observers apart"
    return found


def _start(cfg: Config, row: Measured) -> Measured | None:
    """The pretraining that a row starts from, if that is another one."""
    if (start := needs.starts_pretrained(cfg, row.model)) is None:
        return None
    before = Measured(model=start, training=needs.pretraining_name(cfg, row.model))
    return before if before != row else None


def trainings_behind(cfg: Config, row: Measured) -> dict[str, tuple[str, ...]]:
    """What a row learns in a run -> its datasets: its training, its flow, and those of its start.

    A flow that is learned from videos goes by its own name.
    """
    found = dict[str, tuple[str, ...]]()
    if row.training not in (UNTRAINED, GIVEN):
        found[row.training] = needs.training_named(cfg, row.training).datasets
    flow = needs.flow_name(cfg, row.model)
    if needs.sees_motion(cfg, row.model) and (datasets := needs.teaches_flow(cfg, flow)):
        found[flow] = datasets
    before = _start(cfg, row)
    return found | (trainings_behind(cfg, before) if before else {})


def _untrained(cfg: Config, row: Measured, tested: str) -> str | None:
    """Why what a row learns cannot be learned in this run; None if it can."""
    behind = trainings_behind(cfg, row)
    rows = [row, *([before] if (before := _start(cfg, row)) else [])]
    if lost := [why for one in rows if (why := needs.without_weights(cfg, one.model))]:
        return lost[0]
    needed = dict.fromkeys(itertools.chain.from_iterable(behind.values()))
    if absent := [dataset for dataset in needed if needs.left_out(cfg, dataset)]:
        return f"its training needs {', '.join(absent)}"
    for datasets in behind.values():
        if not any(needs.has_clips(cfg, dataset, "train") for dataset in datasets):
            return "; ".join(needs.no_clip(cfg, dataset, "train") for dataset in datasets)
    if needs.scored(cfg, tested).split == "train" and needs.over(cfg, tested) in needed:
        return "its training has the clips under test"
    return None


@once
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


def coverage(cfg: Config, table: str) -> tuple[Coverage, ...]:
    """How many clips are scored for a table, and how many the trainings of its rows learn from."""
    tested, rows = cfg.tables[table].dataset, measured(cfg, table)
    if not rows:
        return ()
    found = [clips_scored(cfg, tested, needs.scored(cfg, tested).split)]
    behind = dict[str, tuple[str, ...]]()
    for row in rows.values():
        behind |= trainings_behind(cfg, row)
    for training, datasets in behind.items():
        found += [clips_used(cfg, dataset, "train", training) for dataset in datasets]
    return tuple(found)


def clips_scored(cfg: Config, tested: str, split: str) -> Coverage:
    """How many clips of a split of a dataset or meta dataset are scored."""
    found = clips_used(cfg, needs.over(cfg, tested), split)
    meant = (cfg.datasets | cfg.meta_datasets)[tested].test
    of_tables = needs.scored(cfg, tested).split
    instead = meant.split if split == of_tables != meant.split else None
    return found.model_copy(update={"instead": instead})


@once
def clips_used(cfg: Config, dataset: str, split: str, training: str | None = None) -> Coverage:
    """How many clips of a split a run uses."""
    entry = cfg.datasets[dataset]
    sheet, known = Path(entry.splits), None
    every: Mapping[str, Sequence[SheetClip]] = {}
    used = every
    if sheet.is_file():
        every = parts_of(sheet, entry.clips_per_part, entry.validation)
        used = needs.dealt(cfg, dataset)
        known = known_totals(sheet, dataset, entry.variant).get(split)
    listed = sum(clip.split == split for part in every.values() for clip in part)
    missing = max(0, (known.clips or 0) - listed) if known else 0
    clips, of = (
        sum(len(parts[part]) for part in part_names(parts, split)) for parts in (used, every)
    )
    return Coverage(
        dataset=dataset,
        split=split,
        instead=None,
        training=training,
        clips=clips,
        of=of + missing,
        frames=known.frames if known else None,
    )


def pictured(cfg: Config, table: str) -> dict[str, Measured]:
    """Rows of a table whose maps can be shown: those that look at pictures, not the observers."""
    return {
        label: row
        for label, row in measured(cfg, table).items()
        if label not in cfg.sanity and not needs.observed(cfg, row.model)
    }


def leading(cfg: Config, table: str) -> str | None:
    """The row of a table that chooses what is shown; None where no map can be shown.

    The table's own choice, if this run measures it; else the last row that it trains, or the last.
    """
    rows, wanted = pictured(cfg, table), cfg.tables[table].leading
    if wanted in rows:
        return wanted
    trained = [label for label, row in rows.items() if cfg.models[row.model].start is not None]
    return next(reversed(trained or [*rows]), None)


def shown(cfg: Config, dataset: str) -> dict[str, Measured]:
    """Rows of all tables about a dataset whose maps can be shown, each once, by label.

    First comes the leading row of the first of these tables.
    """
    found = dict[str, Measured]()
    for table in (name for name, table in cfg.tables.items() if table.dataset == dataset):
        rows, first = pictured(cfg, table), None if found else leading(cfg, table)
        for label, row in sorted(rows.items(), key=lambda pair: pair[0] != first):
            if row not in found.values():
                # Two tables may give different rows one name.
                known = f"{label} ({row.model}, {row.training})" if label in found else label
                found[known] = row
    return found


def first_table(cfg: Config, dataset: str) -> str:
    """The first table about a dataset or meta dataset."""
    return next(name for name, table in cfg.tables.items() if table.dataset == dataset)


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


def flow_in_words(cfg: Config, flow: str) -> str:
    """An optical flow, and the weights that estimate it."""
    keys = needs.flows(cfg)[flow].model_dump(exclude_none=True)
    name = {"pwcnet": "PWC-Net", "deepflow": "DeepFlow", "dis": "DIS"}.get(keys["estimator"], flow)
    if "weights" not in keys:
        return f"{name} (OpenCV{' ' + keys['preset'] if 'preset' in keys else ''})"
    weights = f"weights {Path(keys['weights']).name}"
    weights += f", SHA-256 {keys['sha256'][:8]}..." if "sha256" in keys else ", made by this run"
    return f"{name} ({weights}, {keys['precision']})"


def tables_settings(cfg: Config, code: str, of: Config | None = None) -> TablesSettings:
    """Settings of stage `tables`, for the tables of the run or those of `searching`.

    Rows that cannot be measured are taken out of the tables.
    """
    of = of or cfg
    tested = of.datasets | of.meta_datasets
    tables, results = {}, of.pathvars["results"]
    for name, table in of.tables.items():
        rows = {k: row for k, row in measured(of, name).items() if k not in of.sanity}
        tables[name] = table.model_copy(update={"measured": rows})
    return TablesSettings(
        run=of.run,
        results="" if of is not cfg or Path(results).is_absolute() else results,
        protocol=of.score.protocol,
        seed=of.seed,
        config_digest=config_digest(cfg),
        code=code,
        sanity=of.sanity,
        datasets={
            name: ScoredDataset(
                variant=truth_in_words(of, name),
                split=needs.scored(of, name).split,
                meta=name in of.meta_datasets,
                attributes=dataset.test.attributes,
                frame_list=next(map(Path, paths.frame_list(of, name)), None),
            )
            for name, dataset in tested.items()
        },
        left_out={name: why for name in tested if (why := needs.unscored(of, name))},
        lacking={name: unmeasured(of, name) for name in of.tables},
        quoted=of.quoted,
        coverage={name: coverage(of, name) for name in of.tables},
        observed=tuple(name for name in of.models if needs.observed(of, name)),
        flows={
            name: flow_in_words(of, needs.flow_name(of, name))
            for name, model in of.models.items()
            if model.network and needs.sees_motion(of, name)
        },
        tables=tables,
    )


def config_digest(cfg: Config) -> str:
    """Eight hex digits that tell one configuration from another; folders do not count."""
    # The workflow's own files count by their names, wherever the workflow lies.
    text = cfg.model_dump_json(exclude={"pathvars"}).replace(f"{ROOT}/", "").replace(f"{CODE}/", "")
    return hashlib.sha256(text.encode()).hexdigest()[:8]
