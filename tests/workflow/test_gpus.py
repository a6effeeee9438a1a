"""profiles/gpu on a machine with two GPUs that are not there."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from tests.workflow.conftest import Project

# The card is claimed as on a real machine; what is computed there is computed by the CPU.
FAKE = '''

@cache
def device() -> torch.device:
    """Notes from when to when this process has which of two cards."""
    import atexit
    import time

    (number,) = claim(["fake-0", "fake-1"])
    begin = time.monotonic()

    def note() -> None:
        with open("cards.txt", "a") as file:
            file.write(f"{number} {begin} {time.monotonic()}\\\\n")

    atexit.register(note)
    return torch.device("cpu")
'''.replace("\\\\", "\\")


@pytest.mark.slow
def test_each_job_has_a_gpu_of_its_own(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(shutil.copytree(finished, tmp_path / "copy", symlinks=True))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    profile = ("--workflow-profile", "profiles/gpu", "--cores", "16")
    maps = sorted((project.folder / "results/demo/saliency").glob("*/*/*.json"))
    assert len(maps) >= 3
    with project.changed(("pipeline/runtime/devices.py", lambda content: content + FAKE.encode())):
        project.run(*profile, "--forcerun", "predict", "--until", "predict", "--", "results/tables")
    lines = (project.folder / "cards.txt").read_text().splitlines()
    jobs = [[float(word) for word in line.split()] for line in lines]
    assert len(jobs) == len(maps)
    assert {card for card, *_ in jobs} == {0, 1}
    jobs.sort(key=lambda job: job[1])
    for (card, _, end), (other, begin, _) in itertools.combinations(jobs, 2):
        assert card != other or begin >= end
