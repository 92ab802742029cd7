"""Small problems against a search through everything: no reachable target is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from consolidate.errors import PlanError
from consolidate.model import PowerControl
from consolidate.planning import plan
from consolidate.planning.estimates import Estimates


def reachable(instance, target) -> bool:
    """Say whether moves one after the other lead to the target: all placements, the slow way."""
    fleet = instance.fleet
    mask_of, masks = instance.host_masks()
    estimates = Estimates(instance)
    used = set(target.host_of.tolist())
    open_hosts = [
        h
        for h in range(fleet.n_hosts)
        if fleet.may_receive()[h]
        and (fleet.powered_on[h] or fleet.power_control[h] == PowerControl.MANAGED or h in used)
    ]

    def may(where, v, h):
        if not masks[mask_of[v], h] or estimates.between(v, where[v], h).mode is None:
            return False
        present = [u for u, at in enumerate(where) if at == h] + [v]
        for r in range(len(instance.resources)):
            if (
                sum(instance.need[u, r] + instance.vm_overhead[h, r] for u in present)
                > instance.capacity[h, r]
            ):
                return False
        return all(
            sum(u in rule.vms for u in present) < 2 or v not in rule.vms
            for rule in instance.rules
            if rule.continuous and rule.name == "spread"
        )

    start, goal = tuple(instance.current.host_of.tolist()), tuple(target.host_of.tolist())
    seen, frontier = {start}, [start]
    while frontier:
        where = frontier.pop()
        if where == goal:
            return True
        for v, h in itertools.product(range(len(where)), open_hosts):
            if h == where[v] or not instance.movable[v] or not may(where, v, h):
                continue
            after = (*where[:v], h, *where[v + 1 :])
            if after not in seen:
                seen.add(after)
                frontier.append(after)
    return False


def tiny(scenes, seed):
    """Return a problem with few placements that is tight enough to be stuck at times."""
    rng = np.random.default_rng(seed)
    n_hosts, n_vms = int(rng.integers(2, 4)), int(rng.integers(2, 6))
    sizes = rng.integers(1, 6, n_vms) * 500
    limit = int(sizes.sum() / n_hosts * rng.uniform(1.1, 1.6)) + 250
    hosts = [scenes.host(memory=limit, on=rng.random() > 0.1) for _ in range(n_hosts)]
    vms = [scenes.vm(memory=int(m)) for m in sizes]
    lit = [h for h in range(n_hosts) if hosts[h]["on"]]
    both = [scenes._draw(rng, hosts, vms, [], [at] * n_vms) for at in (lit, list(range(n_hosts)))]
    if not lit or None in both:
        return None
    return scenes.scene(hosts, vms, both[0]), scenes.to(*both[1])


def compare(scenes, seeds) -> tuple[int, int]:
    found = stuck = 0
    for seed in seeds:
        drawn = tiny(scenes, seed)
        if drawn is None:
            continue
        instance, target = drawn
        can = reachable(instance, target)
        try:
            made = plan(instance, target)
        except PlanError:
            assert not can, f"seed {seed}: a reachable target is refused"
            stuck += 1
            continue
        assert can, f"seed {seed}"
        assert scenes.carry_out(instance, made) == target.host_of.tolist(), f"seed {seed}"
        found += 1
    return found, stuck


def test_no_reachable_target_is_refused(scenes):
    """And no target that cannot be reached gets a plan; both kinds occur."""
    found, stuck = compare(scenes, range(150))
    assert found > 50
    assert stuck > 5


@pytest.mark.slow
def test_no_reachable_target_is_refused_thousands(scenes):
    """The same with a few thousand seeds."""
    found, stuck = compare(scenes, range(1_000, 5_000))
    assert found > 1_000
    assert stuck > 100
