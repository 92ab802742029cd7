"""One step of a replay: loads, powers, service levels, with everything constant between two changes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import IN, OUT, table_power

__all__ = [
    "BOOTING",
    "FAILED",
    "HOST_OF",
    "OFF",
    "ON",
    "OVERHEAD",
    "PARKED",
    "SAVED",
    "SHUTTING_DOWN",
    "STATE",
    "STOPPED",
    "STORAGE",
    "TARGET_OF",
    "Hosts",
    "Now",
    "Totals",
    "play_step",
]

ON, BOOTING, SHUTTING_DOWN, OFF, FAILED = 0, 1, 2, 3, 4
#: Kinds of changes, first those of VMs: what is set, or that the VM's work is safe; then those of hosts:
#: what is set, or by how much an overhead rises.
HOST_OF, TARGET_OF, STOPPED, PARKED, SAVED, STATE, OVERHEAD, STORAGE = 0, 1, 2, 3, 4, 5, 6, 7


class Hosts(NamedTuple):
    """What does not change about the hosts."""

    empty_table: NDArray[np.int64]  # (hosts, 11) mW
    hosting_table: NDArray[np.int64]  # (hosts, 11) mW
    transition_mw: NDArray[np.int64]  # (hosts, 4): booting, shutting down, off, failed
    cpu: NDArray[np.int64]  # (hosts,) mcores of the whole host
    usable: NDArray[np.int64]  # (hosts,) mcores for guests
    memory: NDArray[np.int64]  # (hosts,) MiB for guests
    core: NDArray[np.int64]  # (hosts,) mcores of one core
    background: NDArray[np.int64]  # (hosts,) mcores
    per_vm: NDArray[np.int64]  # (hosts,) mcores per VM
    per_vm_memory: NDArray[np.int64]  # (hosts,) MiB per VM
    site: NDArray[np.int32]  # (hosts,)


class Now(NamedTuple):
    """What is the case at the moment that has been played up to."""

    state: NDArray[np.int8]  # (hosts,)
    overhead: NDArray[np.int64]  # (hosts,) mcores of moves, savings and restorations under way
    storage: NDArray[np.int64]  # (hosts,) mcores of savings and restorations alone
    load: NDArray[np.int64]  # (hosts,) mcores of the guests that run
    held: NDArray[np.int64]  # (hosts,) MiB of guests, and of those on their way here
    n_vms: NDArray[np.int64]  # (hosts,)
    lost: NDArray[np.int64]  # (hosts,) mcores that guests miss whatever the load of the host
    since: NDArray[np.int64]  # (hosts,) s, up to where a host has been added up
    host_of: NDArray[np.int32]  # (vms,), -1 waiting or not alive
    target_of: NDArray[np.int32]  # (vms,), host that the VM is on its way to, -1 for none
    stopped: NDArray[np.bool_]  # (vms,), does not run while its state moves
    parked: NDArray[np.bool_]  # (vms,), in storage
    work: NDArray[np.int64]  # (vms,) mcore s run since the state was last safe, to the end of the step
    nowhere: NDArray[np.int64]  # (4,): mcores of VMs on no host, since when, waiting and parked VMs


class Totals(NamedTuple):
    """What is added up."""

    host_mj: NDArray[np.int64]  # (hosts, 6)
    step_mj: NDArray[np.int64]  # (steps, 6)
    site_mj: NDArray[np.int64]  # (sites, steps)
    step_unmet: NDArray[np.int64]  # (steps,) mcore s
    busy: NDArray[np.int64]  # (hosts,) mcore s of the present step
    on_s: NDArray[np.int64]  # (hosts,) s on of the present step
    # (7,): demand, overload, on, memory overcommit, waiting, parked, energy of saving and restoring
    service: NDArray[np.int64]


# Both loops below are called for one host or one VM as well: calls with so many arrays are dear, and a
# loop around such calls takes ten times as long.


@inner
def _settle(first, stop, until, step, hosts, now, totals):
    """Add up hosts since their last change."""
    for h in range(first, stop):
        seconds = until - now.since[h]
        if seconds == 0:
            continue
        now.since[h] = until
        # What guests miss is theirs: it does not need the host to be on.
        totals.step_unmet[step] += now.lost[h] * seconds
        state = now.state[h]
        if state != ON:
            energy = hosts.transition_mw[h, state - 1] * seconds
            cause = min(2 + state, 5)  # A failed host draws what one that is off draws.
            totals.host_mj[h, cause] += energy
            totals.step_mj[step, cause] += energy
            totals.site_mj[hosts.site[h], step] += energy
            continue
        table = hosts.hosting_table[h] if now.n_vms[h] > 0 else hosts.empty_table[h]
        asked = now.load[h] + now.n_vms[h] * hosts.per_vm[h]
        total = asked + hosts.background[h]
        overhead = now.overhead[h]
        power = table_power(table, total, hosts.cpu[h])
        moved = power
        if overhead != 0:
            moved = table_power(table, total + overhead, hosts.cpu[h])
        idle = table[0]
        for k, part in enumerate((idle * seconds, (power - idle) * seconds, (moved - power) * seconds)):
            totals.host_mj[h, k] += part
            totals.step_mj[step, k] += part
        totals.site_mj[hosts.site[h], step] += moved * seconds
        if now.storage[h] != 0:
            others = table_power(table, total + overhead - now.storage[h], hosts.cpu[h])
            totals.service[6] += (moved - others) * seconds
        if asked + overhead > hosts.usable[h]:
            totals.service[1] += seconds
            excess = asked + overhead - hosts.usable[h]
            totals.step_unmet[step] += min(now.load[h], excess) * seconds
        if now.held[h] > hosts.memory[h]:
            totals.service[3] += seconds
        totals.service[2] += seconds
        totals.busy[h] += min(total + overhead, hosts.cpu[h]) * seconds
        totals.on_s[h] += seconds


@inner
def _settle_nowhere(until, step, now, totals):
    """Add up the VMs that are on no host."""
    seconds = until - now.nowhere[1]
    now.nowhere[1] = until
    totals.step_unmet[step] += now.nowhere[0] * seconds
    totals.service[4] += now.nowhere[2] * seconds
    totals.service[5] += now.nowhere[3] * seconds


@inner
def _count(first, stop, sign, rest_s, hosts, now, vcpus, alive, demand, memory):
    """Add VMs to where they are for the rest of the step, or take them away; return their demand."""
    total = np.int64(0)
    for v in range(first, stop):
        if not alive[v]:
            continue
        total += demand[v]
        h = now.host_of[v]
        if h < 0:
            now.nowhere[0] += sign * demand[v]
            now.nowhere[3 if now.parked[v] else 2] += sign
            continue
        now.n_vms[h] += sign
        now.held[h] += sign * (memory[v] + hosts.per_vm_memory[h])
        target = now.target_of[v]
        if target >= 0:
            now.held[target] += sign * (memory[v] + hosts.per_vm_memory[target])
        if now.stopped[v]:
            now.lost[h] += sign * np.int64(demand[v])
            continue
        # One vCPU gets at most one core.
        running = min(np.int64(demand[v]), vcpus[v] * hosts.core[h])
        now.load[h] += sign * running
        now.lost[h] += sign * (demand[v] - running)
        now.work[v] += sign * running * rest_s
    return total


@inner
def _set(change, now):
    """Make a change; nothing is added up. Of work that is safe, the change says how much it was."""
    kind, index, value = change[1], change[2], change[3]
    if kind == HOST_OF:
        now.host_of[index] = value
    elif kind == TARGET_OF:
        now.target_of[index] = value
    elif kind == STOPPED:
        now.stopped[index] = value != 0
    elif kind == PARKED:
        now.parked[index] = value != 0
    elif kind == SAVED:
        change[3] = now.work[index]
        now.work[index] = 0
    elif kind == STATE:
        now.state[index] = value
    else:
        now.overhead[index] += value
        if kind == STORAGE:
            now.storage[index] += value


@kernel
def play_step(hosts, now, totals, vcpus, alive, demand, memory, changes, step, start_s, end_s):
    """Add up one step; ``changes`` are rows ``(time, kind, index, value)`` in the order of time."""
    n_hosts = len(now.state)
    first = 0
    while first < len(changes) and changes[first, 0] <= start_s:
        _set(changes[first], now)
        first += 1
    for per_host in (now.load, now.held, now.n_vms, now.lost):
        per_host[:] = 0
    now.since[:] = start_s
    now.nowhere[:] = 0
    now.nowhere[1] = start_s
    seconds = end_s - start_s
    asked = _count(np.int64(0), len(demand), IN, seconds, hosts, now, vcpus, alive, demand, memory)
    totals.service[0] += asked * seconds
    for k in range(first, len(changes)):
        at, kind, index = changes[k, 0], changes[k, 1], changes[k, 2]
        if kind >= STATE:
            _settle(index, index + 1, at, step, hosts, now, totals)
            _set(changes[k], now)
            continue
        rest_s = end_s - at
        _settle_nowhere(at, step, now, totals)
        for h in (np.int64(now.host_of[index]), np.int64(now.target_of[index])):
            if h >= 0:
                _settle(h, h + 1, at, step, hosts, now, totals)
        _count(index, index + 1, OUT, rest_s, hosts, now, vcpus, alive, demand, memory)
        _set(changes[k], now)
        for h in (np.int64(now.host_of[index]), np.int64(now.target_of[index])):
            if h >= 0:
                _settle(h, h + 1, at, step, hosts, now, totals)
        _count(index, index + 1, IN, rest_s, hosts, now, vcpus, alive, demand, memory)
    _settle(np.int64(0), n_hosts, end_s, step, hosts, now, totals)
    _settle_nowhere(end_s, step, now, totals)
