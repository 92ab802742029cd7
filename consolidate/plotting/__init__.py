"""Figure functions: each draws on an ``ax``, takes nouns, and returns the ``ax``.

One visual language: grey is the baseline, blue the consolidated arm, green what is saved, vermilion
what is lost, purple what moves. The colours are told apart by colour-blind readers and in grey print.
Use :func:`style` around a figure to get its fonts and lines, and :func:`figure_svg` to save it.
"""

from __future__ import annotations

from consolidate.plotting.calibration import calibration
from consolidate.plotting.front import energy_vs_moves
from consolidate.plotting.ledger import ledger_changes, savings_waterfall
from consolidate.plotting.over_time import hosts_on, power_over_time
from consolidate.plotting.placement import placement_before_after
from consolidate.plotting.plan import MAX_LANES, migration_timeline
from consolidate.plotting.policies import above_the_picture, clairvoyant_line, energy_vs_overload
from consolidate.plotting.savings import energy_of_arms, savings_tornado
from consolidate.plotting.style import style
from consolidate.plotting.svg import figure_svg
from consolidate.plotting.text import number, visible
from consolidate.plotting.utilization import host_order, host_utilization

__all__ = [
    "MAX_LANES",
    "above_the_picture",
    "clairvoyant_line",
    "calibration",
    "energy_of_arms",
    "energy_vs_moves",
    "energy_vs_overload",
    "figure_svg",
    "host_order",
    "host_utilization",
    "hosts_on",
    "ledger_changes",
    "migration_timeline",
    "number",
    "placement_before_after",
    "power_over_time",
    "savings_tornado",
    "savings_waterfall",
    "style",
    "visible",
]
