"""Stage clips: the list of a dataset's clips with links to their pages, the worst clip first."""

from pathlib import Path
from urllib.parse import quote

from pipeline.evaluation.metrics.registry import better
from pipeline.planning.paths import clip_page
from pipeline.reporting.clips.rendering import rendered
from pipeline.reporting.figures.seen import in_words, metric_of, ranked, read_models
from pipeline.runtime.cli import main
from pipeline.runtime.files import atomic


def clips(
    *,
    dataset: str,
    pictured: dict[str, tuple[Path, Path]],
    metrics: list[str],
    protocol: str,
    seed: int,
    page: Path,
) -> None:
    """Write a page that links the page of every clip, beside the folder that holds these.

    Clips are ordered by the mean of all models in `pictured`, each being the manifest of its maps
    and its sheet of scores, by NSS or the first of `metrics`.

    Raises:
        InputError: A sheet or a store is missing or damaged, or no such metric was scored.
    """
    models = read_models(pictured, protocol, seed, next(iter(pictured)))
    some = next(iter(models.values()))
    metric = metric_of(some, metrics, next(iter(pictured.values()))[1])
    means = {
        clip: sum(model.means[metric][clip] for model in models.values()) / len(models)
        for clip in some.means[metric]
    }
    order = ranked(means, metric)[::-1]
    rest = sorted({*means}.difference(order))
    rows = [
        {
            "clip": clip,
            # The pages lie in a folder beside this one.
            "link": quote(clip_page(dataset, clip).removeprefix("clips/")),
            "cells": [in_words("", model.means[metric][clip]).strip() for model in models.values()],
        }
        for clip in [*order, *rest]
    ]
    text = rendered(
        "clips.html.j2",
        dataset=dataset,
        protocol=protocol,
        metric=metric,
        better=better(metric),
        models=[*models],
        rows=rows,
    )
    with atomic(page) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(clips)
