"""What the intensity of each site is expected to be, for decisions; accounts use what it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consolidate.errors import ConfigError
from consolidate.forecasting import INTENSITY_FORECASTS
from consolidate.model import Carbon, CarbonIntensity, Fleet, Instance, TimeGrid
from consolidate.study.config import RunConfig, split_carbon
from consolidate.study.emissions import on_window, site_series

__all__ = ["ACTUAL", "Forecasts", "carbon_forecasts"]

#: The forecast of somebody who knows the future: labelled, and only for comparison.
ACTUAL = "actual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """Forecasts of the replayed window, one for each site.

    Parameters
    ----------
    each
        They cover the window.
    start
        Begin of the window.
    source
        Where they come from, in words.
    """

    each: tuple[CarbonIntensity, ...]
    start: np.datetime64
    source: str

    def objective(self, instance: Instance) -> Carbon:
        """Return the objective of an instance, in grams by these forecasts."""
        plain = instance.objective
        return Carbon.of(
            self.each,
            instance.fleet,
            start=self.start,
            horizon_s=plain.horizon_s,
            min_off_s=plain.min_off_s,
            source=self.source,
        )


def carbon_forecasts(fleet: Fleet, grid: TimeGrid, config: RunConfig) -> Forecasts:
    """Return the forecast of each site over the replayed window.

    Raises
    ------
    ConfigError
        When a forecast file is not there.
    HorizonError
        When there is too little history, or a file does not cover the window.
    """
    name, known = config.forecast, site_series(fleet, grid, config)
    if name == ACTUAL:
        each = tuple(on_window(series, grid, None) for series in known)
        source = "hindsight: the intensities that came true"
    elif name in INTENSITY_FORECASTS:
        model = INTENSITY_FORECASTS.get(name)()
        each = tuple(model.forecast(series, grid) for series in known)
        source = "; ".join(dict.fromkeys(f.source for f in each))
    else:
        each = _read(fleet, grid, config)
        source = "; ".join(dict.fromkeys(f"forecast of {f.source}" for f in each))
    return Forecasts(each=each, start=grid.start, source=source)


def _read(fleet: Fleet, grid: TimeGrid, config: RunConfig) -> tuple[CarbonIntensity, ...]:
    from dataclasses import replace

    for _, value in split_carbon(config.forecast):
        if not Path(value).is_file():
            known = ", ".join((*INTENSITY_FORECASTS, ACTUAL))
            msg = f"{value!r} is no file and no forecast; there are {known}"
            raise ConfigError(msg, path="forecast")
    return tuple(
        on_window(series, grid, None)
        for series in site_series(fleet, grid, replace(config, carbon=config.forecast))
    )
