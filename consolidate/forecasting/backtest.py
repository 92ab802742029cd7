"""How well predictors would have done: every forecast is made with what was known then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, HorizonError
from consolidate.forecasting.predictors import PREDICTORS, Predictor, Seen
from consolidate.model.trace import Trace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["backtest"]


def backtest(
    trace: Trace,
    predictors: Sequence[str | Predictor] = ("last", "ewma", "quantile", "n-sigma", "rc-like", "max"),
    horizon_s: int = 3_600,
    *,
    every_s: int = 3_600,
    warm_up_s: int = 7_200,
    groups: Sequence[int] | NDArray[np.int64] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare predictions with what came, forecast after forecast.

    Parameters
    ----------
    trace
        What happened.
    predictors
        Registry names, or predictors with parameters.
    horizon_s : s
        How far each forecast reaches; the highest demand within it is what is forecast.
    every_s : s
        Time between two forecasts.
    warm_up_s : s
        Time before the first.
    groups
        Group of each VM, for instance its host, -1 for none, shape ``(vms,)``: demand of a group is forecast
        together. Default: each VM for itself.
    level
        Level of the pinball loss: above 0.5, forecasts that are too low cost more.

    Returns
    -------
    DataFrame
        One row per predictor: ``forecasts``, ``level`` (what the predictor means), ``coverage_fraction``
        (forecasts that were not exceeded), ``pinball_mcores`` (mean loss), ``excess_mcores`` (mean of what was
        forecast above the peak), ``shortfall_mcores`` (mean of what was missing), ``saving_fraction`` (of the
        allocations, what the forecasts leave free).

    Raises
    ------
    HorizonError
        When the trace is too short for one forecast.
    ConfigError
        When a number is out of range.
    """
    step_s = trace.grid.step_s
    horizon, every, warm_up = horizon_s // step_s, every_s // step_s, max(2, warm_up_s // step_s)
    if horizon < 1 or every < 1:
        msg = f"needs at least one step of {step_s} s, got {min(horizon_s, every_s)} s"
        raise ConfigError(msg, path="backtest.horizon_s" if horizon < 1 else "backtest.every_s")
    if not 0 < level < 1:
        msg = f"needs a part between 0 and 1, got {level}"
        raise ConfigError(msg, path="backtest.level")
    if warm_up + horizon > trace.grid.n_steps:
        msg = "the trace is too short for a forecast"
        raise HorizonError(
            msg, asked=f"{warm_up + horizon} steps", covered=f"{trace.grid.n_steps} steps"
        )
    made = [PREDICTORS.get(p)() if isinstance(p, str) else p for p in predictors]
    members = _members(trace.n_vms, groups)
    rows: list[list[tuple[float, float, float]]] = [[] for _ in made]
    for now in range(warm_up, trace.grid.n_steps - horizon + 1, every):
        for vms in members:
            there = vms[trace.alive[vms, now - 1]]
            if not there.size:
                continue
            seen, peak = _seen(trace, there, now, horizon)
            promised = float(seen.allocation.sum())
            for row, predictor in zip(rows, made, strict=True):
                row.append((predictor.peak(seen, horizon), peak, promised))
    return _table(made, rows, horizon_s, level)


def _members(n_vms: int, groups: Sequence[int] | NDArray[np.int64] | None) -> list[NDArray[np.int64]]:
    numbers = np.arange(n_vms) if groups is None else np.asarray(groups)
    if numbers.shape != (n_vms,):
        msg = f"needs {n_vms} values, got {numbers.shape[0] if numbers.ndim else 0}"
        raise ConfigError(msg, path="backtest.groups")
    return [np.flatnonzero(numbers == g) for g in np.unique(numbers[numbers >= 0])]


def _seen(trace: Trace, vms: NDArray[np.int64], now: int, horizon: int) -> tuple[Seen, float]:
    """Return what is known of the VMs, and the peak of their demand within the horizon."""
    future = trace.cpu_mcores[vms, now : now + horizon].astype(np.float64)
    seen = Seen(
        demand=trace.cpu_mcores[vms, :now].astype(np.float64),
        allocation=trace.vms.cpu_mcores[vms].astype(np.float64),
        step_s=trace.grid.step_s,
        future=future,
    )
    return seen, float(future.sum(axis=0).max())


def _table(
    made: Sequence[Predictor],
    rows: list[list[tuple[float, float, float]]],
    horizon_s: int,
    level: float,
) -> pd.DataFrame:
    import pandas as pd

    table = []
    for predictor, row in zip(made, rows, strict=True):
        forecast, peak, promised = np.array(row, dtype=np.float64).reshape(-1, 3).T
        short = peak - forecast
        parameters = ", ".join(
            f"{key}={getattr(predictor, key)!r}"
            for key in getattr(predictor, "__dataclass_fields__", {})
        )
        table.append(
            {
                "predictor": predictor.name,
                "parameters": parameters,
                "horizon_s": horizon_s,
                "forecasts": len(row),
                "level": predictor.level,
                "coverage_fraction": float((short <= 1e-9).mean()),
                "pinball_mcores": float(np.maximum(level * short, (level - 1) * short).mean()),
                "excess_mcores": float(np.maximum(-short, 0).mean()),
                "shortfall_mcores": float(np.maximum(short, 0).mean()),
                "saving_fraction": float(1 - forecast.sum() / promised.sum()) if promised.sum() else 0.0,
            }
        )
    return pd.DataFrame(table)
