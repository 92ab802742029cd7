"""Plans that leave VMs in storage for a while: where downtime has a price, and no other way is cheaper.

What breaks a cycle of moves is priced in joules: the copying, helper hosts while they are on, their boots and
shutdowns, hosts that go off later, and the downtime of VMs in storage at its stated price.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from consolidate._kernels.opening import BEFORE_BOOTS, FIRST, LAST
from consolidate.model import MigrationPlan
from consolidate.planning.assemble import assemble
from consolidate.planning.cost import plan_j
from consolidate.planning.problem import Problem
from consolidate.planning.schedule import schedule
from consolidate.planning.search import Search
from consolidate.planning.sequence import in_sequence
from consolidate.planning.storage import may_be_stored

__all__ = ["over_storage"]


def over_storage(problem: Problem, made: MigrationPlan | None) -> MigrationPlan | None:
    """Return the cheapest plan, with VMs in storage or without; ``None`` when there is no way at all.

    Parameters
    ----------
    problem
        What is planned, without storage.
    made
        The plan that leaves no VM in storage, if there is one. It stays unless another plan is cheaper at the
        price of downtime.
    """
    instance = problem.instance
    if made is not None and not any(move.parking for move in made.migrations):
        return made
    if not problem.some_wait and not may_be_stored(instance).any():
        return made
    found = [*_plans(replace(problem, storage=True), needed=made is None)]
    if made is not None:
        found.append(made)
    return min(found, key=lambda one: (plan_j(instance, one), one.makespan_s), default=None)


def _plans(problem: Problem, *, needed: bool) -> Iterator[MigrationPlan]:
    """Yield plans that leave VMs in storage late or early, and few of them."""
    for storage in (LAST, BEFORE_BOOTS, FIRST):
        listing = schedule(problem, storage=storage)
        if not listing.left:
            yield assemble(problem, listing, None)
        elif needed:
            return
    order = Search(problem).order
    if order is not None:
        listing = in_sequence(problem, order)
        if not listing.left:
            yield assemble(problem, listing, None)
