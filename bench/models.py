"""Every model that the product can run: its scores on held-out recordings, and its frames/s.

Scores are of `run: real`'s material at 640x480, which nothing here is trained on (bench/heldout.py;
it is not distributed), speeds of a drawn film of 720p (bench/zoo.py). What is finished is kept in
the folder of the stores: a run that was stopped goes on there, model by model. Writes
bench/results/models.md; with --models, --sets or --quick it only shows what was found.

    python bench/models.py [--data data/models] [--models gfsalnet-light FILE.safetensors ...]
        [--sets photographs ...] [--every 8] [--rounds 3] [--quick]

`--rounds 0` leaves out the speeds, `--sets` without a name the scores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import Any

from heldout import METRICS, SETS, Recordings, Scores, difference, mean_and_interval
from measured import Finished
from pages import ROOT, publish, today
from viewing import SIZE, drawn
from zoo import FITTED, RANDOM, gflop, identity, megabytes, model_of, names, scored

from pipeline.viewing.network.model import Model

KEPT = "models.json"
CORES = (2, 1)
WAYS = {"film": "with reading and writing", "memory": "frames in memory"}
SLOW = 1.0
"""Frames/s: what is slower takes part in the first round alone."""
OURS, OTHERS = "gfsalnet-", ("unisal", "pqft")
"""Beginning of the names of this project's own weights, and what they are set against."""


def set_scores(
    model: Model, recordings: Recordings, name: str, kept: Finished, given: argparse.Namespace
) -> Scores:
    """Return a model's scores on a set, clip by clip."""
    one, clips = SETS[name], recordings.clips(name)
    every = every_of(name, given)
    first = None
    if given.quick:
        clips, first = clips[:4], 16
    found = {}
    for clip in clips:
        key = f"{identity(model)}/{clip}/{every}/{first}"
        found[clip] = kept.get(key, partial(recordings.scores, model, name, clip, every, first))
    cells = "  ".join(f"{metric} {cell(found, metric)}" for metric in METRICS)
    of = f", {len(clips)} of them" if given.quick else ""
    print(f"{model.name}: {one.title}{of}, step {every}: {cells}", flush=True)
    return found


def every_of(name: str, given: argparse.Namespace) -> int:
    """Return which frames of a set's clips are scored: each so many-th."""
    one = SETS[name]
    return given.every if given.every and not one.still else one.every


def cell(found: Scores, metric: str) -> str:
    """Return a mean and its interval, if it has one."""
    mean, interval = mean_and_interval(found, metric)
    return f"{mean:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def facts(model: Model) -> dict[str, Any]:
    """Return what a model weighs and takes for a frame of the film."""
    network, flow = gflop(model, SIZE[1], SIZE[0])
    return {
        "about": model.about,
        "weights": model.sha256 is not None,
        "parameters": sum(one.numel() for one in model.network.parameters()),
        "MB": megabytes(model),
        "gflop": network,
        "flow": model.flow.estimator if model.flow else "",
        "flow_gflop": flow,
    }


def speed(name: str, film: Path, cores: int, seconds: float) -> dict[str, float]:
    """Return both speeds of a model, from a process of its own; none where it fails."""
    script = Path(__file__).with_name("zoo.py")
    line = [sys.executable, str(script), name, "--film", str(film), "--threads", str(cores)]
    line += ["--seconds", str(seconds)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        print(name, (done.stderr.strip() or "no word").splitlines()[-1][:300], flush=True)
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}, {cores} cores:", {way: round(one, 2) for way, one in found.items()}, flush=True)
    return found


def speeds(
    chosen: dict[str, tuple[str, str]], kept: Finished, given: argparse.Namespace
) -> dict[str, Any]:
    """Return name -> cores/way -> frames/s, the median of rounds in which all models take turns.

    `chosen` has for each name what `model_of` is asked for, and the model's identity.
    """
    seconds = 1.0 if given.quick else 5.0
    rounds: dict[str, dict[str, list[float]]] = {name: {} for name in chosen}
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        drawn(film, 10)
        for number in range(given.rounds):
            for cores in CORES:
                for name, (asked, key) in chosen.items():
                    if number and min(rounds[name].get(f"{CORES[0]}/memory", [SLOW])) < SLOW:
                        continue
                    once = f"{key}/speed/{cores}/{number}/{seconds:g}"
                    found = kept.get(once, partial(speed, asked, film, cores, seconds))
                    for way, one in found.items():
                        rounds[name].setdefault(f"{cores}/{way}", []).append(one)
    return {
        name: {key: median(one) for key, one in found.items()} for name, found in rounds.items()
    }


