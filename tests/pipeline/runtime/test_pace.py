"""What a log says of rate and time left, by a clock that the test turns."""

from __future__ import annotations

import pytest

from pipeline.runtime import pace
from pipeline.runtime.pace import Pace, duration


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_a_minute_with_rate_and_time_left() -> None:
    clock = Clock()
    one = Pace(1000, "maps", 400, clock=clock)  # resumed at 400
    clock.now += 59
    assert not one.add(50)
    clock.now += 1
    assert one.add(10)
    assert one.line() == "460 of 1,000 maps, 1/s, 9 min left"
    clock.now += 59
    assert not one.add(10)


def test_nothing_done_yet_has_no_time_left() -> None:
    clock = Clock()
    one = Pace(10, "clips", clock=clock)
    clock.now += 60
    assert one.add(0)
    assert one.line() == "0 of 10 clips, 0/s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "1 h"),
        (3 * 3600 + 5 * 60, "3 h 5 min"),
        (86400, "1 d"),
        (9 * 86400 + 7200 + 60, "9 d 2 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_parts_are_counted_by_their_sizes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pace, "EVERY", 0.0)
    assert [*Pace(5, "frames").along(["abc", "de"], len)] == ["abc", "de"]
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("3 of 5 frames, ")
    assert second.startswith("5 of 5 frames, ")
    assert second.endswith("/s, 0 s left")
