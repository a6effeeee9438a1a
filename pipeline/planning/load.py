"""config.yaml, the run's file laid over it and the user's own keys, as one checked `Config`.

The workflow's own files are found from where the workflow lies, a user's from the working folder:
a relative path means the working folder's file if there is one, else the workflow's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from model.registry import NETWORKS
from pipeline.config.config import Config
from pipeline.config.data import Flow, PwcnetFlow
from pipeline.config.section import BACKBONE, GIVEN, MAIN_FLOW, UNTRAINED
from pipeline.planning.needs import (
    all_trainings,
    given,
    imported,
    is_a_start,
    pretraining_name,
    without_absent,
)
from pipeline.planning.provenance import CODE, ROOT
from pipeline.runtime.errors import InputError, meant
from pipeline.runtime.sheets import read_rows
from pipeline.runtime.yaml_file import read_yaml

OWN_KEYS = "--config or --configfile"
"""Where the user's own keys stand."""
RIVALS = "workflow/published/rivals.csv"
"""Sheet of what others published of the papers' rivals."""


def own(path: str | Path) -> str:
    """A path of the working folder if it exists there, else the workflow's file of that name."""
    # In a wheel, weights lie in the package, all else in the workflow's folder.
    homes = (ROOT, CODE) if Path(path).parts[:1] == ("model",) else (ROOT,)
    ours = next((home / path for home in homes if (home / path).exists()), None)
    return str(path) if Path(path).exists() or ours is None else str(ours)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with another laid over it, as Snakemake does it.

    Sections are joined; all else is replaced.
    """
    joined = dict(below)
    for key, value in above.items():
        inner = joined.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            joined[key] = merged(inner, value)
        else:
            joined[key] = value
    return joined


Layers = Sequence[tuple[str, Mapping[str, Any]]]
"""What a configuration is laid together of, the lowest first: where it stands, and what it says."""


def layers(keys: Mapping[str, Any]) -> Layers:
    """Return config.yaml, the file of its run, and the user's `keys`.

    Raises:
        InputError: A file cannot be read, or there is no such run.
    """
    found = [("config.yaml", read_yaml(Path(own("config.yaml"))))]
    run = str(keys.get("run", found[0][1].get("run")))
    if run != "paper":
        known = _runs()
        if run not in known:
            place = OWN_KEYS if "run" in keys else "config.yaml"
            raise InputError(
                f"{place}: run: {run}: no such run; set it to {', '.join(known)}{meant(run, known)}"
            )
        found.append((f"workflow/runs/{run}.yaml", read_yaml(known[run])))
    return [*found, (OWN_KEYS, dict(keys))]


def complete(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The whole configuration: config.yaml, the file of its run, and the user's `keys`, which win.

    Raises:
        InputError: A file cannot be read, or there is no such run.
    """
    return _joined(layers(keys))


def chosen(keys: Mapping[str, Any]) -> Config:
    """The checked configuration with the user's `keys`, which win.

    Raises:
        InputError: A file cannot be read, there is no such run, or a key does not fit; says where
            that key stands.
    """
    laid = layers(keys)
    return load(_joined(laid), laid)


def _joined(laid: Layers) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _, content in laid:
        found = merged(found, content)
    return found


def _runs() -> dict[str, Path]:
    """Name of a run -> its file; `paper` has none."""
    folders = [*(ROOT / "workflow/runs").glob("*.yaml"), *Path("workflow/runs").glob("*.yaml")]
    return {"paper": Path(), **{path.stem: path for path in sorted(folders)}}


def configured(run: str) -> Config:
    """The configuration of a run, from config.yaml and the run's file.

    Raises:
        InputError: A file is missing, not YAML, or does not fit.
    """
    return chosen({"run": run})


def of_the_papers() -> Config:
    """Return the papers' configuration as it comes with the workflow.

    Who looks at a film works where another program's config.yaml may lie.
    """
    return load(merged(read_yaml(ROOT / "config.yaml"), {"run": "paper"}))


def load(content: Mapping[str, Any], laid: Layers = ()) -> Config:
    """Check a whole configuration; `laid` says where its keys stand, if not in config.yaml.

    Raises:
        InputError: Names each key that is missing, unknown or of the wrong type, or that names
            something that is not there.
    """
    try:
        cfg = Config.model_validate(content)
    except ValidationError as error:
        problems = error.errors()
        raise _refusal(
            {_problem(one, problems, content): _place(one["loc"], laid) for one in problems}
        ) from error
    cfg = without_absent(cfg)
    for section, name, known in _names(cfg):
        if name is not None and name not in known:
            what = f"{section} names {name!r}; known are {', '.join(sorted(known))}"
            raise _refusal({what + meant(name, known): _place(section.split("."), laid)})
    for name, entry in cfg.models.items():
        if entry.published and GIVEN not in _trainings_of(cfg, name):
            what = "only what was made elsewhere is set against published values; take the key out"
            place = _place(("models", name, "published"), laid)
            raise _refusal({f"models.{name}.published: {what}": place})
    return _located(cfg)


def _refusal(problems: Mapping[str, str]) -> InputError:
    """What to raise about problems, each with the place where its key stands."""
    lines = []
    for place in dict.fromkeys(problems.values()):
        mine = (what for what, its in problems.items() if its == place)
        lines += [f"{place} does not fit:", *(f"  {what}" for what in mine)]
    return InputError("\n".join(lines))


