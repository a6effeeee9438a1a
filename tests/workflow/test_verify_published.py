"""A real clip's drawn maps, scored as SalEMA's authors score: by the workflow and by OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.ndimage import gaussian_filter

from pipeline.config.data import Dhf1kDensity
from pipeline.datasets import dhf1k
from pipeline.datasets.records import Clip
from pipeline.preprocessing.density_recipes import density_map
from tests.builders import ROOT
from tests.pipeline.evaluation.frames import slow_auc_judd
from tests.workflow.conftest import Project

RAW = ROOT.parent / "shared/data"
CLIP = Clip("002", 90, 640, 360, 30.0)
SIZE = (360, 640)
RUN = {
    "pathvars": {name: f"{name}/clip" for name in ("data", "results", "logs")} | {"raw": str(RAW)},
    "without": [
        *("ucf_sports", "hollywood2", "diem", "ledov", "salicon", "diem_meta", "ledov_meta")
    ],
    "datasets": {"dhf1k": {"clips": "present", "test": {"split": "train"}}},
    "frames": {"width": 640, "height": 360},
    "models": {"theirs": {"maps": "maps", "published": "Drawn"}},
}


def looks() -> list[np.ndarray]:
    """Fixated pixels [n, (y, x)] of each frame of the clip."""
    gaze = dhf1k.read(sorted(RAW.glob("dhf1k/exportdata_train/*/*_Trail002.txt")), CLIP)
    yx = np.floor(np.stack([gaze.y, gaze.x], 1) + 0.5).astype(int)
    return [yx[gaze.frame == frame] for frame in range(CLIP.frames)]


def drawn(pixels: list[np.ndarray], frame: int) -> np.ndarray:
    """A map of 256x192 in 8 bits: where people looked some frames before, and the centre."""
    saliency = np.zeros((192, 256))
    for before in pixels[max(0, frame - 8) : max(1, frame - 3)]:
        np.add.at(saliency, tuple((before * [192 / 360, 256 / 640]).astype(int).T), 1)
    saliency = gaussian_filter(saliency, 7)
    y, x = np.mgrid[:192, :256]
    saliency += 0.1 * saliency.max() * np.exp(-(((y - 96) / 60) ** 2) - ((x - 128) / 80) ** 2)
    low, high = saliency.min(), saliency.max()
    return np.floor((saliency - low) / (high - low) * 255 + 0.5).astype(np.uint8)


def restated(png: np.ndarray, pixels: np.ndarray) -> dict[str, float]:
    """The scores of a frame, resized and shrunk in 8 bits by OpenCV."""
    recipe = Dhf1kDensity(recipe="dhf1k", fwhm=30.0, shift=0.0, repeats="once")
    density = np.floor(density_map(pixels, SIZE, recipe, SIZE) * 255 + 0.5).astype(np.uint8)
    fixated = np.zeros(SIZE, np.uint8)
    fixated[tuple(pixels.T)] = 255
    fields = (cv2.resize(png, SIZE[::-1]), density, fixated)
    p, s, f = (cv2.resize(field, None, fx=0.5, fy=0.5).astype(np.float32) for field in fields)
    noisy = (p + np.random.default_rng(0).random(p.shape) * 1e-7).astype(np.float32)
    shares = [(field - field.min()) / (field - field.min()).sum() for field in (p, s)]
    return {
        "AUC-J": slow_auc_judd(noisy, f > 0.5),
        "CC": float(np.corrcoef(p.ravel(), s.ravel())[0, 1]),
        "NSS": float(((p - p.mean()) / p.std())[f > 0.5].mean()),
        "SIM": float(np.minimum(*shares).sum()),
    }


@pytest.mark.shared
@pytest.mark.slow
def test_a_real_clip_agrees_with_what_opencv_makes_of_it(tmp_path: Path) -> None:
    if not RAW.is_dir():
        pytest.skip(f"{RAW} is not there")
    pixels = looks()
    project = Project.copied(tmp_path)
    (tmp_path / "maps/0002").mkdir(parents=True)
    scores = []
    for frame in range(CLIP.frames):
        png = drawn(pixels, frame)
        cv2.imwrite(str(tmp_path / f"maps/0002/{frame + 1:04d}.png"), png)
        if len(pixels[frame]):
            scores.append(restated(png, pixels[frame]))
    means = {metric: np.mean([score[metric] for score in scores]) for metric in scores[0]}

    published = tmp_path / "workflow/published"
    row = "Drawn,dhf1k,train,paper,salema,Their program,clips/drawn.csv" + "," * 9
    with (published / "rivals.csv").open("a") as sheet:
        sheet.write(f"{row}\n")
    values = ",".join(f"{mean:.6f}" for mean in means.values())
    (published / "clips/drawn.csv").write_text(f"clip,{','.join(means)}\n002,{values}\n")
    (tmp_path / "workflow/runs/clip.yaml").write_text(yaml.safe_dump(RUN))
    target = "results/clip/verify_published/theirs/dhf1k"
    project.run(target, "--config", "run=clip")

    found = pd.read_csv(tmp_path / target / "verify_published.csv", comment="#").set_index("metric")
    assert {*found["agrees"]} == {"yes"}
    assert found["difference"].abs().to_dict() == pytest.approx(dict.fromkeys(means, 0), abs=2e-3)
    page = (tmp_path / target / "verify_published.md").read_text()
    assert "## Their program: train, protocol salema, 1 of 1 clips" in page
    assert "Otherwise there" not in page and "have no map" not in page
