"""What the other tests start from is what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.stores.kinds import FRAMES
from pipeline.stores.reading import open_store
from tests.builders import KINDS, ROOT, run_python, run_stage, store, training, training_stores


def test_settings_are_those_asked_for() -> None:
    assert training().epochs == 4.0
    changed = training(epochs=None, iterations=3)
    assert (changed.epochs, changed.iterations) == (None, 3)


def test_a_store_holds_what_was_given(tmp_path: Path) -> None:
    frames = np.arange(2 * 4 * 8 * 3, dtype=np.uint8).reshape(2, 4, 8, 3)
    manifest = store(FRAMES, tmp_path / "new", {"a": frames, "b": frames[:1]}, first=5)
    assert manifest == tmp_path / "new/frames.json"
    found = open_store(FRAMES, manifest)
    np.testing.assert_array_equal(found["a"][:], frames)
    assert found.clips["b"]["first"] == 5


def test_training_stores_are_those_of_a_training(tmp_path: Path) -> None:
    manifests = training_stores(tmp_path, {"a": (16, 24)}, frames=3)
    shapes = {name: open_store(KINDS[name], path)["a"].shape for name, path in manifests.items()}
    assert shapes == {
        "frames": (3, 16, 24, 3),
        "flow": (3, 2, 4, 6),
        "gaze": (4, 4),
        "density": (3, 16, 24),
    }


def test_processes_run_this_code_and_report_how_they_ended(tmp_path: Path) -> None:
    code = "import pipeline, sys; print(pipeline.__file__); sys.exit(3)"
    done = run_python("-c", code, cwd=tmp_path)
    assert done.returncode == 3
    assert Path(done.stdout.strip()) == ROOT / "pipeline/__init__.py"


def test_a_stage_gets_its_options() -> None:
    done = run_stage("pipeline.preprocessing.flow", {"no_such": 1})
    assert done.returncode == 2
    assert "--no-such" in done.stderr or "required" in done.stderr
