"""Hand the nouns to the independent checks, which know none of them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from consolidate.checks import (
    BudgetClaim,
    Happened,
    HistoryCase,
    ReserveVerdict,
    cases,
    check_budget,
    check_history,
    check_placement,
    check_plan,
    check_reserve,
)
from consolidate.engine.execution import Execution
from consolidate.errors import ConfigError, InternalError
from consolidate.model import (
    Carbon,
    Fleet,
    HostType,
    Instance,
    MigrationPlan,
    MoveBudget,
    Placement,
    Result,
)
from consolidate.study.energy import energy_of

__all__ = ["judge_budget", "judge_execution", "judge_plan", "judge_result", "prove_reserve"]


def judge_result(instance: Instance, result: Result, *, min_saving_fraction: float) -> None:
    """Let the checks judge a result.

    Raises
    ------
    InternalError
        When they refuse it.
    """
    claim = cases.PlacementClaim(
        objective_mj=result.objective_mj,
        current_mj=result.current_mj,
        gap=result.gap,
        status=result.status,
        worthwhile=result.worthwhile,
        min_saving_fraction=min_saving_fraction,
        breakdown=asdict(energy_of(instance, result)),
        bounds=tuple(
            cases.BoundClaim(
                name=b.name,
                value_mj=b.value_mj,
                kind=b.kind,
                source=b.source,
                certificate=b.certificate or None,
            )
            for b in result.bounds
        ),
    )
    case = placement_case(instance, result.placement)
    _refuse(check_placement(case, claim), what=f"the result of {result.policy}")


def judge_plan(instance: Instance, plan: MigrationPlan) -> None:
    """Let the checks judge a plan.

    Raises
    ------
    InternalError
        When they refuse it.
    """
    _refuse(check_plan(_plan_case(instance, plan)), what="the plan")


def prove_reserve(
    instance: Instance, plan: MigrationPlan, *, failures: int = 1, sites: bool = False
) -> ReserveVerdict:
    """Let the checks look for room for the VMs of failed hosts, before a plan and after each of its steps.

    Parameters
    ----------
    instance, plan
        The problem and its plan.
    failures
        How many hosts fail at a time.
    sites
        All hosts of any one site fail instead.
    """
    if failures < 1:
        msg = f"needs 1 or more, got {failures}"
        raise ConfigError(msg, path="failures")
    return check_reserve(_plan_case(instance, plan), failures=failures, sites=sites)


def _plan_case(instance: Instance, plan: MigrationPlan) -> cases.PlanCase:
    return cases.PlanCase(
        placement=placement_case(instance, plan.target),
        limits=cases.MoveLimits(**asdict(instance.moves)),
        actions=_actions(plan),
        makespan_bound_s=plan.makespan_bound_s,
        direct_bound_s=0 if plan.bound is None else plan.bound.direct_s,
        saved_on=instance.current.saved_on.astype(np.int64),
    )


def judge_budget(instance: Instance, placement: Placement, moves: MoveBudget) -> None:
    """Let the checks count what a placement moves.

    Raises
    ------
    InternalError
        When it is more than the budget allows.
    """
    claim = BudgetClaim(
        moves=moves.moves,
        memory_mib=moves.memory_mib,
        per_host=moves.per_host,
        stay=moves.stay,
    )
    _refuse(check_budget(placement_case(instance, placement), claim), what="the budget of moves")


def judge_execution(execution: Execution) -> None:
    """Let the checks judge what an executor did.

    Raises
    ------
    InternalError
        When they refuse it.
    """
    case = HistoryCase(
        placement=placement_case(execution.instance, execution.placement),
        events=tuple(
            Happened(
                time_s=e.time_s, kind=e.kind, vm=e.vm, source=e.source, target=e.target, need=e.need
            )
            for e in execution.events
        ),
        stored=tuple(np.flatnonzero(execution.instance.current.saved_on >= 0).tolist()),
    )
    _refuse(check_history(case), what="the execution")


def _refuse(violations: object, *, what: str) -> None:
    found = list(violations)  # type: ignore[call-overload]
    if found:
        shown = "\n".join(f"{v.code}: {v.message}" for v in found[:10])
        msg = f"the independent checks refuse {what} ({len(found)} violations):\n{shown}"
        raise InternalError(msg)


def placement_case(instance: Instance, target: Placement) -> cases.PlacementCase:
    """Return an instance and a target as the plain record that the checks read."""
    vms, objective = instance.vms, instance.objective
    return cases.PlacementCase(
        hosts=_hosts(instance.fleet),
        vms=cases.Guests(
            ids=vms.ids,
            is_container=vms.is_container,
            vcpus=vms.vcpus.astype(np.int64),
            cpu_mcores=vms.cpu_mcores,
            memory_mib=vms.memory_mib,
            dirty_mib_per_s=vms.dirty_mib_per_s,
            disk_mib=vms.disk_mib,
        ),
        resources=instance.resources,
        need=instance.need,
        capacity=instance.capacity,
        overhead=instance.vm_overhead,
        load_mcores=instance.load_mcores,
        move_mj=instance.move_mj,
        movable=instance.movable,
        active=instance.active,
        rules=tuple(
            cases.PlacementRule(
                name=r.name,
                vms=r.vms,
                hosts=tuple(getattr(r, "hosts", ())),
                others=tuple(getattr(r, "others", ())),
                most=getattr(r, "most", 0),
                parts=tuple(getattr(r, "parts", ())),
                zones=tuple(getattr(r, "zones", ())),
                resource=getattr(r, "resource", ""),
                least=getattr(r, "least", 0),
                unit=getattr(r, "unit", ""),
                continuous=r.continuous,
            )
            for r in instance.rules
        ),
        current=instance.current.host_of.astype(np.int64),
        target=target.host_of.astype(np.int64),
        horizon_s=objective.horizon_s,
        min_off_s=objective.min_off_s,
        site_mg_per_kwh=objective.site_mg_per_kwh if isinstance(objective, Carbon) else (),
        move_mg_per_kwh=objective.move_mg_per_kwh if isinstance(objective, Carbon) else (),
    )


def _hosts(fleet: Fleet) -> cases.Hosts:
    pue = np.array([site.pue for site in fleet.sites])
    return cases.Hosts(
        ids=fleet.host_ids,
        kind_of=fleet.host_type.astype(np.int64),
        kinds=tuple(_kind(t) for t in fleet.types),
        control=fleet.power_control.astype(np.int64),
        maintenance=fleet.maintenance,
        powered_on=fleet.powered_on,
        pue=pue[fleet.host_site],
        site=fleet.host_site.astype(np.int64),
    )


def _kind(kind: HostType) -> cases.HostKind:
    hypervisor = kind.hypervisor
    return cases.HostKind(
        name=kind.name,
        cores=kind.cores,
        core_speed=kind.core_speed,
        memory_mib=kind.memory_mib,
        cpu_mcores=kind.cpu_mcores,
        core_mcores=kind.core_mcores,
        usable_mcores=kind.usable_mcores,
        usable_memory_mib=kind.usable_memory_mib,
        points_mw=kind.power.points_mw,
        hosting_idle_mw=kind.power.hosting_idle_mw,
        off_mw=kind.off_mw,
        boot_s=kind.boot_s,
        boot_mw=kind.boot_mw,
        shutdown_s=kind.shutdown_s,
        shutdown_mw=kind.shutdown_mw,
        min_on_s=kind.min_on_s,
        min_off_s=kind.min_off_s,
        max_cycles_per_day=kind.max_cycles_per_day,
        nic_mbit_per_s=kind.nic_mbit_per_s,
        cpu_allocation_ratio=kind.cpu_allocation_ratio,
        memory_allocation_ratio=kind.memory_allocation_ratio,
        guest_kind=hypervisor.kind,
        reserved_mcores=hypervisor.reserved_mcores,
        reserved_memory_mib=hypervisor.reserved_memory_mib,
        per_vm_mcores=hypervisor.per_vm_mcores,
        per_vm_memory_mib=hypervisor.per_vm_memory_mib,
        background_mcores=hypervisor.background_mcores,
        moves=frozenset(hypervisor.moves),
    )


def _actions(plan: MigrationPlan) -> cases.Actions:
    kinds = {"boot": cases.BOOT, "migration": cases.MOVE, "shutdown": cases.SHUTDOWN}
    kinds |= {"start": cases.START, "save": cases.SAVE, "restore": cases.RESTORE}
    rows = []
    for a in plan.actions:
        if a.kind == "migration":
            rows.append((a.vm, a.source, a.target, a.downtime_ms, a.moved_mib, a.overhead_mcores))
        elif a.kind == "save":
            rows.append((a.vm, a.host, -1, 0, a.image_mib, a.overhead_mcores))
        elif a.kind == "restore":
            rows.append((a.vm, -1, a.host, 0, a.image_mib, a.overhead_mcores))
        else:
            rows.append((a.vm if a.kind == "start" else -1, -1, a.host, 0, 0, 0))
    table = np.array(rows, dtype=np.int64).reshape(-1, 6)
    return cases.Actions(
        id=np.array([a.id for a in plan.actions], dtype=np.int64),
        kind=np.array([kinds[a.kind] for a in plan.actions], dtype=np.int64),
        vm=table[:, 0],
        source=table[:, 1],
        target=table[:, 2],
        mode=tuple(a.mode if a.kind == "migration" else "" for a in plan.actions),
        start_s=np.array([a.start_s for a in plan.actions], dtype=np.int64),
        end_s=np.array([a.end_s for a in plan.actions], dtype=np.int64),
        downtime_ms=table[:, 3],
        moved_mib=table[:, 4],
        rate_mib_per_s=np.array(
            [getattr(a, "rate_mib_per_s", 0.0) for a in plan.actions], dtype=np.float64
        ),
        overhead_mcores=table[:, 5],
        parking=np.array([a.kind == "migration" and a.parking for a in plan.actions], dtype=np.bool_),
        after=tuple(a.after for a in plan.actions),
    )
