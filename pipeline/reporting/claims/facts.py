"""Checks of what the papers say about themselves: settings, clips, layers, code, benches.

Each is called with a claim, the parts of its check by name, and the run. What the workflow does not
have at all is a mistake of the sheet; what only this run does not have is a finding.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch
import yaml

from pipeline.config.config import Config
from pipeline.planning.claims import Claim
from pipeline.planning.needs import network_arguments
from pipeline.planning.provenance import ROOT
from pipeline.raw.splits import read_sheet
from pipeline.reporting.claims.run import CONFIG, FAILS, HOLDS, OPEN, Finding, Run, settled
from pipeline.runtime.errors import InputError
from pipeline.runtime.errors import meant as or_was_it
from pipeline.training.networks import build_network

Parts = Mapping[str, str]
"""Name of a part of a check -> its text; empty where an optional part is missing."""
SEPARATOR: Final = " | "
"""Between keys or rows that a check names."""
PARAMETERS: Final = "parameters"
"""What stands in place of a parameter's name for the number of all."""
_RELATION: Final = re.compile(r"(<=|>=|<|>) *(-?[0-9.]+)")


def fits(expected: str, value: object) -> bool:
    """Whether a value is the expected one: a YAML value, or a number with <, <=, > or >=."""
    if not (relation := _RELATION.fullmatch(expected)):
        return bool(yaml.safe_load(expected) == value)
    if not isinstance(value, int | float):
        return False
    bound = float(relation[2])
    return {
        "<": value < bound,
        "<=": value <= bound,
        ">": value > bound,
        ">=": value >= bound,
    }[relation[1]]


def setting(claim: Claim, parts: Parts, run: Run) -> Finding:
    """Keys of config.yaml have the paper's value, and this run does not change them."""
    paths = parts["paths"].split(SEPARATOR)
    paper, ours = ([_value(keys, path) for path in paths] for keys in run.keys)
    if None in paper:
        lost = paths[paper.index(None)]
        raise InputError(f"{claim.place}: config.yaml has no key {lost}; correct the check")
    meant, right = (
        all(value is not None and fits(claim.expected, value[0]) for value in values)
        for values in (paper, ours)
    )
    found = dict.fromkeys("no such key" if one is None else _written(one[0]) for one in ours)
    return settled(run, ", ".join(found), meant, right, [CONFIG])


def _written(value: object) -> str:
    """A value as config.yaml has it, on one line."""
    return (
        yaml.safe_dump(value, default_flow_style=True, width=math.inf).removesuffix("...\n").strip()
    )


def _value(content: Any, path: str) -> tuple[Any] | None:
    """What is at a dotted path, in a tuple since it may be null; None if there is no such key."""
    for key in path.split("."):
        if not isinstance(content, Mapping) or key not in content:
            return None
        content = content[key]
    return (content,)


def clips(claim: Claim, parts: Parts, run: Run) -> Finding:
    """The split sheet of a dataset has as many clips as the paper says."""
    dataset, splits = parts["dataset"], parts["splits"].split(" + ")
    if dataset not in run.paper.datasets:
        raise InputError(
            f"{claim.place}: config.yaml has no dataset {dataset}; correct the check"
            f"{or_was_it(dataset, run.paper.datasets)}"
        )
    there, of_paper = (Path(cfg.datasets[dataset].splits) for cfg in (run.cfg, run.paper))
    if not there.is_file():
        why = f"{there} is not there; docs/datasets.md says how to make it"
        return Finding(OPEN, "no split sheet", (CONFIG,), why)
    count = sum(clip.split in splits for clip in read_sheet(there))
    if there != of_paper:
        return Finding(OPEN, str(count), (there,), f"of other data: the clips are those of {there}")
    return Finding(HOLDS if fits(claim.expected, count) else FAILS, str(count), (there,))


