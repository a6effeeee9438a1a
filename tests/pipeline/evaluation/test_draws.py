"""The reference sets of the protocols, and the frames that DHF1K's protocol draws."""

from __future__ import annotations

import random
from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.evaluation.draws import half_of, reference_frames, reference_positions, sampled_frames
from pipeline.evaluation.protocols import PROTOCOLS, Reference, protocol

REFERENCES = {name: rules.reference for name, rules in PROTOCOLS.items()}
LENGTHS = [5, 1, 7]


@pytest.mark.parametrize("name", [name for name, wanted in REFERENCES.items() if wanted])
def test_reference_frames(name):
    wanted, rng = REFERENCES[name], np.random.default_rng(0)
    everything = {(clip, i) for clip, length in enumerate(LENGTHS) for i in range(length)}
    allowed = {
        "other_clips": {place for place in everything if place[0] != 2},
        "whole_set": everything,
        "one_per_clip": everything,
        "other_frames": everything - {(2, 3)},
        "same_clip": {place for place in everything if place[0] == 2},
        "clip_others": {place for place in everything if place[0] == 2} - {(2, 3)},
    }[wanted.origin]
    seen = set()
    for _ in range(200):
        found = reference_frames(wanted, LENGTHS, 2, 3, rng)
        assert len({*found}) == len(found)
        seen |= {*found}
        if wanted.origin == "one_per_clip":
            assert len(found) == len({clip for clip, _ in found}) == len(LENGTHS)
        else:
            assert len(found) == min(wanted.frames or 99, len(allowed))
    assert seen == allowed


def test_reference_frames_of_a_large_set_are_evenly_drawn():
    wanted, rng = REFERENCES["mit"], np.random.default_rng(0)
    lengths = [30, 10, 60]
    found = [place for _ in range(400) for place in reference_frames(wanted, lengths, 1, 2, rng)]
    assert len(found) == 4000
    clips = np.bincount([clip for clip, _ in found], minlength=3) / len(found)
    assert clips == pytest.approx([1 / 3, 0, 2 / 3], abs=0.04)
    again = reference_frames(wanted, lengths, 1, 2, np.random.default_rng(5))
    assert again == reference_frames(wanted, lengths, 1, 2, np.random.default_rng(5))


def test_reference_positions_of_a_union_and_of_every_look():
    looks = [np.array([[0, 0], [3, 5], [3, 5]]), np.zeros((0, 2), int), np.array([[10, 10]])]
    shapes = [(4, 6), (4, 6), (12, 12)]
    fixated = np.zeros((8, 12), dtype=bool)
    fixated[7, 11] = True
    # The middle of pixel (3, 5) of 4x6 lies in pixel (7, 11) of 8x12, that of (10, 10) in (7, 10).
    union = reference_positions(REFERENCES["mit"], looks, shapes, fixated)
    assert union.tolist() == [1 * 12 + 1, 7 * 12 + 10, 7 * 12 + 11]
    every = reference_positions(REFERENCES["pysaliency"], looks, shapes, fixated)
    assert sorted(every.tolist()) == [13, 94, 95, 95]
    others = reference_positions(REFERENCES["stavis"], looks, shapes, fixated)
    assert others.tolist() == [13, 94]
    assert reference_positions(REFERENCES["mit"], [], [], fixated).size == 0


def test_reference_positions_stay_inside():
    corners = np.array([[0, 0], [359, 639]])
    fixated = np.zeros((48, 63), dtype=bool)
    found = reference_positions(REFERENCES["mit"], [corners], [(360, 640)], fixated)
    assert found.tolist() == [0, 48 * 63 - 1]


def test_the_reference_sets_of_the_protocols():
    assert {
        "mit": Reference("other_clips", 10),
        "mit_jitter": Reference("other_clips", 10),
        "dhf1k": Reference("whole_set", 10),
        "unisal": Reference("one_per_clip", 10, resize="bilinear"),
        "pysaliency": Reference("other_frames", None, repeats="looks"),
        "msu_ntire26": None,
        "stavis": Reference("same_clip", None, without_own=True),
        "salema": None,
        "calibrated": Reference("other_clips", 10),
        "rudoy": Reference("clip_others", None),
        "salicon_challenge": Reference("other_frames", None, repeats="frames", without_own=True),
    } == REFERENCES


@pytest.mark.parametrize("shape", [(9, 12), (18, 24), (12, 17), (31, 29), (24, 32)])
def test_unisals_reference_grows_with_its_picture_as_opencv_resizes_it(shape):
    pixels = np.random.default_rng(3).integers(0, shape, (14, 2))
    picture = np.zeros(shape, np.uint8)
    picture[tuple(pixels.T)] = 1
    for here in ((24, 32), (60, 90)):
        found = reference_positions(
            REFERENCES["unisal"], [pixels], [shape], np.zeros(here, dtype=bool)
        )
        assert found.tolist() == np.flatnonzero(cv2.resize(picture, here[::-1])).tolist()


@pytest.mark.parametrize("frames", [1, 2, 7, 300])
def test_unisal_takes_the_areas_of_the_half_of_the_frames_that_python_draws(frames):
    rules = protocol("unisal")
    random.seed(27)
    expected = sorted(random.sample(range(frames), max(1, int(0.5 * frames))))
    for metric in ("AUC-J", "sAUC"):
        assert half_of(frames, rules, metric).tolist() == expected
    assert half_of(frames, rules, "NSS").tolist() == [*range(frames)]
    assert half_of(frames, protocol("mit"), "sAUC").tolist() == [*range(frames)]


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
