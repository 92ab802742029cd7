"""Instances: what is refused, what is derived, which hosts a VM may use."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.errors import InfeasibleError, InstanceError
from consolidate.forecasting import Percentile
from consolidate.model import (
    Ban,
    Fence,
    Instance,
    Interference,
    JoulesOverHorizon,
    MaxOnline,
    Placement,
    PowerControl,
    Root,
    Spread,
)
from consolidate.model.limits_view import kernel_limits, lists_of, rule_lists

COMMON = ("spread", "fence", "ban", "root")


def at(*hosts):
    return Placement(host_of=np.array(hosts, dtype=np.int32))


def allowed(instance, v):
    """Hosts that the mask of a VM leaves."""
    mask_of, masks = instance.host_masks()
    return np.flatnonzero(masks[mask_of[v]]).tolist()


# What is refused ----------------------------------------------------------------------------------


def test_arrays_are_frozen(builders):
    """An instance never changes after birth."""
    instance = builders.spread_out()
    for name in ("need", "capacity", "vm_overhead", "load_mcores", "active", "movable", "move_mj"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(instance, name)[...] = 0


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"need": np.zeros((3, 2))}, "instance.need"),
        ({"capacity": np.full((4, 2), -1)}, "instance.capacity"),
        ({"load_mcores": np.array([501, 0, 0, 0])}, "instance.load_mcores[vm0]"),
        ({"current": at(0, 1)}, "instance.current"),
        ({"current": at(0, 1, 2, 9)}, "current[vm3]"),
        ({"active": np.array([True, True, True, False])}, "current[vm3]"),
        ({"rules": (Spread(vms=(0, 9)),)}, "rules[0].vms"),
        ({"rules": (Interference(vms=(0,), others=(9,)),)}, "rules[0].vms"),
        ({"rules": (MaxOnline(hosts=(9,), most=1),)}, "rules[0].hosts"),
        ({"rules": (Spread(vms=(0,)), Fence(vms=(0,), hosts=(9,)))}, "rules[1].hosts"),
    ],
)
def test_each_fault_has_its_path(builders, changes, path):
    """One broken field each, met with the dotted path of its place."""
    with pytest.raises(InstanceError) as caught:
        replace(builders.spread_out(), **changes)
    assert [i.path for i in caught.value.issues] == [path]


def test_a_new_vm_is_on_no_host_yet(builders):
    """An active VM without a host is placed without a migration, and doing nothing leaves it out."""
    instance = replace(builders.spread_out(), current=at(0, 1, 2, -1))
    assert instance.energy(at(0, 1, 2, 2)).migration_mj == 0
    assert instance.energy(at(0, 1, 1, 2)).migration_mj == instance.move_mj[2]


def test_faults_are_reported_together(builders):
    """Shapes, signs and rules of one instance in one error."""
    with pytest.raises(InstanceError) as caught:
        replace(builders.spread_out(), need=np.zeros((4, 3)), move_mj=np.full(4, -1))
    assert {i.path for i in caught.value.issues} == {"instance.need", "instance.move_mj"}


def test_nobody_is_on_a_host_that_is_off(builders):
    """The present placement has to be possible at all."""
    off = builders.fleet(kinds=(0, 0), powered_on=np.array([True, False]))
    with pytest.raises(InstanceError, match=r"current\[vm0\]: is on host h1, which is off"):
        builders.instance([(1, 1)], [1], fleet=off)


# Masks --------------------------------------------------------------------------------------------


def test_guests_run_on_their_own_kind(builders):
    """Containers need an engine, VMs a hypervisor."""
    engine = builders.host_type("engine", hypervisor={"kind": "container_engine"})
    fleet = builders.fleet(types=(builders.host_type(), engine), kinds=(0, 1, 0))
    vms = builders.vms(2, is_container=[False, True])
    instance = builders.instance([(1, 1)] * 2, [0, 1], fleet=fleet, vms=vms)
    assert allowed(instance, 0) == [0, 2]
    assert allowed(instance, 1) == [1]


def test_slow_cores_cannot_carry_a_tall_vm(builders):
    """A vCPU gets one core at most, so 1,500 mcores on one vCPU need a core of speed 1.5."""
    fast = builders.host_type("fast", core_speed=1.5)
    fleet = builders.fleet(types=(builders.host_type(), fast), kinds=(0, 1))
    vms = builders.vms(2, vcpus=[1, 2])
    instance = builders.instance([(1_500, 1)] * 2, [1, 1], fleet=fleet, vms=vms)
    assert allowed(instance, 0) == [1]
    assert allowed(instance, 1) == [0, 1]


def test_closed_hosts_take_nobody_and_expel_nobody(builders):
    """Maintenance and a host that cannot be woken are closed; who is there may stay."""
    fleet = builders.fleet(
        kinds=(0,) * 4,
        maintenance=np.array([False, True, False, False]),
        power_control=np.array([0, 0, PowerControl.NO_WAKE, PowerControl.NO_WAKE]),
        powered_on=np.array([True, True, True, False]),
    )
    instance = builders.instance([(1, 1)] * 2, [0, 1], fleet=fleet)
    assert allowed(instance, 0) == [0, 2]
    assert allowed(instance, 1) == [0, 1, 2]


def test_moves_need_a_mode_that_both_ends_know(builders):
    """A live mover and a restarter have no mode in common."""
    restarts = builders.host_type("r", hypervisor={"moves": frozenset({"restart"})})
    fleet = builders.fleet(types=(builders.host_type(), restarts), kinds=(0, 1, 0))
    instance = builders.instance([(1, 1)] * 2, [0, 1], fleet=fleet)
    assert allowed(instance, 0) == [0, 2]
    assert allowed(instance, 1) == [1]


def test_rules_narrow_the_choice(builders):
    """Fence, ban and root, alone and together."""
    rules = (
        Fence(vms=(0, 1), hosts=(0, 1, 2)),
        Ban(vms=(1,), hosts=(1,)),
        Root(vms=(2,), hosts=(2,)),
    )
    fleet = builders.fleet(kinds=(0,) * 4)
    instance = builders.instance([(1, 1)] * 4, [0, 0, 2, 3], fleet=fleet, rules=rules)
    assert [allowed(instance, v) for v in range(4)] == [[0, 1, 2], [0, 2], [2], [0, 1, 2, 3]]


def test_an_immovable_vm_stays(builders):
    """Nothing can move it, not even off a host in maintenance."""
    fleet = builders.fleet(kinds=(0, 0), maintenance=np.array([True, False]))
    instance = builders.instance([(1, 1)], [0], fleet=fleet, movable=np.array([False]))
    assert allowed(instance, 0) == [0]


@given(rnd=st.randoms(use_true_random=False))
def test_masks_equal_the_slow_definition(builders, oracles, rnd):
    """Every VM and host of random instances, against the meaning written down once more."""
    instance = builders.random_instance(rnd, rules=COMMON)
    for v in range(len(instance.vms)):
        hosts = range(instance.fleet.n_hosts)
        assert allowed(instance, v) == [h for h in hosts if oracles.may_run(instance, v, h)]


# Energy -------------------------------------------------------------------------------------------


def test_energy_of_a_worked_example(builders):
    """Two 100-200 W hosts for 8 h: one VM of 1 core each, then both on one and the other off."""
    fleet = builders.fleet(kinds=(0, 0))
    instance = builders.instance(
        [(2_000, 1)] * 2, [0, 1], fleet=fleet, load=[1_000, 1_000], move_mj=7_000
    )
    horizon_s = 8 * 3_600
    now = instance.energy(at(0, 1))
    assert now.on_mj == 2 * 125_000 * horizon_s
    assert now.total_mj == now.on_mj
    then = instance.energy(at(0, 0))
    assert then.on_mj == 150_000 * horizon_s
    assert then.off_mj == 10_000 * horizon_s
    assert then.shutdown_mj == 2_400_000
    assert (then.boot_mj, then.migration_mj) == (0, 7_000)


def test_doing_nothing_keeps_empty_hosts_on(builders):
    """The present energy counts an empty host that is on, the plan's energy does not."""
    instance = builders.instance([(2_000, 1)], [0], fleet=builders.fleet(kinds=(0, 0)))
    horizon_s = 8 * 3_600
    saved = instance.current_energy().total_mj - instance.energy(instance.current).total_mj
    assert saved == (100_000 - 10_000) * horizon_s - 2_400_000


