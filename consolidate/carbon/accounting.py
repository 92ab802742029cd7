"""From energy over time to emissions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.integrate import by_step, grid_edges_s, total
from consolidate.model import CarbonIntensity, TimeGrid

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
    return total(
        grid,
        energy_mj,
        edges_s=grid_edges_s(intensity.grid),
        per_kwh=intensity.g_per_kwh,
        what=f"carbon intensity of {intensity.zone or 'the zone'}",
    )


def emissions_by_step_g(
    grid: TimeGrid, energy_mj: NDArray[np.int64], intensity: CarbonIntensity
) -> NDArray[np.float64]:
    """Return the emissions of each step of the energy, in grams, shape ``(n_steps,)``.

    Parameters and errors are those of :func:`emissions_g`; the sum is the same up to rounding.
    """
    return by_step(
        grid,
        energy_mj,
        edges_s=grid_edges_s(intensity.grid),
        per_kwh=intensity.g_per_kwh,
        what=f"carbon intensity of {intensity.zone or 'the zone'}",
    )
