"""Films of what a network made, side by side."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.viewing.media.film import open_film
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.colours import table
from pipeline.viewing.products.panels import (
    Sheet,
    SideBySide,
    flow_picture,
    gate_picture,
    panel_size,
)
from tests.pipeline.viewing.pieces import blobs, decoded, draw_film, pieces, produce


@pytest.mark.parametrize(
    ("size", "panel"),
    [
        ((1920, 1080), (360, 640)),
        ((1080, 1920), (640, 360)),
        ((640, 360), (360, 640)),
        ((500, 333), (332, 500)),
        ((96, 72), (240, 320)),
        ((2, 3000), (640, 2)),
    ],
)
def test_panels_are_even_and_no_larger_than_a_screen_takes(
    size: tuple[int, int], panel: tuple[int, int]
) -> None:
    assert panel_size(*size) == panel


@pytest.mark.parametrize(
    ("count", "grid"),
    [(1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3)), (6, (2, 3))],
)
def test_panels_stand_in_a_grid_under_their_labels(count: int, grid: tuple[int, int]) -> None:
    sheet = Sheet(["saliency"] * count, (180, 320))
    white = np.full((180, 320, 3), 255, np.uint8)
    picture = sheet.filled([white] * count)
    assert picture.shape == (*sheet.size, 3)
    assert not any(side % 2 for side in sheet.size)
    filled = (picture == 255).all(-1)
    # A label has no line of ink from side to side, a panel has nothing else.
    rows = np.diff(filled.mean(1) > 0.3, prepend=False, append=False).sum() // 2
    columns = np.diff(filled.mean(0) > 0.3, prepend=False, append=False).sum() // 2
    assert (rows, columns) == grid
    assert filled.sum() >= count * 180 * 320
    strip = sheet.size[0] // grid[0] - 180
    assert (picture[:strip, :160] > 150).any()  # something is written


def test_every_label_fits_over_the_narrowest_panel_of_a_usual_film() -> None:
    """9:16, upright: the end of its strip stays free of ink."""
    longest = Sheet(["G_T: weight of motion, 0 to 1"], (320, 180))
    picture = longest.filled([np.zeros((320, 180, 3), np.uint8)])
    strip = picture[: longest.size[0] - 320]
    assert (strip[:, :100] > 150).any()
    assert (strip[:, 176:] < 150).all()


def test_flow_has_the_colours_of_its_direction_and_is_never_darkened() -> None:
    flow = np.zeros((2, 4, 8), np.float32)
    flow[0, :, 4:] = 5
    picture = flow_picture(flow, 5.0, (16, 32))
    assert (picture[:, :12] == 255).all()  # still
    assert np.abs(picture[8, 30].astype(int) - (255, 0, 0)).max() <= 25  # to the right: red
    faster = flow_picture(flow * 3, 5.0, (16, 32))
    assert np.abs(faster.astype(int) - picture).max() <= 1


def test_a_gate_of_one_value_is_drawn_as_that_value() -> None:
    half = gate_picture(np.full((4, 8), 0.5, np.float32), (16, 32))
    assert (half == table("viridis")[128]).all()


def test_a_network_of_two_streams_shows_six_panels(tmp_path: Path) -> None:
    film, out = draw_film(tmp_path / "in.mp4", 4), tmp_path / "out.mp4"
    produce(SideBySide(film, out), pieces([2, 2], rich=True), tmp_path / "run")
    shown = list(decoded(out))
    height, width = 240, 320
    strip = shown[0].shape[0] // 2 - height
    assert len(shown) == 4
    assert shown[0].shape == (2 * (height + strip), 3 * width + 8, 3)
    cells = [
        shown[2][strip + row * (strip + height) :, column * (width + 4) :][:height, :width]
        for row in range(2)
        for column in range(3)
    ]
    gate = cells[5].reshape(-1, 3).mean(0)
    assert np.abs(gate - table("viridis")[128]).max() < 6
    flow = cells[2].reshape(-1, 3).mean(0)
    assert flow[0] > 180 > 80 > flow[2]  # red: all moves to the right
    # Bright where the map has its peak, dark in its empty half; S_T has its peak further down.
    for cell, y in ((cells[1], 85), (cells[3], 85), (cells[4], 165)):
        x = 45 if y == 165 else 85
        assert cell[y - 5 : y + 5, x - 5 : x + 5].mean() > 150
        assert cell[:, 200:].mean() < 12
    assert cells[0].std() > 30


def test_the_light_network_shows_what_stands_out_in_place_of_a_gate(tmp_path: Path) -> None:
    film, out = draw_film(tmp_path / "in.mp4", 2), tmp_path / "out.mp4"
    (one,) = pieces([2], rich=True)
    sides = {name: found for name, found in one.sides.items() if name != "gate_motion"}
    sides["conspicuity"] = blobs(2, at=(16, 4))
    piece = Piece(0, 0, one.frames, one.flow, one.maps, sides)
    produce(SideBySide(film, out), [piece], tmp_path / "run")
    last = next(decoded(out))[-240:, -320:]
    assert last[160:170, 40:50].mean() > 150
    assert last[:, 200:].mean() < 12


def test_a_network_of_maps_alone_shows_two_panels(tmp_path: Path) -> None:
    film, out = draw_film(tmp_path / "in.mp4", 2), tmp_path / "out.mp4"
    produce(SideBySide(film, out, strength=0.6), pieces([2]), tmp_path / "run")
    shown = list(decoded(out))
    assert shown[0].shape[1] == 2 * 320 + 4
    frame, laid_over = shown[1][-240:, :320].astype(int), shown[1][-240:, 324:].astype(int)
    assert np.abs(frame - laid_over)[:, 200:].mean() < 3
    assert np.abs(frame - laid_over)[75:95, 75:95].mean() > 40


def test_letters_stand_in_square_pixels(tmp_path: Path) -> None:
    """A film of wide pixels has wider panels instead."""
    film = replace(draw_film(tmp_path / "in.mp4", 1), aspect=Fraction(4, 3))
    produce(SideBySide(film, tmp_path / "out.mp4"), pieces([1]), tmp_path / "run")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == 1
        assert stream.width == 2 * 320 + 4
    assert panel_size(128, 72) == (180, 320)


def test_panels_of_a_picture_are_a_picture(tmp_path: Path) -> None:
    Image.fromarray(np.full((180, 320, 3), 128, np.uint8)).save(tmp_path / "in.png")
    out = tmp_path / "out.png"
    produce(SideBySide(open_film(tmp_path / "in.png"), out), pieces([1]), tmp_path / "run")
    with Image.open(out) as opened:
        assert opened.width == 2 * 320 + 4
        assert np.unique(np.asarray(opened)[-180:, :320]).tolist() == [128]
