"""Service levels, defined here and nowhere else in the checks.

* A VM gets at most ``vcpus * core_mcores`` of its host; what it asks for above that is unmet.
* On a host that is on, ``excess = running demand (each VM capped) + per_vm_mcores * residents +
  overhead of moves - usable_mcores``. While it is positive the host is overloaded, and ``min(running
  demand, excess)`` is unmet. A resident is a VM whose residency is the host; a VM on its way still is
  one of its source.
* A VM that waits for a host, is in storage, stands still for a saving, restoring or restart, or is
  stopped for the whole of its move (``saved_state``, ``restart``), gets nothing. A live move that ends
  within the replay adds ``capped demand * downtime_ms // 1000`` to the step that holds the last second of
  the move.
* Memory in use on a host is that of its residents and of VMs on their way to it, ``per_vm_memory_mib``
  for each of both; while it exceeds ``usable_memory_mib`` on a host that is on, memory is
  overcommitted.
* ``hosts_on`` of a step counts hosts on or booting in its last second; ``on_host_s`` counts only those
  on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import ArmCase
from consolidate.checks.spans import by_steps
from consolidate.checks.stops import stop_totals
from consolidate.checks.verdict import Violation

__all__ = [
    "HostIntervals",
    "ServiceSums",
    "VmPieces",
    "add_live_stops",
    "cut_moves",
    "cut_residency",
    "cut_stops",
    "host_service",
    "service_violations",
    "vm_service",
]

#: Keys of ``service.json`` that follow from the rest of an arm.
DERIVED = (
    "demand_mcore_s",
    "unmet_mcore_s",
    "overload_host_s",
    "on_host_s",
    "memory_overcommit_host_s",
    "downtime_ms",
    "waiting_vm_s",
    "migrations",
    "power_cycles",
    "parking_mj",
    "savings",
    "restorations",
    "parked_vm_s",
    "wake_delay_s",
    "longest_wake_delay_s",
    "host_failures",
    "vm_restarts",
    "lost_work_mcore_s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VmPieces:
    """Parts of residencies or of moves, each within one step, shape ``(n,)``.

    ``source`` is the host of the VM, -1 while it waits; ``target`` and ``overhead_mcores`` are those of
    a move. ``runs`` is false while a move keeps the VM stopped.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    step: NDArray[np.int64]
    start_s: NDArray[np.int64]
    end_s: NDArray[np.int64]
    demand_mcores: NDArray[np.int64]
    capped_mcores: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    overhead_mcores: NDArray[np.int64]
    runs: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostIntervals:
    """Stretches in which nothing changes on a host, shape ``(n,)``."""

    host: NDArray[np.int64]
    start_s: NDArray[np.int64]
    length_s: NDArray[np.int64]
    running_mcores: NDArray[np.int64]
    residents: NDArray[np.int64]
    overhead_mcores: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    storage_mcores: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSums:
    """Running sums; the arrays are added to in place, block by block."""

    unmet_mcore_s: NDArray[np.int64]
    host_seconds: NDArray[np.int64]

    @classmethod
    def empty(cls, n_steps: int) -> ServiceSums:
        """Return sums of nothing."""
        return cls(
            unmet_mcore_s=np.zeros(n_steps, dtype=np.int64), host_seconds=np.zeros(3, dtype=np.int64)
        )

    def totals(self, case: ArmCase) -> dict[str, int]:
        """Return the service levels of the whole arm, keys as in ``service.json``."""
        r, m, demand = case.arm.residency, case.arm.moves, case.demand
        waiting = r.host < 0
        on, overload, memory = (int(x) for x in self.host_seconds)
        stops = stop_totals(case)
        return stops | {
            "demand_mcore_s": int(demand.cpu_mcores.sum()) * demand.step_s,
            "unmet_mcore_s": int(self.unmet_mcore_s.sum()),
            "overload_host_s": overload,
            "on_host_s": on,
            "memory_overcommit_host_s": memory,
            "downtime_ms": int(m.downtime_ms[m.completed].sum()),
            "waiting_vm_s": int((r.end_s - r.start_s)[waiting].sum()) - stops["parked_vm_s"],
            "migrations": int(m.completed.sum()),
        }


def cut_residency(case: ArmCase, first: int, stop: int) -> VmPieces:
    """Return the residencies between two steps, cut at the boundaries of steps."""
    r = case.arm.residency
    return _cut(
        case,
        (r.vm, r.host, r.host, r.start_s, r.end_s, np.zeros_like(r.vm)),
        runs=np.ones(r.vm.shape, dtype=np.bool_),
        window=(first, stop),
    )


def cut_moves(case: ArmCase, first: int, stop: int) -> VmPieces:
    """Return the moves between two steps, cut at the boundaries of steps."""
    m = case.arm.moves
    live = np.array([mode == "live" for mode in m.mode], dtype=np.bool_)
    return _cut(
        case,
        (m.vm, m.source, m.target, m.start_s, m.end_s, m.overhead_mcores),
        runs=live,
        window=(first, stop),
    )


