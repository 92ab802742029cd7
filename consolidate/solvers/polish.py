"""Last improvements of a packing that is full: exchanges that shift load or bring VMs home."""

from __future__ import annotations

import numpy as np

from consolidate._kernels.exchange import bring_home, exchange
from consolidate._kernels.problem import Problem, State
from consolidate._kernels.residents import residents
from consolidate.model import Instance
from consolidate.solvers.clock import Clock

__all__ = ["polish"]

_WINDOW = 100
#: So many VMs have their turn between two looks at the clock.
_BATCH = 50_000
#: With very many VMs the window is smaller, so that a pass looks at no more pairs than this.
_PAIRS = 10_000_000
#: A round that saves less than this part of the first one's savings is the last.
_WORTH_IT = 0.02


def polish(instance: Instance, problem: Problem, state: State, *, clock: Clock, rounds: int = 8) -> int:
    """Exchange VMs of like size while that saves energy, in place; return the change in mJ.

    Neighbours in the order of one resource fit in each other's place; every resource has its turn.
    """
    placed = np.flatnonzero(state.host_of >= 0)
    weight = 1.0 / np.maximum(instance.capacity.mean(axis=0), 1.0)
    keys = [*instance.need[placed].T[::-1], instance.need[placed] @ weight]
    orders = [placed[np.argsort(key, kind="stable")] for key in keys]
    window = max(8, min(_WINDOW, _PAIRS // max(1, len(placed))))
    slope = problem.horizon_s * (problem.table[:, 10] - problem.table[:, 0]) / problem.cpu
    total = first = 0
    for _ in range(rounds):
        change = 0
        for order in orders:
            for start in range(0, len(order), _BATCH):
                if clock.is_over():
                    return total + change
                stop = start + _BATCH
                change += int(exchange(problem, state, order, slope, window, start, stop))
        lists = residents(state)
        on = state.n_vms > 0
        for start in range(0, len(state.host_of), _BATCH):
            if clock.is_over():
                return total + change
            stop = start + _BATCH
            change += int(bring_home(problem, state, on, lists.head, lists.after, start, stop))
        total += change
        first = first or change
        if change >= _WORTH_IT * first:
            break
    return total
