"""Start from what is there, empty hosts one by one, then ruin and recreate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels import local_search
from consolidate._kernels.problem import Problem, State, occupy
from consolidate.errors import ConfigError
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, Budget, Proposal
from consolidate.solvers.clock import Clock
from consolidate.solvers.orders import host_classes, resource_weights, vm_order, vm_sizes
from consolidate.solvers.relabel import relabel
from consolidate.solvers.repair import repair

__all__ = ["Drain", "search"]

_BATCH = 200
#: Largest rise that a step may cause at the start of the search, in mean energies of a host in use.
_THRESHOLD = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Empty the least loaded hosts first, moving only what has to move; then ruin and recreate.

    A host is emptied if its VMs find room elsewhere, with one VM in the way sent on if need be, and the
    energy over the horizon falls, migrations included. Ruin and recreate follows Schrimpf et al. 2000,
    doi:10.1006/jcph.1999.6413.

    Parameters
    ----------
    hosts_per_ruin
        Hosts emptied in each iteration of ruin and recreate.
    """

    name: ClassVar[str] = "drain"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES
    hosts_per_ruin: int = 3

    def __post_init__(self) -> None:
        if self.hosts_per_ruin < 1:
            msg = f"needs at least 1, got {self.hosts_per_ruin}"
            raise ConfigError(msg, path="drain.hosts_per_ruin")

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Improve the present placement."""
        problem = kernel_problem(instance)
        state = kernel_state(instance, instance.current.host_of)
        missing = repair(instance, problem, state)
        if missing:
            return Proposal(host_of=None, stopped="no room left", unplaced=tuple(missing))
        stopped = search(
            instance,
            problem,
            state,
            budget=budget,
            seed=seed,
            clock=clock,
            progress=progress,
            width=self.hosts_per_ruin,
        )
        return Proposal(host_of=state.host_of, stopped=stopped)


def search(
    instance: Instance,
    problem: Problem,
    state: State,
    *,
    budget: Budget,
    seed: int,
    clock: Clock,
    progress: Progress,
    width: int,
) -> str:
    """Improve a complete placement in place; return why the search ended."""
    size, order = vm_sizes(instance), vm_order(instance, problem)
    rng = np.random.default_rng(seed)
    class_of = host_classes(instance, problem)
    n_classes = int(class_of.max()) + 1
    weight = resource_weights(instance)
    local_search.improve(problem, state, size, order, True, 20)
    value = best_mj = int(local_search.total_energy(problem, state))
    best = state.host_of.copy()
    noise = rng.uniform(-0.3, 0.3, len(state.host_of))
    hottest_mj = _THRESHOLD * best_mj / max(1, int(np.count_nonzero(state.n_vms)))
    done = 0
    while done < budget.iterations and not clock.is_over():
        picks = rng.random((min(_BATCH, budget.iterations - done), width))
        # Every other iteration empties one host less: narrow steps polish, wide ones escape.
        picks[1::2, -1] = picks[1::2, 0]
        threshold_mj = int(hottest_mj * max(0.0, 1 - done / (0.9 * budget.iterations)))
        value += int(
            local_search.ruin_and_recreate(
                problem, state, size, weight, class_of, n_classes, picks, noise, threshold_mj
            )
        )
        if value < best_mj:
            best_mj, best = value, state.host_of.copy()
        done += len(picks)
        progress("ruin and recreate", done, budget.iterations)
    _restore(problem, state, best)
    local_search.improve(problem, state, size, order, True, 5)
    _restore(problem, state, relabel(instance, problem, state.host_of))
    over = done < budget.iterations
    return f"time limit after {done} iterations" if over else f"{done} iterations"


def _restore(problem: Problem, state: State, host_of: NDArray[np.int32]) -> None:
    """Bring a state back to an earlier placement."""
    changed = np.flatnonzero(state.host_of != host_of)
    host_of = host_of.copy()
    for v in changed:
        occupy(problem, state, v, int(state.host_of[v]), -1)
    for v in changed:
        occupy(problem, state, v, int(host_of[v]), 1)
