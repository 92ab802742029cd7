"""Relations that hold without knowing any right answer (MR of the test programme).

Each changes an instance in a way whose effect on the optimum is known, and compares two exact solves or
two bounds.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consolidate.model import Fleet, HostType, Placement, PowerControl, Spread, WattTable
from consolidate.model.kernel_view import kernel_problem
from consolidate.solvers import Budget, solve
from consolidate.solvers.bounds import relax

BUDGET = Budget(iterations=100, deterministic_s=20.0)
COMMON = ("spread", "fence", "ban", "root")
SEEDS = range(1_000, 1_010)


def optimum_mj(instance):
    """Energy of the best placement, ``None`` when there is none."""
    result = solve(instance, "cp-sat", budget=BUDGET, min_saving_fraction=0.0)
    if result.status == "infeasible":
        return None
    assert result.status == "optimal"
    return result.objective_mj


def certified_mj(instance):
    return relax(instance, kernel_problem(instance)).bound.value_mj


def at_most(one, other):
    """Compare two optima; no placement is worse than any."""
    return other is None or (one is not None and one <= other)


def fleet_with(fleet, **changes):
    names = ("host_ids", "host_type", "types", "sites", "host_site", "power_control", "maintenance")
    values = {name: getattr(fleet, name) for name in (*names, "powered_on")}
    return Fleet(**{**values, **changes})


def renumbered_rules(instance, new_vm, new_host):
    rules = []
    for rule in instance.rules:
        changes = {"vms": tuple(int(new_vm[v]) for v in rule.vms)}
        if hasattr(rule, "hosts"):
            changes["hosts"] = tuple(int(new_host[h]) for h in rule.hosts)
        rules.append(replace(rule, **changes))
    return tuple(rules)


def permuted(instance, vms, hosts):
    """The same problem with VMs and hosts in another order; ``vms[i]`` becomes VM ``i``."""
    new_vm, new_host = np.argsort(vms), np.argsort(hosts)
    fleet, guests = instance.fleet, instance.vms
    current = instance.current.host_of[vms]
    columns = ("vcpus", "cpu_mcores", "memory_mib", "dirty_mib_per_s", "is_container", "disk_mib")
    return replace(
        instance,
        fleet=fleet_with(
            fleet,
            host_ids=tuple(fleet.host_ids[h] for h in hosts),
            **{
                name: getattr(fleet, name)[hosts]
                for name in ("host_type", "host_site", "power_control", "maintenance", "powered_on")
            },
        ),
        vms=replace(
            guests,
            ids=tuple(guests.ids[v] for v in vms),
            groups=tuple(guests.groups[v] for v in vms),
            **{name: getattr(guests, name)[vms] for name in columns},
        ),
        capacity=instance.capacity[hosts],
        vm_overhead=instance.vm_overhead[hosts],
        current=Placement(host_of=np.where(current >= 0, new_host[current], -1)),
        rules=renumbered_rules(instance, new_vm, new_host),
        **{
            name: getattr(instance, name)[vms]
            for name in ("need", "load_mcores", "active", "movable", "move_mj")
        },
    )


def random_instances(builders, **fields):
    for seed in SEEDS:
        yield builders.random_instance(Random(seed), **{"max_vms": 5, **fields})


def test_mr1_the_order_of_hosts_and_vms_does_not_matter(builders):
    """Permuting hosts and VMs changes neither the optimum nor the certified bound."""
    for seed, instance in enumerate(random_instances(builders, rules=COMMON, wild=True)):
        rng = np.random.default_rng(seed)
        other = permuted(
            instance, rng.permutation(len(instance.vms)), rng.permutation(instance.fleet.n_hosts)
        )
        assert optimum_mj(other) == optimum_mj(instance)
        assert certified_mj(other) == pytest.approx(certified_mj(instance), rel=1e-6, abs=10)


def test_mr2_names_do_not_matter(builders):
    """Renaming VMs and hosts gives the very same placement, heuristics included."""
    for instance in random_instances(builders):
        other = replace(
            instance,
            fleet=fleet_with(instance.fleet, host_ids=tuple(f"ü{h}" for h in instance.fleet.host_ids)),
            vms=replace(instance.vms, ids=tuple(f"z-{v}" for v in reversed(instance.vms.ids))),
        )
        for policy in ("cp-sat", "auto"):
            one = solve(instance, policy, budget=BUDGET, min_saving_fraction=0.0)
            two = solve(other, policy, budget=BUDGET, min_saving_fraction=0.0)
            assert (one.status, one.objective_mj) == (two.status, two.objective_mj)
            np.testing.assert_array_equal(one.placement.host_of, two.placement.host_of)


def scaled_type(kind, c):
    hypervisor = kind.hypervisor
    return replace(
        kind,
        cores=kind.cores * c,
        hypervisor=replace(
            hypervisor,
            reserved_mcores=hypervisor.reserved_mcores * c,
            background_mcores=hypervisor.background_mcores * c,
            per_vm_mcores=hypervisor.per_vm_mcores * c,
        ),
    )


def test_mr3_the_size_of_a_core_does_not_matter(builders):
    """Demand and capacity of CPU times seven: the same placement and the same energy."""
    for instance in random_instances(builders, odd=False, rules=COMMON):
        types = tuple(scaled_type(replace(kind, core_speed=1.0), 7) for kind in instance.fleet.types)
        base = replace(
            instance,
            fleet=fleet_with(
                instance.fleet, types=tuple(replace(k, core_speed=1.0) for k in instance.fleet.types)
            ),
        )
        by_seven = np.array([7, 1])
        other = replace(
            base,
            fleet=fleet_with(base.fleet, types=types),
            vms=replace(base.vms, vcpus=base.vms.vcpus * 7),
            need=base.need * by_seven,
            capacity=base.capacity * by_seven,
            vm_overhead=base.vm_overhead * by_seven,
            load_mcores=base.load_mcores * 7,
        )
        one = solve(base, "cp-sat", budget=BUDGET, min_saving_fraction=0.0)
        two = solve(other, "cp-sat", budget=BUDGET, min_saving_fraction=0.0)
        assert (one.status, one.objective_mj) == (two.status, two.objective_mj)


def with_vm(builders, instance, *, home):
    """The instance with one more VM that needs nothing and does nothing."""
    n = len(instance.vms)

    def more(array, value):
        return np.append(array, value)

    guests = instance.vms
    return replace(
        instance,
        vms=builders.vms(
            n + 1,
            vcpus=more(guests.vcpus, 1),
            is_container=more(guests.is_container, False),
        ),
        need=np.vstack([instance.need, [[0, 0]]]),
        load_mcores=more(instance.load_mcores, 0),
        active=more(instance.active, True),
        movable=more(instance.movable, True),
        move_mj=more(instance.move_mj, 0),
        current=Placement(host_of=more(instance.current.host_of, home)),
    )


def test_mr6_a_vm_that_needs_nothing_costs_nothing(builders):
    """Without overhead per VM, an idle VM that may go anywhere rides along for free."""
    tried = 0
    for instance in random_instances(builders, odd=False):
        bare = [
            replace(k, hypervisor=replace(k.hypervisor, per_vm_mcores=0, per_vm_memory_mib=0))
            for k in instance.fleet.types
        ]
        base = replace(
            instance,
            fleet=fleet_with(instance.fleet, types=tuple(bare)),
            vm_overhead=np.zeros_like(instance.vm_overhead),
        )
        if not base.active.any() or optimum_mj(base) is None:
            continue
        tried += 1
        home = int(base.current.host_of[base.active][0])
        assert optimum_mj(with_vm(builders, base, home=home)) == optimum_mj(base)
    assert tried >= 8


def with_host(instance, kind, **state):
    fleet = instance.fleet
    values = {"power_control": 0, "maintenance": False, "powered_on": False, **state}
    return replace(
        instance,
        fleet=fleet_with(
            fleet,
            host_ids=(*fleet.host_ids, "extra"),
            types=(*fleet.types, kind),
            host_type=np.append(fleet.host_type, len(fleet.types)),
            host_site=np.append(fleet.host_site, 0),
            **{name: np.append(getattr(fleet, name), value) for name, value in values.items()},
        ),
        capacity=np.vstack([instance.capacity, [[kind.usable_mcores, kind.usable_memory_mib]]]),
        vm_overhead=np.vstack([instance.vm_overhead, [[0, 0]]]),
    )


def free_type(**fields):
    """A host that draws nothing while it is off."""
    values = {"cores": 4, "memory_mib": 4_000, "off_w": 0.0, "boot_s": 60, "boot_j": 6_000.0}
    power = WattTable(points_mw=tuple(range(50_000, 60_001, 1_000)), hosting_idle_mw=50_000)
    return HostType(name="extra", power=power, **{**values, **fields})


def test_mr7_a_host_more_is_never_worse(builders):
    """A host that is off and draws nothing: unusable it changes nothing, usable it can only help."""
    for instance in random_instances(builders, rules=("spread", "ban"), crowded=0.5):
        before = optimum_mj(instance)
        dead = with_host(instance, free_type(), power_control=int(PowerControl.NO_WAKE))
        assert optimum_mj(dead) == before
        assert certified_mj(dead) == pytest.approx(certified_mj(instance), rel=1e-6, abs=10)
        assert at_most(optimum_mj(with_host(instance, free_type())), before)


def doubled(instance):
    """Two copies of a problem side by side, each VM fenced to its own copy by nothing at all."""
    fleet, guests, n_hosts = instance.fleet, instance.vms, instance.fleet.n_hosts
    current = instance.current.host_of
    shifted = np.where(current >= 0, current + n_hosts, -1)
    twice = ("host_type", "host_site", "power_control", "maintenance", "powered_on")
    columns = ("vcpus", "cpu_mcores", "memory_mib", "dirty_mib_per_s", "is_container", "disk_mib")
    return replace(
        instance,
        fleet=fleet_with(
            fleet,
            host_ids=(*fleet.host_ids, *(f"{h}-2" for h in fleet.host_ids)),
            **{name: np.tile(getattr(fleet, name), 2) for name in twice},
        ),
        vms=replace(
            guests,
            ids=(*guests.ids, *(f"{v}-2" for v in guests.ids)),
            groups=guests.groups * 2,
            **{name: np.tile(getattr(guests, name), 2) for name in columns},
        ),
        current=Placement(host_of=np.concatenate([current, shifted])),
        **{
            name: np.concatenate([getattr(instance, name)] * 2)
            for name in (
                "need",
                "capacity",
                "vm_overhead",
                "load_mcores",
                "active",
                "movable",
                "move_mj",
            )
        },
    )


def test_mr8_two_fleets_side_by_side(builders):
    """The optimum of a doubled fleet is at most twice, its bound about twice, and still a bound."""
    for instance in random_instances(builders, max_vms=4, max_hosts=3, wild=True):
        twin = doubled(instance)
        one, two = optimum_mj(instance), optimum_mj(twin)
        assert at_most(two, None if one is None else 2 * one)
        bound = certified_mj(twin)
        assert bound == pytest.approx(2 * certified_mj(instance), rel=1e-6, abs=20)
        assert at_most(bound, two)


def test_mr9_and_mr10_rules_only_cost(builders):
    """Without its rules an instance is no dearer; with one more rule it is no cheaper."""
    changed = 0
    for instance in random_instances(builders, rules=COMMON):
        free, bound = optimum_mj(replace(instance, rules=())), optimum_mj(instance)
        more = replace(instance, rules=(*instance.rules, Spread(vms=tuple(range(len(instance.vms))))))
        assert at_most(free, bound)
        assert at_most(bound, optimum_mj(more))
        changed += free != bound
    assert changed >= 2


@pytest.mark.parametrize(
    "change",
    [
        lambda kind: replace(kind, off_w=kind.off_w + 20.0),
        lambda kind: replace(kind, boot_s=kind.boot_s + 600, boot_j=kind.boot_j + 120_000.0),
        lambda kind: replace(
            kind, shutdown_s=kind.shutdown_s + 60, shutdown_j=kind.shutdown_j + 9_000.0
        ),
    ],
    ids=["off power", "boot", "shutdown"],
)
def test_mr16_dearer_transitions_never_raise_the_saving(builders, change):
    """Off power, boots and shutdowns that cost more leave at most the saving there was.

    Hosts are all on at first, so that the present energy stays the same.
    """
    for instance in random_instances(builders, odd=False, horizon_s=36_000):
        dearer = replace(
            instance,
            fleet=fleet_with(instance.fleet, types=tuple(change(k) for k in instance.fleet.types)),
        )
        assert saving_mj(dearer) <= saving_mj(instance)


def saving_mj(instance):
    result = solve(instance, "cp-sat", budget=BUDGET, min_saving_fraction=0.0)
    return 0 if result.status == "infeasible" else result.current_mj - result.objective_mj


def test_mr16_dearer_moves_never_raise_the_saving(builders):
    """Nor do moves that cost more; at an endless price nobody moves."""
    for instance in random_instances(builders, odd=False, crowded=0):
        dearer = replace(instance, move_mj=instance.move_mj * 3 + 1_000_000)
        assert saving_mj(dearer) <= saving_mj(instance)
        endless = replace(instance, move_mj=np.full(len(instance.vms), 10**13))
        result = solve(endless, "cp-sat", budget=BUDGET, min_saving_fraction=0.0)
        assert result.placement.moved_from(instance.current).size == 0


@settings(max_examples=30)
@given(rnd=st.randoms(use_true_random=False), factor=st.sampled_from([2, 3, 10]))
def test_the_unit_of_energy_does_not_matter(builders, rnd, factor):
    """All powers and transition energies times a factor: the bound and the energy times that factor."""
    instance = builders.random_instance(rnd, odd=False)
    types = tuple(
        replace(
            kind,
            power=WattTable(
                # At the points nothing is rounded; between them halves would be.
                points_mw=tuple(p * factor for p in kind.power.points_mw),
                hosting_idle_mw=kind.power.hosting_idle_mw * factor,
            ),
            off_w=kind.off_w * factor,
            boot_j=kind.boot_j * factor,
            shutdown_j=kind.shutdown_j * factor,
        )
        for kind in instance.fleet.types
    )
    other = replace(
        instance,
        fleet=fleet_with(instance.fleet, types=types),
        move_mj=instance.move_mj * factor,
        load_mcores=np.zeros_like(instance.load_mcores),
    )
    base = replace(instance, load_mcores=np.zeros_like(instance.load_mcores))
    rounding_mj = instance.fleet.n_hosts * factor * (instance.objective.horizon_s + 60)
    one, two = base.current_energy().total_mj, other.current_energy().total_mj
    assert two == pytest.approx(factor * one, abs=rounding_mj)
    assert certified_mj(other) == pytest.approx(factor * certified_mj(base), abs=rounding_mj)
