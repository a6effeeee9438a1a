"""Classical models against the maps that their authors' programs make.

tests/data/README.md says which programs; those of photographs and of a recorded film are in
shared/reference/classical, which is not distributed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.io import loadmat
from torch import Tensor

from model.classical.coding_length import CodingLength
from model.classical.gbvs import GBVS
from model.classical.itti import Itti
from model.classical.matlab import imresize
from model.classical.pqft import PQFT
from model.classical.spectral_residual import SpectralResidual, residual_energy
from tests.model.classical.drawn import correlation, drawn, film, frame

Arrays = dict[str, NDArray[Any]]
SHARED = Path(__file__).parents[4] / "shared"
GOLDENS = SHARED / "reference/classical"
WALK: dict[str, Any] = {
    **{"longer_side": None, "levels": [2, 3, 4], "nodes": 32, "blur": 0.02},
    **{"sigma_activation": 0.15, "sigma_concentration": 0.06},
}
SPECTRAL = SpectralResidual(width=64, sigma=2.5)
LEAST = {"gbvs_graph_normalised": 0.993}
"""CC of maps that the program does not iterate to the end of both walks; of all others 0.9997."""


def gbvs(channels: str, concentration: Any = "power") -> GBVS:
    return GBVS(channels=channels, concentration=concentration, **WALK)


def itti(*, map_side: int | None = None, deltas: tuple[int, ...] = (2,)) -> Itti:
    return Itti(longer_side=None, map_side=map_side, centres=[2, 3], deltas=deltas, blur=0.03)


def guo(latency: int = 2) -> PQFT:
    return PQFT(motion=True, program="guo", height=64, latency=latency)


PQFT_2 = PQFT(motion=True, program="pqft_2", height=64, latency=3)


def every_fourth(now: Tensor, before: Tensor) -> Tensor:
    """PQFT_2's map at the size of the picture, as the golden maps keep it."""
    found = PQFT_2.small_map(now, before)
    return imresize(found, now.shape[-2:], "triangle")[..., ::4, ::4]