def row(*cells: str) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def head(*cells: str) -> list[str]:
    """Return the first two lines of a table, after an empty one."""
    return ["", row(*cells), "|" + "---|" * len(cells)]


def overview(
    known: dict[str, Any], found: dict[str, dict[str, Scores]], fast: dict[str, Any]
) -> list[str]:
    """Return the table of all models: NSS of each set, what they weigh and how fast they are."""
    sets = [name for name in SETS if name in found]
    titles = [f"NSS, {SETS[name].title}" for name in sets]
    lines = head("model", *titles, "parameters", "MB", "GFLOP", "frames/s from film to film")
    for model, one in known.items():
        nss = [found[name].get(model) for name in sets]
        cells = [f"{mean_and_interval(scores, 'NSS')[0]:.3f}" if scores else "-" for scores in nss]
        work = f"{one['gflop']:.2f}" if one["gflop"] >= 0.01 else "-"
        work += f" + {one['flow_gflop']:.2f}" if one["flow_gflop"] else ""
        speed = fast.get(model, {}).get(f"{CORES[0]}/film")
        cells += [f"{one['parameters']:,}", f"{one['MB']:.1f}", work, rate(speed)]
        lines.append(row(model, *cells))
    return lines


def rate(speed: float | None) -> str:
    """Return frames/s with three digits or so."""
    return "-" if speed is None else f"{speed:.0f}" if speed >= 100 else f"{speed:.3g}"


def by_set(found: dict[str, dict[str, Scores]], every: dict[str, int]) -> list[str]:
    """Return a table for each set, the best model first, and how ours differ from others."""
    lines = []
    for name, scores in found.items():
        title = SETS[name].title[0].upper() + SETS[name].title[1:]
        title += f", every {every[name]}th frame" if every[name] > 1 else ""
        best = sorted(scores, key=lambda model: -mean_and_interval(scores[model], "NSS")[0])
        lines += ["", f"## {title}", *head("model", *METRICS)]
        lines += [row(one, *(cell(scores[one], metric) for metric in METRICS)) for one in best]
        pairs = [
            versus(scores, ours, other)
            for ours in best
            for other in OTHERS
            if ours.startswith(OURS) and other in scores
        ]
        lines += ["", *pairs] if pairs else []
    return lines


def versus(scores: dict[str, Scores], ours: str, other: str) -> str:
    """Return how the NSS of two models differ on the same clips."""
    one = difference(scores[ours], scores[other], "NSS")
    interval = f" [{one.interval[0]:+.3f}, {one.interval[1]:+.3f}]" if one.interval else ""
    p = f", p {one.p:.2g}" if one.p is not None else ""
    return f"- {ours} less {other}: NSS {one.difference:+.3f}{interval}{p}"


def speed_table(known: dict[str, Any], fast: dict[str, Any]) -> list[str]:
    """Return the table of frames/s, the fastest model first."""
    columns = [(cores, way) for way in WAYS for cores in CORES]
    titles = [f"{WAYS[way]}, {cores} core{'s' * (cores > 1)}" for cores, way in columns]
    lines = head("model", "flow", *titles)
    for model in sorted(fast, key=lambda name: -fast[name].get(f"{CORES[0]}/film", 0.0)):
        cells = [rate(fast[model].get(f"{cores}/{way}")) for cores, way in columns]
        lines.append(row(model, known[model]["flow"] or "-", *cells))
    return lines


