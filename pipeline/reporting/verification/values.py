"""What others published of a system: the sheet of rivals, and those of single clips it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.reporting.published import read_values
from pipeline.runtime.errors import InputError

_COLUMNS: Final = ("system", "dataset", "split", "truth", "protocol", "source", "clips")


@dataclass(frozen=True)
class Published:
    """What one source says of a system on a split."""

    split: str
    truth: str
    """Variant of the ground truth; empty where it is not known."""
    protocol: str
    """Name of the protocol; empty where it is not known, or none of ours."""
    source: str
    means: Mapping[str, float]
    """Metric -> mean over the split."""
    clips: Mapping[str, Mapping[str, float]]
    """Clip -> metric -> mean over its frames; empty where only means are published."""


def read_published_values(sheets: list[Path], system: str, dataset: str) -> list[Published]:
    """What is published of a system on a dataset, source by source.

    The first sheet lists the sources, the others are those of single clips that it names.

    Raises:
        InputError: A sheet cannot be read, or the first one names a sheet that is not given.
    """
    listed, *rest = sheets
    given = {f"{path.parent.name}/{path.name}": path for path in rest}
    found = []
    for line, means in read_values(listed, _COLUMNS):
        if (line["system"], line["dataset"]) != (system, dataset):
            continue
        if (name := line["clips"]) and name not in given:
            raise InputError(f"{listed}: names {name}, which is not among {[*given]}; correct it")
        clips = read_values(given[name], ("clip",)) if name else []
        by_clip = {words["clip"]: scores for words, scores in clips}
        found.append(
            Published(
                split=line["split"],
                truth=line["truth"],
                protocol=line["protocol"],
                source=line["source"],
                means=means,
                clips=by_clip,
            )
        )
    return found
