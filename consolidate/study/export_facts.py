"""A run as exporters need it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from consolidate._version import __version__
from consolidate.carbon import emissions_by_step_g, market_line, read_market_factors
from consolidate.exports.run_base import RunFacts

if TYPE_CHECKING:
    from consolidate.model import Replay
    from consolidate.study.pipeline import RunData

__all__ = ["export_facts"]


def export_facts(run: RunData, *, market: str | Path | None = None) -> RunFacts:
    """Return the facts of a complete run.

    Parameters
    ----------
    run
        The run.
    market
        File of contractual factors, for market-based rows.

    Raises
    ------
    InputError
        When the file is wrong.
    """
    arms: dict[str, Replay] = {"baseline": run.baseline, "consolidated": run.consolidated}
    factors = None if market is None else read_market_factors(market)
    return RunFacts(
        arms=arms,
        instance=run.instance,
        intensities=run.intensities,
        emissions_g={
            label: np.array(
                [
                    emissions_by_step_g(arm.grid, energy_mj, found)
                    for energy_mj, found in zip(arm.site_energy_mj, run.intensities, strict=True)
                ]
            )
            for label, arm in arms.items()
        },
        market_g={}
        if factors is None
        else {
            label: market_line(arm.grid, arm.step_energy_mj.sum(axis=1), factors).emissions_g
            for label, arm in arms.items()
        },
        version=__version__,
        run_id=run.trace.sha256,
    )