def still_maps(picture: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Maps of a picture by the keys of the golden ones; features of coding length apart."""
    yield "gbvs", gbvs("DIO").on_lattice(picture, None)
    yield "gbvs_graph_normalised", gbvs("DIO", "graph").on_lattice(picture, None)
    yield "gbvs_cio", gbvs("CIO").on_lattice(picture, None)
    yield "itti", itti().small_map(picture)
    yield "itti_delta_2_3", itti(map_side=80, deltas=(2, 3)).small_map(picture)
    yield "pqft", guo().small_map(picture, None)
    yield "pqft_2_every_fourth", every_fourth(picture, picture)
    yield "sr", SPECTRAL.small_map(picture)
    yield "sr_unsmoothed", residual_energy(SPECTRAL.working_light(picture))


def film_maps(frames: list[Tensor]) -> Iterator[tuple[str, int, Tensor]]:
    """Key, number and map of the frames of a film; PQFT_2 from frame 3 on."""
    for time, now in enumerate(frames):
        before = frames[time - 1] if time else None
        for channels in ("DIOFM", "CIOFM", "FM"):
            yield f"gbvs_{channels.lower()}", time, gbvs(channels).on_lattice(now, before)
        for latency, words in ((2, "two"), (3, "three")):
            earlier = frames[max(0, time - latency)]
            yield f"pqft_{words}_frames", time, guo().small_map(now, earlier)
        if time >= 3:
            yield "pqft_2_every_fourth", time, every_fourth(now, frames[time - 3])


@cache
def repository() -> Arrays:
    return dict(np.load(Path(__file__).parents[2] / "data/classical.npz"))


def test_maps_of_the_drawn_picture_are_the_programs() -> None:
    goldens = repository()
    found = dict(still_maps(frame(drawn(0))))
    for key in ("gbvs", "gbvs_graph_normalised", "gbvs_cio", "itti", "pqft", "sr"):
        assert correlation(found[key][0, 0], goldens[key]) > LEAST.get(key, 0.9997), key


def test_maps_of_the_drawn_film_are_the_programs() -> None:
    goldens = repository()
    for key, time, found in film_maps(film()):
        expected = goldens.get(f"film_{key}")
        if expected is not None and (expected.ndim == 3 or time == 5):
            golden = expected[time] if expected.ndim == 3 else expected
            assert correlation(found[0, 0], golden) > 0.999, (key, time)


def test_networks_return_those_maps_at_the_size_of_the_frame() -> None:
    """With the contract of the workflow: frames before in `earlier`, maps that are not negative."""
    frames, goldens = film(), repository()
    now, past = frames[5], torch.stack(frames[2:5], dim=1)
    cases: list[tuple[str, Tensor, int]] = [
        ("film_gbvs_diofm", gbvs("DIOFM")(now, None, past[:, 2:]).saliency, 5),
        ("film_pqft_two_frames", guo()(now, None, past[:, 1:]).saliency, -1),
        ("film_pqft_three_frames", guo(3)(now, None, past).saliency, -1),
    ]
    for key, found, time in cases:
        golden = torch.from_numpy(goldens[key]).float()
        large = imresize((golden if time < 0 else golden[time])[None, None], (240, 320))
        assert correlation(found, large) > 0.998, key
        assert found.min() >= 0
    found = PQFT_2(now, None, past).saliency[..., ::4, ::4]
    assert correlation(found, goldens["film_pqft_2_every_fourth"]) > 0.999


def test_a_film_that_stands_still_moves_nothing_and_one_without_a_past_is_its_own_shift() -> None:
    now = film()[0]
    first, still = gbvs("FM"), gbvs("FM").features(now, now)
    assert not still.any()
    assert first.features(now, None)[:, :3].abs().max() == 0
    assert first.features(now, None)[:, 3:].min() > 0


# Of photographs and a recorded film.


def golden(name: str) -> Arrays:
    file = GOLDENS / f"{name}.npz"
    if not file.is_file():
        pytest.skip(f"no {file}")
    return dict(np.load(file))


def photograph(name: str) -> NDArray[np.uint8]:
    file = SHARED / f"data/salicon/images/{name}.jpg"
    if not file.is_file():
        pytest.skip(f"no {file}")
    return np.asarray(Image.open(file).convert("RGB"))


@cache
def coding_length() -> CodingLength:
    found = CodingLength(features=192, patch=8, height=80, width=120)
    found.filters.copy_(torch.from_numpy(golden("basis")["filters"]))
    return found


PICTURES = [f"COCO_val2014_0000000014{number}" for number in ("01", "12", "27", "43", "58", "86")]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["drawn", *PICTURES])
def test_every_golden_picture(name: str) -> None:
    goldens = golden(name)
    picture = frame(goldens["picture"] if name == "drawn" else photograph(name))
    basis = coding_length()
    energy = basis.energy(basis.working_frame(picture))
    own = [("icl_own_basis", basis.small_map(picture)), ("icl_own_energy", energy)]
    for key, found in [*still_maps(picture), *own]:
        assert correlation(found[0, 0], goldens[key]) > LEAST.get(key, 0.9997), key
    channels = torch.cat(list(itti().conspicuity(picture).values()), dim=1)[0]
    for found, expected in zip(channels, goldens["itti_channels"], strict=True):
        assert correlation(found, expected) > 0.9999


@pytest.mark.shared
@pytest.mark.parametrize("name", ["drawn_film", "clip_01"])
def test_every_golden_film(name: str) -> None:
    goldens = golden(name)
    frames = [frame(picture) for picture in goldens.get("film", [])] or recorded(goldens)
    for key, time, found in film_maps(frames):
        assert correlation(found[0, 0], goldens[key][time]) > 0.9995, key


def recorded(goldens: Arrays) -> list[Tensor]:
    """The frames of clip_01.npz: of its film, from `first_frame` on, at 640x480."""
    files = sorted((SHARED / "data/diem/causality_clip_01_1000x750/video").glob("*"))
    if not files:
        pytest.skip("no film of clip 01")
    film, first = cv2.VideoCapture(str(files[0])), int(goldens["first_frame"])
    read = [film.read()[1] for _ in range(first + len(goldens["gbvs_diofm"]))]
    small = [cv2.resize(one, (640, 480), interpolation=cv2.INTER_AREA) for one in read[first:]]
    return [frame(one[:, :, ::-1]) for one in small]


@pytest.mark.shared
def test_the_drawn_inputs_are_those_of_the_programs() -> None:
    np.testing.assert_array_equal(drawn(0), golden("drawn")["picture"])
    for time, picture in enumerate(golden("drawn_film")["film"]):
        np.testing.assert_array_equal(drawn(time), picture)


@pytest.mark.shared
@pytest.mark.slow
def test_scores_of_60_photographs_are_those_of_the_programs_maps() -> None:
    """NSS at the distinct points, of a model and of its authors' program, in the mean of 60."""
    if not (GOLDENS / "scores60.csv").is_file():
        pytest.skip("no scores60.csv")
    rows = list(csv.DictReader((GOLDENS / "scores60.csv").open()))
    models = {
        "gbvs authors": gbvs("DIO"),
        "gbvs authors, second chain": gbvs("DIO", "graph"),
        "gbvs authors CIO": gbvs("CIO"),
        "itti Harel": itti(),
        "pqft_static Guo": PQFT(motion=False, program="guo", height=64, latency=2),
        "pqft_static Cat Le": PQFT(motion=False, program="pqft_2", height=64, latency=3),
        "sr authors": SPECTRAL,
        "icl authors, own basis": coding_length(),
    }
    names = sorted({row["image"] for row in rows})
    found: dict[str, list[float]] = {model: [] for model in models}
    for name in names:
        picture, points = frame(photograph(name)), fixated(name)
        for model, network in models.items():
            with torch.inference_mode():
                saliency = network(picture, None).saliency[0, 0].double().numpy()
            scaled = (saliency - saliency.mean()) / saliency.std()
            found[model].append(float(scaled[points[:, 1], points[:, 0]].mean()))
    assert len(names) == 60
    for model, values in found.items():
        expected = [float(row["NSS"]) for row in rows if row["model"] == model]
        assert np.mean(values) == pytest.approx(np.mean(expected), abs=0.005), model
        assert np.abs(np.subtract(values, expected)).max() < 0.05, model


def fixated(name: str) -> NDArray[np.int64]:
    """The distinct pixels, x and y, that were looked at."""
    file = SHARED / f"data/salicon/fixations/val/{name}.mat"
    gaze = loadmat(file)["gaze"].ravel()
    points = np.concatenate([one["location"] for one in gaze if len(one["location"])])
    pixels = np.unique(points.astype(np.int64) - 1, axis=0)
    inside = ((pixels >= 0) & (pixels < (640, 480))).all(axis=1)
    return np.asarray(pixels[inside])
