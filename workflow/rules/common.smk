"""Functions that name files. What they return is a path or the JSON of a section."""

import json
import re
from pathlib import Path

from pipeline.config.section import GIVEN, MAIN_FLOW, PRETRAINING, UNTRAINED
from pipeline.config.evaluation import PROTOCOLS
from pipeline.raw.patterns import gaze_files, listing, tree_digest, video_file
from pipeline.planning.missing import used_splits
from pipeline.raw.splits import part_names, parts, read_sheet

STAGES = (
    "frames flow gaze density pretrain finetune fit predict gather score observers tables".split()
)
PUBLISHED = "workflow/published"


def pretrainings():
    """The pretrainings that others start from, and those with another loss."""
    return list({PRETRAINING: cfg.loss, **cfg.tried_losses(), **cfg.other_pretrainings})


def models(kind):
    """Those that are `trained` by gradients, `fitted`, `observed`, or that make `maps`."""
    kinds = {
        "trained": lambda name: cfg.models[name].start is not None,
        "fitted": lambda name: cfg.models[name].fitted,
        "observed": cfg.observed,
        "maps": lambda name: not cfg.observed(name),
    }
    return [name for name in cfg.models if kinds[kind](name)]


def one_of(names):
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=one_of([*cfg.datasets, *cfg.meta_datasets, *cfg.submissions]),
    part=r"\d{4}",
    model=one_of(cfg.models),
    protocol=one_of(PROTOCOLS),
    training=one_of([*cfg.trainings, *pretrainings(), UNTRAINED, GIVEN]),
    flow=one_of(cfg.flows()),


def raw_folder(wildcards):
    return f"{cfg.pathvars['raw']}/{wildcards.dataset}"


def dealt(dataset):
    """The parts of a dataset: name -> clips."""
    entry = cfg.datasets[dataset]
    return parts(Path(entry.splits), entry.clips_per_part, entry.validation)


def part_clips(wildcards):
    return dealt(wildcards.dataset)[wildcards.part]


def clips_json(wildcards):
    return json.dumps([clip.__dict__ for clip in part_clips(wildcards)])


def raw_videos(wildcards):
    root, pattern = Path(raw_folder(wildcards)), cfg.datasets[wildcards.dataset].frames.video
    if "{frame}" in pattern:
        return []
    return [video_file(root, pattern, clip.name, clip.split) for clip in part_clips(wildcards)]


def raw_gaze(wildcards):
    root, gaze = Path(raw_folder(wildcards)), cfg.datasets[wildcards.dataset].gaze
    one_by_one = [pattern for pattern in gaze.files if "{frame}" not in pattern]
    gaze = gaze.model_copy(update={"files": tuple(one_by_one)})
    files = (gaze_files(root, gaze, clip.name, clip.split) for clip in part_clips(wildcards))
    return sorted({file for found in files for file in found})


def raw_maps(wildcards):
    """Released densities that are declared one by one: those of still images."""
    pattern = getattr(cfg.datasets[wildcards.dataset].density, "files", "{frame}")
    if "{frame}" in pattern:
        return []
    root = Path(raw_folder(wildcards))
    return [video_file(root, pattern, clip.name, clip.split) for clip in part_clips(wildcards)]


def numbered(section):
    """Input of params: what changes when numbered files of a part do; there are too many to declare."""

    def digest(wildcards):
        root, found = Path(raw_folder(wildcards)), getattr(cfg.datasets[wildcards.dataset], section)
        files = found.video if section == "frames" else getattr(found, "files", ())
        files = [files] if isinstance(files, str) else files
        return "".join(listing(root, pattern, part_clips(wildcards)) for pattern in files)

    return digest


def section(name):
    """Input of params: one section of the dataset at hand, as JSON."""
    return lambda wildcards: getattr(cfg.datasets[wildcards.dataset], name).model_dump_json()


def stores(stage, dataset, split, suffix="json"):
    """The parts of a stage that hold a split of a dataset, or of what a meta dataset lists."""
    over = cfg.over(dataset)
    if stage in cfg.flows() and not cfg.has_flow(stage, over):
        return []
    return [
        f"{cfg.pathvars['data']}/{over}/{stage}/{part}.{suffix}"
        for part in part_names(dealt(over), split)
    ]


def training_stores(stage, split="train", suffix="json"):
    """Input function: parts of the training clips that a training uses, or holds out, in its order."""

    def paths(wildcards):
        training = cfg.all_trainings().get(wildcards.get("training"), cfg.pretraining)
        return sum((stores(stage, name, split, suffix) for name in training.datasets), [])

    return paths


