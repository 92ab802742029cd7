"""The lines of the account: loaded from ``account.json`` and ``account.parquet``, derived again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import OFF, Arm, Demand
from consolidate.checks.carbon import Intensity, grams_by_step
from consolidate.checks.cases import Hosts
from consolidate.checks.doubt import (
    ORDER,
    ByType,
    Range,
    band_over_days,
    day_totals,
    drawn_savings,
    one_at_a_time,
)
from consolidate.checks.files import read_json, read_table
from consolidate.checks.verdict import Violation

__all__ = ["AccountFacts", "AccountRecord", "account_figures", "load_account", "record_violations"]

MJ_PER_KWH = 3_600_000_000
SECONDS_PER_YEAR = 365.25 * 86_400

Derived = tuple[dict[str, float], dict[str, tuple[float, float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """What the account rests on; ``lines`` holds values over time by name of the line."""

    lines: Mapping[str, Intensity]
    wue_l_per_kwh: float | None
    embodied_kg: tuple[float | None, ...]
    lifetime_years: float
    pue_variable_fraction: float
    seed: int
    draws: int
    ranges: tuple[Range, ...]
    annual: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """All that the account is derived from; ``intensity`` is that of the run."""

    record: AccountRecord
    hosts: Hosts
    site_of: NDArray[np.int64]
    demand: Demand
    before: Arm
    after: Arm
    intensity: Intensity | None


def load_account(run: Path, report: Path, *, n_sites: int) -> AccountRecord:
    """Read the record of the account from the folder of the report, and the host types of the run."""
    about = read_json(report, "account.json")
    kinds = {"line": "string", "site": "int32", "start_utc": "timestamp", "end_utc": "timestamp"}
    table = read_table(report, "account.parquet", kinds | {"per_kwh": "double"})
    names, site = table.texts("line"), table.indices("site", least=-1, limit=n_sites)
    start, end = table.integers("start_utc"), table.integers("end_utc")
    value, lines = table.floats("per_kwh"), {}
    for name in sorted(set(names)):
        mine = np.array([n == name for n in names])
        lines[name] = Intensity(
            site=site[mine], start_utc_s=start[mine], end_utc_s=end[mine], g_per_kwh=value[mine]
        )
    stated = _optional(about.content.get("embodied_kg"))
    types = read_json(run, "fleet.json").objects("types")
    own = [_optional(kind.content.get("embodied_kg")) for kind in types]
    return AccountRecord(
        lines=lines,
        wue_l_per_kwh=_optional(about.content.get("wue_l_per_kwh")),
        embodied_kg=tuple(stated if kg is None else kg for kg in own),
        lifetime_years=about.number("lifetime_years", least=1e-9),
        pue_variable_fraction=about.number("pue_variable_fraction", least=0.0, most=1.0),
        seed=about.integer("seed", least=0),
        draws=about.integer("draws", least=2, most=1_000_000),
        ranges=tuple(
            Range(
                name=row.text("name"),
                low=row.number("low", least=0.0),
                high=row.number("high", least=0.0),
                log=row.text("spacing") == "log",
                each_type=row.flag("each_type"),
            )
            for row in about.objects("parameters")
            if row.text("name") in ORDER
        ),
        annual=None
        if about.content.get("annual") is None
        else tuple(
            _optional(about.object("annual").content.get(k)) for k in ("least_share", "most_share")
        ),  # type: ignore[arg-type]
    )


def _optional(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else None  # type: ignore[arg-type]


def record_violations(facts: AccountFacts) -> list[Violation]:
    """Return lines of the account that do not cover the replay, at every site where it needs them."""
    found = []
    start = facts.demand.start_utc_s
    end = start + facts.demand.duration_s
    for name, values in facts.record.lines.items():
        sites = range(len(facts.before.site_mj)) if name == "marginal" else (-1,)
        for site in sites:
            first, last, per_kwh = values.of(site)
            joined = first.size > 0 and bool((first[1:] == last[:-1]).all() and (last > first).all())
            if not joined or first[0] > start or last[-1] < end or not np.isfinite(per_kwh).all():
                message = f"account.parquet: line {name} does not cover the replay, once, at site {site}"
                witness: dict[str, object] = {"line": name, "site": site}
                found.append(Violation(code="V10.coverage", message=message, witness=witness))
    return found


def account_figures(facts: AccountFacts) -> Derived:
    """Return the values and the intervals of the account's figures, by metric."""
    values = _lines(facts) | _embodied(facts) | _facility(facts) | _annual(facts)
    uncertain, bands = _doubt(facts)
    return values | uncertain, bands


