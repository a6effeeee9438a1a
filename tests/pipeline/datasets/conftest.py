"""A few clips of the demo, drawn once, and the truth that they were drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import hdf5storage
import numpy as np
import pytest
from scipy.io import savemat

from pipeline.datasets.records import Gaze
from pipeline.demo.draw import draw
from pipeline.demo.films import Film, film, looks
from pipeline.demo.looks import Event
from pipeline.raw.splits import read_sheet

ROOT = Path(__file__).parents[3]
SEED = 3


@dataclass(frozen=True)
class Drawn:
    root: Path
    films: dict[str, list[Film]]

    def files(self, film: Film) -> list[Path]:
        """The gaze files of a film, found independently of config.yaml."""
        name, root = film.clip.name, self.root / film.dataset
        patterns = {
            "ucf_sports": f"gaze_ucfsa/samples/*_{name}.avi.txt gaze_ucfsa/*.txt",
            "hollywood2": f"gaze_hollywood2/samples/*_{name}.avi.txt gaze_hollywood2/*.txt",
            "dhf1k": f"exportdata_train/*/*_Trail{name}.txt",
            "diem": f"{name}/event_data/*_{name}.txt",
            "ledov": f"{name}/Data.mat",
            "salicon": f"fixations/{film.split}/{name}.mat",
        }[film.dataset]
        return [path for pattern in patterns.split() for path in sorted(root.glob(pattern))]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """The first three rows of each sheet and the last of DIEM's; the last two of Hollywood-2's."""
    root = tmp_path_factory.mktemp("raw")
    sheets = {path.stem: read_sheet(path) for path in ROOT.glob("workflow/splits/demo/*.csv")}
    rows = {name: sheet[:3] for name, sheet in sheets.items()}
    rows["hollywood2"] = sheets["hollywood2"][-2:]
    rows["diem"] += sheets["diem"][-1:]
    draw(root, rows, SEED)
    films = {
        name: [film(name, row.name, row.split, i, SEED) for i, row in enumerate(its_rows)]
        for name, its_rows in rows.items()
    }
    return Drawn(root, films)


@dataclass(frozen=True)
class Truth:
    frame: np.ndarray
    x: np.ndarray
    y: np.ndarray
    observer: np.ndarray
    samples: int


@pytest.fixture
def planned():
    """Samples that a film's observers made with the given events, within the clip and picture."""

    def plan(film: Film, events: set[Event], *, open_window: bool = False) -> Truth:
        parts = []
        for observer, look in looks(film).items():
            frame = np.floor(look.time * film.clip.rate)
            number = int(observer.replace("s", ""))
            rows = np.stack([frame, look.x, look.y, np.full(len(frame), number)])
            kept = np.isin(look.event, list(events)) & (frame < film.clip.frames)
            if open_window:
                kept &= frame < look.time * film.clip.rate
            kept &= (look.x > 0) & (look.x < film.clip.width)
            kept &= (look.y > 0) & (look.y < film.clip.height)
            parts.append(rows[:, kept])
            samples = len(frame) * len(looks(film))
        return Truth(*np.concatenate(parts, axis=1), samples)

    return plan


@pytest.fixture
def agree():
    """Asserts that a reader gave what was planned, in the same order."""

    def check(gaze: Gaze, truth: Truth, tolerance: float) -> None:
        np.testing.assert_array_equal(gaze.frame, truth.frame)
        np.testing.assert_array_equal(gaze.observer, truth.observer)
        np.testing.assert_allclose(gaze.x, truth.x, atol=tolerance)
        np.testing.assert_allclose(gaze.y, truth.y, atol=tolerance)
        assert (gaze.frame.dtype, gaze.x.dtype, gaze.y.dtype, gaze.observer.dtype) == (
            np.int32,
            np.float32,
            np.float32,
            np.int16,
        )
        assert len(gaze.frame) + sum(gaze.dropped.values()) == truth.samples

    return check


@pytest.fixture(scope="session")
def save_mat():
    """Writes a .mat file in version "5" (compressed: 7) or "7.3", as Matlab lays it out."""

    def save(path: Path, contents: dict[str, object], *, version: str) -> None:
        if version == "5":
            savemat(path, contents, do_compression=True)
        else:
            path.unlink(missing_ok=True)  # otherwise it would be added to
            hdf5storage.savemat(str(path), contents, format="7.3", store_python_metadata=False)

    return save


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real recordings beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}")
    return folder
