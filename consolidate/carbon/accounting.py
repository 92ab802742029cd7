"""From energy over time to emissions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import HorizonError, InstanceError, Issue
from consolidate.model import CarbonIntensity, TimeGrid
from consolidate.units import MILLIJOULES_PER_KWH

__all__ = ["emissions_by_step_g", "emissions_g"]


def emissions_g(grid: TimeGrid, energy_mj: NDArray[np.int64], intensity: CarbonIntensity) -> float:
    """Return the emissions of energy that is spread evenly over each of its steps.

    Both grids are cut at each other's step boundaries, so nothing is averaged before it is multiplied:
    energy at dirty hours costs more than the mean says, at clean hours less. Energy is summed in
    integers for each distinct intensity, so splitting a step into equal parts changes nothing, and a
    constant intensity gives exactly total energy times intensity.

    Parameters
    ----------
    grid
        Steps of the energy.
    energy_mj : mJ
        Energy of each step, integers, shape ``(n_steps,)``.
    intensity
        Carbon intensity; its steps may have any length and start.

    Returns
    -------
    Grams of CO2 equivalent.

    Raises
    ------
    HorizonError
        When the intensity does not cover the grid.
    InstanceError
        When ``energy_mj`` is not an integer for each step.
    """
    energy_mj = _energy(grid, energy_mj)
    step, piece, length_s = _cut(grid, intensity)
    energy_of: dict[float, int] = {}
    values = intensity.g_per_kwh[piece].tolist()
    # Python's integers: millijoules times seconds of a large fleet outgrow 64 bits.
    for value, mj, seconds in zip(values, energy_mj[step].tolist(), length_s.tolist(), strict=True):
        energy_of[value] = energy_of.get(value, 0) + mj * seconds
    return math.fsum(
        mj_seconds / (grid.step_s * MILLIJOULES_PER_KWH) * g_per_kwh
        for g_per_kwh, mj_seconds in energy_of.items()
    )


def emissions_by_step_g(
    grid: TimeGrid, energy_mj: NDArray[np.int64], intensity: CarbonIntensity
) -> NDArray[np.float64]:
    """Return the emissions of each step of the energy, in grams, shape ``(n_steps,)``.

    Parameters and errors are those of :func:`emissions_g`; the sum is the same up to rounding.
    """
    energy_mj = _energy(grid, energy_mj)
    step, piece, length_s = _cut(grid, intensity)
    share = length_s / grid.step_s
    mean = np.bincount(step, weights=share * intensity.g_per_kwh[piece], minlength=grid.n_steps)
    return energy_mj / MILLIJOULES_PER_KWH * mean


def _energy(grid: TimeGrid, energy_mj: NDArray[np.int64]) -> NDArray[np.int64]:
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
    grid: TimeGrid, intensity: CarbonIntensity
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cut both grids at all boundaries; return energy step, intensity step and seconds of each part."""
    other = intensity.grid
    if grid.start < other.start or grid.stop > other.stop:
        msg = f"carbon intensity of {intensity.zone or 'the zone'} does not cover the energy"
        raise HorizonError(
            msg,
            asked=f"{grid.start}Z to {grid.stop}Z",
            covered=f"{other.start}Z to {other.stop}Z",
        )
    offset_s = int((grid.start - other.start).astype(np.int64))
    ours = offset_s + np.arange(grid.n_steps + 1, dtype=np.int64) * grid.step_s
    theirs = np.arange(other.n_steps + 1, dtype=np.int64) * other.step_s
    cuts = np.union1d(ours, theirs[(theirs > ours[0]) & (theirs < ours[-1])])
    return (cuts[:-1] - offset_s) // grid.step_s, cuts[:-1] // other.step_s, np.diff(cuts)
