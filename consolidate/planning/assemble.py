"""Boots, moves and shutdowns with their dependencies, from a schedule of moves."""

from __future__ import annotations

import numpy as np

from consolidate.model import (
    Boot,
    MakespanBound,
    Migration,
    MigrationPlan,
    Restore,
    Save,
    Shutdown,
)
from consolidate.model.action import Action
from consolidate.planning.problem import Problem, Step
from consolidate.planning.starting import hosts_to_boot, start_vms
from consolidate.planning.state import state_of
from consolidate.planning.trials import Listing

__all__ = ["assemble"]


def assemble(problem: Problem, listing: Listing, bound: MakespanBound | None) -> MigrationPlan:
    """Return the plan that carries out a schedule.

    A move waits for the boot of its target, for the move of the same VM before it, and for every move
    that has left its target by then: an executor that knows no times never runs out of room either.
    """
    actions: list[Action] = []
    fleet = problem.instance.fleet
    boot_s, shutdown_s = fleet.per_host("boot_s"), fleet.per_host("shutdown_s")
    boots: dict[int, Boot] = {}
    begun = {**dict.fromkeys(hosts_to_boot(problem), 0), **listing.boots}
    for host, start in sorted(begun.items(), key=lambda item: (item[1], item[0])):
        boots[host] = Boot(
            id=len(actions) + 1, host=host, start_s=start, end_s=start + int(boot_s[host])
        )
        actions.append(boots[host])
    left, last_left = _moves(problem, listing.steps, boots, actions)
    actions += start_vms(problem, actions, boots)
    off = problem.instance.may_switch_off() | ~fleet.powered_on
    on = fleet.powered_on | np.isin(np.arange(fleet.n_hosts), list(boots))
    for host in np.flatnonzero(off & ~problem.stays_used & on).tolist():
        after = list(left.get(host, []))
        start = last_left.get(host, 0)
        if host in boots:
            after.append(boots[host].id)
            start = max(start, boots[host].end_s)
        actions.append(
            Shutdown(
                id=len(actions) + 1,
                host=host,
                start_s=start,
                end_s=start + int(shutdown_s[host]),
                after=tuple(after),
            )
        )
    return MigrationPlan(
        actions=tuple(actions),
        current=problem.instance.current,
        target=problem.target,
        bound=bound,
        state=state_of(problem.instance),
    )


def _moves(
    problem: Problem,
    steps: tuple[Step, ...],
    boots: dict[int, Boot],
    actions: list[Action],
) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Append the moves; return who has left each host, and when the last one did."""
    ends = sorted(range(len(steps)), key=lambda i: (steps[i].end_s, i))
    left: dict[int, list[int]] = {}
    last_left: dict[int, int] = {}
    last_of: dict[int, int] = {}
    ids: dict[int, int] = {}
    ended = 0
    for i, step in enumerate(steps):
        while ended < len(ends) and steps[ends[ended]].end_s <= step.start_s:
            done = steps[ends[ended]]
            left.setdefault(done.source, []).append(ids[ends[ended]])
            last_left[done.source] = done.end_s
            ended += 1
        before = set(left.get(step.target, ()))
        if step.vm in last_of:
            before.add(last_of[step.vm])
        if step.target in boots:
            before.add(boots[step.target].id)
        ids[i] = last_of[step.vm] = len(actions) + 1
        actions.append(_step(problem, step, ids[i], tuple(sorted(before))))
    for k in ends[ended:]:
        left.setdefault(steps[k].source, []).append(ids[k])
        last_left[steps[k].source] = steps[k].end_s
    return left, last_left


def _step(
    problem: Problem, step: Step, number: int, after: tuple[int, ...]
) -> Migration | Restore | Save:
    estimate = problem.estimates.between(step.vm, step.source, step.target, step.level)
    assert estimate.mode is not None
    n_hosts = problem.instance.fleet.n_hosts
    if max(step.source, step.target) >= n_hosts:
        kind = Save if step.target >= n_hosts else Restore
        return kind(
            id=number,
            vm=step.vm,
            host=min(step.source, step.target),
            start_s=step.start_s,
            end_s=step.end_s,
            image_mib=estimate.moved_mib,
            rate_mib_per_s=estimate.rate_mib_per_s,
            overhead_mcores=estimate.overhead_mcores,
            after=after,
        )
    return Migration(
        id=number,
        vm=step.vm,
        source=step.source,
        target=step.target,
        mode=estimate.mode,
        start_s=step.start_s,
        end_s=step.end_s,
        downtime_ms=estimate.downtime_ms,
        moved_mib=estimate.moved_mib,
        rate_mib_per_s=estimate.rate_mib_per_s,
        overhead_mcores=estimate.overhead_mcores,
        parking=step.target != int(problem.target.host_of[step.vm]),
        after=after,
    )
