"""First the fewest hosts, then the fewest moves: the same search and bounds on other costs.

A host that is on costs one more than all VMs together, a move costs one. Whatever minimises that sum
minimises the hosts, and among those placements the moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.model import Instance, JoulesOverHorizon, Placement, WattTable
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, POLICIES, Budget, Proposal
from consolidate.solvers.bounds import fewest_moves_bound, lower_bounds
from consolidate.solvers.clock import Clock
from consolidate.solvers.keep import attempts
from consolidate.solvers.repair import repair

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
        Policy that looks for the fewest hosts.
    spare
        Hosts that may stay on beyond the fewest that were found, as a part of them: a few more hosts can
        mean far fewer moves.
    """

    name: ClassVar[str] = "hosts-then-moves"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES
    by: str = "auto"
    spare: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.spare < 1:
            msg = f"needs a value from 0 to below 1, got {self.spare}"
            raise ConfigError(msg, path="spare")

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
        hosts = counted.energy(Placement(host_of=proposal.host_of)).total_mj // price
        most_on = min(math.floor(hosts * (1.0 + self.spare)), counted.fleet.n_hosts)
        host_of = _fewest_moves(counted, price, proposal.host_of, most_on, seed=seed, clock=clock)
        proposal = replace(proposal, host_of=host_of)
        value = counted.energy(Placement(host_of=host_of)).total_mj
        problem = kernel_problem(counted)
        bounds = (*proposal.bounds, *lower_bounds(counted, problem))
        least = min(value, max(b.value_mj for b in bounds))
        hosts, moves = divmod(value, price)
        # Moves may account for all that a bound leaves beyond whole hosts.
        fewest = max(0, -(-(least - len(instance.vms)) // price))
        fewest_moves = max(least - hosts * price, fewest_moves_bound(counted, problem, hosts).value)
        stopped = (
            f"{hosts} hosts on (at least {fewest}), {moves} moves "
            f"(at least {fewest_moves} with as many hosts); {proposal.stopped}"
        )
        return replace(proposal, stopped=stopped, bounds=())


def _fewest_moves(
    counted: Instance,
    price: int,
    host_of: NDArray[np.int32],
    most_on: int,
    *,
    seed: int,
    clock: Clock,
) -> NDArray[np.int32]:
    """Return a placement on at most so many hosts with no more moves than the one given.

    The one given was found where every host counts; here as many stay on as may, and staying is what counts.
    """
    problem = kernel_problem(counted)
    start = kernel_state(counted, counted.current.host_of)
    if repair(counted, problem, start):
        return host_of
    best = divmod(counted.energy(Placement(host_of=host_of)).total_mj, price)
    for tried, value_mj in attempts(
        counted, problem, start.host_of, seed=seed, clock=clock, n_on=most_on
    ):
        hosts, moves = divmod(value_mj, price)
        if hosts <= most_on and (moves, hosts) < best[::-1]:
            host_of, best = tried.copy(), (hosts, moves)
    return host_of
