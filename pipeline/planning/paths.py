"""Where every product of a run lies. Rules, checks and `score_folder` name files by this alone."""

from pipeline.config.config import Config
from pipeline.config.evaluation import Measured
from pipeline.config.once import once
from pipeline.planning.needs import dealt, flows, has_flow, over
from pipeline.raw.splits import part_names


def raw_folder(cfg: Config, dataset: str) -> str:
    """Folder of a dataset's raw files."""
    return f"{cfg.pathvars['raw']}/{dataset}"


@once
def parts(cfg: Config, stage: str, dataset: str, split: str, ending: str = ".json") -> list[str]:
    """Manifests (ending .json) or stores (.zarr) of a data stage that hold a split of a dataset.

    A stage may be a flow's name; none where still images have no such flow. A meta dataset or a
    submission has the parts of what it is about. Split `validation`: held-out training clips.
    """
    shown = over(cfg, dataset)
    if stage in flows(cfg) and not has_flow(cfg, stage, shown):
        return []
    folder = f"{cfg.pathvars['data']}/{shown}/{stage}"
    return [f"{folder}/{part}{ending}" for part in part_names(dealt(cfg, shown), split)]


def weights(cfg: Config, model: str, training: str) -> str:
    """Weights of a model after a training."""
    return f"{cfg.pathvars['results']}/weights/{model}/{training}.safetensors"


def training_log(cfg: Config, model: str, training: str) -> str:
    """Sheet with a row per iteration, beside the weights."""
    return f"{cfg.pathvars['results']}/weights/{model}/{training}.csv"


def saliency(cfg: Config, row: Measured, dataset: str, ending: str = ".json") -> str:
    """Manifest (or store) of the maps of a table's row."""
    folder = f"{cfg.pathvars['results']}/saliency/{row.model}/{row.training}"
    return f"{folder}/{dataset}{ending}"


def scores(cfg: Config, row: Measured, dataset: str, protocol: str | None = None) -> str:
    """Sheet with the scores of a table's row, a row per frame, by the run's protocol or another."""
    folder = f"{cfg.pathvars['results']}/scores/{protocol or cfg.score.protocol}"
    return f"{folder}/{row.model}/{row.training}/{dataset}.csv"


def frame_list(cfg: Config, dataset: str) -> list[str]:
    """The frame list of a meta dataset; none of another dataset."""
    meta = cfg.meta_datasets.get(dataset)
    return [f"{raw_folder(cfg, dataset)}/{meta.frame_list}"] if meta else []


def clips_page(dataset: str) -> str:
    """List of the pages of a dataset's clips, below the folder of a run's results."""
    return f"clips/{dataset}.html"


def clip_page(dataset: str, clip: str) -> str:
    """Page of a clip, below the folder of a run's results; a link to it must be quoted."""
    return f"clips/{dataset}/{clip}.html"