def cut_stops(case: ArmCase, first: int, stop: int) -> VmPieces:
    """Return savings, restorations and restarts between two steps, cut at the boundaries of steps."""
    s = case.arm.stops
    i = s.standing()
    return _cut(
        case,
        (s.vm[i], s.host[i], s.host[i], s.start_s[i], s.end_s[i], s.overhead_mcores[i]),
        runs=np.zeros(i.size, dtype=np.bool_),
        window=(first, stop),
    )


def _cut(
    case: ArmCase,
    rows: tuple[NDArray[np.int64], ...],
    *,
    runs: NDArray[np.bool_],
    window: tuple[int, int],
) -> VmPieces:
    vm, source, target, start_s, end_s, overhead = rows
    demand, placement = case.demand, case.placement
    begin, end = window[0] * demand.step_s, window[1] * demand.step_s
    i, step, piece_start, piece_end = by_steps(
        np.clip(start_s, begin, end), np.clip(end_s, begin, end), demand.step_s
    )
    row = demand.rows(vm[i], step)
    alive = row >= 0
    cpu = np.where(alive, demand.cpu_mcores[row], 0) if demand.vm.size else np.zeros_like(row)
    memory = np.where(alive, demand.memory_mib[row], 0) if demand.vm.size else np.zeros_like(row)
    host = source[i]
    most = placement.vms.vcpus[vm[i]] * placement.hosts.per_host("core_mcores")[host]
    return VmPieces(
        source=host,
        target=target[i],
        step=step,
        start_s=piece_start,
        end_s=piece_end,
        demand_mcores=cpu,
        capped_mcores=np.minimum(cpu, most),
        memory_mib=memory,
        overhead_mcores=overhead[i],
        runs=runs[i],
    )


def vm_service(pieces: VmPieces, moves: VmPieces, stops: VmPieces, sums: ServiceSums) -> None:
    """Add the demand that VMs miss whatever the load of their host: capped, waiting, stopped."""
    waits = pieces.source < 0
    lost = np.where(waits, pieces.demand_mcores, pieces.demand_mcores - pieces.capped_mcores)
    np.add.at(sums.unmet_mcore_s, pieces.step, lost * (pieces.end_s - pieces.start_s))
    # What a stopped VM asks for above its cap is counted with its residency already.
    stopped = np.where(moves.runs, 0, moves.capped_mcores)
    np.add.at(sums.unmet_mcore_s, moves.step, stopped * (moves.end_s - moves.start_s))
    np.add.at(sums.unmet_mcore_s, stops.step, stops.capped_mcores * (stops.end_s - stops.start_s))


def add_live_stops(case: ArmCase, sums: ServiceSums) -> None:
    """Add what VMs miss while a live move switches them over; once for the whole arm."""
    m, demand = case.arm.moves, case.demand
    live = np.array([mode == "live" for mode in m.mode], dtype=np.bool_)
    over = np.flatnonzero(live & m.completed & (m.end_s > 0) & (m.end_s <= demand.duration_s))
    last = (m.end_s[over] - 1) // demand.step_s
    row = demand.rows(m.vm[over], last)
    over, last, row = over[row >= 0], last[row >= 0], row[row >= 0]
    most = case.placement.vms.vcpus[m.vm[over]]
    most = most * case.placement.hosts.per_host("core_mcores")[m.source[over]]
    capped = np.minimum(demand.cpu_mcores[row], most)
    np.add.at(sums.unmet_mcore_s, last, capped * m.downtime_ms[over] // 1_000)


def host_service(case: ArmCase, at: HostIntervals, on: NDArray[np.bool_], sums: ServiceSums) -> None:
    """Add what hosts could not give: overload and overcommitted memory."""
    hosts = case.placement.hosts
    load = at.running_mcores + at.overhead_mcores
    load = load + at.residents * hosts.per_host("per_vm_mcores")[at.host]
    excess = np.where(on, load - hosts.per_host("usable_mcores")[at.host], 0)
    unmet = np.clip(np.minimum(at.running_mcores, excess), 0, None)
    np.add.at(sums.unmet_mcore_s, at.start_s // case.demand.step_s, unmet * at.length_s)
    memory = on & (at.memory_mib > hosts.per_host("usable_memory_mib")[at.host])
    for k, flag in enumerate((on, excess > 0, memory)):
        sums.host_seconds[k] += int(at.length_s[flag].sum())


def service_violations(
    case: ArmCase, *, unmet_mcore_s: NDArray[np.int64], totals: dict[str, int]
) -> list[Violation]:
    """Return where the written service levels differ from those derived again."""
    arm = case.arm
    found = []
    for key in DERIVED:
        if arm.service.get(key) != totals[key]:
            said, due = arm.service.get(key), totals[key]
            message = f"{arm.label}: {key} is stated as {said}; derived again it is {due}"
            witness: dict[str, object] = {
                "arm": arm.label,
                "key": key,
                "stated": said,
                "derived": due,
            }
            found.append(Violation(code="V15.service", message=message, witness=witness))
    wrong = np.flatnonzero(arm.unmet_mcore_s != unmet_mcore_s)
    for i in wrong[:20].tolist():
        message = (
            f"{arm.label}: unmet_mcore_s of step {i} is stated as {int(arm.unmet_mcore_s[i])}, derived "
            f"again it is {int(unmet_mcore_s[i])}"
        )
        witness = {"arm": arm.label, "step": i}
        found.append(Violation(code="V15.step", message=message, witness=witness))
    return found
