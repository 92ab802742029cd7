"""Column generation: patterns are priced until none is worth more than it costs.

Gilmore, Gomory 1961 (doi:10.1287/opre.9.6.849). Prices are smoothed towards those of the best bound (Wentges
1997, doi:10.1111/j.1475-3995.1997.tb00001.x; Pessoa et al. 2018, doi:10.1287/ijoc.2017.0784). At any moment
the bound is Lagrangian in whole numbers, or, where bins are unlimited, Farley's (1990,
doi:10.1287/opre.38.5.922).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.patterns.master import Master
from consolidate.solvers.patterns.pricing import Pricer
from consolidate.solvers.patterns.problem import PackingProblem

__all__ = ["Dual", "Generation", "integer_bound"]

_SMOOTHING = 0.6
#: Largest price of an item after scaling: sums of products stay below 2**62.
_LARGEST_PRICE = 2**36
_NEW_PER_ROUND = 100
_TIE = 1e-8


def integer_bound(
    problem: PackingProblem,
    demand: NDArray[np.int64],
    price: NDArray[np.int64],
    uppers: list[int],
    rents: list[int],
    scale: int,
) -> int:
    """Return a lower bound on the cost in whole numbers, rounded up.

    Parameters
    ----------
    price
        Of an item of each class, times ``scale``.
    uppers
        No pattern of a bin type is worth more, times ``scale``.
    rents
        Unused where bins are unlimited: what a bin of the type may be worth above its cost, times ``scale``.
    """
    total = sum(int(d) * int(p) for d, p in zip(demand.tolist(), price.tolist(), strict=True))
    unlimited = [k for k, b in enumerate(problem.bins) if b.quantity < 0]
    for k, b in enumerate(problem.bins):
        if b.quantity >= 0:
            total -= b.quantity * max(0, uppers[k] - b.cost * scale, rents[k])
    worst = [(uppers[k], problem.bins[k].cost * scale) for k in unlimited]
    if all(upper <= cost for upper, cost in worst):
        return -(-total // scale)
    if len(unlimited) < len(problem.bins) or not all(
        b.item_cost.min(initial=0) >= 0 for b in problem.bins
    ):
        return 0
    # Divided by the largest of value / cost, the prices admit every pattern.
    upper, cost = max(worst, key=lambda pair: pair[0] / max(1, pair[1]))
    for u, c in worst:
        if u * cost > upper * c:
            upper, cost = u, c
    return -(-total * cost // (upper * scale))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dual:
    """Prices that gave the best bound, where there is one type of bin.

    Parameters
    ----------
    price
        Of an item of each class, shape ``(classes,)``.
    upper
        Of a bin: no pattern is worth more.
    """

    price: NDArray[np.int64]
    upper: int

    def value(self, demand: NDArray[np.int64]) -> float:
        """Return the number of bins that the items are worth."""
        return float(self.price.astype(np.float64) @ demand) / max(1, self.upper)


@dataclass(slots=True)
class Generation:
    """Column generation on one master; ``run`` may be called again after the demand has shrunk."""

    problem: PackingProblem
    master: Master
    pricers: list[Pricer]
    nodes: int = 200_000
    bound: int = 0
    rounds: int = 0
    dual: Dual | None = None

    @classmethod
    def of(cls, problem: PackingProblem) -> Generation:
        """Start without patterns."""
        return cls(
            problem=problem,
            master=Master(problem),
            pricers=[Pricer(b, problem.demand) for b in problem.bins],
        )

    def run(
        self,
        demand: NDArray[np.int64],
        *,
        stop: Callable[[], bool],
        max_rounds: int = 10_000,
        good_enough: int | None = None,
        to_the_end: bool = False,
    ) -> float | None:
        """Generate patterns for a demand; return the value of the master, ``None`` without one.

        Parameters
        ----------
        demand
            Items still to pack; when it is all of them, :attr:`bound` is updated.
        stop
            Asked before each round.
        max_rounds
            Rounds at most.
        good_enough
            End as soon as the bound reaches this cost.
        to_the_end
            Do not end when the bound, rounded up, cannot improve any more.
        """
        whole = bool((demand == self.problem.demand).all())
        centre: NDArray[np.float64] | None = None
        centre_bound, smoothing, value = -np.inf, _SMOOTHING, None
        for _ in range(max_rounds):
            if stop():
                break
            self.rounds += 1
            solved = self.master.solve()
            if solved is None:
                break
            value = solved
            prices, rents = self.master.prices(), self.master.rents()
            weight = smoothing if centre is not None else 0.0
            trial = prices if centre is None else weight * centre + (1 - weight) * prices
            added, bound = self._price(demand, trial, prices, rents, whole=whole)
            if bound > centre_bound:
                centre, centre_bound = trial, bound
            reached = good_enough is not None and self.bound >= good_enough
            if reached or (whole and not to_the_end and self._rounds_up(value)):
                break
            if not added:
                if weight == 0.0:
                    break
                smoothing = 0.0
            elif smoothing == 0.0:
                smoothing = _SMOOTHING
        return value

    def focus(self) -> None:
        """Let later runs, for less than the whole demand, look at the best of many listed patterns only."""
        if self.dual is not None:
            self.pricers[0].focus(self.dual.price, self.problem.demand)

    def _rounds_up(self, value: float) -> bool:
        """Say whether the proven bound already is the master's value, rounded up to a whole cost."""
        return self.problem.counts_bins() and self.bound >= np.ceil(value - 1e-6)

    def _price(
        self,
        demand: NDArray[np.int64],
        trial: NDArray[np.float64],
        prices: NDArray[np.float64],
        rents: NDArray[np.float64],
        *,
        whole: bool,
    ) -> tuple[int, float]:
        """Price every bin type at ``trial``; return the number of new patterns and the bound."""
        top = max(float(trial.max(initial=0.0)), self.master.unit)
        scale = max(1, int(_LARGEST_PRICE / top))
        price = np.floor(trial * scale).astype(np.int64)
        added, uppers = 0, []
        for k, pricer in enumerate(self.pricers):
            value, cost = pricer.values(price, scale), pricer.bin.cost * scale
            if pricer.bin.quantity == 0:
                uppers.append(cost)
                continue
            at_least = cost + int(rents[k] * scale)
            # Ties with the cost would be searched to the end.
            at_least += int(at_least * _TIE)
            exact = prices - pricer.bin.item_cost
            enough = pricer.bin.cost + rents[k] + 1e-7 * self.master.unit
            found = 0
            if not pricer.is_quick:
                found = self._add(k, pricer.several(value, demand, at_least), exact, enough)
            if not found:
                rows, upper = pricer.best(value, demand, at_least, self.nodes, whole=whole)
                found = self._add(k, list(rows), exact, enough)
                uppers.append(upper)
            added += found
        if len(uppers) < len(self.pricers):
            return added, -np.inf
        whole_rents = [int(r * scale) for r in rents.tolist()]
        bound = integer_bound(self.problem, demand, price, uppers, whole_rents, scale)
        if whole:
            self.bound = max(self.bound, bound)
        if not self.problem.is_classic():
            return added, float(bound)
        dual = Dual(price=price, upper=uppers[0])
        if whole and (self.dual is None or dual.value(demand) > self.dual.value(demand)):
            self.dual = dual
        return added, dual.value(demand)

    def _add(
        self,
        kind: int,
        candidates: list[NDArray[np.int64]],
        prices: NDArray[np.float64],
        enough: float,
    ) -> int:
        """Add the patterns that are worth more than ``enough``, the best first; return how many were new."""
        if not candidates:
            return 0
        gains = np.array(candidates) @ prices
        added = 0
        for c in np.argsort(-gains, kind="stable")[:_NEW_PER_ROUND].tolist():
            if gains[c] > enough and self.master.add(kind, candidates[c]):
                added += 1
        return added
