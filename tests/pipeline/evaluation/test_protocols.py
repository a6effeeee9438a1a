"""Each protocol against an independent restatement."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.ndimage import convolve, zoom

from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics.auc import auc_judd, auc_shuffled
from pipeline.evaluation.metrics.distributions import cc, chi_square, nss, sim
from pipeline.evaluation.metrics.preparing import on_grid
from pipeline.evaluation.metrics.resizing import resized
from pipeline.evaluation.protocols import PROTOCOLS, protocol
from pipeline.preprocessing.fixations import fixated_map
from pipeline.runtime.errors import InputError
from tests.pipeline.evaluation.frames import FIVE, SHAPE, by_protocol, looks, references, values

every_protocol = pytest.mark.parametrize("name", PROTOCOLS)
with_sauc = pytest.mark.parametrize(
    "name", [name for name, rules in PROTOCOLS.items() if rules.reference]
)


def grey(field):
    return np.array([[np.floor(255 * v / field.max() + 0.5) for v in row] for row in field])


def min_max(field):
    return (field - field.min()) / (field.max() - field.min())


def mann_whitney(positives, negatives):
    greater = (positives[:, None] > negatives[None]).mean()
    return greater + (positives[:, None] == negatives[None]).mean() / 2


def test_the_names_and_the_default():
    assert [*PROTOCOLS] == [
        *("mit", "mit_jitter", "dhf1k", "unisal", "pysaliency", "msu_ntire26", "stavis", "salema"),
        *("rudoy", "salicon_challenge", "calibrated"),
    ]
    assert protocol().name == "mit"
    with pytest.raises(InputError, match=r"'tuebingen'.*choose one of mit,"):
        protocol("tuebingen")


def test_mit_is_the_metrics_of_both_papers():
    saliency, density, pixels = looks(1)
    fixated, places = fixated_map(pixels, SHAPE), references(2)
    expected = values(saliency, density, fixated)
    expected["chi-square"] = chi_square(saliency, density)
    assert by_protocol("mit", saliency, density, pixels) == pytest.approx(expected)
    got = by_protocol("mit", saliency, density, pixels, reference=places)
    assert {*got} == {*FIVE, "sAUC", "chi-square"}
    assert got["sAUC"] == auc_shuffled(saliency, fixated, places)


def test_mit_jitter_is_one_call_of_mits_code():
    saliency, density, pixels = looks(1)
    saliency = np.floor(6 * saliency)
    fixated = fixated_map(pixels, SHAPE)
    got = by_protocol("mit_jitter", saliency, density, pixels, seed=7)
    assert got["AUC-J"] == auc_judd(saliency, fixated, jitter=np.random.default_rng(7))
    assert got == by_protocol("mit_jitter", saliency, density, pixels, seed=7)
    assert got["AUC-J"] != by_protocol("mit_jitter", saliency, density, pixels, seed=8)["AUC-J"]
    rest = {"CC", "NSS", "SIM", "KLDiv"}
    expected = values(saliency, density, fixated)
    assert {name: got[name] for name in rest} == pytest.approx(
        {name: expected[name] for name in rest}
    )
    with pytest.raises(ValueError, match="generator"):
        score_frame(protocol("mit_jitter"), Frame(saliency, density, pixels))


@with_sauc
def test_random_splits_of_sauc_follow_the_generator(name):
    arguments = (*looks(1), references(2))
    drawn = [
        by_protocol(name, *arguments[:3], reference=arguments[3], seed=seed)["sAUC"]
        for seed in (3, 3, 4)
    ]
    assert drawn[0] == drawn[1]
    exact = {"pysaliency", "rudoy", "salicon_challenge"}
    assert (drawn[1] == drawn[2]) == (name in exact)


def test_dhf1k_is_mits_code_on_grey_levels():
    saliency, density, pixels = looks(3)
    places = references(4)
    got = by_protocol("dhf1k", saliency, density, pixels, reference=places)
    p, s, fixated = grey(saliency), grey(density), fixated_map(pixels, SHAPE)
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
    saliency, density, pixels = looks(5)
    got = by_protocol("unisal", saliency, density, pixels, reference=references(6))
    fixated, p, s = fixated_map(pixels, SHAPE), saliency / saliency.sum(), density / density.sum()
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
    saliency, density, pixels = looks(7)
    places = np.random.default_rng(8).integers(0, saliency.size, 60)
    got = by_protocol("pysaliency", saliency, density, pixels, reference=places)
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
    saliency, density, pixels = looks(seed)
    saliency = saliency + offset
    places = np.random.default_rng(seed).integers(0, saliency.size, 60)
    got = by_protocol("pysaliency", saliency, density, pixels, reference=places)
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
    saliency, density, pixels = looks(9)
    got = by_protocol("msu_ntire26", saliency, density, pixels)
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
    saliency, density, pixels = looks(11)
    got = by_protocol("stavis", saliency, density, pixels)
    scaled = min_max(grey(saliency))
    y, x = np.mgrid[-6:7, -6:7]
    kernel = np.exp(-(x**2 + y**2) / 8)
    p = convolve(scaled, kernel / kernel.sum(), mode="reflect")
    s, fixated = grey(density), fixated_map(pixels, SHAPE)
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
    _, density, pixels = looks(12)
    saliency = looks(13, size)[0]
    got = by_protocol(name, saliency, density, pixels)
    by_hand = RESIZE[name](saliency, SHAPE)
    # What came before the resizing must not be done a second time.
    plain = replace(protocol(name), levels=None, scaled="no")
    truth = grey(density) if protocol(name).levels else density
    truth = min_max(truth) if protocol(name).scaled == "both" else truth
    expected = score_frame(plain, Frame(by_hand, truth, pixels))
    for metric, (value, _) in expected.items():
        # OpenCV's rounding errors break ties of grey levels.
        tolerance = 1e-3 if (name, metric) == ("msu_ntire26", "AUC-J") else 1e-9
        assert got[metric] == pytest.approx(value, abs=tolerance), metric


def test_ties_survive_resizing():
    halves = np.repeat([[0.1, 0.7]], 8, axis=1).repeat(9, axis=0)
    columns = on_grid(protocol("mit"), halves, (24, 32))
    assert (columns == columns[0]).all()


@every_protocol
@pytest.mark.parametrize("which", [0, 1], ids=["saliency", "density"])
def test_nan_is_refused(name, which):
    arguments = looks(1)
    arguments[which][2, 3] = np.nan
    with pytest.raises(ValueError, match="holds 1 values"):
        score_frame(protocol(name), Frame(*arguments), rng=np.random.default_rng(0))


@every_protocol
def test_inputs_stay_as_they_are_and_their_dtype_does_not_matter(name):
    saliency, density, pixels = (np.asarray(field) for field in looks(1))
    saliency, density = saliency.astype(np.float32), density.astype(np.float32)
    before = saliency.copy(), density.copy(), pixels.copy()
    single = by_protocol(name, saliency, density, pixels)
    double = by_protocol(name, saliency.astype(np.float64), density.astype(np.float64), pixels)
    assert single == double
    for field, copy in zip((saliency, density, pixels), before, strict=True):
        np.testing.assert_array_equal(field, copy)


def test_no_two_protocols_give_the_same_numbers():
    saliency, density, pixels = looks(16)
    found = {
        tuple(round(value, 9) for value in by_protocol(name, saliency, density, pixels).values())
        for name in PROTOCOLS
        # Without ties the one is `mit`, and so is the other of maps that are not changed.
        if name not in ("mit_jitter", "calibrated")
    }
    assert len(found) == len(PROTOCOLS) - 2


def test_which_protocols_average_over_clips():
    found = {name for name, rules in PROTOCOLS.items() if rules.average == "clip"}
    assert found == {"unisal", "msu_ntire26", "stavis", "salema", "rudoy"}
