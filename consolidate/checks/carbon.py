"""Operational emissions: energy of each site and step times intensity, by this module's own join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import Arm
from consolidate.checks.verdict import Violation, each
from consolidate.units import JOULES_PER_KWH

__all__ = ["Intensity", "coverage_violations", "emission_violations", "emissions_kg", "grams_by_step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """Rows of ``carbon.parquet``: site, half-open intervals in seconds since 1970, and g/kWh."""

    site: NDArray[np.int64]
    start_utc_s: NDArray[np.int64]
    end_utc_s: NDArray[np.int64]
    g_per_kwh: NDArray[np.float64]

    def of(self, site: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return start, end and intensity of a site's intervals in order of time."""
        rows = np.flatnonzero(self.site == site)
        rows = rows[np.argsort(self.start_utc_s[rows], kind="stable")]
        return self.start_utc_s[rows], self.end_utc_s[rows], self.g_per_kwh[rows]


def coverage_violations(
    intensity: Intensity, *, n_sites: int, start_utc_s: int, end_utc_s: int
) -> list[Violation]:
    """Return intervals that overlap, leave a gap, or do not reach from start to end of the replay."""
    found = []
    for site in range(n_sites):
        start, end, g_per_kwh = intensity.of(site)

        def said(
            i: int,
            site: int = site,
            start: NDArray[np.int64] = start,
            end: NDArray[np.int64] = end,
        ) -> tuple[str, dict[str, object]]:
            span = f"{_utc(int(start[i]))} to {_utc(int(end[i]))}"
            message = (
                f"carbon.parquet: site {site}: the interval {span} does not follow on its predecessor"
            )
            return message, {"site": site, "interval": span}

        joined = np.ones(start.size, dtype=np.bool_)
        joined[1:] = start[1:] == end[:-1]
        broken = each("V10.coverage", np.flatnonzero(~joined | (end <= start)), said)
        if not broken and (not start.size or start[0] > start_utc_s or end[-1] < end_utc_s):
            covered = f"{_utc(int(start[0]))} to {_utc(int(end[-1]))}" if start.size else "nothing"
            asked = f"{_utc(start_utc_s)} to {_utc(end_utc_s)}"
            message = f"carbon.parquet: site {site} covers {covered}; the replay runs from {asked}"
            witness: dict[str, object] = {"site": site, "covered": covered}
            broken.append(Violation(code="V10.coverage", message=message, witness=witness))
        for i in np.flatnonzero(~np.isfinite(g_per_kwh) | (g_per_kwh < 0))[:20].tolist():
            message = (
                f"carbon.parquet: site {site} has {g_per_kwh[i]} g/kWh from {_utc(int(start[i]))} on"
            )
            broken.append(Violation(code="V10.coverage", message=message, witness={"site": site}))
        found += broken
    return found


def _utc(seconds: int) -> str:
    return f"{np.datetime64(seconds, 's')}Z"


def emission_violations(
    stated_g: Mapping[str, float], derived_kg: Mapping[str, float]
) -> list[Violation]:
    """Return arms whose stated emissions are not energy times intensity, to 1e-9."""
    found = []
    for label, kg in derived_kg.items():
        stated = stated_g.get(label)
        if stated is None or not abs(stated - 1_000 * kg) <= 1e-9 * abs(1_000 * kg) + 1e-12:
            due = 1_000 * kg
            message = f"carbon.json: {stated} g for arm {label}; energy times intensity is {due!r} g"
            witness: dict[str, object] = {"arm": label, "stated_g": stated, "derived_g": 1_000 * kg}
            found.append(Violation(code="V10.carbon", message=message, witness=witness))
    return found


def emissions_kg(arm: Arm, intensity: Intensity, *, step_s: int) -> float:
    """Return the operational emissions of an arm's IT energy in kilograms.

    Parameters
    ----------
    arm
        The arm, with the energy of each site and step.
    intensity
        Intervals that cover the arm at every site, without gap or overlap.
    step_s : s
        Length of a step; energy is spread evenly over it.
    """
    return (
        sum(
            float(grams_by_step(mj, arm.step_start_utc_s, step_s, intensity.of(site)).sum())
            for site, mj in enumerate(arm.site_mj)
        )
        / 1_000
    )


def grams_by_step(
    energy_mj: NDArray[np.int64],
    step_start_utc_s: NDArray[np.int64],
    step_s: int,
    pieces: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return energy times a value per kWh that changes over time, step by step.

    Parameters
    ----------
    energy_mj : mJ
        Energy of each step.
    step_start_utc_s, step_s : s
        Starts and length of the steps; energy is spread evenly over them.
    pieces
        Start, end and value of intervals that cover the steps without gap or overlap.
    """
    start, end, per_kwh = pieces
    # Value times time since the first interval, at the bounds of every interval.
    bounds = np.append(start, end[-1]) - start[0]
    running = np.append(0.0, np.cumsum(per_kwh * (end - start)))
    begin = step_start_utc_s - start[0]
    mean = (np.interp(begin + step_s, bounds, running) - np.interp(begin, bounds, running)) / step_s
    out: NDArray[np.float64] = energy_mj / (1_000 * JOULES_PER_KWH) * mean
    return out
