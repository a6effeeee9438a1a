"""What a model, a flow or a dataset of a run needs: the trainings, networks and files behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.config.data import Flow, ImageFlowEstimator, PwcnetFlow, Test
from pipeline.config.once import once
from pipeline.config.section import BACKBONE, GIVEN, MAIN_FLOW, PRETRAINING, Split
from pipeline.config.training import Loss, Training
from pipeline.planning.fetchable import FETCHABLE, fetchable_file
from pipeline.raw.presence import present_clips
from pipeline.raw.splits import SheetClip, part_names
from pipeline.raw.splits import parts as parts_of
from pipeline.runtime.errors import InputError

TORCHVISION = {
    "resnet50": "resnet50-0676ba61.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "mobilenet_v2": "mobilenet_v2-b0353104.pth",
    "vgg16": "vgg16-397923af.pth",
    "s3d": "s3d-d76dad2f.pth",  # of Kinetics-400, torchvision's only ones
}
"""Backbone -> torchvision's first ImageNet weights; the name ends in the first sha256 digits."""
_INDEX, _DATA = ".index", ".data-00000-of-00001"
"""Endings of the two files of a TensorFlow checkpoint."""


@once
def all_trainings(cfg: Config) -> dict[str, Training]:
    """Every training by its name, those that others start from among them."""
    return {PRETRAINING: cfg.pretraining} | cfg.other_pretrainings | cfg.trainings


def training_named(cfg: Config, name: str) -> Training:
    """The training of that name; that of a tried loss is the pretraining."""
    return all_trainings(cfg).get(name, cfg.pretraining)


def training_of(cfg: Config, model: str, name: str) -> Training:
    """The training of that name for a model: by its authors' recipe if the run wants so."""
    training, recipe = training_named(cfg, name), cfg.models[model].recipe
    if recipe is None or cfg.recipe == "common":
        return training
    return Training(datasets=training.datasets, **dict(cfg.recipes[recipe]))


def seed_of(cfg: Config, training: str) -> int:
    """The seed of a training."""
    own = training_named(cfg, training).seed
    return cfg.seed if own is None else own


def starts_pretrained(cfg: Config, model: str) -> str | None:
    """The model whose pretrained weights start a model; None: it starts from no other training."""
    start = cfg.models[model].start
    return None if start == BACKBONE else start


def loss_of(cfg: Config, training: str) -> Loss:
    """Weights of Eq. (6) for a training."""
    return tried_losses(cfg).get(training, cfg.loss)


def pretraining_name(cfg: Config, model: str) -> str:
    """The training that made the weights that a model starts from."""
    start = starts_pretrained(cfg, model)
    if start is not None and imported(cfg, start):
        return GIVEN
    return cfg.models[model].pretraining or PRETRAINING


@once
def tried_losses(cfg: Config) -> dict[str, Loss]:
    """Name of a pretraining -> its loss: those of the search for the weights of Eq. (6)."""
    search, tried = cfg.loss_search, dict[str, Loss]()
    for alpha in search.alpha:
        for beta in search.beta:
            loss = cfg.loss.model_copy(update={"alpha": alpha, "beta": beta})
            name = f"{PRETRAINING}_{alpha:g}_{beta:g}"
            tried[PRETRAINING if loss == cfg.loss else name] = loss
    return tried


def given(cfg: Config, model: str) -> bool:
    """Whether a model is maps that somebody else made."""
    return cfg.models[model].maps is not None


def imported(cfg: Config, model: str) -> bool:
    """Whether a model's weights are those that its network's authors released."""
    return cfg.models[model].weights is not None


def released_files(cfg: Config, model: str) -> list[str]:
    """The file of a model's released weights, and the one that TensorFlow writes beside it."""
    file = str(cfg.models[model].weights).replace("<raw>", cfg.pathvars["raw"])
    beside = f"{file.removesuffix(_INDEX)}{_DATA}" if file.endswith(_INDEX) else None
    return [file, *([beside] if beside else [])]


