"""The float32 engine against the float64 functions: any map, degenerate frames, no copies."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.metrics.engine import Engine
from pipeline.evaluation.metrics.scaling import copy_single
from tests.pipeline.evaluation.frames import FIVE, point, prediction, scored, truth, values

SHAPE = (210, 331)  # more than a block, and no whole number of blocks


def both(engine, saliency, density, fixated):
    """Scores with an engine and without."""
    exact = (field.astype(np.float64) for field in (saliency, density))
    return scored(saliency, density, fixated, engine=engine), scored(*exact, fixated)


def assert_same(fast, exact):
    for name in FIVE:
        assert fast[name].status == exact[name].status
        assert fast[name].value == pytest.approx(exact[name].value, abs=1e-5, nan_ok=True), name
    assert fast["AUC-J"].value == pytest.approx(exact["AUC-J"].value, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("levels", [None, 6, 256])
@pytest.mark.parametrize("power", [1, 8])
def test_an_engine_is_the_float64_functions(power, levels):
    engine = Engine(SHAPE)
    for seed in range(3):
        saliency, (density, fixated) = prediction(seed, SHAPE) ** power, truth(seed, SHAPE, 40)
        if levels:
            saliency = np.floor(saliency / saliency.max() * (levels - 1))
        saliency, density = saliency.astype(np.float32), density.astype(np.float32)
        assert engine.score(saliency, density, fixated) is not None
        assert_same(*both(engine, saliency, density, fixated))


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 1e3]), st.sampled_from([2, 9, 0]))
@settings(max_examples=40, deadline=None)
def test_an_engine_on_any_small_map(seed, offset, levels):
    rng = np.random.default_rng(seed)
    saliency = rng.integers(0, levels, (5, 7)) if levels else rng.random((5, 7))
    saliency = (saliency + offset).astype(np.float32)
    density = (rng.random((5, 7)) ** 3).astype(np.float32)
    fixated = rng.random((5, 7)) < rng.random()
    assert_same(*both(Engine((5, 7)), saliency, density, fixated))


@pytest.mark.parametrize("fixations", [1, 254, 255, 4000])
def test_an_engine_ranks_among_any_number_of_fixations(fixations):
    """Their ranks are kept in 8 bits or in 16."""
    density, fixated = truth(3, SHAPE, fixations)
    saliency, density = prediction(4, SHAPE).astype(np.float32), density.astype(np.float32)
    assert_same(*both(Engine(SHAPE), saliency, density, fixated))


@pytest.mark.parametrize("metrics", [("sAUC", "IG"), ("IG",), ("sAUC",), (*FIVE, "sAUC", "IG")])
@pytest.mark.parametrize("offset", [0, 5])
def test_an_engine_has_the_other_metrics(metrics, offset):
    saliency, (density, fixated) = prediction(1, SHAPE) + offset, truth(2, SHAPE, 40)
    saliency, density = saliency.astype(np.float32), density.astype(np.float32)
    reference = np.random.default_rng(5).choice(saliency.size, 300)
    options = {"metrics": (*metrics, "chi-square"), "reference": reference}
    fast = values(saliency, density, fixated, engine=Engine(SHAPE), **options)
    assert fast == pytest.approx(values(saliency, density, fixated, **options), abs=1e-6)
    assert fast.get("sAUC") == values(saliency, density, fixated, **options).get("sAUC")


@pytest.mark.parametrize("name", ["constant_prediction", "zero_prediction", "no_fixation"])
def test_an_engine_leaves_degenerate_frames_also_of_the_quickest_metrics(name):
    saliency, density, fixated = degenerate_frames()[name]
    options = {"metrics": ("sAUC", "IG"), "reference": np.arange(50)}
    fast = scored(saliency.astype(np.float32), density, fixated, engine=Engine(SHAPE), **options)
    exact = scored(saliency.astype(np.float32), density, fixated, **options)
    assert {one.status for one in fast.values()} == {one.status for one in exact.values()} != {"ok"}


def test_float32_of_every_float16():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(256, 256)
    found = np.empty(halves.shape, np.float32)
    copy_single(halves, found)
    assert np.array_equal(found, halves.astype(np.float32), equal_nan=True)


def test_an_engine_takes_float16_float64_and_views():
    saliency, (density, fixated) = prediction(1, SHAPE), truth(2, SHAPE, 40)
    engine = Engine(SHAPE)
    half = saliency.astype(np.float16), density.astype(np.float16)
    assert_same(*both(engine, *half, fixated))
    assert_same(*both(engine, half[0][::-1, ::-1], half[1][:, ::-1], fixated[::-1]))
    exact = values(saliency, density, fixated)
    assert engine.score(saliency, density, fixated) == pytest.approx(exact, abs=1e-5)


def degenerate_frames():
    density, fixated = truth(6, SHAPE)
    saliency, empty = prediction(7, SHAPE), np.zeros(SHAPE)
    return {
        "constant_prediction": (np.full(SHAPE, 0.1), density, fixated),
        "nearly_constant": (1 + saliency * 1e-4, density, fixated),
        "zero_prediction": (empty, density, fixated),
        "negative_prediction": (saliency - saliency.mean(), density, fixated),
        "no_fixation": (saliency, density, empty.astype(bool)),
        "every_pixel_fixated": (saliency, density, ~empty.astype(bool)),
        "empty_density": (saliency, empty, fixated),
        "constant_density": (saliency, np.ones(SHAPE), fixated),
        "tiny_values": (saliency * 1e-30, density * 1e-30, fixated),
        "zeros_and_a_peak": (point(3, 4, SHAPE), density, fixated),
    }


@pytest.mark.parametrize("name", degenerate_frames())
def test_an_engine_of_degenerate_frames(name):
    saliency, density, fixated = degenerate_frames()[name]
    saliency, density = saliency.astype(np.float32), density.astype(np.float32)
    assert_same(*both(Engine(SHAPE), saliency, density, fixated))
    quickly = Engine(SHAPE).score(saliency, density, fixated)
    assert (quickly is None) == (name not in ("zeros_and_a_peak",))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["saliency", "density"])
def test_an_engine_refuses_what_is_not_finite(which, value):
    saliency, (density, fixated) = prediction(1, SHAPE).astype(np.float32), truth(2, SHAPE)
    density = density.astype(np.float32)
    (saliency if which == "saliency" else density)[100, 200] = value
    with pytest.raises(ValueError, match=f"{which} holds 1 values"):
        scored(saliency, density, fixated, engine=Engine(SHAPE))


def test_an_engine_refuses_another_size():
    density, fixated = truth(11)
    whole = np.ones(SHAPE, bool)
    with pytest.raises(ValueError, match="expected maps of"):
        Engine(SHAPE).score(prediction(11), density, whole)
    with pytest.raises(ValueError, match="expected fixations on"):
        Engine(SHAPE).score(prediction(11), density, fixated)


def test_an_engine_makes_no_map():
    shape = (480, 640)
    saliency, (density, fixated) = prediction(1, shape), truth(2, shape, 60)
    saliency, density = saliency.astype(np.float32), density.astype(np.float32)
    engine = Engine(shape)
    tracemalloc.start()
    try:
        engine.score(saliency, density, fixated)
        assert tracemalloc.get_traced_memory()[1] < saliency.nbytes / 10
    finally:
        tracemalloc.stop()
