"""The bare arrays: their energy, and putting VMs on and off hosts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from consolidate._kernels import local_search
from consolidate._kernels.problem import (
    fits,
    host_energy,
    move_cost,
    occupy,
    rules_allow,
    shift,
    table_power,
)
from consolidate.model.kernel_view import kernel_problem, kernel_state

RANDOM = st.randoms(use_true_random=False)
RULES = (
    "spread",
    "ban",
    "interference",
    "max_online",
    "lonely",
    "quarantine",
    "split",
    "among",
    "split_among",
)


def random_state(builders, rnd, **fields):
    """A random instance, its arrays, and a placement that need not be feasible."""
    instance = builders.random_instance(rnd, rules=RULES, wild=True, **fields)
    hosts = range(-1, instance.fleet.n_hosts)
    host_of = np.array([rnd.choice(hosts) for _ in range(len(instance.vms))], dtype=np.int32)
    return instance, kernel_problem(instance), kernel_state(instance, host_of), host_of


def copied(state):
    return type(state)(*(copied(a) if isinstance(a, tuple) else a.copy() for a in state))


@given(
    points=st.lists(st.integers(0, 1_000_000), min_size=11, max_size=11),
    cpu=st.integers(1, 300_000),
    load=st.integers(-10, 600_000),
)
def test_table_power_equals_its_twin(oracles, points, cpu, load):
    """The compiled interpolation is the exact one, falling curves and overload included."""
    assert table_power(np.array(points), load, cpu) == oracles.power_mw(points, load, cpu)


@given(rnd=RANDOM)
def test_host_energy_equals_its_twin(builders, oracles, rnd):
    """Every host of a random placement, boots and shutdowns included."""
    instance, problem, state, host_of = random_state(builders, rnd)
    for h in range(instance.fleet.n_hosts):
        members = [v for v, at in enumerate(host_of) if at == h]
        assert host_energy(problem, h, state.load[h], state.n_vms[h]) == oracles.host_mj(
            instance, h, members
        )


@given(rnd=RANDOM)
def test_total_energy_is_the_objective(builders, rnd):
    """Kernels and the model's own sum agree to the millijoule."""
    instance, problem, state, host_of = random_state(builders, rnd)
    expected = instance.objective.breakdown(instance, host_of).total_mj
    assert local_search.total_energy(problem, state) == expected


def rules_let_in(oracles, instance, host_of, v, h):
    """Say from the definitions whether a VM from nowhere may join a host: its rules hold there afterwards."""
    before = {w for w, at in enumerate(host_of) if at == h}
    after = before | {v}
    for rule in instance.rules:
        if rule.name == "spread" and v in rule.vms and before & set(rule.vms):
            return False
        if rule.name == "interference":
            counts = v in rule.others or v in rule.vms
            if counts and after & set(rule.vms) and len(after & set(rule.others)) > rule.most:
                return False
        if rule.name == "lonely" and before:
            own = set(rule.vms)
            if (v in own and before - own) or (v not in own and before & own):
                return False
        parts = rule.parts if rule.name == "split" and v in rule.vms else ()
        if any(v not in part and before & set(part) for part in parts):
            return False
        if rule.name in ("among", "split_among") and v in rule.vms:
            parts = rule.parts if rule.name == "split_among" else [rule.vms]
            mine, zone = next(p for p in parts if v in p), oracles.zone_of(rule, h)
            at = {w: oracles.zone_of(rule, host_of[w]) for p in parts for w in p if host_of[w] >= 0}
            if any(at[w] != zone for w in mine if w in at):
                return False
            others = any(at[w] == zone for p in parts if p is not mine for w in p if w in at)
            if others and not any(w in at for w in mine):
                return False
        if rule.name == "max_online" and h in rule.hosts and not before:
            on = {g for g in rule.hosts if g in host_of or oracles.stays_on(instance, g)}
            if h not in on and len(on) >= rule.most:
                return False
    return True


@given(rnd=RANDOM)
def test_fits_equals_its_twin(builders, oracles, rnd):
    """Mask, room and rules, against the definition, for every VM that is on no host."""
    instance, problem, state, host_of = random_state(builders, rnd)
    for v in np.flatnonzero(host_of < 0):
        for h in range(instance.fleet.n_hosts):
            members = [w for w, at in enumerate(host_of) if at == h]
            used = sum(instance.need[w] + instance.vm_overhead[h] for w in [v, *members])
            allowed = rules_let_in(oracles, instance, host_of.tolist(), int(v), h)
            assert rules_allow(problem, state, v, h) == (allowed and oracles.may_run(instance, v, h))
            fitting = bool((used <= instance.capacity[h]).all())
            assert fits(problem, state, v, h) == (
                allowed and fitting and oracles.may_run(instance, v, h)
            )


@given(rnd=RANDOM)
def test_occupy_takes_and_gives_back(builders, oracles, rnd):
    """Putting a VM on a host equals the state from scratch; taking it away restores all."""
    instance, problem, state, host_of = random_state(builders, rnd)
    before = copied(state)
    for v in np.flatnonzero(host_of < 0):
        for h in range(instance.fleet.n_hosts):
            occupy(problem, state, v, h, 1)
            there = host_of.copy()
            there[v] = h
            oracles.assert_same_state(state, kernel_state(instance, there))
            occupy(problem, state, v, h, -1)
            oracles.assert_same_state(state, before)


@given(rnd=RANDOM)
def test_shift_returns_the_change(builders, oracles, rnd):
    """The change that a shift reports is the difference of the two totals, and it undoes itself."""
    instance, problem, state, host_of = random_state(builders, rnd)
    before, total = copied(state), int(local_search.total_energy(problem, state))
    for v in np.flatnonzero(host_of < 0):
        for h in range(instance.fleet.n_hosts):
            up = shift(problem, state, v, h, 1)
            assert local_search.total_energy(problem, state) == total + up
            assert shift(problem, state, v, h, -1) == -up
    oracles.assert_same_state(state, before)


@given(rnd=RANDOM)
def test_move_cost(builders, rnd):
    """Home costs nothing, elsewhere the stated energy, and arriving from nowhere nothing."""
    instance, problem, _, _ = random_state(builders, rnd)
    for v, home in enumerate(instance.current.host_of):
        for h in range(instance.fleet.n_hosts):
            away = home >= 0 and home != h
            assert move_cost(problem, v, h) == (instance.move_mj[v] if away else 0)
