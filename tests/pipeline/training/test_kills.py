"""A training that is killed, told to end, or shared among processes ends with the same weights.

Run as a program this file is the training, in the way that its last argument names.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.gfsalnet import GFSalNet
from pipeline.config.training import Adam, Loss, Training
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.weights import load_weights
from pipeline.stores.writing import write_store
from pipeline.training.loop import Run
from pipeline.training.saliency import train_to
from pipeline.training.samples import TrainingSamples

SIZE = 64
STORES = {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}
KILLS = 20


def gfsalnet() -> GFSalNet:
    torch.manual_seed(3)
    return GFSalNet(
        streams="both",
        fusion="gated",
        backbone="mobilenet_v2",
        spatial_attention=True,
        channel_attention=True,
        multi_level=True,
        main_channels=(8, 8),
        side_channels=(8, 8, 8),
        multi_level_channels=(16, 8, 8),
        attention_reduction=4,
        last_bias=1.0,
        flow_encoding="uvm",
        flow_scale=4.0,
    )


def run_in(folder: Path, **changes: Any) -> Run:
    settings = Training(
        datasets=("x",),
        batch=4,
        epochs=12.0,
        iterations=None,
        loss="saliency",
        optimiser=Adam(name="adam", weight_decay=0.0),
        learning_rate=1e-3,
        step=7,
        gamma=0.5,
        batch_norm="train",
        precision="float32",
        micro_batch=None,
        recompute=False,
        compile=False,
        shrink=(1,),
        checkpoint=1,
    )
    loss = Loss(alpha=1.0, beta=0.1, eps=1e-7)
    settings = settings.model_copy(update=changes)
    return Run(settings, loss, 7, 1, {}, "code", folder / "checkpoints", None)


def draw_stores(folder: Path) -> None:
    drawn = np.random.default_rng(0)
    count = 12
    points = drawn.uniform(4, SIZE - 4, (count, 3, 2))
    gaze = [[t, x, y, o] for t in range(count) for o, (x, y) in enumerate(points[t]) if t]
    arrays = {
        "frames": drawn.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8),
        "flow": drawn.normal(size=(count, 2, SIZE // 4, SIZE // 4)),
        "gaze": np.array(gaze, np.float32),
        "density": drawn.random((count, SIZE, SIZE)),
    }
    for name, array in arrays.items():
        with write_store(
            STORES[name], folder / f"{name}.zarr", folder / f"{name}.json", {}
        ) as writer:
            facts = {"frames": count} if name == "gaze" else {}
            writer.add("a", [array.astype(STORES[name].dtype)], **facts)


def trained(folder: Path, stores: Path, **changes: Any) -> dict[str, Any]:
    samples = TrainingSamples(*([stores / f"{name}.json"] for name in STORES))
    network = gfsalnet()
    weights_file, log = folder / "weights.safetensors", folder / "log.csv"
    train_to(weights_file, log, network, samples, run_in(folder, **changes))
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    digest = hashlib.sha256(b"".join(array.tobytes() for array in weights.values()))
    return {"digest": digest.hexdigest()}


def lives(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def saved_at(folder: Path) -> int | None:
    """When the state was written, if there is any."""
    try:
        return next((folder / "checkpoints").glob("*/state.pt")).stat().st_mtime_ns
    except (StopIteration, FileNotFoundError):
        return None


def killed_again_and_again(folder: Path, stores: Path) -> None:
    """Kills children at random moments, then lets one end. No torch threads are alive to fork."""
    moments, kills = random.Random(0), 0
    while True:
        child = os.fork()
        if not child:
            (folder / "result.json").write_text(json.dumps(trained(folder, stores)))
            os._exit(0)
        if kills < KILLS:
            # Every other one gets as far as to save something, however slow the machine is.
            before = saved_at(folder)
            while kills % 2 and saved_at(folder) == before and lives(child):
                time.sleep(0.005)
            time.sleep(moments.uniform(0.0, 0.1) if kills % 2 else moments.uniform(0.05, 0.8))
            os.kill(child, signal.SIGKILL)
        killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        kills += killed
        if not killed:
            break
    (folder / "kills").write_text(str(kills))


def command_line(folder: Path, stores: Path, way: str, processes: int) -> list[str]:
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    stage = [__file__, str(folder), str(stores), way]
    return [sys.executable, *(several if processes else []), *stage]


def environment() -> dict[str, str]:
    root = Path(__file__).parents[3]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}


def call(folder: Path, stores: Path, way: str, *, processes: int = 0) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    line = command_line(folder, stores, way, processes)
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    rows = np.genfromtxt(folder / "log.csv", delimiter=",", skip_header=1)[:, 1:5]
    weights = load_weights(folder / "weights.safetensors")
    return {**result, "out": done.stdout, "rows": rows, "weights": weights}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    draw_stores(folder)
    return folder


@pytest.mark.slow
def test_twenty_kills_leave_the_weights_bit_identical(tmp_path: Path, stores: Path) -> None:
    whole = call(tmp_path / "whole", stores, "whole")
    killed = call(tmp_path / "killed", stores, "killed")
    assert int((tmp_path / "killed/kills").read_text()) == KILLS
    assert "resuming at iteration" in killed["out"]
    np.testing.assert_array_equal(killed["rows"], whole["rows"])
    assert killed["digest"] == whole["digest"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["frozen", "accumulated"])
def test_two_processes_train_as_one(tmp_path: Path, stores: Path, way: str) -> None:
    """With SGD, which does not blow differences of rounding up."""
    one = call(tmp_path / "one", stores, way)
    two = call(tmp_path / "two", stores, way, processes=2)
    np.testing.assert_allclose(two["rows"], one["rows"], rtol=1e-3, atol=1e-5)
    moved, start = 0.0, gfsalnet().state_dict()
    for name, tensor in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], tensor, rtol=1e-3, atol=1e-5)
        moved = max(moved, float((tensor - start[name]).abs().max()))
    assert moved > 1e-3


@pytest.mark.slow
def test_two_processes_that_are_told_to_end_go_on_later(tmp_path: Path, stores: Path) -> None:
    """As a scheduler tells: torchrun and its processes alike, which it then tells once more."""
    line, folder = command_line(tmp_path / "told", stores, "long", 2), tmp_path / "told"
    folder.mkdir()
    with (tmp_path / "out").open("w+") as out:
        told = subprocess.Popen(line, env=environment(), stdout=out, stderr=subprocess.STDOUT)
        patience = time.monotonic() + 200
        while not list(folder.rglob("state.pt")) and time.monotonic() < patience:
            time.sleep(0.1)
        children = Path(f"/proc/{told.pid}/task/{told.pid}/children").read_text().split()
        for process in (told.pid, *map(int, children)):
            os.kill(process, signal.SIGTERM)
        assert told.wait(timeout=100) != 0
        out.seek(0)
        assert "SIGTERM: saved at iteration" in out.read()
    resumed = call(folder, stores, "long", processes=2)
    assert "resuming at iteration" in resumed["out"]
    whole = call(tmp_path / "whole", stores, "long", processes=2)
    assert resumed["digest"] == whole["digest"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    place, where, chosen = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    if chosen == "killed":
        killed_again_and_again(place, where)
    else:
        from pipeline.config.training import Sgd

        sgd = {
            "optimiser": Sgd(name="sgd", momentum=0.9, weight_decay=0.0),
            "batch_norm": "frozen",
            "epochs": 2.0,
        }
        ways: dict[str, dict[str, Any]] = {
            "whole": {},
            "frozen": sgd,
            "long": {**sgd, "epochs": 20.0},
            "accumulated": {**sgd, "micro_batch": 1},
        }
        result = trained(place, where, **ways[chosen])
        if os.environ.get("RANK", "0") == "0":
            (place / "result.json").write_text(json.dumps(result))
