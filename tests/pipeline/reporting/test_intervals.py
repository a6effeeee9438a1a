"""Intervals and tests over clips, against what the textbooks and slower code give."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

from pipeline.reporting.intervals import ClipSums, compare, drawn_clips, drawn_means, holm, interval


def clip_sums(values):
    return ClipSums(
        np.array([sum(clip) for clip in values], float), np.array([len(clip) for clip in values])
    )


@pytest.fixture
def clips():
    rng = np.random.default_rng(3)
    return [list(rng.normal(rng.normal(), 1, rng.integers(1, 9))) for _ in range(15)]


@pytest.mark.parametrize("average", ["frame", "clip"])
def test_every_draw_is_the_mean_of_the_clips_drawn(average, clips):
    drawn = drawn_clips(len(clips), 1)
    assert (drawn.sum(axis=1) == len(clips)).all()
    found = drawn_means(clip_sums(clips), average, drawn)
    for place in (0, 999, 1999):
        chosen = [clip for clip, n in zip(clips, drawn[place], strict=True) for _ in range(int(n))]
        means = [np.mean(clip) for clip in chosen]
        expected = np.mean(np.concatenate(chosen)) if average == "frame" else np.mean(means)
        assert found[place] == pytest.approx(expected)


def test_the_same_seed_draws_the_same_clips():
    first = drawn_clips(9, 4).copy()
    drawn_clips.cache_clear()
    assert np.array_equal(first, drawn_clips(9, 4))
    assert not np.array_equal(first, drawn_clips(9, 5))


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng, covered = np.random.default_rng(8), 0
    drawn = drawn_clips(40, 2)
    for _ in range(300):
        low, high = interval(ClipSums(rng.normal(size=40), np.ones(40, int)), "clip", drawn)
        covered += low < 0 < high
    assert 0.90 < covered / 300 < 0.98


def test_a_clip_without_frames_enters_neither_average():
    scores = clip_sums([[1.0, 3.0], [], [5.0]])
    assert scores.mean("frame") == 3.0
    assert scores.mean("clip") == 3.5
    more = clip_sums([[1.0, 3.0], [], [5.0]] * 3)
    low, high = interval(more, "clip", drawn_clips(9, 0))
    assert 2.0 <= low < 3.5 < high <= 5.0


@pytest.mark.parametrize("values", [[[1.0, 2.0]], [[1.0], [], []], [[], []], [[1.0]] * 5 + [[]]])
def test_fewer_than_six_clips_with_a_value_have_no_interval(values):
    assert interval(clip_sums(values), "frame", drawn_clips(len(values), 0)) is None
    more = clip_sums([*values, *[[1.0]] * 6])
    assert interval(more, "frame", drawn_clips(len(values) + 6, 0)) is not None


def test_the_difference_is_paired(clips):
    moved = [[value + 0.25 for value in clip] for clip in clips]
    found = compare(clip_sums(moved), clip_sums(clips), "frame", drawn_clips(len(clips), 0))
    assert found.difference == pytest.approx(0.25)
    assert found.interval == pytest.approx((0.25, 0.25))


def test_the_smallest_p_is_that_of_equal_signs(clips):
    moved = [[value + 0.25 + 0.01 * i for value in clip] for i, clip in enumerate(clips)]
    found = compare(clip_sums(moved), clip_sums(clips), "frame", drawn_clips(len(clips), 0))
    assert found.p == pytest.approx(2 ** (1 - len(clips)))


def test_p_is_wilcoxons_of_the_clips_means(clips):
    other = [[value * 1.3 + 0.1 for value in clip] for clip in clips]
    found = compare(clip_sums(other), clip_sums(clips), "frame", drawn_clips(len(clips), 0))
    expected = wilcoxon([np.mean(clip) for clip in other], [np.mean(clip) for clip in clips])
    assert found.p == pytest.approx(expected.pvalue)


def test_a_clip_that_only_one_has_counts_for_neither(clips):
    """A model that has no value in its worst clip gains nothing by it."""
    whole = clip_sums(clips)
    lacking = clip_sums([[], *clips[1:]])
    found = compare(lacking, whole, "frame", drawn_clips(len(clips), 2))
    assert found.difference == 0
    assert found.interval == (0, 0)
    assert found.p == 1


def test_equal_models_do_not_differ_and_few_clips_are_not_tested(clips):
    drawn = drawn_clips(len(clips), 0)
    assert compare(clip_sums(clips), clip_sums(clips), "clip", drawn).p == 1.0
    few, drawn = clip_sums(clips[:5]), drawn_clips(5, 0)
    assert compare(few, few, "clip", drawn).p is None
    assert compare(few, few, "clip", drawn).interval is None


def test_holm_steps_down_and_never_falls():
    assert holm([0.04, None, 0.01, 0.03, 0.5]) == pytest.approx([0.09, None, 0.04, 0.09, 0.5])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None]) == [None]


def test_infinite_scores_have_neither_interval_nor_test(clips):
    endless, drawn = [[np.inf], *clips[1:]], drawn_clips(len(clips), 0)
    assert interval(clip_sums(endless), "frame", drawn) is None
    found = compare(clip_sums(endless), clip_sums(clips), "frame", drawn)
    assert (found.difference, found.interval, found.p) == (np.inf, None, None)
