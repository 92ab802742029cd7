"""Thousands of small random problems with rules, sites, closed hosts and stubborn VMs: nothing slips through.

Each is compared with a search through all placements, and each plan is carried out second by second and
judged. A slice runs with the fast tests.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consolidate.errors import PlanError
from consolidate.migration import MoveSettings
from consolidate.model import Ban, Fence, Interference, Lonely, PowerControl, Running, Split, Spread
from consolidate.planning import plan
from consolidate.study.judge import judge_plan


def draw(scenes, seed):
    """Return a tight problem with a target that keeps all rules, or nothing when none was drawn."""
    rng = np.random.default_rng([seed, 77])
    n_hosts, n_vms = int(rng.integers(2, 5)), int(rng.integers(2, 7))
    memory = rng.integers(1, 6, n_vms) * 200
    size = float(memory.sum() * rng.uniform(1.1, 1.9) / n_hosts) + 150
    hosts = [
        scenes.host(
            cpu=int(rng.integers(4, 9)) * 1_000,
            memory=int(size * rng.uniform(0.8, 1.4)),
            on=rng.random() > 0.15,
            control=PowerControl(int(rng.choice([0, 0, 0, 1, 2]))),
            maintenance=rng.random() < 0.06,
            modes=rng.choice(["live", "live saved_state", "live saved_state", "saved_state"]).split(),
            per_vm=(0, int(rng.choice([0, 0, 20]))),
            nic=float(rng.choice([1_000, 10_000])),
            boot_s=int(rng.integers(0, 9)),
            shutdown_s=int(rng.integers(0, 9)),
        )
        for _ in range(n_hosts)
    ]
    vms = [
        scenes.vm(
            cpu=int(rng.integers(1, 20)) * 100,
            memory=int(memory[k]),
            dirty=float(rng.choice([0, 40, 5_000], p=[0.6, 0.3, 0.1])),
            movable=rng.random() > 0.06,
        )
        for k in range(n_vms)
    ]
    rules = _rules(rng, n_hosts, n_vms)
    lit = [h for h in range(n_hosts) if hosts[h]["on"]]
    current = lit and scenes._draw(rng, hosts, vms, rules, [lit] * n_vms)
    if not current:
        return None
    moves = MoveSettings(
        moves_in=int(rng.integers(1, 4)),
        moves_out=int(rng.integers(1, 4)),
        moves_per_host=int(rng.choice([0, 0, 1, 2])),
        moves_at_once=int(rng.choice([0, 0, 1, 2])),
        # So dear that nobody is stopped where moves alone will do.
        downtime_j_per_s=1e6 if seed % 4 else None,
    )
    instance = scenes.scene(hosts, vms, current, rules=rules, moves=moves)
    open_ = [
        h
        for h in range(n_hosts)
        if not hosts[h]["maintenance"]
        and (hosts[h]["on"] or hosts[h]["control"] != PowerControl.NO_WAKE)
    ]
    allowed = [open_ if vms[k]["movable"] else [current[k]] for k in range(n_vms)]
    target = scenes._draw(
        rng, hosts, vms, rules, [sorted({*a, current[k]}) for k, a in enumerate(allowed)]
    )
    if not target:
        return None
    if rng.random() < 0.4:
        always = Running(vms=(int(rng.integers(n_vms)),), continuous=True)
        instance = replace(instance, rules=(*instance.rules, always))
    return instance, scenes.to(*target)


def _rules(rng, n_hosts, n_vms):
    some = [
        tuple(rng.choice(n_vms, size=min(n_vms, int(rng.integers(1, 4))), replace=False).tolist())
        for _ in range(6)
    ]
    places = tuple(rng.choice(n_hosts, size=max(1, n_hosts - 1), replace=False).tolist())
    flag = [bool(x) for x in rng.random(6) < 0.7]
    apart = (some[4][:1], tuple(v for v in some[5] if v not in some[4][:1]))
    made = [
        Spread(vms=some[0], continuous=flag[0]),
        Fence(vms=some[1], hosts=places, continuous=flag[1]),
        Ban(vms=some[2][:1], hosts=places[:1], continuous=flag[2]),
        Lonely(vms=some[3], continuous=flag[3]),
        Interference(vms=some[4], others=some[5], most=1, continuous=flag[4]),
    ]
    made += [Split(parts=apart, continuous=flag[5])] if all(apart) else []
    chosen = rng.random(len(made)) < [0.3, 0.15, 0.15, 0.08, 0.15, 0.12][: len(made)]
    return [rule for rule, yes in zip(made, chosen, strict=True) if yes]


def keeps(rule, held):
    """Say whether the VMs on each host keep a rule; in our own words."""
    for h, vms in held.items():
        mine = vms & set(rule.vms)
        if isinstance(rule, Spread) and len(mine) > 1:
            return False
        if isinstance(rule, Fence) and mine and h not in rule.hosts:
            return False
        if isinstance(rule, Ban) and mine and h in rule.hosts:
            return False
        if isinstance(rule, Lonely) and mine and vms - mine:
            return False
        if isinstance(rule, Split) and sum(bool(vms & set(part)) for part in rule.parts) > 1:
            return False
        if isinstance(rule, Interference) and mine and len(vms & set(rule.others)) > rule.most:
            return False
    return True


def reachable(instance, target, *, storage=True):
    """Say whether moves one after the other lead to the target, each with its VM on both hosts.

    With storage, and a price of downtime, a VM may also be saved where its host offers that, and come back to
    a host that does, unless a rule says that it runs all the time.
    """
    fleet = instance.fleet
    types = [fleet.types[k] for k in fleet.host_type]
    wanted = set(target.host_of.tolist())
    settings = instance.moves

    def mode_exists(v, a, b):
        both = types[a].hypervisor.moves & types[b].hypervisor.moves
        rate = (
            min(types[a].nic_mbit_per_s, types[b].nic_mbit_per_s)
            * settings.bandwidth_fraction
            / 8.388608
        )
        # It converges when it is written more slowly than sent, or when all that is written is sent at once.
        working_set = settings.working_set_fraction * instance.need[v, 1]
        converges = instance.vms.dirty_mib_per_s[v] < 0.9 * rate or working_set <= (
            rate * settings.downtime_limit_s
        )
        return "saved_state" in both or ("live" in both and converges)

    def usable(h):
        if fleet.maintenance[h]:
            return False
        if fleet.powered_on[h]:
            return True
        control = fleet.power_control[h]
        return control == PowerControl.MANAGED or (h in wanted and control != PowerControl.NO_WAKE)

    storage &= settings.downtime_j_per_s is not None
    always = {v for r in instance.rules if isinstance(r, Running) and r.continuous for v in r.vms}
    stored = "in storage"

    def saves(v, h):
        return storage and v not in always and "saved_state" in types[h].hypervisor.moves

    def fits(v, h, where):
        there = [u for u, at in enumerate(where) if at == h] + [v]
        total = sum(instance.need[u] + instance.vm_overhead[h] for u in there)
        return bool((total <= instance.capacity[h]).all())

    def held(where):
        return {h: {u for u, at in enumerate(where) if at == h} for h in range(fleet.n_hosts)}

    start, goal = tuple(instance.current.host_of.tolist()), tuple(target.host_of.tolist())
    seen, queue = {start}, deque([start])
    while queue:
        where = queue.popleft()
        if where == goal:
            return True
        for v in range(len(where)):
            away = (*where[:v], stored, *where[v + 1 :])
            able = instance.movable[v] and where[v] != stored and saves(v, where[v])
            if able and away not in seen:
                seen.add(away)
                queue.append(away)
            for h in range(fleet.n_hosts):
                after = (*where[:v], h, *where[v + 1 :])
                if h == where[v] or after in seen or not instance.movable[v] or not usable(h):
                    continue
                way = saves(v, h) if where[v] == stored else mode_exists(v, where[v], h)
                if not way or not fits(v, h, where):
                    continue
                both = held(where)
                both[h].add(v)
                if all(keeps(rule, both) for rule in instance.rules if rule.continuous):
                    seen.add(after)
                    queue.append(after)
    return False


def sweep(scenes, seeds):
    kinds = Counter()
    for seed in seeds:
        drawn = draw(scenes, seed)
        if drawn is None:
            kinds["not drawn"] += 1
            continue
        instance, target = drawn
        can = reachable(instance, target)
        refusal = None
        try:
            made = plan(instance, target, fast=seed % 4 > 0)
        except PlanError as error:
            refusal = error
        if refusal is not None:
            assert not can, f"seed {seed}: a reachable target is refused: {refusal}"
            kinds["refused"] += 1
            continue
        assert can, f"seed {seed}: a plan for a target out of reach"
        needed = bool(made.saves) and not reachable(instance, target, storage=False)
        assert needed or not made.saves, f"seed {seed}: a VM is stopped although moves alone would do"
        kinds["stored"] += needed
        assert scenes.carry_out(instance, made) == target.host_of.tolist(), f"seed {seed}"
        judge_plan(instance, made)
        kinds["planned"] += 1
        kinds["parked"] += any(m.parking for m in made.migrations)
    return kinds


def test_a_slice(scenes):
    """The first of the problems: some have plans, with and without parking, and some have none."""
    kinds = sweep(scenes, range(120))
    assert kinds["planned"] > 50, kinds
    assert kinds["refused"] > 3, kinds
    assert kinds["parked"] > 1, kinds
    assert kinds["stored"] > 1, kinds


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(20_000, 2**31))
def test_any_problem(scenes, seed):
    """The same for whatever seed is thought of."""
    sweep(scenes, [seed])


@pytest.mark.slow
@pytest.mark.parametrize("block", range(15))
def test_all(scenes, block):
    """More than ten thousand problems, from blocks of a thousand seeds."""
    kinds = sweep(scenes, range(1_000 * block, 1_000 * (block + 1)))
    assert kinds["planned"] > 300, kinds
