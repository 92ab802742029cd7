"""What no schedule can beat: a lower bound on the makespan, by busiest part and by free space.

Load bound: every VM that has another host as target leaves its source at least once and comes to its
target at least once. A host does that work with its slots and its interface, after its boot and before
its shutdown. Space-time bound: a VM that moves is on two hosts, so what moves at a time fits into the
free space of all hosts together; ``sum(need x duration) / free space`` is a bound for each resource.
The bound by room is in :mod:`consolidate.planning.room_bound`, the load of storages in
:mod:`consolidate.planning.storage_bound`.

The direct bound holds for plans that move every VM at most once: a move into a host is then also one out of
a host that may have to be shut down after it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance, MakespanBound, Placement, PowerControl
from consolidate.planning.estimates import Estimates
from consolidate.planning.room_bound import room_bound
from consolidate.planning.storage_bound import storage_bound

__all__ = ["makespan_bound"]


def makespan_bound(instance: Instance, target: Placement, estimates: Estimates) -> MakespanBound:
    """Return the bounds by load, by space-time, by room, and for plans without detours, in whole seconds.

    Parameters
    ----------
    instance, target
        The problem, and where every VM shall be.
    estimates
        What each move takes.
    """
    moved = target.moved_from(instance.current)
    moved = moved[instance.current.host_of[moved] >= 0]
    if not moved.size:
        # Hosts that are idle are switched off at once.
        off = instance.fleet.per_host("shutdown_s")[_goes_off(instance, target)]
        return MakespanBound(load_s=int(off.max(initial=0)), space_time_s=0, rests_on="shutdown")
    leaving, coming = _least_seconds(instance, target, moved, estimates)
    loads = _load(instance, target, moved, leaving, coming), storage_bound(instance, moved, estimates)
    load_s, part = max(loads, key=lambda b: b[0])
    space_s, resource = _space_time(instance, target, moved, np.maximum(leaving, coming))
    room_s, vm = room_bound(instance, target, estimates, _off_lag_s(instance, target))
    name = "" if vm < 0 else f"room for VM {instance.vms.ids[vm]}"
    _, rests_on = max((load_s, part), (space_s, f"free {resource}"), (room_s, name), key=lambda b: b[0])
    return MakespanBound(
        load_s=load_s,
        space_time_s=space_s,
        room_s=room_s,
        direct_s=max(
            *(load_s, space_s, room_s),
            _direct(instance, target, moved, np.maximum(leaving, coming)),
        ),
        rests_on=rests_on,
    )


def _off_lag_s(instance: Instance, target: Placement) -> NDArray[np.int64]:
    off = _goes_off(instance, target)
    return np.where(off, instance.fleet.per_host("shutdown_s"), 0).astype(np.int64)


def _direct(
    instance: Instance, target: Placement, moved: NDArray[np.int64], seconds: NDArray[np.int64]
) -> int:
    """Return the bound for plans without detours: boot, work of a host's slots, shutdown of another.

    Of the moves of a host, take those after which a shutdown of ``q`` or more follows somewhere: the first
    starts after the earliest boot among them, and what they take is shared by the slots.
    """
    fleet, settings = instance.fleet, instance.moves
    source, goal = instance.current.host_of[moved], target.host_of[moved]
    boot = np.where(fleet.powered_on, 0, fleet.per_host("boot_s"))[goal]
    lag = _off_lag_s(instance, target)[source]
    best = int((boot + seconds + lag).max(initial=0))
    for at, slots in ((source, settings.moves_out), (goal, settings.moves_in)):
        for q in np.unique(lag).tolist():
            late = lag >= q
            work = np.bincount(at[late], seconds[late], fleet.n_hosts).astype(np.int64)
            first = np.full(fleet.n_hosts, 2**40, dtype=np.int64)
            np.minimum.at(first, at[late], boot[late])
            ends = np.where(work > 0, first - (-work // slots) + q, 0)
            best = max(best, int(ends.max(initial=0)))
    return best


def _goes_off(instance: Instance, target: Placement) -> NDArray[np.bool_]:
    used = np.zeros(instance.fleet.n_hosts, dtype=np.bool_)
    used[target.used_hosts()] = True
    out: NDArray[np.bool_] = instance.may_switch_off() & ~used
    return out


def _least_seconds(
    instance: Instance, target: Placement, moved: NDArray[np.int64], estimates: Estimates
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the least time in which each VM can leave its host, and come to its target, by any way."""
    found = []
    for ends in (instance.current.host_of[moved], target.host_of[moved]):
        kinds = estimates.kind_of[ends].tolist()
        times = [estimates.least_s(v, kind) for v, kind in zip(moved.tolist(), kinds, strict=True)]
        found.append(np.array(times, dtype=np.int64))
    return found[0], found[1]


