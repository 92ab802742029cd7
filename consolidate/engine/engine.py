"""The replay: events inside steps, everything between two events constant and added up in integers."""

from __future__ import annotations

import numpy as np

from consolidate._kernels.replay import OFF, ON, Totals, accumulate
from consolidate.engine.controllers import Controller, DoNothing, Execute, Observation
from consolidate.engine.world import World, host_arrays
from consolidate.errors import InputError
from consolidate.model import (
    LEDGER,
    Fleet,
    MigrationPlan,
    Placement,
    Replay,
    Rule,
    ServiceLevel,
    Trace,
)
from consolidate.model.progress import Progress, silent

__all__ = ["replay"]


def replay(
    trace: Trace,
    fleet: Fleet,
    what: MigrationPlan | Placement | Controller,
    *,
    label: str = "replay",
    current: Placement | None = None,
    rules: tuple[Rule, ...] = (),
    progress: Progress = silent,
) -> Replay:
    """Replay a trace on a fleet.

    VMs that arrive are put on the emptiest host (by allocation) that is on, not about to be switched
    off, and fits; if there is none, a host is booted and they wait for it.

    Parameters
    ----------
    trace
        The window to replay.
    fleet
        The hosts.
    what
        A plan to execute from the start, a placement to keep, or a controller.
    label
        Name of the arm.
    current
        Placement at the start; a plan or a placement brings its own.
    rules
        Rules that the placement of arriving VMs has to honour.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    InputError
        When a controller is given without a placement to start from, or a VM starts on a host that is
        off.
    """
    controller: Controller
    if isinstance(what, MigrationPlan):
        controller, current = Execute(plan=what), current or what.current
    elif isinstance(what, Placement):
        controller, current = DoNothing(), what
    else:
        controller = what
    if current is None or current.host_of.shape != (trace.n_vms,):
        msg = f"replay needs a starting placement of the {trace.n_vms} VMs of the trace"
        raise InputError(msg)
    _refuse_nowhere(trace, fleet, current)
    return _run(trace, fleet, controller, current, label=label, rules=rules, progress=progress)


def _refuse_nowhere(trace: Trace, fleet: Fleet, current: Placement) -> None:
    """Raise when a VM starts on a host that is not there or is off."""
    for v in np.flatnonzero(trace.alive[:, 0] & (current.host_of >= 0)).tolist():
        host = int(current.host_of[v])
        if host >= fleet.n_hosts:
            msg = f"{trace.vms.ids[v]} starts on host {host}; the fleet has {fleet.n_hosts} hosts"
            raise InputError(msg)
        if not fleet.powered_on[host]:
            msg = f"{trace.vms.ids[v]} starts on host {fleet.host_ids[host]}, which is off"
            raise InputError(msg)


def _run(
    trace: Trace,
    fleet: Fleet,
    controller: Controller,
    current: Placement,
    *,
    label: str,
    rules: tuple[Rule, ...],
    progress: Progress,
) -> Replay:
    n_steps, step_s = trace.grid.n_steps, trace.grid.step_s
    hosts, world = host_arrays(fleet), World(trace, fleet, current, rules)
    totals = Totals(
        host_mj=np.zeros((fleet.n_hosts, len(LEDGER)), dtype=np.int64),
        step_mj=np.zeros((n_steps, len(LEDGER)), dtype=np.int64),
        site_mj=np.zeros((len(fleet.sites), n_steps), dtype=np.int64),
        step_unmet=np.zeros(n_steps, dtype=np.int64),
        busy=np.zeros(fleet.n_hosts, dtype=np.int64),
        on_s=np.zeros(fleet.n_hosts, dtype=np.int64),
        service=np.zeros(5, dtype=np.int64),
    )
    hosts_on = np.zeros(n_steps, dtype=np.int32)
    utilization = np.full((fleet.n_hosts, n_steps), np.nan, dtype=np.float32)
    vcpus = trace.vms.vcpus.astype(np.int64)
    for step in range(n_steps):
        start = step * step_s
        world.finish_events(start)
        world.begin_step(step)
        plan = controller.decide(_observe(trace, world, step, start))
        if plan is not None:
            world.accept(plan, start)
        alive, demand = trace.alive[:, step], trace.cpu_mcores[:, step]
        memory = trace.memory_mib[:, step]
        now = start
        while now < start + step_s:
            world.start_events(now)
            world.admit(now)
            until = min(world.next_event(), start + step_s)
            accumulate(  # type: ignore[no-untyped-call]
                hosts, world.moving, totals, vcpus, alive, demand, memory, step, until - now
            )
            now = until
            if now < start + step_s:
                world.finish_events(now)
        on = totals.on_s > 0
        utilization[on, step] = totals.busy[on] / (totals.on_s[on] * hosts.cpu[on])
        hosts_on[step] = np.count_nonzero(world.moving.state <= 1)
        totals.busy[:] = 0
        totals.on_s[:] = 0
        progress(f"replay {label}", step + 1, n_steps)
    return _result(trace, fleet, world, totals, hosts_on, utilization, label)


def _observe(trace: Trace, world: World, step: int, now_s: int) -> Observation:
    return Observation(
        step=step,
        now_s=now_s,
        placement=Placement(host_of=world.moving.host_of),
        host_state=world.moving.state.copy(),
        cpu_mcores=trace.cpu_mcores[:, :step],
        memory_mib=trace.memory_mib[:, :step],
    )


def _result(
    trace: Trace,
    fleet: Fleet,
    world: World,
    totals: Totals,
    hosts_on: np.ndarray[tuple[int], np.dtype[np.int32]],
    utilization: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    label: str,
) -> Replay:
    world.close(trace.grid.duration_s)
    np.add.at(totals.step_unmet, world.downtime_step, world.downtime_unmet)
    demand, overload, on, overcommit, waiting = (int(x) for x in totals.service)
    assert ON == 0
    assert OFF == 3  # the order of LEDGER's last three columns follows the states
    return Replay(
        label=label,
        grid=trace.grid,
        host_ids=fleet.host_ids,
        energy_mj=totals.host_mj,
        step_energy_mj=totals.step_mj,
        site_energy_mj=totals.site_mj,
        hosts_on=hosts_on,
        utilization=utilization,
        step_unmet_mcore_s=totals.step_unmet,
        residency=world.residency_rows(),
        host_states=world.state_rows(),
        moves=tuple(world.moves),
        broken_off=tuple(world.broken_off),
        service=ServiceLevel(
            demand_mcore_s=demand,
            unmet_mcore_s=int(totals.step_unmet.sum()),
            overload_host_s=overload,
            on_host_s=on,
            memory_overcommit_host_s=overcommit,
            downtime_ms=world.downtime_ms,
            waiting_vm_s=waiting,
            migrations=len(world.moves),
            skipped_migrations=world.skipped,
            cancelled_shutdowns=world.cancelled,
            power_cycles=world.power_cycles,
        ),
    )
