"""The objective in grams: energy weighted by the intensity that is forecast for its site and its hours.

The unit is the *reference millijoule*: what emits as much as one millijoule at 1,000 g/kWh, 1/3,600,000 g.
Power in whole mW times an intensity in whole mg/kWh is rounded once, for each point of a power curve, so
that search, bounds, certificates and checks work on integers as they do for energy, and no larger ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import HorizonError, InstanceError, Issue
from consolidate.model.carbon import CarbonIntensity
from consolidate.model.fleet import Fleet, HostType
from consolidate.model.objective import EnergyBreakdown, JoulesOverHorizon

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["REFERENCE_MG_PER_KWH", "Carbon", "in_joules", "reference_energy"]

#: Intensity at which a reference millijoule is a millijoule: 1,000 g/kWh.
REFERENCE_MG_PER_KWH = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Carbon(JoulesOverHorizon):
    """Emissions of the fleet over the horizon; :meth:`of` makes it from forecasts.

    What a host draws while it is on, off, boots or shuts down is weighted by the mean intensity of its site
    over the horizon; a move by the intensity of the hours in which moves are made, at the site that the VM
    leaves. Whether it pays to switch a host off is a question of energy, as for
    :class:`~consolidate.model.objective.JoulesOverHorizon`.

    Parameters
    ----------
    site_mg_per_kwh : mg/kWh
        Mean intensity over the horizon of each site of the fleet; times its PUE where there are several.
    move_mg_per_kwh : mg/kWh
        The same for the hours of the moves.
    moves_s : s
        Time from the start in which the moves are made.
    forecast
        Where the intensities come from, in words, for the report.
    """

    site_mg_per_kwh: tuple[int, ...] = field(kw_only=True)
    move_mg_per_kwh: tuple[int, ...] = field(kw_only=True)
    moves_s: int = 3_600
    forecast: str = "given"

    def __post_init__(self) -> None:
        # A dataclass with slots is made anew, so that plain super() would not find it.
        JoulesOverHorizon.__post_init__(self)
        issues = []
        for name in ("site_mg_per_kwh", "move_mg_per_kwh"):
            values = tuple(int(v) for v in getattr(self, name))
            object.__setattr__(self, name, values)
            for site, value in enumerate(values):
                if not 0 <= value <= 10 * REFERENCE_MG_PER_KWH:
                    msg = f"needs 0 to {10 * REFERENCE_MG_PER_KWH} mg/kWh, got {value}"
                    issues.append(Issue(path=f"objective.{name}[{site}]", message=msg))
        if len(self.site_mg_per_kwh) != len(self.move_mg_per_kwh):
            issues.append(
                Issue(path="objective.move_mg_per_kwh", message="needs one value for each site")
            )
        if self.moves_s <= 0:
            msg = f"needs 1 s or more, got {self.moves_s} s"
            issues.append(Issue(path="objective.moves_s", message=msg))
        if issues:
            raise InstanceError(issues)

    @classmethod
    def of(
        cls,
        forecast: CarbonIntensity | Sequence[CarbonIntensity],
        fleet: Fleet,
        *,
        start: np.datetime64,
        horizon_s: int,
        min_off_s: int = 3_600,
        moves_s: int = 3_600,
        source: str | None = None,
    ) -> Carbon:
        """Return the objective for what is forecast.

        Parameters
        ----------
        forecast
            Intensity of each site of the fleet, or one for all of them.
        fleet
            The hosts; where they are at several sites, the PUE of each weighs its energy.
        start
            Begin of the horizon, UTC.
        horizon_s, min_off_s : s
            As in :class:`~consolidate.model.objective.JoulesOverHorizon`.
        moves_s : s
            Time from the start in which the moves are made.
        source
            Where the forecast comes from; default what the intensities say.

        Raises
        ------
        HorizonError
            When a forecast does not cover the horizon.
        InstanceError
            When there is not one forecast for each site, or kinds and scopes are mixed.
        """
        n_sites = len(fleet.sites)
        each = (forecast,) * n_sites if isinstance(forecast, CarbonIntensity) else tuple(forecast)
        if len(each) != n_sites:
            msg = f"needs one forecast for each of {n_sites} sites, got {len(each)}"
            raise InstanceError([Issue(path="objective.forecast", message=msg)])
        if len({(f.kind, f.scope) for f in each}) > 1:
            msg = "needs forecasts of one kind and one scope at all sites"
            raise InstanceError([Issue(path="objective.forecast", message=msg)])
        pue = [site.pue if n_sites > 1 else 1.0 for site in fleet.sites]
        means = [
            [
                round(1_000 * p * _mean_g_per_kwh(f, start, length))
                for f, p in zip(each, pue, strict=True)
            ]
            for length in (horizon_s, min(moves_s, horizon_s))
        ]
        return cls(
            horizon_s=horizon_s,
            min_off_s=min_off_s,
            site_mg_per_kwh=tuple(means[0]),
            move_mg_per_kwh=tuple(means[1]),
            moves_s=moves_s,
            forecast=source or "; ".join(dict.fromkeys(f.source for f in each)),
        )

    def breakdown(
        self, instance: Instance, host_of: NDArray[np.int32], *, do_nothing: bool = False
    ) -> EnergyBreakdown:
        """Return the emissions of a placement by cause, in reference millijoules."""
        weighted = reference_energy(instance)
        return weighted.objective.breakdown(weighted, host_of, do_nothing=do_nothing)


def reference_energy(instance: Instance) -> Instance:
    """Return an instance whose energy in mJ is the objective of the given one, whatever that is.

    Where the objective is :class:`Carbon`, its host types are the given ones at each site, with every power
    weighted; all else, which hosts may be switched off included, is the same.

    Raises
    ------
    InstanceError
        When the objective was made for another number of sites.
    """
    carbon = instance.objective
    if not isinstance(carbon, Carbon):
        return instance
    fleet = instance.fleet
    if len(carbon.site_mg_per_kwh) != len(fleet.sites):
        msg = f"is for {len(carbon.site_mg_per_kwh)} sites, the fleet has {len(fleet.sites)}"
        raise InstanceError([Issue(path="objective.site_mg_per_kwh", message=msg)])
    pairs, pair_of = np.unique(
        np.column_stack([fleet.host_type, fleet.host_site]), axis=0, return_inverse=True
    )
    types = [
        _weighted(fleet.types[k], carbon.site_mg_per_kwh[s], name=f"{fleet.types[k].name} ({k}, {s})")
        for k, s in pairs.tolist()
    ]
    pays = [carbon.off_pays(fleet.types[k]) for k, _ in pairs.tolist()]
    home = instance.current.host_of
    leaves = fleet.host_site[np.maximum(home, 0)]
    weight = np.where(home >= 0, np.array(carbon.move_mg_per_kwh, dtype=np.int64)[leaves], 0)
    return replace(
        instance,
        fleet=replace(fleet, types=tuple(types), host_type=pair_of.reshape(-1).astype(np.int32)),
        move_mj=_times(instance.move_mj, weight),
        objective=JoulesOverHorizon(
            horizon_s=carbon.horizon_s,
            min_off_s=carbon.min_off_s,
            off_pays_for=tuple(t.name for t, pay in zip(types, pays, strict=True) if pay),
        ),
    )


def in_joules(instance: Instance) -> Instance:
    """Return the instance with the same horizon and energy as its objective."""
    given = instance.objective
    if not isinstance(given, Carbon):
        return instance
    plain = JoulesOverHorizon(horizon_s=given.horizon_s, min_off_s=given.min_off_s)
    return replace(instance, objective=plain)


def _weighted(kind: HostType, mg_per_kwh: int, *, name: str) -> HostType:
    def scaled(power_mw: int) -> int:
        return (power_mw * mg_per_kwh + REFERENCE_MG_PER_KWH // 2) // REFERENCE_MG_PER_KWH

    power = kind.power
    return replace(
        kind,
        name=name,
        power=replace(
            power,
            points_mw=tuple(scaled(p) for p in power.points_mw),
            hosting_idle_mw=scaled(power.hosting_idle_mw),
        ),
        off_w=scaled(kind.off_mw) / 1_000,
        # Joules from whole mW over whole seconds: the mean power is that whole number again.
        boot_j=scaled(kind.boot_mw) * kind.boot_s / 1_000,
        shutdown_j=scaled(kind.shutdown_mw) * kind.shutdown_s / 1_000,
    )


def _times(energy_mj: NDArray[np.int64], mg_per_kwh: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return energies times weights, to the nearest; whole units and rest apart, to stay in 64 bits."""
    whole, rest = np.divmod(energy_mj, REFERENCE_MG_PER_KWH)
    out: NDArray[np.int64] = whole * mg_per_kwh
    out += (rest * mg_per_kwh + REFERENCE_MG_PER_KWH // 2) // REFERENCE_MG_PER_KWH
    return out


def _mean_g_per_kwh(intensity: CarbonIntensity, start: np.datetime64, length_s: int) -> float:
    """Return the mean over a time, each step weighted by its part of it."""
    grid = intensity.grid
    begin = int((start.astype("datetime64[s]") - grid.start).astype(np.int64))
    end = begin + length_s
    if begin < 0 or end > grid.duration_s:
        msg = f"the forecast for {intensity.zone} does not cover the horizon"
        stop = start.astype("datetime64[s]") + np.timedelta64(length_s, "s")
        raise HorizonError(msg, asked=f"{start}Z to {stop}Z", covered=f"{grid.start}Z to {grid.stop}Z")
    first, last = begin // grid.step_s, -(-end // grid.step_s)
    edges = np.arange(first, last + 1, dtype=np.int64) * grid.step_s
    inside = np.diff(np.clip(edges, begin, end))
    return float((intensity.g_per_kwh[first:last] * inside).sum() / length_s)
