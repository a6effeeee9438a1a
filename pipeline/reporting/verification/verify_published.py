"""Stage verify_published: a given model's scores beside those that others published of it.

Of a source that has the scores of single clips, means are over the clips that have one in both
places: clips that are missing here move nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.config.evaluation import Verification
from pipeline.evaluation.protocols import protocol
from pipeline.reporting.means import Measurement, read_scores, summarise
from pipeline.reporting.pages.rendering import number, render, shown_interval, signed
from pipeline.reporting.verification.comparison import (
    Value,
    against_clips,
    against_means,
    largest,
)
from pipeline.reporting.verification.values import Published, read_published_values
from pipeline.runtime.cli import main
from pipeline.runtime.sheets import write_rows
from pipeline.stores.manifests import read_manifest

NAME: Final = "verify_published"
"""Name of the page and of the sheet of means."""
COLUMNS: Final = (
    *("source", "split", "protocol", "clip", "metric", "clips", "published", "measured"),
    *("low", "high", "difference", "agrees"),
)
HEADS: Final = ("Metric", "Published", "Measured", "Difference", "Verdict")
LARGEST: Final = 10
"""Differences of single clips that the page shows."""
NAMED: Final = 5
"""Clips without a score that a sentence names; the rest is counted."""


@dataclass(frozen=True)
class Scored:
    """What was scored, by the manifests of its gaze."""

    frames: dict[str, int]
    """Clip -> number of its frames."""
    sizes: tuple[str, ...]
    """Sizes of the videos, each once: 640x360."""
    left_out: dict[str, str]
    """Clip that a job left out -> why."""


@dataclass(frozen=True)
class Section:
    """What one source says, and ours beside it."""

    heading: str
    sentences: tuple[str, ...]
    means: Sequence[Value]
    single: Sequence[Value]
    """Clip by clip, metric by metric; none where only means are published."""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Cells of the means, below `HEADS`."""
        return [(value.metric, *_cells(value)) for value in self.means]

    @property
    def largest(self) -> list[tuple[str, ...]]:
        """Cells of the clips that differ most."""
        found = largest(self.single, LARGEST)
        return [(f"{value.clip}, {value.metric}", *_cells(value)) for value in found]


def _cells(value: Value) -> tuple[str, ...]:
    ours = "not measured" if value.measured is None else number(value.measured)
    if value.interval:
        ours += f" {shown_interval(value.interval)}"
    verdict = {True: "agrees", False: "differs", None: ""}[value.agrees]
    return number(value.published), ours, _apart(value), verdict


def _apart(value: Value) -> str:
    """A difference, and what share of the published value it is."""
    if value.difference is None:
        return ""
    if not value.published:
        return signed(value.difference)
    share = round(100 * value.difference / value.published, 1) + 0.0  # no -0.0
    return f"{signed(value.difference)} ({share:+.1f} %)"


def verify_published(
    *,
    scores: list[Path],
    published: list[Path],
    tested: list[Path],
    settings: Verification,
    out: Path,
) -> None:
    """Write a page and sheets of means and of single clips into a folder.

    `scores` are sheets .../<protocol>/<model>/given/<dataset>.csv; `published` is the sheet of
    rivals and those of single clips that it names; `tested` are the manifests of the gaze that was
    scored.

    Raises:
        InputError: A sheet or a manifest is missing, or is not what it should be.
    """
    entries = {path.parents[2].name: _measured(path, settings.seed) for path in scores}
    known = _scored(tested)
    sections, means, single = list[Section](), list[list[object]](), list[list[object]]()
    for source in read_published_values(published, settings.system, settings.dataset):
        name = source.protocol or settings.protocol
        found = _section(source, name, entries[name], known, settings)
        sections.append(found)
        before = [source.source, source.split, name]
        means += [[*before, *_line(value)] for value in found.means]
        single += [[*before, *_line(value)] for value in found.single]
    head = [
        *(f"run: {settings.run}", f"dataset: {settings.dataset}", f"variant: {settings.variant}"),
        *(f"split: {settings.coverage.split}", f"model: {settings.model}"),
        f"seed: {settings.seed}",
    ]
    write_rows(out / f"{NAME}.csv", COLUMNS, means, head)
    write_rows(out / "clips.csv", COLUMNS, single, head)
    share, least = settings.tolerance.relative, settings.tolerance.absolute
    values = {
        "title": f"{settings.model}, given, on {settings.dataset}: measured and published",
        "heads": HEADS,
        "sections": sections,
        "terms": {
            "Run": settings.run,
            "Ground truth": settings.truth,
            "Agrees": f"within {100 * share:g} % of the published value, or within {least:g}",
            "Intervals": "95 %, of ours, percentiles of a bootstrap over clips",
            "Seed": str(settings.seed),
        },
    }
    for form in ("html", "md"):
        text = render(f"{NAME}.{form}.j2", **values)
        (out / f"{NAME}.{form}").write_text(text, encoding="utf-8", newline="\n")
    for section in sections:
        print("\n".join([section.heading, *(f"  {text}" for text in section.sentences)]))