def _place(path: Sequence[str | int], laid: Layers) -> str:
    """Where a key stands: in the uppermost layer that has it, or that goes furthest towards it."""
    place, furthest = "config.yaml", 1
    for name, content in laid:
        depth = 0
        inner: Any = content
        while depth < len(path) and isinstance(inner, Mapping) and path[depth] in inner:
            inner = inner[path[depth]]
            depth += 1
        if depth >= furthest:
            place, furthest = name, depth
    return place


def _problem(
    problem: ErrorDetails, others: Sequence[ErrorDetails], content: Mapping[str, Any]
) -> str:
    """A line about what does not fit, with the name or the form that may have been meant."""
    *above, key = problem["loc"] or ("config",)
    found, what = problem["input"], problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "extra_forbidden":
            beside: Any = content
            for step in above:
                beside = beside.get(step, {}) if isinstance(beside, Mapping) else {}
            lacking = [one["loc"][-1] for one in others if [*one["loc"][:-1]] == above]
            names = {str(name) for name in [*beside, *lacking]} - {str(key)}
            top = above and key in Config.model_fields
            what += "; it is a key of its own, beside the sections" if top else meant(key, names)
        case "union_tag_invalid":
            tags = re.findall("'(.*?)'", problem["ctx"]["expected_tags"])
            what += meant(problem["ctx"]["tag"], tags)
        case "literal_error":
            what += meant(found, re.findall("'(.*?)'", problem["ctx"]["expected"]))
        case "string_type" if isinstance(found, bool | int | float):
            what += f", found {found!r}: put it in quotes"
    steps = (str(step) for step in problem["loc"] if step != "[key]")
    path = ".".join(step if step.isprintable() else repr(step) for step in steps)
    return f"{path or 'config'}: {what}"


def _located(cfg: Config) -> Config:
    """The configuration with the workflow's own files where they lie."""
    datasets = {}
    for name, dataset in cfg.datasets.items():
        variant = dataset.variants[dataset.variant]
        variant = variant.model_copy(update={"splits": own(variant.splits)})
        sheet = dataset.test.attributes
        test = dataset.test.model_copy(update={"attributes": sheet and Path(own(sheet))})
        variants = {**dataset.variants, dataset.variant: variant}
        datasets[name] = dataset.model_copy(update={"variants": variants, "test": test})
    flows = {name: _flow_located(flow) for name, flow in cfg.other_flows.items()}
    update = {"datasets": datasets, "flow": _flow_located(cfg.flow), "other_flows": flows}
    return cfg.model_copy(update=update)


def _flow_located(flow: Flow) -> Flow:
    if not isinstance(flow, PwcnetFlow):
        return flow
    return flow.model_copy(update={"weights": own(flow.weights)})


def _names(cfg: Config) -> Iterable[tuple[str, str | None, Iterable[str]]]:
    """Section, a name that it uses, and the names that it may use."""
    tested = cfg.datasets.keys() | cfg.meta_datasets.keys()
    networks = [name for name in cfg.models if not given(cfg, name)]
    starts = [model.start for model in cfg.models.values() if model.start not in (None, BACKBONE)]
    for model in cfg.models.values():
        yield "models", model.network, NETWORKS
        yield "models", model.start, [*networks, BACKBONE]
        yield "models", model.recipe, cfg.recipes
        yield "models", model.flow, {MAIN_FLOW, *cfg.other_flows}
        yield "models", model.pretraining, all_trainings(cfg)
        yield "models", model.published, _systems() if model.published else ()
    yield "loss_search", cfg.loss_search.model, starts
    readers = _readers()
    for dataset in cfg.datasets.values():
        for variant in dataset.variants.values():
            yield "gaze.reader", variant.gaze.reader, readers
    for meta in cfg.meta_datasets.values():
        yield "meta_datasets", meta.over, cfg.datasets
    for submission in cfg.submissions.values():
        yield "submissions", submission.over, cfg.datasets
    for name in cfg.sanity.values():
        yield "sanity", name, [known for known in networks if not imported(cfg, known)]
    for name in cfg.regions:
        yield "regions", name, tested
    for name in cfg.without:
        yield "without", name, tested
    for name in cfg.image_flow_weights.training.datasets:
        yield "image_flow_weights", name, cfg.datasets
    for training in all_trainings(cfg).values():
        for name in training.datasets:
            yield "trainings", name, cfg.datasets
    for title, table in cfg.tables.items():
        yield f"tables.{title}", table.dataset, tested
        for row in table.measured.values():
            yield f"tables.{title}", row.model, cfg.models
            if row.model in cfg.models:
                yield f"tables.{title}", row.training, _trainings_of(cfg, row.model)


def _systems() -> set[str]:
    """Systems whose published values are known."""
    return {row["system"] for row in read_rows(Path(own(RIVALS)), ("system",))}


def _readers() -> list[str]:
    """Modules of pipeline/datasets that have a function `read`, which are costly to import."""
    reads = re.compile(r"^(def read\(|from .* import .*\bread\b)", re.MULTILINE)
    files = sorted(Path(__file__).parents[1].glob("datasets/[a-z]*.py"))
    return [file.stem for file in files if reads.search(file.read_text(encoding="utf-8"))]


def _trainings_of(cfg: Config, model: str) -> set[str]:
    """Names by which a table may call the training of a model."""
    if given(cfg, model) or imported(cfg, model):
        return {GIVEN}
    entry = cfg.models[model]
    if entry.start is None and not entry.fitted:
        return {UNTRAINED}
    alone = {pretraining_name(cfg, model)} if is_a_start(cfg, model) else set[str]()
    return cfg.trainings.keys() | alone
