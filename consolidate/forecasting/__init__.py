"""How much each VM will need, from what was observed."""

from __future__ import annotations

from consolidate.forecasting.curve import Curve
from consolidate.forecasting.sizing import SIZINGS, Percentile

__all__ = ["SIZINGS", "Curve", "Percentile"]
