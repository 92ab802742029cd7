"""The storage of a site gives no more than it has to all that is saved there and restored from there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from consolidate.checks import check_plan
from consolidate.checks.plan_bound import derived_bound_s
from consolidate.engine.execution import Faults
from consolidate.migration import MoveSettings
from consolidate.model import Site
from consolidate.planning import resume, state_after, undo
from consolidate.planning.assemble import assemble
from consolidate.planning.bound import makespan_bound
from consolidate.planning.estimates import Estimates
from consolidate.planning.problem import Problem
from consolidate.planning.sequence import in_sequence
from consolidate.study.executing import execute
from consolidate.study.judge import _plan_case, judge_plan
from consolidate.study.verbs import plan

#: What one VM is written or read at: 0.4 of an interface of 10 Gbit/s.
RATE = 10_000 * 0.4 / 8 * 1e6 / 2**20


def swaps(scenes, n=2, *, storage=500.0, sites=None, modes=("live", "saved_state"), **more):
    """Pairs of hosts, each full of a VM that wants the other host of its pair."""
    hosts = [scenes.host(memory=10_000, modes=modes) for _ in range(2 * n)]
    vms = [scenes.vm(memory=9_000 - 1_000 * (k % 2)) for k in range(2 * n)]
    moves = MoveSettings(storage_mib_per_s=storage, downtime_j_per_s=1e6, **more)
    instance = scenes.scene(hosts, vms, list(range(2 * n)), moves=moves)
    if sites is not None:
        names = tuple(Site(name=f"site-{k}") for k in range(max(sites) + 1))
        fleet = replace(instance.fleet, sites=names, host_site=np.array(sites))
        instance = replace(instance, fleet=fleet)
    return instance, scenes.to(*(k ^ 1 for k in range(2 * n)))


def all_at_once(instance, target):
    """Return the plan that saves the smaller VM of every pair, moves the others, and restores."""
    problem = Problem(instance=instance, target=target, storage=True)
    sites = instance.fleet.n_hosts + instance.fleet.host_site
    pairs = [(v, v ^ 1) for v in range(1, len(target.host_of), 2)]
    order = [(v, int(sites[v])) for v, _ in pairs] + [(u, v) for v, u in pairs] + pairs
    return assemble(problem, in_sequence(problem, order), None)


def bound(instance, target):
    return makespan_bound(instance, target, Estimates(instance))


def together(made):
    """Return how many VMs are saved or restored at a time, at most."""
    halves = [*made.saves, *made.restores]
    return max(sum(a.start_s <= b.start_s < a.end_s for a in halves) for b in halves)


@pytest.mark.parametrize(
    ("storage", "sites", "most"),
    [(500.0, None, 1), (500.0, [0, 0, 1, 1], 2), (1_000.0, None, 2), (1_000.0, [0, 0, 1, 1], 2)],
)
def test_whoever_finds_too_little_left_waits(scenes, storage, sites, most):
    """One VM takes 477 of 500 MiB/s: the second waits, but not where there is enough or another storage."""
    instance, target = swaps(scenes, storage=storage, sites=sites)
    judge_plan(instance, plan(instance, target))
    made = all_at_once(instance, target)
    judge_plan(instance, made)
    assert scenes.carry_out(instance, made) == target.host_of.tolist()
    assert len(made.saves) == 2
    assert together(made) == most
    # Nobody writes or reads at less than a VM alone would: waiting costs less downtime.
    assert {a.end_s - a.start_s for a in (*made.saves, *made.restores)} == {int(8_000 / RATE + 1) + 1}


def test_the_checks_refuse_a_storage_that_is_shared_out_twice(scenes):
    """Both savings at once, and nothing else is wrong; two storages, or a better one, can do it."""
    instance, target = swaps(scenes)
    quick, _ = swaps(scenes, storage=1_000.0)
    made = all_at_once(quick, target)
    assert together(made) == 2
    found = check_plan(_plan_case(instance, made))
    assert {v.code for v in found} == {"V6.bandwidth"}
    assert found[0].witness["amount"] == pytest.approx(2 * RATE)
    assert "the storage at the site of host N" in found[0].message
    apart, _ = swaps(scenes, sites=[0, 0, 1, 1])
    for fine in (apart, quick):
        assert not check_plan(_plan_case(fine, made))


def saved_moves(scenes, n, **more):
    """VMs on hosts that can move them by saved state only, each to a host of its own."""
    hosts = [scenes.host(modes=["saved_state"], kind="type2") for _ in range(2 * n)]
    instance = scenes.scene(
        hosts, [scenes.vm(memory=4_000) for _ in range(n)], list(range(n)), moves=MoveSettings(**more)
    )
    return instance, scenes.to(*range(n, 2 * n))


def test_moves_by_saved_state_share_it_too(scenes):
    """Four moves of 18 s, one at a time or all at once, and the checks know the difference."""
    lasts = int(8_000 / RATE + 1) + 1
    one, target = saved_moves(scenes, 4)
    four, _ = saved_moves(scenes, 4, storage_mib_per_s=2_000.0)
    slow, quick = plan(one, target), plan(four, target)
    assert sorted(m.start_s for m in slow.migrations) == [k * lasts for k in range(4)]
    assert {m.start_s for m in quick.migrations} == {0}
    assert scenes.carry_out(one, slow) == target.host_of.tolist()
    assert {v.code for v in check_plan(_plan_case(one, replace(quick, bound=None)))} == {"V6.bandwidth"}


def test_live_moves_take_nothing_of_it(scenes):
    """The slowest storage keeps no live migration waiting."""
    hosts = [scenes.host() for _ in range(8)]
    instance = scenes.scene(
        hosts, [scenes.vm() for _ in range(4)], [0, 1, 2, 3], moves=MoveSettings(storage_mib_per_s=1.0)
    )
    assert {m.start_s for m in plan(instance, scenes.to(4, 5, 6, 7)).migrations} == {0}


def test_less_than_one_vm_could_take_is_no_dead_end(scenes):
    """A storage slower than the interfaces is taken by one VM after the other, at its own rate."""
    instance, target = swaps(scenes, storage=100.0)
    made = all_at_once(instance, target)
    judge_plan(instance, made)
    assert together(made) == 1
    assert {a.rate_mib_per_s for a in (*made.saves, *made.restores)} == {100.0}


def test_plans_that_go_on_or_back_share_it_as_well(scenes):
    """From every prefix of a plan of two swaps there is a way on and a way back."""
    instance, target = swaps(scenes)
    made = all_at_once(instance, target)
    ids = [a.id for a in sorted(made.actions, key=lambda a: a.end_s)]
    for k in range(len(ids) + 1):
        there = state_after(instance, made, ids[:k])
        for way, wanted in (
            (resume(instance, made, ids[:k]), target),
            (undo(instance, made, ids[:k]), instance.current),
        ):
            judge_plan(there, way)
            assert scenes.carry_out(there, way) == wanted.host_of.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_an_execution_never_takes_more_than_there_is(scenes, seed):
    """Without faults it lasts as long as planned; with them no two VMs are saved or restored at a time."""
    instance, target = swaps(scenes, 3)
    made = all_at_once(instance, target)
    assert execute(instance, made, faults=Faults()).makespan_s == made.makespan_s
    done = execute(instance, made, faults=Faults(setup=0.2, mid_copy=0.2, lost_ack=0.1), seed=seed)
    busy = 0
    for event in done.events:
        what, _, stage = event.kind.partition("_")
        if what in ("save", "restore"):
            busy += 1 if stage == "begin" else -1
        assert busy <= 1


def test_the_bound_by_storage(scenes):
    """Four states of 4,000 MiB are written and read at 100 MiB/s: 320 s, which the checks derive again."""
    instance, target = saved_moves(scenes, 4, storage_mib_per_s=100.0)
    made = plan(instance, target)
    assert (made.bound.load_s, made.bound.rests_on) == (320, "storage of site")
    assert made.makespan_s == 4 * 81 + 10
    case = _plan_case(instance, made)
    assert derived_bound_s(case) == 320
    more = check_plan(replace(case, makespan_bound_s=321))
    assert {v.code for v in more} == {"V6.bound"}


def test_no_bound_by_storage_where_there_is_a_way_round_it(scenes):
    """A live way to any host, or storages of two sites: less has to pass through one."""
    instance, target = saved_moves(scenes, 4, storage_mib_per_s=100.0)
    fleet = instance.fleet
    halves = replace(fleet, sites=(Site(name="a"), Site(name="b")), host_site=np.arange(8) % 2)
    assert bound(replace(instance, fleet=halves), target).load_s == 160
    hosts = [scenes.host(modes=["saved_state", "live"]) for _ in range(8)]
    live = scenes.scene(hosts, [scenes.vm(memory=4_000)] * 4, [0, 1, 2, 3], moves=instance.moves)
    assert bound(live, target).rests_on.startswith("host")
