"""One interval of a replay in which nothing changes: loads, powers, service levels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel
from consolidate._kernels.problem import table_power

__all__ = ["BOOTING", "OFF", "ON", "SHUTTING_DOWN", "Hosts", "Moving", "Totals", "accumulate"]

ON, BOOTING, SHUTTING_DOWN, OFF = 0, 1, 2, 3


class Hosts(NamedTuple):
    """What does not change about the hosts."""

    empty_table: NDArray[np.int64]  # (hosts, 11) mW
    hosting_table: NDArray[np.int64]  # (hosts, 11) mW
    transition_mw: NDArray[np.int64]  # (hosts, 3): booting, shutting down, off
    cpu: NDArray[np.int64]  # (hosts,) mcores of the whole host
    usable: NDArray[np.int64]  # (hosts,) mcores for guests
    memory: NDArray[np.int64]  # (hosts,) MiB for guests
    core: NDArray[np.int64]  # (hosts,) mcores of one core
    background: NDArray[np.int64]  # (hosts,) mcores
    per_vm: NDArray[np.int64]  # (hosts,) mcores per VM
    per_vm_memory: NDArray[np.int64]  # (hosts,) MiB per VM
    site: NDArray[np.int32]  # (hosts,)


class Moving(NamedTuple):
    """What is in motion now."""

    state: NDArray[np.int8]  # (hosts,)
    host_of: NDArray[np.int32]  # (vms,), -1 waiting or not alive
    stopped: NDArray[np.bool_]  # (vms,), does not run while its state moves
    overhead: NDArray[np.int64]  # (hosts,) mcores of the moves under way
    target_of: NDArray[np.int32]  # (vms,), host that the VM is on its way to, -1 for none


class Totals(NamedTuple):
    """What is added up."""

    host_mj: NDArray[np.int64]  # (hosts, 6)
    step_mj: NDArray[np.int64]  # (steps, 6)
    site_mj: NDArray[np.int64]  # (sites, steps)
    step_unmet: NDArray[np.int64]  # (steps,) mcore s
    busy: NDArray[np.int64]  # (hosts,) mcore s of the present step
    on_s: NDArray[np.int64]  # (hosts,) s on of the present step
    service: NDArray[np.int64]  # (5,): demand, overload, on, memory overcommit, waiting


@kernel
def accumulate(hosts, moving, totals, vcpus, alive, demand, memory, step, seconds):
    """Add ``seconds`` of constant conditions; ``alive``, ``demand`` and ``memory`` are of the step."""
    n_hosts = len(hosts.cpu)
    load = np.zeros(n_hosts, dtype=np.int64)
    held = np.zeros(n_hosts, dtype=np.int64)
    n_vms = np.zeros(n_hosts, dtype=np.int64)
    unmet = np.int64(0)
    for v in range(len(demand)):
        if not alive[v]:
            continue
        totals.service[0] += demand[v] * seconds
        h = moving.host_of[v]
        if h < 0:
            unmet += demand[v]
            totals.service[4] += seconds
            continue
        n_vms[h] += 1
        held[h] += memory[v] + hosts.per_vm_memory[h]
        target = moving.target_of[v]
        if target >= 0:
            held[target] += memory[v] + hosts.per_vm_memory[target]
        # One vCPU gets at most one core.
        running = min(np.int64(demand[v]), vcpus[v] * hosts.core[h])
        unmet += demand[v] - running
        if moving.stopped[v]:
            unmet += running
        else:
            load[h] += running
    for h in range(n_hosts):
        state = moving.state[h]
        if state != ON:
            energy = hosts.transition_mw[h, state - 1] * seconds
            totals.host_mj[h, 2 + state] += energy
            totals.step_mj[step, 2 + state] += energy
            totals.site_mj[hosts.site[h], step] += energy
            continue
        table = hosts.hosting_table[h] if n_vms[h] > 0 else hosts.empty_table[h]
        total = load[h] + n_vms[h] * hosts.per_vm[h] + hosts.background[h]
        power = table_power(table, total, hosts.cpu[h])
        moved = table_power(table, total + moving.overhead[h], hosts.cpu[h])
        idle = table[0]
        parts = (idle * seconds, (power - idle) * seconds, (moved - power) * seconds)
        for k in range(3):
            totals.host_mj[h, k] += parts[k]
            totals.step_mj[step, k] += parts[k]
        totals.site_mj[hosts.site[h], step] += moved * seconds
        asked = load[h] + n_vms[h] * hosts.per_vm[h] + moving.overhead[h]
        if asked > hosts.usable[h]:
            totals.service[1] += seconds
            unmet += min(load[h], asked - hosts.usable[h])
        if held[h] > hosts.memory[h]:
            totals.service[3] += seconds
        totals.service[2] += seconds
        totals.busy[h] += min(total + moving.overhead[h], hosts.cpu[h]) * seconds
        totals.on_s[h] += seconds
    totals.step_unmet[step] += unmet * seconds
