"""The report of `pipeline.checks.preflight` for people: a table, then what is wrong."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.planning.costs.jobs import idle_in_words

_SHOWN = 3
"""Largest number of names shown of a list; the rest is counted."""
_LINES = 10
"""Largest number of files shown of a list; the JSON has all."""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _of(found: int | None, known: int | None) -> str:
    counted = "not counted" if found is None else f"{found:,}"
    return counted if known is None else f"{counted} of {known:,}"


def _sum(stages: Iterable[Mapping[str, float | None]], key: str, unit: float) -> str:
    """Sum over the stages; at least that much if the cost of one of them is not known."""
    values = [stage[key] for stage in stages]
    known = [value for value in values if value is not None]
    least = ">" if len(known) < len(values) else ""
    return f"{least}{sum(known) / unit:.2f}" if known else "?"


def _overview(report: Mapping[str, Any]) -> Table:
    table = Table(box=box.ASCII2, title=f"Raw data of run {report['run']}", title_justify="left")
    for heading in ("dataset", "split", "clips", "frames", "GB", "core h", "ready"):
        table.add_column(heading, justify="left" if heading in ("dataset", "split") else "right")
    for name, facts in report["datasets"].items():
        stages = facts["stages"].values()
        size, hours = _sum(stages, "bytes", 1e9), _sum(stages, "core_hours", 1)
        for i, (split, its) in enumerate(facts["splits"].items()):
            listed = its["known_clips"] or its["listed"] or None
            clips, frames = _of(its["there"], listed), _of(its["frames"], its["known_frames"])
            ready = _ready(facts, its)
            if i == 0:
                table.add_row(name, split, clips, frames, size, hours, ready)
            else:
                table.add_row(
                    "", split, clips, frames, "", "", ready if facts["clips"] == "present" else ""
                )
    for name, facts in report["meta_datasets"].items():
        table.add_row(name, "list", "", "", "", "", "yes" if facts["there"] else "NO")
    return table


def _ready(facts: Mapping[str, Any], its: Mapping[str, Any]) -> str:
    """Whether a run could start with a dataset; with a part of it, how large that is by split."""
    if not facts["ready"]:
        return "NO"
    whole = its["there"] == max(its["listed"], its["known_clips"] or 0)
    return "yes" if facts["clips"] == "all" or whole else _part(its)


def _part(its: Mapping[str, Any]) -> str:
    return f"for {its['there']:,} of {max(its['listed'], its['known_clips'] or 0):,}"


def _how_many(facts: Mapping[str, Any]) -> list[str]:
    """Return how many clips are there, where some are and others are not."""
    splits = facts["splits"].values()
    there = sum(its["there"] for its in splits)
    of = sum(max(its["listed"], its["known_clips"] or 0) for its in splits)
    if not there or there == of:
        return []
    listed = ", ".join(f"{split} {_part(its)[4:]}" for split, its in facts["splits"].items())
    if facts["clips"] == "present" and facts["ready"]:
        return [f"ready for {there:,} of {of:,} clips: {listed}"]
    if facts["clips"] == "present":
        return [f"not ready; {there:,} of {of:,} clips are there: {listed}"]
    return [f"{there:,} of {of:,} clips are there: {listed}; clips: present uses these alone"]


def _problems(name: str, facts: Mapping[str, Any]) -> list[str]:
    """Return a line for each fault of a dataset; files are named below its raw folder."""
    folder = f"{facts['folder']}/"
    lines = _how_many(facts) if facts["there"] else [f"no folder {facts['folder']}"]
    sheet = facts["sheet"]
    if not sheet["there"]:
        lines.append(f"no split sheet {sheet['file']}; make it with: {sheet['command']}")
    lines += [
        f"missing: {one['pattern']} of {one['clips']} of {one['of']} clips: "
        + _some([file.removeprefix(folder) for file in one["files"]])
        + one["almost"]
        for one in (facts["missing"] if facts["there"] else ())
    ]
    for kind in ("unreadable", "left_out", "short", "noted"):
        word = kind.replace("_", " ")
        found = [
            f"{word}: {one['file'].removeprefix(folder)}: {one['problem']}" for one in facts[kind]
        ]
        lines += found[:_LINES]
        if len(found) > _LINES:
            lines.append(f"{word}: and {len(found) - _LINES} more, all in the JSON")
    for one in facts["totals"]:
        lines.append(
            f"totals: {one['found']:,} {one['what']} under {one['split']}, "
            f"known are {one['expected']:,} ({one['source']})"
        )
    for one in facts["extra"]:
        lines.append(f"extra: {one['pattern']}: in no split sheet: {_some(one['clips'])}")
    lines += [
        f"not set: datasets.{name}.variants.{facts['variant']}.gaze.options.{option}"
        for option in facts["options"]
    ]
    return lines


def _work(found: Mapping[str, Any]) -> list[str]:
    """Lines on what trainings and predictions take, and on rates that fall to nothing."""
    lines = []
    for kind in ("trainings", "predictions"):
        its = found[kind]
        line = f"{its['jobs']} {kind}: about {its['hours']:,.0f} hours of a core"
        line += f", {its['unknown']} of them not counted (cost not known)" if its["unknown"] else ""
        if its["memory"]:
            line += f"; up to {its['memory'] / 1000:.1f} GB of memory ({its['largest']})"
        lines.append(f"{line}.")
    return lines + idle_in_words(found["idle"], found["trainings"]["jobs"])


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print a report: an overview, then every fault with its remedy."""
    console.print(_overview(report))
    # A name is never broken in two: it may be copied.
    say = partial(console.print, markup=False, highlight=False, overflow="ignore", crop=False)
    for name, facts in report["datasets"].items():
        lines = _problems(name, facts)
        if lines:
            say(f"\n{facts['title']} ({facts['folder']}, variant {facts['variant']})")
        for line in lines:
            say(f"  {line}")
        if facts["missing"] or not facts["there"]:
            say(f"  obtain:  {facts['obtain']}\n  licence: {facts['licence']}")
    for name, facts in report["meta_datasets"].items():
        if not facts["there"]:
            say(f"\n{name}\n  missing: {facts['file']}")
            say(f"  obtain:  {facts['obtain']}\n  licence: {facts['licence']}")
    disk = report["disk"]
    say(
        f"\nStores in {disk['path']} need {disk['needed_bytes'] / 1e9:.2f} GB as far as frames "
        f"are known; {disk['free_bytes'] / 1e9:.2f} GB are free."
    )
    stages = [one for facts in report["datasets"].values() for one in facts["stages"].values()]
    if memory := [one["memory_mb"] for one in stages if one["memory_mb"]]:
        say(f"A job of these stages needs up to {max(memory) / 1000:.1f} GB of memory.")
    for line in _work(report["work"]):
        say(line)
    say("Ready." if report["ready"] else "Not ready. Layouts: docs/datasets.md.")
