"""What many tests start from: a training's settings, a small network, stores, a stage's process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline.config.training import Adam, Training
from pipeline.planning.load import merged
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE, Codec, Kind
from pipeline.stores.manifests import write_facts
from pipeline.stores.writing import write_store

if TYPE_CHECKING:  # torch takes two seconds, and most tests that build a store need none of it
    from model.gfsalnet import GFSalNet

ROOT = Path(__file__).resolve().parents[1]
"""The checkout that is tested."""
KINDS = {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}
"""The stores that a training reads, in the order of `TrainingSamples`."""
GFSALNET: dict[str, Any] = {
    "streams": "both",
    "fusion": "gated",
    "backbone": "mobilenet_v2",
    "spatial_attention": True,
    "channel_attention": True,
    "multi_level": True,
    "main_channels": (8, 8),
    "side_channels": (8, 8, 8),
    "multi_level_channels": (16, 8, 8),
    "attention_reduction": 4,
    "last_bias": 1.0,
    "flow_encoding": "uvm",
    "flow_scale": 4.0,
}
"""Arguments of the smallest GFSalNet that has every block."""
NETWORK: dict[str, Any] = {"network": "gfsalnet"} | GFSALNET
"""The same as an entry of `models:`, for `build_network`."""


def configuration(run: str) -> dict[str, Any]:
    """Return the keys of config.yaml, with those of the run's file over them."""
    keys: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    if run != "paper":
        keys = merged(keys, yaml.safe_load((ROOT / f"workflow/runs/{run}.yaml").read_text()))
    return keys | {"run": run}


def gfsalnet(seed: int = 0, **changes: Any) -> GFSalNet:
    """Build a small GFSalNet whose random initial weights follow from `seed`."""
    import torch

    from model.gfsalnet import GFSalNet

    torch.manual_seed(seed)
    return GFSalNet(**GFSALNET | changes)


def training(**changes: Any) -> Training:
    """Return the settings of a training of some seconds, with Adam; `changes` replace keys."""
    settings: dict[str, Any] = {
        "datasets": ("x",),
        "batch": 4,
        "clip": {"frames": 1, "step": 1},
        "epochs": 4.0,
        "iterations": None,
        "loss": "saliency",
        "optimiser": Adam(name="adam", weight_decay=0.0),
        "learning_rate": 0.01,
        "step": 8,
        "gamma": 0.1,
        "batch_norm": "train",
        "precision": "float32",
        "micro_batch": None,
        "recompute": False,
        "compile": False,
        "shrink": (1,),
        "checkpoint": 1000,  # beyond the end: no checkpoint is written
    }
    return Training(**settings | changes)


def store(
    kind: Kind,
    folder: Path,
    clips: Mapping[str, NDArray[Any]],
    *,
    name: str = "",
    codec: Codec = "lossless",
    settings: Mapping[str, Any] | None = None,
    **facts: Any,
) -> Path:
    """Write each clip's array, with the same facts, and return the manifest's path.

    Args:
        kind: What the arrays are; they are converted to its dtype.
        folder: Where <name>.zarr and <name>.json are written; made if it is not there.
        clips: Clip -> its array.
        name: Name of store and manifest; that of the kind if it is empty.
        codec: How frames are compressed.
        settings: What the manifest says that the store was made with; None: nothing.
        facts: JSON values of each clip in the manifest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / f"{name or kind.name}.json"
    with write_store(
        kind, manifest.with_suffix(".zarr"), manifest, settings or {}, codec
    ) as writer:
        for clip, array in clips.items():
            writer.add(clip, [array], **facts)
    return manifest


def edited(manifest: Path, edit: Callable[[str], str]) -> None:
    """Edit the text of a manifest as only code of another release could: its seal is right."""
    facts = json.loads(edit(manifest.read_text()))
    write_facts(manifest, {key: value for key, value in facts.items() if key != "seal"})


def training_stores(
    folder: Path,
    clips: Mapping[str, tuple[int, int]],
    *,
    frames: int = 12,
    observers: int = 2,
    seed: int = 0,
    codec: Codec = "lossless",
) -> dict[str, Path]:
    """Write noise to train on, and return the manifests of `KINDS`, in its order.

    Nobody looks at the first frame of a clip.

    Args:
        folder: Where the four stores are written.
        clips: Clip -> height and width of its frames, pixels; multiples of four, as flow is stored
            at a quarter of them.
        frames: Number of frames of each clip.
        observers: Number of points in each frame that is looked at.
        seed: Of the noise.
        codec: How frames are compressed.
    """
    random = np.random.default_rng(seed)
    arrays: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in KINDS}
    for clip, (height, width) in clips.items():
        points = random.uniform(4, (width - 4, height - 4), (frames, observers, 2))
        gaze = [[t, x, y, o] for t in range(1, frames) for o, (x, y) in enumerate(points[t])]
        arrays["frames"][clip] = random.integers(0, 256, (frames, height, width, 3), np.uint8)
        arrays["flow"][clip] = random.normal(size=(frames, 2, height // 4, width // 4))
        arrays["gaze"][clip] = np.array(gaze, np.float32)
        arrays["density"][clip] = random.random((frames, height, width))
    return {
        name: store(
            kind,
            folder,
            arrays[name],
            codec=codec if kind is FRAMES else "lossless",
            **({"frames": frames} if kind is GAZE else {}),
        )
        for name, kind in KINDS.items()
    }


def run_python(
    *words: object, cwd: Path = ROOT, timeout: float = 240, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own on this checkout's code; it may fail.

    Args:
        words: The arguments after `python`, for example "-m", "pipeline.evaluation.score".
        cwd: Folder that it is started in.
        timeout: Seconds after which subprocess.TimeoutExpired is raised.
        environment: Variables besides those of this process.
    """
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def run_stage(
    module: str, options: Mapping[str, object] | Iterable[object], **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE --key value ...`, as a rule's shell command does.

    Args:
        module: For example pipeline.evaluation.score.
        options: Option -> value, or the words of the command line; underscores become hyphens.
        settings: Of `run_python`: cwd, timeout, environment.
    """
    if isinstance(options, Mapping):
        pairs = [(f"--{key.replace('_', '-')}", value) for key, value in options.items()]
        options = [word for pair in pairs for word in pair]
    return run_python("-m", module, *options, **settings)
