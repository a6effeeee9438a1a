"""Training curves: a line for each model, and rings where clips were held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.reporting.figures.curves import curves


def log(folder: Path, model: str, *, held_out: bool, above: float = 0.0) -> Path:
    path = folder / model / "setting_2.csv"
    path.parent.mkdir(parents=True)
    measured = {k: "2.5" for k in range(10, 41, 10)} if held_out else {}
    rows = [f"{k},{above + 3 / k:.4f},{measured.get(k, '')}" for k in range(1, 41)]
    path.write_text("\n".join(["iteration,loss,validation_kl", *rows, ""]))
    return path


def drawn(folder: Path, logs: list[Path]) -> np.ndarray:
    picture = folder / "curves.png"
    curves(logs=logs, picture=picture)
    with Image.open(picture) as found:
        return np.asarray(found.convert("RGB"))


def test_models_have_colours_of_their_own(tmp_path: Path) -> None:
    logs = [log(tmp_path, f"model_{i}", held_out=False, above=i) for i in range(7)]
    pixels = drawn(tmp_path, logs).reshape(-1, 3)
    colours = ("000000", "0072b2", "d55e00", "009e73", "cc79a7", "56b4e9", "e69f00")
    for colour in colours:
        # Edges are mixed with white, and most of a dotted line is edges.
        assert (pixels == [*bytes.fromhex(colour)]).all(-1).sum() > 10, colour


def test_held_out_values_are_drawn_where_a_log_has_them(tmp_path: Path) -> None:
    with_rings = drawn(tmp_path, [log(tmp_path / "a", "model", held_out=True)])
    without = drawn(tmp_path, [log(tmp_path / "b", "model", held_out=False)])
    dark = [(one.max(-1) < 80).sum() for one in (with_rings, without)]
    assert dark[0] > dark[1] + 100
