"""Frames a second and core that each data stage converts, and bytes a frame of each store.

Measured on the miniatures of the demo and on real clips where they lie beside the checkout
(../shared/data: one DHF1K clip and two in DIEM's layout), on the paper's frame grid. CPU seconds of
the stage and of its ffmpeg, so a busy machine changes little. Run from the repository's root:

    OMP_NUM_THREADS=1 python bench/conversion.py

Writes bench/results/conversion.md and, from the real clips, workflow/costs.csv, with which
`preflight` reckons.
"""

from __future__ import annotations

import contextlib
import io
import resource
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import torch
from pages import publish, with_python
from pydantic import TypeAdapter

from model.flow.image_flow import ImageFlow
from pipeline.config.config import Config
from pipeline.config.data import Density, DisFlow, Flow
from pipeline.demo.draw import demo
from pipeline.planning.load import configured
from pipeline.planning.needs import flows
from pipeline.preprocessing.density import density
from pipeline.preprocessing.flow import flow
from pipeline.preprocessing.frames import frames
from pipeline.preprocessing.gaze import gaze
from pipeline.raw.presence import present_clips
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.stores.manifests import read_manifest
from pipeline.stores.weights import save_weights

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared/data"
REAL = {"dhf1k": 1, "diem": 2}
"""Real datasets, and how many of their clips are converted."""
FEW = 30
"""Frames of a clip whose flow is estimated by what is slow."""
DIS = DisFlow(estimator="dis", preset="medium", cut=None)
RECIPES: dict[str, dict[str, Any]] = {
    "gaussian": {"sigma": 20.0, "repeats": "each"},
    "dhf1k": {"fwhm": 30.0, "shift": 0.0, "repeats": "each"},
    "mathe_release": {"taps": 150, "sigma": 20.0, "anchor": 74},
    "mit": {"cutoff": 8.0, "repeats": "each"},
}
DENSITY: TypeAdapter[Density] = TypeAdapter(Density)


@dataclass
class Cost:
    """What a stage took."""

    seconds: float = 0.0
    frames: int = 0
    size: int = 0
    memory: float = 0.0
    """MB of the largest process, with its ffmpeg."""
    sources: set[str] = field(default_factory=set)

    def add(self, source: str, taken: tuple[float, float], manifest: Path) -> None:
        """Counts a store that took so many CPU seconds and so much memory."""
        seconds, memory = taken
        self.memory = max(self.memory, memory)
        content = read_manifest(manifest)
        clips = content["clips"].values()
        self.seconds += seconds
        self.frames += sum(facts.get("frames") or facts["shape"][0] for facts in clips)
        self.size += sum(size for size, _ in content["files"].values())
        self.sources.add(source)


def cpu_seconds() -> float:
    """Of this process and the children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def stored(manifest: Path) -> dict[str, Path]:
    """Where a stage writes."""
    return {"store": manifest.with_suffix(".zarr"), "manifest": manifest}


def timed(stage: Callable[..., None], **arguments: Any) -> tuple[float, float]:
    """CPU seconds of a stage, and the memory in MB of the process that it has for itself."""
    with get_context("fork").Pool(1) as pool:
        return pool.apply(_measured, (stage,), arguments)


def _measured(stage: Callable[..., None], **arguments: Any) -> tuple[float, float]:
    """The same of this process, without what the stage prints."""
    start = cpu_seconds()
    with contextlib.redirect_stdout(io.StringIO()):
        stage(**arguments)
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return cpu_seconds() - start, sum(usage.ru_maxrss for usage in usages) / 1024


def at_paper_size(run: str) -> Config:
    """A run on the paper's frame grid, its flows among them."""
    paper = configured("paper")
    same = {name: getattr(paper, name) for name in ("frames", "other_flows", "image_flow_weights")}
    return configured(run).model_copy(update=same)


def convert(
    cfg: Config, name: str, raw: Path, clips: list[SheetClip], folder: Path, costs: dict[str, Cost]
) -> None:
    """Takes clips of a dataset through all data stages."""
    dataset, grid = cfg.datasets[name], cfg.frames

    def run(label: str, stage: Callable[..., None], **arguments: Any) -> Path:
        manifest = folder / f"{name}_{label.replace(' ', '_')}.json"
        taken = timed(stage, **arguments, **stored(manifest))
        costs.setdefault(label, Cost()).add(name, taken, manifest)
        return manifest

    pictures = {"raw": raw, "clips": clips, "dataset": dataset.frames}
    small = grid.model_copy(update={"codec": "jpeg95"})
    run("frames jpeg95", frames, **pictures, grid=small)
    whole = run("frames lossless", frames, **pictures, grid=grid)
    if read_manifest(whole)["clips"][clips[0].name]["shape"][0] > 1:
        run("flow dis", flow, frames=whole, settings=DIS, threads=1)
        some = folder / f"{name}_some.json"
        few = [replace(clips[0], last=(clips[0].first or 1) + FEW - 1)]
        timed(frames, **pictures | {"clips": few}, grid=grid, **stored(some))
        for chosen in measured_flows(cfg, folder):
            run(f"flow {chosen.estimator}", flow, frames=some, settings=chosen, threads=1)
    points = run("gaze", gaze, raw=raw, frames=whole, settings=dataset.gaze, grid=grid)
    for recipe, numbers in RECIPES.items():
        settings = DENSITY.validate_python({"recipe": recipe, **numbers})
        run(f"density {recipe}", density, gaze=points, raw=raw, settings=settings, grid=grid)


