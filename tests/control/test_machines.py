"""How far hosts are filled."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.control.machines import Curves


def _curves(off_w: float) -> Curves:
    # Steep above 60 %, as servers with a turbo are.
    watts = np.array([[60, 70, 80, 90, 100, 110, 120, 145, 175, 205, 240]], dtype=float)
    return Curves(
        kind=np.zeros(1, dtype=np.int64),
        cpu=np.array([1_000.0]),
        watts=watts,
        off_w=np.array([off_w]),
        empty_w=np.array([50.0]),
        transition_j=np.zeros(1),
    )


@pytest.mark.parametrize("off_w", [0.0, 20.0, 40.0])
def test_hosts_at_the_best_fill_cost_least_together(off_w: float) -> None:
    """Ten hosts share a load; the best number of them is what the fill gives, off hosts included."""
    curves, load, points = _curves(off_w), 3_000.0, np.linspace(0, 1, 11)
    counts = np.arange(3, 11)
    watts = counts * np.interp(load / counts / 1_000, points, curves.watts[0]) + (10 - counts) * off_w
    best = counts[watts.argmin()]
    fill = float(curves.best_fill()[0])
    assert load / (best + 1) <= fill
    assert load / (best - 1) >= fill if best > 3 else True