def page(
    known: dict[str, Any],
    found: dict[str, dict[str, Scores]],
    fast: dict[str, Any],
    given: argparse.Namespace,
) -> str:
    """Return everything that was measured, as Markdown."""
    without = [name for name, one in known.items() if one["about"] == RANDOM]
    about = (
        f"{today()}. Every model that `gfsalnet predict --model` takes, and those that the "
        "workflow trains. Scores are of recordings that none of them was trained on, but for "
        "DHF1K's clip 002, which is one of UNISAL's training videos: NSS (higher is better), CC "
        "(higher) and KLDiv (lower) by protocol `mit` at 640x480, means over images or clips [95 "
        "%, bootstrap over them; a single clip has none]. The photographs are 100 in SALICON's "
        "layout, the clips ten in DIEM's layout with colliding balls (workflow/runs/real.yaml), "
        "DHF1K 002 its first 90 frames. Photographs are seen without motion."
    )
    dash = (
        f"A dash: {', '.join(without)} have random weights here, so they have a speed and no "
        "score; their authors' weights are not ours to pass on, or a training or a fit of the "
        "workflow makes them (bench/results/rivals.md, learning.md and classical.md have scores of "
        "such trainings). GFLOP are multiplications and additions of convolutions and matrix "
        "products for a frame of the film below, of the network + of the flow that it looks at; a "
        "dash: there are none. MB are those of the weights in float16."
    )
    speed = (
        f"A drawn film of {SIZE[0]}x{SIZE[1]}, H.264 in and out, becomes an overlay of every frame "
        "(with reading and writing); or its frames lie in memory at the size that the network "
        "sees, and maps of that size are made of them, flow included. Each process may use so many "
        f"cores. Medians of {given.rounds} rounds in which all models take turns; of models below "
        f"{SLOW:g} frame/s, the first round alone."
    )
    parts = ["# Every model: scores and frames/s", "", fill(about, 100)]
    parts += overview(known, found, fast)
    parts += ["", fill(dash, 100)] if without else []
    parts += by_set(found, {name: every_of(name, given) for name in found})
    if fast:
        parts += ["", "## Frames/s", "", fill(speed, 100), *speed_table(known, fast)]
    weights = [f"- {name}: {one['about']}" for name, one in known.items() if one["weights"]]
    parts += ["", "Weights:", "", *weights] if weights else []
    return "\n".join([*parts, "", "`python bench/models.py`."])


def main() -> None:
    """Measure; everything goes to bench/results/models.md, parts are only shown."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "data/models", help="of the stores")
    parser.add_argument("--models", nargs="*", help="names, or files of weights; default: all")
    parser.add_argument("--sets", nargs="*", choices=SETS, help="default: all")
    parser.add_argument("--every", type=int, help="of clips, each so many-th frame is scored")
    parser.add_argument("--rounds", type=int, default=3, help="of speeds; 0: none are measured")
    parser.add_argument("--quick", action="store_true", help="few frames, to try the bench")
    given = parser.parse_args()
    known_here = {*names(), *FITTED}
    for name in given.models or []:
        if name not in known_here and not Path(name).is_file():
            parser.error(f"{name}: no such model, nor a file; known are {', '.join(known_here)}")
    if (given.every or 1) < 1 or given.rounds < 0:
        parser.error("--every: 1 or more; --rounds: 0 or more")
    narrowed = given.quick or given.models is not None or given.sets is not None
    given.data = given.data.resolve()
    given.models = [
        f"{Path(name).resolve()}" if Path(name).is_file() else name
        for name in given.models or [*names(), *(() if given.quick else FITTED)]
    ]
    os.chdir(ROOT)
    recordings = Recordings(given.data)
    sets = list(SETS) if given.sets is None else given.sets
    recordings.make(sets)
    given.data.mkdir(parents=True, exist_ok=True)
    kept = Finished(given.data / KEPT)
    known, chosen = {}, {}
    found: dict[str, dict[str, Scores]] = {name: {} for name in sets}
    for name in given.models:
        asked = str(recordings.fitted(name)) if name in FITTED else name
        model = model_of(asked)
        known[model.name] = kept.get(f"{identity(model)}/facts", partial(facts, model))
        chosen[model.name] = (asked, identity(model))
        for one in sets if scored(model) else []:
            found[one][model.name] = set_scores(model, recordings, one, kept, given)
    fast = speeds(chosen, kept, given) if given.rounds else {}
    text = page(known, found, fast, given)
    if narrowed:
        print(text)
    else:
        publish("models", text)


if __name__ == "__main__":
    main()
