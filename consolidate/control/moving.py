"""Decisions as a timed plan: moves share the interfaces of their hosts, boots before, shutdowns after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate.control.base import Setting
from consolidate.model import (
    Fleet,
    Instance,
    JoulesOverHorizon,
    MigrationPlan,
    Placement,
    PowerControl,
    VMs,
)
from consolidate.model.plan import Action
from consolidate.planning.assemble import assemble
from consolidate.planning.listing import list_schedule
from consolidate.planning.problem import Problem

__all__ = ["timed_plan"]

#: So long that an empty host is always worth switching off; whether it is was decided before.
_LONG_S = 10**9
_ANY_END_S = 2**62


def timed_plan(
    setting: Setting,
    host_of: NDArray[np.int32],
    on: NDArray[np.bool_],
    memory_mib: NDArray[np.int64],
    *,
    moves: Sequence[tuple[int, int]],
    off: Iterable[int],
) -> MigrationPlan | None:
    """Return a plan that makes the moves and then switches hosts off; nothing when there is nothing to do.

    No host is both a source and a target, so no order of the moves can run out of room: only interfaces and the
    limits of the settings decide the times.

    Parameters
    ----------
    setting
        Hosts, VMs, and the settings of moves.
    host_of
        Present host of each VM, shape ``(vms,)``.
    on
        Hosts that are on, shape ``(hosts,)``; targets that are not are booted.
    memory_mib : MiB
        What a move of each VM carries, shape ``(vms,)``.
    moves
        Pairs of a VM and its target.
    off
        Hosts to switch off once they are empty.
    """
    off = sorted(off)
    if not moves and not off:
        return None
    vms = [v for v, _ in moves]
    hosts = np.unique([*off, *(t for _, t in moves), *host_of[vms].tolist()]).astype(np.int64)
    index = {h: i for i, h in enumerate(hosts.tolist())}
    # A plan of hosts that switch off needs one guest somewhere: an instance without VMs is none.
    named = vms or [0]
    current = [index[int(host_of[v])] for v in vms] or [-1]
    target = [index[t] for _, t in moves] or [-1]
    problem = Problem(
        instance=_part(
            setting, hosts, named, on, memory_mib, set(off), np.array(current, dtype=np.int32)
        ),
        target=Placement(host_of=np.array(target, dtype=np.int32)),
    )
    made = assemble(problem, list_schedule(problem, good_enough_s=_ANY_END_S), None)
    goal = host_of.copy()
    for v, t in moves:
        goal[v] = t
    return MigrationPlan(
        actions=tuple(_renamed(a, hosts, named) for a in made.actions),
        current=Placement(host_of=host_of),
        target=Placement(host_of=goal),
    )


def _part(
    setting: Setting,
    hosts: NDArray[np.int64],
    vms: Sequence[int],
    on: NDArray[np.bool_],
    memory_mib: NDArray[np.int64],
    off: set[int],
    current: NDArray[np.int32],
) -> Instance:
    """Return an instance of the hosts and VMs that take part; room was seen to before."""
    fleet = setting.fleet
    control = [PowerControl.MANAGED if h in off or not on[h] else PowerControl.KEEP_ON for h in hosts]
    part = Fleet(
        host_ids=tuple(fleet.host_ids[h] for h in hosts),
        host_type=fleet.host_type[hosts],
        types=fleet.types,
        sites=fleet.sites,
        host_site=fleet.host_site[hosts],
        power_control=np.array(control, dtype=np.int8),
        powered_on=on[hosts],
    )
    all_vms, n = setting.vms, len(vms)
    guests = VMs(
        ids=tuple(all_vms.ids[v] for v in vms),
        vcpus=all_vms.vcpus[vms],
        cpu_mcores=all_vms.cpu_mcores[vms],
        memory_mib=all_vms.memory_mib[vms],
        dirty_mib_per_s=all_vms.dirty_mib_per_s[vms],
        is_container=all_vms.is_container[vms],
    )
    need = np.column_stack([np.zeros(n, dtype=np.int64), memory_mib[vms]])
    return Instance(
        fleet=part,
        vms=guests,
        resources=("cpu_demand_mcores", "memory_demand_mib"),
        need=need,
        capacity=np.full((len(hosts), 2), int(need.sum()) + 1, dtype=np.int64),
        vm_overhead=np.zeros((len(hosts), 2), dtype=np.int64),
        load_mcores=np.zeros(n, dtype=np.int64),
        current=Placement(host_of=current),
        active=current >= 0,
        movable=np.ones(n, dtype=np.bool_),
        move_mj=np.zeros(n, dtype=np.int64),
        objective=JoulesOverHorizon(horizon_s=_LONG_S),
        moves=setting.moves,
    )


def _renamed(action: Action, hosts: NDArray[np.int64], vms: Sequence[int]) -> Action:
    """Return an action with the numbers of the whole fleet."""
    if action.kind == "migration":
        return replace(
            action,
            vm=vms[action.vm],
            source=int(hosts[action.source]),
            target=int(hosts[action.target]),
        )
    assert action.kind != "start"
    return replace(action, host=int(hosts[action.host]))
