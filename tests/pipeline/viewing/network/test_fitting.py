"""What of a film a network is given: its shape at about the right size, at the right pace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from model.sight import see
from pipeline.viewing.network.fitting import grid, paced
from pipeline.viewing.network.load import Model, load
from tests.pipeline.viewing.network.drawn_weights import official


@pytest.fixture(scope="module")
def unisal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    with pytest.MonkeyPatch.context() as patch:
        official(tmp_path_factory.mktemp("authors"), patch)
        yield load("unisal")


@pytest.mark.parametrize(
    ("film", "size"),
    [
        ((720, 1280), (224, 384)),  # as the authors give DHF1K's films
        ((2160, 3840), (224, 384)),
        ((480, 640), (256, 352)),
        ((1920, 1080), (384, 224)),
        ((500, 500), (288, 288)),
        ((20, 20), (288, 288)),
        ((800, 1920), (192, 448)),
    ],
)
def test_the_aspect_is_kept_and_the_area_nearly(
    film: tuple[int, int], size: tuple[int, int]
) -> None:
    assert grid(*film, 224 * 384, 32) == size


@pytest.mark.parametrize("film", [(1, 4000), (4000, 1), (32, 3000)])
def test_a_strip_has_a_grid_too(film: tuple[int, int]) -> None:
    height, width = grid(*film, 224 * 384, 32)
    assert min(height, width) == 32
    assert height * width < 4 * 224 * 384


@pytest.mark.parametrize(
    ("rate", "step"), [(24.0, 4), (25.0, 4), (30.0, 5), (60.0, 10), (120.0, 20), (6.0, 1), (1.0, 1)]
)
def test_the_state_goes_on_at_six_frames_a_second(unisal: Model, rate: float, step: int) -> None:
    fitted = unisal.at(720, 1280, rate, False)
    assert fitted.sight.step == fitted.network.sight.step == step
    assert paced(fitted.sight, rate) == fitted.sight


def test_films_and_pictures_are_seen_in_their_domains(unisal: Model) -> None:
    film, picture = unisal.at(720, 1280, 25.0, False), unisal.at(480, 640, 1.0, True)
    assert (film.size, picture.size) == ((224, 384), (288, 384))
    frames = torch.rand(1, 1, 3, 224, 384)
    with torch.inference_mode():
        _, state = see(film.network, frames, None)
        _, none = see(picture.network, frames, None)
        assert state is not None
        assert state[0].shape[-2:] == (7, 12)  # 1/32 of the frames, which are not resized
        assert none == ()
        # Whichever was asked for last, each works in its own domain.
        again, _ = see(film.network, frames, None)
        unisal.network.enter("dhf1k")
        plain, _ = see(unisal.network, frames, None)
    torch.testing.assert_close(again.saliency, plain.saliency, rtol=0, atol=0)


def test_a_second_film_of_the_same_size_builds_nothing(unisal: Model) -> None:
    first = unisal.at(720, 1280, 25.0, False)
    assert unisal.at(1080, 1920, 25.0, False).network is first.network
    other = unisal.at(1280, 720, 25.0, False)
    shared = {id(one) for one in first.network.parameters()}
    assert {id(one) for one in other.network.parameters()} == shared


@pytest.mark.parametrize(
    ("name", "film", "size"),
    [
        ("centre_bias", (1080, 1920), (416, 740)),
        ("centre_bias", (90, 121), (88, 120)),
        ("spectral_residual", (1080, 1920), (144, 256)),
        ("centre_bias", (1, 2), (4, 4)),
    ],
)
def test_others_get_a_moderate_size(
    name: str, film: tuple[int, int], size: tuple[int, int]
) -> None:
    assert load(name).at(*film, 25.0, False).size == size
