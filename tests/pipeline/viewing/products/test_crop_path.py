"""The path of a window: it follows what moves, rests with what rests, and never jerks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.viewing.products.crop_path import FASTEST, HARDEST, attention, crop_path, keyframes

SIZE = 0.316
"""Of a window of 9:16 in a frame of 16:9."""
SECONDS = np.arange(150) / 25


def along(*spots: NDArray[np.float64] | float, width: float = 0.03) -> NDArray[np.float64]:
    """Attention [frame, cell] on spots at so many places."""
    cells = (np.arange(96) + 0.5) / 96
    places = [np.broadcast_to(spot, len(SECONDS))[:, None] for spot in spots]
    found = sum(np.exp(-((cells - place) ** 2) / (2 * width**2)) for place in places)
    return np.asarray(found / np.sum(found, axis=1, keepdims=True))


def middle(path: NDArray[np.float64]) -> NDArray[np.float64]:
    return path + SIZE / 2


def test_it_rests_on_what_sways() -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, len(SECONDS))
    path = crop_path(along(0.3 + noise), SECONDS, SIZE)
    assert np.ptp(path.start) < 1e-9 and abs(middle(path.start)[0] - 0.3) < 0.01
    assert path.kept > 0.99


def test_it_pans_evenly_with_what_crosses_the_frame() -> None:
    places = np.linspace(0.2, 0.8, len(SECONDS))
    path = crop_path(along(places), SECONDS, SIZE)
    assert np.abs(middle(path.start) - places).max() < 0.02
    speed = np.diff(path.start) * 25
    assert speed == pytest.approx(0.6 / SECONDS[-1], rel=0.1)


def test_it_goes_where_attention_stays_and_not_where_it_glances() -> None:
    stays = crop_path(along(np.where(SECONDS < 3, 0.2, 0.8)), SECONDS, SIZE)
    assert middle(stays.start)[[0, -1]] == pytest.approx([0.2, 0.8], abs=0.01)
    assert (np.diff(stays.start) > -1e-9).all()
    glances = np.where((SECONDS > 2.8) & (SECONDS < 3.3), 0.8, 0.2)
    assert np.ptp(crop_path(along(glances), SECONDS, SIZE).start) < 1e-9


def test_speed_and_acceleration_have_limits() -> None:
    jumps = np.where(SECONDS < 3, 0.15, 0.85)
    path = crop_path(along(jumps), SECONDS, SIZE).start / SIZE
    speed = np.diff(path) * 25
    assert np.abs(speed).max() > 0.5 * FASTEST, "it moves"
    assert np.abs(speed).max() < 1.5 * FASTEST  # between knots a curve is steeper than its chord
    fifths = np.diff(path[::5], 2) * 25  # at knots
    assert np.abs(fifths).max() < 1.01 * HARDEST
    jerk = np.abs(np.diff(path, 3)).max()
    assert jerk < np.abs(np.diff(jumps / SIZE, 3)).max() / 100


def test_it_stays_inside_the_frame() -> None:
    for place in (0.0, 1.0):
        path = crop_path(along(place), SECONDS, SIZE).start
        assert path == pytest.approx(place * (1 - SIZE), abs=1e-9)
    assert (crop_path(along(0.2), SECONDS, 1.0).start == 0).all()


def test_two_subjects_at_both_edges_are_not_both_kept() -> None:
    assert crop_path(along(0.05, 0.95), SECONDS, SIZE).kept == pytest.approx(0.5, abs=0.02)
    assert crop_path(along(0.45, 0.55), SECONDS, SIZE).kept > 0.99


def test_nothing_that_draws_attention_leaves_it_in_the_middle() -> None:
    path = crop_path(np.zeros((150, 96)), SECONDS, SIZE)
    assert middle(path.start) == pytest.approx(0.5) and path.kept == 1
    half = along(0.3)
    half[75:] = 0  # a film that goes black
    faded = crop_path(half, SECONDS, SIZE)
    assert middle(faded.start) == pytest.approx(0.3, abs=0.01) and faded.kept > 0.99


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_shot_may_have_few_frames(count: int) -> None:
    path = crop_path(along(0.7)[:count], SECONDS[:count], SIZE)
    assert len(path.start) == count and middle(path.start) == pytest.approx(0.7, abs=0.01)


def test_frames_may_last_differently() -> None:
    seconds = np.cumsum(np.where(np.arange(150) % 3, 0.02, 0.5))
    path = crop_path(along(np.linspace(0.2, 0.8, 150)), seconds, SIZE)
    assert np.abs(middle(path.start) - np.linspace(0.2, 0.8, 150)).max() < 0.05


def test_attention_is_what_lies_above_the_mean() -> None:
    density = np.full((1, 4, 8), 1.0)
    density[0, :, 6] = 3
    density /= density.sum()
    assert attention(density, 1)[0].tolist() == [0, 0, 0, 0, 0, 0, 1, 0]
    assert attention(density, 0)[0] == pytest.approx(0.25)
    assert not attention(np.full((1, 4, 8), 1 / 32), 1).any()


def test_keyframes_are_few_and_lines_between_them_fit() -> None:
    values = np.interp(SECONDS, [0, 2, 4, 6], [10, 10, 300, 300])
    assert keyframes(SECONDS, values) == [0, 50, 100, 149]
    curve = 300 * np.sin(SECONDS)
    kept = keyframes(SECONDS, curve)
    assert len(kept) < 60
    assert np.abs(np.interp(SECONDS, SECONDS[kept], curve[kept]) - curve).max() <= 0.5
    assert keyframes(SECONDS[:1], values[:1]) == [0]
