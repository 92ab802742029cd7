"""The objective in grams: a case in reference millijoules, and the weights derived from the forecast.

A reference millijoule emits as much as a millijoule at 1,000 g/kWh. Powers in mW and energies of moves in mJ
times whole mg/kWh are rounded to the nearest, halves up; which hosts may be switched off stays a question of
energy.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.carbon import Intensity
from consolidate.checks.cases import HostKind, PlacementCase
from consolidate.checks.verdict import Violation

__all__ = ["in_reference_mj", "weight_violations"]

_REFERENCE_MG = 1_000_000
#: Rounding of a mean in floating point, in mg/kWh.
_TOLERANCE_MG = 1


def in_reference_mj(case: PlacementCase) -> PlacementCase:
    """Return the case whose energies are the stated objective's terms; energy stays as it is."""
    if not case.site_mg_per_kwh:
        return case
    hosts = case.hosts
    site = np.zeros(hosts.n, dtype=np.int64) if hosts.site is None else hosts.site
    # Certificates count host types in this order.
    pairs = list(zip(hosts.kind_of.tolist(), site.tolist(), strict=True))
    order = sorted(set(pairs))
    kinds = tuple(_weighted(hosts.kinds[k], case.site_mg_per_kwh[at]) for k, at in order)
    index = {pair: position for position, pair in enumerate(order)}
    kind_of = np.array([index[pair] for pair in pairs], dtype=np.int64)
    moves = [
        0 if home < 0 else _times(mj, case.move_mg_per_kwh[int(site[home])])
        for home, mj in zip(case.current.tolist(), case.move_mj.tolist(), strict=True)
    ]
    return replace(
        case,
        hosts=replace(hosts, kinds=kinds, kind_of=kind_of),
        move_mj=np.array(moves, dtype=np.int64),
        site_mg_per_kwh=(),
        move_mg_per_kwh=(),
        switchable=case.may_switch_off(),
    )


def _times(amount: int, mg_per_kwh: int) -> int:
    return (2 * amount * mg_per_kwh + _REFERENCE_MG) // (2 * _REFERENCE_MG)


def _weighted(kind: HostKind, mg_per_kwh: int) -> HostKind:
    return replace(
        kind,
        points_mw=tuple(_times(p, mg_per_kwh) for p in kind.points_mw),
        hosting_idle_mw=_times(kind.hosting_idle_mw, mg_per_kwh),
        off_mw=_times(kind.off_mw, mg_per_kwh),
        boot_mw=_times(kind.boot_mw, mg_per_kwh),
        shutdown_mw=_times(kind.shutdown_mw, mg_per_kwh),
    )


def weight_violations(
    case: PlacementCase,
    *,
    forecast: Intensity,
    pue: tuple[float, ...],
    start_s: int,
    moves_s: int,
) -> list[Violation]:
    """Return weights that are not the means of the forecast.

    Parameters
    ----------
    case
        The case, with the weights as stated.
    forecast
        Intervals without gap or overlap.
    pue
        Of each site; it counts where there are several.
    start_s : s
        Begin of the horizon, since 1970 UTC.
    moves_s : s
        Time from there in which moves are made.
    """
    found = []
    for name, stated, length_s in (
        ("site_mg_per_kwh", case.site_mg_per_kwh, case.horizon_s),
        ("move_mg_per_kwh", case.move_mg_per_kwh, min(moves_s, case.horizon_s)),
    ):
        for site, value in enumerate(stated):
            mean = _mean(forecast.of(site), start_s, start_s + length_s)
            factor = Fraction(pue[site]) if len(pue) > 1 else Fraction(1)
            derived = None if mean is None else 1_000 * factor * mean
            if derived is None or abs(derived - value) > _TOLERANCE_MG:
                shown = "nothing, it does not cover it" if derived is None else f"{float(derived):.1f}"
                found.append(
                    Violation(
                        code="V14.weight",
                        message=f"{name} of site {site} is stated as {value} mg/kWh; the forecast gives "
                        f"{shown}",
                        witness={"name": name, "site": site, "stated": value},
                    )
                )
    return found


def _mean(
    pieces: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], start_s: int, stop_s: int
) -> Fraction | None:
    """Return the exact mean over a time, or ``None`` where the intervals do not cover it."""
    total, covered = Fraction(0), 0
    for begin, end, value in zip(*(part.tolist() for part in pieces), strict=True):
        inside = min(end, stop_s) - max(begin, start_s)
        if inside > 0:
            covered += inside
            total += Fraction(value) * inside
    return total / (stop_s - start_s) if covered == stop_s - start_s else None
