"""Protocols `rudoy` and `salicon_challenge` against their scorers' definitions, line by line."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from pipeline.evaluation.metrics.hundredths import area
from pipeline.evaluation.own_truth import density, on_picture, on_pixels, reduced
from pipeline.evaluation.protocols import Truth, protocol
from pipeline.evaluation.scoring import GroundTruth, Request, score_frames
from pipeline.preprocessing.fixations import fixated_map
from tests.pipeline.evaluation.frames import SHAPE, by_protocol, looks, references

VIDEO, GRID = (150, 200), (48, 64)


def direct_area(saliency, fixations, negatives, weights):
    """The lines of auc.py and sauc.py: thresholds from 0 in hundredths, below what is met."""
    scaled = saliency - saliency.min()
    scaled = scaled / scaled.max() if scaled.max() > 0 else scaled
    inside = np.array([scaled[y, x] for y, x in fixations])
    others = np.array([scaled.flat[position] for position in negatives])
    thresholds = np.arange(0, max(inside.max(), others.max()), 0.01)[::-1]
    true, false = [0.0], [0.0]
    for threshold in thresholds:
        true.append((inside >= threshold).sum() / len(inside))
        false.append(weights[others >= threshold].sum() / weights.sum())
    return np.trapezoid([*true, 1.0], [*false, 1.0])


@pytest.mark.parametrize("seed", range(4))
def test_the_area_in_hundredths(seed):
    saliency, _, pixels = looks(seed)
    counts = np.random.default_rng(seed).integers(0, 3, saliency.size)
    places = np.flatnonzero(counts)
    expected = direct_area(saliency, pixels, places, counts[places])
    negatives = np.repeat(np.arange(saliency.size), counts)
    got = by_protocol("salicon_challenge", saliency, saliency, pixels, reference=negatives)
    assert got["sAUC"] == pytest.approx(expected, abs=1e-12)
    everywhere = np.arange(saliency.size)
    expected = direct_area(saliency, pixels, everywhere, np.ones(saliency.size))
    assert got["AUC"] == pytest.approx(expected, abs=1e-12)


def test_the_area_against_random_pixels_is_the_mean_of_its_draws():
    saliency, _, pixels = looks(3)
    rng, found = np.random.default_rng(0), []
    for _ in range(100):
        drawn = rng.integers(0, saliency.size, 2000)
        found.append(direct_area(saliency, pixels, drawn, np.ones(2000)))
    error = np.std(found) / 10
    assert area(saliency, tuple(pixels.T)) == pytest.approx(np.mean(found), abs=3 * error)
    assert error < 1e-3


def test_hundredths_of_odd_maps():
    points = (np.array([0]), np.array([1]))
    assert area(np.full((2, 2), 3.0), points) == 0.5
    assert np.isnan(area(np.eye(2), (np.zeros(0, int), np.zeros(0, int))))
    assert np.isnan(area(np.eye(2), points, np.zeros(0, int)))


def test_salicon_counts_each_look_and_takes_its_standard_deviation_over_all_pixels():
    saliency, dense, pixels = looks(4)
    got = by_protocol("salicon_challenge", saliency, dense, pixels)
    standard = (saliency - saliency.mean()) / saliency.std()
    assert got["NSS"] == pytest.approx(np.mean([standard[y, x] for y, x in pixels]))
    assert got["CC"] == pytest.approx(np.corrcoef(saliency.ravel(), dense.ravel())[0, 1])


def test_salicon_enlarges_by_cubic_splines():
    _, dense, pixels = looks(12)
    small = looks(13, (12, 16))[0]
    got = by_protocol("salicon_challenge", small, dense, pixels)
    large = zoom(small, 2, order=3, mode="nearest")
    assert got["CC"] == pytest.approx(np.corrcoef(large.ravel(), dense.ravel())[0, 1], abs=1e-9)


def test_rudoy_is_chi_square_and_the_mean_area_of_100_draws():
    saliency, dense, pixels = looks(5)
    places = references(6)
    got = by_protocol("rudoy", saliency, dense, pixels, reference=places)
    p, s = saliency / saliency.sum(), dense / dense.sum()
    assert got["chi-square"] == pytest.approx(((p - s) ** 2 / (p + s)).sum() / 2)
    assert {*got} == {"sAUC", "chi-square"}
    inside = saliency[fixated_map(pixels, SHAPE)]
    rng, found = np.random.default_rng(0), []
    for _ in range(4000):
        drawn = saliency.flat[rng.choice(places, inside.size)]
        above = np.sign(inside[:, None] - drawn[None])
        found.append((above.mean() + 1) / 2)
    error = np.std(found) / np.sqrt(len(found))
    assert got["sAUC"] == pytest.approx(np.mean(found), abs=3 * error)
    assert error < 2e-3


def test_rudoys_density_is_a_gaussian_around_each_look_on_a_video_made_smaller():
    rules = protocol("rudoy").truth
    assert rules is not None and reduced((720, 1280), rules) == (144, 256)
    points = np.array([[3.2, 7.9], [3.2, 7.9], [20.0, 31.4]])
    y, x = np.mgrid[:24, :32]
    expected = np.zeros((24, 32))
    for row, column in points:
        bump = np.exp(-((y - row) ** 2 + (x - column) ** 2) / 200)
        expected += bump / bump.max()
    np.testing.assert_allclose(density(rules, points, (24, 32)), expected / expected.max())


def test_salicons_density_marks_a_pixel_once():
    rules = protocol("salicon_challenge").truth
    assert rules is not None and reduced((480, 640), rules) == (480, 640)
    points = np.array([[30.4, 7.6], [30.2, 8.1], [80.0, 100.0]])
    marked = np.zeros((96, 128))
    marked[30, 8] = marked[80, 100] = 1
    expected = gaussian_filter(marked, 19)
    expected -= expected.min()
    np.testing.assert_allclose(density(rules, points, (96, 128)), expected / expected.max())
    assert not density(rules, np.zeros((0, 2)), (96, 128)).any()
    full = np.argwhere(np.ones((2, 3)))
    assert not density(Truth("marked_pixels", 1.0), full, (2, 3)).any()


class Gaze(dict):
    """What `GroundTruth` asks of a store, with a clip's facts."""

    clips: dict


