"""A training that is killed, asked to end, or shared among processes ends with the same weights.

Run as a program, this file is the trainings, in the ways that its last arguments name.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.config.training import Loss, Sgd
from pipeline.stores.weights import load_weights
from pipeline.training.saliency import train_to
from pipeline.training.samples import TrainingSamples
from pipeline.training.trainer import Run
from tests.builders import KINDS, ROOT, gfsalnet, run_python, training, training_stores

KILLS = 20
SGD = {
    "optimiser": Sgd(name="sgd", momentum=0.9, weight_decay=0.0),
    "batch_norm": "frozen",
    "epochs": 2.0,
}
WAYS: dict[str, dict[str, Any]] = {
    "whole": {},
    "frozen": SGD,
    "long": {**SGD, "epochs": 8.0},
    "accumulated": {**SGD, "micro_batch": 1},
}


def run_in(folder: Path, **changes: Any) -> Run:
    usual = {"epochs": 12.0, "learning_rate": 1e-3, "step": 7, "gamma": 0.5, "checkpoint": 1}
    loss = Loss(alpha=1.0, beta=0.1, eps=1e-7)
    settings = training(**usual | changes)
    return Run(settings, loss, 7, 1, {}, "code", folder / "checkpoints", board=None)


def train_way(folder: Path, stores: Path, way: str) -> None:
    """Writes weights, log and a digest of the network into the folder."""
    samples = TrainingSamples(*([stores / f"{name}.json"] for name in KINDS))
    network = gfsalnet(3)
    weights, log = folder / "weights.safetensors", folder / "log.csv"
    train_to(weights, log, network, samples, run_in(folder, **WAYS[way]))
    arrays = [tensor.numpy().tobytes() for tensor in network.state_dict().values()]
    if os.environ.get("RANK", "0") == "0":
        (folder / "digest").write_text(hashlib.sha256(b"".join(arrays)).hexdigest())


def lives(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def saved_at(folder: Path) -> int | None:
    """When the state was written, if there is any."""
    try:
        return next((folder / "checkpoints").glob("*/state.pt")).stat().st_mtime_ns
    except (StopIteration, FileNotFoundError):
        return None


def forked(folder: Path, stores: Path) -> int:
    """A child process that trains the whole training. No torch threads may be alive to fork."""
    child = os.fork()
    if not child:
        train_way(folder, stores, "whole")
        os._exit(0)
    return child


def killed_again_and_again(folder: Path, stores: Path) -> None:
    """Kills children at random moments, then lets one end."""
    moments, kills = random.Random(0), 0
    while True:
        child = forked(folder, stores)
        if kills < KILLS:
            # Every other one gets as far as to save something, however slow the machine is.
            before = saved_at(folder)
            while kills % 2 and saved_at(folder) == before and lives(child):
                time.sleep(0.005)
            time.sleep(moments.uniform(0.0, 0.1) if kills % 2 else moments.uniform(0.05, 0.5))
            os.kill(child, signal.SIGKILL)
        killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        kills += killed
        if not killed:
            break
    (folder / "kills").write_text(str(kills))


def command_line(folder: Path, stores: Path, ways: Sequence[str], processes: int) -> list[str]:
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [*(several if processes else []), __file__, str(folder), str(stores), *ways]


def call(folder: Path, stores: Path, *ways: str, processes: int = 0) -> str:
    """Trains in each way, in a folder named after it; returns what was printed."""
    line = command_line(folder, stores, ways, processes)
    done = run_python(*line, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows_of(folder: Path) -> NDArray[np.float64]:
    return np.genfromtxt(folder / "log.csv", delimiter=",", skip_header=1)[:, 1:5]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    training_stores(folder, {"a": (64, 64)}, observers=3)
    return folder


@pytest.mark.slow
def test_twenty_kills_leave_the_weights_bit_identical(tmp_path: Path, stores: Path) -> None:
    out = call(tmp_path, stores, "killed")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert int((killed / "kills").read_text()) == KILLS
    assert "resuming at iteration" in out
    np.testing.assert_array_equal(rows_of(killed), rows_of(whole))
    assert (killed / "digest").read_text() == (whole / "digest").read_text()


@pytest.fixture(scope="module")
def alone(stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trainings of one process, in two ways."""
    folder = tmp_path_factory.mktemp("alone")
    call(folder, stores, "frozen", "accumulated")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("way", ["frozen", "accumulated"])
def test_two_processes_train_as_one(tmp_path: Path, stores: Path, alone: Path, way: str) -> None:
    """With SGD, which does not blow differences of rounding up."""
    # One way a start: torchrun's processes cannot make their group a second time.
    call(tmp_path, stores, way, processes=2)
    one, two = alone / way, tmp_path / way
    np.testing.assert_allclose(rows_of(two), rows_of(one), rtol=1e-3, atol=1e-5)
    moved, start = 0.0, gfsalnet(3).state_dict()
    weights = load_weights(two / "weights.safetensors")
    for name, tensor in load_weights(one / "weights.safetensors").items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=1e-5)
        moved = max(moved, float((tensor - start[name]).abs().max()))
    assert moved > 1e-3


@pytest.mark.slow
def test_two_processes_that_are_asked_to_end_go_on_later(tmp_path: Path, stores: Path) -> None:
    """As a scheduler asks: torchrun and its processes alike, which torchrun then asks once more."""
    folder = tmp_path / "asked"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with (tmp_path / "out").open("w+") as out:
        line = [sys.executable, *command_line(folder, stores, ["long"], 2)]
        asked = subprocess.Popen(line, env=environment, stdout=out, stderr=subprocess.STDOUT)
        patience = time.monotonic() + 200
        while not list(folder.rglob("state.pt")) and time.monotonic() < patience:
            time.sleep(0.1)
        children = Path(f"/proc/{asked.pid}/task/{asked.pid}/children").read_text().split()
        for process in (asked.pid, *map(int, children)) * 2:
            os.kill(process, signal.SIGTERM)
            time.sleep(0.02)
        assert asked.wait(timeout=100) != 0
        out.seek(0)
        assert "SIGTERM: saved at iteration" in out.read()
    assert "resuming at iteration" in call(folder, stores, "long", processes=2)
    call(tmp_path / "whole", stores, "long", processes=2)
    digests = {(tmp_path / name / "long/digest").read_text() for name in ("asked", "whole")}
    assert len(digests) == 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    into, read = Path(sys.argv[1]), Path(sys.argv[2])
    for chosen in sys.argv[3:]:
        (into / chosen).mkdir(parents=True, exist_ok=True)
        if chosen == "killed":
            (into / "whole").mkdir()
            os.waitpid(forked(into / "whole", read), 0)
            killed_again_and_again(into / "killed", read)
        else:
            train_way(into / chosen, read, chosen)
