"""The constructive kernels against plain Python on lists."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate._kernels import bin_centric, packing, power_aware
from consolidate.model import Spread
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.solvers import greedy
from consolidate.solvers.orders import power_classes

RANDOM = st.randoms(use_true_random=False)


class Bins:
    """An instance and a growing placement, with nothing remembered but who is where."""

    def __init__(self, instance, oracles):
        self.instance, self.oracles = instance, oracles
        self.host_of = [-1] * len(instance.vms)
        self.spreads = [set(rule.vms) for rule in instance.rules if rule.name == "spread"]

    def members(self, h):
        return [v for v, at in enumerate(self.host_of) if at == h]

    def room(self, h):
        taken = [0] * len(self.instance.resources)
        for v in self.members(h):
            for r in range(len(taken)):
                taken[r] += int(self.instance.need[v, r] + self.instance.vm_overhead[h, r])
        return [int(c) - t for c, t in zip(self.instance.capacity[h], taken, strict=True)]

    def fits(self, v, h):
        need = self.instance.need[v] + self.instance.vm_overhead[h]
        apart = not any(v in group and group & set(self.members(h)) for group in self.spreads)
        roomy = all(n <= left for n, left in zip(need, self.room(h), strict=True))
        return apart and roomy and self.oracles.may_run(self.instance, v, h)

    def energy(self, h, more=()):
        return self.oracles.host_mj(self.instance, h, [*self.members(h), *more])


def first_fit(bins, order, hosts, _weight):
    for v in order:
        bins.host_of[v] = next((h for h in hosts if bins.fits(v, h)), -1)


def best_fit(bins, order, hosts, weight):
    for v in order:
        possible = [h for h in hosts if bins.fits(v, h)]
        used = [h for h in possible if bins.members(h)]
        left = {h: sum(w * x for w, x in zip(weight, bins.room(h), strict=True)) for h in used}
        if used:
            bins.host_of[v] = min(used, key=left.get)
        elif possible:
            bins.host_of[v] = possible[0]


def least_energy(bins, order, hosts, _weight):
    home = bins.instance.current.host_of

    def rise(v, h):
        away = home[v] >= 0 and home[v] != h
        move = int(bins.instance.move_mj[v]) if away else 0
        return bins.energy(h, [v]) - bins.energy(h) + move

    for v in order:
        possible = [h for h in hosts if bins.fits(v, h)]
        if possible:
            bins.host_of[v] = min(possible, key=lambda h, v=v: rise(v, h))


def dot_product(bins, order, hosts, weight):
    pending = list(order)
    for h in hosts:
        while candidates := [v for v in pending if bins.fits(v, h)]:
            room = bins.room(h)

            def score(v, room=room):
                total = 0.0
                for w, n, left in zip(weight, bins.instance.need[v].tolist(), room, strict=True):
                    total += w * w * n * left
                return total

            best = max(candidates, key=score)
            bins.host_of[best] = h
            pending.remove(best)


def nearest(bins, order, hosts, weight):
    pending = list(order)
    for h in hosts:
        while candidates := [v for v in pending if bins.fits(v, h)]:
            room = bins.room(h)

            def distance(v, room=room):
                total = 0.0
                for w, n, left in zip(weight, bins.instance.need[v].tolist(), room, strict=True):
                    total += w * w * (left - n) * (left - n)
                return total

            best = min(candidates, key=distance)
            bins.host_of[best] = h
            pending.remove(best)


def on_emptiest(bins, order, hosts, _weight):
    def fullness(h):
        if not bins.members(h):
            return 0.0
        shares = [
            1.0 - left / whole
            for left, whole in zip(bins.room(h), bins.instance.capacity[h].tolist(), strict=True)
            if whole > 0
        ]
        return max([0.0, *shares])

    for v in order:
        possible = [h for h in sorted(hosts) if bins.fits(v, h)]
        if possible:
            bins.host_of[v] = min(possible, key=fullness)


TWINS = {
    "first_fit": first_fit,
    "best_fit": best_fit,
    "least_energy": least_energy,
    "fill_by_product": dot_product,
    "fill_by_norm": nearest,
    "on_emptiest": on_emptiest,
}


def run_kernel(name, problem, state, order, hosts, weight):
    if name == "on_emptiest":
        return packing.on_emptiest(problem, state, order)
    if name == "first_fit":
        return packing.first_fit(problem, state, order, hosts)
    if name == "best_fit":
        return packing.best_fit(problem, state, order, hosts, weight)
    if name == "least_energy":
        return power_aware.least_energy(problem, state, order, hosts, power_classes(problem))
    classes = greedy._like_vms(problem, order)
    n_classes = int(classes.max(initial=-1)) + 1
    return getattr(bin_centric, name)(problem, state, order, hosts, weight, classes, n_classes)


@pytest.mark.parametrize("name", TWINS)
@given(rnd=RANDOM)
def test_kernel_equals_its_twin(builders, oracles, name, rnd):
    """Same placement, same number of VMs without a host, for any order of VMs and hosts."""
    instance = builders.random_instance(rnd, max_vms=8, rules=("spread", "ban"), wild=True)
    order = [v for v in range(len(instance.vms)) if instance.active[v]]
    hosts = list(range(instance.fleet.n_hosts))
    rnd.shuffle(order)
    rnd.shuffle(hosts)
    # Powers of two keep the twin's sums exact, so that ties fall alike.
    weight = [2.0 ** -rnd.randint(0, 12) for _ in instance.resources]
    twin = Bins(instance, oracles)
    TWINS[name](twin, order, hosts, weight)
    problem, state = kernel_problem(instance), kernel_state(instance)
    failed = run_kernel(
        name, problem, state, np.array(order, dtype=np.int64), np.array(hosts), np.array(weight)
    )
    assert state.host_of.tolist() == twin.host_of
    assert failed == sum(twin.host_of[v] < 0 for v in order)
    # The arrays that the kernel kept equal those that follow from the placement.
    oracles.assert_same_state(state, kernel_state(instance, state.host_of))


@pytest.mark.parametrize("name", TWINS)
def test_nothing_to_place(builders, name):
    """No VM is no work and no failure."""
    instance = builders.spread_out()
    problem, state = kernel_problem(instance), kernel_state(instance)
    none = np.zeros(0, dtype=np.int64)
    assert run_kernel(name, problem, state, none, np.arange(4), np.ones(2)) == 0
    assert (state.host_of == -1).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first_fit", [2, 0, 2]),
        ("best_fit", [2, 0, 2]),
        ("least_energy", [2, 0, 2]),
        ("fill_by_product", [2, 0, 2]),
        ("fill_by_norm", [2, 0, 2]),
        ("on_emptiest", [0, 1, 2]),
    ],
)
def test_ties_fall_to_the_first(builders, name, expected):
    """Between equal hosts the first in the given order takes the VM; VMs 0 and 1 must not meet."""
    fleet = builders.fleet(kinds=(0, 0, 0), power_control=np.array([1, 1, 1]))
    instance = builders.instance(
        [(400, 400)] * 3, [0, 1, 2], fleet=fleet, load=[0] * 3, move_mj=0, rules=(Spread(vms=(0, 1)),)
    )
    problem, state = kernel_problem(instance), kernel_state(instance)
    order, hosts = np.array([0, 1, 2]), np.array([2, 0, 1])
    assert run_kernel(name, problem, state, order, hosts, np.ones(2)) == 0
    assert state.host_of.tolist() == expected


def test_dot_product_prefers_alignment(builders):
    """A host with much memory left takes the memory-heavy VM first."""
    instance = builders.instance(
        [(1_000, 100), (100, 7_000)], [0, 0], fleet=builders.fleet(kinds=(0,)), capacity=[(1_000, 8_000)]
    )
    problem, state = kernel_problem(instance), kernel_state(instance)
    weight = np.array([1 / 1_000, 1 / 8_000])
    assert run_kernel("fill_by_product", problem, state, np.array([0, 1]), np.array([0]), weight) == 1
    assert state.host_of.tolist() == [0, -1]
    assert math.isclose((100 * 1_000 * weight[0] ** 2) + (7_000 * 8_000 * weight[1] ** 2), 0.975)
