"""What a host costs at the least: one convex line per type, and what its transitions add to being off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Fleet, HostType

__all__ = ["HostClass", "host_classes"]

#: Powers of the engine are rounded to whole mW; half of one could lie above the line.
_ROUNDED_MW = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HostClass:
    """Hosts of one type, and how many of them may do what.

    Parameters
    ----------
    load_mcores, power_mw : mcores, mW
        Corners of a convex line that is nowhere above the power of a host with VMs: load of its guests, what
        the hypervisor adds for each included, and power. Shape ``(corners,)``.
    empty_mw : mW
        Power of a host that is on without a VM.
    off_mw : mW
        Least draw of a host that is not on, booting and shutting down included.
    boot_mj, shutdown_mj : mJ
        What a boot or a shutdown takes on top of that.
    shutdown_s : s
        Length of a shutdown.
    memory_mib : MiB
        Memory for guests.
    always_on, always_off
        Hosts whose state nobody may change.
    starts_on, starts_off
        The others, by their state at the start.
    always_off_mw : mW
        Draw of one that stays off.
    """

    load_mcores: NDArray[np.int64]
    power_mw: NDArray[np.float64]
    empty_mw: int
    off_mw: int
    boot_mj: int
    shutdown_mj: int
    shutdown_s: int
    memory_mib: int
    always_on: int
    always_off: int
    starts_on: int
    starts_off: int
    always_off_mw: int

    @property
    def most_on(self) -> int:
        """Hosts that can be on at the same time."""
        return self.always_on + self.starts_on + self.starts_off

    @property
    def usable_mcores(self) -> int:
        """CPU of one host for its guests."""
        return int(self.load_mcores[-1])

    def pays_shutdown(self, step: int, n_steps: int, step_s: int) -> bool:
        """Say whether a shutdown between a step and the one before ends in time to be paid in full."""
        return step < n_steps - -(-self.shutdown_s // step_s)


def host_classes(fleet: Fleet, *, standby: bool) -> tuple[HostClass, ...]:
    """Return one class per host type that the fleet has hosts of.

    Parameters
    ----------
    fleet
        The hosts.
    standby
        Whether the draw of hosts that are off counts.
    """
    on = fleet.powered_on
    may_change = np.where(on, fleet.may_switch_off(), fleet.may_receive())
    found = []
    for number, kind in enumerate(fleet.types):
        mine = fleet.host_type == number
        if not mine.any():
            continue
        counts = {
            "always_on": int((mine & on & ~may_change).sum()),
            "always_off": int((mine & ~on & ~may_change).sum()),
            "starts_on": int((mine & on & may_change).sum()),
            "starts_off": int((mine & ~on & may_change).sum()),
        }
        found.append(_class(kind, counts, standby=standby))
    return tuple(found)


def _class(kind: HostType, counts: dict[str, int], *, standby: bool) -> HostClass:
    lowest = kind.off_mw if standby else 0
    if kind.boot_s:
        lowest = min(lowest, kind.boot_mw)
    if kind.shutdown_s:
        lowest = min(lowest, kind.shutdown_mw)
    loads, powers = _line(kind)
    empty = int(kind.power.power_mw(kind.hypervisor.background_mcores, kind.cpu_mcores, hosting=False))
    return HostClass(
        load_mcores=loads,
        power_mw=powers,
        empty_mw=empty,
        off_mw=lowest,
        boot_mj=kind.boot_s * (kind.boot_mw - lowest),
        shutdown_mj=kind.shutdown_s * (kind.shutdown_mw - lowest),
        shutdown_s=kind.shutdown_s,
        memory_mib=kind.usable_memory_mib,
        always_off_mw=kind.off_mw if standby else 0,
        **counts,
    )


def _line(kind: HostType) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the corners of the lower convex line of a host with VMs, from no load to all it serves.

    Moves under way load a host further, and an overloaded host draws what a full one does, so the line lies
    below the power at any load from here on, not only at this one.
    """
    cpu, background, usable = kind.cpu_mcores, kind.hypervisor.background_mcores, kind.usable_mcores
    points = np.minimum.accumulate(np.array(kind.power.hosting_mw, dtype=np.float64)[::-1])[::-1]
    at = np.arange(11) * (cpu / 10) - background
    # Whole loads only; to the left of a point the line through rounded-down loads would stick out.
    loads = np.array(sorted({0, usable, *(int(x) for x in np.floor(at) if 0 < x < usable)}))
    powers = np.interp(loads, at, points) - _ROUNDED_MW
    corners: list[int] = []
    for i in range(len(loads)):
        while len(corners) > 1 and _is_above(loads, powers, corners[-2], corners[-1], i):
            corners.pop()
        corners.append(i)
    powers = powers[corners]
    loads = loads[corners]
    # Between whole loads next to a point, the true line may dip below a chord by a fraction of a mW.
    inside = at[(at > 0) & (at < usable)]
    over = np.interp(inside, loads, powers) - np.interp(inside, at, points)
    return loads.astype(np.int64), powers - max(0.0, float(over.max(initial=0.0)))


def _is_above(loads: NDArray[np.int64], powers: NDArray[np.float64], a: int, b: int, c: int) -> bool:
    """Say whether corner b lies on or above the line from a to c."""
    rise_ab = (powers[b] - powers[a]) * (loads[c] - loads[a])
    return bool(rise_ab >= (powers[c] - powers[a]) * (loads[b] - loads[a]))
