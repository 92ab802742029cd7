"""The problem and the state of a packing as bare arrays, grouped so that kernels stay readable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel
from consolidate._kernels.limits import Limits, Taken, groups_allow, host_may_open, join_groups, switch

__all__ = [
    "Problem",
    "State",
    "fits",
    "host_energy",
    "move_cost",
    "occupy",
    "rules_allow",
    "shift",
    "table_power",
]


class Problem(NamedTuple):
    """What does not change. ``r`` resources, ``k`` rows of hosts that VMs may use."""

    need: NDArray[np.int64]  # (vms, r)
    overhead: NDArray[np.int64]  # (hosts, r), taken on top for each VM
    mask_of: NDArray[np.int32]  # (vms,), row of masks
    masks: NDArray[np.bool_]  # (k, hosts)
    limits: Limits  # rules that depend on who else is there
    load: NDArray[np.int64]  # (vms,), mean mcores
    home: NDArray[np.int32]  # (vms,), present host
    move_mj: NDArray[np.int64]  # (vms,)
    table: NDArray[np.int64]  # (hosts, 11) mW while hosting
    cpu: NDArray[np.int64]  # (hosts,) mcores of the whole host
    background: NDArray[np.int64]  # (hosts,) mcores
    per_vm: NDArray[np.int64]  # (hosts,) mcores per VM
    empty_mj: NDArray[np.int64]  # (hosts,) energy over the horizon without any VM
    boot_mj: NDArray[np.int64]  # (hosts,) extra energy of hosting, if it has to be booted
    horizon_s: int


class State(NamedTuple):
    """What a packing changes in place."""

    host_of: NDArray[np.int32]  # (vms,)
    room: NDArray[np.int64]  # (hosts, r)
    taken: Taken  # what counts against the limits
    load: NDArray[np.int64]  # (hosts,) mean mcores
    n_vms: NDArray[np.int32]  # (hosts,)


@kernel
def rules_allow(p: Problem, s: State, v: Any, h: Any) -> bool:
    """Say whether the rules let VM ``v``, which is not on host ``h``, join, whatever the room."""
    if not p.masks[p.mask_of[v], h]:
        return False
    if p.limits.counted[h] and s.n_vms[h] == 0 and not host_may_open(p.limits, s.taken, h):
        return False
    return not p.limits.named[v] or groups_allow(p.limits, s.taken, v, h)


@kernel
def fits(p: Problem, s: State, v: Any, h: Any) -> bool:
    """Say whether VM ``v`` may be put on host ``h``."""
    for r in range(p.need.shape[1]):
        if p.need[v, r] + p.overhead[h, r] > s.room[h, r]:
            return False
    return rules_allow(p, s, v, h)


@kernel
def occupy(p: Problem, s: State, v: Any, h: Any, sign: int) -> None:
    """Put VM ``v`` on host ``h`` (sign 1) or take it away (sign -1)."""
    for r in range(p.need.shape[1]):
        s.room[h, r] -= sign * (p.need[v, r] + p.overhead[h, r])
    if p.limits.named[v]:
        join_groups(p.limits, s.taken, v, h, sign)
    s.load[h] += sign * p.load[v]
    before = s.n_vms[h]
    s.n_vms[h] = before + sign
    if p.limits.counted[h] and (before == 0 or s.n_vms[h] == 0):
        switch(p.limits, s.taken, h, sign)
    s.host_of[v] = h if sign > 0 else -1


@kernel
def table_power(table: NDArray[np.int64], load: Any, cpu: Any) -> Any:
    """Interpolate eleven points in integers, rounding half up; load above the capacity is cut off."""
    load = min(max(load, 0), cpu)
    segment = min(10 * load // cpu, 9)
    rest = 10 * load - segment * cpu
    rise = (table[segment + 1] - table[segment]) * rest
    return table[segment] + (2 * rise + cpu) // (2 * cpu)


@kernel
def host_energy(p: Problem, h: Any, load: Any, n: Any) -> Any:
    """Return the energy of host ``h`` over the horizon with ``n`` VMs of total mean load ``load``."""
    if n == 0:
        return p.empty_mj[h]
    total = load + p.background[h] + n * p.per_vm[h]
    return table_power(p.table[h], total, p.cpu[h]) * p.horizon_s + p.boot_mj[h]


@kernel
def move_cost(p: Problem, v: Any, h: Any) -> Any:
    """Return the migration energy of having VM ``v`` on host ``h``."""
    return p.move_mj[v] if p.home[v] >= 0 and p.home[v] != h else np.int64(0)


@kernel
def shift(p: Problem, s: State, v: Any, h: Any, sign: int) -> Any:
    """Do what :func:`occupy` does and return by how much the objective changes."""
    before = host_energy(p, h, s.load[h], s.n_vms[h])
    occupy(p, s, v, h, sign)
    return host_energy(p, h, s.load[h], s.n_vms[h]) - before + sign * move_cost(p, v, h)
