"""Each protocol against an independent restatement, its degenerate frames, frames and means."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.ndimage import convolve, gaussian_filter, zoom

from pipeline.evaluation.frame_scores import _on_grid, score_by
from pipeline.evaluation.metrics.auc import auc_judd, auc_shuffled
from pipeline.evaluation.metrics.distributions import cc, chi_square, nss, sim
from pipeline.evaluation.metrics.fast import METRICS, score_frame
from pipeline.evaluation.metrics.resizing import resized
from pipeline.evaluation.protocols import (
    PROTOCOLS,
    MetricScore,
    Reference,
    mean_of,
    protocol,
    sampled_frames,
)
from pipeline.evaluation.shuffled_reference import reference_frames, reference_positions
from pipeline.runtime.errors import InputError

SHAPE = (24, 32)
NAN = float("nan")
every_protocol = pytest.mark.parametrize("name", PROTOCOLS)


def frame(seed, shape=SHAPE, looks=15):
    """A prediction, a density and looks, some of them on one pixel."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, shape, (looks, 2))
    pixels = np.concatenate([pixels, pixels[:4]])
    fixated = np.zeros(shape)
    fixated[tuple(pixels.T)] = 1
    saliency = gaussian_filter(rng.random(shape), 1)
    return saliency - saliency.min() + 0.01, gaussian_filter(fixated, 2), pixels


def references(seed, shape=SHAPE):
    return np.unique(np.random.default_rng(seed).integers(0, shape[0] * shape[1], 50))


def scores(name, saliency, density, pixels, *, reference=None, seed=None):
    rng = np.random.default_rng(0 if seed is None and name == "mit_jitter" else seed)
    drawn = rng if name == "mit_jitter" or seed is not None else None
    got = score_by(protocol(name), saliency, density, pixels, reference=reference, rng=drawn)
    return {metric: score.value for metric, score in got.items()}


def fixated_map(pixels, shape=SHAPE):
    fixated = np.zeros(shape, dtype=bool)
    fixated[tuple(pixels.T)] = True
    return fixated


def grey(field):
    return np.array([[np.floor(255 * v / field.max() + 0.5) for v in row] for row in field])


def min_max(field):
    return (field - field.min()) / (field.max() - field.min())


def mann_whitney(positives, negatives):
    greater = (positives[:, None] > negatives[None]).mean()
    return greater + (positives[:, None] == negatives[None]).mean() / 2


def test_the_names_and_the_default():
    assert [*PROTOCOLS] == [
        *("mit", "mit_jitter", "dhf1k", "unisal", "pysaliency", "msu_ntire26", "stavis")
    ]
    assert protocol().name == "mit"
    with pytest.raises(InputError, match=r"'tuebingen'.*choose one of mit,"):
        protocol("tuebingen")


def test_mit_is_the_metrics_of_both_papers():
    saliency, density, pixels = frame(1)
    fixated, places = fixated_map(pixels), references(2)
    expected = score_frame(saliency, density, fixated).values
    expected["chi-square"] = chi_square(saliency, density)
    assert scores("mit", saliency, density, pixels) == pytest.approx(expected)
    got = scores("mit", saliency, density, pixels, reference=places)
    assert {*got} == {*METRICS, "sAUC", "chi-square"}
    assert got["sAUC"] == auc_shuffled(saliency, fixated, places)


def test_mit_jitter_is_one_call_of_mits_code():
    saliency, density, pixels = frame(1)
    saliency = np.floor(6 * saliency)
    fixated = fixated_map(pixels)
    got = scores("mit_jitter", saliency, density, pixels, seed=7)
    assert got["AUC-J"] == auc_judd(saliency, fixated, jitter=np.random.default_rng(7))
    assert got == scores("mit_jitter", saliency, density, pixels, seed=7)
    assert got["AUC-J"] != scores("mit_jitter", saliency, density, pixels, seed=8)["AUC-J"]
    rest = {"CC", "NSS", "SIM", "KLDiv"}
    expected = score_frame(saliency, density, fixated).values
    assert {name: got[name] for name in rest} == pytest.approx(
        {name: expected[name] for name in rest}
    )
    with pytest.raises(ValueError, match="generator"):
        score_by(protocol("mit_jitter"), saliency, density, pixels)


