"""Which hosts to keep, and what is packed onto them."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.solvers import evicted
from consolidate.solvers.base import Budget
from consolidate.solvers.classes import alike, by_direction, vm_cells, vm_classes
from consolidate.solvers.keep import _Slack, attempts
from consolidate.solvers.onset import OnSet, OnSets
from consolidate.solvers.repair import repair

COMMON = ("spread", "fence", "ban", "root")


def started(instance):
    problem = kernel_problem(instance)
    state = kernel_state(instance, instance.current.host_of)
    return problem, None if repair(instance, problem, state) else state.host_of


def test_every_attempt_is_complete_and_feasible(builders, oracles):
    """Each placement that is yielded stands on its own, with its true energy: a search may stop there."""
    seen = 0
    for seed in range(600, 680):
        instance = builders.random_instance(Random(seed), rules=COMMON, wild=True)
        problem, start = started(instance)
        if start is None:
            continue
        for host_of, energy_mj in attempts(
            instance, problem, start, seed=0, clock=Budget(iterations=0).start()
        ):
            seen += 1
            assert oracles.problems(instance, host_of.tolist()) == [], seed
            assert energy_mj == oracles.energy_mj(instance, host_of.tolist()), seed
    assert seen >= 40


def test_attempts_repeat(builders):
    """The same seed gives the same placements, one by one."""
    instance = builders.instance(
        [(300 + 37 * v, 400 + 11 * (v % 7)) for v in range(24)],
        [v % 12 for v in range(24)],
        fleet=builders.fleet(kinds=(0,) * 12),
    )
    problem, start = started(instance)
    runs = [
        [
            host_of.tobytes()
            for host_of, _ in attempts(
                instance, problem, start, seed=5, clock=Budget(iterations=0).start()
            )
        ]
        for _ in range(2)
    ]
    assert runs[0] == runs[1] != []


def spread_over_six(builders):
    """Twelve VMs of a third of a host each, two by two on six hosts: four hosts are enough."""
    fleet = builders.fleet(kinds=(0,) * 6)
    return builders.instance([(1_300, 1_024)] * 12, [v // 2 for v in range(12)], fleet=fleet)


@pytest.mark.parametrize(("n_on", "moves"), [(None, 4), (4, 4), (5, 2)])
def test_a_given_number_of_hosts_stays_on(builders, n_on, moves):
    """With more hosts on, fewer VMs move; left open, the energy decides for the fewest hosts."""
    instance = spread_over_six(builders)
    problem, start = started(instance)
    host_of, _ = next(
        attempts(instance, problem, start, seed=0, clock=Budget(iterations=0).start(), n_on=n_on)
    )
    assert len(np.unique(host_of)) == (n_on or 4)
    assert np.count_nonzero(host_of != instance.current.host_of) == moves


def test_hosts_with_vms_that_cannot_leave_are_kept(builders):
    """A host in maintenance keeps who is there, and an immovable VM keeps its host on."""
    fleet = builders.fleet(kinds=(0,) * 4, maintenance=np.array([True, False, False, False]))
    instance = builders.instance(
        [(500, 1_024)] * 4, [0, 1, 2, 3], fleet=fleet, movable=np.array([True, True, True, False])
    )
    problem, start = started(instance)
    sets = OnSets.of(instance, problem, start)
    on_set = sets.choose(0.0)
    assert on_set is not None
    assert sorted(on_set.hosts.tolist()) == [0, 3]


def test_slack_asks_for_more_hosts_and_at_last_for_too_many(builders):
    """Room to spare costs hosts; more than there is cannot be had: three VMs fill 3,900 of 4,000 mcores."""
    instance = spread_over_six(builders)
    problem, start = started(instance)
    sets = OnSets.of(instance, problem, start)
    sizes = [len(s.hosts) for slack in (0.0, 0.25, 0.33) if (s := sets.choose(slack)) is not None]
    assert sizes == [4, 6, 6]
    assert sets.choose(0.34) is None
    # A part of all needs that is less than one VM is no room.
    assert len(sets.choose(0.05).hosts) == 4


def test_repair_places_new_vms_and_names_who_finds_no_room(builders, oracles):
    """A VM on no host yet is placed; one too large for every gap is returned."""
    fleet = builders.fleet(kinds=(0, 0))
    for newcomer, missing in ((800, []), (1_200, [2])):
        instance = builders.instance(
            [(3_000, 1), (3_000, 1), (newcomer, 1)],
            [0, 1, -1],
            fleet=fleet,
            active=np.array([True, True, True]),
        )
        problem = kernel_problem(instance)
        state = kernel_state(instance, instance.current.host_of)
        assert repair(instance, problem, state) == missing
        if not missing:
            assert oracles.problems(instance, state.host_of.tolist()) == []


def test_classes_cells_and_masks(builders):
    """Equal rows share a number; VMs that differ in needs or in hosts allowed do not."""
    assert alike([np.array([3, 1, 3]), np.array([0, 0, 0])]).tolist() == [1, 0, 1]
    instance = builders.instance(
        [(100, 200), (100, 200), (300, 200), (100, 200)],
        [0, 0, 1, 1],
        fleet=builders.fleet(kinds=(0, 0)),
        movable=np.array([True, True, True, False]),
    )
    problem = kernel_problem(instance)
    assert len(problem.masks) == 2
    numbers = problem.mask_of
    assert numbers[0] == numbers[1] == numbers[2] != numbers[3]
    classes = vm_classes(instance, problem, np.arange(4), most=10)
    assert classes[0] == classes[1]
    assert len(set(classes.tolist())) == 3
    shares = np.array([[0.1, 0.1], [0.1, 0.1], [0.1, 0.8], [0.8, 0.1]])
    cells = vm_cells(shares, np.zeros(4, dtype=np.int64))
    assert cells[0] == cells[1]
    assert len(set(cells.tolist())) == 3


def test_lumps_are_rows_of_like_direction():
    """Length does not count, what is to be kept apart is, and the spread goes down as lumps are added."""
    rng = np.random.default_rng(3)
    amounts = rng.uniform(0.1, 1.0, (200, 3)) * rng.uniform(1, 100, (200, 1))
    lumps = by_direction(np.vstack([amounts, 7 * amounts]), np.zeros(400, dtype=np.int64), most=20)
    assert lumps.max() == 19
    assert lumps[:200].tolist() == lumps[200:].tolist()
    apart = np.arange(200) % 2
    assert len(set(by_direction(amounts, apart, most=1).tolist())) == 2
    one_direction = np.outer(np.arange(1.0, 9.0), [1.0, 2.0])
    assert by_direction(one_direction, np.zeros(8, dtype=np.int64), most=5).tolist() == [0] * 8


def test_a_host_is_filled_in_the_same_way_in_any_number_of_calls(builders, monkeypatch):
    """Looking at the clock between two batches of hosts changes nothing."""
    rng = np.random.default_rng(5)
    amounts = [(int(a), int(b)) for a, b in rng.integers(50, 900, (90, 2))]
    instance = builders.instance(
        amounts, [v % 45 for v in range(90)], fleet=builders.fleet(kinds=(0,) * 45)
    )
    found = []
    for batch in (1, 500):
        monkeypatch.setattr(evicted, "_BATCH", batch)
        problem, start = started(instance)
        clock = Budget(iterations=0).start()
        found.append([h.tobytes() for h, _ in attempts(instance, problem, start, seed=1, clock=clock)])
    assert found[0] == found[1] != []


def test_a_time_limit_leaves_complete_placements(builders, oracles):
    """Whatever comes out after the time is over is complete; an attempt cut short is not shown."""
    instance = spread_over_six(builders)
    problem, start = started(instance)
    clock = Budget(time_limit_s=1e-9).start()
    for host_of, energy_mj in attempts(instance, problem, start, seed=0, clock=clock):
        assert oracles.problems(instance, host_of.tolist()) == []
        assert energy_mj == oracles.energy_mj(instance, host_of.tolist())


@pytest.mark.parametrize("wasted", [0.0, 0.01, 0.05])
def test_slack_approaches_what_packing_wastes(wasted):
    """The search ends with a slack that suffices, near the least one that does."""
    search = _Slack()
    for _ in range(30):
        on_set = OnSet(
            hosts=np.arange(1), kind=np.zeros(1), plan=np.zeros((1, 1)), value_mj=search.slack
        )
        if search.is_over(on_set, 1):
            break
        search.learn(on_set, max(0.0, wasted - search.slack))
    assert wasted <= search.enough <= wasted * 1.1 + 0.0005
