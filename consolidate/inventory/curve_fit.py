"""Fit eleven rising points to measured watts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_points_w", "interpolate_w"]

N_POINTS = 11
#: Weight of smoothness against one sample for each point: it only decides where nothing was measured.
SMOOTHNESS = 1e-3
TOLERANCE = 1e-10


def fit_points_w(utilization: NDArray[np.float64], power_w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return watts at 0, 10, ..., 100 % that fit samples best and never fall.

    Least squares of the piecewise linear curve: the first point and ten increments, none of them negative
    (Lawson and Hanson 1974, non-negative least squares). A slight weight on the second differences
    carries the curve smoothly through loads without samples.

    Parameters
    ----------
    utilization
        0 to 1, shape ``(n,)``.
    power_w : W
        Shape ``(n,)``, 0 or more.

    Returns
    -------
    Eleven watts.
    """
    basis = _hats(utilization)
    # Point k is the sum of the first k + 1 unknowns.
    cumulative = np.tril(np.ones((N_POINTS, N_POINTS)))
    second = np.diff(np.eye(N_POINTS), n=2, axis=0) * np.sqrt(SMOOTHNESS * utilization.size / N_POINTS)
    rows = np.vstack([basis, second]) @ cumulative
    unknowns = _non_negative(rows, np.append(power_w, np.zeros(N_POINTS - 2)))
    points: NDArray[np.float64] = cumulative @ unknowns
    return points


def interpolate_w(
    points_w: NDArray[np.float64], utilization: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the watts of a curve of eleven points at each utilisation."""
    watts: NDArray[np.float64] = np.interp(utilization, np.linspace(0.0, 1.0, N_POINTS), points_w)
    return watts


def _hats(utilization: NDArray[np.float64]) -> NDArray[np.float64]:
    position = utilization * (N_POINTS - 1)
    weights: NDArray[np.float64] = np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(N_POINTS)))
    return weights


def _non_negative(rows: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares solution without negative entries, by Lawson and Hanson's active sets."""
    normal, right = rows.T @ rows, rows.T @ wanted
    n_unknowns = normal.shape[0]
    free = np.zeros(n_unknowns, dtype=np.bool_)
    solution = np.zeros(n_unknowns)
    scale = TOLERANCE * max(1.0, float(np.abs(right).max()))
    # Each turn frees one unknown and the objective falls, so no set comes back; the limit is for rounding.
    for _ in range(3 * n_unknowns):
        gradient = right - normal @ solution
        if free.all() or gradient[~free].max() <= scale:
            break
        free[np.flatnonzero(~free)[np.argmax(gradient[~free])]] = True
        while True:
            trial = np.zeros(n_unknowns)
            trial[free] = np.linalg.solve(normal[np.ix_(free, free)], right[free])
            if trial[free].min() > 0:
                solution = trial
                break
            blocking = free & (trial <= 0)
            step = (solution[blocking] / (solution[blocking] - trial[blocking])).min()
            solution = solution + step * (trial - solution)
            free &= solution > TOLERANCE
            solution[~free] = 0.0
    return solution
