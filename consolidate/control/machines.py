"""Host types as a controller sees them: how far to fill them, and which to prefer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Fleet, HostType

__all__ = ["Curves", "curves_of"]

#: A fill whose watts per unit of work are so close to the best counts as the best; the larger is taken.
_AS_GOOD = 1.003


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What a controller needs to know of power, by host.

    Parameters
    ----------
    kind
        Type of each host, shape ``(hosts,)``.
    cpu
        CPU of each host, in any unit of work, shape ``(hosts,)``.
    watts : W
        Power at 0, 10, ..., 100 % of that CPU while hosting, shape ``(types, 11)``.
    off_w : W
        Power while off, shape ``(types,)``.
    empty_w : W
        Power while on and empty, shape ``(types,)``.
    transition_j : J
        Energy of a shutdown and a boot, above that of being off, shape ``(types,)``.
    """

    kind: NDArray[np.int64]
    cpu: NDArray[np.float64]
    watts: NDArray[np.float64]
    off_w: NDArray[np.float64]
    empty_w: NDArray[np.float64]
    transition_j: NDArray[np.float64]

    @property
    def _extra_w(self) -> NDArray[np.float64]:
        """Watts above those of being off, which are drawn anyway, shape ``(types, 11)``."""
        return self.watts - self.off_w[:, np.newaxis]

    def best_fill(self) -> NDArray[np.float64]:
        """Return the largest load of each host at which a unit of work costs least, shape ``(hosts,)``.

        What a host draws while it is off does not count: it is drawn anyway.
        """
        at = np.linspace(0.01, 1.0, 100)
        points = np.linspace(0.0, 1.0, self.watts.shape[1])
        fills = []
        for row in self._extra_w:
            per_work = np.interp(at, points, row) / at
            fills.append(at[np.flatnonzero(per_work <= _AS_GOOD * per_work.min())[-1]])
        best: NDArray[np.float64] = np.array(fills)[self.kind] * self.cpu
        return best

    def merit(
        self,
        capacity: NDArray[np.float64],
        hard: NDArray[np.float64],
        *,
        mean: float,
        var: float,
        z: float,
        need: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return how much dearer a guest is on each host than on the best type, 0 = as cheap.

        Each type is filled with mean guests until CPU at risk ``z``, the best fill, or a hard resource ends;
        the watts then are divided by the guests. Where memory binds, a type with low idle power wins; where
        CPU binds, the one with the best curve.

        Parameters
        ----------
        capacity
            CPU for guests, shape ``(hosts,)``.
        hard
            Hard resources of each host, shape ``(hosts, r)``.
        mean, var
            Mean guest.
        z
            Standard deviations kept free.
        need
            Hard resources of the mean guest, shape ``(r,)``.
        """
        fill = np.minimum(self.best_fill(), capacity)
        points = np.linspace(0.0, 1.0, self.watts.shape[1])
        cost = np.empty(len(self.watts))
        for k in range(len(self.watts)):
            hosts = np.flatnonzero(self.kind == k)
            if not hosts.size:
                cost[k] = np.inf
                continue
            h = hosts[0]
            # The root of mean n + z sqrt(var n) = capacity.
            root = (-z * np.sqrt(var) + np.sqrt(z * z * var + 4 * mean * capacity[h])) / (2 * mean)
            guests = min(root**2, fill[h] / mean)
            wanted = need > 0
            if wanted.any():
                # Whole guests: half a guest more in memory is none.
                guests = min(guests, float(np.floor((hard[h][wanted] / need[wanted]).min() + 1e-9)))
            guests = max(guests, 1.0)
            cost[k] = np.interp(guests * mean / self.cpu[h], points, self._extra_w[k]) / guests
        finite = cost[np.isfinite(cost)]
        relative: NDArray[np.float64] = (cost / finite.min() - 1.0)[self.kind]
        return relative

    def saving_j(self, horizon_s: float) -> NDArray[np.float64]:
        """Return what an empty host is worth in joules when it stays off for a horizon, shape ``(hosts,)``."""
        by_type = (self.empty_w - self.off_w) * horizon_s - self.transition_j
        worth: NDArray[np.float64] = by_type[self.kind]
        return worth


def curves_of(fleet: Fleet) -> Curves:
    """Return the curves of a fleet, CPU in mcores."""

    def transition_j(t: HostType) -> float:
        boot = t.boot_s * (t.boot_mw - t.off_mw)
        return (boot + t.shutdown_s * (t.shutdown_mw - t.off_mw)) / 1_000

    types = fleet.types
    return Curves(
        kind=fleet.host_type.astype(np.int64),
        cpu=fleet.per_host("cpu_mcores").astype(np.float64),
        watts=np.array([t.power.hosting_mw for t in types]) / 1_000,
        off_w=np.array([t.off_mw for t in types]) / 1_000,
        empty_w=np.array([t.power.points_mw[0] for t in types]) / 1_000,
        transition_j=np.array([transition_j(t) for t in types]),
    )
