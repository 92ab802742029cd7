"""Money: energy times a tariff of the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.integrate import total
from consolidate.carbon.periods import Periods, read_periods
from consolidate.errors import TraceError
from consolidate.model import TimeGrid

__all__ = ["Tariff", "energy_cost", "read_tariff"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Price of energy over time.

    Parameters
    ----------
    periods
        Prices per kWh; day-ahead prices may be negative.
    currency
        Name of the currency, as the file has it.
    source
        Name and hash of the file.
    """

    periods: Periods
    currency: str
    source: str


def read_tariff(path: str | Path) -> Tariff:
    """Read a tariff.

    Parameters
    ----------
    path
        CSV with ``start_utc``, ``end_utc``, ``price_per_kwh`` and ``currency``; one row for a fixed
        price, one for each hour of a dynamic one. Standing charges do not depend on the energy and have
        no place here.

    Raises
    ------
    TraceError
        When a cell is wrong, the periods overlap or leave a gap, or the currencies differ.
    """
    periods = read_periods(path, value="price_per_kwh", words=("currency",))
    currencies = sorted(set(periods.words["currency"]))
    if len(currencies) > 1:
        msg = f"needs one currency, got {', '.join(currencies)}"
        raise TraceError(msg, file=str(path), column="currency")
    source = f"file {Path(path).name}, sha256 {periods.sha256}"
    return Tariff(periods=periods, currency=currencies[0], source=source)


def energy_cost(grid: TimeGrid, energy_mj: NDArray[np.int64], tariff: Tariff) -> float:
    """Return the cost of energy in the tariff's currency.

    Parameters
    ----------
    grid
        Steps of the energy.
    energy_mj : mJ
        Energy of each step, integers, shape ``(n_steps,)``; a saving may have steps of either sign.
    tariff
        The prices.

    Raises
    ------
    HorizonError
        When the tariff does not cover the energy.
    InstanceError
        When ``energy_mj`` is not an integer for each step.
    """
    return total(
        grid,
        energy_mj,
        edges_s=tariff.periods.edges_s,
        per_kwh=tariff.periods.per_kwh,
        what="the tariff",
    )