def measured_flows(cfg: Config, folder: Path) -> list[Flow]:
    """A run's flows; that of a still image with weights drawn by chance, as fast as any."""
    moving = list(flows(cfg, still=False).values())
    arguments = cfg.image_flow_weights.network
    torch.manual_seed(0)
    network = ImageFlow(**arguments)
    network.start_from(torch.randn_like(network.centres) / 100, torch.ones(len(network.centres)))
    torch.nn.init.normal_(network.choice.weight)  # so that the flow differs from cell to cell
    weights = folder / "image_flow.safetensors"
    save_weights(weights, network, {"network": arguments})
    image = [
        flow.model_copy(update={"weights": str(weights)})
        for flow in flows(cfg, still=True).values()
    ]
    return moving + image


def tested(cfg: Config, name: str, raw: Path, most: int) -> list[SheetClip]:
    """The first clips of a dataset's sheet whose files are there."""
    there = present_clips(raw, cfg.datasets[name])
    return [clip for clip in read_sheet(ROOT / cfg.datasets[name].splits) if clip.name in there][
        :most
    ]


def measure(run: str, raw: Path, sizes: dict[str, int]) -> dict[str, Cost]:
    """Stage -> cost of the given datasets of a run."""
    cfg, costs = at_paper_size(run), dict[str, Cost]()
    with tempfile.TemporaryDirectory() as name:
        for dataset, most in sizes.items():
            clips = tested(cfg, dataset, raw / dataset, most)
            convert(cfg, dataset, raw / dataset, clips, Path(name), costs)
    return costs


def lines(costs: dict[str, Cost]) -> Iterator[str]:
    """The rows of a table."""
    yield "| stage | frames | frames/s a core | bytes a frame | MB |"
    yield "|---|---|---|---|---|"
    for stage, cost in costs.items():
        rate, size = cost.frames / cost.seconds, cost.size / cost.frames
        memory = f"{cost.memory:,.0f}"
        yield f"| {stage} | {cost.frames:,} | {rate:,.0f} | {size:,.0f} | {memory} |"


def write_costs(costs: dict[str, Cost], cfg: Config) -> None:
    """Writes workflow/costs.csv, with which preflight reckons."""
    rows = [
        f"{stage},{cost.frames / cost.seconds:.1f},{cost.size / cost.frames:.0f},{cost.memory:.0f}"
        for stage, cost in costs.items()
    ]
    heading = [
        f"# At {cfg.frames.width}x{cfg.frames.height}, of real clips.",
        "# Measured by bench/conversion.py (bench/results/conversion.md).",
        "stage,frames_per_second_a_core,bytes_a_frame,memory_mb",
    ]
    (ROOT / "workflow/costs.csv").write_text("\n".join([*heading, *rows]) + "\n")


def main() -> None:
    """Measures and writes bench/results/conversion.md."""
    cv2.setNumThreads(1)
    page = [
        "# What converting raw data costs",
        "",
        f"{with_python()}. CPU seconds of one thread, the frame grid 640x480.",
        "`OMP_NUM_THREADS=1 python bench/conversion.py`.",
        "",
    ]
    cfg = at_paper_size("demo")
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name)
        with contextlib.redirect_stdout(io.StringIO()):
            demo(
                raw=raw, sheets=sorted((ROOT / "workflow/splits/demo").glob("*.csv")), seed=cfg.seed
            )
        drawn = measure("demo", raw, dict.fromkeys(cfg.datasets, 4))
    page += [
        "## Miniatures of the demo (160x90 to 192x108 pixels), all six datasets",
        "",
        *lines(drawn),
    ]
    if SHARED.is_dir():
        real = measure("real", SHARED, REAL)
        write_costs(real, cfg)
        page += ["", "## Real clips: DHF1K (640x360), DIEM's layout (1000x750)", "", *lines(real)]
    publish("conversion", "\n".join(page))


if __name__ == "__main__":
    main()
