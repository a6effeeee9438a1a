"""Settings that a result was made with, kept beside it and compared with those of config.yaml.

Snakemake reruns a stage whose settings changed. After an edit followed by `snakemake --touch` it
does not, and the old result would be printed as if the new settings had made it. So every manifest
and every file of weights names the settings it was made with, by section of config.yaml. Whoever
writes a result and whoever compares it take those sections from the same function of this module.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config.data import DatasetFrames, DatasetGaze, Density, Flow, Frames
from pipeline.runtime.errors import InputError
from pipeline.stores.manifests import read_manifest
from pipeline.stores.score_sheets import sheet_facts
from pipeline.stores.seals import rerun
from pipeline.stores.weights import weights_settings

Settings = Mapping[str, Any]
"""Section of config.yaml -> its values, as JSON has them."""


def frames_settings(dataset: DatasetFrames, grid: Frames) -> dict[str, Any]:
    """Settings of stage frames; the dataset's section `frames` and the frame grid share no key."""
    return {"frames": grid.model_dump(mode="json") | dataset.model_dump(mode="json")}


def flow_settings(settings: Flow) -> dict[str, Any]:
    """Settings of stage flow."""
    return {"flow": settings.model_dump(mode="json")}


def gaze_settings(settings: DatasetGaze, grid: Frames) -> dict[str, Any]:
    """Settings of stage gaze."""
    return {"gaze": settings.model_dump(mode="json"), "frames": grid.model_dump(mode="json")}


def density_settings(settings: Density, grid: Frames) -> dict[str, Any]:
    """Settings of stage density."""
    return {"density": settings.model_dump(mode="json"), "frames": grid.model_dump(mode="json")}


def network_settings(network: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of stage predict: the arguments of the network."""
    return {"network": dict(network)}


def maps_settings(maps: Path) -> dict[str, Any]:
    """Settings of stage gather: where somebody's maps lie."""
    return {"maps": str(maps)}


def score_settings(seed: int) -> dict[str, Any]:
    """Settings of stage score beside the protocol, which the sheet of scores names by itself."""
    return {"seed": seed}


def observers_settings(recipe: Density, held_out: int, seed: int) -> dict[str, Any]:
    """Settings of stage observers, likewise."""
    return {"density": recipe.model_dump(mode="json"), "held_out": held_out, "seed": seed}


def recorded_settings(path: Path) -> Settings | None:
    """Settings that a manifest, a sheet of scores or weights name; None of weights without facts.

    Raises:
        InputError: The file is missing or not as it was written.
    """
    if path.suffix == ".safetensors":
        return weights_settings(path)
    facts = sheet_facts(path) if path.suffix == ".csv" else read_manifest(path)
    settings: Settings = facts["settings"]
    return settings


def mismatches(expected: Mapping[Path, Settings]) -> list[str]:
    """One message for each key in which a result was made with other settings than expected.

    `expected` maps a manifest, a sheet of scores or a file of weights to the settings that
    config.yaml has now. Only the sections that it gives are compared. A file that is missing or not
    as it was written has a message, too.
    """
    messages = []
    for path, settings in expected.items():
        try:
            found = [*_differences(recorded_settings(path), settings)]
            messages += [f"{path}: {difference}; {rerun(path)}" for difference in found]
        except InputError as error:
            messages.append(str(error))
    return messages


def _differences(recorded: Settings | None, expected: Settings) -> Iterator[str]:
    if recorded is None:
        yield "does not name the settings it was made with"
        return
    sections = {name: recorded[name] for name in expected if name in recorded}
    # Through JSON, in which a tuple is a list, as the recorded settings went.
    there, wanted = _leaves(sections), _leaves(json.loads(json.dumps(dict(expected))))
    for key in sorted(there.keys() | wanted.keys()):
        if key not in there:
            yield f"made without {key}, config.yaml says {_text(wanted[key])}"
        elif key not in wanted:
            yield f"made with {key} {_text(there[key])}, config.yaml has no such key"
        elif there[key] != wanted[key]:
            yield f"made with {key} {_text(there[key])}, config.yaml says {_text(wanted[key])}"


def _leaves(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Dotted key -> value, of everything that is no section itself."""
    leaves: dict[str, Any] = {}
    for key, below in value.items():
        nested = isinstance(below, Mapping) and bool(below)
        leaves |= _leaves(below, f"{above}{key}.") if nested else {f"{above}{key}": below}
    return leaves


def _text(value: object) -> str:
    """A value as config.yaml would show it: words without quotes, null for None."""
    return value if isinstance(value, str) else json.dumps(value)
