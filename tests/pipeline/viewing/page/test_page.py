"""What a page holds, how it grows out of pieces, and what it says of its size."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from pipeline.runtime.errors import InputError
from pipeline.viewing.media.film import Film, open_film
from pipeline.viewing.piece import Piece
from pipeline.viewing.products import page as page_module
from pipeline.viewing.products.numbers import About
from pipeline.viewing.products.page import Page
from pipeline.viewing.products.regions import Region, Regions
from tests.pipeline.reporting.conftest import Html
from tests.pipeline.viewing.page.pages import COUNT, SHOTS, TIMES, coded_film, made, pieces

ABOUT = About(name="coded & co", about="Weights of <nobody>, CC0.")
HALF = Region("left </script> half", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return open_film(coded_film(tmp_path_factory.mktemp("film")))


@pytest.fixture(scope="module")
def folders(film: Film, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of the pieces of `page`."""
    folder = tmp_path_factory.mktemp("page")
    return made(Page(film, folder / "page.html", Regions([HALF]), ABOUT), film, folder)


@pytest.fixture(scope="module")
def page(folders: list[Path]) -> Path:
    """A page of all of the film."""
    return folders[0].parent / "page.html"


def content(path: Path) -> dict[str, Any]:
    """What the script of a page reads."""
    (data,) = re.findall(r'id="data">(.*?)</script>', path.read_text())
    found: dict[str, Any] = json.loads(data)
    return found


def frames_of(path: Path, folder: Path) -> list[np.ndarray]:
    """The frames of a page's film, grey levels [y, x]."""
    slices = re.findall(r'class="film">(.*?)</script>', path.read_text())
    film = folder / "film.mp4"
    film.write_bytes(b"".join(base64.b64decode(one, validate=True) for one in slices))
    with av.open(str(film)) as container:
        return [frame.to_ndarray(format="gray8") for frame in container.decode(video=0)]


def test_a_page_is_one_file_that_names_what_made_it(page: Path) -> None:
    text = page.read_text()
    found = Html(text)
    assert "<h1>coded &amp; &lt;i&gt;film.mkv</h1>" in text
    assert "as predicted by Weights of &lt;nobody&gt;, CC0." in " ".join(text.split())
    assert {tag for tag, _ in found.tags if tag in ("link", "img", "iframe", "object")} == set()
    assert not [name for _, attrs in found.tags for name in ("src", "href") if name in attrs]
    assert re.findall(r"https?://(?!www\.w3\.org)", text) == []
    assert text.count("</script>") == text.count("<script")


