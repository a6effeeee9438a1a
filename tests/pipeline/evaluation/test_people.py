"""Information gain against other people: by a direct definition, and explained information."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.datasets.records import NOBODY
from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics.distributions import centre_bias
from pipeline.evaluation.people import SHARES, WIDTHS, gold_standard, left_out
from pipeline.evaluation.protocols import further, protocol
from pipeline.reporting.intervals import ClipSums, Quotient
from pipeline.reporting.means import read_scores, summarise
from pipeline.runtime.sheets import write_rows
from pipeline.stores.score_sheets import seal_sheet
from tests.pipeline.evaluation.frames import SHAPE, looks

METRICS = ("IG-LOO", "IG-people", "EI")
WHO = np.array([1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 5, 6, 6, 7, 7, 7, 8, 9, 9])


def direct_density(pixels, who, sigma):
    """At each look the others' map: a Gaussian of sum 1 around each look, look by look."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    found = []
    for place, observer in zip(pixels, who, strict=True):
        whole, count = np.zeros(SHAPE), 0
        for other, other_observer in zip(pixels, who, strict=True):
            if other_observer != observer:
                bump = np.exp(-((y - other[0]) ** 2 + (x - other[1]) ** 2) / (2 * sigma**2))
                whole, count = whole + bump / bump.sum(), count + 1
        assert whole.sum() / count == pytest.approx(1)
        found.append(whole[tuple(place)] / count)
    return np.array(found)


@pytest.mark.parametrize("sigma", [0.7, 3.0, 40.0])
def test_the_left_out_density(sigma):
    pixels = looks(1)[2]
    expected = direct_density(pixels, WHO, sigma)
    np.testing.assert_allclose(left_out(pixels, WHO, sigma, SHAPE), expected)


def test_the_gold_standard_is_the_likeliest_mixture_with_the_centre_bias():
    frames = [looks(seed)[2] for seed in (1, 2)]
    base = centre_bias(SHAPE) / centre_bias(SHAPE).sum()
    tried = [
        [
            np.log2(
                (1 - share) * direct_density(frame, WHO, width * SHAPE[1])
                + share * base[tuple(frame.T)]
            )
            for frame in frames
        ]
        for width in WIDTHS
        for share in SHARES
    ]
    expected = max(tried, key=lambda bits: sum(frame.sum() for frame in bits))
    got = gold_standard(
        [*frames, frames[0], frames[0]], [WHO, WHO, WHO * 0, WHO * 0 + NOBODY], SHAPE
    )
    for found, wanted in zip(got, expected, strict=False):
        np.testing.assert_allclose(found, wanted)
    assert [len(frame) for frame in got] == [19, 19, 0, 0]


def test_bits_per_look():
    saliency, density, pixels = looks(3)
    gold = gold_standard([pixels], [WHO], SHAPE)[0]
    got = score_frame(protocol(), Frame(saliency, density, pixels, gold), metrics=METRICS)
    p, b = (
        (field - field.min()) / (field - field.min()).sum()
        for field in (saliency, centre_bias(SHAPE))
    )
    p_bits, b_bits = (
        np.mean([np.log2(field[y, x] + 2.0**-52) for y, x in pixels]) for field in (p, b)
    )
    assert got["IG-LOO"].value == pytest.approx(p_bits - gold.mean())
    assert got["IG-people"].value == pytest.approx(gold.mean() - b_bits)
    assert got["EI"].value == pytest.approx(100 * (p_bits - b_bits) / (gold.mean() - b_bits))
    alone = score_frame(protocol(), Frame(saliency, density, pixels), metrics=METRICS)
    assert all(np.isnan(v) and status == "no_fixation" for v, status in alone.values())


def test_explained_information_needs_what_it_is_made_of():
    assert further("mit", ["EI"]) == ["IG-LOO", "IG-people", "EI"]
    assert further("dhf1k", ["EI"]) == []


@pytest.mark.parametrize("average", ["frame", "clip"])
def test_explained_information_is_a_quotient_of_means(average, tmp_path):
    lost, people = dict[str, list[Any]](), dict[str, list[float]]()
    for one, other in ("ab", "cd", "ef"):  # of fewer than six clips there is no interval
        lost |= {one: [-1.0, -2.0, ""], other: [-0.5]}
        people |= {one: [2.0, 3.0, 9.0], other: [1.0]}
    path, five = tmp_path / "sheet.csv", protocol().reports
    rows = [
        [clip, frame, *["0.5"] * len(five), bits, people[clip][frame], bits, "ok"]
        for clip, values in lost.items()
        for frame, bits in enumerate(values)
    ]
    write_rows(path, ["clip", "frame", *five, *METRICS, "status"], rows)
    seal_sheet(path, "mit", {}, {})
    found = summarise(read_scores(path, "mit"), average, 0)
    if average == "frame":
        expected = 100 * (1 + 1 + 0.5) / (2 + 3 + 1)
    else:
        expected = 100 * ((1 + 1) / 2 + 0.5) / ((2 + 3) / 2 + 1)
    assert found.means["EI"] == pytest.approx(expected)
    assert found.by_clip["EI"].means.tolist() == pytest.approx(3 * [40.0, 50.0])
    low, high = found.intervals["EI"] or (0, 0)
    assert low <= expected <= high


def test_a_quotient_without_some_clips():
    above, below = np.array([1.0, 2.0]), ClipSums(np.array([2.0, 8.0]), np.array([1, 2]))
    whole = Quotient(above, below.counts, below)
    assert whole.of(np.array([False, True])).mean("frame") == pytest.approx(25)
    assert whole.mean("clip") == pytest.approx(100 * 2 / 6)
