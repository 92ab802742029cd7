"""The front of a study: what is drawn, and what is only named."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from consolidate import plotting
from consolidate.reporting.study import _worth_drawing


def _table(**energies):
    names = list(energies)
    return pd.DataFrame(
        {
            "policy": names,
            "energy_kwh": list(energies.values()),
            "overload_fraction": 0.0,
            "migrations": 3,
        }
    )


def test_what_saves_next_to_nothing_is_not_drawn():
    """Otherwise the others would be one point."""
    table = _table(nothing=1_320.0, idle=1_300.0, ffd=360.0, ours=320.0)
    assert _worth_drawing(table)["policy"].tolist() == ["ffd", "ours"]
    assert len(_worth_drawing(_table(nothing=10.0, half=7.0, ours=4.0))) == 2
    only = _table(nothing=10.0, ours=4.0)
    assert len(_worth_drawing(only)) == 2


def test_what_is_not_drawn_is_named():
    """With its energy."""
    ax = plotting.above_the_picture(Figure().subplots(), _table(nothing=1_320.0))
    assert [t.get_text() for t in ax.texts] == ["above the picture: nothing 1,320 kWh"]
