"""Rates and memory that were measured, as sheets of the workflow hold them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.config.training import Recipe
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows

STAGE_COSTS = "workflow/costs.csv"
"""Sheet of what data stages cost, by frames."""
NETWORK_COSTS = "workflow/network_costs.csv"
"""Sheet of what trainings and predictions cost, by samples."""
_STREAMS = {"appearance": "one stream", "motion": "one stream", "both": "two streams"}
_SWITCHES = ("motion", "recurrent", "frozen")


class StageCost(NamedTuple):
    """What a data stage takes."""

    speed: float
    """Frames per second and core, at 640x480."""
    size: float
    """Bytes on the disk per frame, at 640x480."""
    memory: float | None
    """Memory of a job in MB; None: not measured."""


class NetworkCost(NamedTuple):
    """What a training or a prediction takes; a sample is a frame, or a clip of frames."""

    seconds: float
    """CPU seconds of a sample."""
    memory: float | None
    """Memory in MB without any sample; None: not measured."""
    each: float | None
    """Memory in MB that each sample adds that is computed at once."""
    frames: int
    """Predicted frames of a sample."""


def read_costs(path: Path) -> dict[str, StageCost]:
    """Stage, with its setting -> what it takes.

    Raises:
        InputError: The file is missing or does not fit.
    """
    columns = ("stage", "frames_per_second_a_core", "bytes_a_frame", "memory_mb")
    rows = read_rows(path, columns)
    try:
        return {
            row["stage"]: StageCost(
                float(row[columns[1]]), float(row[columns[2]]), _measured(row[columns[3]])
            )
            for row in rows
        }
    except ValueError as error:
        raise InputError(f"{path}: {error}; write it again with bench/conversion.py") from None


def read_network_costs(path: Path) -> dict[str, NetworkCost]:
    """Label of a training or a prediction -> what it takes.

    Raises:
        InputError: The file is missing or does not fit.
    """
    columns = ("what", "cpu_seconds_a_sample", "memory_mb", "memory_mb_a_sample", "frames_a_sample")
    rows = read_rows(path, columns)
    try:
        return {
            row["what"]: NetworkCost(
                float(row[columns[1]]),
                _measured(row[columns[2]]),
                _measured(row[columns[3]]),
                int(row[columns[4]]),
            )
            for row in rows
        }
    except ValueError as error:
        raise InputError(f"{path}: {error}; write it again with bench/network_costs.py") from None


def _measured(cell: str) -> float | None:
    return float(cell) if cell else None


def prediction_label(arguments: Mapping[str, Any]) -> str:
    """Row of NETWORK_COSTS that a prediction by a network with these arguments is alike."""
    return f"predict {_kind(arguments)}"


def training_label(arguments: Mapping[str, Any], recipe: Recipe) -> str:
    """Row of NETWORK_COSTS that a training of such a network by such a recipe is alike."""
    words: list[str] = [recipe.precision, recipe.batch_norm]
    words += ["recompute"] if recipe.recompute else []
    words += ["adversarial"] if recipe.adversarial else []
    return f"train {_kind(arguments)} {' '.join(words)}"


def _kind(arguments: Mapping[str, Any]) -> str:
    """A network, with those of its switches that change what it costs."""
    words = [_STREAMS[arguments["streams"]]] if "streams" in arguments else []
    if arguments.get("streams") == "both" and arguments["network"] == "two_stream":
        words.append(f"{arguments['fusion']} fusion")
    words += [key for key in _SWITCHES if arguments.get(key) is True]
    words += ["motion"] if {*"FM"} & {*arguments.get("channels", "")} else []  # of GBVS
    words += [f"{arguments['earlier']} frames earlier"] if arguments.get("earlier") else []
    return f"{arguments['network']} ({'; '.join(words)})" if words else str(arguments["network"])
