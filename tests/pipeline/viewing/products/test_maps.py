"""The maps of a film as numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from pipeline.evaluation.external_maps.findings import Expected
from pipeline.evaluation.external_maps.reader import ExternalMaps, open_maps
from pipeline.runtime.errors import InputError
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.maps import FORMS, MapFiles
from tests.pipeline.viewing.pieces import GRID, draw_film, pieces, produce

NAMES = {"npy": "clip.npy", "png": "clip", "zarr": "clip.zarr", "mp4": "clip.mp4"}
LENGTHS = [20, 1, 25]
"""More than a shard of Zarr, whose end no piece shares."""


def varied(lengths: list[int]) -> list[Piece]:
    """Pieces of maps that all differ, of which one is 0."""
    given, rng = pieces(lengths), np.random.default_rng(0)
    for piece in given:
        piece.maps[:] *= rng.uniform(0.1, 5, piece.maps.shape)
    given[-1].maps[3] = 0
    return given


def exact(given: list[Piece]) -> np.ndarray:
    maps = np.concatenate([piece.maps for piece in given])
    largest = maps.max(axis=(1, 2), keepdims=True)
    return maps / np.where(largest, largest, 1)


def as_scored(folder: Path, count: int) -> ExternalMaps:
    """The maps below a folder as a scorer finds them, who expects no more of `clip`."""
    return open_maps(folder, [Expected("clip", count, list(range(1, count + 1)), (72, 96))])


@pytest.mark.parametrize("form", FORMS)
def test_a_scorer_finds_every_map(tmp_path: Path, form: str) -> None:
    film, given = draw_film(tmp_path / "in.mp4", sum(LENGTHS)), varied(LENGTHS)
    out = tmp_path / "maps" / NAMES[form]
    produce(MapFiles(film, out, form), given, tmp_path / "run")
    found = as_scored(tmp_path / "maps", len(film))
    assert found.frames("clip") == list(range(sum(LENGTHS)))
    if form == "mp4":
        assert found.read_map("clip", 30).shape == (72, 96)
        levels = np.stack([found.read_map("clip", index) for index in (0, 24, 30)])
        assert (levels[1] < 5).all()  # the map of zeros
        assert (levels[::2].max(axis=(1, 2)) > 240).all()
        return
    scale = 65535 if form == "png" else 1
    for index, values in enumerate(exact(given)):
        assert np.abs(found.read_map("clip", index) / scale - values).max() <= 2**-11
    expected = {"zero_map", "other_size", *(["sixteen_bit"] if form == "png" else [])}
    expected |= {"other_file"} if form == "zarr" else set()  # the times of the frames
    assert {finding.kind for finding in found.findings} == expected


def test_npy_is_an_array_of_all_frames(tmp_path: Path) -> None:
    film, given = draw_film(tmp_path / "in.mp4", 3), varied([2, 4])
    produce(MapFiles(film, tmp_path / "out.npy", "npy"), given, tmp_path / "run")
    found = np.load(tmp_path / "out.npy", mmap_mode="r")
    assert (found.dtype, found.shape) == (np.float16, (6, *GRID))
    assert np.array_equal(found, exact(given).astype(np.float16))


def test_png_has_sixteen_bits(tmp_path: Path) -> None:
    film, given = draw_film(tmp_path / "in.mp4", 2), pieces([2])
    produce(MapFiles(film, tmp_path / "out", "png"), given, tmp_path / "run")
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == [
        "000001.png",
        "000002.png",
    ]
    with Image.open(tmp_path / "out/000001.png") as opened:
        assert (opened.mode, opened.getextrema()) == ("I;16", (0, 65535))


def test_zarr_states_when_each_frame_appears(tmp_path: Path) -> None:
    film = draw_film(tmp_path / "in.mp4", sum(LENGTHS))
    produce(MapFiles(film, tmp_path / "out.zarr", "zarr"), varied(LENGTHS), tmp_path / "run")
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    assert group["saliency"].metadata.dimension_names == ("time", "y", "x")
    assert group["time"].metadata.dimension_names == ("time",)
    assert group["saliency"].dtype == np.float16
    assert np.allclose(group["time"][:], np.arange(sum(LENGTHS)) / 25)


@pytest.mark.parametrize("form", ["npy", "png", "zarr"])
def test_what_was_there_is_replaced_as_a_whole(tmp_path: Path, form: str) -> None:
    """Whoever calls has made sure that it may be."""
    film, given = draw_film(tmp_path / "in.mp4", 6), pieces([2])
    out = tmp_path / NAMES[form]
    produce(MapFiles(film, out, form), varied([6]), tmp_path / "first")
    produce(MapFiles(film, out, form), given, tmp_path / "second")
    assert as_scored(tmp_path, 2).frames("clip") == [0, 1]
    assert not list(tmp_path.glob("*.partial"))
    if form == "png":
        assert len(list(out.iterdir())) == 2


def test_a_form_that_is_not_known_is_named(tmp_path: Path) -> None:
    film = draw_film(tmp_path / "in.mp4", 1)
    with pytest.raises(InputError, match=r"'nyp': known are npy, png, zarr, mp4; did you mean npy"):
        MapFiles(film, tmp_path / "out", "nyp")
