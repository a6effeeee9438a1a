"""Which results of a run are the same bytes again, and what changes them.

Makes the tables in copies of this checkout: twice alike, with two cores at a time,
and then with something changed that no result should depend on but may: threads of a job, and the
instructions of the processor that torch and its kernels may use (another processor, as far as one
machine can be another). Every file of results is compared with that of the first clone. Run from
anywhere; ten minutes and more for each clone of the demo, or two with --without:

    python bench/determinism.py [--run demo] [--without hollywood2 dhf1k diem ledov]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

from pages import publish, with_python
from slurm import TARGET, copied, made

from pipeline.runtime.sheets import read_rows
from tests.cluster.one_node import digests

KINDS = {"saliency": "maps"}
"""Folder of results -> what is in it, where that has another name."""
THREADED = ("pretrain", "finetune", "predict", "fit", "flow")
"""Rules whose jobs may compute on several threads."""


class Way(NamedTuple):
    """A way to make the tables."""

    name: str
    cores: int = 1
    options: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


WAYS = (
    Way("one core"),
    Way("one core, another clone"),
    Way("two cores: two jobs at a time", cores=2),
    Way("two threads a job", 2, ("--set-threads", *(f"{rule}=2" for rule in THREADED))),
    Way(
        "an older processor (AVX2 only)",
        2,
        environment=(("ATEN_CPU_CAPABILITY", "avx2"), ("ONEDNN_MAX_CPU_ISA", "AVX2")),
    ),
)


def by_kind(folder: Path) -> dict[str, dict[str, str]]:
    """Kind -> file -> SHA-256."""
    found: dict[str, dict[str, str]] = {}
    for path, digest in digests(folder).items():
        parts = path.split("/")
        kind = "data" if parts[0] == "data" else parts[1] if parts[1] == "tables" else parts[2]
        found.setdefault(KINDS.get(kind, kind), {})[path] = digest
    return found


def cells(folder: Path) -> dict[str, str]:
    """Table, method and metric -> our value as the sheet has it, unrounded."""
    return {
        f"{path.stem}, {row['method']}, {row['metric']}": row["ours"]
        for path in sorted((folder / "results/tables").glob("*.csv"))
        if not path.stem.endswith(("_clips", "_attributes"))
        for row in read_rows(path)
        if row["source"] == "measured" and row["ours"]
    }


def differences(one: dict[str, str], other: dict[str, str]) -> str:
    """How many cells differ, and by how much at most."""
    if one.keys() != other.keys():
        return "other cells"
    changed = [key for key in one if one[key] != other[key]]
    if not changed:
        return f"0 of {len(one)}"
    largest = max(changed, key=lambda key: abs(float(one[key]) - float(other[key])))
    by = abs(float(one[largest]) - float(other[largest]))
    return f"{len(changed)} of {len(one)}, at most by {by:.6f} ({largest})"


def main() -> None:
    """Makes the tables in every way, and publishes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="demo")
    parser.add_argument("--without", nargs="*", default=[])
    parser.add_argument("--keep", type=Path, help="JSON file of what was found; is gone on with")
    given = parser.parse_args()
    kept = json.loads(given.keep.read_text()) if given.keep and given.keep.is_file() else {}
    for way in WAYS:
        if way.name in kept:
            continue
        with tempfile.TemporaryDirectory() as folder:
            clone = copied(Path(folder) / "clone")
            config = [f"run={given.run}"]
            config += [f"without=[{','.join(given.without)}]"] if given.without else []
            options = ("--cores", str(way.cores), "--config", *config, *way.options)
            made(clone, dict(os.environ) | dict(way.environment), *options, "--", TARGET)
            kept[way.name] = {"files": by_kind(clone), "cells": cells(clone)}
        print(way.name, "made", flush=True)
        if given.keep:
            given.keep.write_text(json.dumps(kept))
    publish("determinism", page(kept, given.run, given.without))


def page(kept: dict[str, dict[str, Any]], run: str, without: list[str]) -> str:
    """The page of what was found: way -> digests of `files`, and `cells`."""
    first = kept[WAYS[0].name]["files"]
    kinds = list(first)
    left = f", without {', '.join(without)}" if without else ""
    lines = [
        "# What is the same again",
        "",
        fill(
            f"{with_python()}. Tables of `run: {run}`{left}, made in clones of one commit; files "
            "that differ from those of the first clone, of all. `python bench/determinism.py`.",
            100,
        ),
        "",
        f"| way | {' | '.join(kinds)} | measured cells that differ |",
        "|---|" + "---|" * (len(kinds) + 1),
    ]
    for way in WAYS:
        found = kept[way.name]["files"]
        counts = []
        for kind in kinds:
            names = first[kind].keys() | found[kind].keys()
            other = sum(first[kind].get(name) != found[kind].get(name) for name in names)
            counts.append(f"{other} of {len(names)}")
        changed = differences(kept[WAYS[0].name]["cells"], kept[way.name]["cells"])
        lines.append(f"| {way.name} | {' | '.join(counts)} | {changed} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