def image_flow_stores(stage, split="train", suffix="json"):
    """Parts of the videos that show what flow looks like in a still image."""
    names = cfg.image_flow_weights.training.datasets

    def paths(wildcards):
        return sum((stores(stage, name, split, suffix) for name in names), [])

    return paths


def image_flow_backbone(wildcards):
    return cfg.backbone_file(cfg.image_flow_weights.network["backbone"]) or []


def in_results(path):
    return f"{cfg.pathvars['results']}/{path}"


def test_stores(stage, suffix="json"):
    """Input function: parts of the split of a dataset that is predicted and scored."""
    return lambda wildcards: stores(
        stage, wildcards.dataset, cfg.predicted_split(wildcards.dataset), suffix
    )


def flow_for(function, *args):
    """What an input function says of the flow that a model looks at, if it looks at any."""

    def paths(wildcards):
        if not cfg.sees_motion(wildcards.model):
            return []
        return function(cfg.flow_name(wildcards.model), *args)(wildcards)

    return paths


def used_stores(stage, suffix="json"):
    """Input function: parts of every split of a dataset that the run asks for."""

    def paths(wildcards):
        splits = sorted(used_splits(cfg, wildcards.dataset))
        return sum((stores(stage, wildcards.dataset, split, suffix) for split in splits), [])

    return paths


def used_folders(*stages):
    return lambda wildcards: sum((used_stores(s, "zarr")(wildcards) for s in stages), [])


def training_folders(*stages):
    """Folders of the stores that a training reads."""
    pairs = [(stage, split) for stage in stages for split in ("train", "validation")]
    return lambda wildcards: sum((training_stores(*p, "zarr")(wildcards) for p in pairs), [])


def test_folders(*stages):
    return lambda wildcards: sum((test_stores(s, "zarr")(wildcards) for s in stages), [])


def reader_digest(wildcards):
    reader = cfg.datasets[wildcards.dataset].gaze.reader
    return code_digest("pipeline.preprocessing.gaze", f"pipeline.datasets.{reader}")


def network_json(wildcards):
    return json.dumps(cfg.network(wildcards.model))


def training_json(wildcards):
    return cfg.trainings[wildcards.training].model_dump_json()


def imagenet_weights(wildcards):
    return cfg.imagenet_file(wildcards.model) or []


def beside_weights(folder):
    """Where a training keeps what is no output: its state, its curves."""
    results = cfg.pathvars["results"]
    return lambda wildcards: (f"{results}/{folder}/{wildcards.model}/{wildcards.training}")


def pretraining_json(wildcards):
    return cfg.all_trainings().get(wildcards.training, cfg.pretraining).model_dump_json()


def flow_json(wildcards):
    return cfg.flows()[wildcards.flow].model_dump_json()


def flow_weights(wildcards):
    return getattr(cfg.flows()[wildcards.flow], "weights", [])


def start_weights(wildcards):
    name, start = cfg.pretraining_name(wildcards.model), cfg.models[wildcards.model].start
    return f"<results>/weights/{start}/{name}.safetensors"


def weights(wildcards):
    if wildcards.training == UNTRAINED:
        return []
    return f"<results>/weights/{wildcards.model}/{wildcards.training}.safetensors"


def submission_json(wildcards):
    return cfg.submissions[wildcards.dataset].model_dump_json()


def given_maps(wildcards):
    return cfg.models[wildcards.model].maps.format(dataset=wildcards.dataset)


def given_files(wildcards):
    """Input of params: what changes when a file of somebody's maps does; a folder's date does not."""
    return tree_digest(Path(given_maps(wildcards)))


def density_recipe(wildcards):
    return cfg.datasets[cfg.over(wildcards.dataset)].density.model_dump_json()


def held_out(wildcards):
    return cfg.models[wildcards.model].held_out


def ground_truth(wildcards):
    return cfg.ground_truth(wildcards.dataset)


def averaged(wildcards):
    return "meta" if wildcards.dataset in cfg.meta_datasets else "own"


def trained(rows):
    """Those of a table's rows that are trained here."""
    return [row for row in rows if cfg.models[row.model].start is not None]


def frame_list(wildcards):
    meta = cfg.meta_datasets.get(wildcards.dataset)
    return f"<raw>/{wildcards.dataset}/{meta.frame_list}" if meta else []


