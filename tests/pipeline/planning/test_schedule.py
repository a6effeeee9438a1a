"""How long the papers' trainings are, and what their schedule leaves of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.planning.load import configured
from pipeline.planning.needs import training_named
from pipeline.planning.schedule import in_words, iterations_of, rate_of, share_small
from pipeline.raw.splits import known_totals

ROOT = Path(__file__).parents[3]


def frames(training: str, variant: str = "release") -> int:
    """Training frames that are known of its datasets."""
    found = 0
    for dataset in training_named(configured("paper"), training).datasets:
        split = "train"
        total = known_totals(ROOT / f"workflow/splits/{dataset}.csv", dataset, variant)[split]
        assert total.frames is not None
        found += total.frames
    return found


@pytest.mark.parametrize(
    ("training", "iterations", "share"),
    [
        ("pretraining", 1_875, 0.0),
        ("setting_1_ucf_sports", 2_438, 0.0),
        ("setting_1_hollywood2", 36_124, 0.667811),
        ("setting_1_dhf1k", 64_902, 0.815106),
        ("setting_2", 102_245, 0.882635),
    ],
)
def test_schedule_of_the_paper(training: str, iterations: int, share: float) -> None:
    settings = training_named(configured("paper"), training)
    epoch = frames(training)
    assert iterations_of(settings, epoch) == iterations
    assert share_small(settings, epoch) == pytest.approx(share, abs=1e-6)
    # The page says so.
    row = f"| `{training.replace('pretraining', 'salicon')}` | {epoch:,} | {iterations:,} |"
    (line,) = (one for one in page().splitlines() if one.startswith(row))
    assert line.endswith(f"| {share:.0%} |".replace("%", " %"))


def page() -> str:
    return (ROOT / "docs/training.md").read_text()


def test_schedule_of_the_predecessor() -> None:
    settings = training_named(configured("paper"), "two_stream_diem")
    assert share_small(settings, 1) == 0.8
    assert "| `two_stream_*` | - | 200,000 |" in page()


def test_a_step_of_an_epoch_leaves_no_iteration_idle() -> None:
    settings = training_named(configured("paper"), "setting_2").model_copy(update={"step": "epoch"})
    epoch = frames("setting_2")
    rate = rate_of(settings, epoch)
    assert share_small(settings, epoch) == 0
    each = [rate(iteration) for iteration in (0, 34_081, 34_082, 68_163, 68_164, 102_244)]
    assert each == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_words() -> None:
    settings = training_named(configured("paper"), "setting_1_dhf1k")
    assert in_words(settings, 346_140) == (
        "64,902 iterations of 16; learning rate 0.0001, times 0.1 every 3,000 iterations: 1e-25 at "
        "the end; 82% of the iterations at 0.0001 of the first rate or less "
        "(docs/training.md#how-the-rate-falls)"
    )
    assert in_words(settings, 10_000) == "1,875 iterations of 16; learning rate 0.0001 throughout"
