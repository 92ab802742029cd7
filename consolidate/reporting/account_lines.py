"""Figures of the account beside the location-based headline: each is a line of its own, none is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from consolidate.carbon import (
    embodied_memo,
    energy_cost,
    location_line,
    market_line,
    sci_score,
    water_l,
)
from consolidate.carbon.embodied import DEFAULT_LIFETIME_YEARS, EmbodiedMemo
from consolidate.model.replay import Replay
from consolidate.reporting.context import at_the_meter
from consolidate.reporting.figure import Figure, Status, arms_and_saving, count
from consolidate.units import SECONDS_PER_HOUR, g_to_kg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consolidate.carbon import EmissionLine
    from consolidate.reporting.bundle import Report

__all__ = ["account_lines", "memo_of"]

LOCATION: Final = "energy of each step times the intensity of the grid in it, alike in both arms"


def account_lines(report: Report) -> list[Figure]:
    """Return what the account says beside energy and the location-based emissions of the run."""
    return [
        *_facility(report),
        *_marginal(report),
        *_market(report),
        *_embodied(report),
        *_sci(report),
        *_money(report),
        *_water(report),
    ]


def _facility(report: Report) -> list[Figure]:
    """Return emissions saved at the meter of the building: two lines besides that of the IT."""
    overhead = any(site.pue > 1.0 for site in report.sites)
    if report.emissions_include_pue or not report.intensities or not overhead:
        return []
    saved_g = []
    for k, found in enumerate(report.intensities):
        one, two = (
            location_line(r.grid, r.site_energy_mj[k : k + 1], [found])
            for r in (report.before, report.after)
        )
        saved_g.append(one.emissions_g - two.emissions_g)
    marginal, proportional = at_the_meter(report, saved_g)
    return [
        Figure(
            metric=f"operational_carbon_saved_facility_{kind}_kg",
            value=g_to_kg(grams),
            unit="kgCO2e",
            label=f"operational emissions saved, with {words}",
            source="emissions of each site, PUE of the sites",
        )
        for kind, grams, words in (
            ("marginal", marginal, "the variable part of the losses"),
            ("proportional", proportional, "all facility losses (upper end)"),
        )
    ]


def _marginal(report: Report) -> list[Figure]:
    intensities = report.account.marginal
    if not intensities:
        return []
    lines = [location_line(r.grid, r.site_energy_mj, intensities) for r in (report.before, report.after)]
    return _emissions("marginal_carbon", lines, source=LOCATION)


def _market(report: Report) -> list[Figure]:
    factors = report.account.market
    if factors is None:
        return []
    lines = [
        market_line(r.grid, r.step_energy_mj.sum(axis=1), factors) for r in (report.before, report.after)
    ]
    return _emissions("market_carbon", lines, source=factors.source)


def _emissions(metric: str, lines: Sequence[EmissionLine], *, source: str) -> list[Figure]:
    """Return a line of the account for the baseline, for the consolidated arm, and what is saved."""
    one, two = lines
    return arms_and_saving(
        metric,
        g_to_kg(one.emissions_g),
        g_to_kg(two.emissions_g),
        unit="kgCO2e",
        suffix="_kg",
        label=f"emissions of the IT energy, {one.label}",
        source=source,
    )


def memo_of(report: Report) -> EmbodiedMemo | None:
    """Return the embodied carbon of the hosts; ``None`` when it is known of no host."""
    if report.instance is None:
        return None
    fleet, account = report.instance.fleet, report.account
    per_type = [t.embodied_kg if t.embodied_kg is not None else account.embodied_kg for t in fleet.types]
    memo = embodied_memo(
        [per_type[k] for k in fleet.host_type.tolist()],
        report.before.grid.duration_s,
        lifetime_years=account.lifetime_years,
    )
    return memo if memo.known else None


def _embodied(report: Report) -> list[Figure]:
    memo = memo_of(report)
    if memo is None:
        return []
    source = "embodied carbon of the host types, spread evenly over their service life"
    usual: Status = "default" if memo.lifetime_years == DEFAULT_LIFETIME_YEARS else "input"
    return [
        Figure(
            metric="embodied_memo_kg",
            value=g_to_kg(memo.amortised_g),
            unit="kgCO2e",
            label="embodied carbon that falls to the window: the same in both arms, switching off saves none",
            source=source,
        ),
        Figure(
            metric="embodied_total_kg",
            value=memo.total_kg,
            unit="kgCO2e",
            label="embodied carbon of all hosts whose figure is known",
            source="fleet, or the value stated for the report",
            status="input",
        ),
        Figure(
            metric="embodied_lifetime_years",
            value=memo.lifetime_years,
            unit="years",
            label="service life of a host",
            source="worked example of the SCI specification" if usual == "default" else "stated",
            status=usual,
        ),
        count(
            "embodied_unknown_hosts_count",
            memo.unknown,
            label="hosts whose embodied carbon is not known; they are left out, not taken as zero",
            source="fleet",
        ),
    ]


def _sci(report: Report) -> list[Figure]:
    """Return the emissions for each VM-hour; a score only where the embodied part is known of all hosts."""
    vm_h = _vm_seconds(report.before) / SECONDS_PER_HOUR
    if vm_h == 0:
        return []
    figures = [
        Figure(
            metric="served_vm_h",
            value=vm_h,
            unit="VM h",
            label="functional unit R of the SCI: hours that VMs live, alike in both arms",
            source="whereabouts of the VMs in the replay",
        )
    ]
    memo = memo_of(report)
    if not report.intensities or memo is None or memo.unknown:
        return figures
    for arm, replay in (("baseline", report.before), ("consolidated", report.after)):
        line = location_line(replay.grid, replay.site_energy_mj, report.intensities)
        score = sci_score(line, memo, units=vm_h, functional_unit="VM-hour")
        figures.append(
            Figure(
                metric=f"sci_{arm}_g_per_vm_h",
                value=score.g_per_unit,
                unit="gCO2e/VM h",
                label=f"software carbon intensity (ISO/IEC 21031:2024): (E x I + M) per R, {score.intensity}",
                source="operational emissions of all hosts, off ones included, and the embodied memo",
                arm=arm,
            )
        )
    return figures


def _vm_seconds(replay: Replay) -> int:
    return int(np.sum(replay.residency[:, 3] - replay.residency[:, 2]))


def _money(report: Report) -> list[Figure]:
    tariff = report.account.tariff
    if tariff is None:
        return []
    one, two = (
        energy_cost(r.grid, r.step_energy_mj.sum(axis=1), tariff) for r in (report.before, report.after)
    )
    return arms_and_saving(
        "cost",
        one,
        two,
        unit=tariff.currency,
        suffix="",
        label="price of the IT energy, without standing charges",
        source=tariff.source,
    )


def _water(report: Report) -> list[Figure]:
    wue = report.account.wue_l_per_kwh
    if wue is None:
        return []
    one, two = (water_l(r.total_mj, wue) or 0.0 for r in (report.before, report.after))
    stated = Figure(
        metric="wue_l_per_kwh",
        value=wue,
        unit="l/kWh",
        label="water usage effectiveness of the site over a year (ISO/IEC 30134-9)",
        source="stated for the report",
        status="input",
    )
    lines = arms_and_saving(
        "water",
        one,
        two,
        unit="l",
        suffix="_l",
        label="water that the site uses for the IT energy",
        source="IT energy times WUE",
    )
    return [stated, *lines]
