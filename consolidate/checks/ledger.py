"""The energy of an arm, integrated again from states, whereabouts, demand and moves.

Every change of a host is an event at a whole second; between two events everything is constant. Adding
up the changes of each host gives its load in each interval, the curve of its type gives milliwatts, and
milliwatts times seconds are the ledger: whole numbers all the way, so that equality means equality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import BOOTING, FAILED, LEDGER, OFF, ON, SHUTTING_DOWN, ArmCase
from consolidate.checks.power import hosts_power_mw
from consolidate.checks.service import (
    HostIntervals,
    ServiceSums,
    VmPieces,
    add_live_stops,
    cut_moves,
    cut_residency,
    cut_stops,
    host_service,
    vm_service,
)
from consolidate.checks.spans import by_steps
from consolidate.checks.states import cycles
from consolidate.checks.verdict import Violation, each

__all__ = ["Recount", "energy_violations", "recount"]

#: Rows of demand that are worked on at a time, so that memory stays bounded on long traces.
_BLOCK_ROWS = 2_000_000

#: Hosts, from when, until when, and by how much each column is higher meanwhile.
_Change = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], dict[int, NDArray[np.int64] | int]
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """What an arm comes to when it is integrated again.

    Parameters
    ----------
    host_mj, step_mj
        Energy by cause, shapes ``(hosts, 6)`` and ``(steps, 6)``.
    site_mj
        Energy of each site and step, shape ``(sites, steps)``.
    unmet_mcore_s
        Unmet demand of each step, shape ``(steps,)``.
    utilization
        Mean of ``min(load + overhead of moves, cpu_mcores) / cpu_mcores`` over the time that a host is
        on within a step, NaN where it is not; shape ``(hosts, steps)``.
    hosts_on
        Hosts on or booting in the last second of each step, shape ``(steps,)``.
    service
        Whole numbers, keys as in ``service.json``.
    """

    host_mj: NDArray[np.int64]
    step_mj: NDArray[np.int64]
    site_mj: NDArray[np.int64]
    unmet_mcore_s: NDArray[np.int64]
    utilization: NDArray[np.float64]
    hosts_on: NDArray[np.int64]
    service: dict[str, int]


def recount(case: ArmCase) -> Recount:
    """Integrate an arm again; its states and residency must have been found in order before."""
    demand, n_hosts = case.demand, case.placement.hosts.n
    host_mj = np.zeros((n_hosts, len(LEDGER)), dtype=np.int64)
    step_mj = np.zeros((demand.n_steps, len(LEDGER)), dtype=np.int64)
    site_mj = np.zeros(case.arm.site_mj.shape, dtype=np.int64)
    busy = np.zeros((2, n_hosts, demand.n_steps), dtype=np.int64)
    sums, parking_mj = ServiceSums.empty(demand.n_steps), 0
    add_live_stops(case, sums)
    per_step = max(1, demand.vm.size // max(demand.n_steps, 1)) + n_hosts
    width = max(1, _BLOCK_ROWS // per_step)
    for first in range(0, demand.n_steps, width):
        stop = min(first + width, demand.n_steps)
        pieces = cut_residency(case, first, stop)
        moves, stops = cut_moves(case, first, stop), cut_stops(case, first, stop)
        intervals, states = _intervals(case, pieces, moves, stops, first=first, stop=stop)
        energy = _energy(case, intervals, states)
        np.add.at(host_mj, intervals.host, energy)
        step = intervals.start_s // demand.step_s
        np.add.at(step_mj, step, energy)
        np.add.at(site_mj, (case.site_of[intervals.host], step), energy.sum(axis=1))
        on = states[:, ON] > 0
        _add_busy(case, intervals, on, busy)
        parking_mj += _parking_mj(case, intervals, on)
        vm_service(pieces, moves, stops, sums)
        host_service(case, intervals, on, sums)
    return Recount(
        host_mj=host_mj,
        step_mj=step_mj,
        site_mj=site_mj,
        unmet_mcore_s=sums.unmet_mcore_s,
        utilization=_mean_use(busy),
        hosts_on=_hosts_on(case),
        service={**sums.totals(case), "power_cycles": cycles(case), "parking_mj": parking_mj},
    )


def _intervals(
    case: ArmCase, pieces: VmPieces, moves: VmPieces, stops: VmPieces, *, first: int, stop: int
) -> tuple[HostIntervals, NDArray[np.int64]]:
    """Add up all changes of every host between two steps; also return its state, shape ``(n, 5)``."""
    demand = case.demand
    begin, end = first * demand.step_s, stop * demand.step_s
    changes = _changes(case, pieces, moves, stops, begin=begin, end=end)
    n_hosts = case.placement.hosts.n
    keys, table = _table(changes, n_hosts=n_hosts, begin=begin, end=end, step_s=demand.step_s)
    span = end + 1
    host, start_s = keys // span, keys % span
    until = np.append(start_s[1:], end)
    # The last event of a host is the end of the block; nothing follows it.
    keep = start_s < end
    level = np.cumsum(table, axis=0)[keep]
    intervals = HostIntervals(
        host=host[keep],
        start_s=start_s[keep],
        length_s=(until - start_s)[keep],
        running_mcores=level[:, 0],
        residents=level[:, 1],
        overhead_mcores=level[:, 2],
        memory_mib=level[:, 3],
        storage_mcores=level[:, 4],
    )
    return intervals, level[:, 5:]


def _changes(
    case: ArmCase, pieces: VmPieces, moves: VmPieces, stops: VmPieces, *, begin: int, end: int
) -> list[_Change]:
    """Return what raises or lowers which column of which host from when until when.

    Columns: running demand, residents, overhead, memory, the part of the overhead that saving and restoring
    take, then the five states.
    """
    here, stopped = pieces.source >= 0, ~moves.runs
    per_vm_mib = case.placement.hosts.per_host("per_vm_memory_mib")
    source = pieces.source[here]
    memory = pieces.memory_mib[here] + per_vm_mib[source]
    incoming = moves.memory_mib + per_vm_mib[moves.target]
    changes: list[_Change] = [
        (
            source,
            pieces.start_s[here],
            pieces.end_s[here],
            {0: pieces.capped_mcores[here], 1: 1, 3: memory},
        ),
        (moves.source, moves.start_s, moves.end_s, {2: moves.overhead_mcores}),
        (moves.target, moves.start_s, moves.end_s, {2: moves.overhead_mcores, 3: incoming}),
        (
            moves.source[stopped],
            moves.start_s[stopped],
            moves.end_s[stopped],
            {0: -moves.capped_mcores[stopped]},
        ),
    ]
    changes.append(
        (
            stops.source,
            stops.start_s,
            stops.end_s,
            {0: -stops.capped_mcores, 2: stops.overhead_mcores, 4: stops.overhead_mcores},
        )
    )
    s = case.arm.states
    s_start, s_end = np.clip(s.start_s, begin, end), np.clip(s.end_s, begin, end)
    for k in range(5):
        mine = s.state == k
        changes.append((s.host[mine], s_start[mine], s_end[mine], {5 + k: 1}))
    return changes


def _table(
    parts: list[_Change],
    *,
    n_hosts: int,
    begin: int,
    end: int,
    step_s: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct (host, time) events in order and what changes at each, shape ``(n, 10)``."""
    span = end + 1
    ticks = np.arange(begin, end + 1, step_s, dtype=np.int64)
    all_keys = [(np.arange(n_hosts, dtype=np.int64)[:, None] * span + ticks[None, :]).ravel()]
    for host, start_s, end_s, _ in parts:
        all_keys += [host * span + start_s, host * span + end_s]
    keys = np.unique(np.concatenate(all_keys))
    table = np.zeros((keys.size, 10), dtype=np.int64)
    for host, start_s, end_s, columns in parts:
        up = np.searchsorted(keys, host * span + start_s)
        down = np.searchsorted(keys, host * span + end_s)
        for column, values in columns.items():
            np.add.at(table[:, column], up, values)
            np.subtract.at(table[:, column], down, values)
    return keys, table


