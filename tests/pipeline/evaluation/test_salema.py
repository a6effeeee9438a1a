"""Protocol `salema`: levels, half size and noise, drawn and against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics.preparing import prepare
from pipeline.evaluation.protocols import protocol
from tests.pipeline.evaluation.frames import by_protocol, slow_auc_judd

RULES = protocol("salema")


def prepared(saliency, density=None, pixels=()):
    saliency = np.array(saliency, float)
    density = saliency if density is None else np.array(density, float)
    return prepare(RULES, saliency, density, np.array(pixels, int).reshape(-1, 2))


def test_half_size_is_the_mean_of_two_by_two_levels_halves_up():
    field = [
        [0, 1, 255, 255],
        [0, 1, 255, 254],
        [9, 9, 0, 0],
        [9, 8, 0, 1],
    ]
    # Means are 0.5, 254.75, 8.75 and 0.25.
    expected = [[1, 255], [9, 0]]
    frame = prepared(field)
    np.testing.assert_array_equal(frame.saliency, expected)
    np.testing.assert_array_equal(frame.density, expected)


def test_a_prediction_spans_the_levels_and_a_density_begins_at_zero():
    frame = prepared(
        np.repeat(np.repeat([[0.2, 0.3, 0.7]], 2, 0), 2, 1),
        np.repeat(np.repeat([[0.25, 0.5, 1.0]], 2, 0), 2, 1),
    )
    # 0.1 of 0.5 is level 51; a quarter and a half of 255 are 63.75 and 127.5.
    np.testing.assert_array_equal(frame.saliency, [[0, 51, 255]])
    np.testing.assert_array_equal(frame.density, [[64, 128, 255]])


def test_levels_come_before_the_mean():
    field = np.full((2, 4), 0.0)
    field[0, 0], field[0, 2:] = 1.4 / 255, 1.0
    # Levels 1, 0, 0, 0 have a mean of 0.25; unrounded it is 0.35, so is 1.6 -> 2 -> 0.5 -> 1.
    assert prepared(field).saliency[0, 0] == 0
    field[0, 0] = 1.6 / 255
    assert prepared(field).saliency[0, 0] == 1


def test_two_fixations_in_a_block_become_one():
    field = np.arange(24.0).reshape(4, 6)
    pixels = [(0, 0), (1, 1), (1, 1), (3, 4)]
    frame = prepared(field, pixels=pixels)
    assert np.argwhere(frame.fixated).tolist() == [[0, 0], [1, 2]]
    assert [side.tolist() for side in frame.points] == [[0, 1], [0, 2]]
    half = frame.saliency
    nss = (half[[0, 1], [0, 2]].mean() - half.mean()) / half.std()
    assert by_protocol("salema", field, field, np.array(pixels))["NSS"] == pytest.approx(nss)


def test_an_odd_last_row_or_column_is_left_out():
    field = np.arange(15.0).reshape(3, 5)
    frame = prepared(field, pixels=[(0, 3), (2, 0), (1, 4)])
    assert frame.saliency.shape == frame.density.shape == (1, 2)
    assert np.argwhere(frame.fixated).tolist() == [[0, 1]]


@pytest.mark.parametrize("level", [0, 5])
def test_noise_orders_equal_values_near_zero_alone(level):
    """In float32, 5 + 1e-7 is 5: every pixel of the fixation's level is then above it."""
    field = np.full((80, 80), float(level))
    field[:40], field[-2:, -2:] = 255, 0
    pixels = np.array([(60, 2)])
    drawn = [by_protocol("salema", field, field, pixels, seed=seed)["AUC-J"] for seed in range(99)]
    # Of 1,599 other blocks 800 are above. One fixation: the area is 1 - fp/2.
    if level == 0:
        assert np.mean(drawn) == pytest.approx(1 - (800 + 799 / 2) / 1599 / 2, abs=0.02)
    else:
        assert drawn == pytest.approx([1 - 1598 / 1599 / 2] * 99, abs=1e-12)


def test_a_frame_by_opencv():
    """A map of 256x192 and a truth of 640x360, resized and shrunk in 8 bits by OpenCV."""
    rng = np.random.default_rng(0)
    saliency = gaussian_filter(rng.random((192, 256)) ** 20, 9)
    pixels = rng.integers(0, (360, 640), (60, 2))
    pixels = np.concatenate([pixels, pixels[:9] ^ 1])
    fixated = np.zeros((360, 640), np.uint8)
    fixated[tuple(pixels.T)] = 255
    density = gaussian_filter(fixated.astype(float), 13)
    density /= density.max()

    low, high = saliency.min(), saliency.max()
    png = np.floor((saliency - low) / (high - low) * 255 + 0.5).astype(np.uint8)
    large = cv2.resize(png.astype(float), (640, 360), interpolation=cv2.INTER_LINEAR)
    grey = np.floor(density * 255 + 0.5).astype(np.uint8)
    fields = (np.floor(large.round(6) + 0.5).astype(np.uint8), grey, fixated)
    p, s, f = (cv2.resize(field, None, fx=0.5, fy=0.5).astype(np.float32) for field in fields)
    frame = prepare(RULES, saliency, density, pixels)
    np.testing.assert_array_equal(frame.saliency, p)
    np.testing.assert_array_equal(frame.density, s)
    np.testing.assert_array_equal(frame.fixated, f > 0.5)
    got = score_frame(RULES, Frame(saliency, density, pixels), rng=np.random.default_rng(1))
    found = {name: score.value for name, score in got.items()}
    assert found == pytest.approx(restated(p, s, f > 0.5), abs=1e-6)

    # In 8 bits OpenCV cuts each row's share to quarters of a level.
    p = cv2.resize(cv2.resize(png, (640, 360)), None, fx=0.5, fy=0.5)
    assert np.abs(frame.saliency - p).max() == 1
    assert found == pytest.approx(restated(p.astype(np.float32), s, f > 0.5), abs=3e-3)


def restated(p, s, fixated):
    noisy = (p + np.random.default_rng(1).random(p.shape) * 1e-7).astype(np.float32)
    scaled = [field - field.min() for field in (p.astype(float), s.astype(float))]
    return {
        "AUC-J": slow_auc_judd(noisy, fixated),
        "CC": np.corrcoef(p.ravel(), s.ravel())[0, 1],
        "NSS": ((p - p.mean()) / p.std())[fixated].mean(),
        "SIM": np.minimum(*(field / field.sum() for field in scaled)).sum(),
    }


def test_levels_of_a_picture_come_back_from_a_store():
    """A map of 8 bits is stored as float16 after division by its largest value."""
    png = np.arange(256.0).repeat(4).reshape(16, 64)
    stored = (png / 255).astype(np.float16)
    np.testing.assert_array_equal(prepared(stored).saliency, prepared(png).saliency)
