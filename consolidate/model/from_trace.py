"""Turn observed demand and a fleet into an instance."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InfeasibleError
from consolidate.migration import MoveSettings, estimate_move
from consolidate.model.fleet import Default, Fleet
from consolidate.model.instance import Instance
from consolidate.model.objective import JoulesOverHorizon
from consolidate.model.placement import Placement
from consolidate.model.rules import Ban, Rule
from consolidate.model.trace import Trace

__all__ = ["RESOURCES", "Sizing", "instance_from_trace", "spread_evenly"]

#: Demand (what is used) is held against capacity, allocation (what was promised) against capacity
#: times the allocation ratio; all four bind.
RESOURCES = (
    "cpu_demand_mcores",
    "memory_demand_mib",
    "cpu_allocation_mcores",
    "memory_allocation_mib",
)

CPU_LIMIT = Default(
    key="cpu_limit_fraction",
    value="0.9",
    source="engineering judgement: sized CPU demand fills a host to 90 % of its usable CPU at most",
)


@runtime_checkable
class Sizing(Protocol):
    """How much CPU and memory each VM is expected to need."""

    def describe(self) -> str:
        """Return the method in words, for the report."""
        ...

    def needs(self, trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return CPU in mcores, of shape ``(vms,)`` or ``(vms, slots)``, and memory in MiB, ``(vms,)``."""
        ...