def _load_mcores(case: ArmCase, at: HostIntervals) -> NDArray[np.int64]:
    """Return the load without moves: demand that runs, the guests' overhead, the background."""
    hosts = case.placement.hosts
    load = at.running_mcores + hosts.per_host("background_mcores")[at.host]
    out: NDArray[np.int64] = load + at.residents * hosts.per_host("per_vm_mcores")[at.host]
    return out


def _add_busy(case: ArmCase, at: HostIntervals, on: NDArray[np.bool_], busy: NDArray[np.int64]) -> None:
    """Add what hosts that are on use and what they have, in mcore s, to ``(2, hosts, steps)``."""
    cpu = case.placement.hosts.per_host("cpu_mcores")[at.host]
    step = at.start_s // case.demand.step_s
    used = np.minimum(_load_mcores(case, at) + at.overhead_mcores, cpu)
    for k, amount in enumerate((used, cpu)):
        np.add.at(busy[k], (at.host, step), np.where(on, amount * at.length_s, 0))


def _mean_use(busy: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what was used as a share of what there was, NaN where there was nothing."""
    used, there = busy
    out: NDArray[np.float64] = np.where(there > 0, used / np.maximum(there, 1), np.nan)
    return out


def _energy(case: ArmCase, at: HostIntervals, states: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the energy of each interval by cause, in mJ, shape ``(n, 6)``."""
    hosts = case.placement.hosts
    hosting = at.residents > 0
    base = _load_mcores(case, at)
    idle_mw = hosts_power_mw(hosts, at.host, np.zeros_like(base), hosting)
    plain_mw = hosts_power_mw(hosts, at.host, base, hosting)
    moving_mw = hosts_power_mw(hosts, at.host, base + at.overhead_mcores, hosting)
    on = states[:, ON]
    power = np.stack(
        [
            on * idle_mw,
            on * (plain_mw - idle_mw),
            on * (moving_mw - plain_mw),
            states[:, BOOTING] * hosts.per_host("boot_mw")[at.host],
            states[:, SHUTTING_DOWN] * hosts.per_host("shutdown_mw")[at.host],
            (states[:, OFF] + states[:, FAILED]) * hosts.per_host("off_mw")[at.host],
        ],
        axis=1,
    )
    out: NDArray[np.int64] = power * at.length_s[:, None]
    return out


def _parking_mj(case: ArmCase, at: HostIntervals, on: NDArray[np.bool_]) -> int:
    """Return the energy of saving and restoring: power with its CPU minus power without, in mJ."""
    busy = np.flatnonzero(on & (at.storage_mcores > 0))
    hosts, hosting = case.placement.hosts, at.residents[busy] > 0
    load = (_load_mcores(case, at) + at.overhead_mcores)[busy]
    with_mw = hosts_power_mw(hosts, at.host[busy], load, hosting)
    without_mw = hosts_power_mw(hosts, at.host[busy], load - at.storage_mcores[busy], hosting)
    return int(((with_mw - without_mw) * at.length_s[busy]).sum())


def _hosts_on(case: ArmCase) -> NDArray[np.int64]:
    s, demand = case.arm.states, case.demand
    lit = (s.state == ON) | (s.state == BOOTING)
    _, step, _, end = by_steps(s.start_s[lit], s.end_s[lit], demand.step_s)
    at_end = end == (step + 1) * demand.step_s
    return np.bincount(step[at_end], minlength=demand.n_steps).astype(np.int64)


def energy_violations(case: ArmCase, again: Recount) -> list[Violation]:
    """Return where the written ledger differs from the recount."""
    arm, hosts, demand = case.arm, case.placement.hosts, case.demand
    found = []
    for code, rows, stated, derived, name in (
        ("V9.host", arm.host_ids, arm.host_mj, again.host_mj, "host"),
        ("V9.step", range(demand.n_steps), arm.step_mj, again.step_mj, "step"),
    ):
        for k, cause in enumerate(LEDGER):

            def differs(
                i: int,
                k: int = k,
                cause: str = cause,
                stated: NDArray[np.int64] = stated,
                derived: NDArray[np.int64] = derived,
                name: str = name,
            ) -> tuple[str, dict[str, object]]:
                who = hosts.name(i) if name == "host" else f"{i} ({i * demand.step_s} s)"
                said, is_ = int(stated[i, k]), int(derived[i, k])
                return (
                    f"{arm.label}: {cause} of {name} {who} is stated as {said} mJ, integrated again it "
                    f"is {is_} mJ ({said - is_:+d} mJ)",
                    {"arm": arm.label, name: who, "cause": cause, "stated": said, "derived": is_},
                )

            assert len(rows) == stated.shape[0]
            found += each(code, np.flatnonzero(stated[:, k] != derived[:, k]), differs)
    by_host, by_step = arm.host_mj.sum(axis=0), arm.step_mj.sum(axis=0)
    for k in np.flatnonzero(by_host != by_step).tolist():
        message = (
            f"{arm.label}: {LEDGER[k]} is {int(by_host[k])} mJ summed over hosts and "
            f"{int(by_step[k])} mJ summed over steps"
        )
        witness = {"arm": arm.label, "cause": LEDGER[k]}
        found.append(Violation(code="V9.sum", message=message, witness=witness))
    return found + _derived_columns(case, again) + _used_differently(case, again)


def _derived_columns(case: ArmCase, again: Recount) -> list[Violation]:
    arm, demand = case.arm, case.demand
    mean_w = arm.step_mj.sum(axis=1) / (1_000 * demand.step_s)
    starts = demand.start_utc_s + np.arange(demand.n_steps) * demand.step_s
    found = []
    for column, wrong, derived, stated in (
        ("power_w", ~np.isclose(arm.power_w, mean_w, rtol=1e-9, atol=0.0), mean_w, arm.power_w),
        ("hosts_on", arm.hosts_on != again.hosts_on, again.hosts_on, arm.hosts_on),
        ("start_utc", arm.step_start_utc_s != starts, starts, arm.step_start_utc_s),
        *(
            (f"energy_mj of site {k}", stated != derived, derived, stated)
            for k, (stated, derived) in enumerate(zip(arm.site_mj, again.site_mj, strict=True))
        ),
    ):

        def differs(
            i: int,
            column: str = column,
            derived: NDArray[np.generic] = derived,
            stated: NDArray[np.generic] = stated,
        ) -> tuple[str, dict[str, object]]:
            return (
                f"{arm.label}: {column} of step {i} ({i * demand.step_s} s) is stated as "
                f"{stated[i]}; it is {derived[i]}",
                {"arm": arm.label, "column": column, "step": i},
            )

        code = "V9.site" if column.startswith("energy_mj") else "V9.step"
        found += each(code, np.flatnonzero(wrong), differs)
    return found


def _used_differently(case: ArmCase, again: Recount) -> list[Violation]:
    arm, n_steps = case.arm, case.demand.n_steps
    # The file holds single precision.
    same = np.isclose(arm.utilization, again.utilization, rtol=1e-6, atol=1e-9, equal_nan=True)

    def differs(i: int) -> tuple[str, dict[str, object]]:
        h, step = divmod(i, n_steps)
        name = case.placement.hosts.name(h)
        said, due = float(arm.utilization[h, step]), float(again.utilization[h, step])
        return (
            f"{arm.label}: utilization of host {name} in step {step} is stated as {said}; it is {due}",
            {"arm": arm.label, "host": name, "step": step},
        )

    return each("V9.utilization", np.flatnonzero(~same.ravel()), differs)
