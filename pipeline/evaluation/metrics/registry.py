"""Every metric by name: which of two values is better, and the function that computes it.

To add a metric, write a function of one `PreparedFrame` in `metrics/conventions.py` and give it a
name here; a table that lists the name has the column. This module imports nothing, because those
who plan a run read it too.
"""

from typing import Final, Literal, NamedTuple

Better = Literal["higher", "lower"]


class Metric(NamedTuple):
    """What planning, scoring and tables know of a metric."""

    better: Better
    """Which of two values is the better one."""
    needs: Literal["fixation", "reference", "density", "observers"]
    """What a frame must have: a fixation, one here and in the reference set, a density, or two
    observers."""
    function: str
    """Name of the function in `metrics.conventions`."""
    signed: bool = True
    """Whether a prediction with negative values has a value."""


METRICS: Final[dict[str, Metric]] = {
    "AUC-J": Metric("higher", "fixation", "auc_judd"),
    "sAUC": Metric("higher", "reference", "auc_shuffled"),
    "CC": Metric("higher", "density", "cc"),
    "NSS": Metric("higher", "fixation", "nss"),
    "SIM": Metric("higher", "density", "sim"),
    "KLDiv": Metric("lower", "density", "kldiv", signed=False),
    "chi-square": Metric("lower", "density", "chi_square", signed=False),
    "AUC": Metric("higher", "fixation", "auc_hundredths"),
    "AUC-Borji": Metric("higher", "fixation", "auc_borji"),
    "IG": Metric("higher", "fixation", "info_gain"),
    "IG-LOO": Metric("higher", "observers", "info_gain_left_out"),
    "IG-people": Metric("higher", "observers", "info_gain_people"),
    "EI": Metric("higher", "observers", "explained"),
    "EMD": Metric("lower", "density", "emd"),
}
"""In the order of the papers' columns, then those that a table must ask for."""

QUOTIENTS: Final = {"EI": ("IG-LOO", "IG-people")}
"""Metric whose mean is one of means -> the metrics that it is made of."""


def better(metric: str) -> Better:
    """Say whether higher or lower values of a metric are better."""
    return METRICS[metric].better
