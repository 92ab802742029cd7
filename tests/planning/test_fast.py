"""Plans for who waits for them: list schedules as they are."""

from __future__ import annotations

import numpy as np

from consolidate.planning import listing, plan, planner
from consolidate.study.judge import judge_plan


def tight(scenes, seed):
    """Ten VMs on four hosts that are nearly full, before and after; None where that does not fit."""
    rng = np.random.default_rng(seed)
    memory = rng.integers(1, 9, 10) * 400
    hosts = [scenes.host(memory=int(memory.sum() * rng.uniform(0.32, 0.45))) for _ in range(4)]
    vms = [scenes.vm(memory=int(m)) for m in memory]
    current, target = (scenes._draw(rng, hosts, vms, [], [[0, 1, 2, 3]] * 10) for _ in range(2))
    if current is None or target is None:
        return None
    return scenes.scene(hosts, vms, current), scenes.to(*target)


def test_nothing_is_annealed_for_who_waits(scenes, monkeypatch):
    """Every target that the whole search reaches is reached, in plans that are checked, some of them longer."""
    cases = [case for seed in range(40) if (case := tight(scenes, seed))]
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