def truth(clips=3, frames=4):
    """Clips of random looks on `GRID`, recorded on a video of `VIDEO`."""
    rng, gaze, densities = np.random.default_rng(1), {}, {}
    for clip in "abc"[:clips]:
        points = rng.random((40, 4)) * [frames, GRID[1], GRID[0], 5] - [0, 0.5, 0.5, 0]
        points[:, 0] = np.sort(np.floor(points[:, 0]))
        store = Gaze({clip: points.astype(np.float32)})
        store.clips = {clip: {"frames": frames, "height": VIDEO[0], "width": VIDEO[1]}}
        gaze[clip] = store
        shaped = SimpleNamespace(clips={clip: {"shape": (frames, *GRID)}})
        densities[clip] = shaped
    pixels = {
        clip: [on_pixels(f, GRID) for f in on_picture(store[clip], frames, GRID, GRID)]
        for clip, store in gaze.items()
    }
    return GroundTruth(densities, pixels, {}, gaze)


def direct_looks(whole, clip, shape):
    """Per frame the pixels of a clip's looks on pictures of a size, look by look."""
    found = [[] for _ in range(4)]
    for frame, x, y, _ in whole.gaze[clip][clip].astype(float):
        row = (y + 0.5) / GRID[0] * shape[0] - 0.5
        column = (x + 0.5) / GRID[1] * shape[1] - 0.5
        found[int(frame)].append((int(row + 0.5), int(column + 0.5)))
    return found


def test_rudoys_negatives_are_the_union_of_the_clips_other_frames():
    whole, rules = truth(), protocol("rudoy")
    own = whole.by(rules)
    assert own.shape("b") == (30, 40)
    by_hand = direct_looks(whole, "b", (30, 40))
    for frame in range(4):
        assert [tuple(yx) for yx in own.pixels["b"][frame]] == by_hand[frame]
        fixated = fixated_map(own.pixels["b"][frame], (30, 40))
        got = own.elsewhere(rules, "b", frame, fixated, np.random.default_rng(0))
        others = {yx for i, looks in enumerate(by_hand) if i != frame for yx in looks}
        assert [*got] == sorted(y * 40 + x for y, x in others)


def test_salicons_negatives_are_counted_by_image_without_the_images_own_pixels():
    whole, rules = truth(), protocol("salicon_challenge")
    own = whole.by(rules)
    assert own.shape("a") == VIDEO
    by_hand = {clip: direct_looks(whole, clip, VIDEO) for clip in "abc"}
    mine = {*by_hand["b"][2]}
    expected = [
        y * VIDEO[1] + x
        for clip in "abc"
        for i, looks in enumerate(by_hand[clip])
        if (clip, i) != ("b", 2)
        for y, x in {*looks} - mine
    ]
    fixated = fixated_map(own.pixels["b"][2], VIDEO)
    got = own.elsewhere(rules, "b", 2, fixated, np.random.default_rng(0))
    assert [*got] == sorted(expected)


@pytest.mark.parametrize("name", ["rudoy", "salicon_challenge"])
def test_frames_are_scored_on_the_scorers_own_pictures(name):
    whole, request = truth(), Request(name, (), 0)
    own = whole.by(request.rules)
    maps = SimpleNamespace(read=lambda clip, frames: iter([looks(1, GRID)[0]] * len(frames)))
    scored = score_frames(maps, own, "a", [0, 3], request)
    assert [(clip, frame) for clip, frame, _ in scored] == [("a", 0), ("a", 3)]
    found = looks(1, GRID)[0]
    expected = by_protocol(
        name,
        found,
        own.own.density("a", 3),
        own.pixels["a"][3],
        reference=own.elsewhere(
            request.rules, "a", 3, fixated_map(own.pixels["a"][3], own.shape("a")), None
        ),
    )
    assert {m: s.value for m, s in scored[1][2].items()} == pytest.approx(expected)
    assert whole.by(protocol("mit")) is whole