def _load(
    instance: Instance,
    target: Placement,
    moved: NDArray[np.int64],
    leaving: NDArray[np.int64],
    coming: NDArray[np.int64],
) -> tuple[int, str]:
    """Return the bound by the busiest host, or by the cluster's concurrency, and its name."""
    fleet, settings = instance.fleet, instance.moves
    n = fleet.n_hosts
    source, goal = instance.current.host_of[moved], target.host_of[moved]
    out = np.bincount(source, leaving, n).astype(np.int64)
    into = np.bincount(goal, coming, n).astype(np.int64)
    longest = np.zeros(n, dtype=np.int64)
    np.maximum.at(longest, source, leaving)
    np.maximum.at(longest, goal, coming)
    busy = np.maximum(-(-out // settings.moves_out), -(-into // settings.moves_in))
    if settings.moves_per_host:
        busy = np.maximum(busy, -(-(out + into) // settings.moves_per_host))
    busy = np.maximum(busy, longest)
    boots = np.where(fleet.powered_on, 0, fleet.per_host("boot_s"))
    downs = np.where(_goes_off(instance, target), fleet.per_host("shutdown_s"), 0)
    busy = np.where(out + into > 0, busy + boots, 0) + downs
    host = int(busy.argmax())
    best, part = int(busy[host]), f"host {fleet.host_ids[host]}"
    if settings.moves_at_once:
        cluster = -(-int(np.maximum(leaving, coming).sum()) // settings.moves_at_once)
        if cluster > best:
            best, part = cluster, "moves at once in the fleet"
    return best, part


def _space_time(
    instance: Instance, target: Placement, moved: NDArray[np.int64], seconds: NDArray[np.int64]
) -> tuple[int, str]:
    """Return the bound by free space and the resource on which it rests.

    Hosts that take no VM are left out with what is on them. A host that is off offers nothing before it
    has been booted, and one that goes off nothing from the start of its shutdown on.
    """
    fleet = instance.fleet
    takes = fleet.may_receive() & (
        fleet.powered_on
        | (fleet.power_control == PowerControl.MANAGED)
        | np.isin(np.arange(fleet.n_hosts), target.used_hosts())
    )
    # A host that is too full takes nothing until it has come below its capacity.
    held = np.maximum(instance.capacity, instance.usage(instance.current))[takes]
    used = np.zeros(fleet.n_hosts, dtype=np.bool_)
    used[target.used_hosts()] = True
    boots = np.where(fleet.powered_on, 0, fleet.per_host("boot_s"))
    off = (instance.may_switch_off() | ~fleet.powered_on) & ~used
    lag = (boots + np.where(off, fleet.per_host("shutdown_s"), 0))[takes]
    on = instance.current.host_of >= 0
    inside = np.flatnonzero(on & takes[np.maximum(instance.current.host_of, 0)])
    settled = instance.need[inside].sum(axis=0) + len(inside) * instance.vm_overhead[takes].min(
        axis=0, initial=2**40
    )
    settled = np.where(len(inside) > 0, settled, 0)
    work = (instance.need[moved] * seconds[:, None]).sum(axis=0)
    best, resource = 0, instance.resources[0]
    for r, name in enumerate(instance.resources):
        bound = _least_time(held[:, r], lag, int(settled[r]), int(work[r]))
        if bound > best:
            best, resource = bound, name
    return best, resource


def _least_time(held: NDArray[np.int64], lag: NDArray[np.int64], settled: int, work: int) -> int:
    """Return the least T with ``sum(held x max(0, T - lag)) - settled x T >= work``, rounded up.

    The left side is convex in T, so between two lags at most one stretch has to be solved.
    """
    if work <= 0:
        return 0
    order = np.argsort(lag, kind="stable")
    lags, sizes = lag[order].tolist(), held[order].tolist()
    slope, offset = -settled, 0
    for i, begin in enumerate(lags):
        slope, offset = slope + sizes[i], offset + sizes[i] * begin
        until = lags[i + 1] if i + 1 < len(lags) else None
        if until == begin or slope <= 0:
            continue
        at = max(begin, -(-(work + offset) // slope))
        if until is None or at <= until:
            return int(at)
    # Without any free space nothing can move; the schedule itself says so.
    return 0
