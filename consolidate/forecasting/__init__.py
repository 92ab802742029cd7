"""What will be, from what was observed: needs of VMs, intensity of a grid, and how well both were known."""

from __future__ import annotations

from consolidate.forecasting.backtest import backtest
from consolidate.forecasting.curve import Curve
from consolidate.forecasting.intensity import INTENSITY_FORECASTS, Persistence, SeasonalMean
from consolidate.forecasting.predictors import PREDICTORS, Predictor, Seen
from consolidate.forecasting.sizing import SIZINGS, Percentile

__all__ = [
    "INTENSITY_FORECASTS",
    "PREDICTORS",
    "SIZINGS",
    "Curve",
    "Percentile",
    "Persistence",
    "Predictor",
    "SeasonalMean",
    "Seen",
    "backtest",
]
