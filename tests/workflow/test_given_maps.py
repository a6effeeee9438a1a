"""Maps that were made elsewhere: scored from a folder, as a row of a table, by every protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.config.protocols import PROTOCOLS
from pipeline.stores.kinds import SALIENCY
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import open_store

MAPS = "results/demo/saliency/gfsalnet/setting_1_ucf_sports/ucf_sports.json"
SCORES = "results/demo/scores/mit/gfsalnet/setting_1_ucf_sports/ucf_sports.csv"


@pytest.fixture(scope="module")
def given(project: Any) -> Iterator[Path]:
    """The gated network's maps as somebody else would hand them over, in 16 bits."""
    folder = project.folder / "given/ucf_sports"
    store = open_store(SALIENCY, project.folder / MAPS)
    for clip, facts in store.clips.items():
        (folder / clip).mkdir(parents=True)
        for number, saliency in zip(frame_numbers(facts), store[clip][:], strict=True):
            levels = np.round(saliency.astype(float) / max(saliency.max(), 1e-9) * 65535)
            cv2.imwrite(str(folder / clip / f"{number:04d}.png"), levels.astype(np.uint16))
    yield folder


def _called(project: Any, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pipeline.score_folder", *words]
    environment = os.environ | {"PYTHONPATH": str(project.folder), "COLUMNS": "200"}
    return subprocess.run(
        line, cwd=project.folder, env=environment, capture_output=True, text=True, check=False
    )


def _nss(sheet: Path) -> pd.Series[float]:
    return pd.read_csv(sheet, comment="#").set_index(["clip", "frame"])["NSS"]


def test_a_folder_scores_as_the_store_does(project: Any, given: Path) -> None:
    done = _called(project, str(given), "--dataset", "ucf_sports", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "1 findings" in done.stdout
    assert "sixteen_bit" in done.stdout
    out = project.folder / "results/demo/given/given_ucf_sports/ucf_sports"
    pd.testing.assert_series_equal(
        _nss(out / "mit.csv"), _nss(project.folder / SCORES), rtol=2e-3, atol=2e-3
    )
    mean = _nss(out / "mit.csv").mean()
    page = (out / "protocols.md").read_text()
    assert f"{mean:.3f}" in page
    assert "given_ucf_sports on ucf_sports, run demo" in page
    assert "- Run: demo: its ground truth is drawn here" in page
    assert "warning: run: demo: its ground truth is drawn here" in done.stderr


def test_what_is_missing_is_told_and_the_rest_is_scored(project: Any, given: Path) -> None:
    whole = _nss(project.folder / SCORES)
    lost = sorted(given.rglob("*.png"))[3]
    content = lost.read_bytes()
    lost.unlink()
    try:
        words = (str(given), "--dataset", "ucf_sports", "--out", "gap", "--threads", "1")
        done = _called(project, *words)
    finally:
        lost.write_bytes(content)
    assert done.returncode == 0, done.stderr
    assert f"missing_frame: {lost.parent.name}: " in done.stdout
    found = _nss(project.folder / "gap/mit.csv")
    assert len(found) == len(whole) - 1
    np.testing.assert_allclose(found, whole[found.index], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "--dataset", "ucf_sports"), "nowhere"),
        (("given", "--dataset", "cat2000"), "--dataset cat2000: known are "),
        (("given", "--dataset", "ucf_sports", "--protocol", "mine"), "'mine': not known"),
        (("given", "--dataset", "ucf_sports", "--split", "val"), "no clip of split val"),
    ],
)
def test_each_fault_is_one_line(
    project: Any, given: Path, words: tuple[str, ...], message: str
) -> None:
    done = _called(project, *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_row_of_a_table(project: Any, given: Path) -> None:
    def add(content: bytes) -> bytes:
        config = yaml.safe_load(content)
        config["models"]["other"] = {"maps": "given/{dataset}"}
        row = {"model": "other", "training": "given"}
        config["tables"]["table_1"]["measured"]["Other"] = row
        return yaml.safe_dump(config).encode()

    with project.changed(("config.yaml", add)):
        project.run("results/tables")
        sheet = pd.read_csv(project.folder / "results/tables/table_1.csv", comment="#").set_index(
            ["method", "metric"]
        )["ours"]
    project.run("results/tables")  # as the other tests know them
    assert sheet["Other", "NSS"] == pytest.approx(sheet["Setting 1", "NSS"], abs=2e-3)
    findings = project.folder / "results/demo/saliency/other/given/ucf_sports.csv"
    assert "sixteen_bit" in findings.read_text()


def test_every_protocol_side_by_side(project: Any) -> None:
    target = "results/demo/protocols/gfsalnet/setting_1_ucf_sports/ucf_sports"
    project.run(target)
    sheet = pd.read_csv(project.folder / target / "protocols.csv", comment="#")
    found = sheet.set_index(["protocol", "metric"])
    assert {*PROTOCOLS} < {*found.index.get_level_values(0)}
    assert found.loc[("mit", "NSS"), "mean"] == pytest.approx(
        _nss(project.folder / SCORES).mean(), abs=1e-5
    )
    means = found["mean"].unstack()["NSS"]
    spread = means.pop("Highest less lowest")
    assert spread == pytest.approx(means.max() - means.min(), abs=2e-6)


@pytest.mark.slow
def test_given_maps_against_published_values(project: Any, given: Path) -> None:
    clips = sorted(folder.name for folder in given.iterdir() if folder.is_dir())
    means = _nss(project.folder / SCORES)

    def models(content: bytes) -> bytes:
        config = yaml.safe_load(content)
        config["models"]["other"] = {"maps": "given/{dataset}", "published": "Drawn"}
        return yaml.safe_dump(config).encode()

    def values(content: bytes) -> bytes:
        before = "Drawn,ucf_sports,test,paper"
        program = f"{before},salema,Their program,clips/drawn.csv,,,0.5,1.0,,,,,\n"
        return content + f"{program}{before},mit,Board,,,,,{means.mean():.6f},,,,,\n".encode()

    target = "results/demo/verify_published/other/ucf_sports"
    rows = "".join(f"{clip},0.5,1.0\n" for clip in [*clips[1:], "beyond"])
    drawn = {"workflow/published/clips/drawn.csv": f"# drawn\nclip,CC,NSS\n{rows}"}
    with (
        project.added(drawn),
        project.changed(("config.yaml", models), ("workflow/published/rivals.csv", values)),
    ):
        project.run(target)
        assert project.planned(target) == {}
    found = pd.read_csv(project.folder / target / "verify_published.csv", comment="#").set_index(
        ["source", "metric"]
    )
    assert found.loc[("Board", "NSS"), "agrees"] == "yes"
    assert found.loc[("Board", "NSS"), "difference"] == pytest.approx(0, abs=2e-3)
    halved = project.folder / "results/demo/scores/salema/other/given/ucf_sports.csv"
    scored = _nss(halved).groupby("clip").mean()
    assert found.loc[("Their program", "NSS"), "measured"] == pytest.approx(
        scored[clips[1:]].mean(), abs=1e-5
    )
    page = (project.folder / target / "verify_published.md").read_text()
    assert f"protocol salema, {len(clips) - 1} of {len(clips)} clips" in page
    assert "> Without a score here: beyond." in page
    assert "here 128x96" in page
    sheet = pd.read_csv(project.folder / target / "clips.csv", comment="#").set_index(
        ["clip", "metric"]
    )
    for clip in clips[1:]:
        assert sheet.loc[(clip, "NSS"), "measured"] == pytest.approx(scored[clip], abs=1e-5)