def test_numbers_shots_and_times_are_those_of_the_film(page: Path) -> None:
    data = content(page)
    np.testing.assert_allclose(data["times"], TIMES, atol=1e-6)
    assert data["shots"] == list(SHOTS)
    (region,) = data["regions"]
    assert region["name"] == HALF.name and region["gates"] is None
    assert region["shares"] == [1, 1, 0, 0] * (COUNT // 4)
    assert [len(values) for values in data["numbers"].values()] == [COUNT, COUNT]
    assert data["numbers"]["Centre (x, y)"][:2] == ["0.12, 0.67", "0.38, 0.67"]
    assert [(lane["name"], lane["top"]) for lane in data["lanes"]] == [
        ("Spread", 0.1),
        ("Shares of the regions", 1),
    ]
    assert len(base64.b64decode(data["colours"]["viridis"])) == 3 * 256


def test_a_gate_has_a_lane_of_0_to_1_and_a_column_of_the_regions(
    film: Film, tmp_path: Path
) -> None:
    product = Page(film, tmp_path / "page.html", Regions([HALF]), ABOUT)
    (piece, *_) = pieces(len(film))
    gate = np.full((len(piece), 12, 20), 0.25, np.float32)
    gate[:, :, :10] = 0.5
    product.add(Piece(0, 0, piece.frames, None, piece.maps, {"gate_motion": gate}), tmp_path)
    product.finish([tmp_path])
    data = content(tmp_path / "page.html")
    assert data["lanes"][0]["name"] == "Motion gate" and data["lanes"][0]["top"] == 1
    assert data["lanes"][0]["values"] == [0.375] * len(piece)
    assert data["regions"][0]["gates"] == ["0.50"] * len(piece)
    # A film that breaks off after these frames ends with the last of them.
    np.testing.assert_allclose(data["times"], TIMES[: len(piece) + 1], atol=1e-6)


def test_each_frame_has_its_picture_above_its_map(page: Path, tmp_path: Path) -> None:
    data = content(page)
    frames = frames_of(page, tmp_path)
    place = data["map"]
    assert len(frames) == COUNT and place["top"] % 16 == 0
    maps = np.concatenate([piece.maps for piece in pieces(COUNT)])
    for k, frame in enumerate(frames):
        assert abs(frame[: data["height"], : data["width"]].mean() - (16 + 4 * k)) < 1.5
        found = frame[place["top"] :][: place["height"], : place["width"]]
        assert np.abs(found - 255 * maps[k] / maps[k].max()).mean() < 2


def test_a_run_that_was_stopped_goes_on_to_the_same_page(
    film: Film, folders: list[Path], page: Path, tmp_path: Path
) -> None:
    again = Page(film, tmp_path / "again.html", Regions([HALF]), ABOUT)
    kept = folders[:3]
    for piece in pieces(len(film))[len(kept) :]:
        kept.append(tmp_path / str(piece.first))
        kept[-1].mkdir()
        again.add(piece, kept[-1])
    again.finish(kept)
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()
    assert not list(tmp_path.rglob("*.mp4"))


@pytest.mark.parametrize(
    ("size", "aspect", "grid", "shown", "map_size"),
    [
        ((1080, 1920), 1, (224, 384), (540, 960), (224, 384)),
        ((1920, 1080), 1, (384, 224), (960, 540), (384, 224)),  # portrait
        ((576, 720), Fraction(16, 15), (192, 256), (576, 768), (192, 256)),  # PAL
        ((97, 131), 1, (224, 384), (98, 132), (77, 132)),  # smaller than the map, and odd
        ((1, 1), 1, (32, 32), (2, 2), (2, 2)),
    ],
)
def test_pictures_are_at_most_960_pixels_long_with_square_pixels(
    film: Film,
    tmp_path: Path,
    size: tuple[int, int],
    aspect: Fraction,
    grid: tuple[int, int],
    shown: tuple[int, int],
    map_size: tuple[int, int],
) -> None:
    other = replace(film, height=size[0], width=size[1], aspect=Fraction(aspect))
    product = Page(other, tmp_path / "page.html", Regions(), ABOUT)
    maps = np.ones((1, *grid), np.float32)
    product.add(Piece(0, 0, np.zeros((1, *grid, 3), np.uint8), None, maps, {}), tmp_path)
    product.finish([tmp_path])
    data = content(tmp_path / "page.html")
    assert (data["height"], data["width"]) == shown
    assert (data["map"]["height"], data["map"]["width"]) == map_size
    (frame,) = frames_of(tmp_path / "page.html", tmp_path)
    assert frame.shape[0] >= data["map"]["top"] + map_size[0]
    assert frame.shape[1] >= max(shown[1], map_size[1])
    # A map that is the same everywhere prefers no place, and colours nothing.
    assert frame[data["map"]["top"] :].max() <= 2


def test_a_still_is_a_picture_in_the_page(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "still.png"), np.full((90, 160, 3), 100, np.uint8))
    film = open_film(tmp_path / "still.png")
    made(Page(film, tmp_path / "page.html", Regions(), ABOUT), film, tmp_path)
    page = Html((tmp_path / "page.html").read_text())
    (source,) = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert source.startswith("data:image/jpeg;base64,/9j/")
    assert not {"video", "button"} & {tag for tag, _ in page.tags}


def test_an_empty_map_has_no_numbers_and_no_colour(film: Film, tmp_path: Path) -> None:
    product = Page(film, tmp_path / "page.html", Regions([HALF]), ABOUT)
    (piece, *_) = pieces(len(film))
    empty = np.zeros_like(piece.maps)
    product.add(Piece(0, 0, piece.frames, None, empty, {}), tmp_path)
    product.finish([tmp_path])
    data = content(tmp_path / "page.html")
    assert data["numbers"] == {"Centre (x, y)": ["-"] * len(piece)}
    assert data["regions"][0]["shares"] == [None] * len(piece)


@pytest.mark.parametrize(("limit", "said"), [(10**9, False), (1000, True)])
def test_a_page_that_is_large_is_reported_with_the_remedy(
    film: Film,
    folders: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    said: bool,
) -> None:
    monkeypatch.setattr(page_module, "_LARGE", limit)
    Page(film, tmp_path / "page.html", Regions(), ABOUT).finish(folders)
    line = capsys.readouterr().err
    assert bool(re.search(r"page\.html: \d+\.\d kB .* --start and --end", line)) == said


def test_a_disk_that_refuses_is_one_line(film: Film, folders: list[Path], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    product = Page(film, tmp_path / "taken/page.html", Regions(), ABOUT)
    with pytest.raises(InputError, match="taken: something of that name is in the way"):
        product.finish(folders)
