"""Which frames of a dataset enter a metric's mean, where a protocol draws some only."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.protocols import Protocol


def sampled_frames(rules: Protocol, total: int, metric: str, *, seed: int) -> NDArray[np.intp]:
    """Return which of a dataset's frames enter a metric's mean, ascending.

    The same seed gives the same frames, and each metric others. `replace(rules, sample=None)`
    turns sampling off.
    """
    if rules.sample is None or total <= rules.sample:
        return np.arange(total)
    rng = np.random.default_rng([seed, zlib.crc32(metric.encode())])
    return np.sort(rng.choice(total, rules.sample, replace=False, shuffle=False))