def network(claim: Claim, parts: Parts, run: Run) -> Finding:
    """A network has a parameter of the paper's shape, or as many parameters in all."""
    model, name = parts["model"], parts["parameter"]
    paper, ours = (_measure(cfg, model, name) for cfg in (run.paper, run.cfg))
    if paper is None:
        raise InputError(
            f"{claim.place}: config.yaml has no model {model} with a parameter {name}; correct "
            "the check"
        )
    right = ours is not None and fits(claim.expected, ours)
    return settled(run, str(ours), fits(claim.expected, paper), right, [CONFIG])


def _measure(cfg: Config, model: str, name: str) -> int | list[int] | None:
    if model not in cfg.models:
        return None
    return _shapes(json.dumps(network_arguments(cfg, model))).get(name)


@cache
def _shapes(arguments: str) -> dict[str, int | list[int]]:
    """Name of each parameter of a network -> its shape, and the number of all their values."""
    with torch.device("meta"):
        built = build_network(json.loads(arguments))
    named = dict(built.named_parameters())
    shapes: dict[str, int | list[int]] = {one: list(p.shape) for one, p in named.items()}
    return shapes | {PARAMETERS: sum(parameter.numel() for parameter in named.values())}


def test(claim: Claim, _parts: Parts, run: Run) -> Finding:
    """The tests that state it pass, all their cases."""
    if run.no_tests:
        return Finding(OPEN, "no test was run", (run.tests_file,), run.no_tests)
    names = claim.check.split()
    if unknown := [name for name in names if name not in run.tests]:
        raise InputError(
            f"{claim.place}: {run.tests_file} has no outcome of {unknown[0]}; correct the check, "
            f"or make it again with: snakemake --force {run.tests_file}"
        )
    outcomes = [run.tests[name] for name in names]
    passed, failed, skipped = (
        sum(getattr(one, kind) for one in outcomes) for kind in ("passed", "failed", "skipped")
    )
    counts = {"passed": passed, "failed": failed, "skipped": skipped}
    result = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    why = next((one.why for one in outcomes if one.why), "")
    files = (run.tests_file, *(ROOT / name.partition("::")[0] for name in names))
    verdict = FAILS if failed else HOLDS if passed and not skipped else OPEN
    return Finding(verdict, result or "no case", files, why)


def bench(claim: Claim, parts: Parts, run: Run) -> Finding:
    """A number in the table of a bench is as the claim has it, or larger than another row's."""
    file = run.root / parts["file"]
    if not file.parent.is_dir():
        why = "an installed copy has no benches; use a checkout"
        return Finding(OPEN, "no bench", (claim.sheet,), why)
    rows = _tables(file.read_text(encoding="utf-8")) if file.is_file() else []
    index, column = int(parts["table"] or 1) - 1, parts["column"]
    table = rows[index] if index < len(rows) else {}
    relation, _, other = claim.expected.partition(" ")
    rivals = [other] if other in table else []
    numbers = [_number(table.get(row, {}).get(column, "")) for row in (parts["row"], *rivals)]
    if None in numbers:
        raise InputError(
            f"{claim.place}: {file} has no number in table {index + 1}, row {parts['row']}"
            f"{' or ' + other if rivals else ''}, column {column}; correct the check"
        )
    bound = f"{relation} {numbers[1]}" if rivals else claim.expected
    names = (parts["row"], *rivals)
    result = ", ".join(f"{name} {value:g}" for name, value in zip(names, numbers, strict=True))
    return Finding(HOLDS if fits(bound, numbers[0]) else FAILS, result, (file,))


def _tables(text: str) -> list[dict[str, dict[str, str]]]:
    """The tables of a Markdown page: first cell of a row -> head of a column -> cell."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE):
        lines = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        ]
        heads = lines[0]
        found.append({line[0]: dict(zip(heads, line, strict=False)) for line in lines[2:]})
    return found


def _number(cell: str) -> float | None:
    """The first number of a cell; seeds and intervals follow it."""
    match = re.match(r"-?[0-9]+(\.[0-9]+)?", cell.replace(",", ""))
    return float(match[0]) if match else None


def none(claim: Claim, _parts: Parts, _run: Run) -> Finding:
    """Nothing here can check it; the sheet says why."""
    return Finding(OPEN, "-", (claim.sheet,))
