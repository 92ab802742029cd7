"""The replay: events inside steps, everything between two events constant and added up in integers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from consolidate.engine.controllers import Controller, DoNothing, Execute, Observation
from consolidate.engine.demand import Demand
from consolidate.engine.ledger import Ledger
from consolidate.engine.storing import StoringWorld
from consolidate.errors import InputError
from consolidate.model import (
    Failures,
    Fleet,
    MigrationPlan,
    Parking,
    Placement,
    Replay,
    Rule,
    ServiceLevel,
    Trace,
    TraceSlices,
)
from consolidate.model.progress import Progress, silent

__all__ = ["replay"]


def replay(
    trace: Trace | TraceSlices,
    fleet: Fleet,
    what: MigrationPlan | Placement | Controller,
    *,
    label: str = "replay",
    current: Placement | None = None,
    rules: tuple[Rule, ...] = (),
    parking: Parking | None = None,
    failures: Failures | None = None,
    history_steps: int | None = None,
    progress: Progress = silent,
) -> Replay:
    """Replay a trace on a fleet.

    VMs that arrive are put on the emptiest host (by allocation) that is on, not about to be switched
    off, and fits; if there is none, a host is booted and they wait for it.

    Parameters
    ----------
    trace
        The window to replay, or windows of it that are read one after the other; the result is the same.
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
    parking
        When idle VMs are written to storage; default never.
    failures
        Hosts that fail; default none.
    history_steps
        Past steps that a controller is shown at least where the trace comes in windows; default all,
        which then have to fit into memory.
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
    if isinstance(controller, (DoNothing, Execute)):
        history_steps = 0  # They look at nothing.
    demand = Demand(trace, history_steps)
    demand.advance()
    _refuse_nowhere(trace, fleet, current, demand)
    world = StoringWorld(
        trace.vms,
        fleet,
        current,
        rules,
        demand,
        trace.grid.step_s,
        parking=parking,
        failures=failures,
    )
    return _run(trace, fleet, controller, world, label=label, progress=progress)


def _refuse_nowhere(
    trace: Trace | TraceSlices, fleet: Fleet, current: Placement, demand: Demand
) -> None:
    """Raise when a VM starts on a host that is not there or is off."""
    starting = np.flatnonzero(demand.alive & (current.host_of >= 0))
    hosts = current.host_of[starting]
    there = hosts < fleet.n_hosts
    wrong = starting[~(there & fleet.powered_on[np.where(there, hosts, 0)])]
    if not wrong.size:
        return
    v = int(wrong[0])
    host = int(current.host_of[v])
    if host >= fleet.n_hosts:
        msg = f"{trace.vms.ids[v]} starts on host {host}; the fleet has {fleet.n_hosts} hosts"
    else:
        msg = f"{trace.vms.ids[v]} starts on host {fleet.host_ids[host]}, which is off"
    raise InputError(msg)


def _run(
    trace: Trace | TraceSlices,
    fleet: Fleet,
    controller: Controller,
    world: StoringWorld,
    *,
    label: str,
    progress: Progress,
) -> Replay:
    n_steps, step_s = trace.grid.n_steps, trace.grid.step_s
    ledger = Ledger(trace.vms, fleet, trace.grid, world)
    for step in range(n_steps):
        start = step * step_s
        if step:
            world.demand.advance()
        world.finish_events(start)
        world.begin_step(start)
        plan = controller.decide(_observe(world, step, start))
        if plan is not None:
            world.accept(plan, start)
        now = start
        while now < start + step_s:
            world.start_events(now)
            world.admit(now)
            now = min(world.next_event(), start + step_s)
            if now < start + step_s:
                world.finish_events(now)
        world.end_step(ledger.add_step(step))
        progress(f"replay {label}", step + 1, n_steps)
    return _result(trace, fleet, world, ledger, label, options=_options(world))


def _options(world: StoringWorld) -> dict[str, object]:
    """Return how VMs were parked and which hosts failed, as values that JSON can hold."""
    given = {"parking": world.parking, "failures": world.failures}
    return {key: _plain(asdict(value)) for key, value in given.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (tuple, list)) else value


def _observe(world: StoringWorld, step: int, now_s: int) -> Observation:
    first, cpu, memory = world.demand.history()
    return Observation(
        step=step,
        now_s=now_s,
        placement=Placement(host_of=world.host_of),
        host_state=world.power.state.copy(),
        cpu_mcores=cpu,
        memory_mib=memory,
        first_step=first,
        boot_from_s=world.power.boot_from_s.copy(),
        shutdown_from_s=world.power.shutdown_from_s.copy(),
        parked=world.parked.copy(),
    )


def _result(
    trace: Trace | TraceSlices,
    fleet: Fleet,
    world: StoringWorld,
    ledger: Ledger,
    label: str,
    *,
    options: dict[str, object],
) -> Replay:
    end_s = trace.grid.duration_s
    world.finish_events(end_s)
    world.close(end_s)
    totals = ledger.totals
    np.add.at(totals.step_unmet, world.downtime_step, world.downtime_unmet)
    demand, overload, on, overcommit, waiting, parked, parking_mj = (int(x) for x in totals.service)
    restored = [s for s in world.stops if s.cause == "restoring" and s.completed]
    delays = [s.end_s - s.asked_s for s in restored]
    return Replay(
        label=label,
        grid=trace.grid,
        host_ids=fleet.host_ids,
        energy_mj=totals.host_mj,
        step_energy_mj=totals.step_mj,
        site_energy_mj=totals.site_mj,
        hosts_on=ledger.hosts_on,
        utilization=ledger.utilization(),
        step_unmet_mcore_s=totals.step_unmet,
        residency=world.whereabouts.close(end_s),
        host_states=world.power.close(end_s),
        moves=tuple(world.moves),
        broken_off=(*world.broken_off, *world.under_way.values()),
        stops=tuple(world.stops),
        options=options,
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
            power_cycles=world.power.cycles,
            refused_boots=world.refused_boots,
            refused_shutdowns=world.refused_shutdowns,
            savings=sum(s.cause == "saving" and s.completed for s in world.stops),
            restorations=len(restored),
            parked_vm_s=parked,
            wake_delay_s=sum(delays),
            longest_wake_delay_s=max(delays, default=0),
            parking_mj=parking_mj,
            host_failures=world.host_failures,
            vm_restarts=sum(s.cause == "restarting" and s.completed for s in world.stops),
            lost_work_mcore_s=sum(s.lost_mcore_s for s in world.stops),
        ),
    )
