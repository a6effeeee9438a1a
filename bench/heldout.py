"""Recordings that nothing is trained on, as stores of 640x480, and a model's scores on them.

They are the material of `run: real` (workflow/runs/real.yaml says what it is; it is not
distributed) at the size of `run: paper`. The workflow makes the stores, maps are those that
`gfsalnet.load(name).predict` gives, and pipeline.evaluation scores them by protocol `mit`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from model.sight import sight_of
from pipeline.config.config import Config
from pipeline.evaluation.scoring import GroundTruth, Request, ground_truth, score_frames
from pipeline.planning.load import complete, load
from pipeline.planning.needs import network_arguments
from pipeline.planning.paths import parts
from pipeline.reporting.intervals import (
    ClipSums,
    Comparison,
    Interval,
    compare,
    drawn_clips,
    interval,
)
from pipeline.stores.kinds import FRAMES
from pipeline.stores.reading import open_parts
from pipeline.training.fit import fit
from pipeline.viewing.network.model import Model

METRICS = ("NSS", "CC", "KLDiv")
SIZE = {"width": 640, "height": 480}
SIGMA = {"diem": 20.0, "salicon": 19.0}
"""Of the densities, pixels: those of `run: paper`. DHF1K's are given in pixels of its videos."""
STAGES = ("frames", "gaze", "density")
Scores = dict[str, dict[str, float]]
"""Clip or image -> metric -> mean over its scored frames."""


class HeldOut(NamedTuple):
    """A set of recordings."""

    title: str
    dataset: str
    splits: tuple[str, ...]
    every: int
    """Each so many-th frame is scored, unless the user wants others."""
    still: bool = False
    """Whether each frame is a picture of its own."""


SETS = {
    "photographs": HeldOut("100 photographs", "salicon", ("val",), 1, still=True),
    "clips_8_to_10": HeldOut("clips 8 to 10", "diem", ("test",), 4),
    "clips_1_to_10": HeldOut("clips 1 to 10", "diem", ("train", "test"), 4),
    "dhf1k_002": HeldOut("DHF1K 002", "dhf1k", ("train",), 1),
}


