"""The calls of the stages that end in the tables, as words whose paths are those of a crate.

They are what the rules `score`, `observers` and `tables` call (workflow/rules), so that whoever has
the crate can call the same stages on the same files.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipeline.config.config import Config
from pipeline.config.evaluation import Measured
from pipeline.evaluation.protocols import further
from pipeline.planning import made, needs, paths, targets
from pipeline.planning.inputs import Inputs
from pipeline.planning.rows import measured
from pipeline.planning.settings import Settings
from pipeline.reporting.crate.places import Places

TABLES = "results/tables"
"""Folder of the tables, in the working folder and in the crate."""


@dataclass(frozen=True)
class Call:
    """A stage, its command line without the last option, and what it reads."""

    module: str
    options: Mapping[str, Sequence[str | Path]]
    """Option -> its words; a path is one of the working folder."""
    out: str
    """Option that names the output."""
    output: Path
    """What it writes: a sheet of scores, or the folder of the tables."""

    @property
    def reads(self) -> list[Path]:
        """Files that it reads."""
        return [word for words in self.options.values() for word in words if isinstance(word, Path)]

    def words(self, places: Places) -> list[str]:
        """The command line in the crate, without the output."""
        found = list[str]()
        for option, values in self.options.items():
            placed = (places(word) if isinstance(word, Path) else word for word in values)
            found += [option, *map(str, placed)]
        return found


def tables_call(cfg: Config, places: Places) -> Call:
    """The call of stage `tables`."""
    settings = Settings(cfg, Inputs(cfg))
    expected = {str(places(path)): facts for path, facts in made.expected(cfg).items()}
    shown = json.loads(_text(settings.tables()))
    for dataset in shown["datasets"].values():
        for key in ("attributes", "frame_list"):
            dataset[key] = dataset[key] and str(places(dataset[key]))
    options: dict[str, Sequence[str | Path]] = {
        "--scores": [Path(path) for path in targets.measured_scores(cfg)],
        "--made": [path for path in map(Path, made.manifests(cfg)) if _describes(path)],
        "--tested": [Path(path) for path in targets.tested_truth(cfg)],
        "--trained": [Path(path) for path in targets.trained_truth(cfg)],
        "--expected": [json.dumps(expected)],
        "--published": [Path(settings.published(None))],
        "--settings": [json.dumps(shown)],
    }
    return Call("pipeline.reporting.tables", options, "--out", Path(TABLES))


def sheets_beside(cfg: Config) -> list[Path]:
    """What stage `tables` reads that its settings name: attributes of clips, and frame lists."""
    return [Path(path) for path in [*targets.attribute_sheets(cfg), *targets.frame_lists(cfg)]]


def _describes(path: Path) -> bool:
    """Whether a file says what it was made with; another author's weights are only a digest."""
    return path.suffix in (".json", ".safetensors")


def score_calls(cfg: Config) -> dict[str, list[Call]]:
    """Dataset -> the calls of stages `score` and `observers` behind the tables."""
    found: dict[str, dict[Path, Call]] = {}
    for name, table in cfg.tables.items():
        for row in measured(cfg, name).values():
            call = _score_call(cfg, row, table.dataset, table.protocol or cfg.score.protocol)
            found.setdefault(table.dataset, {})[call.output] = call
    return {dataset: [*calls.values()] for dataset, calls in found.items()}


def _score_call(cfg: Config, row: Measured, dataset: str, protocol: str) -> Call:
    inputs = Inputs(cfg)
    settings = Settings(cfg, inputs)
    job = SimpleNamespace(
        model=row.model, training=row.training, dataset=dataset, protocol=protocol
    )
    observed = needs.observed(cfg, row.model)
    first: dict[str, Sequence[str | Path]] = {
        "--saliency": [Path(paths.saliency(cfg, row, dataset))]
    }
    truth = {
        f"--{stage}": [Path(path) for path in inputs.tested(stage)(job)]
        for stage in ("density", "gaze")
    }
    if observed:
        first = {
            "--frame-list": [Path(path) for path in inputs.frame_list(job)],
            "--recipe": [_text(settings.dataset("density")(job))],
            "--held-out": [str(settings.held_out(job))],
        }
    options = {
        **first,
        **truth,
        "--protocol": [protocol],
        "--metrics": further(protocol, settings.metrics(job)),
        "--seed": [str(cfg.seed)],
        **({} if observed else {"--scheduler": ["threads"]}),
        "--threads": ["1"],
    }
    module = f"pipeline.evaluation.{'observers' if observed else 'score'}"
    sheet = Path(paths.scores(cfg, row, dataset, protocol))
    return Call(module, options, "--scores", sheet)


def stores_of(calls: Sequence[Call]) -> Iterator[Path]:
    """Manifests of the stores that some calls read, each once."""
    yield from dict.fromkeys(
        path for call in calls for path in call.reads if path.suffix == ".json"
    )


def _text(word: str) -> Any:
    """The text that a word stands for (`pipeline.planning.settings.travelling`)."""
    return Path(word[1:]).read_text(encoding="utf-8") if word.startswith("@") else word
