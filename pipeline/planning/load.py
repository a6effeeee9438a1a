"""config.yaml, the run's file laid over it and the user's own keys, as one checked `Config`.

The workflow's own files are found from where the workflow lies, a user's from the working folder:
a relative path means the working folder's file if there is one, else the workflow's.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
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
"""What makes up a configuration, the lowest first: where each part stands, and its keys."""


def _layers(keys: Mapping[str, Any]) -> Layers:
    """config.yaml, the file of its run, and the user's `keys`."""
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
    return _joined(_layers(keys))


def chosen(keys: Mapping[str, Any]) -> Config:
    """The checked configuration with the user's `keys`, which win.

    Raises:
        InputError: A file cannot be read, there is no such run, or a key does not fit; says where
            that key stands.
    """
    laid = _layers(keys)
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
    """Check a whole configuration.

    `laid` is what it was made up of, so that an error can say where a key stands; without it, that
    is config.yaml.

    Raises:
        InputError: Names each key that is missing, unknown or of the wrong type, or that names
            something that is not there.
    """
    try:
        cfg = Config.model_validate(content)
    except ValidationError as error:
        found = error.errors()
        raise _refusal(
            {_problem(one, found, content): _place(one["loc"], laid) for one in found}
        ) from error
    cfg = without_absent(cfg)
    problems = {}
    for path, name, known in _names(cfg):
        if name is not None and name not in known:
            what = f"names {name!r}; known are {', '.join(sorted(known))}{meant(name, known)}"
            problems[f"{'.'.join(path)} {what}"] = _place(path, laid)
    for name, entry in cfg.models.items():
        if entry.published and not problems and GIVEN not in _trainings_of(cfg, name):
            path = ("models", name, "published")
            what = "only what was made elsewhere is set against published values; take the key out"
            problems[f"{'.'.join(path)}: {what}"] = _place(path, laid)
    if problems:
        raise _refusal(problems)
    return _located(cfg)


def _refusal(problems: Mapping[str, str]) -> InputError:
    """What to raise about problems, each with the place where its key stands."""
    lines = []
    for place in dict.fromkeys(problems.values()):
        mine = (what for what, its in problems.items() if its == place)
        lines += [f"{place} does not fit:", *(f"  {what}" for what in mine)]
    return InputError("\n".join(lines))


def _place(path: Sequence[str | int], laid: Layers) -> str:
    """Where a key stands: in the uppermost layer that has it, or that goes furthest towards it.

    A section is made up of all layers that have it, so all of them are named.
    """
    furthest, places = 0, ["config.yaml"]
    for name, content in laid:
        depth = 0
        inner: Any = content
        while depth < len(path) and isinstance(inner, Mapping) and path[depth] in inner:
            inner = inner[path[depth]]
            depth += 1
        if depth > furthest or (depth == furthest > 0 and not isinstance(inner, Mapping)):
            furthest, places = depth, [name]
        elif depth == furthest > 0:
            places.append(name)
    lowest, *above = places
    return f"{lowest}, with {' and '.join(above)} over it," if above else lowest


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


def _names(cfg: Config) -> Iterable[tuple[tuple[str, ...], str | None, Collection[str]]]:
    """Path of a key, a name that it gives, and the names that it may give."""
    tested = cfg.datasets.keys() | cfg.meta_datasets.keys()
    networks = [name for name in cfg.models if not given(cfg, name)]
    starts = [model.start for model in cfg.models.values() if model.start not in (None, BACKBONE)]
    for key, model in cfg.models.items():
        known: dict[str, Collection[str]] = {
            "network": NETWORKS,
            "start": [*networks, BACKBONE],
            "recipe": cfg.recipes,
            "flow": {MAIN_FLOW, *cfg.other_flows},
            "pretraining": all_trainings(cfg),
            "published": _systems() if model.published else (),
        }
        for name, names in known.items():
            yield ("models", key, name), getattr(model, name), names
    yield ("loss_search", "model"), cfg.loss_search.model, starts
    readers = _readers()
    for key, dataset in cfg.datasets.items():
        for name, variant in dataset.variants.items():
            gaze = ("datasets", key, "variants", name, "gaze")
            yield (*gaze, "reader"), variant.gaze.reader, readers
    for section in ("meta_datasets", "submissions"):
        for key, one in getattr(cfg, section).items():
            yield (section, key, "over"), one.over, cfg.datasets
    for key, name in cfg.sanity.items():
        yield ("sanity", key), name, [one for one in networks if not imported(cfg, one)]
    for name in cfg.regions:
        yield ("regions",), name, tested
    for name in cfg.without:
        yield ("without",), name, tested
    for name in cfg.image_flow_weights.training.datasets:
        yield ("image_flow_weights", "training", "datasets"), name, cfg.datasets
    for key, training in all_trainings(cfg).items():
        for name in training.datasets:
            yield (*_section_of(cfg, key), "datasets"), name, cfg.datasets
    for key, table in cfg.tables.items():
        yield ("tables", key, "dataset"), table.dataset, tested
        for title, row in table.measured.items():
            path = ("tables", key, "measured", title)
            yield (*path, "model"), row.model, cfg.models
            if row.model in cfg.models:
                yield (*path, "training"), row.training, _trainings_of(cfg, row.model)


def _section_of(cfg: Config, training: str) -> tuple[str, ...]:
    """Path of the section that describes a training."""
    for section in ("trainings", "other_pretrainings"):
        if training in getattr(cfg, section):
            return section, training
    return ("pretraining",)


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
