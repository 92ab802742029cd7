"""Plans for who waits for them: list schedules as they are."""

from __future__ import annotations

import numpy as np

from consolidate.planning import listing, plan, planner
from consolidate.study.judge import judge_plan


def test_nothing_is_annealed_for_who_waits(scenes, monkeypatch):
    """Every target that the whole search reaches is reached, in plans that are checked, some of them longer."""
    rngs = map(np.random.default_rng, range(40))
    cases = [case for rng in rngs if (case := scenes.tight(rng))]
    whole = [plan(*case) for case in cases]

    def refuse(*_given, **_named):
        raise AssertionError

    monkeypatch.setattr(listing, "annealed", refuse)
    monkeypatch.setattr(planner, "shorten", refuse)
    fast = [plan(*case, fast=True) for case in cases]
    for (instance, target), one in zip(cases, fast, strict=True):
        judge_plan(instance, one)
        assert scenes.carry_out(instance, one) == target.host_of.tolist()
    assert any(one.makespan_s > other.makespan_s for one, other in zip(fast, whole, strict=True))
    assert not any(one.makespan_s < other.makespan_s for one, other in zip(fast, whole, strict=True))