@every_protocol
def test_random_splits_of_sauc_follow_the_generator(name):
    if "sAUC" not in protocol(name).reports:
        pytest.skip("no sAUC")
    arguments = (*frame(1), references(2))
    drawn = [
        scores(name, *arguments[:3], reference=arguments[3], seed=seed)["sAUC"]
        for seed in (3, 3, 4)
    ]
    assert drawn[0] == drawn[1]
    assert (drawn[1] == drawn[2]) == (name == "pysaliency")


def test_dhf1k_is_mits_code_on_grey_levels():
    saliency, density, pixels = frame(3)
    places = references(4)
    got = scores("dhf1k", saliency, density, pixels, reference=places)
    p, s, fixated = grey(saliency), grey(density), fixated_map(pixels)
    assert got == pytest.approx(
        {
            "AUC-J": auc_judd(p, fixated),
            "sAUC": auc_shuffled(p, fixated, places),
            "CC": cc(p, s),
            "NSS": nss(p, fixated),
            "SIM": sim(p, s),
        }
    )
    assert got["SIM"] != pytest.approx(sim(saliency, density), abs=1e-5)


def test_unisal():
    saliency, density, pixels = frame(5)
    got = scores("unisal", saliency, density, pixels, reference=references(6))
    fixated, p, s = fixated_map(pixels), saliency / saliency.sum(), density / density.sum()
    inside, outside = p[fixated], p[~fixated]
    points = [(0.0, 0.0)]
    for threshold in sorted({*inside}, reverse=True):
        true, false = (inside >= threshold).mean(), (outside >= threshold).mean()
        points.append((round(true, 4), round(false, 4)))
    area = np.trapezoid(*zip(*points, (1.0, 1.0), strict=True))
    assert got["AUC-J"] == pytest.approx(area, abs=1e-12)
    assert got["CC"] == pytest.approx(np.corrcoef(p.ravel(), s.ravel())[0, 1])
    assert got["NSS"] == pytest.approx(((p - p.mean()) / p.std(ddof=1))[fixated].mean())
    assert got["SIM"] == pytest.approx(np.minimum(p, s).sum())
    assert got["KLDiv"] == pytest.approx((s * np.log(s / p)).sum())
    below = auc_shuffled(saliency, fixated, references(6), top=False)
    assert got["sAUC"] == below


