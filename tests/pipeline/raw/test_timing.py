"""When frames appear: rates, time stamps that make no sense, and pictures put where they belong."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from pipeline.raw.timing import LONGEST, Packet, StampError, Timing, timing_of

MILLISECOND = Fraction(1, 1000)


def timing(
    stamps: Sequence[int], tick: Fraction = MILLISECOND, *stated: Fraction, last: int = 33
) -> Timing:
    return timing_of([Packet(stamp, stamp, last, True) for stamp in stamps], tick, stated, None)


def in_ticks(rate: Fraction, count: int, tick: Fraction) -> list[int]:
    return [round(i / rate / tick) for i in range(count)]


@pytest.mark.parametrize("tick", [MILLISECOND, Fraction(1, 90000), Fraction(1, 600)])
@pytest.mark.parametrize("rate", ["15000/1001", "24000/1001", "25", "60000/1001", "12.5", "60"])
def test_a_rounded_clock_keeps_the_rational_rate(rate: str, tick: Fraction) -> None:
    exact = Fraction(rate)
    stated = Fraction(f"{float(exact):.2f}")
    for count in (5, 500):
        found = timing(in_ticks(exact, count, tick), tick, stated)
        assert (found.rate, found.edges()) == (exact, [])
        assert found.seconds == pytest.approx(count / exact)
    assert timing(in_ticks(exact, 500, tick), tick).rate == exact  # from the stamps alone


def test_a_clock_that_counts_frames_is_right_whatever_is_stated() -> None:
    assert timing(range(9), Fraction(100, 1499), Fraction("14.99")).rate == Fraction(1499, 100)


def test_one_rate_after_another_is_none() -> None:
    found = timing([0, 33, 67, 100, 200, 300], MILLISECOND, Fraction(30))
    assert found.rate is None
    assert found.edges() == [0, 0.033, 0.067, 0.1, 0.2, 0.3, 0.4]
    assert found.mean_rate == pytest.approx(6 / 0.4)


def test_a_frame_left_out_is_no_constant_rate_even_where_a_tick_is_a_frame() -> None:
    found = timing([0, 1, 2, 4, 5], Fraction(1, 25), last=1)
    assert found.rate is None
    assert found.edges() == [0, 0.04, 0.08, 0.16, 0.2, 0.24]


def test_time_begins_with_the_first_frame() -> None:
    assert timing([-500, -400, -350], last=50).edges() == [0, 0.1, 0.15, 0.2]


@pytest.mark.parametrize("stamps", [[0, 40, 3_600_000], [0, 40, 1 << 62], [-(1 << 62), 1 << 62]])
def test_a_frame_of_an_hour_is_refused(stamps: list[int]) -> None:
    with pytest.raises(StampError, match=rf"frame \d would stay for .* more than {LONGEST}"):
        timing(stamps)


@pytest.mark.parametrize("chunks", [0, 10**9])
def test_chunks_that_no_video_has_are_refused(chunks: int) -> None:
    last = 9 if chunks else 10**9
    with pytest.raises(StampError, match="would stay"):
        timing_of([Packet(0, 0, 1, True), Packet(last, last, 1, True)], Fraction(1, 25), [], chunks)


def test_packets_that_are_not_shown_are_no_frames() -> None:
    packets = [Packet(t, t, 40, t >= 0) for t in range(-200, 200, 40)]
    assert len(timing_of(packets, MILLISECOND, [], None)) == 5


@pytest.mark.parametrize("rate", [12.5, 30.0, 29.97])
def test_resampling_counts_as_the_filter_does(rate: float) -> None:
    found = timing([0, 33, 67, 100, 200, 300]).resampled(rate)
    assert len(found) == round(0.4 * rate)
    assert float(found.rate or 0) == rate


def test_less_than_half_a_frame_is_refused() -> None:
    with pytest.raises(StampError, match="less than half a frame at 10"):
        timing([0], last=33).resampled(10.0)


def arranged(
    found: Timing, blocks: Sequence[Sequence[int]], **limits: int
) -> tuple[list[int], int]:
    """The stamps of the pictures that are shown, frame by frame, and how many never are."""
    pictures = ((np.array(stamps)[:, None], stamps) for stamps in blocks)
    shown, frames = list[int](), found.arrange(pictures, **limits)
    while True:
        try:
            shown += next(frames)[:, 0].tolist()
        except StopIteration as end:
            return shown, end.value


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("stamps", "shown", "lost"),
    [
        ([0, 40, 80, 120, 160, 200, 240], [0, 40, 80, 120, 160, 200, 240], 0),
        ([0, 40, 160, 200], [0, 40, 40, 40, 160, 200, 200], 0),
        ([80, 120], [80, 80, 80, 120, 120, 120, 120], 0),
        ([0, 40, 80, 80, 160, 200, 240], None, 1),
        ([0, 40, 80, 40, 160, 200, 240], None, 1),
    ],
)
def test_a_picture_stays_until_the_next(
    stamps: list[int], shown: list[int] | None, lost: int, cut: int
) -> None:
    found = timing(range(0, 280, 40), last=40)
    blocks = [stamps[i : i + cut] for i in range(0, len(stamps), cut)]
    seen, missed = arranged(found, blocks)
    assert (len(seen), missed) == (7, lost)
    assert shown is None or seen == shown
    for first in range(1, 8):
        for last in range(first, 8):
            assert arranged(found, blocks, first=first, last=last)[0] == seen[first - 1 : last]


def test_pictures_of_an_avi_may_be_delayed() -> None:
    packets = [Packet(i, None, 1, True) for i in range(5)]
    found = timing_of(packets, Fraction(1, 25), [], 7)
    assert (len(found), found.rate) == (7, 25)
    assert arranged(found, [[2, 3], [4, 5, 6]])[0] == [2, 3, 4, 5, 6, 6, 6]
