"""Prices of VM classes from the linear program over patterns, hosts on or off one by one.

Patterns belong to host types, so one table prices all hosts of a type; which hosts are on is a variable of
each. VMs that stay are free of charge for room here; that is mended where the bound is evaluated.

Where classes are many, their prices are not free one by one: each is its price at the start times a factor that
is interpolated between a few sizes. Any prices give a bound, and few factors are found quickly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.knapsack_greedy import greedy_patterns
from consolidate._kernels.knapsack_table import pattern_of, value_table
from consolidate.model import Instance
from consolidate.solvers.bounds.configuration_view import ConfigurationView
from consolidate.solvers.bounds.lagrangian import SCALE

__all__ = ["Prices"]

_SMOOTHING = 0.5
_ENOUGH = 1e-6
_BOX = 0.1
#: With more classes than this, patterns are looked for greedily before a table is filled.
_FEW_CLASSES = 60
_NEW_PER_ROUND = 30
#: Sizes of each resource between which factors are interpolated.
_KNOTS = 9


class Prices:
    """Column generation over patterns per host type."""

    def __init__(
        self,
        view: ConfigurationView,
        base: NDArray[np.int64],
        empty_mj: NDArray[np.int64],
        instance: Instance,
        start: NDArray[np.int64],
    ) -> None:
        """``start`` are scaled prices to start from; at first, prices stay near them."""
        from ortools.linear_solver import pywraplp

        self._view = view
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        self._optimal = pywraplp.Solver.OPTIMAL
        infinity = self._solver.infinity()
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        costs = []
        for t in view.types:
            at = np.repeat(np.arange(len(t.hosts)), np.diff(t.pointer))
            stay = np.zeros(len(t.hosts))
            np.add.at(stay, at, instance.move_mj[t.stays].astype(np.float64))
            on = base[t.hosts].astype(np.float64) - SCALE * (stay + empty_mj[t.hosts])
            costs.append(on)
        self.unit = max(1.0, float(np.mean(np.abs(np.concatenate(costs)))))
        self._start = np.maximum(start.astype(np.float64), 1.0) / self.unit
        self._basis = self._start[:, np.newaxis] * _between(view.key)
        asked = view.count @ self._basis
        self._covers = [self._solver.Constraint(float(n), infinity) for n in asked.tolist()]
        self._links = [self._solver.Constraint(0.0, infinity) for _ in view.types]
        for link, cost in zip(self._links, costs, strict=True):
            for c in cost.tolist():
                y = self._solver.NumVar(0.0, 1.0, "")
                link.SetCoefficient(y, 1.0)
                self._objective.SetCoefficient(y, c / self.unit)
        self._missing: list[pywraplp.Variable] = []
        self._surplus: list[pywraplp.Variable] = []
        for cover in self._covers:
            for sign, kept in ((1.0, self._missing), (-1.0, self._surplus)):
                variable = self._solver.NumVar(0.0, infinity, "")
                cover.SetCoefficient(variable, sign)
                kept.append(variable)
        self._set_box(_BOX)
        self._costs = [c / self.unit for c in costs]
        self._is_slow = len(view.count) > _FEW_CLASSES
        self._known: set[tuple[int, bytes]] = set()

    def _set_box(self, part: float) -> None:
        """Keep prices within this part of those at the start (Marsten et al. 1975)."""
        self._box = part
        for missing, surplus in zip(self._missing, self._surplus, strict=True):
            self._objective.SetCoefficient(missing, 1.0 + part)
            self._objective.SetCoefficient(surplus, -max(0.0, 1.0 - part))

    def rounds(self, most: int) -> Iterator[NDArray[np.int64]]:
        """Yield scaled prices, at each round those of the best bound so far."""
        centre, best, smoothing = self._start, -np.inf, 1.0
        for _ in range(most):
            if self._solver.Solve() != self._optimal:
                return
            # Asked before patterns are added: the solver forgets its answer then.
            value = float(self._objective.Value())
            exact = self._basis @ np.maximum([c.dual_value() for c in self._covers], 0.0)
            rents = np.array([max(0.0, link.dual_value()) for link in self._links])
            trial = smoothing * centre + (1 - smoothing) * exact
            at_edge = sum(v.solution_value() for v in (*self._missing, *self._surplus))
            bound, added = self._price(trial, exact, rents)
            if bound > best:
                best, centre = bound, trial
                yield np.floor(centre * self.unit).astype(np.int64)
            if value - best <= _ENOUGH * abs(value) or (not added and smoothing == 0.0):
                if at_edge < _ENOUGH * abs(value) or self._box > 1.0:
                    return
                self._set_box(3.0 * self._box)
            smoothing = _SMOOTHING if added or smoothing == 1.0 else 0.0

    def _price(
        self, trial: NDArray[np.float64], exact: NDArray[np.float64], rents: NDArray[np.float64]
    ) -> tuple[float, int]:
        """Return the Lagrangian value at ``trial``, and how many patterns were new."""
        price = np.floor(trial * self.unit).astype(np.int64)
        bound, added = float(self._view.count @ trial), 0
        for k, hosts in enumerate(self._view.types):
            if hosts.hosts.size == 0:
                continue
            value = np.where(hosts.takes, price + hosts.load_gain, 0)
            found = self._greedy(k, value, exact, rents[k]) if self._is_slow else 0
            added += found
            if found:
                bound = -np.inf
                continue
            shape = (int(hosts.offer[:, 0].max()) + 1, int(hosts.offer[:, 1].max()) + 1)
            table, taken = value_table(value, hosts.cells, self._view.count, shape)
            # The same answer serves hosts with less room.
            worth = table[hosts.offer[:, 0], hosts.offer[:, 1]] / self.unit
            bound += float(np.minimum(self._costs[k] - worth, 0.0).sum())
            counts = pattern_of(taken, hosts.cells, shape[0] - 1, shape[1] - 1)
            added += self._add(k, counts[np.newaxis], exact, rents[k])
        return bound, added

    def _greedy(
        self, kind: int, value: NDArray[np.int64], exact: NDArray[np.float64], rent: float
    ) -> int:
        """Add patterns that are found without a table; return how many were new."""
        hosts = self._view.types[kind]
        capacity = hosts.offer.max(axis=0)
        limit = np.where(hosts.takes & (hosts.cells <= capacity).all(axis=1), self._view.count, 0)
        seeds = np.flatnonzero((limit > 0) & (value > 0))
        if seeds.size == 0:
            return 0
        share = hosts.cells / np.maximum(capacity, 1)
        rows = []
        for weight in ((0.5, 0.5), (0.7, 0.3), (0.3, 0.7)):
            order = np.argsort(-value / np.maximum(share @ np.array(weight), 1e-9), kind="stable")
            at_least = int(rent * self.unit * (1 + 1e-9))
            counts, number = greedy_patterns(value, hosts.cells, limit, capacity, order, seeds, at_least)
            rows.append(counts[: int(number)])
        return self._add(kind, np.concatenate(rows), exact, rent)

    def _add(self, kind: int, rows: NDArray[np.int64], exact: NDArray[np.float64], rent: float) -> int:
        """Add the patterns that are worth more than the rent, the best first; return how many were new."""
        costs = -(rows @ self._view.types[kind].load_gain) / self.unit
        gains = rows @ exact - costs - rent
        added = 0
        for c in np.argsort(-gains, kind="stable")[:_NEW_PER_ROUND].tolist():
            key = (kind, rows[c].tobytes())
            if gains[c] <= 1e-9 or key in self._known:
                continue
            self._known.add(key)
            column = self._solver.NumVar(0.0, self._solver.infinity(), "")
            self._objective.SetCoefficient(column, float(costs[c]))
            self._links[kind].SetCoefficient(column, -1.0)
            covered = rows[c] @ self._basis
            for j in np.flatnonzero(covered).tolist():
                self._covers[j].SetCoefficient(column, float(covered[j]))
            added += 1
        return added


def _between(key: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of each factor in the price of each class; rows add up to 1.

    One factor per class where classes are few, else bilinear interpolation between quantiles of the sizes.
    """
    if len(key) <= _FEW_CLASSES:
        return np.eye(len(key))
    weights = np.ones((len(key), 1))
    for column in key.T:
        knots = np.unique(np.quantile(column, np.linspace(0, 1, _KNOTS)))
        hats = np.column_stack([np.interp(column, knots, unit) for unit in np.eye(len(knots))])
        weights = (weights[:, :, np.newaxis] * hats[:, np.newaxis, :]).reshape(len(key), -1)
    used: NDArray[np.float64] = weights[:, weights.any(axis=0)]
    return used
