"""The one way to solve: refuse what a policy cannot do, propose, bound, judge; better and better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Literal

from consolidate.errors import ConfigError, UnsupportedError
from consolidate.model import (
    OPTIMAL_GAP,
    STATED_RULES,
    Bound,
    Carbon,
    Instance,
    Placement,
    Result,
    reference_energy,
    stated,
)
from consolidate.model.kernel_view import kernel_problem
from consolidate.model.progress import Progress, silent
from consolidate.solvers.base import POLICIES, AnytimePolicy, Budget, Policy, Proposal
from consolidate.solvers.bounds import Relaxation, lower_bounds, relax
from consolidate.solvers.clock import Clock
from consolidate.solvers.counting import counting_proof, names_of
from consolidate.solvers.gathering import Condensed, condense
from consolidate.solvers.verdict import Judge
from consolidate.units import j_to_mj

__all__ = ["DEFAULT_MIN_SAVING_FRACTION", "improvements", "solve"]

#: A plan that saves less than this part of the present energy is not worth its risk.
DEFAULT_MIN_SAVING_FRACTION = 0.01
#: CP-SAT takes its seed as a signed 32-bit number.
_LARGEST_SEED = 2**31 - 1
#: Up to so many VMs strong bounds are computed after the time limit as well.
_BOUNDED_LATE = 20_000
#: A gigajoule a move: whoever asks for more wants no moves.
_LARGEST_PRICE_J = 1e9


def solve(
    instance: Instance,
    policy: str | Policy = "auto",
    *,
    budget: Budget | None = None,
    seed: int = 0,
    min_saving_fraction: float = DEFAULT_MIN_SAVING_FRACTION,
    move_price_j: float = 0.0,
    progress: Progress = silent,
) -> Result:
    """Choose a placement and say how far from the best it can be at most.

    An interrupt (Ctrl-C) ends the search with the best result so far; before there is one, it goes
    through.

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
    move_price_j : J
        What a move has to be worth on top of its energy: its risk, in joules, weighted as its energy. The
        search then looks for placements with fewer moves; energy and bounds are stated without it.
    progress
        Told from time to time where the work stands.

    Returns
    -------
    Result
        Its status is ``infeasible`` when no placement exists, and ``unknown`` when neither a placement
        nor a proof was found.

    Raises
    ------
    UnsupportedError
        When the policy does not honour one of the rules, or the instance is too large for it.
    """
    latest: Result | None = None
    try:
        for latest in improvements(  # noqa: B007 - the last one is the result
            instance,
            policy,
            budget=budget,
            seed=seed,
            min_saving_fraction=min_saving_fraction,
            move_price_j=move_price_j,
            progress=progress,
        ):
            pass
    except KeyboardInterrupt:
        if latest is None:
            raise
        latest = replace(latest, stopped=f"interrupted; before: {latest.stopped}")
    assert latest is not None
    return latest


def improvements(
    instance: Instance,
    policy: str | Policy = "auto",
    *,
    budget: Budget | None = None,
    seed: int = 0,
    min_saving_fraction: float = DEFAULT_MIN_SAVING_FRACTION,
    move_price_j: float = 0.0,
    progress: Progress = silent,
) -> Iterator[Result]:
    """Yield results, each with a better placement or a better bound than the one before.

    Whoever stops asking has the best so far. Parameters and errors are those of :func:`solve`.
    """
    _refuse_values(min_saving_fraction, move_price_j, seed)
    chosen = POLICIES.get(policy)() if isinstance(policy, str) else policy
    _refuse_unsupported(instance, chosen)
    # A price of a move is one of energy: it is weighted with the move.
    dearer = _priced(instance, move_price_j)
    is_unpriced = dearer is instance
    measure: Literal["energy", "carbon"]
    measure = "carbon" if isinstance(instance.objective, Carbon) else "energy"
    instance = reference_energy(instance)
    dearer = instance if is_unpriced else reference_energy(dearer)
    budget = budget or Budget()
    clock = budget.start()
    judge = Judge(
        instance=instance,
        policy=chosen.name,
        current_mj=instance.current_energy().total_mj,
        min_saving_fraction=min_saving_fraction,
        seed=seed,
        clock=clock,
        measure=measure,
    )
    reason, blocking = counting_proof(instance)
    priced = stated(dearer)
    condensed = None if reason else condense(priced)
    if condensed is not None and condensed.impossible:
        reason, blocking = condensed.impossible, condensed.blocking
        reason += f": {names_of(instance, blocking)}"
    if reason:
        yield judge.infeasible(reason, blocking)
        return
    proposals = _proposals(
        chosen, instance, priced, condensed, budget, seed, clock, progress, is_unpriced=is_unpriced
    )
    for proposal in proposals:
        if proposal.host_of is not None:
            rest = chain((proposal,), proposals)
            yield from _placed(instance, priced, judge, rest, progress, quick=budget.bounds == "quick")
        elif proposal.proven_infeasible:
            blocking = proposal.unplaced or _left_over(instance, budget, clock)
            reason = (
                f"{chosen.name} proved that no placement satisfies capacity and rules; "
                f"{names_of(instance, blocking)} cannot be placed beside the others"
            )
            yield judge.infeasible(reason, blocking)
        else:
            yield judge.unknown(proposal)
        return


def _placed(
    instance: Instance,
    priced: Instance,
    judge: Judge,
    proposals: Iterator[Proposal],
    progress: Progress,
    *,
    quick: bool,
) -> Iterator[Result]:
    """Yield the results of proposals that are placements, then the last one with the strongest bounds."""
    problem = kernel_problem(instance)
    relaxation: Relaxation | None = None
    bounds: tuple[Bound, ...] = ()
    best: Proposal | None = None
    for proposal in proposals:
        best = _better(priced, best, proposal)
        bounds = _strongest((*bounds, *proposal.bounds))
        # A policy that has solved the relaxation hands in its bound, and that is enough where time is short.
        if relaxation is None and not (quick and bounds):
            progress("relaxation")
            relaxation = relax(instance, problem, quick=quick)
            bounds = _strongest((*bounds, relaxation.bound))
        latest = judge.placed(best, bounds)
        yield latest
    assert best is not None
    # Strong bounds of many VMs take seconds: too long for whoever set a limit that is over.
    late = len(instance.vms) > _BOUNDED_LATE and judge.clock.is_over()
    if latest.gap > OPTIMAL_GAP and not (quick or late):
        progress("lower bounds")
        found = lower_bounds(instance, problem, relaxation)
        yield judge.placed(best, _strongest((*bounds, *found)))


def _refuse_values(min_saving_fraction: float, move_price_j: float, seed: int) -> None:
    if not 0 <= min_saving_fraction < 1:
        msg = f"needs a value from 0 to below 1, got {min_saving_fraction}"
        raise ConfigError(msg, path="min_saving_fraction")
    if not 0 <= move_price_j <= _LARGEST_PRICE_J:
        msg = f"needs a value from 0 to {_LARGEST_PRICE_J:g} J, got {move_price_j}"
        raise ConfigError(msg, path="move_price_j")
    if not 0 <= seed <= _LARGEST_SEED:
        msg = f"needs a whole number from 0 to {_LARGEST_SEED}, got {seed}"
        raise ConfigError(msg, path="seed")


def _proposals(
    policy: Policy,
    instance: Instance,
    priced: Instance,
    condensed: Condensed | None,
    budget: Budget,
    seed: int,
    clock: Clock,
    progress: Progress,
    *,
    is_unpriced: bool,
) -> Iterator[Proposal]:
    """Yield what a policy proposes of the instance as given; one proposal, unless it improves step by step."""
    problem = priced if condensed is None else condensed.instance
    if isinstance(policy, AnytimePolicy):
        proposals = policy.proposals(problem, budget, seed=seed, clock=clock, progress=progress)
    else:
        proposals = iter((policy.propose(problem, budget, seed=seed, clock=clock, progress=progress),))
    for raw in proposals:
        proposal = raw if condensed is None else _expanded(instance, condensed, raw)
        if problem is not instance:
            # A certificate speaks of the needs and rules that the policy saw; the checks see others.
            kept = tuple(b for b in proposal.bounds if b.kind != "certified")
            proposal = replace(proposal, bounds=kept)
        # What is proven of priced moves is not proven of their energy.
        yield proposal if is_unpriced else replace(proposal, bounds=())


def _priced(instance: Instance, move_price_j: float) -> Instance:
    """Return the instance in which every move costs its price on top."""
    price_mj = j_to_mj(move_price_j)
    return replace(instance, move_mj=instance.move_mj + price_mj) if price_mj else instance


def _expanded(instance: Instance, condensed: Condensed, proposal: Proposal) -> Proposal:
    """Return a proposal for the condensed instance as one for the original."""
    host_of = proposal.host_of
    if host_of is not None:
        host_of = condensed.expand(host_of, instance.active)
    return replace(
        proposal,
        host_of=host_of,
        # What is proven of other amounts and homes is not proven here; room does not depend on homes.
        bounds=proposal.bounds if condensed.exact else (),
        proven_infeasible=proposal.proven_infeasible and condensed.same_room,
    )


def _better(instance: Instance, best: Proposal | None, new: Proposal) -> Proposal:
    """Return the newer proposal, with the placement of the better one."""
    if best is None or best.host_of is None or new.host_of is None:
        return new
    energies = [instance.energy(Placement(host_of=p)).total_mj for p in (best.host_of, new.host_of)]
    return new if energies[1] <= energies[0] else replace(new, host_of=best.host_of)


def _strongest(bounds: tuple[Bound, ...]) -> tuple[Bound, ...]:
    """Return the best bound of each name."""
    by_name: dict[str, Bound] = {}
    for bound in bounds:
        if bound.name not in by_name or bound.value_mj > by_name[bound.name].value_mj:
            by_name[bound.name] = bound
    return tuple(by_name.values())


def _refuse_unsupported(instance: Instance, policy: Policy) -> None:
    for rule in instance.rules:
        # Gathered VMs are condensed, and what the instance can state is stated, before a policy sees them.
        if rule.name not in {*policy.rules, *STATED_RULES, "gather"}:
            who = tuple(n for n in POLICIES if rule.name in POLICIES.get(n).rules)
            feature = f"the rule {rule.name}"
            raise UnsupportedError(feature, who=policy.name, supported_by=who)


def _left_over(instance: Instance, budget: Budget, clock: Clock) -> tuple[int, ...]:
    """Return VMs that best fit leaves without a host; those under rules when it leaves none."""
    from consolidate.solvers.greedy import BestFitDecreasing

    packed = BestFitDecreasing().propose(instance, budget, seed=0, clock=clock, progress=silent)
    ruled = {v for rule in instance.rules for v in rule.vms if instance.active[v]}
    return packed.unplaced or tuple(sorted(ruled))
