"""Operational emissions: energy of each step times intensity, by this module's own join of intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import Arm
from consolidate.checks.verdict import Violation, each
from consolidate.units import JOULES_PER_KWH

__all__ = ["Intensity", "coverage_violations", "emissions_kg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """Rows of ``carbon.parquet``: half-open intervals in seconds since 1970, and g/kWh."""

    start_utc_s: NDArray[np.int64]
    end_utc_s: NDArray[np.int64]
    g_per_kwh: NDArray[np.float64]


def coverage_violations(intensity: Intensity, *, start_utc_s: int, end_utc_s: int) -> list[Violation]:
    """Return intervals that overlap, leave a gap, or do not reach from start to end of the replay."""
    order = np.argsort(intensity.start_utc_s, kind="stable")
    start, end = intensity.start_utc_s[order], intensity.end_utc_s[order]

    def said(i: int) -> tuple[str, dict[str, object]]:
        return (
            f"carbon.parquet: the interval from {_utc(int(start[i]))} to {_utc(int(end[i]))} does not "
            "follow on the one before it",
            {"start_utc": _utc(int(start[i])), "end_utc": _utc(int(end[i]))},
        )

    joined = np.ones(start.size, dtype=np.bool_)
    joined[1:] = start[1:] == end[:-1]
    found = each("V10.coverage", np.flatnonzero(~joined | (end <= start)), said)
    if not found and (not start.size or start[0] > start_utc_s or end[-1] < end_utc_s):
        covered = f"{_utc(int(start[0]))} to {_utc(int(end[-1]))}" if start.size else "nothing"
        asked = f"{_utc(start_utc_s)} to {_utc(end_utc_s)}"
        message = f"carbon.parquet covers {covered}; the replay runs from {asked}"
        found.append(Violation(code="V10.coverage", message=message, witness={"covered": covered}))
    bad = np.flatnonzero(~np.isfinite(intensity.g_per_kwh) | (intensity.g_per_kwh < 0))
    for i in bad[:20].tolist():
        message = (
            f"carbon.parquet: intensity from {_utc(int(intensity.start_utc_s[i]))} on is "
            f"{intensity.g_per_kwh[i]} g/kWh"
        )
        found.append(Violation(code="V10.coverage", message=message, witness={"row": i}))
    return found


def _utc(seconds: int) -> str:
    return f"{np.datetime64(seconds, 's')}Z"


def emissions_kg(arm: Arm, intensity: Intensity, *, step_s: int) -> float:
    """Return the operational emissions of an arm's IT energy in kilograms.

    Parameters
    ----------
    arm
        The arm, with the energy of each step.
    intensity
        Intervals that cover the arm without gap or overlap.
    step_s : s
        Length of a step; energy is spread evenly over it.
    """
    order = np.argsort(intensity.start_utc_s, kind="stable")
    start, end = intensity.start_utc_s[order], intensity.end_utc_s[order]
    # Intensity times time since the first interval, in g s / kWh, at the bounds of every interval.
    bounds = np.append(start, end[-1]) - start[0]
    running = np.append(0.0, np.cumsum(intensity.g_per_kwh[order] * (end - start)))
    begin = arm.step_start_utc_s - start[0]
    mean = (np.interp(begin + step_s, bounds, running) - np.interp(begin, bounds, running)) / step_s
    kwh = arm.step_mj.sum(axis=1) / (1_000 * JOULES_PER_KWH)
    return float((kwh * mean).sum()) / 1_000
