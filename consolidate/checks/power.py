"""Power of a host in whole milliwatts, by the formula of the run folder, on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import HostKind, Hosts

__all__ = ["curve", "hosts_power_mw", "kind_power_mw"]


def curve(kind: HostKind, *, hosting: bool) -> tuple[int, ...]:
    """Return the eleven points of a host that does, or does not, carry a VM, in mW."""
    return (kind.hosting_idle_mw if hosting else kind.points_mw[0], *kind.points_mw[1:])


def _interpolate(
    points_mw: NDArray[np.int64], load_mcores: NDArray[np.int64], cpu_mcores: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Interpolate row by row: ``points_mw`` is ``(n, 11)``, the others ``(n,)``."""
    load = np.minimum(load_mcores, cpu_mcores)
    s = np.minimum(10 * load // cpu_mcores, 9)
    r = 10 * load - s * cpu_mcores
    row = np.arange(load.shape[0])
    low, high = points_mw[row, s], points_mw[row, s + 1]
    # numpy's // rounds down for negative numbers too, as the formula asks.
    out: NDArray[np.int64] = low + (2 * (high - low) * r + cpu_mcores) // (2 * cpu_mcores)
    return out


def kind_power_mw(kind: HostKind, load_mcores: NDArray[np.int64], *, hosting: bool) -> NDArray[np.int64]:
    """Return the power of one host type at many loads.

    Parameters
    ----------
    kind
        The host type.
    load_mcores : mcores
        Loads, overheads and background included, shape ``(n,)``.
    hosting
        Whether the host carries a VM.
    """
    points, cpu = np.array(curve(kind, hosting=hosting), dtype=np.int64), kind.cpu_mcores
    tenths = 10 * np.minimum(load_mcores, cpu)
    s = np.minimum(tenths // cpu, 9)
    # Each tenth of the curve as one line over all loads, times 2 * cpu: few passes over long arrays.
    rise = 2 * np.diff(points)
    start = 2 * cpu * points[:-1] + cpu - rise * cpu * np.arange(10)
    tenths *= rise.take(s)
    tenths += start.take(s)
    tenths //= 2 * cpu
    out: NDArray[np.int64] = tenths
    return out


def hosts_power_mw(
    hosts: Hosts,
    host: NDArray[np.int64],
    load_mcores: NDArray[np.int64],
    hosting: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the power of many hosts, each at a load.

    Parameters
    ----------
    hosts
        The fleet.
    host
        Host of each row, shape ``(n,)``.
    load_mcores : mcores
        Load of each row, overheads and background included, shape ``(n,)``.
    hosting
        Whether the host carries a VM, shape ``(n,)``.
    """
    empty = np.array([curve(k, hosting=False) for k in hosts.kinds], dtype=np.int64)
    full = np.array([curve(k, hosting=True) for k in hosts.kinds], dtype=np.int64)
    kind = hosts.kind_of[host]
    points = np.where(hosting[:, None], full[kind], empty[kind])
    return _interpolate(points, load_mcores, hosts.per_host("cpu_mcores")[host])
