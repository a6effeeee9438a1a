"""A film in another shape: the window follows a drawn spot, cuts are cuts, nothing gets lost."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError
from pipeline.viewing.media.film import Film, open_film
from pipeline.viewing.network.load import load
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.reframe import Reframed, Window, letterbox, reframe

HEIGHT, WIDTH = 90, 160
SIDE = 12
"""Pixels of a drawn square."""
TALL = Fraction(9, 16)
Squares = list[list[tuple[int, int]]]
"""Of each frame, the middles (x, y) of the squares in it."""


def drawn(squares: Squares, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """White squares on a grey ramp, [t, y, x]."""
    ramp = np.linspace(0, 120, width).astype(np.uint8)
    frames = np.tile(ramp, (len(squares), height, 1))
    for frame, middles in zip(frames, squares, strict=True):
        for x, y in middles:
            frame[max(y - 6, 0) : y + 6, max(x - 6, 0) : x + 6] = 255
    return frames


def encoded(path: Path, frames: NDArray[np.uint8]) -> Film:
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "1", "preset": "ultrafast"})
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "yuv444p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        file.mux(stream.encode(None))
    return open_film(path)


def pieces(frames: NDArray[np.uint8], *ends: tuple[int, int]) -> list[Piece]:
    """Pieces up to frame and of shot as given; the map is where it is white."""
    maps = (frames[:, ::2, ::2] > 200).astype(np.float32)
    found, first = [], 0
    for last, shot in ends:
        colours = np.repeat(frames[first:last, ::2, ::2, None], 3, axis=3)
        found.append(Piece(first, shot, colours, None, maps[first:last], {}))
        first = last
    return found


def finished(product: Reframed, given: list[Piece], folder: Path) -> list[Path]:
    folders = []
    for piece in given:
        place = folder / f"{piece.first:06d}"
        place.mkdir(parents=True, exist_ok=True)
        product.add(piece, place)
        folders.append(place)
    product.finish(folders)
    return folders


def read(path: Path) -> NDArray[np.uint8]:
    with av.open(path) as file:
        return np.array([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def test_it_follows_a_square_respects_a_cut_and_shows_two_between_bars(tmp_path: Path) -> None:
    squares: Squares = [[(30 + t, 45)] for t in range(100)]  # pans
    squares += [[(140, 45)]] * 25  # a cut, at rest
    squares += [[(8, 45), (152, 45)]] * 25  # a cut, two at both edges
    frames = drawn(squares)
    film = encoded(tmp_path / "in.mp4", frames)
    product = Reframed(film, tmp_path / "out.mp4", TALL, tmp_path / "out.json")
    finished(product, pieces(frames, (60, 0), (100, 0), (125, 1), (150, 2)), tmp_path / "work")
    found = read(tmp_path / "out.mp4")
    assert found.shape == (150, 90, 50, 3)
    for shown, (t, middles) in zip(found[:125], enumerate(squares), strict=False):
        white = np.argwhere(shown[..., 1] > 200)
        assert len(white) > 0.8 * SIDE**2, f"frame {t} shows all of the square"
        left = middles[0][0] - white[:, 1].mean()
        expected = int(frames[t, 5, round(left + 10)])
        assert int(shown[5, 10, 0]) == pytest.approx(expected, abs=8)
    document = json.loads((tmp_path / "out.json").read_text())
    assert (document["schema"], document["aspect"]) == ("gfsalnet/reframe/1", "9/16")
    assert (document["width"], document["height"]) == (50, 90)
    pan, rest, two = document["shots"]
    assert [shot["mode"] for shot in document["shots"]] == ["crop", "crop", "letterbox"]
    assert [shot["last"] for shot in document["shots"]] == [99, 124, 149]
    assert pan["kept"] > 0.95 and two["kept"] == pytest.approx(0.5, abs=0.05)
    assert two["keyframes"] == []
    assert [key["x"] for key in rest["keyframes"]] == [110, 110]
    xs = np.interp(range(100), *zip(*((k["index"], k["x"]) for k in pan["keyframes"]), strict=True))
    assert np.abs(np.diff(xs, 2)).max() < 0.6, "it pans evenly"
    assert xs[0] == pytest.approx(30 - 25, abs=4) and xs[99] == pytest.approx(129 - 25, abs=2)
    whole = found[-1]
    assert whole[45, [2, 47], 1].min() > 200, "both squares are there"
    assert (np.ptp(whole[:20].astype(int), axis=1) < 60).all(), "bars are blurred"


def test_a_run_that_was_stopped_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    squares: Squares = [[(40, 45)]] * 20
    frames = drawn(squares)
    film = encoded(tmp_path / "in.mp4", frames)
    given = pieces(frames, (10, 0), (20, 0))
    whole = Reframed(film, tmp_path / "whole.mp4", TALL)
    folders = finished(whole, given, tmp_path / "a")
    (part,) = folders[0].glob("*.mkv")
    written = part.stat().st_mtime_ns
    next(folders[1].glob("*.mkv")).unlink()
    again = Reframed(film, tmp_path / "again.mp4", TALL)
    again.finish(folders)
    assert part.stat().st_mtime_ns == written, "what is there is not written twice"
    assert (tmp_path / "whole.mp4").read_bytes() == (tmp_path / "again.mp4").read_bytes()
    Reframed(film, tmp_path / "again.mp4", Fraction(1)).finish(folders)
    assert read(tmp_path / "again.mp4").shape == (20, 90, 90, 3), "parts of another path are not"


def test_from_a_film_to_a_film(tmp_path: Path) -> None:
    film = encoded(tmp_path / "in.mp4", drawn([[(120, 40)]] * 12))
    out, document = tmp_path / "out.mp4", tmp_path / "out.json"
    model, folder = load("spectral_residual"), tmp_path / "work"
    reframe(film, model, Fraction(1), out, document, folder=folder, every=4, progress=False)
    assert read(out).shape == (12, 90, 90, 3) and not folder.exists()
    (shot,) = json.loads(document.read_text())["shots"]
    assert shot["last"] == 11 and 0 <= shot["kept"] <= 1


def test_a_portrait_becomes_wide_and_the_window_goes_down(tmp_path: Path) -> None:
    frames = drawn([[(45, 30 + t)] for t in range(100)], 161, 91)
    film = encoded(tmp_path / "in.mkv", frames)
    product = Reframed(film, tmp_path / "out.mkv", Fraction(16, 9), tmp_path / "out.json")
    finished(product, pieces(frames, (100, 0)), tmp_path / "work")
    assert read(tmp_path / "out.mkv").shape == (100, 52, 90, 3)
    (shot,) = json.loads((tmp_path / "out.json").read_text())["shots"]
    assert shot["mode"] == "crop" and all(key["x"] == 0 for key in shot["keyframes"])
    ys = [key["y"] for key in shot["keyframes"]]
    assert ys == sorted(ys) and ys[0] < 15 and ys[-1] > 85


@pytest.mark.parametrize(
    ("size", "aspect", "pixel", "expected"),
    [
        ((1080, 1920), "9/16", "1", (1080, 608, 1)),
        ((1080, 1920), "1", "1", (1080, 1080, 1)),
        ((1080, 1920), "4/5", "1", (1080, 864, 1)),
        ((1080, 1920), "16/9", "1", (1080, 1920, 1)),
        ((1080, 1920), "21/9", "1", (822, 1920, 0)),
        ((1920, 1080), "16/9", "1", (608, 1080, 0)),
        ((1919, 1079), "4/5", "1", (1348, 1078, 0)),
        ((576, 720), "1", "16/15", (576, 540, 1)),  # PAL: 768 wide on the screen
    ],
)
def test_the_window_is_the_largest_of_the_shape(
    size: tuple[int, int], aspect: str, pixel: str, expected: tuple[int, int, int], tmp_path: Path
) -> None:
    assert Window.of(shown(*size, pixel), Fraction(aspect)) == expected


def shown(height: int, width: int, pixel: str = "1") -> Any:
    class Shown:
        source = Path("in.mp4")

    film = Shown()
    vars(film).update(height=height, width=width, aspect=Fraction(pixel))
    return film


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too narrow for frames of 160 x 90"):
        Reframed(shown(90, 160), tmp_path / "out.mp4", Fraction(1, 10))
    with pytest.raises(InputError, match=r"out\.txt"):
        Reframed(shown(90, 160), tmp_path / "out.txt", TALL)


def test_a_whole_frame_lies_between_bars() -> None:
    frame = np.full((90, 160, 3), 200, np.uint8)
    black = letterbox(frame, (160, 90), "black")
    rows = black[:, 45, 0] > 0
    assert rows.sum() == 51 and np.flatnonzero(rows)[[0, -1]].tolist() == [54, 104]
    blurred = letterbox(frame, (160, 90), "blur")
    assert blurred[80, 45, 0] == 200 and blurred[10, 45, 0] == pytest.approx(120, abs=1)
    assert letterbox(frame, (90, 160), "blur").tolist() == frame.tolist()