def test_a_host_is_switched_off_only_if_that_pays(builders):
    """Horizon at least the stated minimum and four times the break-even time."""
    kind = builders.host_type()
    assert kind.break_even_off_s == pytest.approx(180)
    assert JoulesOverHorizon(horizon_s=720, min_off_s=0).off_pays(kind)
    assert not JoulesOverHorizon(horizon_s=719, min_off_s=0).off_pays(kind)
    assert not JoulesOverHorizon(horizon_s=720).off_pays(kind)
    assert not JoulesOverHorizon(horizon_s=10**6).off_pays(builders.host_type(off_w=100.0))


@pytest.mark.parametrize("fields", [{"horizon_s": 0}, {"horizon_s": 10, "min_off_s": -1}])
def test_the_horizon_is_positive(fields):
    """Energy over no time says nothing."""
    with pytest.raises(InstanceError, match="horizon"):
        JoulesOverHorizon(**fields)


@given(rnd=st.randoms(use_true_random=False))
def test_energy_equals_the_slow_definition(builders, oracles, rnd):
    """Any placement of random instances, and doing nothing, to the last millijoule."""
    instance = builders.random_instance(rnd, wild=True)
    hosts = range(-1, instance.fleet.n_hosts)
    host_of = np.array([rnd.choice(hosts) for _ in range(len(instance.vms))], dtype=np.int32)
    assert instance.energy(at(*host_of)).total_mj == oracles.energy_mj(instance, host_of)
    current = instance.current.host_of
    assert instance.current_energy().total_mj == oracles.energy_mj(instance, current, do_nothing=True)