def _measured(sheet: Path, seed: int) -> Measurement:
    name = sheet.parents[2].name
    return summarise(read_scores(sheet, name), protocol(name).averaging(meta=False), seed)


def _scored(manifests: Sequence[Path]) -> Scored:
    frames, sizes, left_out = dict[str, int](), dict[str, None](), dict[str, str]()
    for manifest in map(read_manifest, manifests):
        left_out |= manifest["left_out"]
        for clip, facts in manifest["clips"].items():
            frames[clip] = facts["frames"]
            sizes[f"{facts['width']}x{facts['height']}"] = None
    return Scored(frames, tuple(sizes), left_out)


def _section(
    source: Published, name: str, entry: Measurement, known: Scored, settings: Verification
) -> Section:
    if source.clips:
        means, single = against_clips(source.clips, entry, settings.tolerance, settings.seed)
        clips = f", {max(value.clips for value in means)} of {len(source.clips)} clips"
    else:
        means, single, clips = against_means(source.means, entry, settings.tolerance), [], ""
    sentences = [
        *_unlike(source, name, entry, known, settings),
        *_verdict(means),
        *_clip_by_clip(single, known),
    ]
    heading = f"{source.source}: {source.split}, protocol {name}{clips}"
    return Section(heading, tuple(sentences), means, single)


def _verdict(means: Sequence[Value]) -> Iterator[str]:
    """Which metrics agree and which differ, by how much."""
    kinds = {"Agree": True, "Differ": False, "Not measured": None}
    for word, kind in kinds.items():
        chosen = [f"{v.metric} {_apart(v)}".strip() for v in means if v.agrees is kind]
        if chosen:
            yield f"{word}: {', '.join(chosen)}."


def _clip_by_clip(single: Sequence[Value], known: Scored) -> Iterator[str]:
    """How many clips agree, and which have no score here."""
    metrics = dict.fromkeys(value.metric for value in single if value.measured is not None)
    if metrics:
        counted = []
        for metric in metrics:
            of = [value.agrees for value in single if value.metric == metric]
            counted.append(f"{metric} {of.count(True)} of {len(of) - of.count(None)}")
        yield f"Clips that agree: {', '.join(counted)}."
    there = {value.clip for value in single if value.measured is not None}
    missing = list(dict.fromkeys(value.clip for value in single if value.clip not in there))
    if missing:
        shown = [
            f"{clip} ({known.left_out[clip].rstrip('.')})" if clip in known.left_out else clip
            for clip in missing[:NAMED]
        ]
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        yield f"Without a score here: {', '.join(shown)}{more}."


def _unlike(
    source: Published, name: str, entry: Measurement, known: Scored, settings: Verification
) -> Iterator[str]:
    """What was otherwise when the published values were made, as far as that is known."""
    coverage, grid = settings.coverage, f"{settings.grid[0]}x{settings.grid[1]}"
    found = []
    if source.split != coverage.split:
        found.append(f"split {source.split}, here {coverage.split}")
    elif not source.clips and len(entry.clips) < coverage.of:
        found.append(f"all {coverage.of:,} clips, here {len(entry.clips):,}")
    if source.truth != settings.variant:
        there = source.truth or "not known"
        found.append(f"ground truth {there}, here {settings.variant}")
    if not source.protocol:
        found.append(f"protocol not known, here {name}")
    if others := [size for size in known.sizes if size != grid]:
        found.append(f"frames of {', '.join(others[:NAMED])}, here {grid}")
    if found:
        yield f"Otherwise there: {'; '.join(found)}."
    frames = sum(known.frames.get(clip, 0) for clip in entry.clips)
    if entry.frames < frames:
        yield f"{frames - entry.frames:,} of {frames:,} frames have no map here."


def _line(value: Value) -> list[object]:
    """Cells of a sheet from `clip` on."""
    low, high = value.interval or (None, None)
    return [
        *(value.clip, value.metric, value.clips or ""),
        *map(_in_full, (value.published, value.measured, low, high, value.difference)),
        {True: "yes", False: "no", None: ""}[value.agrees],
    ]


def _in_full(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


if __name__ == "__main__":
    main(verify_published)