def _annual(facts: AccountFacts) -> dict[str, float]:
    """Return a year's figures, where they were asked for; the shares of windows are taken as stated."""
    if facts.record.annual is None:
        return {}
    factor = SECONDS_PER_YEAR / facts.demand.duration_s
    saved_mj = int(facts.before.step_mj.sum()) - int(facts.after.step_mj.sum())
    values = {"annual_factor": factor, "annual_energy_saved_kwh": saved_mj / MJ_PER_KWH * factor}
    if facts.intensity is None:
        return values
    grams = {
        name: sum(
            float(
                grams_by_step(
                    mj, arm.step_start_utc_s, facts.demand.step_s, facts.intensity.of(site)
                ).sum()
            )
            for site, mj in enumerate(arm.site_mj)
        )
        for name, arm in _arms(facts)
    }
    kg = (grams["baseline"] - grams["consolidated"]) / 1_000 * factor
    values["annual_operational_carbon_saved_kg"] = kg
    least, most = facts.record.annual
    if least and most:
        low, high = sorted((kg / most, kg / least))
        values["annual_operational_carbon_saved_low_kg"] = low
        values["annual_operational_carbon_saved_high_kg"] = high
    return values


def _arms(facts: AccountFacts) -> tuple[tuple[str, Arm], ...]:
    return ("baseline", facts.before), ("consolidated", facts.after)


def _three(metric: str, suffix: str, amounts: Mapping[str, float]) -> dict[str, float]:
    values = {f"{metric}_{arm}{suffix}": amount for arm, amount in amounts.items()}
    values[f"{metric}_saved{suffix}"] = amounts["baseline"] - amounts["consolidated"]
    return values


def _lines(facts: AccountFacts) -> dict[str, float]:
    values: dict[str, float] = {}
    step_s, lines = facts.demand.step_s, facts.record.lines
    if "marginal" in lines:
        grams = {
            name: sum(
                float(grams_by_step(mj, arm.step_start_utc_s, step_s, lines["marginal"].of(site)).sum())
                for site, mj in enumerate(arm.site_mj)
            )
            for name, arm in _arms(facts)
        }
        values |= _three("marginal_carbon", "_kg", {k: g / 1_000 for k, g in grams.items()})
    for line, metric, suffix, scale in (
        ("market", "market_carbon", "_kg", 1_000),
        ("tariff", "cost", "", 1),
    ):
        if line in lines:
            pieces = lines[line].of(-1)
            amounts = {
                name: float(
                    grams_by_step(arm.step_mj.sum(axis=1), arm.step_start_utc_s, step_s, pieces).sum()
                )
                / scale
                for name, arm in _arms(facts)
            }
            values |= _three(metric, suffix, amounts)
    wue = facts.record.wue_l_per_kwh
    if wue is not None:
        litres = {name: int(arm.step_mj.sum()) / MJ_PER_KWH * wue for name, arm in _arms(facts)}
        values |= _three("water", "_l", litres) | {"wue_l_per_kwh": wue}
    return values


def _by_site_g(facts: AccountFacts, arm: Arm) -> list[NDArray[np.float64]]:
    """Return the location-based emissions of each site and step, in grams."""
    assert facts.intensity is not None
    return [
        grams_by_step(mj, arm.step_start_utc_s, facts.demand.step_s, facts.intensity.of(site))
        for site, mj in enumerate(arm.site_mj)
    ]


def _embodied(facts: AccountFacts) -> dict[str, float]:
    per_host = [facts.record.embodied_kg[k] for k in facts.hosts.kind_of.tolist()]
    known = [kg for kg in per_host if kg is not None]
    hours = facts.demand.vm.size * facts.demand.step_s / 3_600
    values = {"served_vm_h": hours} if hours else {}
    if not known:
        return values
    memo_kg = sum(known) * facts.demand.duration_s / (facts.record.lifetime_years * SECONDS_PER_YEAR)
    values |= {
        "embodied_memo_kg": memo_kg,
        "embodied_total_kg": sum(known),
        "embodied_lifetime_years": facts.record.lifetime_years,
        "embodied_unknown_hosts_count": len(per_host) - len(known),
    }
    if facts.intensity is not None and hours and len(known) == len(per_host):
        for name, arm in _arms(facts):
            grams = sum(float(g.sum()) for g in _by_site_g(facts, arm))
            values[f"sci_{name}_g_per_vm_h"] = (grams + 1_000 * memo_kg) / hours
    return values