def loss_json(wildcards):
    return cfg.tried_losses().get(wildcards.training, cfg.loss).model_dump_json()


def measured_scores(of=cfg):
    return sorted(
        {
            f"<results>/scores/{cfg.score.protocol}/{row.model}/{row.training}/{of.tables[table].dataset}.csv"
            for table in of.tables
            for row in of.measured(table).values()
        }
    )


def attribute_sheets(of=cfg):
    used = {table.dataset for table in of.tables.values() if not of.left_out(table.dataset)}
    return sorted({str(sheet) for name in used if (sheet := of.test(name).attributes)})


def tables_json(of=cfg):
    readers = {f"pipeline.datasets.{dataset.gaze.reader}" for dataset in cfg.datasets.values()}
    code = code_digest(*(f"pipeline.{stage}" for stage in STAGES), *sorted(readers))
    settings = of.tables_settings(code).model_copy(update={"config_digest": cfg.digest()})
    return settings.model_dump_json()


def pictured(dataset):
    """Rows of the first table about a dataset: label -> (model, training)."""
    table = next(name for name, table in cfg.tables.items() if table.dataset == dataset)
    rows = cfg.measured(table).items()
    networks = [*models("trained"), *filter(cfg.given, cfg.models)]
    return {label: row for label, row in rows if row.model in networks}


def pictured_maps(wildcards):
    return [
        f"<results>/saliency/{row.model}/{row.training}/{wildcards.dataset}.json"
        for row in pictured(wildcards.dataset).values()
    ]


def pictured_labels(wildcards):
    return list(pictured(wildcards.dataset))


def moving(datasets):
    """Those of the run that are videos."""
    return [name for name in datasets if not cfg.left_out(name) and not cfg.still(name)]


def all_pictures():
    tested = dict.fromkeys(table.dataset for table in cfg.tables.values())
    names = [name for name in moving(tested) if pictured(name)]
    curves = ["training"] if training_logs() else []
    return [f"<results>/pictures/{name}.png" for name in [*names, *curves]]


def all_gates():
    """Of each video dataset, the last gated network of its first table."""
    tested = dict.fromkeys(table.dataset for table in cfg.tables.values())
    videos = [name for name in moving(tested) if name in cfg.datasets]
    rows = {name: [r for r in pictured(name).values() if cfg.gated(r.model)] for name in videos}
    return [
        f"<results>/gates/{found[-1].model}/{found[-1].training}/{name}.csv"
        for name, found in rows.items()
        if found
    ]


def all_statistics():
    tested = dict.fromkeys(cfg.over(table.dataset) for table in cfg.tables.values())
    return [f"<results>/statistics/{name}.csv" for name in moving(tested)]


def all_alignments():
    """Of every dataset with motion that the run uses."""
    names = [name for name in cfg.datasets if not cfg.left_out(name) and used_splits(cfg, name)]
    return [f"<results>/alignment/{name}.csv" for name in names if not cfg.still(name)]


def preflight_findings(wildcards):
    return f"{cfg.pathvars['results']}/preflight.json"


def training_logs():
    rows = {
        (row.model, row.training)
        for table in cfg.tables
        for row in trained(cfg.measured(table).values())
    }
    rows |= {(cfg.models[model].start, cfg.pretraining_name(model)) for model, _ in rows}
    return [f"<results>/weights/{model}/{training}.csv" for model, training in sorted(rows)]


def demo_files():
    """Every raw file that the demo's split sheets ask for."""
    for name, dataset in cfg.datasets.items():
        root = Path(cfg.pathvars["raw"], name)
        for clip in read_sheet(Path(dataset.splits)):
            yield video_file(root, dataset.frames.video, clip.name, clip.split)
            if clip.split in ("train", dataset.test.split):
                yield from gaze_files(root, dataset.gaze, clip.name, clip.split)
    for name, meta in cfg.meta_datasets.items():
        yield Path(cfg.pathvars["raw"], name, meta.frame_list)


def raw_root(wildcards):
    return cfg.pathvars["raw"]


def sheets_folder(wildcards, input):
    return Path(input.sheets[0]).parent


def published_folder(wildcards):
    return PUBLISHED


def published_sheets():
    """Of the tables that the paper prints, and its marks; a table of one's own has none."""
    sheets = (Path(PUBLISHED, f"{name}.csv") for name in [*cfg.tables, "marks"])
    return [sheet for sheet in sheets if sheet.is_file()]
