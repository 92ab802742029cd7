"""Figures around the ledger: the facility, the grid, and the machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consolidate.carbon import facility_lines
from consolidate.reporting.figure import Figure, Status, both_arms, count
from consolidate.units import g_to_kg, mj_to_kwh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consolidate.model.replay import Replay
    from consolidate.reporting.bundle import Report

__all__ = ["at_the_meter", "carbon", "facility", "host_types"]


def at_the_meter(report: Report, by_site: Sequence[float]) -> tuple[float, float]:
    """Return a quantity of the IT of each site, added up at the meter of the buildings.

    Once with the variable part of the losses, once with all of them in proportion.
    """
    lines = [
        facility_lines(quantity, site.pue, variable_share=float(report.pue_variable_fraction))
        for quantity, site in zip(by_site, report.sites, strict=True)
    ]
    return sum(line.marginal for line in lines), sum(line.proportional for line in lines)


def facility(report: Report) -> list[Figure]:
    """Return what the saving could be at the meter of the building; never the headline."""
    pues = [site.pue for site in report.sites]
    if max(pues, default=1.0) <= 1.0:
        return []
    saved_mj = report.before.site_energy_mj.sum(axis=1) - report.after.site_energy_mj.sum(axis=1)
    assumed = any("pue" in d.key.lower() for d in report.defaults())
    variable = float(report.pue_variable_fraction)
    figures = [
        Figure(
            metric=f"site_{k}_pue",
            value=pue,
            unit="ratio",
            status="default" if assumed else "input",
            label=f"power usage effectiveness of site {report.sites[k].name}",
            source="fleet",
        )
        for k, pue in enumerate(pues)
    ]
    marginal, proportional = at_the_meter(report, [mj_to_kwh(int(mj)) for mj in saved_mj])
    for kind, value, words in (
        ("proportional", proportional, "if all facility losses follow the IT power (upper end)"),
        ("marginal", marginal, "if only the variable part of the losses follows it"),
    ):
        figures.append(
            Figure(
                metric=f"energy_saved_facility_{kind}_kwh",
                value=value,
                unit="kWh",
                label=f"facility energy saved {words}",
                source="energy ledger of the replay, PUE of the sites",
            )
        )
    figures.append(
        Figure(
            metric="pue_variable_fraction",
            value=variable,
            unit="fraction",
            status="default" if variable == 0.5 else "input",
            label="part of the facility losses that follows the IT power",
            source="engineering judgement: fixed losses stay when hosts are switched off",
            digits=2,
        )
    )
    return figures


def carbon(report: Report) -> list[Figure]:
    """Return operational emissions, where they were computed."""
    if report.emissions_g is None:
        return []
    before_g, after_g = (float(report.emissions_g[arm]) for arm in ("baseline", "consolidated"))
    energy = "facility energy (IT energy times PUE)" if report.emissions_include_pue else "IT energy"
    source = f"{energy} of each step times the grid's intensity in it, alike in both arms"

    def grams(replay: Replay) -> float:
        return before_g if replay is report.before else after_g

    figures = [
        *both_arms(
            report,
            "operational_carbon_{arm}_kg",
            lambda replay: g_to_kg(grams(replay)),
            unit="kgCO2e",
            label=f"operational emissions of the {energy}",
            source=source,
        ),
        Figure(
            metric="operational_carbon_saved_kg",
            value=g_to_kg(before_g) - g_to_kg(after_g),
            unit="kgCO2e",
            label="operational emissions saved (negative: added)",
            source=source,
        ),
    ]
    if report.before.total_mj and report.after.total_mj:
        figures += both_arms(
            report,
            "carbon_intensity_{arm}_g_per_kwh",
            lambda replay: grams(replay) / replay.energy_kwh,
            unit="gCO2e/kWh",
            label="emissions per kWh of IT energy",
            source=source,
        )
    return figures


def host_types(report: Report) -> list[Figure]:
    """Return the watts of each host type: the curve decides the claim."""
    if report.instance is None:
        return []
    figures = []
    fleet = report.instance.fleet
    for k, kind in enumerate(fleet.types):
        curve: Status = "archetype" if "spec" in kind.power_source.casefold() else "input"
        hosts = int((fleet.host_type == k).sum())
        label = f"hosts of type {kind.name}"
        figures.append(
            count(f"type_{k}_hosts_count", hosts, label=label, source="fleet", status="input")
        )
        for name, value_mw, words in (
            ("idle", kind.power.points_mw[0], "empty and on"),
            ("hosting_idle", kind.power.hosting_idle_mw, "with idle VMs"),
            ("full", kind.power.points_mw[-1], "at full load"),
            ("off", kind.off_mw, "switched off"),
        ):
            figures.append(
                Figure(
                    metric=f"type_{k}_{name}_w",
                    value=value_mw / 1_000,
                    unit="W",
                    status="input" if name == "off" else curve,
                    label=f"power of {kind.name} {words}",
                    source="fleet" if name == "off" else kind.power_source,
                    digits=4,
                )
            )
    return figures
