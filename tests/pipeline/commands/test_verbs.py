"""Tasks hand their options on to what does them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.commands import reframe
from pipeline.commands.main import main
from pipeline.raw.ffmpeg import write_frames
from pipeline.stores.kinds import DENSITY
from pipeline.viewing.media.film import open_film
from pipeline.viewing.products.reframe import KEEP
from tests.builders import store


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noted(monkeypatch: pytest.MonkeyPatch, place: str, result: Any = None) -> list[Any]:
    """Arguments of the calls of a function that is replaced."""
    found: list[Any] = []

    def note(*arguments: Any, **options: Any) -> Any:
        found.append((*arguments, options))
        return result

    monkeypatch.setattr(place, note)
    return found


def write_still(path: Path) -> None:
    with write_frames(path, (64, 96, 3), 10, vcodec="libx264") as write:
        write(np.full((64, 96, 3), 40, np.uint8))


def test_reframe() -> None:
    with write_frames(Path("my.mp4"), (64, 96, 3), 10, vcodec="libx264") as write:
        for place in range(8):
            frame = np.full((64, 96, 3), 40, np.uint8)
            frame[20:34, 40 + place : 54 + place] = 230
            write(frame)
    main(["reframe", "my.mp4", "--model", "spectral_residual", "--aspect", "1:1", "--json", "-q"])
    assert {path.name for path in Path().iterdir()} == {"my.mp4", "my_1x1.mp4", "my_1x1.json"}
    made = open_film(Path("my_1x1.mp4"))
    assert (made.width, made.height, len(made)) == (64, 64, 8)
    assert json.loads(Path("my_1x1.json").read_text())


def test_reframe_has_two_names_for_two_outputs() -> None:
    write_still(Path("my.mp4"))
    with pytest.raises(SystemExit, match="the name of two outputs"):
        main(["reframe", "my.mp4", "-o", "b.mp4", "--json", "b.mp4"])


def test_reframe_is_refused_where_something_is() -> None:
    Path("my.mp4").write_text("")
    Path("x.mp4").write_text("mine")
    with pytest.raises(SystemExit, match=r"^gfsalnet reframe: "):
        main(["reframe", "my.mp4", "-o", "x.mp4"])
    assert Path("x.mp4").read_text() == "mine"


@pytest.mark.parametrize(("text", "value"), [("9:16", Fraction(9, 16)), ("1.5", Fraction(3, 2))])
def test_shapes(text: str, value: Fraction) -> None:
    assert reframe.aspect(text) == value


@pytest.mark.parametrize("text", ["9:0", "wide", "1:100", "-1:2"])
def test_no_shapes(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["reframe", "my.mp4", f"--aspect={text}"])
    assert ended.value.code == 2
    assert "expected width:height, such as 9:16" in capsys.readouterr().err


def test_the_share_that_is_kept() -> None:
    assert reframe.KEEP == KEEP


def test_export_onnx(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls = noted(monkeypatch, "pipeline.viewing.network.onnx_export.export", 3e-6)
    main(["export-onnx", "spectral_residual", "--size", "384x224", "--still"])
    ((model, path, height, width, options),) = calls
    assert model.name == "spectral_residual"
    assert (path, height, width) == (Path("spectral_residual.onnx"), 224, 384)
    assert options == {"still": True}
    assert "at most 3.0e-06 of the peak" in capsys.readouterr().out


def test_score(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = noted(monkeypatch, "pipeline.score_folder.score_folder")
    main(["score", "maps", "--dataset", "dhf1k", "--protocol", "unisal", "--threads", "3"])
    options = {"dataset": "dhf1k", "split": None, "protocol": "unisal", "run": "demo"}
    assert calls == [(Path("maps"), {**options, "out": None, "threads": 3})]


def test_preflight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit status is what scripts ask for."""
    calls = noted(monkeypatch, "pipeline.checks.preflight.preflight", {"ready": True})
    noted(monkeypatch, "pipeline.checks.preflight_report.show")
    with pytest.raises(SystemExit) as ended:
        main(["preflight", "--run", "demo", "--dataset", "dhf1k", "--no-probe", "--json", "a.json"])
    assert ended.value.code == 0
    ((cfg, datasets, options),) = calls
    assert (cfg.run, datasets, options) == ("demo", ["dhf1k"], {"probing": False, "workers": 2})
    assert json.loads(Path("a.json").read_text()) == {"ready": True}


def test_export(here: Path) -> None:
    maps = np.random.default_rng(0).random((2, 8, 12), np.float32)
    manifest = store(DENSITY, here / "stores", {"clip": maps})
    main(["export", str(manifest), "-o", "pictures"])
    assert sorted(path.name for path in Path("pictures/clip").iterdir()) == ["0001.png", "0002.png"]


def test_info(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GFSALNET_HOME", "cache")
    main(["info"])
    said = capsys.readouterr().out
    rows = {line.split()[0]: line for line in said.splitlines() if line.startswith("  ")}
    assert "fetched when it is first used" in rows["unisal"]
    assert rows["spectral_residual"].endswith("ready")
    assert "needs --weights TASED_updated.pt" in rows["tased_net"]
    assert "ffmpeg" in said
    assert not Path("cache").exists()
