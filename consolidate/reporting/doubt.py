"""How sure the saving is: paired days, ranges of what was assumed, and the effect of each assumption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon import (
    PARAMETERS,
    Bar,
    DailyTotals,
    DaySaving,
    Parameter,
    SavingSamples,
    arm_ledger,
    combined_spread,
    daily_totals,
    emissions_by_step_g,
    paired_saving,
    saving_samples,
    spread,
    tornado,
    with_country_intensity,
)
from consolidate.model.replay import Replay
from consolidate.reporting.figure import Figure, count
from consolidate.units import MILLIJOULES_PER_KWH, SECONDS_PER_DAY

if TYPE_CHECKING:
    from consolidate.reporting.bundle import Report

__all__ = ["Doubt", "doubt_figures", "doubt_of", "parameters_of", "with_intervals"]

LEVEL: Final = 0.95
#: Words of an interval; the checks derive every interval again.
DAYS_AND_ASSUMPTIONS: Final = "95 %, over days and assumptions"
ASSUMPTIONS: Final = "95 % of the draws, assumptions only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """All that is known of how sure the saving of a report is.

    Parameters
    ----------
    samples
        Savings in each draw of the assumptions.
    bars
        Effect of each assumption alone on the outcome, the largest first; those without effect are left
        out.
    outcome
        ``kg`` where emissions were computed, else ``kwh``.
    days
        Savings of whole days in kWh; ``None`` when the window holds none.
    parameters
        The ranges.
    """

    samples: SavingSamples
    bars: tuple[Bar, ...]
    outcome: str
    days: DaySaving | None
    parameters: tuple[Parameter, ...]


def doubt_of(report: Report) -> Doubt | None:
    """Return how sure the saving is; ``None`` without an instance, which knows the types of hosts."""
    if report.instance is None:
        return None
    types = report.instance.fleet.host_type.astype(np.int64)
    before, after = (
        arm_ledger(r, types, intensities=report.intensities) for r in (report.before, report.after)
    )
    parameters = parameters_of(report)
    samples = saving_samples(
        before, after, seed=report.account.seed, n_draws=report.account.draws, parameters=parameters
    )
    outcome: Final = "kg" if _counts_carbon(report) else "kwh"
    bars = tornado(before, after, outcome=outcome, parameters=parameters)
    one, two = (_daily_kwh(r) for r in (report.before, report.after))
    days = (
        paired_saving(one.totals, two.totals, seed=report.account.seed, resamples=report.account.draws)
        if one.totals.size
        else None
    )
    return Doubt(
        samples=samples,
        bars=tuple(bar for bar in bars if bar.swing > 0),
        outcome=outcome,
        days=days,
        parameters=parameters,
    )


def parameters_of(report: Report) -> tuple[Parameter, ...]:
    """Return the ranges; one figure for all the time is less sure than an hourly series of a zone."""
    constant = any(np.ptp(i.g_per_kwh) == 0 for i in report.intensities)
    return with_country_intensity() if constant else PARAMETERS


def _counts_carbon(report: Report) -> bool:
    return bool(report.intensities) and not report.emissions_include_pue


def _daily_kwh(replay: Replay) -> DailyTotals:
    return daily_totals(replay.grid, replay.step_energy_mj.sum(axis=1) / MILLIJOULES_PER_KWH)


def _daily_kg(replay: Replay, report: Report) -> DailyTotals:
    grams: NDArray[np.float64] = np.zeros(replay.grid.n_steps)
    for energy_mj, found in zip(replay.site_energy_mj, report.intensities, strict=True):
        grams = grams + emissions_by_step_g(replay.grid, energy_mj, found)
    return daily_totals(replay.grid, grams / 1_000)


def with_intervals(figures: Sequence[Figure], report: Report, doubt: Doubt | None) -> tuple[Figure, ...]:
    """Return the figures, with intervals on the savings where there are days enough for one."""
    if doubt is None or doubt.days is None or doubt.days.interval is None:
        return tuple(figures)
    before, after = report.before, report.after
    one, two = _daily_kwh(before).totals, _daily_kwh(after).totals
    whole = before.total_mj / MILLIJOULES_PER_KWH or 1.0
    wanted = {
        "energy_saved_kwh": (doubt.samples.kwh, one, two),
        # Days add to the share as they add to the energy: the energy before is a constant to them.
        "energy_saved_fraction": (doubt.samples.fraction, one / whole, two / whole),
    }
    if _counts_carbon(report):
        kg = _daily_kg(before, report).totals, _daily_kg(after, report).totals
        wanted["operational_carbon_saved_kg"] = (doubt.samples.kg, *kg)
    n_days = before.grid.duration_s / SECONDS_PER_DAY
    found: dict[str, tuple[float, float]] = {}
    for metric, (samples, use, left) in wanted.items():
        band = combined_spread(samples, use, left, n_days=n_days, seed=report.account.seed, level=LEVEL)
        if band is not None:
            found[metric] = band.low, band.high
    return tuple(
        replace(f, low=found[f.metric][0], high=found[f.metric][1], interval=DAYS_AND_ASSUMPTIONS)
        if f.metric in found
        else f
        for f in figures
    )


def doubt_figures(report: Report, doubt: Doubt | None) -> list[Figure]:
    """Return the figures about how sure the saving is."""
    if doubt is None:
        return []
    return [*_days(doubt), *_ranges(report, doubt), *_bars(doubt)]


def _days(doubt: Doubt) -> list[Figure]:
    days = doubt.days
    source = "energy ledger of the replay, by calendar day (UTC), baseline minus consolidated"
    label = "whole calendar days in the window; an interval needs 14"
    figures = [count("whole_days_count", days.n_days if days else 0, label=label, source="trace")]
    if days is not None:
        figures += [
            Figure(
                metric=f"energy_saved_day_{name}_kwh",
                value=value,
                unit="kWh",
                label=f"energy saved in a day: {name}",
                source=source,
            )
            for name, value in (
                ("least", days.least),
                ("median", days.median),
                ("most", days.most),
            )
        ]
    return figures


def _ranges(report: Report, doubt: Doubt) -> list[Figure]:
    rows = [
        ("energy_saved_assumed_kwh", doubt.samples.kwh, "kWh", "energy saved"),
        ("energy_saved_assumed_fraction", doubt.samples.fraction, "fraction", "share of energy saved"),
    ]
    if _counts_carbon(report):
        label = "operational emissions saved"
        rows.append(("operational_carbon_saved_assumed_kg", doubt.samples.kg, "kgCO2e", label))
    account = report.account
    source = f"Monte Carlo, {account.draws} draws common to both arms, seed {account.seed}"
    figures = []
    for metric, samples, unit, words in rows:
        band = spread(samples, level=LEVEL)
        figures.append(
            Figure(
                metric=metric,
                value=band.median,
                unit=unit,
                label=f"{words}: median over the ranges of what was assumed",
                source=source,
                low=band.low,
                high=band.high,
                interval=ASSUMPTIONS,
            )
        )
    return figures


def _bars(doubt: Doubt) -> list[Figure]:
    unit = "kgCO2e" if doubt.outcome == "kg" else "kWh"
    return [
        Figure(
            metric=f"sensitivity_{bar.parameter.name}_{end}_{doubt.outcome}",
            value=value,
            unit=unit,
            label=f"saving with {bar.parameter.name.replace('_', ' ')} at the {end} end of its range",
            source=f"one assumption at a time; range: {bar.parameter.basis}",
        )
        for bar in doubt.bars
        for end, value in (("low", bar.at_low), ("high", bar.at_high))
    ]
