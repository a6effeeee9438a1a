"""What a degenerate frame counts by each protocol, and the status that says so."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.protocols import PROTOCOLS, protocol
from pipeline.preprocessing.fixations import fixated_map
from tests.pipeline.evaluation.frames import SHAPE, by_protocol, looks, references

NAN = float("nan")
every_protocol = pytest.mark.parametrize("name", PROTOCOLS)
with_sauc = pytest.mark.parametrize(
    "name", [name for name, rules in PROTOCOLS.items() if rules.reference]
)


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
    "salema": {
        "no_fixation": [None, "=", None, "="],
        "nothing_to_see": [None, None, None, None],
        "empty_density": ["=", None, "=", None],
        "constant_prediction": ["=", None, None, None],
        "zero_prediction": ["=", None, None, None],
        "negative_prediction": ["=", "=", "=", "="],
    },
    "rudoy": {
        "no_fixation": [None, "="],
        "nothing_to_see": [None, 0.5],
        "empty_density": ["=", 0.5],
        "constant_prediction": [0.5, "="],
        "zero_prediction": [0.5, None],
        "negative_prediction": ["=", None],
    },
    "salicon_challenge": {
        "no_fixation": [None, None, "=", None],
        "nothing_to_see": [None, None, None, None],
        "empty_density": ["=", "=", None, "="],
        "constant_prediction": [0.5, 0.5, None, None],
        "zero_prediction": [0.5, 0.5, None, None],
        "negative_prediction": ["=", "=", "=", "="],
    },
}
COUNTS["calibrated"] = COUNTS["mit"]
COUNTS["mit_jitter"] = {
    case: ["=" if count == JUDD_OF_CONSTANT else count for count in counts]
    for case, counts in COUNTS["mit"].items()
}
COUNTS["dhf1k"] = {case: counts[:-2] for case, counts in COUNTS["mit"].items()}
COUNTS["stavis"] = COUNTS["dhf1k"]


@pytest.mark.parametrize("case", CASES)
@every_protocol
def test_what_a_degenerate_frame_counts(name, case):
    saliency, density, pixels = CASES[case](*looks(14))
    got = by_protocol(name, saliency, density, pixels, reference=references(15))
    fixations = fixated_map(pixels, SHAPE).sum()
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
    arguments = CASES[case](*looks(14))
    rng = np.random.default_rng(0)
    got = score_frame(protocol(name), Frame(*arguments), reference=references(15), rng=rng)
    looked, dense = {"AUC-J", "AUC", "sAUC", "NSS"}, {"CC", "SIM", "KLDiv", "chi-square"}
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


@with_sauc
def test_an_empty_reference_gives_no_sauc(name):
    rng = np.random.default_rng(0)
    nothing = np.array([], dtype=int)
    value, status = score_frame(protocol(name), Frame(*looks(1)), reference=nothing, rng=rng)[
        "sAUC"
    ]
    assert (np.isnan(value), status) == (True, "no_fixation")
