"""What will be, from what was observed: the needs of VMs, the intensity of a grid."""
"""How much each VM will need, from what was observed, and how well that would have been known."""

from __future__ import annotations

from consolidate.forecasting.backtest import backtest
from consolidate.forecasting.curve import Curve
from consolidate.forecasting.intensity import INTENSITY_FORECASTS, Persistence, SeasonalMean
from consolidate.forecasting.sizing import SIZINGS, Percentile

__all__ = ["INTENSITY_FORECASTS", "SIZINGS", "Curve", "Percentile", "Persistence", "SeasonalMean"]
from consolidate.forecasting.predictors import PREDICTORS, Predictor, Seen
from consolidate.forecasting.sizing import SIZINGS, Percentile

__all__ = ["PREDICTORS", "SIZINGS", "Curve", "Percentile", "Predictor", "Seen", "backtest"]
