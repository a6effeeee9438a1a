"""The wheel, installed outside of the checkout: its commands work in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.raw.ffmpeg import write_frames
from tests.builders import ROOT

pytestmark = pytest.mark.slow


class Installed:
    """A virtual environment with the wheel, and all other packages of this one."""

    def __init__(self, folder: Path) -> None:
        self.wheel = _built(folder / "dist")
        self.bin = folder / "venv/bin"
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        self.site = next(folder.glob("venv/lib/python*/site-packages"))
        # Behind the wheel on the path, so that an editable install there is not met.
        (self.site / "packages.pth").write_text(sysconfig.get_path("purelib"))
        self.work = folder / "work"
        self.work.mkdir()
        self.run("python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", self.wheel)

    def run(self, program: str, *words: object, status: int = 0) -> str:
        """What a program of the environment prints in the empty folder."""
        hidden = ("PYTHON", "VIRTUAL_ENV")
        environment = {key: text for key, text in os.environ.items() if not key.startswith(hidden)}
        done = subprocess.run(
            [self.bin / program, *map(str, words)],
            cwd=self.work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


def _built(folder: Path) -> Path:
    """The wheel of a copy of the checkout; a build writes nothing into the checkout itself."""
    line = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))


def test_the_wheel_is_what_is_imported(installed: Installed) -> None:
    """Another checkout may be installed in this environment for its developers."""
    code = (
        "import gfsalnet, model, pipeline; from pipeline.planning.provenance import CODE, ROOT; "
        "print(*(one.__file__ for one in (gfsalnet, model, pipeline)), CODE, ROOT)"
    )
    found = installed.run("python", "-c", code).split()
    assert len(found) == 5
    assert all(Path(path).is_relative_to(installed.site.resolve()) for path in found)


def test_the_wheel_holds_what_the_checkout_has(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    shares = ("Snakefile", "config.yaml", "workflow", "profiles", "envs")
    listed = subprocess.run(
        ["git", "ls-files", "gfsalnet", "model", "pipeline", *shares],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    if not listed:
        pytest.skip("not a git checkout")
    wanted = {f"gfsalnet/share/{name}" if name.startswith(shares) else name for name in listed}
    assert wanted - {*names} == set()
    assert not [name for name in names if name.startswith(("tests", "bench", "docs"))]


def test_info(installed: Installed) -> None:
    said = installed.run("gfsalnet", "info")
    assert str(installed.site.resolve() / "gfsalnet/share") in said
    assert not list(installed.work.glob("*"))


def test_predict(installed: Installed) -> None:
    """A bright square that moves; the film is called as people call films."""
    film = installed.work / "my film.mp4"
    with write_frames(film, (64, 96, 3), 10, vcodec="libx264") as write:
        for place in range(0, 60, 5):
            frame = np.full((64, 96, 3), 40, np.uint8)
            frame[20:34, place : place + 14] = 230
            write(frame)
    words = ("predict", film.name, "--overlay", "--json", "--model", "spectral_residual")
    said = installed.run("gfsalnet", *words)
    assert "spectral_residual" in said
    assert (installed.work / "my film_saliency.mp4").stat().st_size > 500
    numbers = json.loads((installed.work / "my film_saliency.json").read_text())
    assert len(numbers["frames"]) == 12
    again = installed.run("gfsalnet", *words, status=1)
    assert "is there already; add --force" in again
    assert len(again.splitlines()) == 1


def test_tables_are_planned_as_in_the_checkout(installed: Installed) -> None:
    said = installed.run("gfsalnet", "tables", "--run", "demo", "--cores", 2, "--", "--dry-run")
    line = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--directory"]
    line += [installed.work, "--cores", "2", "--dry-run", "--", "results/tables"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert _counts(said)["total"] > 200
    assert _counts(said) == _counts(done.stdout + done.stderr)


def _counts(said: str) -> dict[str, int]:
    """Rule -> number of jobs."""
    rows = [line.split() for line in said.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}


def test_a_job_runs(installed: Installed) -> None:
    """Its code, its settings and our network's weights are found."""
    made = "data/demo/ucf_sports/flow/0003.json"
    datasets = "without=[hollywood2,dhf1k,diem,ledov,salicon]"
    line = ["-P", "-m", "snakemake", "-s", installed.site / "gfsalnet/share/Snakefile"]
    line += ["--directory", ".", "--cores", 2, "--config", "run=demo", datasets, "--", made]
    installed.run("python", *line)
    assert (installed.work / made).is_file()
    assert (installed.work / "raw/demo").is_dir()


def test_preflight_and_bad_words(installed: Installed) -> None:
    assert "Not ready" in installed.run("gfsalnet", "preflight", "--no-probe", status=1)
    said = installed.run("gfsalnet", "train", "gfsalnett", status=1)
    assert said.startswith("gfsalnet train: MODEL gfsalnett: ")
    assert len(said.splitlines()) == 1
