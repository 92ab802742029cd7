"""The one way to solve: refuse what a policy cannot do, propose, check, bound, decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from consolidate.errors import ConfigError, InternalError, SolverFailedError, UnsupportedError
from consolidate.model import OPTIMAL_GAP, Bound, Instance, Placement, Result
from consolidate.model.kernel_view import kernel_problem
from consolidate.model.progress import Progress, silent
from consolidate.solvers.base import POLICIES, Budget, Clock, Policy, Proposal
from consolidate.solvers.bounds import lower_bounds

__all__ = ["DEFAULT_MIN_SAVING_FRACTION", "solve"]

#: A plan that saves less than this part of the present energy is not worth its risk.
DEFAULT_MIN_SAVING_FRACTION = 0.01
#: CP-SAT takes its seed as a signed 32-bit number.
_LARGEST_SEED = 2**31 - 1


def solve(
    instance: Instance,
    policy: str | Policy = "auto",
    *,
    budget: Budget | None = None,
    seed: int = 0,
    min_saving_fraction: float = DEFAULT_MIN_SAVING_FRACTION,
    progress: Progress = silent,
) -> Result:
    """Choose a placement and say how far from the best it can be at most.

    Parameters
    ----------
    instance
        The problem.
    policy
        Registry name, or a policy with its parameters.
    budget
        How much work to do.
    seed
        Seed of everything random.
    min_saving_fraction
        Least part of the present energy that must be saved; below it the answer is the present
        placement, and that is a success.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    UnsupportedError
        When the policy does not honour one of the rules, or the instance is too large for it.
    SolverFailedError
        When the policy found no placement but did not prove that there is none.
    """
    if not 0 <= min_saving_fraction < 1:
        msg = f"needs a value from 0 to below 1, got {min_saving_fraction}"
        raise ConfigError(msg, path="min_saving_fraction")
    if not 0 <= seed <= _LARGEST_SEED:
        msg = f"needs a whole number from 0 to {_LARGEST_SEED}, got {seed}"
        raise ConfigError(msg, path="seed")
    chosen = POLICIES.get(policy)() if isinstance(policy, str) else policy
    _refuse_unsupported(instance, chosen)
    budget = budget or Budget()
    clock = budget.start()
    current_mj = instance.current_energy().total_mj
    reason, blocking = _counting_proof(instance)
    if reason:
        return _infeasible(instance, chosen, reason, blocking, current_mj, seed, clock)
    proposal = chosen.propose(instance, budget, seed=seed, clock=clock, progress=progress)
    if proposal.proven_infeasible:
        blocking = proposal.unplaced or _left_over(instance, budget, clock)
        reason = (
            f"{chosen.name} proved that no placement satisfies capacity and rules; "
            f"{_names(instance, blocking)} cannot be placed beside the others"
        )
        return _infeasible(instance, chosen, reason, blocking, current_mj, seed, clock)
    if proposal.host_of is None:
        names = [instance.vms.ids[v] for v in proposal.unplaced[:5]]
        status = f"no room found for {len(proposal.unplaced)} VMs ({', '.join(names)})"
        raise SolverFailedError(chosen.name, status)
    progress("lower bounds")
    bounds = (*proposal.bounds, *lower_bounds(instance, kernel_problem(instance)))
    return _verdict(instance, chosen, proposal, bounds, current_mj, min_saving_fraction, seed, clock)


def _refuse_unsupported(instance: Instance, policy: Policy) -> None:
    for rule in instance.rules:
        if rule.name not in policy.rules:
            who = tuple(n for n in POLICIES if rule.name in POLICIES.get(n).rules)
            feature = f"the rule {rule.name}"
            raise UnsupportedError(feature, who=policy.name, supported_by=who)


def _counting_proof(instance: Instance) -> tuple[str, tuple[int, ...]]:
    """Return why no placement can exist, if adding up shows it, and the fewest VMs that are too much."""
    need = instance.need[instance.active].sum(axis=0)
    usable = instance.fleet.may_receive().copy()
    current = instance.current.host_of
    usable[current[instance.active & (current >= 0)]] = True
    offer = instance.capacity[usable].sum(axis=0)
    for r in np.flatnonzero(need > offer):
        active = np.flatnonzero(instance.active)
        largest = active[np.argsort(-instance.need[active, r], kind="stable")]
        relief = np.cumsum(instance.need[largest, r])
        blocking = tuple(largest[: int(np.searchsorted(relief, need[r] - offer[r])) + 1].tolist())
        reason = (
            f"all VMs together need {need[r]} {instance.resources[r]}, all hosts offer {offer[r]}; "
            f"{_names(instance, blocking)} are too much"
        )
        return reason, blocking
    return "", ()


def _left_over(instance: Instance, budget: Budget, clock: Clock) -> tuple[int, ...]:
    """Return VMs that best fit leaves without a host; those under rules when it leaves none."""
    from consolidate.solvers.greedy import BestFitDecreasing

    packed = BestFitDecreasing().propose(instance, budget, seed=0, clock=clock, progress=silent)
    ruled = {v for rule in instance.rules for v in rule.vms if instance.active[v]}
    return packed.unplaced or tuple(sorted(ruled))


def _names(instance: Instance, vms: tuple[int, ...]) -> str:
    shown = ", ".join(instance.vms.ids[v] for v in vms[:5])
    return shown + (f" and {len(vms) - 5} more" if len(vms) > 5 else "")


def _present_fault(instance: Instance) -> str:
    """Return why the present placement cannot stay, if it cannot."""
    if not (instance.usage(instance.current) <= instance.capacity).all():
        return "exceeds capacity"
    broken = [rule.name for rule in instance.rules if rule.violations(instance.current)]
    return f"breaks the rule {broken[0]}" if broken else ""


def _infeasible(
    instance: Instance,
    policy: Policy,
    reason: str,
    vms: tuple[int, ...],
    current_mj: int,
    seed: int,
    clock: Clock,
) -> Result:
    return Result(
        policy=policy.name,
        placement=instance.current,
        objective_mj=current_mj,
        current_mj=current_mj,
        bounds=(),
        status="infeasible",
        stopped="proof of infeasibility",
        worthwhile=False,
        seed=seed,
        runtime_s=clock.elapsed_s(),
        blocking_vms=tuple(instance.vms.ids[v] for v in vms),
        message=reason,
    )


def _verdict(
    instance: Instance,
    policy: Policy,
    proposal: Proposal,
    bounds: tuple[Bound, ...],
    current_mj: int,
    min_saving_fraction: float,
    seed: int,
    clock: Clock,
) -> Result:
    assert proposal.host_of is not None
    placement = Placement(host_of=proposal.host_of)
    objective_mj = instance.energy(placement).total_mj
    ranked = tuple(sorted(bounds, key=lambda b: -b.value_mj))
    saved_mj = current_mj - objective_mj
    fault = _present_fault(instance)
    worthwhile = saved_mj >= min_saving_fraction * current_mj and saved_mj > 0
    message = ""
    if not worthwhile:
        share = saved_mj / current_mj if current_mj else 0.0
        message = (
            f"the best placement found saves {share:.2%} of the present energy, "
            f"the stated minimum is {min_saving_fraction:.2%}"
        )
        if not fault:
            placement, objective_mj = instance.current, current_mj
            # Doing nothing leaves empty hosts on, which may cost less than a shutdown: the lesser of the
            # two bounds both.
            ranked = tuple(replace(b, value_mj=min(b.value_mj, current_mj)) for b in ranked)
        else:
            worthwhile = True
            message += f"; it is proposed because the present placement {fault}"
    if ranked and ranked[0].value_mj > objective_mj:
        msg = (
            f"bound {ranked[0].name} ({ranked[0].value_mj} mJ) exceeds the objective ({objective_mj} mJ)"
        )
        raise InternalError(msg)
    gap = (objective_mj - ranked[0].value_mj) / objective_mj if objective_mj else 0.0
    return Result(
        policy=policy.name,
        placement=placement,
        objective_mj=objective_mj,
        current_mj=current_mj,
        bounds=ranked,
        status="optimal" if gap <= OPTIMAL_GAP else "feasible",
        stopped=proposal.stopped,
        worthwhile=worthwhile,
        seed=seed,
        runtime_s=clock.elapsed_s(),
        message=message,
    )
