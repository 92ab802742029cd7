"""What makes a target placement impossible before anything is scheduled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from consolidate.errors import PlanError
from consolidate.migration import MoveEstimate
from consolidate.model import Gather, Instance, MaxOnline, Placement, SharedCapacity
from consolidate.planning.arrays import helpers
from consolidate.planning.problem import Problem

__all__ = ["refuse_impossible", "vm_refusals"]

_SHOWN = 10


def refuse_impossible(instance: Instance, target: Placement) -> None:
    """Raise with every reason why no plan can end at a target.

    Raises
    ------
    PlanError
        When there is one.
    """
    if target.host_of.shape != instance.current.host_of.shape:
        msg = f"the target placement has {target.host_of.size} VMs, the instance {len(instance.vms)}"
        raise PlanError(msg)
    if target.host_of.max(initial=-1) >= instance.fleet.n_hosts:
        msg = f"the target placement names host {target.host_of.max()}, which is not there"
        raise PlanError(msg)
    reasons = [why for _, why in vm_refusals(instance, target)] + [*_host_reasons(instance, target)]
    if not reasons:
        reasons = [*_rule_reasons(instance, target)]
    if reasons:
        more = f"\n... and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        raise PlanError("\n".join(reasons[:_SHOWN]) + more)


def vm_refusals(instance: Instance, target: Placement) -> Iterator[tuple[int, str]]:
    """Yield each VM that cannot go to its target, and why."""
    vms, current = instance.vms, instance.current.host_of
    mask_of, masks = instance.host_masks(over_others=True)
    for v in np.flatnonzero((target.host_of < 0) & (current >= 0)).tolist():
        yield v, f"{vms.ids[v]} is left on no host by the target placement; a plan stops no VM"
    waits = instance.current.saved_on >= 0
    for v in np.flatnonzero((target.host_of >= 0) & (current < 0) & ~waits).tolist():
        to = int(target.host_of[v])
        start = f"{vms.ids[v]} cannot be started on {instance.fleet.host_ids[to]}"
        if not instance.active[v]:
            yield v, f"{start}: the VM does not exist at the decision"
        elif not masks[mask_of[v], to]:
            yield v, f"{start}: {_excluded(instance, v, to)}"
    problem = Problem(instance=instance, target=target)
    estimates = problem.estimates
    for v in target.moved_from(instance.current).tolist():
        source, to = int(problem.places[v]), int(target.host_of[v])
        name = "storage" if waits[v] else instance.fleet.host_ids[source]
        move = f"{vms.ids[v]} cannot be moved from {name} to {instance.fleet.host_ids[to]}"
        estimate = estimates.between(v, source, to)
        if not instance.active[v]:
            yield v, f"{move}: the VM does not exist at the decision"
        elif not instance.movable[v]:
            yield v, f"{move}: the VM is immovable"
        elif estimate.mode is None and not _through_others(problem, v, to):
            yield v, f"{move}: {_no_mode(instance, v, estimate)}"
        elif not masks[mask_of[v], to]:
            yield v, f"{move}: {_excluded(instance, v, to)}"


def _through_others(problem: Problem, v: int, goal: int) -> bool:
    """Say whether a VM can come to a host over other hosts that are open to it on the way."""
    instance, estimates = problem.instance, problem.estimates
    mask_of, masks = problem.masks
    usable = helpers(instance) | problem.stays_used
    n_hosts = instance.fleet.n_hosts
    here = np.flatnonzero(masks[mask_of[v], :n_hosts] & usable)
    open_kinds = set(estimates.kind_of[here].tolist())
    last = int(estimates.kind_of[goal])
    reached = {int(estimates.kind_of[problem.places[v]])}
    frontier = [*reached]
    while frontier:
        one = frontier.pop()
        ways = [k for k in (open_kinds | {last}) - reached if estimates.possible(v, one, k)]
        reached.update(ways)
        frontier += ways
    return last in reached


def _no_mode(instance: Instance, v: int, estimate: MoveEstimate) -> str:
    if estimate.verdict not in {"impossible", "capped"}:
        return estimate.verdict
    return (
        f"live migration does not converge (the VM writes {instance.vms.dirty_mib_per_s[v]:g} MiB/s, "
        f"{estimate.verdict}), and the hosts have no other mode in common"
    )


def _excluded(instance: Instance, v: int, host: int) -> str:
    fleet = instance.fleet
    kind = fleet.types[fleet.host_type[host]]
    if fleet.maintenance[host]:
        return "the host is in maintenance"
    if not fleet.may_receive()[host]:
        return "the host is off and cannot be woken"
    if not kind.hypervisor.hosts(instance.vms[v].kind):
        return f"the host runs no {instance.vms[v].kind}s"
    if instance.need[v, 0] > instance.vms.vcpus[v] * kind.core_mcores:
        return "the cores of the host are too slow for its sized demand"
    return "a rule forbids it"


def _host_reasons(instance: Instance, target: Placement) -> Iterator[str]:
    used = instance.usage(target)
    for host, r in np.argwhere(used > instance.capacity).tolist():
        yield (
            f"the target placement exceeds the capacity of host {instance.fleet.host_ids[host]}: "
            f"{used[host, r]} of {instance.capacity[host, r]} {instance.resources[r]}"
        )


def _rule_reasons(instance: Instance, target: Placement) -> Iterator[str]:
    current = instance.current
    moved = set(target.moved_from(current).tolist())
    for rule in instance.rules:
        if isinstance(rule, MaxOnline | SharedCapacity) and rule.continuous:
            yield (
                f"a continuous {rule.name} rule is not kept by any plan here: while VMs move, hosts are on and "
                "VMs take room side by side; state it as not continuous"
            )
        known = rule.violations(current, instance=instance)
        for sentence in rule.violations(target, instance=instance):
            if sentence not in known:
                yield f"the target placement breaks a rule: {sentence}"
        placed = [v for v in rule.vms if current.host_of[v] >= 0]
        together = len({int(current.host_of[v]) for v in placed}) == 1
        if (
            isinstance(rule, Gather)
            and rule.continuous
            and together
            and len(placed) > 1
            and not moved.isdisjoint(placed)
        ):
            names = ", ".join(instance.vms.ids[v] for v in placed[:5])
            yield (
                f"the VMs of a continuous gather rule ({names}) would be apart while they move one "
                "after the other; a rule that is not continuous allows that"
            )
