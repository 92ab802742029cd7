"""Make room for the VMs that are left over: exchanges first, further hosts for whoever remains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.power_aware import least_energy
from consolidate._kernels.problem import Problem, State
from consolidate._kernels.residents import residents
from consolidate._kernels.squeeze import squeeze
from consolidate.model import Instance
from consolidate.solvers.clock import Clock
from consolidate.solvers.orders import power_classes, resource_weights

__all__ = ["open_hosts", "squeeze_in"]

_STEPS = 500
#: So many rounds without a smaller pool end the search.
_PATIENCE = 4
#: A round that leaves more than this part of the pool's worth has not made it smaller.
_SMALLER = 0.9
_WIDTH = 64
#: A pool larger than this does not vanish: it is only made smaller, in less detail.
_LARGE = 400
_WIDTH_OF_LARGE = 16
_ROUNDS = 30
_ROUNDS_OF_LARGE = 4
#: Two VMs of half the size are worth less than one.
_EXPONENT = 1.2
_NO_SLACK = 1e-4


def squeeze_in(
    instance: Instance,
    problem: Problem,
    state: State,
    left: NDArray[np.int64],
    hosts: NDArray[np.int64],
    *,
    seed: int,
    clock: Clock,
) -> NDArray[np.int64]:
    """Exchange VMs between the pool of those left over and the hosts, in place; return who is left.

    Parameters
    ----------
    left
        VMs on no host.
    hosts
        Hosts that may take them.
    """
    if not len(left) or not len(hosts):
        return left
    room = instance.capacity[hosts].sum(axis=0).astype(np.float64)
    free = state.room[hosts].sum(axis=0) - instance.need[left].sum(axis=0)
    # What is nearly used up decides which of two VMs is the harder to place.
    weight = 1.0 / np.maximum(room, 1.0) / np.maximum(free / np.maximum(room, 1.0), _NO_SLACK)
    size = instance.need @ weight
    worth = (size / max(float(size.mean()), 1e-30)) ** _EXPONENT
    lists = residents(state)
    pool = np.zeros(len(instance.vms), dtype=np.int64)
    pool[: len(left)] = left
    until = np.zeros(len(instance.vms), dtype=np.int64)
    dice = np.array([0x9E3779B97F4A7C15 ^ (seed + 1)], dtype=np.uint64)
    n_pool, done, idle = len(left), 0, 0
    least = float(worth[left].sum())
    for number in range(_ROUNDS):
        large = n_pool > _LARGE
        if not n_pool or idle == _PATIENCE or clock.is_over():
            break
        if large and number == _ROUNDS_OF_LARGE:
            break
        width = _WIDTH_OF_LARGE if large else _WIDTH
        arguments = (pool, n_pool, hosts, worth, until, done, dice, _STEPS, width, not large)
        n_pool = int(squeeze(problem, state, lists, *arguments))
        done += _STEPS
        now = float(worth[pool[:n_pool]].sum())
        idle = 0 if now < _SMALLER * least else idle + 1
        least = min(least, now)
    return np.sort(pool[:n_pool])


def open_hosts(
    instance: Instance, problem: Problem, state: State, left: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Put VMs on no host wherever the energy rises least, hosts that were off included; return who is left."""
    if not len(left):
        return left
    order = left[np.argsort(-instance.need[left].sum(axis=1), kind="stable")]
    room = np.maximum(instance.capacity @ resource_weights(instance), 1e-30)
    cheapest = np.argsort(problem.table[:, 0] / room, kind="stable")
    least_energy(problem, state, order, cheapest, power_classes(problem))
    still: NDArray[np.int64] = left[state.host_of[left] < 0]
    return still