def test_usage_counts_overhead_per_vm(builders):
    """Each guest takes its need and the overhead of its host."""
    kind = builders.host_type(hypervisor={"per_vm_mcores": 10, "per_vm_memory_mib": 100})
    fleet = builders.fleet(types=(kind,), kinds=(0, 0))
    instance = builders.instance([(500, 1_000)] * 3, [0, 0, 1], fleet=fleet)
    assert instance.usage(at(0, 0, -1)).tolist() == [[1_020, 2_200], [0, 0]]


def test_groups_are_compressed_rows(builders):
    """Each set of VMs is one group however many rules name it; pairs are listed from both sides."""
    rules = (
        Spread(vms=(0, 2)),
        Interference(vms=(0, 2), others=(1,), most=3),
        Interference(vms=(1,), others=(1,), most=2),
    )
    instance = replace(builders.spread_out(), rules=rules)
    lists = {name: values.tolist() for name, values in lists_of(kernel_limits(instance)).items()}
    assert lists == {name: values.tolist() for name, values in rule_lists(instance).items()}
    assert lists["pointer"] == [0, 1, 2, 3, 3]
    assert lists["group"] == [0, 1, 0]
    assert lists["most"] == [1, 2]
    assert (lists["with_pointer"], lists["with_group"]) == ([0, 1, 1], [1])
    assert (lists["under_pointer"], lists["under_group"]) == ([0, 0, 1], [0])
    assert lists["with_most"] == lists["under_most"] == [3]


# From a trace -------------------------------------------------------------------------------------


def build(builders, cpu, *, fleet=None, **fields):
    fleet = fleet or builders.fleet(kinds=(0, 0))
    trace_fields = {k: fields.pop(k) for k in ("alive", "vms", "memory_mib") if k in fields}
    trace = builders.trace(cpu, **trace_fields)
    return Instance.from_trace(trace, fleet, sizing=fields.pop("sizing", Percentile(95)), **fields)


def test_demand_and_allocation_both_bind(builders):
    """Sized demand against 90 % of the usable CPU, allocation against usable times the ratio."""
    kind = builders.host_type(
        cpu_allocation_ratio=1.5, hypervisor={"reserved_mcores": 400, "reserved_memory_mib": 192}
    )
    instance = build(builders, [[100] * 20] * 2, fleet=builders.fleet(types=(kind,), kinds=(0,)))
    assert instance.capacity.tolist() == [[3_240, 8_000, 5_400, 8_000]]
    assert instance.need.tolist() == [[100, 512, 2_000, 2_048]] * 2
    assert [d.key for d in instance.defaults] == ["cpu_limit_fraction"]
    stated = build(builders, [[100] * 20] * 2, cpu_limit_fraction=1.0)
    assert stated.capacity[0, 0] == 4_000
    assert stated.defaults == ()


def test_mean_load_is_rounded_up_and_capped_by_the_need(builders):
    """A rare, tall peak lifts the mean above the percentile; what is not reserved is not planned for."""
    tall = build(builders, [[0] * 39 + [1_990]])
    assert (tall.need[0, 0], tall.load_mcores[0]) == (0, 0)
    even = build(builders, [[3] * 20 + [4] * 20])
    assert (even.need[0, 0], even.load_mcores[0]) == (4, 4)


