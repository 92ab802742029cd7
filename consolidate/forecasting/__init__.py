"""What will be, from what was observed: the needs of VMs, the intensity of a grid."""

from __future__ import annotations

from consolidate.forecasting.curve import Curve
from consolidate.forecasting.intensity import INTENSITY_FORECASTS, Persistence, SeasonalMean
from consolidate.forecasting.sizing import SIZINGS, Percentile

__all__ = ["INTENSITY_FORECASTS", "SIZINGS", "Curve", "Percentile", "Persistence", "SeasonalMean"]
