"""Independent component analysis: features that are as sparse as linear ones of patches can be.

FastICA (Hyvarinen, IEEE Transactions on Neural Networks 1999) in its symmetric form, with the
contrast log cosh, after whitening.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


class Components(NamedTuple):
    """Features: the responses to a sample x are `filters @ (x - mean)`, of variance 1."""

    filters: Matrix
    """[component, dimension]."""
    mean: Matrix
    """[dimension]."""
    iterations: int
    """How many it took."""
    change: float
    """1 - |cosine| of the component that turned most in the last iteration."""


def fast_ica(
    samples: NDArray[Any], components: int, seed: int, iterations: int, tolerance: float
) -> Components:
    """Finds the components of samples [n, dimension].

    Args:
        samples: One a row.
        components: How many are kept, those of the largest variance.
        seed: Of the start.
        iterations: At most.
        tolerance: It ends when no component turns by more (see `Components.change`).

    Raises:
        ValueError: The samples have fewer dimensions than that many components.
    """
    mean = samples.mean(axis=0, dtype=np.float64)
    whitening = _whitening(samples - mean, components)
    white = (samples - mean) @ whitening.T
    random = np.random.default_rng(seed)
    rotation = _orthonormal(random.standard_normal((components, components)))
    change, done = np.inf, 0
    while done < iterations and change > tolerance:
        turned = _orthonormal(_step(rotation, white))
        change = float(np.max(np.abs(1 - np.abs(np.sum(turned * rotation, axis=1)))))
        rotation, done = turned, done + 1
    return Components(rotation @ whitening, mean, done, change)


def _whitening(centred: Matrix, components: int) -> Matrix:
    """[component, dimension]: makes samples uncorrelated, of variance 1."""
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    variances, directions = variances[::-1][:components], directions[:, ::-1][:, :components]
    # A direction without variance would be divided by rounding errors.
    if len(variances) < components or variances[-1] <= 1e-12 * variances[0]:
        rank = int(np.sum(variances > 1e-12 * variances[0]))
        raise ValueError(f"{rank} dimensions vary, {components} components are asked for")
    result: Matrix = (directions / np.sqrt(variances)).T
    return result


def _step(rotation: Matrix, white: Matrix) -> Matrix:
    """One fixed-point iteration for all components: E[x g(w x)] - E[g'(w x)] w, with g = tanh."""
    activation = np.tanh(white @ rotation.T)
    slope = 1 - np.mean(activation**2, axis=0)
    result: Matrix = activation.T @ white / len(white) - slope[:, None] * rotation
    return result


def _orthonormal(rotation: Matrix) -> Matrix:
    """The nearest matrix with orthonormal rows: (W W^T)^(-1/2) W."""
    left, _, right = np.linalg.svd(rotation, full_matrices=False)
    result: Matrix = left @ right
    return result
