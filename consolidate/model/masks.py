"""Which hosts each VM may run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.model.rules import Ban, Fence, Root

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["host_masks"]


def host_masks(instance: Instance) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Fold everything that excludes hosts for a VM into one row of hosts, shared by like VMs.

    Kind of guest, core speed, maintenance, hosts that cannot be woken, common modes of migration and
    the rules fence, ban and root count. A VM may always stay at home unless a rule forbids that; an
    immovable VM may only stay.

    Returns
    -------
    mask_of
        Row of each VM, shape ``(vms,)``.
    masks
        Distinct rows, shape ``(rows, hosts)``.
    """
    fleet, vms = instance.fleet, instance.vms
    receive, limits = fleet.may_receive(), _host_limits(instance)
    type_rows = _TypeRows(instance)
    by_key: dict[tuple[object, ...], int] = {}
    rows: list[NDArray[np.bool_]] = []
    mask_of = np.zeros(len(vms), dtype=np.int32)
    for v in range(len(vms)):
        home = int(instance.current.host_of[v])
        home_type = int(fleet.host_type[home]) if home >= 0 else -1
        type_ok = type_rows.of(v, home_type)
        pinned = home >= 0 and not instance.movable[v]
        # A home that others of the class may not choose makes the row the VM's own.
        odd_home = home if home >= 0 and (pinned or not (receive[home] and type_ok[home_type])) else -1
        limit = limits.get(v)
        key = (type_ok.tobytes(), pinned, odd_home, None if limit is None else limit.tobytes())
        if key not in by_key:
            row = np.zeros(fleet.n_hosts, dtype=np.bool_)
            if not pinned:
                row |= type_ok[fleet.host_type] & receive
            if odd_home >= 0:
                row[odd_home] = True
            if limit is not None:
                row &= limit
            by_key[key] = len(rows)
            rows.append(row)
        mask_of[v] = by_key[key]
    return mask_of, np.array(rows)


class _TypeRows:
    """Which host types a VM can run on, given the type that it is on now."""

    def __init__(self, instance: Instance) -> None:
        types = instance.fleet.types
        self._instance = instance
        self._speeds = np.array([t.core_mcores for t in types], dtype=np.int64)
        self._kinds = np.array(
            [[t.hypervisor.hosts(kind) for t in types] for kind in ("vm", "container")]
        )
        self._reach = np.ones((len(types) + 1, len(types)), dtype=np.bool_)
        for a, one in enumerate(types):
            for b, other in enumerate(types):
                self._reach[a, b] = bool(one.hypervisor.moves & other.hypervisor.moves)

    def of(self, v: int, home_type: int) -> NDArray[np.bool_]:
        vms = self._instance.vms
        # A vCPU gets at most one core, so a slow core cannot carry a VM whose sized demand is higher.
        fast = self._instance.need[v, 0] <= int(vms.vcpus[v]) * self._speeds
        row: NDArray[np.bool_] = fast & self._kinds[int(vms.is_container[v])]
        reached: NDArray[np.bool_] = row & self._reach[home_type]
        return reached


def _host_limits(instance: Instance) -> dict[int, NDArray[np.bool_]]:
    """Return the hosts that fence, ban and root leave to the VMs that they name."""
    limits: dict[int, NDArray[np.bool_]] = {}
    for rule in instance.rules:
        if not isinstance(rule, Fence | Ban | Root):
            continue
        for position, v in enumerate(rule.vms):
            allowed = limits.setdefault(v, np.ones(instance.fleet.n_hosts, dtype=np.bool_))
            named = np.zeros_like(allowed)
            named[[rule.hosts[position]] if isinstance(rule, Root) else list(rule.hosts)] = True
            allowed &= ~named if isinstance(rule, Ban) else named
    return limits