def test_who_exists_at_the_decision(builders):
    """The last observed step decides; with hindsight the first of the replayed window."""
    alive = [[True] * 20, [True] * 10 + [False] * 10, [False] * 5 + [True] * 15]
    cpu = np.full((3, 20), 100)
    vms = builders.vms(3)
    seen = build(builders, cpu, alive=alive, vms=vms)
    assert seen.active.tolist() == [True, False, True]
    assert (seen.current.host_of >= 0).tolist() == [True, False, True]
    ahead = build(builders, cpu, alive=alive, vms=vms, hindsight=True)
    assert ahead.active.tolist() == [True, True, False]


def test_a_vm_that_is_gone_takes_no_room(builders):
    """A placement file may name VMs that do not exist at the decision; they are on no host then."""
    alive = [[True] * 20, [True] * 10 + [False] * 10]
    instance = build(builders, np.full((2, 20), 100), alive=alive, current=at(0, 1))
    assert instance.current.host_of.tolist() == [0, -1]


def test_the_even_spread_takes_the_emptiest_host(builders):
    """Without a present placement VMs go to the host whose fullest resource is least full."""
    vms = builders.vms(4, memory_mib=[4_096, 1_024, 1_024, 1_024])
    instance = build(builders, np.full((4, 20), 10), vms=vms, memory_mib=1)
    assert instance.current.host_of.tolist() == [0, 1, 1, 1]


def test_the_even_spread_uses_hosts_that_are_on(builders):
    """Nobody is today on a host that is off."""
    fleet = builders.fleet(kinds=(0, 0), powered_on=np.array([False, True]))
    instance = build(builders, np.full((2, 20), 10), fleet=fleet)
    assert instance.current.host_of.tolist() == [1, 1]


def test_a_giant_is_named(builders):
    """A VM larger than every host is infeasible before any solver runs, and the message names it."""
    vms = builders.vms(ids=("small", "giant"), memory_mib=[1_024, 9_000])
    with pytest.raises(InfeasibleError, match=r"giant needs .*9000 \(largest host 8192\)") as caught:
        build(builders, np.full((2, 20), 10), vms=vms)
    assert caught.value.vms == ("giant",)


def test_a_vm_without_any_host_is_named(builders):
    """A fence may leave nothing that is large enough."""
    small = builders.host_type("small", memory_mib=1_024)
    fleet = builders.fleet(types=(builders.host_type(), small), kinds=(0, 1))
    with pytest.raises(InfeasibleError, match="vm0 needs") as caught:
        build(builders, np.full((1, 20), 10), fleet=fleet, rules=(Fence(vms=(0,), hosts=(1,)),))
    assert caught.value.vms == ("vm0",)


def test_no_room_for_the_even_spread_is_infeasible(builders):
    """Three VMs of 6 GiB do not fit on two hosts of 8 GiB; the message says what to give."""
    vms = builders.vms(3, memory_mib=6_000)
    with pytest.raises(InfeasibleError, match="give the present placement"):
        build(builders, np.full((3, 20), 10), vms=vms)


def test_a_horizon_of_zero_is_refused(builders):
    """Zero must not silently become the default."""
    with pytest.raises(InstanceError, match="horizon"):
        build(builders, np.full((1, 20), 10), horizon_s=0)
    assert build(builders, np.full((1, 20), 10)).objective.horizon_s == 20 * 300


def test_moves_cost_energy_at_both_ends(builders):
    """Whole seconds times the overhead on two hosts, at the fleet's mean slope."""
    instance = build(builders, np.full((1, 20), 10))
    # 1 Gbit/s x 0.4 = 47.7 MiB/s; 512 MiB at 10 MiB/s of writing take 14 s and 40 mcores a side;
    # the slope is 100 W over 4,000 mcores = 25 mW per mcore.
    assert instance.movable.tolist() == [True]
    assert instance.move_mj.tolist() == [2 * 15 * 40 * 25]


def test_sizing_is_told(builders):
    """The report says how needs were derived."""
    assert build(builders, np.full((1, 20), 10)).sizing.startswith("CPU: 95th percentile")


def test_random_instances_are_what_they_say(builders, oracles):
    """The generator of the other tests makes feasible, crowded, odd and empty cases alike."""
    kinds = {"fits": 0, "broken": 0, "off": 0, "inactive": 0, "container": 0, "immovable": 0}
    for seed in range(200):
        instance = builders.random_instance(Random(seed), rules=COMMON)
        kinds["broken" if oracles.problems(instance, instance.current.host_of) else "fits"] += 1
        kinds["off"] += not instance.fleet.powered_on.all()
        kinds["inactive"] += not instance.active.all()
        kinds["container"] += bool(instance.vms.is_container.any())
        kinds["immovable"] += not instance.movable.all()
    assert all(count >= 20 for count in kinds.values()), kinds
