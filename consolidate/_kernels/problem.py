"""The problem and the state of a packing as bare arrays, grouped so that kernels stay readable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel
from consolidate._kernels.limits import Limits, Taken, host_may_open, switch
from consolidate._kernels.zones import IN, OUT, company_allows, join_company

__all__ = [
    "IN",
    "OUT",
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


#: Columns of ``Problem.draw`` after the points of the power curve.
CPU, BACKGROUND, PER_VM, EMPTY_MJ, BOOT_MJ = range(11, 16)


class Problem(NamedTuple):
    """What does not change. ``r`` resources, ``k`` rows of hosts that VMs may use.

    Few arrays on purpose: each one costs compile time in every function that is handed the problem.
    """

    need: NDArray[np.int64]  # (vms, r)
    overhead: NDArray[np.int64]  # (hosts, r), taken on top for each VM
    mask_of: NDArray[np.int32]  # (vms,), row of masks
    masks: NDArray[np.bool_]  # (k, hosts)
    limits: Limits  # rules that depend on who else is there
    load: NDArray[np.int64]  # (vms,), mean mcores
    home: NDArray[np.int32]  # (vms,), present host
    move_mj: NDArray[np.int64]  # (vms,)
    draw: NDArray[np.int64]  # (hosts, 16): eleven points of the curve, and the columns below
    horizon_s: int

    @property
    def table(self) -> NDArray[np.int64]:
        """Power while hosting at 0, 10, ..., 100 % of load in mW, shape ``(hosts, 11)``."""
        return self.draw[:, :CPU]

    @property
    def cpu(self) -> NDArray[np.int64]:
        """CPU of the whole host in mcores, shape ``(hosts,)``."""
        return self.draw[:, CPU]

    @property
    def background(self) -> NDArray[np.int64]:
        """CPU that the hypervisor takes in mcores, shape ``(hosts,)``."""
        return self.draw[:, BACKGROUND]

    @property
    def per_vm(self) -> NDArray[np.int64]:
        """CPU that the hypervisor takes for each VM in mcores, shape ``(hosts,)``."""
        return self.draw[:, PER_VM]

    @property
    def empty_mj(self) -> NDArray[np.int64]:
        """Energy over the horizon without any VM in mJ, shape ``(hosts,)``."""
        return self.draw[:, EMPTY_MJ]

    @property
    def boot_mj(self) -> NDArray[np.int64]:
        """Extra energy of hosting if it has to be booted in mJ, shape ``(hosts,)``."""
        return self.draw[:, BOOT_MJ]


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
    return not p.limits.named[v] or company_allows(p.limits, s.taken, v, h)


@kernel
def fits(p: Problem, s: State, v: Any, h: Any) -> bool:
    """Say whether VM ``v`` may be put on host ``h``."""
    for r in range(p.need.shape[1]):
        if p.need[v, r] + p.overhead[h, r] > s.room[h, r]:
            return False
    return rules_allow(p, s, v, h)


@kernel
def occupy(p: Problem, s: State, v: Any, h: Any, sign: Any) -> None:
    """Put VM ``v`` on host ``h`` (sign 1) or take it away (sign -1)."""
    for r in range(p.need.shape[1]):
        s.room[h, r] -= sign * (p.need[v, r] + p.overhead[h, r])
    if p.limits.named[v]:
        join_company(p.limits, s.taken, v, h, sign)
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
        return p.draw[h, EMPTY_MJ]
    total = load + p.draw[h, BACKGROUND] + n * p.draw[h, PER_VM]
    return table_power(p.draw[h], total, p.draw[h, CPU]) * p.horizon_s + p.draw[h, BOOT_MJ]


@kernel
def move_cost(p: Problem, v: Any, h: Any) -> Any:
    """Return the migration energy of having VM ``v`` on host ``h``."""
    return p.move_mj[v] if p.home[v] >= 0 and p.home[v] != h else np.int64(0)


@kernel
def shift(p: Problem, s: State, v: Any, h: Any, sign: Any) -> Any:
    """Do what :func:`occupy` does and return by how much the objective changes."""
    before = host_energy(p, h, s.load[h], s.n_vms[h])
    occupy(p, s, v, h, sign)
    return host_energy(p, h, s.load[h], s.n_vms[h]) - before + sign * move_cost(p, v, h)