class Recordings:
    """The held-out sets in a folder."""

    def __init__(self, data: Path) -> None:
        """Take the folder of the stores, which the workflow makes where they are not there."""
        self.data = data.resolve()
        variants = {
            dataset: {"variants": {"paper": {"density": {"sigma": sigma}}}}
            for dataset, sigma in SIGMA.items()
        }
        folders = {"data": f"{self.data}", "results": f"{self.data}/results"}
        self._keys = {
            "run": "real",
            "pathvars": folders | {"logs": f"{self.data}/logs"},
            "frames": SIZE,
            "datasets": variants,
        }
        self.cfg: Config = load(complete(self._keys))

    def manifests(self, name: str, stage: str) -> list[Path]:
        """Return the manifests of a set's stores."""
        one = SETS[name]
        found = [
            path for split in one.splits for path in parts(self.cfg, stage, one.dataset, split)
        ]
        return [Path(path) for path in found]

    def make(self, names: Sequence[str]) -> None:
        """Have the workflow make the stores of some sets, unless they are there."""
        self._have(
            path for name in names for stage in STAGES for path in self.manifests(name, stage)
        )

    def fitted(self, model: str) -> Path:
        """Return the weights of a model that stage fit makes of 400 other photographs."""
        weights = self.data / f"{model}.safetensors"
        if not weights.is_file():
            stores = {
                stage: [Path(path) for path in parts(self.cfg, stage, "salicon", "train")]
                for stage in ("frames", "density")
            }
            self._have(path for paths in stores.values() for path in paths)
            fit(
                network=network_arguments(self.cfg, model),
                frames=stores["frames"],
                density=stores["density"],
                settings=self.cfg.fitting.model_copy(update={"every": 1}),
                seed=0,
                threads=torch.get_num_threads(),
                code="bench",
                weights=weights,
                log=weights.with_suffix(".csv"),
            )
        return weights

    def _have(self, manifests: Iterable[Path]) -> None:
        """Have the workflow make stores, unless they are there."""
        wanted = sorted(set(manifests))
        if all(path.is_file() for path in wanted):
            return
        self.data.mkdir(parents=True, exist_ok=True)
        keys = self.data / "run.yaml"
        keys.write_text(json.dumps(self._keys))  # JSON is YAML
        line = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", str(keys), "--"]
        subprocess.run([*line, *map(str, wanted)], check=True)

    @cache  # noqa: B019  # as long as the bench runs
    def truth(self, name: str) -> GroundTruth:
        """Return what the maps of a set are compared with."""
        return ground_truth(self.manifests(name, "density"), self.manifests(name, "gaze"))

    def clips(self, name: str) -> list[str]:
        """Return the names of a set's clips or images."""
        return self.truth(name).clips

    def scores(
        self, model: Model, name: str, clip: str, every: int, first: int | None = None
    ) -> dict[str, float]:
        """Return a clip's mean of each metric over each so many-th frame that somebody looked at.

        Of the `first` frames, or of all.
        """
        frames, rate = self.frames(name, clip, first)
        chosen = self.looked(name, clip, every, len(frames))
        maps = maps_of(model, frames, rate, every, still=SETS[name].still)
        return self.scored(maps, name, clip, chosen)

    def frames(
        self, name: str, clip: str, first: int | None = None
    ) -> tuple[NDArray[np.uint8], float]:
        """Return the `first` frames of a clip, or all, [t, y, x, 3], and its frames/s."""
        store = open_parts(FRAMES, self.manifests(name, "frames"))[clip]
        return np.asarray(store[clip][:first]), store.clips[clip]["rate"]

    def looked(self, name: str, clip: str, every: int, first: int | None = None) -> list[int]:
        """Return each so many-th of the `first` frames, or of all, that somebody looked at."""
        looked = [len(pixels) > 0 for pixels in self.truth(name).pixels[clip]][:first]
        return [frame for frame in range(0, len(looked), every) if looked[frame]]

    def scored(
        self, maps: NDArray[np.float32], name: str, clip: str, chosen: Sequence[int]
    ) -> dict[str, float]:
        """Return the mean of each metric over the chosen frames of a clip's maps."""
        request = Request("mit", METRICS, seed=0)
        rows = score_frames(_Maps(maps), self.truth(name), clip, chosen, request)
        values = {metric: [scores[metric].value for _, _, scores in rows] for metric in METRICS}
        return {metric: mean_of(found) for metric, found in values.items()}


class _Maps:
    """Maps of one clip, as the scoring reads them."""

    def __init__(self, maps: NDArray[np.float32]) -> None:
        self._maps = maps

    def frames(self, clip: str) -> list[int]:
        """Return all frames."""
        return list(range(len(self._maps)))

    def read(self, clip: str, frames: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        """Yield the maps of some of them."""
        yield from self._maps[list(frames)]


def alone(model: Model) -> bool:
    """Return whether a network sees no frame but the predicted one, and its flow."""
    sight = sight_of(model.network)
    return not (sight.carries or sight.before or sight.after or sight.flows > 1)


def maps_of(
    model: Model, frames: NDArray[np.uint8], rate: float, every: int, *, still: bool
) -> NDArray[np.float32]:
    """Return the map of each frame [t, y, x], those of each so many-th one as if all were seen.

    A network that sees one frame alone is shown only these; the maps between are then mixed.
    """
    shown = every if alone(model) else 1
    return model.predict(frames, rate=rate, every=shown, still=still)


def mean_of(values: Sequence[float]) -> float:
    """Return the mean of the values that are there, as a constant map has no NSS; NaN of none."""
    there = [value for value in values if not np.isnan(value)]
    return float(np.mean(there)) if there else float("nan")


def mean_and_interval(scores: Scores, metric: str) -> tuple[float, Interval | None]:
    """Return the mean over clips, and its interval of 95 %; None with fewer than six."""
    sums = _sums(scores, metric)
    return sums.mean("clip"), interval(sums, "clip", drawn_clips(len(scores), 0))


def difference(first: Scores, second: Scores, metric: str) -> Comparison:
    """Return the first model's mean less the second's, on the same clips, with its interval."""
    drawn = drawn_clips(len(first), 0)
    return compare(_sums(first, metric), _sums(second, metric), "clip", drawn)


def _sums(scores: Scores, metric: str) -> ClipSums:
    """The values of clips, in the order of their names."""
    values = np.array([scores[clip][metric] for clip in sorted(scores)])
    return ClipSums(np.nan_to_num(values), np.isfinite(values).astype(np.int64))
