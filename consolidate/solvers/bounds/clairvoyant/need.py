"""What each step asks of the hosts together: CPU, memory, and how many hosts at the least."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Fleet, Trace
from consolidate.solvers.bounds.clairvoyant.hosts import HostClass

__all__ = ["Need", "need_of"]

#: Steps of the rounding functions, and above how many values they are left out.
_LEVELS = (1, 2, 3, 4, 5, 6)
_MOST_VALUES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Totals of each step, shape ``(steps,)`` each.

    Parameters
    ----------
    load_mcores : mcores
        CPU of all VMs, with the least that a hypervisor adds for each.
    memory_mib : MiB
        Memory of all VMs, likewise; zero where memory does not bind.
    hosts
        Hosts with VMs at the least.
    short_steps
        Steps that ask for more than all hosts have; they are cut to what there is.
    """

    load_mcores: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    hosts: NDArray[np.int64]
    short_steps: int


def need_of(
    trace: Trace,
    fleet: Fleet,
    classes: tuple[HostClass, ...],
    *,
    whole_cpu: bool,
    memory: bool,
    unmet_mcore_s: NDArray[np.int64] | None,
    runs: NDArray[np.bool_],
) -> Need:
    """Add up a trace.

    Parameters
    ----------
    trace, fleet, classes
        What is replayed, and on what.
    whole_cpu
        Whether CPU counts for the number of hosts: only where no host is overloaded.
    memory
        Whether memory binds.
    unmet_mcore_s : mcore s
        Demand of each step that is not served, shape ``(steps,)``; ``None`` = none but what no core serves.
    runs
        In which steps each living VM is on some host all the time, shape ``(steps,)``; in the others
        memory asks for nothing.
    """
    types = [fleet.types[k] for k in np.unique(fleet.host_type)]
    core = max(t.core_mcores for t in types)
    per_vm = min(t.hypervisor.per_vm_mcores for t in types) * runs
    per_vm_mib = min(t.hypervisor.per_vm_memory_mib for t in types)
    vcpus = trace.vms.vcpus.astype(np.int64)[:, np.newaxis]
    served = np.minimum(trace.cpu_mcores, vcpus * core) + per_vm * trace.alive
    held = (trace.memory_mib + per_vm_mib * trace.alive.astype(np.int64)) * runs
    if unmet_mcore_s is None:
        load = served.sum(axis=0, dtype=np.int64)
    else:
        step_s = trace.grid.step_s
        asked = trace.cpu_mcores.sum(axis=0, dtype=np.int64) * step_s - unmet_mcore_s
        load = np.maximum(asked, 0) // step_s + per_vm * trace.alive.sum(axis=0, dtype=np.int64)
    total = held.sum(axis=0, dtype=np.int64) if memory else np.zeros(trace.grid.n_steps, dtype=np.int64)
    hosts = np.zeros(trace.grid.n_steps, dtype=np.int64)
    if whole_cpu:
        hosts = _fewest(served, max(c.usable_mcores for c in classes if c.most_on))
    if memory:
        hosts = np.maximum(hosts, _fewest(held, max(c.memory_mib for c in classes if c.most_on)))
    return _cut(classes, load, total, hosts)


def _fewest(values: NDArray[np.int64], room: int) -> NDArray[np.int64]:
    """Return the least number of hosts of this room that hold all values of each step (columns).

    Besides the sum, values are rounded by dual feasible functions: whatever fits in a host still fits after
    rounding (Fekete and Schepers 2001, doi:10.1007/s101070100243; their ``u`` of order ``k``).
    """
    fewest: NDArray[np.int64] = -(-values.sum(axis=0, dtype=np.int64) // room)
    if values.size > _MOST_VALUES:
        return fewest
    for k in _LEVELS:
        times = np.minimum(values, room).astype(np.int64) * (k + 1)
        whole = times // room
        # In parts of 1 / (k (k + 1)): kept where it is a whole number of 1 / (k + 1), else rounded.
        weight = np.where(whole * room == times, whole * k, whole * (k + 1))
        fewest = np.maximum(fewest, -(-weight.sum(axis=0) // (k * (k + 1))))
    return fewest


def _cut(
    classes: tuple[HostClass, ...],
    load: NDArray[np.int64],
    memory: NDArray[np.int64],
    hosts: NDArray[np.int64],
) -> Need:
    """Cut what is asked to what all hosts have: nobody serves more."""
    most = [
        sum(c.most_on * c.usable_mcores for c in classes),
        sum(c.most_on * c.memory_mib for c in classes),
        sum(c.most_on for c in classes),
    ]
    asked = [load, memory, hosts]
    short = np.zeros(len(load), dtype=np.bool_)
    for values, limit in zip(asked, most, strict=True):
        short |= values > limit
    load, memory, hosts = (np.minimum(a, m) for a, m in zip(asked, most, strict=True))
    return Need(load_mcores=load, memory_mib=memory, hosts=hosts, short_steps=int(short.sum()))
