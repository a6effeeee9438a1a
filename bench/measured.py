"""What benches of learning keep, and the rows that they make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.runtime.files import atomic

SHOWN = ("AUC-J", "CC", "NSS", "SIM", "KLDiv")


class Scores(NamedTuple):
    """Of one model and seed."""

    by_clip: dict[str, dict[str, float]]
    """Clip or image -> metric -> mean over its frames."""

    def mean(self, metric: str) -> float:
        """Mean over clips."""
        return float(np.mean([values[metric] for values in self.by_clip.values()]))

    def interval(self, metric: str) -> tuple[float, float]:
        """Bootstrap over clips, 95 %."""
        values = np.array([found[metric] for found in self.by_clip.values()])
        drawn = np.random.default_rng(0).choice(values, (2000, len(values)))
        low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
        return float(low), float(high)


class Finished:
    """What was measured, in a file: a bench that was stopped goes on there."""

    def __init__(self, path: Path | None) -> None:
        """Reads the file if there is one."""
        self.path = path
        self.found = self._read()
        """Key -> what was found, as JSON has it."""

    def _read(self) -> dict[str, Any]:
        """What the file holds."""
        there = self.path is not None and self.path.is_file()
        found: dict[str, Any] = json.loads(self.path.read_text()) if self.path and there else {}
        return found

    def get(self, key: str, measure: Callable[[], Any]) -> Any:
        """Returns what is kept by this key, or measures it and keeps it; nothing is not kept."""
        if not self.found.get(key):
            found = measure()
            # Another run may have written meanwhile.
            self.found = self.found | self._read() | {key: found}
            if self.path:
                with atomic(self.path) as partly:
                    partly.write_text(json.dumps(self.found))
        return self.found[key]


class Kept(Finished):
    """Scores that were measured, in a file."""

    @property
    def scores(self) -> dict[str, dict[str, dict[str, float]]]:
        """Key -> clip or image -> metric -> mean over its frames."""
        return self.found

    def get(self, key: str, measure: Callable[[], Scores]) -> Scores:
        """Measures what was not."""

        def by_clip() -> dict[str, dict[str, float]]:
            found = measure()
            print(key, f"NSS {found.mean('NSS'):.3f}", flush=True)
            return found.by_clip

        return Scores(super().get(key, by_clip))


def line(name: str, seeds: list[Scores], extra: str = "") -> str:
    """A row: means over seeds, each seed's, and the interval of what the seeds have on average."""
    cells = []
    average = Scores(
        {
            clip: {
                metric: float(np.mean([one.by_clip[clip][metric] for one in seeds]))
                for metric in SHOWN
            }
            for clip in seeds[0].by_clip
        }
    )
    for metric in SHOWN:
        low, high = average.interval(metric)
        each = f" ({', '.join(f'{one.mean(metric):.3f}' for one in seeds)})"
        mean = f"{average.mean(metric):.3f}"
        cells.append(f"{mean}{each if len(seeds) > 1 else ''} [{low:.3f}, {high:.3f}]")
    return f"| {name} | {' | '.join(cells)} | {extra} |"


def lowest(seeds: list[Scores]) -> str:
    """The lowest NSS of any clip and seed."""
    return f"{min(v['NSS'] for one in seeds for v in one.by_clip.values()):.2f}"


def table(*last: str) -> list[str]:
    """Head of a table with these columns after the scores."""
    names = ["model", *SHOWN, *last]
    return ["", f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