def without_weights(cfg: Config, model: str) -> str | None:
    """Why a model's released weights cannot be imported; None if they are there or fetched."""
    files = released_files(cfg, model) if imported(cfg, model) else []
    fetched = fetchable_file(cfg.pathvars["raw"], cfg.models[model].network or "")
    absent = [Path(file) for file in files if file != fetched and not Path(file).is_file()]
    if not absent:
        return None
    names = " and ".join(file.name for file in absent)
    if absent[0].parent == Path(cfg.pathvars["raw"], "released"):
        # In the same words for every row, so that a page names the rows together.
        return (
            f"no file of these weights in {absent[0].parent}; docs/rivals.md says how to get them"
        )
    return f"its weights are not there: put {names} at {absent[0].parent}"


def observed(cfg: Config, model: str) -> bool:
    """Whether a model is the observers themselves."""
    return cfg.models[model].held_out is not None


def network_arguments(cfg: Config, model: str) -> dict[str, Any]:
    """Constructor arguments of a model's network, with the key `network`."""
    entry = cfg.models[model]
    shared = cfg.networks.get(entry.network or "", {})
    return {**shared, "network": entry.network, **(entry.model_extra or {})}


def sees_motion(cfg: Config, model: str) -> bool:
    """Whether a model's network looks at flow."""
    entry = cfg.models[model]
    streams = network_arguments(cfg, model).get("streams")
    return entry.flow is not None or streams in ("both", "motion")


def gated(cfg: Config, model: str) -> bool:
    """Whether a model's network weighs two streams by a gate."""
    arguments = network_arguments(cfg, model)
    return (arguments.get("streams"), arguments.get("fusion")) == ("both", "gated")


def is_a_start(cfg: Config, model: str) -> bool:
    """Whether a model's pretraining is the model itself: a single appearance stream."""
    entry = cfg.models.get(model)
    return entry is not None and entry.start == model and not sees_motion(cfg, model)


@once
def flows(cfg: Config, *, still: bool | None = None) -> dict[str, Flow]:
    """Every flow by its name, or those that need one frame each, or a pair of them.

    Weights that are made here lie in this run's folder.
    """
    found = {MAIN_FLOW: cfg.flow} | cfg.other_flows
    for name, flow in found.items():
        if isinstance(flow, PwcnetFlow | ImageFlowEstimator):
            weights = flow.weights.replace("<results>", cfg.pathvars["results"])
            found[name] = flow.model_copy(update={"weights": weights})
    wanted = (True, False) if still is None else (still,)
    return {name: flow for name, flow in found.items() if (flow.estimator == "image") in wanted}


def flow_name(cfg: Config, model: str) -> str:
    """The flow that a model looks at, if it sees motion."""
    return cfg.models[model].flow or MAIN_FLOW


def has_flow(cfg: Config, flow: str, dataset: str) -> bool:
    """Whether a dataset has a flow: still images have only those that need one frame each."""
    return flow in flows(cfg, still=True) or not still(cfg, dataset)


def teaches_flow(cfg: Config, flow: str) -> tuple[str, ...]:
    """Datasets that a flow is learned from in this run; none if its weights are a file."""
    entry = cfg.other_flows.get(flow, cfg.flow)
    made = isinstance(entry, ImageFlowEstimator) and "<results>" in entry.weights
    return cfg.image_flow_weights.training.datasets if made else ()


def over(cfg: Config, dataset: str) -> str:
    """The dataset itself, or the one that a meta dataset or a submission is about."""
    about = cfg.meta_datasets.get(dataset) or cfg.submissions.get(dataset)
    return about.over if about else dataset


def still(cfg: Config, dataset: str) -> bool:
    """Whether a dataset is of still images, which have no motion."""
    return over(cfg, dataset) in cfg.pretraining.datasets


def left_out(cfg: Config, dataset: str) -> bool:
    """Whether `without` names a dataset, or the one that a meta dataset lists frames of."""
    return dataset in cfg.without or over(cfg, dataset) in cfg.without


def without_absent(cfg: Config) -> Config:
    """The configuration with names for `without: absent`: of what has no raw folder.

    Raises:
        InputError: No dataset has one.
    """
    if cfg.without != "absent":
        return cfg
    raw, every = Path(cfg.pathvars["raw"]), cfg.datasets | cfg.meta_datasets
    absent = tuple(name for name in every if not (raw / name).is_dir())
    if cfg.datasets.keys() <= {*absent}:
        raise InputError(
            f"{raw}: holds no dataset; put one there under its name, {', '.join(cfg.datasets)} "
            "(docs/datasets.md shows their layouts)"
        )
    return cfg.model_copy(update={"without": absent})