def instance_from_trace(
    trace: Trace,
    fleet: Fleet,
    *,
    sizing: Sizing,
    horizon_s: int | None = None,
    current: Placement | None = None,
    rules: tuple[Rule, ...] = (),
    cpu_limit_fraction: float | None = None,
    moves: MoveSettings | None = None,
    hindsight: bool = False,
) -> Instance:
    """Build an instance from observed demand.

    Parameters
    ----------
    trace
        What was observed before the decision; with ``hindsight``, the window that is replayed.
    fleet
        The hosts.
    sizing
        How needs follow from the observations.
    horizon_s : s
        How long the placement is expected to be held; default the length of the trace.
    current
        Present placement; default each VM in turn on the emptiest host that fits.
    rules
        Placement rules.
    cpu_limit_fraction
        Part of a host's usable CPU that sized demand may fill; default 0.9.
    moves
        Settings of every move.
    hindsight
        Whether ``trace`` is the window that is replayed afterwards.

    Raises
    ------
    InfeasibleError
        When a VM is larger than every host, or when the even spread finds no room.
    """
    defaults = [] if cpu_limit_fraction is not None else [CPU_LIMIT]
    limit = cpu_limit_fraction if cpu_limit_fraction is not None else float(CPU_LIMIT.value)
    moves = moves or MoveSettings()
    active = trace.alive[:, 0 if hindsight else -1]
    cpu, memory = sizing.needs(trace)
    curves, n_capped = _cap_by_cores(cpu.reshape(trace.n_vms, -1), trace, fleet)
    # The mean of a curve, rounded down, is implied by its slots; it is what the load is held against.
    cpu = curves.sum(axis=1) // curves.shape[1]
    need = np.stack([cpu, memory, trace.vms.cpu_mcores, trace.vms.memory_mib], axis=1)
    capacity, overhead = _capacity(fleet, limit)
    resources: tuple[str, ...] = RESOURCES
    if curves.shape[1] > 1:
        n_slots = curves.shape[1]
        need = np.column_stack([need, curves])
        capacity, overhead = (
            np.column_stack([of_host, np.repeat(of_host[:, :1], n_slots, axis=1)])
            for of_host in (capacity, overhead)
        )
        resources = (*RESOURCES, *(f"{RESOURCES[0]}[{slot}]" for slot in range(n_slots)))
        rules = (*rules, *_slow_core_bans(curves, trace, fleet, current))
    alive_steps = np.maximum(trace.alive.sum(axis=1), 1)
    mean = -(-trace.cpu_mcores.sum(axis=1, dtype=np.int64) // alive_steps)
    # A rare, tall peak can lift the mean above the sized need; what is not reserved is not planned for.
    load = np.minimum(mean, cpu)
    movable, move_mj = _moves(trace, fleet, memory, moves)
    n = trace.n_vms
    draft = Instance(
        fleet=fleet,
        vms=trace.vms,
        resources=resources,
        need=need,
        capacity=capacity,
        vm_overhead=overhead,
        load_mcores=load,
        current=Placement(host_of=np.full(n, -1, dtype=np.int32)),
        active=np.zeros(n, dtype=np.bool_),
        movable=movable,
        move_mj=move_mj,
        rules=rules,
        objective=JoulesOverHorizon(horizon_s=trace.grid.duration_s if horizon_s is None else horizon_s),
        moves=moves,
        sizing=sizing.describe() + _capped_note(n_capped),
        hindsight=hindsight,
        defaults=tuple(defaults),
    )
    _refuse_giants(draft, active)
    if current is None:
        current = spread_evenly(draft, active)
    elif current.host_of.shape == active.shape:
        # A VM that does not exist at the decision takes no room, wherever it was or will be.
        current = Placement(host_of=np.where(active, current.host_of, -1))
    return replace(draft, current=current, active=active)


def _cap_by_cores(
    cpu_mcores: NDArray[np.int64], trace: Trace, fleet: Fleet
) -> tuple[NDArray[np.int64], int]:
    """Cap needs, ``(vms, slots)``, at what the fastest cores give a VM's vCPUs; count the capped VMs."""
    fastest = max(t.core_mcores for t in fleet.types)
    most = trace.vms.vcpus.astype(np.int64)[:, np.newaxis] * fastest
    n_capped = int(np.count_nonzero((cpu_mcores > most).any(axis=1)))
    return np.minimum(cpu_mcores, most), n_capped


def _slow_core_bans(
    curves: NDArray[np.int64], trace: Trace, fleet: Fleet, current: Placement | None
) -> tuple[Rule, ...]:
    """Return bans from the host types whose cores are too slow for the peak of a curve.

    Masks see the mean of a curve only. A VM that is on such a type now may stay on that type.
    """
    peak, vcpus = curves.max(axis=1), trace.vms.vcpus.astype(np.int64)
    bans = []
    for number, kind in enumerate(fleet.types):
        slow = peak > vcpus * kind.core_mcores
        if current is not None and current.host_of.shape == slow.shape:
            home = current.host_of
            slow &= ~((home >= 0) & (fleet.host_type[np.maximum(home, 0)] == number))
        hosts = np.flatnonzero(fleet.host_type == number)
        if slow.any() and hosts.size:
            bans.append(Ban(vms=tuple(np.flatnonzero(slow).tolist()), hosts=tuple(hosts.tolist())))
    return tuple(bans)


def _capped_note(n_capped: int) -> str:
    if not n_capped:
        return ""
    return f"; CPU of {n_capped} VMs capped at one core of the fastest hosts per vCPU"


def _capacity(fleet: Fleet, limit: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    by_type = [
        (
            int(t.usable_mcores * limit + 1e-9),
            t.usable_memory_mib,
            int(t.usable_mcores * t.cpu_allocation_ratio + 1e-9),
            int(t.usable_memory_mib * t.memory_allocation_ratio + 1e-9),
        )
        for t in fleet.types
    ]
    overhead = [(t.hypervisor.per_vm_mcores, t.hypervisor.per_vm_memory_mib) * 2 for t in fleet.types]
    kinds = fleet.host_type
    return np.array(by_type, dtype=np.int64)[kinds], np.array(overhead, dtype=np.int64)[kinds]


def _moves(
    trace: Trace, fleet: Fleet, memory_mib: NDArray[np.int64], settings: MoveSettings
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Estimate each VM's move over the slowest interface of the fleet, at the fleet's mean slope."""
    nic = min(t.nic_mbit_per_s for t in fleet.types)
    slope_by_type = np.array(
        [(t.power.points_mw[-1] - t.power.points_mw[0]) / t.cpu_mcores for t in fleet.types]
    )
    slope = float(slope_by_type[fleet.host_type].mean())
    modes = {
        guest: frozenset().union(*(t.hypervisor.moves for t in fleet.types if t.hypervisor.hosts(guest)))
        for guest in ("vm", "container")
    }
    movable = np.zeros(trace.n_vms, dtype=np.bool_)
    move_mj = np.zeros(trace.n_vms, dtype=np.int64)
    for v in range(trace.n_vms):
        estimate = estimate_move(
            int(memory_mib[v]),
            float(trace.vms.dirty_mib_per_s[v]),
            nic_mbit_per_s=nic,
            modes=modes["container" if trace.vms.is_container[v] else "vm"],
            settings=settings,
        )
        movable[v] = estimate.mode is not None
        move_mj[v] = round(2 * estimate.duration_s * estimate.overhead_mcores * slope)
    return movable, move_mj


def _refuse_giants(instance: Instance, active: NDArray[np.bool_]) -> None:
    """Raise when some VM fits on no host even if that host were empty."""
    mask_of, masks = instance.host_masks()
    room = instance.capacity - instance.vm_overhead
    largest: dict[int, NDArray[np.int64]] = {}
    giants = []
    for v in np.flatnonzero(active):
        row = int(mask_of[v])
        if row not in largest:
            largest[row] = _pareto(room[masks[row]])
        if not (instance.need[v] <= largest[row]).all(axis=1).any():
            giants.append(int(v))
    if giants:
        worst = giants[0]
        mine = ", ".join(
            f"{name} {int(instance.need[worst, k])} (largest host {int(room[:, k].max())})"
            for k, name in enumerate(instance.resources)
        )
        name = instance.vms.ids[worst]
        msg = f"{len(giants)} VMs fit on no host that they may use; {name} needs {mine}"
        raise InfeasibleError(msg, vms=[instance.vms.ids[v] for v in giants])


def _pareto(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distinct rows; host types are few, so this is short."""
    return np.unique(rows, axis=0)


def spread_evenly(instance: Instance, active: NDArray[np.bool_]) -> Placement:
    """Place each VM in turn on the emptiest host that is on and fits.

    The emptiest host is the one whose fullest resource is least full; the lowest index wins ties.

    Raises
    ------
    InfeasibleError
        When a VM finds no host with room.
    """
    from consolidate._kernels.packing import on_emptiest
    from consolidate.model.kernel_view import kernel_problem, kernel_state

    problem = kernel_problem(instance)
    problem = problem._replace(masks=problem.masks & instance.fleet.powered_on)
    state = kernel_state(instance)
    on_emptiest(problem, state, np.flatnonzero(active))
    failed = np.flatnonzero(active & (state.host_of < 0))
    if failed.size:
        names = [instance.vms.ids[v] for v in failed]
        msg = (
            f"the even spread finds no host with room for {names[0]} and {len(names) - 1} more VMs; "
            "give the present placement, more hosts, or larger ones"
        )
        raise InfeasibleError(msg, vms=names)
    return Placement(host_of=state.host_of)
