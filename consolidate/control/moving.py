"""Decisions as a timed plan: moves share the interfaces of their hosts, boots before, shutdowns after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate.control.base import Setting
from consolidate.control.hard import HardResources
from consolidate.model import (
    Fleet,
    Instance,
    JoulesOverHorizon,
    MigrationPlan,
    Placement,
    PowerControl,
    VMs,
)
from consolidate.model.action import Action
from consolidate.planning.assemble import assemble
from consolidate.planning.bound import makespan_bound
from consolidate.planning.listing import ANY_END_S, list_schedule
from consolidate.planning.problem import Problem

__all__ = ["timed_plan"]

#: So long that an empty host is always worth switching off; whether it is was decided before.
_LONG_S = 10**9
_RESOURCES = ("cpu_demand_mcores", "memory_demand_mib", "memory_allocation_mib", "cpu_allocation_mcores")


def timed_plan(
    setting: Setting,
    host_of: NDArray[np.int32],
    on: NDArray[np.bool_],
    hard: HardResources,
    *,
    moves: Sequence[tuple[int, int]],
    off: Iterable[int],
) -> MigrationPlan | None:
    """Return a plan that makes the moves and then switches hosts off; nothing when there is nothing to do.

    A move waits for an interface, and for room where others have to leave first; one that would wait for
    ever is left out.

    Parameters
    ----------
    setting
        Hosts, VMs, and the settings of moves.
    host_of
        Present host of each VM, shape ``(vms,)``.
    on
        Hosts that are on, shape ``(hosts,)``; targets that are not are booted.
    hard
        Hard resources.
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
    # A plan of hosts that switch off needs a guest somewhere: an instance without VMs is none.
    named = vms or [0]
    current = np.array([index[int(host_of[v])] for v in vms] or [-1], dtype=np.int32)
    target = np.array([index[t] for _, t in moves] or [-1], dtype=np.int32)
    part = _part(
        setting, hosts, named, on, set(off), current, hard, hard.view(host_of, host_of).room[hosts]
    )
    problem = Problem(instance=part, target=Placement(host_of=target))
    bound = makespan_bound(part, problem.target, problem.estimates)
    # After an order that ends as early as any can, no other is tried; detours are not worth it to a controller.
    listing = list_schedule(problem, direct_s=bound.direct_s, good_enough_s=ANY_END_S)
    made = assemble(problem, listing, None)
    actions = tuple(_renamed(a, hosts, named) for a in made.actions)
    goal = host_of.copy()
    for action in actions:
        if action.kind == "migration":
            goal[action.vm] = action.target
    return MigrationPlan(
        actions=actions, current=Placement(host_of=host_of), target=Placement(host_of=goal)
    )


def _part(
    setting: Setting,
    hosts: NDArray[np.int64],
    vms: Sequence[int],
    on: NDArray[np.bool_],
    off: set[int],
    current: NDArray[np.int32],
    hard: HardResources,
    room: NDArray[np.int64],
) -> Instance:
    """Return an instance of the hosts and VMs that take part; the others are taken off the capacity."""
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
    need = np.column_stack([np.zeros(n, dtype=np.int64), hard.need[vms]])
    overhead = np.column_stack([np.zeros(len(hosts), dtype=np.int64), hard.extra[hosts]])
    capacity = np.column_stack([np.zeros(len(hosts), dtype=np.int64), np.maximum(room, 0)])
    placed = np.flatnonzero(current >= 0)
    np.add.at(capacity, current[placed], need[placed] + overhead[current[placed]])
    return Instance(
        fleet=part,
        vms=guests,
        resources=_RESOURCES,
        need=need,
        capacity=capacity,
        vm_overhead=overhead,
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
