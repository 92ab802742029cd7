"""First the fewest hosts, then the fewest moves: the same search and bounds on other costs.

A host that is on costs one more than all VMs together, a move costs one. Whatever minimises that sum
minimises the hosts, and among those placements the moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from consolidate.model import Instance, JoulesOverHorizon, Placement, WattTable
from consolidate.model.kernel_view import kernel_problem
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, POLICIES, Budget, Proposal
from consolidate.solvers.bounds import lower_bounds
from consolidate.solvers.clock import Clock

__all__ = ["HostsThenMoves", "counting_hosts"]


def counting_hosts(instance: Instance) -> tuple[Instance, int]:
    """Return an instance whose energy counts hosts and moves, and the price of a host.

    Returns
    -------
    instance
        Its objective in mJ is ``price * hosts on + moves``; everything else is unchanged.
    price
        What a host costs: one more than the number of VMs.
    """
    price = len(instance.vms) + 1
    power = WattTable(points_mw=(price,) * 11, hosting_idle_mw=price)
    types = tuple(
        replace(t, power=power, off_w=0.0, boot_s=0, boot_j=0.0, shutdown_s=0, shutdown_j=0.0)
        for t in instance.fleet.types
    )
    counted = replace(
        instance,
        fleet=replace(instance.fleet, types=types),
        move_mj=np.ones_like(instance.move_mj),
        objective=JoulesOverHorizon(horizon_s=1, min_off_s=0),
    )
    return counted, price


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsThenMoves:
    """Minimise the hosts that are on, then the moves, whatever each draws.

    What it says of its own optimum stands in ``stopped``; bounds in joules are on the true energy.

    Parameters
    ----------
    by
        Policy that does the work.
    """

    name: ClassVar[str] = "hosts-then-moves"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES
    by: str = "auto"

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Solve on counts and say how many hosts and moves there are, and must be at least."""
        counted, price = counting_hosts(instance)
        inner = POLICIES.get(self.by)()
        proposal = inner.propose(counted, budget, seed=seed, clock=clock, progress=progress)
        if proposal.host_of is None:
            return proposal
        bounds = (*proposal.bounds, *lower_bounds(counted, kernel_problem(counted)))
        value = counted.energy(Placement(host_of=proposal.host_of)).total_mj
        least = min(value, max(b.value_mj for b in bounds))
        hosts, moves = divmod(value, price)
        # Moves may account for all that a bound leaves beyond whole hosts.
        fewest = max(0, -(-(least - len(instance.vms)) // price))
        fewest_moves = max(0, least - hosts * price)
        stopped = (
            f"{hosts} hosts on (at least {fewest}), {moves} moves "
            f"(at least {fewest_moves} with as many hosts); {proposal.stopped}"
        )
        return replace(proposal, stopped=stopped, bounds=())
