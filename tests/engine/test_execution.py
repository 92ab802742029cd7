"""The simulated executor: plans come true without faults, and whatever fails, the history is sound."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from consolidate.checks import Happened, HistoryCase, check_history
from consolidate.engine.execution import Faults
from consolidate.errors import ConfigError, PlanError
from consolidate.model import MigrationPlan, Placement, Spread
from consolidate.solvers import Budget
from consolidate.study.executing import execute
from consolidate.study.judge import placement_case
from consolidate.study.verbs import plan, solve

HOST_S = {"boot_s": 100, "shutdown_s": 20}


@pytest.fixture
def cluster(builders):
    """Six hosts, h5 is off; eight VMs that fit on two hosts."""
    on = np.array([True] * 5 + [False])
    hosts = builders.fleet(kinds=(0,) * 6, powered_on=on)
    return builders.instance([(900, 1_500)] * 8, [0, 1, 2, 3, 4, 0, 1, 2], fleet=hosts)


@pytest.fixture
def made(cluster):
    return plan(cluster, solve(cluster).placement)


def kinds(execution):
    return [event.kind for event in execution.events]


def test_without_faults_the_plan_comes_true(cluster, made):
    """Same moves, same times, same end; one plan is enough."""
    done = execute(cluster, made)
    assert done.plans == 1
    assert done.stopped == "everything is done"
    assert done.placement.host_of.tolist() == made.target.host_of.tolist()
    assert done.makespan_s == made.makespan_s
    begun = [(e.time_s, e.vm) for e in done.events if e.kind == "move_begin"]
    assert sorted(begun) == sorted((m.start_s, m.vm) for m in made.migrations)


def test_the_seed_decides(cluster, made):
    """The same seed tells the same story; another one tells another."""
    stories = [execute(cluster, made, faults=Faults.all(0.3), seed=s).events for s in (1, 1, 2)]
    assert stories[0] == stories[1]
    assert stories[0] != stories[2]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("setup", "at set-up"),
        ("mid_copy", "half-way"),
        ("lost_ack", "nobody is told"),
        ("power_off", "nobody is told"),
        ("surge", "surge"),
        ("created", "created"),
        ("resized", "resized"),
        ("deleted", "deleted"),
    ],
)
def test_each_fault_happens_and_is_survived(cluster, made, fault, seen):
    """A third of the chances go wrong; the judge finds nothing, and nobody is without a host."""
    stories = [execute(cluster, made, faults=Faults(**{fault: 0.33}), seed=s) for s in range(6)]
    told = {word for done in stories for e in done.events for word in (e.kind, e.detail)}
    assert seen in told
    for done in stories:
        there = np.zeros(len(done.placement.host_of), dtype=bool)
        there[:8] = True
        there[[e.vm for e in done.events if e.kind == "created"]] = True
        there[[e.vm for e in done.events if e.kind == "deleted"]] = False
        assert (done.placement.host_of[there] >= 0).all()


def test_a_lost_answer_is_not_repeated(cluster, made):
    """The VM arrived: asking the hosts shows it, and it is not moved again."""
    done = execute(cluster, made, faults=Faults(lost_ack=1.0))
    moved = [e.vm for e in done.events if e.kind == "move_begin"]
    assert len(moved) == len(set(moved))
    assert not done.astray


def test_a_vm_that_always_fails_is_left(cluster, made):
    """Three tries each, then it stays: the others must not wait for ever."""
    done = execute(cluster, made, faults=Faults(setup=1.0))
    assert done.stopped == "no plan leads further"
    assert done.placement.host_of.tolist() == cluster.current.host_of.tolist()
    tries = [e.vm for e in done.events if e.kind == "move_begin"]
    assert max(tries.count(v) for v in set(tries)) == 3


@pytest.mark.parametrize(("fault", "boots"), [("boot", 0), ("late_boot", 1)])
def test_hosts_that_do_not_come_up(builders, fault, boots):
    """The only way out of a full host is one that is off: it comes late, or never and the VM stays."""
    on = np.array([True, False])
    hosts = builders.fleet(kinds=(0, 0), powered_on=on)
    instance = builders.instance([(1_000, 1_000)] * 2, [0, 0], fleet=hosts)
    way = plan(instance, Placement(host_of=np.array([0, 1], dtype=np.int32)))
    done = execute(instance, way, faults=Faults(**{fault: 1.0}))
    assert kinds(done).count("boot_end") == boots
    assert done.placement.host_of.tolist() == [0, boots]
    if boots:
        end = next(e for e in done.events if e.kind == "boot_end")
        assert end.time_s > way.boots[0].end_s
        assert "late" in end.detail
    else:
        assert kinds(done).count("boot_fail") == 2


def test_random_instances_with_every_fault(builders):
    """Rules, odd hosts, all faults at once: the judge in ``execute`` agrees with every history."""
    executed = 0
    for seed in range(120):
        rnd = Random(seed)
        instance = builders.random_instance(
            rnd, max_vms=8, max_hosts=5, rules=("spread", "fence", "ban", "lonely", "split")
        )
        result = solve(instance, "bfd", budget=Budget(bounds="quick"), min_saving_fraction=0.0)
        if result.status not in ("optimal", "feasible") or not result.worthwhile:
            continue
        try:
            way = plan(instance, result.placement)
        except PlanError:
            continue
        if way.actions:
            execute(instance, way, faults=Faults.all(0.25), seed=seed)
            executed += 1
    assert executed > 25


def test_a_stale_plan_is_refused(cluster, made, builders):
    """Somebody has moved a VM since: nothing is carried out."""
    other = builders.instance([(900, 1_500)] * 8, [1, 1, 2, 3, 4, 0, 1, 2], fleet=cluster.fleet)
    with pytest.raises(PlanError, match="another state"):
        execute(other, made)


def test_probabilities_are_probabilities():
    """Named with its path."""
    with pytest.raises(ConfigError, match=r"faults.setup: needs a probability from 0 to 1, got 1.5"):
        Faults(setup=1.5)


# -- the judge of histories, on histories that are wrong -------------------------------------------


def history(builders, *events, current=(0, 0), end=None, rules=()):
    """Two VMs of 3,000 mcores and three hosts of 4,000; h2 is off."""
    on = np.array([True, True, False])
    hosts = builders.fleet(kinds=(0, 0, 0), powered_on=on)
    needs = [(1_900, 1_000), (1_900, 1_000), (3_000, 1_000)]
    instance = builders.instance(needs, [*current, -1], fleet=hosts, rules=rules)
    final = Placement(host_of=np.array([*(end or current), -1], dtype=np.int32))
    case = placement_case(instance, final)
    rows = tuple(Happened(time_s=t, kind=kind, **more) for t, kind, more in events)
    return {v.code for v in check_history(HistoryCase(placement=case, events=rows))}


def move(t, kind, vm, source, target):
    return (t, f"move_{kind}", {"vm": vm, "source": source, "target": target})


def power(t, kind, host):
    return (t, kind, {"target": host})


def test_a_sound_history(builders):
    """A move there, a boot, a shutdown of the empty host."""
    events = (
        move(0, "begin", 0, 0, 1),
        move(5, "end", 0, 0, 1),
        power(5, "boot_begin", 2),
        move(6, "begin", 1, 0, 1),
        move(9, "end", 1, 0, 1),
        power(9, "off_begin", 0),
        power(9, "boot_end", 2),
        power(12, "off_end", 0),
    )
    assert history(builders, *events, end=(1, 1)) == set()


NEWBORN = (1, "created", {"vm": 2, "need": (3_000, 1_000)})


@pytest.mark.parametrize(
    ("events", "end", "code"),
    [
        ([move(0, "begin", 0, 1, 2)], (0, 0), "V16.two-hosts"),
        ([move(0, "begin", 0, 0, 2), move(3, "end", 0, 0, 2)], (2, 0), "V16.power"),
        ([move(0, "begin", 0, 0, 1)], (0, 0), "V16.lost"),
        ([move(3, "end", 0, 0, 1)], (1, 0), "V16.lost"),
        ([move(0, "begin", 0, 0, 1), move(2, "begin", 0, 0, 1)], (0, 0), "V16.two-hosts"),
        ([power(0, "off_begin", 0), power(9, "off_end", 0)], (0, 0), "V16.resident"),
        ([move(0, "begin", 0, 0, 1), power(1, "off_begin", 1)], (0, 0), "V16.inbound"),
        ([power(0, "boot_begin", 1)], (0, 0), "V16.power"),
        ([NEWBORN, (2, "start_begin", {"vm": 2, "target": 0})], (0, 0), "V16.capacity"),
        ([(2, "start_begin", {"vm": 1, "target": 1})], (0, 1), "V16.two-hosts"),
        ([(2, "start_begin", {"vm": 2, "target": 1})], (0, 0), "V16.lost"),
        ([(2, "deleted", {"vm": 1})], (0, 0), "V16.final"),
        ([NEWBORN, NEWBORN], (0, 0), "V16.two-hosts"),
        ([(5, "note", {}), (4, "note", {})], (0, 0), "V16.time"),
        ([(5, "teleport", {"vm": 0})], (0, 0), "V16.kind"),
    ],
)
def test_wrong_histories_are_refused(builders, events, end, code):
    """Each for its own reason."""
    assert code in history(builders, *events, end=end)


def test_a_surge_closes_a_host(builders):
    """VM 1 grows while it is alone on h1: VM 0 no longer fits there, and may not come."""
    surge = (1, "need", {"vm": 1, "need": (2_500, 1_000)})
    come = (move(2, "begin", 0, 0, 1), move(5, "end", 0, 0, 1))
    assert history(builders, *come, current=(0, 1), end=(1, 1)) == set()
    assert history(builders, surge, *come, current=(0, 1), end=(1, 1)) == {"V16.capacity"}


def test_a_rule_is_broken_in_between(builders):
    """Spread holds before and after, but not while both are on h1."""
    events = (
        move(0, "begin", 0, 0, 1),
        move(5, "end", 0, 0, 1),
        move(5, "begin", 1, 1, 0),
        move(9, "end", 1, 1, 0),
    )
    rule = Spread(vms=(0, 1))
    found = history(builders, *events, current=(0, 1), end=(1, 0), rules=(rule,))
    assert found == {"V3.rule-moment"}


def test_nothing_to_do(cluster):
    """An empty plan has an empty history."""
    done = execute(cluster, MigrationPlan.empty(cluster.current))
    assert done.events == ()
    assert done.placement.host_of.tolist() == cluster.current.host_of.tolist()