@once
def scored(cfg: Config, dataset: str) -> Test:
    """What is scored of a dataset or meta dataset, with the split that has clips."""
    test = (cfg.datasets | cfg.meta_datasets)[dataset].test
    if test.instead is None or has_clips(cfg, dataset, test.split):
        return test
    there = has_clips(cfg, dataset, test.instead)
    return test.model_copy(update={"split": test.instead}) if there else test


def hidden_splits(cfg: Config, dataset: str) -> set[str]:
    """Splits of a dataset whose gaze nobody needs, as they are only predicted for a submission."""
    every = (cfg.datasets | cfg.meta_datasets).items()
    tests = [entry.test for name, entry in every if over(cfg, name) == dataset]
    asked = {"train"} | {split for test in tests for split in (test.split, test.instead) if split}
    submitted = {str(one.split) for one in cfg.submissions.values() if one.over == dataset}
    return submitted - asked


def present(cfg: Config, dataset: str) -> frozenset[str]:
    """Names of the clips of a dataset's sheet whose files are there."""
    root = Path(cfg.pathvars["raw"], dataset)
    return present_clips(root, cfg.datasets[dataset], hidden_splits(cfg, dataset))


@once
def dealt(cfg: Config, dataset: str) -> Mapping[str, Sequence[SheetClip]]:
    """Part of a dataset -> its clips that the run uses; one job of a data stage makes a part.

    Parts are dealt over the whole sheet: a clip that comes later is in no part but its own.
    """
    entry = cfg.datasets[dataset]
    every = parts_of(Path(entry.splits), entry.clips_per_part, entry.validation)
    if entry.clips != "present":
        return every
    there = present(cfg, dataset)
    if not there and cfg.run == "demo":  # about to be drawn
        return every
    used = {part: [clip for clip in of if clip.name in there] for part, of in every.items()}
    return {part: clips for part, clips in used.items() if clips}


@once
def has_clips(cfg: Config, dataset: str, split: str) -> bool:
    """Whether the run uses any clip of a split; also where the sheet is not there yet."""
    name = over(cfg, dataset)
    known = Path(cfg.datasets[name].splits).is_file()
    return not known or bool(part_names(dealt(cfg, name), split))


@once
def unscored(cfg: Config, dataset: str) -> str | None:
    """Why nothing is scored of a dataset or meta dataset; None if something is."""
    name, split = over(cfg, dataset), scored(cfg, dataset).split
    if left_out(cfg, dataset):
        return f"{dataset} is left out of this run"
    if has_clips(cfg, dataset, split):
        return None
    return no_clip(cfg, name, split)


def no_clip(cfg: Config, dataset: str, split: str) -> str:
    """Why the run uses no clip of a split, in words."""
    entry = cfg.datasets[dataset]
    listed = parts_of(Path(entry.splits), entry.clips_per_part, entry.validation)
    if part_names(listed, split):
        return f"no {split} clip of {dataset} is there"
    return f"{dataset} has no {split} clip in its split sheet"


@once
def used_splits(cfg: Config, dataset: str) -> set[str]:
    """The splits of a dataset that some training or some table of the run asks for."""
    learned = [training.datasets for training in all_trainings(cfg).values()]
    learned += [teaches_flow(cfg, name) for name in cfg.other_flows]
    training = any(dataset in datasets for datasets in learned)
    tested = {table.dataset for table in cfg.tables.values()}
    names = {name for name in tested if over(cfg, name) == dataset}
    return {scored(cfg, name).split for name in names} | ({"train"} if training else set())


def predicted_split(cfg: Config, dataset: str) -> Split:
    """The split that networks predict maps of: the scored one, or that of a submission."""
    submission = cfg.submissions.get(dataset)
    return submission.split if submission else scored(cfg, dataset).split


def backbone_file(cfg: Config, backbone: object) -> str | None:
    """Path of the ImageNet weights that a backbone starts from, if it starts from any."""
    if backbone is None:
        return None
    source = cfg.backbone_weights
    if isinstance(source, Mapping):
        source = source.get(str(backbone), "torchvision")
    if source in FETCHABLE:
        return fetchable_file(cfg.pathvars["raw"], str(source))
    if source != "torchvision":
        return source
    file = TORCHVISION.get(str(backbone))
    return file and f"{cfg.pathvars['raw']}/imagenet/{file}"