def test_pysaliency_by_its_formulas():
    saliency, density, pixels = frame(7)
    places = np.random.default_rng(8).integers(0, saliency.size, 60)
    got = scores("pysaliency", saliency, density, pixels, reference=places)
    inside = saliency[tuple(pixels.T)]
    p, s = (field / field.sum() for field in (saliency, density))
    assert got == pytest.approx(
        {
            "AUC-J": mann_whitney(inside, saliency.ravel()),
            "sAUC": mann_whitney(inside, saliency.ravel()[places]),
            "CC": np.corrcoef(p.ravel(), s.ravel())[0, 1],
            "NSS": ((saliency - saliency.mean()) / saliency.std())[tuple(pixels.T)].mean(),
            "SIM": np.minimum(p, s).sum(),
            "KLDiv": (s * np.log(s / p)).sum(),
        }
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("offset", [0.0, -0.2], ids=["positive", "negative"])
def test_pysaliency_itself(seed, offset):
    library = pytest.importorskip("pysaliency", exc_type=ImportError).metrics
    roc = pytest.importorskip("pysaliency.roc", exc_type=ImportError)
    saliency, density, pixels = frame(seed)
    saliency = saliency + offset
    places = np.random.default_rng(seed).integers(0, saliency.size, 60)
    got = scores("pysaliency", saliency, density, pixels, reference=places)
    y, x = pixels.T
    inside = saliency[y, x]
    assert got == pytest.approx(
        {
            "AUC-J": roc.general_rocs_per_positive(inside, saliency.ravel()).mean(),
            "sAUC": roc.general_rocs_per_positive(inside, saliency.ravel()[places]).mean(),
            "CC": library.CC(saliency, density),
            "NSS": library.NSS(saliency, x, y).mean(),
            "SIM": library.SIM(saliency, density),
            "KLDiv": library.image_based_kl_divergence(saliency, density),
        },
        abs=1e-6,
    )


def test_msu_ntire26():
    saliency, density, pixels = frame(9)
    got = scores("msu_ntire26", saliency, density, pixels)
    p, s = min_max(grey(saliency)), min_max(grey(density))
    inside = np.sort(p[tuple(pixels.T)])[::-1]
    false = [((p >= t).sum() - i) / (p.size - 2) for i, t in enumerate(inside, start=1)]
    true = np.arange(1, inside.size + 1) / inside.size
    a, b = ((field - field.mean()) / (field.std() + 1e-7) for field in (p, s))
    assert got == pytest.approx(
        {
            "AUC-J": np.trapezoid([0, *true, 1], [0, *false, 1]),
            "CC": (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-7),
            "NSS": a[tuple(pixels.T)].mean(),
            "SIM": np.minimum(p / (p.sum() + 1e-7), s / (s.sum() + 1e-7)).sum(),
        }
    )


def test_stavis_smooths_the_grey_prediction():
    saliency, density, pixels = frame(11)
    got = scores("stavis", saliency, density, pixels)
    scaled = min_max(grey(saliency))
    y, x = np.mgrid[-6:7, -6:7]
    kernel = np.exp(-(x**2 + y**2) / 8)
    p = convolve(scaled, kernel / kernel.sum(), mode="reflect")
    s, fixated = grey(density), fixated_map(pixels)
    assert got == pytest.approx(
        {"AUC-J": auc_judd(p, fixated), "CC": cc(p, s), "NSS": nss(p, fixated), "SIM": sim(p, s)},
        abs=1e-9,
    )


def saturated(field, shape):
    return np.minimum(np.maximum(resized(field, shape), field.min()), field.max())


RESIZE = {
    "mit": saturated,
    "dhf1k": lambda field, shape: saturated(grey(field), shape),
    "unisal": lambda field, shape: cv2.resize(field, shape[::-1]),
    "pysaliency": lambda field, shape: zoom(
        field, np.divide(shape, field.shape), order=1, mode="nearest"
    ),
    "msu_ntire26": lambda field, shape: cv2.resize(min_max(grey(field)), shape[::-1]),
}


@pytest.mark.parametrize("size", [(12, 16), (36, 40)])
@pytest.mark.parametrize("name", RESIZE)
def test_a_prediction_of_another_size_is_resized(name, size):
    _, density, pixels = frame(12)
    saliency = frame(13, size)[0]
    got = scores(name, saliency, density, pixels)
    by_hand = RESIZE[name](saliency, SHAPE)
    # What came before the resizing must not be done a second time.
    plain = replace(protocol(name), levels=None, scaled="no")
    truth = grey(density) if protocol(name).levels else density
    truth = min_max(truth) if protocol(name).scaled == "both" else truth
    expected = score_by(plain, by_hand, truth, pixels)
    for metric, (value, _) in expected.items():
        # OpenCV's rounding errors break ties of grey levels.
        tolerance = 1e-3 if (name, metric) == ("msu_ntire26", "AUC-J") else 1e-9
        assert got[metric] == pytest.approx(value, abs=tolerance), metric


def test_ties_survive_resizing():
    halves = np.repeat([[0.1, 0.7]], 8, axis=1).repeat(9, axis=0)
    columns = _on_grid(protocol("mit"), halves, (24, 32))
    assert (columns == columns[0]).all()


CASES = {
    "no_fixation": lambda p, s, f: (p, s, f[:0]),
    "nothing_to_see": lambda p, s, f: (p, 0 * s, f[:0]),
    "empty_density": lambda p, s, f: (p, 0 * s, f),
    "constant_prediction": lambda p, s, f: (0 * p + 0.1, s, f),
    "zero_prediction": lambda p, s, f: (0 * p, s, f),
    "negative_prediction": lambda p, s, f: (p - p.mean(), s, f),
}
JUDD_OF_CONSTANT = "0.5 + 1/(2(N+1))"
# What counts: a number, "=" for the value of the usual formula (finite), None for NaN.
COUNTS = {
    "mit": {
        "no_fixation": [None, None, "=", None, "=", "=", "="],
        "nothing_to_see": [None, None, None, None, 0, 0, 0.5],
        "empty_density": ["=", "=", None, "=", 0, 0, 0.5],
        "constant_prediction": [JUDD_OF_CONSTANT, None, None, None, None, "=", "="],
        "zero_prediction": [JUDD_OF_CONSTANT, None, None, None, 0, "25 to 35", 0.5],
        "negative_prediction": ["=", "=", "=", "=", "=", None, None],
    },
    "unisal": {
        "no_fixation": [None, None, "=", 1, "=", "="],
        "nothing_to_see": [None, None, None, 1, "=", "="],
        "empty_density": ["=", "=", None, "=", "=", "="],
        "constant_prediction": [None, None, None, None, "=", "="],
        "zero_prediction": [None, None, None, None, "=", "="],
        "negative_prediction": ["=", "=", "=", "=", "=", "="],
    },
    "pysaliency": {
        "no_fixation": [None, None, "=", None, "=", "="],
        "nothing_to_see": [None, None, None, None, "=", "="],
        "empty_density": ["=", "=", None, "=", "=", "="],
        "constant_prediction": [0.5, 0.5, 0, 0, "=", "="],
        "zero_prediction": [0.5, 0.5, 0, 0, "=", "="],
        "negative_prediction": ["=", "=", "=", "=", "=", "="],
    },
    "msu_ntire26": {
        "no_fixation": [None, "=", None, "="],
        "nothing_to_see": [None, 0, None, 0],
        "empty_density": ["=", 0, "=", 0],
        "constant_prediction": ["=", 0, 0, 0],
        "zero_prediction": ["=", 0, 0, 0],
        "negative_prediction": ["=", "=", "=", "="],
    },
}
COUNTS["mit_jitter"] = {
    case: ["=" if count == JUDD_OF_CONSTANT else count for count in counts]
    for case, counts in COUNTS["mit"].items()
}
COUNTS["dhf1k"] = {case: counts[:-2] for case, counts in COUNTS["mit"].items()}
COUNTS["stavis"] = COUNTS["dhf1k"]


@pytest.mark.parametrize("case", CASES)
@every_protocol
def test_what_a_degenerate_frame_counts(name, case):
    saliency, density, pixels = CASES[case](*frame(14))
    got = scores(name, saliency, density, pixels, reference=references(15))
    fixations = fixated_map(pixels).sum()
    assert len(got) == len(COUNTS[name][case])
    for (metric, value), expected in zip(got.items(), COUNTS[name][case], strict=True):
        if expected == "=":
            assert np.isfinite(value), metric
        elif expected == "25 to 35":
            assert 25 < value < 35
        elif expected == JUDD_OF_CONSTANT:
            assert value == pytest.approx(0.5 + 1 / (2 * (fixations + 1)))
        else:
            wanted = NAN if expected is None else expected
            assert value == pytest.approx(wanted, abs=1e-9, nan_ok=True), metric


@pytest.mark.parametrize("case", CASES)
@every_protocol
def test_statuses_of_a_degenerate_frame(name, case):
    arguments = CASES[case](*frame(14))
    rng = np.random.default_rng(0)
    got = score_by(protocol(name), *arguments, reference=references(15), rng=rng)
    looked, dense = {"AUC-J", "sAUC", "NSS"}, {"CC", "SIM", "KLDiv", "chi-square"}
    for metric, (value, status) in got.items():
        expected = "ok"
        if case in ("constant_prediction", "zero_prediction"):
            expected = "constant_prediction"
        if case in ("no_fixation", "nothing_to_see") and metric in looked:
            expected = "no_fixation"
        if case in ("empty_density", "nothing_to_see") and metric in dense:
            expected = "empty_density"
        if case == "negative_prediction" and metric in ("KLDiv", "chi-square") and np.isnan(value):
            expected = "negative_prediction"
        assert status == expected, metric


@every_protocol
def test_an_empty_reference_gives_no_sauc(name):
    if "sAUC" not in protocol(name).reports:
        pytest.skip("no sAUC")
    rng = np.random.default_rng(0)
    nothing = np.array([], dtype=int)
    value, status = score_by(protocol(name), *frame(1), reference=nothing, rng=rng)["sAUC"]
    assert (np.isnan(value), status) == (True, "no_fixation")


@every_protocol
@pytest.mark.parametrize("which", [0, 1], ids=["saliency", "density"])
def test_nan_is_refused(name, which):
    arguments = frame(1)
    arguments[which][2, 3] = np.nan
    with pytest.raises(ValueError, match="holds 1 values"):
        score_by(protocol(name), *arguments, rng=np.random.default_rng(0))


@every_protocol
def test_inputs_stay_as_they_are_and_their_dtype_does_not_matter(name):
    saliency, density, pixels = (np.asarray(field) for field in frame(1))
    saliency, density = saliency.astype(np.float32), density.astype(np.float32)
    before = saliency.copy(), density.copy(), pixels.copy()
    single = scores(name, saliency, density, pixels)
    double = scores(name, saliency.astype(np.float64), density.astype(np.float64), pixels)
    assert single == double
    for field, copy in zip((saliency, density, pixels), before, strict=True):
        np.testing.assert_array_equal(field, copy)


def test_no_two_protocols_give_the_same_numbers():
    saliency, density, pixels = frame(16)
    found = {
        tuple(round(value, 9) for value in scores(name, saliency, density, pixels).values())
        for name in PROTOCOLS
        if name != "mit_jitter"  # without ties it is `mit`
    }
    assert len(found) == len(PROTOCOLS) - 1


LENGTHS = [5, 1, 7]


@every_protocol
def test_reference_frames(name):
    rules, rng = protocol(name), np.random.default_rng(0)
    if rules.reference is None:
        with pytest.raises(ValueError, match="no sAUC"):
            reference_frames(rules, LENGTHS, 0, 1, rng)
        return
    everything = {(clip, i) for clip, length in enumerate(LENGTHS) for i in range(length)}
    allowed = {
        "other_clips": {place for place in everything if place[0] != 2},
        "whole_set": everything,
        "one_per_clip": everything,
        "other_frames": everything - {(2, 3)},
        "same_clip": {place for place in everything if place[0] == 2},
    }[rules.reference.origin]
    seen = set()
    for _ in range(200):
        found = reference_frames(rules, LENGTHS, 2, 3, rng)
        assert len({*found}) == len(found)
        seen |= {*found}
        if rules.reference.origin == "one_per_clip":
            assert len(found) == len({clip for clip, _ in found}) == len(LENGTHS)
        else:
            assert len(found) == min(rules.reference.frames or 99, len(allowed))
    assert seen == allowed


def test_reference_frames_of_a_large_set_are_evenly_drawn():
    rules, rng = protocol("mit"), np.random.default_rng(0)
    lengths = [30, 10, 60]
    found = [place for _ in range(400) for place in reference_frames(rules, lengths, 1, 2, rng)]
    assert len(found) == 4000
    clips = np.bincount([clip for clip, _ in found], minlength=3) / len(found)
    assert clips == pytest.approx([1 / 3, 0, 2 / 3], abs=0.04)
    again = reference_frames(rules, lengths, 1, 2, np.random.default_rng(5))
    assert again == reference_frames(rules, lengths, 1, 2, np.random.default_rng(5))


def test_reference_positions_of_a_union_and_of_every_look():
    looks = [np.array([[0, 0], [3, 5], [3, 5]]), np.zeros((0, 2), int), np.array([[10, 10]])]
    shapes = [(4, 6), (4, 6), (12, 12)]
    fixated = np.zeros((8, 12), dtype=bool)
    fixated[7, 11] = True
    # The middle of pixel (3, 5) of 4x6 lies in pixel (7, 11) of 8x12, that of (10, 10) in (7, 10).
    union = reference_positions(protocol("mit"), looks, shapes, fixated)
    assert union.tolist() == [1 * 12 + 1, 7 * 12 + 10, 7 * 12 + 11]
    every = reference_positions(protocol("pysaliency"), looks, shapes, fixated)
    assert sorted(every.tolist()) == [13, 94, 95, 95]
    others = reference_positions(protocol("stavis"), looks, shapes, fixated)
    assert others.tolist() == [13, 94]
    assert reference_positions(protocol("mit"), [], [], fixated).size == 0
    with pytest.raises(ValueError, match="no sAUC"):
        reference_positions(protocol("msu_ntire26"), looks, shapes, fixated)


def test_reference_positions_stay_inside():
    corners = np.array([[0, 0], [359, 639]])
    fixated = np.zeros((48, 63), dtype=bool)
    found = reference_positions(protocol("mit"), [corners], [(360, 640)], fixated)
    assert found.tolist() == [0, 48 * 63 - 1]


def test_the_reference_sets_of_the_protocols():
    assert {name: rules.reference for name, rules in PROTOCOLS.items()} == {
        "mit": Reference("other_clips", 10),
        "mit_jitter": Reference("other_clips", 10),
        "dhf1k": Reference("whole_set", 10),
        "unisal": Reference("one_per_clip", 10),
        "pysaliency": Reference("other_frames", None, repeats=True),
        "msu_ntire26": None,
        "stavis": Reference("same_clip", None, without_own=True),
    }


def test_dhf1k_draws_its_frames_anew_for_each_metric():
    rules = protocol("dhf1k")
    first = sampled_frames(rules, 60_000, "NSS", seed=3)
    assert first.shape == (50_000,)
    assert (np.diff(first) > 0).all()
    assert first[0] >= 0
    assert first[-1] < 60_000
    np.testing.assert_array_equal(first, sampled_frames(rules, 60_000, "NSS", seed=3))
    for other in (
        sampled_frames(rules, 60_000, "CC", seed=3),
        sampled_frames(rules, 60_000, "NSS", seed=4),
    ):
        assert 0.8 < np.isin(first, other).mean() < 0.87
    assert sampled_frames(rules, 40_000, "NSS", seed=3).tolist() == [*range(40_000)]
    off = replace(rules, sample=None)
    assert sampled_frames(off, 60_000, "NSS", seed=3).tolist() == [*range(60_000)]
    assert len(sampled_frames(protocol("mit"), 60_000, "NSS", seed=3)) == 60_000


def clips(**values):
    return {clip: [MetricScore(value, "ok") for value in row] for clip, row in values.items()}


@every_protocol
def test_means_over_frames_and_clips(name):
    rules, given = protocol(name), clips(a=[1.0, 2.0, 3.0], b=[10.0], c=[NAN])
    over = {"frame": 4.0, "clip": 6.0}
    assert mean_of(rules, given) == over[rules.average]
    assert mean_of(rules, given, rules.meta_average) == over["clip"]
    assert mean_of(rules, given, "frame") == over["frame"]
    assert np.isnan(mean_of(rules, clips(a=[NAN], b=[])))


def test_which_protocols_average_over_clips():
    found = {name for name, rules in PROTOCOLS.items() if rules.average == "clip"}
    assert found == {"unisal", "msu_ntire26", "stavis"}


def test_an_empty_density_enters_dhf1ks_mean_and_not_ours():
    given = {"a": [MetricScore(0.6, "ok"), MetricScore(0.0, "empty_density")]}
    assert mean_of(protocol("dhf1k"), given) == pytest.approx(0.3)
    assert mean_of(protocol("mit"), given) == pytest.approx(0.6)
    constant = {"a": [MetricScore(0.6, "ok"), MetricScore(0.4, "constant_prediction")]}
    assert mean_of(protocol("mit"), constant) == pytest.approx(0.5)
