"""Numbers of a film: known maps have known moments, and the document keeps its schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.raw.timing import Timing
from pipeline.viewing.media.film import Film
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.numbers import SCHEMA, About, Document, Numbers, moments, schema
from pipeline.viewing.products.regions import Region, Regions

LEFT = Region("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
LATE = Region("late", ((0, 0), (1, 0), (1, 0.25), (0, 0.25)), since=0.15, until=0.25)


def film(
    frames: int, width: int = 160, height: int = 90, aspect: Fraction = Fraction(1), rate: int = 10
) -> Film:
    timing = Timing(np.arange(frames), Fraction(1, rate), Fraction(rate), 1)
    path = Path("/some/where/a film.mp4")
    beginning = (timing, 0, Fraction(0), None, None)
    return Film(path, "film", width, height, aspect, timing, False, *beginning)


def piece(maps: Any, first: int = 0, shot: int = 0, gate: Any = None) -> Piece:
    maps = np.asarray(maps, np.float32)
    frames = np.zeros((*maps.shape, 3), np.uint8)
    sides = {} if gate is None else {"gate_motion": np.asarray(gate, np.float32)}
    return Piece(first, shot, frames, None, maps, sides)


def spot(y: int, x: int, shape: tuple[int, int] = (36, 64)) -> NDArray[np.float32]:
    found = np.zeros(shape, np.float32)
    found[y, x] = 7
    return found


def test_one_point_has_its_place_and_no_spread() -> None:
    (found,) = moments(piece([spot(8, 47)]), Regions([LEFT]), film(1))
    place = [round(47.5 / 64, 6), round(8.5 / 36, 6)]
    assert found["centre"] == found["peak"] == place
    assert found["deviation"] == [0, 0] and found["spread"] == 0
    assert found["regions"] == {"left": 0} and found["gates"] == {} and found["gate"] is None


@pytest.mark.parametrize("shape", [(36, 64), (128, 8)])
def test_looking_everywhere_alike_has_the_same_spread_in_any_shape(shape: tuple[int, int]) -> None:
    shown = film(1, width=shape[1] * 10, height=shape[0] * 10)
    (found,) = moments(piece([np.full(shape, 0.3)]), Regions([LEFT]), shown)
    assert found["centre"] == [0.5, 0.5]
    assert found["spread"] == pytest.approx(12**-0.5, abs=3e-3)  # pixels are no points
    assert found["regions"]["left"] == 0.5


def test_spread_counts_in_the_shown_shape_of_pixels() -> None:
    """Two points a half of the width apart: a standard deviation of a quarter of it."""
    maps = [spot(4, 16) + spot(4, 48)]
    (found,) = moments(piece(maps), Regions(), film(1, 300, 400, Fraction(1)))
    assert found["deviation"] == [0.25, 0] and found["spread"] == pytest.approx(0.25 * 300 / 500)
    (wide,) = moments(piece(maps), Regions(), film(1, 150, 400, Fraction(2)))
    assert wide["spread"] == found["spread"]


def test_numbers_do_not_depend_on_the_scale_of_a_map() -> None:
    drawn = np.random.default_rng(0).random((1, 9, 16)).astype(np.float32)
    regions = Regions([LEFT])
    assert moments(piece(drawn), regions, film(1)) == moments(piece(drawn * 64), regions, film(1))


def test_an_empty_map_says_nothing_about_places() -> None:
    gate = np.full((1, 4, 4), 0.25)
    (found,) = moments(piece(np.zeros((1, 4, 4)), gate=gate), Regions([LEFT]), film(1))
    assert [found[key] for key in ("centre", "deviation", "spread", "peak")] == [None] * 4
    assert found["gate"] == 0.25 and found["regions"] == {"left": None}
    assert found["gates"] == {"left": 0.25}


def test_the_gate_is_averaged_over_the_frame_and_over_each_region() -> None:
    gate = np.zeros((1, 4, 8))
    gate[:, :, :4], gate[:, :, 4:] = 0.9, 0.1
    (found,) = moments(piece(np.ones((1, 4, 8)), gate=gate), Regions([LEFT]), film(1))
    assert found["gate"] == 0.5 and found["gates"] == {"left": 0.9}


def write(out: Path, pieces: Sequence[Piece], shown: Film, regions: Regions) -> dict[str, Any]:
    product = Numbers(shown, out, regions, About(name="drawn", about="Spots."))
    folders = []
    for one in pieces:
        folder = out.parent / f"{out.stem}_{one.first}"
        folder.mkdir()
        product.add(one, folder)
        folders.append(folder)
    product.finish(folders)
    content: dict[str, Any] = json.loads(out.read_text())
    return content


@pytest.fixture
def pieces() -> list[Piece]:
    """Two shots, the first of two pieces, at 10 frames/s."""
    maps = [spot(10, 5), spot(10, 15), spot(10, 40), np.zeros((36, 64)), spot(0, 0)]
    gates = np.linspace(0.1, 0.5, 5)[:, None, None] * np.ones((5, 36, 64))
    return [
        piece(maps[:2], 0, 0, gates[:2]),
        piece(maps[2:3], 2, 0, gates[2:3]),
        piece(maps[3:], 3, 1, gates[3:]),
    ]


def test_the_document_has_each_frame_and_the_means_of_each_shot(
    tmp_path: Path, pieces: list[Piece]
) -> None:
    found = write(tmp_path / "out.json", pieces, film(5), Regions([LEFT, LATE]))
    assert [frame["index"] for frame in found["frames"]] == [0, 1, 2, 3, 4]
    assert [frame["seconds"] for frame in found["frames"]] == [0, 0.1, 0.2, 0.3, 0.4]
    assert found["source"]["name"] == "a film.mp4" and found["source"]["rate"] == "10"
    assert found["regions"] == {"late": 0.25, "left": 0.5}
    first, second = found["shots"]
    assert (first["first"], first["last"], first["seconds"]) == (0, 2, [0, 0.3])
    assert (second["first"], second["last"], second["seconds"]) == (3, 4, [0.3, 0.5])
    assert first["centre"] == pytest.approx([20.5 / 64, 10.5 / 36], abs=1e-6)
    assert first["regions"]["left"] == pytest.approx(2 / 3, abs=1e-6)
    assert first["gates"]["left"] == 0.2
    assert second["centre"] == found["frames"][4]["centre"], "the empty frame does not count"
    assert second["gate"] == 0.45
    assert list(found["frames"][2]["regions"]) == ["late", "left"]
    assert list(found["frames"][0]["regions"]) == ["left"]
    assert "late" in first["regions"] and "late" not in second["regions"]


def test_the_document_fits_its_schema(tmp_path: Path, pieces: list[Piece]) -> None:
    remedy = "call: python -m pipeline.viewing.products.numbers"
    assert SCHEMA.read_text(encoding="utf-8") == schema(), remedy
    for name, regions in {"with": Regions([LEFT, LATE]), "without": Regions()}.items():
        found = write(tmp_path / f"{name}.json", pieces, film(5), regions)
        jsonschema.validate(found, json.loads(schema()))
        read = Document.model_validate_json((tmp_path / f"{name}.json").read_text())
        assert len(read.frames) == 5 and read.model.version
    found["frames"][0]["centre"] = [0.5, 1.2]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, json.loads(schema()))


def test_the_same_film_gives_the_same_bytes_whatever_its_folder(
    tmp_path: Path, pieces: list[Piece]
) -> None:
    for folder in ("a", "b/c"):
        (tmp_path / folder).mkdir(parents=True)
        write(tmp_path / folder / "out.json", pieces, film(5), Regions([LEFT]))
    text = (tmp_path / "a/out.json").read_bytes()
    assert text == (tmp_path / "b/c/out.json").read_bytes()
    assert b"where" not in text and str(tmp_path).encode() not in text


def test_a_frame_is_a_line(tmp_path: Path, pieces: list[Piece]) -> None:
    write(tmp_path / "out.json", pieces, film(5), Regions())
    lines = (tmp_path / "out.json").read_text().splitlines()
    assert sum(line.startswith('  {"index": ') for line in lines) == 5 + 2


def test_a_film_that_breaks_off_has_the_frames_that_were_read(
    tmp_path: Path, pieces: list[Piece]
) -> None:
    found = write(tmp_path / "out.json", pieces, film(9), Regions())
    assert (found["source"]["frames"], found["source"]["seconds"]) == (5, 0.5)
    assert found["shots"][-1]["seconds"] == [0.3, 0.5]
