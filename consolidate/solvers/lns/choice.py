"""Which hosts are packed anew together, and which of their VMs may move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem, State
from consolidate.model import Instance, Spread
from consolidate.model.limits_view import kernel_limits

__all__ = ["Choices"]

Hosts = NDArray[np.int64]
#: A way counts for at least this part of the best one, so that none is forgotten.
_LEAST_WORTH = 0.05
#: How fast the worth of a way follows what it brings.
_MEMORY = 0.1


class Choices:
    """Ways to choose hosts, drawn by what they have saved lately per second of work.

    ``slopes`` joins hosts that draw differently per unit of load, ``gaps`` hosts whose leftover rooms
    complement each other, ``empty`` one host with few VMs and roomy others, ``swap`` a host in use, one that is
    off, and roomy others; ``any`` chance alone.
    """

    def __init__(self, instance: Instance, problem: Problem, *, most_hosts: int, seed: int) -> None:
        self.problem, self.most_hosts = problem, most_hosts
        self.rng = np.random.default_rng(seed)
        self.free = instance.active & (~problem.limits.named | _only_spread(instance))
        self.share = 1.0 / np.maximum(instance.capacity.max(axis=0), 1)
        self.slope = (problem.table[:, 10] - problem.table[:, 0]) / problem.cpu
        # An empty host in a set with a limit on those online stays empty: the part sees no such limits.
        self.may_open = problem.masks.any(axis=0) & ~problem.limits.counted
        self.ways: tuple[Callable[[State, Hosts, int], Hosts], ...] = (
            self._slopes,
            self._gaps,
            self._empty,
            self._swap,
            self._any,
        )
        self.worth = np.ones(len(self.ways))

    def draw(self, state: State) -> tuple[int, Hosts]:
        """Return the number of a way, and the hosts that it chooses; at least one carries VMs."""
        used = np.flatnonzero(state.n_vms > 0)
        chance = np.maximum(self.worth / self.worth.max(), _LEAST_WORTH)
        way = int(self.rng.choice(len(self.ways), p=chance / chance.sum()))
        n = int(self.rng.integers(2, self.most_hosts + 1))
        return way, self.ways[way](state, used, n)

    def learn(self, way: int, saved_mj: int, spent_s: float) -> None:
        """Remember what a way has saved."""
        self.worth[way] += _MEMORY * (saved_mj / max(spent_s, 1e-3) - self.worth[way])
        self.worth = np.maximum(self.worth, 1e-9)

    def may_move(self, state: State, hosts: Hosts, most: int) -> NDArray[np.int64]:
        """Return at most so many VMs that are on the hosts and may move, drawn at random if need be."""
        vms = np.flatnonzero(np.isin(state.host_of, hosts) & self.free)
        return vms if len(vms) <= most else np.sort(self.rng.choice(vms, most, replace=False))

    def _left(self, state: State, hosts: Hosts) -> NDArray[np.float64]:
        left: NDArray[np.float64] = state.room[hosts] * self.share
        return left

    def _one(self, hosts: Hosts, weight: NDArray[np.float64] | None = None) -> int:
        chance = None if weight is None else weight / weight.sum()
        return int(self.rng.choice(hosts, p=chance))

    def _and(self, hosts: list[int], used: Hosts, weight: NDArray[np.float64], n: int) -> Hosts:
        """Add hosts in use, by weight, until there are n."""
        weight = np.where(np.isin(used, hosts), 0.0, weight)
        n = min(n - len(hosts), int(np.count_nonzero(weight)))
        if n <= 0:
            return np.array(hosts, dtype=np.int64)
        more = self.rng.choice(used, n, replace=False, p=weight / weight.sum())
        return np.concatenate([np.array(hosts, dtype=np.int64), more])

    def _slopes(self, state: State, used: Hosts, n: int) -> Hosts:  # noqa: ARG002 - one of the ways
        first = self._one(used)
        differs = np.abs(self.slope[used] - self.slope[first]) / max(float(self.slope.max()), 1e-30)
        return self._and([first], used, differs + 1e-3, n)

    def _gaps(self, state: State, used: Hosts, n: int) -> Hosts:
        left = self._left(state, used)
        first = self._one(used, left.max(axis=1) + 1e-6)
        mine = self._left(state, np.array([first]))[0]
        lean = left - left.mean(axis=1, keepdims=True)
        against = np.maximum(0.0, -(lean @ (mine - mine.mean())))
        return self._and([first], used, against / max(float(against.max()), 1e-30) + 1e-3, n)

    def _empty(self, state: State, used: Hosts, n: int) -> Hosts:
        first = self._one(used, 1.0 / state.n_vms[used])
        roomy = self._left(state, used).min(axis=1)
        return self._and([first], used, np.maximum(roomy, 0.0) + 1e-4, n)

    def _swap(self, state: State, used: Hosts, n: int) -> Hosts:
        off = np.flatnonzero((state.n_vms == 0) & self.may_open)
        if not len(off):
            return self._any(state, used, n)
        # The first of the cheapest few: which one of equals hardly matters.
        kinds = np.unique(self.problem.table[off, 0], return_index=True)[1]
        opened = self._one(off[kinds]) if self.rng.random() < 0.5 else self._one(off)
        roomy = self._left(state, used).min(axis=1)
        hosts = [opened, self._one(used, 1.0 / state.n_vms[used])]
        return self._and(hosts, used, np.maximum(roomy, 0.0) + 1e-4, n)

    def _any(self, state: State, used: Hosts, n: int) -> Hosts:  # noqa: ARG002 - one of the ways
        return self.rng.choice(used, min(n, len(used)), replace=False)


def _only_spread(instance: Instance) -> NDArray[np.bool_]:
    """Say of each VM whether spread is the only rule besides possible hosts that may name it."""
    others = tuple(rule for rule in instance.rules if not isinstance(rule, Spread))
    only: NDArray[np.bool_] = ~kernel_limits(replace(instance, rules=others)).named
    return only
