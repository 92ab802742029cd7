"""The pictures of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from consolidate import plotting
from consolidate.plotting.plan import hosts_in_order
from consolidate.reporting.alternatives import bound_mj
from consolidate.units import mj_to_kwh

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from consolidate.reporting.bundle import Report
    from consolidate.reporting.doubt import Doubt

__all__ = ["Chart", "Drawing", "draw_charts", "drawings_of"]

#: Name, height in inches, function that draws, caption.
Drawing: TypeAlias = "tuple[str, float, Callable[[Canvas, Report], None], str]"

WIDTH_IN = 10.0

POWER = (
    "Mean power of the fleet, and hosts on. A green area is energy saved, a vermilion one energy lost; "
    "the purple band marks the time in which VMs move."
)
LEDGER = (
    "From the baseline's energy to the consolidated one, cause by cause. "
    "Each bar starts where the one above it ends."
)
UTILIZATION = (
    "CPU utilisation of the hosts over time; a row is the same in both pictures. "
    "Darker is busier, blank is off."
)
LANES = "The plan over time. Upper half of a lane: what leaves the host; lower half: what arrives at it."
CONCURRENCY = "The plan over time: how much happens at the same time."
PLACEMENT = (
    "How full the hosts are with sized needs, fullest host first. The dashed line is what may be used."
)


ARMS = (
    "Energy of every arm on the same trace; in brackets the change against the baseline. "
    "A hollow bar is a lower bound, not an arm."
)
TORNADO = (
    "What one assumption at a time does to the saving: each bar runs from one end of its range to the "
    "other, all else as modelled."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture with its caption; ``svg`` is markup that we made ourselves."""

    name: str
    svg: str
    caption: str


def draw_charts(report: Report, doubt: Doubt | None = None) -> dict[str, Chart]:
    """Return the charts of a report by name."""
    return {
        name: _chart(name, report, height_in=height, draw=draw, caption=caption)
        for name, height, draw, caption in drawings_of(report, doubt)
    }


def drawings_of(report: Report, doubt: Doubt | None) -> list[Drawing]:
    """Return what there is to draw: name, height in inches, function, caption."""
    drawings: list[Drawing] = [
        ("power", 4.9, _power, POWER),
        ("ledger", _ledger_height(report), _ledger, LEDGER),
        ("utilization", 3.7, _utilization, UTILIZATION),
        ("plan", _plan_height(report), _plan, LANES if _has_lanes(report) else CONCURRENCY),
    ]
    if report.instance is not None:
        drawings.append(("placement", 3.3, _placement, PLACEMENT))
    if report.others or report.replay_bound is not None:
        rows = 2 + len(report.others) + (report.replay_bound is not None)
        drawings.append(("arms", 1.0 + 0.29 * rows, _arms, ARMS))
    if doubt is not None and doubt.bars:
        height = 0.9 + 0.29 * len(doubt.bars)
        drawings.append(("tornado", height, partial(_tornado, doubt=doubt), TORNADO))
    return drawings


def _chart(
    name: str,
    report: Report,
    *,
    height_in: float,
    draw: Callable[[Canvas, Report], None],
    caption: str,
) -> Chart:
    from matplotlib.figure import Figure as Canvas

    with plotting.style():
        fig = Canvas(figsize=(WIDTH_IN, height_in), layout="constrained")
        draw(fig, report)
        svg = plotting.figure_svg(fig, name=name, title=caption)
    # Inside a page the parser knows the namespace; without it the page names no foreign address.
    return Chart(
        name=name, svg=svg.replace(' xmlns="http://www.w3.org/2000/svg"', "", 1), caption=caption
    )


def _power(fig: Canvas, report: Report) -> None:
    top, bottom = fig.subplots(2, 1, height_ratios=(2.2, 1), sharex=True)
    plotting.power_over_time(top, report.before, report.after)
    top.set_xlabel("")
    plotting.hosts_on(bottom, report.before, report.after)


def _ledger(fig: Canvas, report: Report) -> None:
    plotting.savings_waterfall(fig.subplots(), report.before, report.after)


def _utilization(fig: Canvas, report: Report) -> None:
    left, right = fig.subplots(1, 2)
    order = plotting.host_order(report.after)
    plotting.host_utilization(left, report.before, order=order, key=False)
    plotting.host_utilization(right, report.after, order=order)
    # A stated height keeps both titles in line; one of the pictures has a key above it.
    left.set_title("baseline", y=1.0)
    right.set_title("consolidated", y=1.0)


def _arms(fig: Canvas, report: Report) -> None:
    arms = [("baseline", report.before), *report.others.items(), ("consolidated", report.after)]
    least_mj = bound_mj(report)
    least_kwh = None if least_mj is None else mj_to_kwh(least_mj)
    plotting.energy_of_arms(fig.subplots(), arms, bound_kwh=least_kwh)


def _tornado(fig: Canvas, report: Report, *, doubt: Doubt) -> None:
    del report
    unit = "kg CO₂e" if doubt.outcome == "kg" else "kWh"
    plotting.savings_tornado(fig.subplots(), doubt.bars, unit=unit)


def _plan(fig: Canvas, report: Report) -> None:
    plotting.migration_timeline(fig.subplots(), report.plan, report.instance)


def _ledger_height(report: Report) -> float:
    changes = plotting.ledger_changes(report.before, report.after)
    return 1.0 + 0.29 * (2 + sum(change != 0 for _, change in changes))


def _has_lanes(report: Report) -> bool:
    return 0 < len(hosts_in_order(report.plan)) <= plotting.MAX_LANES


def _plan_height(report: Report) -> float:
    if not report.plan.actions:
        return 0.8
    return max(1.2 + 0.2 * len(hosts_in_order(report.plan)), 2.0) if _has_lanes(report) else 3.4


def _placement(fig: Canvas, report: Report) -> None:
    assert report.instance is not None
    shown = report.instance.resources[:2]
    axes = fig.subplots(1, len(shown), squeeze=False)[0]
    for ax, resource in zip(axes, shown, strict=True):
        plotting.placement_before_after(ax, report.instance, report.plan.target, resource=resource)
