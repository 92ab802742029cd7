"""Results that come one by one, and what is left of an interrupted search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from consolidate.solvers import AnytimePolicy, Proposal, improvements, solve


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Proposes the placements that it is given; ``None`` stands for a Ctrl-C."""

    name: ClassVar[str] = "steps"
    rules: ClassVar[frozenset[str]] = frozenset()
    placements: tuple[tuple[int, ...] | None, ...]

    def proposals(self, instance, budget, *, seed, clock, progress) -> Iterator[Proposal]:
        for k, host_of in enumerate(self.placements):
            if host_of is None:
                raise KeyboardInterrupt
            yield Proposal(host_of=np.array(host_of, dtype=np.int32), stopped=f"step {k}")

    def propose(self, instance, budget, *, seed, clock, progress) -> Proposal:
        *_, last = self.proposals(instance, budget, seed=seed, clock=clock, progress=progress)
        return last


def test_results_only_get_better(builders):
    """A worse proposal does not replace a better one, and each result is complete."""
    policy = Steps(placements=((0, 0, 1, 1), (0, 1, 2, 3), (0, 0, 0, 0)))
    assert isinstance(policy, AnytimePolicy)
    results = list(improvements(builders.spread_out(), policy, min_saving_fraction=0.0))
    assert [r.placement.used_hosts().size for r in results[:3]] == [2, 2, 1]
    assert all(0 < r.bound_mj <= r.objective_mj for r in results)
    # Stronger bounds come last, with the best placement again.
    best = results[2].placement.host_of.tolist()
    assert all(r.placement.host_of.tolist() == best for r in results[3:])
    assert sorted(r.gap for r in results) == [r.gap for r in results[::-1]]


def test_an_interrupt_returns_the_best_so_far(builders):
    """The answer says that it was interrupted, and how far it had come."""
    result = solve(builders.spread_out(), Steps(placements=((0, 0, 1, 1), None)))
    assert result.placement.host_of.tolist() == [0, 0, 1, 1]
    assert result.stopped == "interrupted; before: step 0"


def test_an_interrupt_before_any_placement_goes_through(builders):
    """There is nothing to return."""
    with pytest.raises(KeyboardInterrupt):
        solve(builders.spread_out(), Steps(placements=(None,)))


def test_whoever_stops_asking_has_the_best_so_far(builders):
    """The first result is there before the second is computed."""
    steps = improvements(builders.spread_out(), Steps(placements=((0, 0, 1, 1), None)))
    assert next(steps).placement.used_hosts().size == 2
