"""Improving a placement part by part."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.local_search import total_energy
from consolidate._kernels.problem import Problem, State, occupy
from consolidate.model import Instance, Spread
from consolidate.model.kernel_view import kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import Budget, Proposal
from consolidate.solvers.clock import Clock
from consolidate.solvers.lns.choice import Choices
from consolidate.solvers.lns.part import Part, PartSize, repack, spreads_of

__all__ = ["improve_by_parts"]

#: Building and presolving a part takes time that CP-SAT does not count; so much is counted at least.
_LEAST_S = 0.01
#: Deterministic seconds between two proposals.
_PAUSE_S = 1.0


def improve_by_parts(
    instance: Instance,
    problem: Problem,
    host_of: NDArray[np.int32],
    *,
    size: PartSize,
    budget: Budget,
    seed: int,
    clock: Clock,
    progress: Progress,
) -> Iterator[Proposal]:
    """Improve a complete placement; yield from time to time what is better, and the last at the end.

    Rules are kept by construction: VMs that rules on company, zones or numbers name stay where they are, but
    for spread, which the parts know; hosts under a limit on those online are emptied, never opened.
    """
    state = kernel_state(instance, host_of, problem=problem)
    choices = Choices(instance, problem, most_hosts=size.most_hosts, seed=seed)
    groups = [frozenset(rule.vms) for rule in instance.rules if isinstance(rule, Spread)]
    value = int(total_energy(problem, state))
    spent_s, shown_s, parts, gains, told = 0.0, 0.0, 0, 0, value
    while spent_s < budget.deterministic_s and not clock.is_over() and state.n_vms.any():
        way, hosts = choices.draw(state)
        vms = choices.may_move(state, hosts, size.most_pairs // max(1, len(hosts)))
        parts += 1
        cost_s = _LEAST_S
        if len(hosts) > 1 and len(vms):
            on_hosts = np.flatnonzero(np.isin(state.host_of, hosts))
            part = Part(
                hosts=tuple(hosts.tolist()),
                vms=tuple(vms.tolist()),
                spreads=spreads_of(groups, on_hosts),
            )
            work_s = min(size.part_s, budget.deterministic_s - spent_s)
            found = clock.within(partial(repack, problem, state, part, seed=seed, work_s=work_s))
            if found is None:
                break
            moves, used_s = found
            cost_s = max(cost_s, used_s)
            saved = value - _apply(problem, state, moves, value)
            value, gains = value - saved, gains + (saved > 0)
            choices.learn(way, saved, cost_s)
        spent_s += cost_s
        progress("parts packed anew", round(spent_s * 100), round(budget.deterministic_s * 100))
        if value < told and spent_s >= shown_s + _PAUSE_S:
            shown_s, told = spent_s, value
            yield Proposal(host_of=state.host_of.copy(), stopped=_said(parts, gains))
    yield Proposal(host_of=state.host_of.copy(), stopped=_said(parts, gains))


def _said(parts: int, gains: int) -> str:
    return f"{parts} parts packed anew, {gains} of them better"


def _apply(problem: Problem, state: State, moves: dict[int, int], value: int) -> int:
    """Make the moves unless that is worse; return the energy then."""
    old = {v: int(state.host_of[v]) for v in moves}
    _move(problem, state, moves)
    new = int(total_energy(problem, state))
    if new <= value:
        return new
    _move(problem, state, old)
    return value


def _move(problem: Problem, state: State, moves: dict[int, int]) -> None:
    for v in moves:
        occupy(problem, state, v, int(state.host_of[v]), -1)
    for v, h in moves.items():
        occupy(problem, state, v, h, 1)
