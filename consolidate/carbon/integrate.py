"""Sum energy times a value that changes over time, on the intersection of both grids."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import HorizonError, InstanceError, Issue
from consolidate.model import TimeGrid
from consolidate.units import MILLIJOULES_PER_KWH

__all__ = ["by_step", "checked_energy", "grid_edges_s", "total"]


def total(
    grid: TimeGrid,
    energy_mj: NDArray[np.int64],
    *,
    edges_s: NDArray[np.int64],
    per_kwh: NDArray[np.float64],
    what: str,
) -> float:
    """Return the sum over time of energy in kWh times a value per kWh.

    Energy is spread evenly over its step. It is summed in integers for each distinct value, so splitting
    a step into equal parts changes nothing, and a constant value gives exactly energy times value.

    Parameters
    ----------
    grid
        Steps of the energy.
    energy_mj : mJ
        Energy of each step, integers, shape ``(n_steps,)``.
    edges_s : s
        Bounds of the pieces of constant value, in seconds since 1970 UTC, shape ``(pieces + 1,)``.
    per_kwh
        Value of each piece, shape ``(pieces,)``.
    what
        Name of the value, for the message when it does not cover the energy.

    Raises
    ------
    HorizonError
        When the pieces do not cover the grid.
    InstanceError
        When ``energy_mj`` is not an integer for each step.
    """
    energy_mj = checked_energy(grid, energy_mj)
    step, piece, length_s = _cut(grid, edges_s, what)
    energy_of: dict[float, int] = {}
    # Python's integers: millijoules times seconds of a large fleet outgrow 64 bits.
    for value, mj, seconds in zip(
        per_kwh[piece].tolist(), energy_mj[step].tolist(), length_s.tolist(), strict=True
    ):
        energy_of[value] = energy_of.get(value, 0) + mj * seconds
    return math.fsum(
        mj_seconds / (grid.step_s * MILLIJOULES_PER_KWH) * value
        for value, mj_seconds in energy_of.items()
    )


def by_step(
    grid: TimeGrid,
    energy_mj: NDArray[np.int64],
    *,
    edges_s: NDArray[np.int64],
    per_kwh: NDArray[np.float64],
    what: str,
) -> NDArray[np.float64]:
    """Return the parts of :func:`total` by step, shape ``(n_steps,)``; same parameters and errors."""
    energy_mj = checked_energy(grid, energy_mj)
    step, piece, length_s = _cut(grid, edges_s, what)
    share = length_s / grid.step_s
    mean = np.bincount(step, weights=share * per_kwh[piece], minlength=grid.n_steps)
    return energy_mj / MILLIJOULES_PER_KWH * mean


def grid_edges_s(grid: TimeGrid) -> NDArray[np.int64]:
    """Return the bounds of all steps in seconds since 1970 UTC, shape ``(n_steps + 1,)``."""
    start_s = int(grid.start.astype(np.int64))
    return start_s + np.arange(grid.n_steps + 1, dtype=np.int64) * grid.step_s


def checked_energy(grid: TimeGrid, energy_mj: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return energy as an array of whole millijoules for each step.

    Raises
    ------
    InstanceError
        When it is something else.
    """
    energy_mj = np.asarray(energy_mj)
    problem = ""
    if energy_mj.shape != (grid.n_steps,):
        problem = f"needs {grid.n_steps} values, got shape {energy_mj.shape}"
    elif energy_mj.dtype.kind not in "iu":
        problem = f"needs whole millijoules, got {energy_mj.dtype}"
    if problem:
        raise InstanceError([Issue(path="energy_mj", message=problem)])
    return energy_mj


def _cut(
    grid: TimeGrid, edges_s: NDArray[np.int64], what: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cut both at all bounds; return energy step, piece and seconds of each part."""
    ours = grid_edges_s(grid)
    if ours[0] < edges_s[0] or ours[-1] > edges_s[-1]:
        msg = f"{what} does not cover the energy"
        first, last = np.datetime64(int(edges_s[0]), "s"), np.datetime64(int(edges_s[-1]), "s")
        raise HorizonError(msg, asked=f"{grid.start}Z to {grid.stop}Z", covered=f"{first}Z to {last}Z")
    cuts = np.union1d(ours, edges_s[(edges_s > ours[0]) & (edges_s < ours[-1])])
    step = (cuts[:-1] - ours[0]) // grid.step_s
    return step, np.searchsorted(edges_s, cuts[:-1], side="right") - 1, np.diff(cuts)
