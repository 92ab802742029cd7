"""Carry out a plan on simulated hosts that fail, planning anew where needed; the history is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate import planning
from consolidate.engine import execution
from consolidate.engine.execution import Execution, Faults
from consolidate.errors import PlanError
from consolidate.model import Instance, MigrationPlan, Placement
from consolidate.solvers import Budget
from consolidate.study.judge import judge_execution, judge_plan
from consolidate.study.verbs import solve

__all__ = ["execute"]


def execute(
    instance: Instance, plan: MigrationPlan, *, faults: Faults | None = None, seed: int = 0
) -> Execution:
    """Carry out a plan on simulated hosts; what goes wrong is drawn from a seed.

    Whenever something is not as it was planned, what is under way ends, and the rest is planned anew, to the
    nearest target that can still be reached. Every plan and the whole history are judged by the independent
    checks.

    Parameters
    ----------
    instance, plan
        The problem, and its plan.
    faults
        What goes wrong, and how often; default nothing.
    seed
        Seed of everything random.

    Raises
    ------
    PlanError
        When the plan was made for another state.
    InternalError
        When the checks refuse a plan or the history.
    """
    if plan.state and planning.plan_status(instance, plan) == "SUPERSEDED":
        msg = "the plan was made for another state of hosts and VMs; plan again"
        raise PlanError(msg)
    done = execution.execute(instance, plan, _replan, faults=faults, seed=seed)
    judge_execution(done)
    return done


def _replan(instance: Instance, wanted: Placement) -> MigrationPlan:
    """Return a judged plan to where VMs are wanted, or to the nearest placement that can be reached."""
    target = Placement(host_of=_with_hosts(instance, wanted))
    for attempt in (_to, _to_nearest, _to_mended):
        try:
            made = attempt(instance, target)
        except PlanError:
            continue
        judge_plan(instance, made)
        return made
    return MigrationPlan.empty(instance.current)


def _to(instance: Instance, target: Placement) -> MigrationPlan:
    return planning.plan(instance, target, fast=True)


def _to_nearest(instance: Instance, target: Placement) -> MigrationPlan:
    return planning.nearest_target(instance, target, fast=True).plan


def _to_mended(instance: Instance, target: Placement) -> MigrationPlan:  # noqa: ARG001 - out of reach
    """Return a plan to a placement that fits, where the present one and the wanted one have grown too large."""
    found = solve(instance, "drain", budget=Budget(iterations=1), min_saving_fraction=0.0)
    if found.status in ("infeasible", "unknown"):
        raise PlanError(found.message)
    return planning.plan(instance, found.placement, fast=True)


def _with_hosts(instance: Instance, wanted: Placement) -> NDArray[np.int32]:
    """Return the wanted placement with a host for each new VM, as far as there is room.

    Hosts that are used anyway come first, then those that are on.
    """
    host_of = np.array(wanted.host_of)
    # Who runs and is wanted nowhere stays: a plan stops no VM.
    lost = (host_of < 0) & (instance.current.host_of >= 0)
    host_of[lost] = instance.current.host_of[lost]
    mask_of, masks = instance.host_masks()
    plain = replace(instance, rules=())
    for v in np.flatnonzero(instance.active & (host_of < 0)).tolist():
        room = instance.capacity - plain.usage(Placement(host_of=host_of))
        fits = (instance.need[v] + instance.vm_overhead <= room).all(axis=1) & masks[mask_of[v]]
        used = np.bincount(host_of[host_of >= 0], minlength=len(fits)) > 0
        order = np.lexsort((~instance.fleet.powered_on, ~used))
        for h in order[fits[order]].tolist():
            before = _broken(instance, host_of)
            host_of[v] = h
            if _broken(instance, host_of) <= before:
                break
            host_of[v] = -1
    return host_of


def _broken(instance: Instance, host_of: NDArray[np.int32]) -> int:
    placement = Placement(host_of=host_of)
    return sum(len(r.violations(placement, instance=instance)) for r in instance.rules)
