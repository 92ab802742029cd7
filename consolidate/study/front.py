"""What fewer moves cost: placements from least energy to fewest moves, none worse than another in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consolidate.model import Instance, Result
from consolidate.model.progress import Progress, silent
from consolidate.study.verbs import solve
from consolidate.units import mj_to_kwh

if TYPE_CHECKING:
    import pandas as pd

    from consolidate.solvers import Budget, Policy

__all__ = ["DEFAULT_PRICES_J", "FrontPoint", "front_frame", "pareto_front"]

#: Joules that a move must be worth, from nothing to about the idle energy of a server for some hours.
DEFAULT_PRICES_J = (0.0, 5e4, 1e5, 2e5, 3e5, 4e5, 5e5, 6e5, 7e5, 8e5, 1e6, 1.5e6, 2e6, 4e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """One placement of the front.

    Parameters
    ----------
    move_price_j : J
        Price of a move that led to it.
    moves
        VMs that move.
    moved_mib : MiB
        Memory of these VMs.
    result
        Placement, energy, bound.
    """

    move_price_j: float
    moves: int
    moved_mib: int
    result: Result


def pareto_front(
    instance: Instance,
    policy: str | Policy = "keep",
    *,
    prices_j: Sequence[float] = DEFAULT_PRICES_J,
    budget: Budget | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[FrontPoint, ...]:
    """Trade energy against moves: solve at several prices of a move, and keep what nothing dominates.

    Parameters
    ----------
    instance
        The problem.
    policy
        Policy of each solve.
    prices_j : J
        Prices of a move to try.
    budget, seed, progress
        As in :func:`consolidate.study.verbs.solve`, for each price.

    Returns
    -------
    tuple
        Points by rising energy and falling moves; each is judged by the independent checks.

    Raises
    ------
    InfeasibleError, SolverFailedError
        When there is no placement, or none was found.
    """
    points: list[FrontPoint] = []
    for done, price in enumerate(prices_j):
        progress("front", done, len(prices_j))
        result = solve(
            instance, policy, budget=budget, seed=seed, min_saving_fraction=0.0, move_price_j=price
        ).raise_if_infeasible()
        moved = result.placement.moved_from(instance.current)
        memory = int(instance.vms.memory_mib[moved].sum())
        points.append(FrontPoint(move_price_j=price, moves=len(moved), moved_mib=memory, result=result))
    points.sort(key=lambda p: (p.result.objective_mj, p.moves, p.move_price_j))
    front: list[FrontPoint] = []
    for point in points:
        if not front or point.moves < front[-1].moves:
            front.append(point)
    return tuple(front)


def front_frame(front: Sequence[FrontPoint]) -> pd.DataFrame:
    """Return a front as a table, one row per point; the unit of a column is its ending."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "move_price_j": p.move_price_j,
                "energy_kwh": mj_to_kwh(p.result.objective_mj),
                "saved_kwh": mj_to_kwh(p.result.current_mj - p.result.objective_mj),
                "moves": p.moves,
                "moved_mib": p.moved_mib,
                "hosts_used": int(p.result.placement.used_hosts().size),
            }
            for p in front
        ]
    )
