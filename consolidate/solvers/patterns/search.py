"""The search for a cheap packing, step by step, each step only while cost and bound differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.patterns.dive import dive
from consolidate.solvers.patterns.ends import near_patterns, tight_patterns
from consolidate.solvers.patterns.generation import Generation
from consolidate.solvers.patterns.limit import Limit, Within
from consolidate.solvers.patterns.packed import Packed, filled
from consolidate.solvers.patterns.problem import PackingProblem
from consolidate.solvers.patterns.reopening import reopened
from consolidate.solvers.patterns.swaps import swapped
from consolidate.solvers.patterns.whole import whole_patterns

__all__ = ["Search"]

#: Parts of the time for column generation, and up to the end of the first dive.
_GENERATION, _FIRST_DIVE = 0.5, 0.75
_MIP_PATTERNS = 12_000
#: Weight of chance, and of items that few patterns hold, in the choice of patterns.
_NOISE, _SCARCE = 0.1, 0.3
#: Dives before the integer program over their patterns.
_DIVES_FIRST = 16
_LEFT_OUT = 1e-6
#: Searches by exchanges at the start, once there are prices, and after each dive.
_SWAPS_FIRST, _SWAPS_PRICED, _SWAPS_LATER = 2, 40, 20
#: Searches times items where time is not limited.
_SWAP_WORK = 6_000
#: Seconds of an integer program at most; none is begun with less than the second number.
_MIP_S, _LEAST_MIP_S = 10.0, 0.2
#: The same over listed patterns.
_NEAR_S = 1.0
#: What the bins that are packed again waste beyond what is to be saved, in bins.
_SPARE = (0.1, 0.3, 0.6)
#: Part of the time after which nothing is begun.
_END = 0.97
#: Part of the time for exchanges: far from the bound, and one bin above, where they succeed soon or not at all.
_SWAP_PART = (0.06, 0.02)
#: Part of the time, and least seconds, that one linear program may take: a few of them never end.
_LP_PART, _LEAST_LP_S = 0.05, 0.5


@dataclass(slots=True, kw_only=True)
class Search:
    """What is known so far, and how much time is left."""

    problem: PackingProblem
    seed: int
    clock: Callable[[], float]
    started_s: float
    time_limit_s: float | None
    stop: Callable[[], bool]
    within: Within
    best: Packed | None = None
    bound: int = 0
    price: NDArray[np.float64] | None = None

    def is_done(self) -> bool:
        """Say whether nothing can be cheaper."""
        return self.best is not None and self.best.cost <= self.bound

    def is_close(self) -> bool:
        """Say whether a cost less by one would be proven optimal."""
        return self.best is not None and self.best.cost <= self.bound + 1

    def is_past(self, part: float) -> bool:
        """Say whether this part of the time is over."""
        limit = self.time_limit_s
        late = limit is not None and self.clock() >= self.started_s + part * limit
        return late or self.stop()

    def is_over(self) -> bool:
        """Say whether it is too late to begin anything."""
        return self.is_past(_END)

    def exactly(
        self, part: float, work: Callable[[Limit], Packed | None], *, most_s: float = _MIP_S
    ) -> None:
        """Take what an exact solver finds in this part of the time that is left, if that is enough to begin.

        Without a time limit the solver's own measure of work ends it, so that the result repeats; where the
        caller's time ends meanwhile, nothing is taken.
        """
        if self.time_limit_s is None:
            self.take(self.within(lambda left_s: work(Limit(seconds=left_s, repeats=True))))
            return
        left_s = min(_MIP_S, part * (self.started_s + self.time_limit_s - self.clock()))
        if left_s >= _LEAST_MIP_S:
            self.take(work(Limit(seconds=min(most_s, left_s), repeats=False)))

    def take(self, found: Packed | None) -> None:
        """Keep a packing if it is the cheapest so far."""
        if found is not None and (self.best is None or found.cost < self.best.cost):
            self.best = found

    def start(self) -> None:
        """Fill bins greedily, exchange items, and try to fill as many bins as the sizes add up to."""
        self.bound = _by_size(self.problem)
        for kind, bin_type in enumerate(self.problem.bins):
            packed = filled(self.problem, kind, self.problem.demand)
            done = sum(t * p for t, p in zip(packed.times, packed.patterns, strict=True))
            enough = bin_type.quantity < 0 or sum(packed.times) <= bin_type.quantity
            if enough and bool(np.all(done == self.problem.demand)):
                self.take(packed)
        if self.problem.is_classic() and self.best is not None and not self.is_done():
            self._swap(self.best, _SWAPS_FIRST)
            if not self.is_done():
                self.exactly(0.8, lambda limit: tight_patterns(self.problem, self.bound, limit=limit))

    def generate(self, rounds: int) -> Generation:
        """Generate patterns, so many rounds at most; improve the bound."""
        problem = self.problem
        generation = Generation.of(problem)
        generation.bound = self.bound
        if self.time_limit_s is not None:
            generation.master.limit(max(_LEAST_LP_S, _LP_PART * self.time_limit_s))
        for kind in range(len(problem.bins)):
            for pattern in filled(problem, kind, problem.demand).patterns:
                generation.master.add(kind, pattern)
        value = generation.run(
            problem.demand,
            stop=lambda: self.is_past(_GENERATION),
            max_rounds=rounds,
            good_enough=None if self.best is None else self.best.cost,
            # Where patterns are listed, the last rounds cost little, and good prices are worth much below.
            to_the_end=generation.pricers[0].listing is not None,
        )
        self.bound = generation.bound
        if problem.is_classic() and value is not None:
            self.price = generation.master.prices()
        return generation

    def dive(self, generation: Generation, dives: int) -> None:
        """Dive, with other ties each time, and combine what the dives have brought."""
        rng, has_tried = np.random.default_rng(self.seed), False
        generation.focus()
        scarcity = generation.pricers[0].scarcity()
        if self.best is not None:
            self._improve(self.best, _SWAPS_PRICED, rng)
        for number in range(dives):
            if self.is_done() or (number > 0 and self.is_over()):
                break
            prefer = rng.uniform(0, _NOISE, self.problem.n_classes)
            if number % 2 == 0:
                prefer += _SCARCE * scarcity
            end = _FIRST_DIVE if number == 0 else _END
            found = dive(
                generation,
                stop=lambda end=end: self.is_past(end),  # type: ignore[misc]
                prefer=None if number == 0 else prefer,
                goal=self._goal(first=number == 0),
                relax=number == 0,
            )
            self.take(found)
            if found is not None:
                self._improve(found, _SWAPS_LATER, rng)
            # Dives bring patterns that the integer program combines, so it comes late, but it has to come.
            late = number + 1 >= min(dives, _DIVES_FIRST) or self.is_past(_GENERATION)
            if late and not has_tried and not self.is_done():
                has_tried = True
                self._combine(generation)

    def _goal(self, *, first: bool) -> int | None:
        """Return the bins that a dive shall need at most: at first as few as may be possible."""
        if not self.problem.is_classic():
            return None
        return self.bound if first or self.best is None else self.best.cost - 1

    def _improve(self, packed: Packed, tries: int, rng: np.random.Generator) -> None:
        """Search around a packing, by exchanges and by packing some bins again."""
        if self.is_done() or not self.problem.is_classic():
            return
        self._swap(packed, tries)
        for spare in _SPARE:
            best = self.best
            if self.price is None or best is None or self.is_done() or self.is_over():
                return
            around = packed if packed.cost <= best.cost else best
            found = reopened(
                self.problem,
                around,
                best.cost - 1,
                price=self.price,
                spare=spare,
                noise=rng.uniform(0.5, 1.0, around.cost),
                stop=self.is_over,
            )
            self.take(found)

    def _swap(self, packed: Packed, tries: int) -> None:
        """Search by exchanges for a packing cheaper than the best."""
        until_s = np.inf
        if self.time_limit_s is None:
            tries = min(tries, max(_SWAPS_FIRST, _SWAP_WORK // int(self.problem.demand.sum())))
        else:
            until_s = self.clock() + _SWAP_PART[self.is_close()] * self.time_limit_s
        found = swapped(
            self.problem,
            packed,
            target=self.bound,
            tries=tries,
            stop=lambda: self.clock() > until_s or self.is_over(),
            seed=self.seed,
            price=self.price,
        )
        self.take(found)

    def _combine(self, generation: Generation) -> None:
        """Solve an integer program: over listed patterns near their price, else over those generated."""
        master, listing = generation.master, generation.pricers[0].listing
        if self.is_done():
            return
        if listing is not None and generation.dual is not None and self.best is not None:
            near = partial(
                near_patterns, self.problem, listing, self.best.cost - 1, dual=generation.dual
            )
            self.exactly(0.6, lambda limit: near(limit=limit), most_s=_NEAR_S)
        elif len(master.patterns) <= _MIP_PATTERNS and master.missing() <= _LEFT_OUT:
            whole = partial(
                whole_patterns, self.problem, master.kinds, master.patterns, self.problem.demand
            )
            self.exactly(0.6, lambda limit: whole(limit=limit, target=generation.bound))


def _by_size(problem: PackingProblem) -> int:
    """Return how many bins the sizes add up to, where the cost is the number of bins of one type."""
    if len(problem.bins) != 1 or not problem.counts_bins():
        return 0
    only = problem.bins[0]
    total = (problem.demand @ only.size).tolist()
    return max(
        (-(-t // c) for t, c in zip(total, only.capacity.tolist(), strict=True) if c > 0), default=0
    )