def _facility(facts: AccountFacts) -> dict[str, float]:
    n_sites = len(facts.before.site_mj)
    pue = np.ones(n_sites)
    pue[facts.site_of] = facts.hosts.pue
    variable = facts.record.pue_variable_fraction
    marginal = 1.0 + variable * (pue - 1.0)
    saved_kwh = (facts.before.site_mj - facts.after.site_mj).sum(axis=1) / MJ_PER_KWH
    values = {f"site_{k}_pue": float(p) for k, p in enumerate(pue)}
    values |= {
        "pue_variable_fraction": variable,
        "energy_saved_facility_marginal_kwh": float((saved_kwh * marginal).sum()),
    }
    if facts.intensity is not None:
        one, two = (
            np.array([g.sum() for g in _by_site_g(facts, arm)]) for arm in (facts.before, facts.after)
        )
        for kind, factor in (("marginal", marginal), ("proportional", pue)):
            metric = f"operational_carbon_saved_facility_{kind}_kg"
            values[metric] = float(((one - two) * factor).sum()) / 1_000
    return values


def _doubt(facts: AccountFacts) -> Derived:
    record = facts.record
    one, two = (_by_type(facts, arm) for arm in (facts.before, facts.after))
    samples = drawn_savings(one, two, record.ranges, seed=record.seed, draws=record.draws)
    outcome = "kwh" if facts.intensity is None else "kg"
    values = {
        f"sensitivity_{name}_{end}_{outcome}": value
        for (name, end), value in one_at_a_time(one, two, record.ranges, outcome).items()
    }
    days = {"kwh": [_days(facts, arm, arm.step_mj.sum(axis=1) / MJ_PER_KWH) for _, arm in _arms(facts)]}
    whole = int(facts.before.step_mj.sum()) / MJ_PER_KWH or 1.0
    days["fraction"] = [total / whole for total in days["kwh"]]
    if facts.intensity is not None:
        days["kg"] = [
            _days(facts, arm, np.sum(_by_site_g(facts, arm), axis=0) / 1_000) for _, arm in _arms(facts)
        ]
    saved = days["kwh"][0] - days["kwh"][1]
    values["whole_days_count"] = saved.size
    if saved.size:
        values |= {
            "energy_saved_day_least_kwh": float(saved.min()),
            "energy_saved_day_median_kwh": float(np.median(saved)),
            "energy_saved_day_most_kwh": float(saved.max()),
        }
    bands: dict[str, tuple[float, float]] = {}
    for key, metric, ending in (
        ("kwh", "energy_saved", "kwh"),
        ("fraction", "energy_saved", "fraction"),
        ("kg", "operational_carbon_saved", "kg"),
    ):
        if key not in days:
            continue
        low, median, high = np.quantile(samples[key], (0.025, 0.5, 0.975))
        values[f"{metric}_assumed_{ending}"] = float(median)
        bands[f"{metric}_assumed_{ending}"] = float(low), float(high)
        n_days = facts.demand.duration_s / 86_400
        band = band_over_days(samples[key], *days[key], n_days=n_days, seed=record.seed)
        if band is not None:
            bands[f"{metric}_{ending}"] = band
    return values, bands


def _days(facts: AccountFacts, arm: Arm, per_step: NDArray[np.float64]) -> NDArray[np.float64]:
    return day_totals(int(arm.step_start_utc_s[0]), facts.demand.step_s, per_step)


def _by_type(facts: AccountFacts, arm: Arm) -> ByType:
    kind_of, n_types = facts.hosts.kind_of, len(facts.hosts.kinds)
    # A type without hosts has no draws of its own, unless a later one has hosts.
    n_types = int(kind_of.max()) + 1 if kind_of.size else n_types
    mj, off_s = np.zeros((n_types, 6)), np.zeros(n_types)
    np.add.at(mj, kind_of, arm.host_mj)
    away = arm.states.state == OFF
    np.add.at(off_s, kind_of[arm.states.host[away]], (arm.states.end_s - arm.states.start_s)[away])
    by_cause = np.zeros(6)
    if facts.intensity is not None:
        grams = np.sum(_by_site_g(facts, arm), axis=0)
        step_mj = arm.step_mj.sum(axis=1)
        per_mj = np.where(step_mj > 0, grams / np.maximum(step_mj, 1), 0.0)
        by_cause = (per_mj[:, None] * arm.step_mj).sum(axis=0)
    return ByType(mj=mj, g=by_cause * mj / np.maximum(mj.sum(axis=0), 1), off_s=off_s)
