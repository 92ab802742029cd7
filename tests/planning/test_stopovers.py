"""VMs that stop on their way: where circles and long chains ask for it, at hosts that hold them."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np

from consolidate.model import Fence
from consolidate.planning.orders import work_of
from consolidate.planning.problem import Problem
from consolidate.planning.stopovers import stopovers

GIB = 1_000


def chosen(problem, usable=None, within_s=math.inf):
    """Return who stops where, if all hosts may be used or only these, and chains may take so long."""
    n = problem.instance.fleet.n_hosts
    here = np.ones(n, dtype=np.bool_) if usable is None else np.isin(np.arange(n), usable)
    return list(stopovers(problem, problem.moved, here, within_s))


def sizes(scenes, gib, *, hosts, current, target, **more):
    """Return a problem by the sizes of hosts and VMs."""
    instance = scenes.scene(
        [scenes.host(memory=m * GIB) for m in hosts],
        [scenes.vm(cpu=0, memory=m * GIB) for m in gib],
        current,
        **more,
    )
    return Problem(instance=instance, target=scenes.to(*target))


def test_one_of_two_that_change_places_stops(scenes):
    """The smaller one, and not where it is, nor where it goes."""
    two = sizes(scenes, [7, 6], hosts=[10, 10, 10], current=[0, 1], target=[1, 0])
    assert chosen(two) == [(1, 2)]
    both = sizes(scenes, [5, 5], hosts=[10, 10, 10], current=[0, 1], target=[1, 0])
    assert chosen(both) == []
    without = sizes(scenes, [7, 6], hosts=[10, 10, 5], current=[0, 1], target=[1, 0])
    assert chosen(without) == []
    assert chosen(two, usable=[0, 1]) == []


def test_one_of_many_in_a_circle_stops(scenes):
    """A circle is opened once; a chain needs nothing."""
    hosts, gib = [10] * 5, [8, 7, 6, 9]
    circle = sizes(scenes, gib, hosts=hosts, current=[0, 1, 2, 3], target=[1, 2, 3, 0])
    assert chosen(circle) == [(2, 4)]
    chain = sizes(scenes, gib, hosts=hosts, current=[0, 1, 2, 3], target=[1, 2, 3, 4])
    assert chosen(chain) == []


def test_who_stays_takes_room_too(scenes):
    """Two VMs that fit beside each other do not beside a third one that does not move."""
    gib, current, target = [4, 4, 3, 3], [0, 1, 0, 1], [1, 0, 0, 1]
    assert chosen(sizes(scenes, gib, hosts=[11, 11, 11], current=current, target=target)) == []
    found = chosen(sizes(scenes, gib, hosts=[10, 10, 10], current=current, target=target))
    assert found == [(0, 2)]


def test_each_circle_has_a_host_of_its_own(scenes):
    """So long as there are enough; first those that only small VMs leave for it."""
    gib = [8, 8, 7, 7, 6, 1, 1, 1, 1, 1, 1]
    current = [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5]
    target = [1, 0, 3, 2, 5, 4, 4, 4, 4, 4, 4]
    problem = sizes(scenes, gib, hosts=[10] * 6, current=current, target=target)
    # The large VM and the six small ones wait for nobody: a host holds them together.
    assert chosen(problem) == [(0, 5), (2, 4)]
    assert chosen(problem, usable=[5]) == [(0, 5), (2, 5)]


def test_rules_are_kept(scenes):
    """A VM stops nowhere where a fence keeps it out."""
    fence = Fence(vms=(1,), hosts=(0, 1, 3))
    found = sizes(scenes, [7, 6], hosts=[10] * 4, current=[0, 1], target=[1, 0], rules=[fence])
    assert chosen(found) == [(1, 3)]


def test_a_stop_can_be_reached_and_left_in_time(scenes):
    """A host with which the others share no way of moving takes nobody in, nor does a slow one."""
    hosts = [scenes.host(), scenes.host(), scenes.host(modes={"saved_state"}), scenes.host(nic=100.0)]
    vms = [scenes.vm(cpu=0, memory=7_000), scenes.vm(cpu=0, memory=6_000)]
    instance = scenes.scene(hosts, vms, [0, 1])
    problem = Problem(instance=instance, target=scenes.to(1, 0))
    assert chosen(problem) == [(1, 3)]
    assert chosen(problem, within_s=3 * int(work_of(problem)[0].max())) == []


def waiting(problem):
    """Return who waits for whom, pair by pair."""
    instance = problem.instance
    now, goal = instance.current.host_of.tolist(), problem.target.host_of.tolist()
    pairs = set()
    for v, u in itertools.permutations(problem.moved.tolist(), 2):
        h = goal[v]
        stays = [w for w in range(len(now)) if now[w] == h == goal[w]]
        taken = instance.need[[v, u, *stays]].sum(axis=0)
        if now[u] == h and (taken > instance.capacity[h]).any():
            pairs.add((v, u))
    return pairs


def with_a_large_host(scenes):
    """Yield problems by seed with one large host more than they need."""
    for seed in range(300):
        case = scenes.tight(np.random.default_rng(seed))
        if case is not None:
            instance, target = case
            bigger = scenes.with_helper(instance, dict.fromkeys(instance.resources, 10**6), like=0)
            yield seed, Problem(instance=bigger, target=target)


def test_nobody_waits_in_a_circle_without_those_that_stop(scenes):
    """And nobody stops where there is none, on problems by seed with one large host more."""
    circles = 0
    for seed, problem in with_a_large_host(scenes):
        graph = nx.DiGraph(waiting(problem))
        found = chosen(problem)
        assert bool(found) != nx.is_directed_acyclic_graph(graph), f"seed {seed}"
        circles += bool(found)
        for v, h in found:
            assert h not in (problem.places[v], problem.target.host_of[v]), f"seed {seed}"
        graph.remove_nodes_from(v for v, _ in found)
        assert nx.is_directed_acyclic_graph(graph), f"seed {seed}"
    assert circles > 5


def longest_s(problem, pairs, out):
    """Return how long moves take that wait for each other, by walking every chain; ``out`` leave for nobody."""
    seconds = dict(zip(problem.moved.tolist(), work_of(problem)[0].tolist(), strict=True))

    def from_here(v, comes):
        later = [u for w, u in pairs if w == v and comes]
        return seconds[v] + max((from_here(u, u not in out) for u in later), default=0)

    return max((from_here(v, True) for v in seconds), default=0)


def test_a_long_chain_is_cut(scenes):
    """At the smallest VMs of it, and no more often than the time asks for."""
    gib = [9, 9, 6, 9, 9, 9, 7, 9, 9]
    n = len(gib)
    problem = sizes(
        scenes, gib, hosts=[10] * (n + 5), current=list(range(n)), target=list(range(1, n + 1))
    )
    pairs = waiting(problem)
    whole = longest_s(problem, pairs, set())
    assert chosen(problem, within_s=whole) == []
    for parts in (1.5, 2, 3):
        out = {v for v, _ in chosen(problem, within_s=whole / parts)}
        assert longest_s(problem, pairs, out) <= whole / parts
        assert len(out) <= 2 * parts
    assert {v for v, _ in chosen(problem, within_s=whole / 1.5)} == {2, 6}


def test_chains_take_no_longer_than_is_said(scenes):
    """On problems by seed, unless what is left is two moves, the first of which may be the longest there is."""
    cut = 0
    for seed, problem in with_a_large_host(scenes):
        pairs = waiting(problem)
        once = {v for v, _ in chosen(problem)}
        least = 2 * int(work_of(problem)[0].max(initial=0))
        out = {v for v, _ in chosen(problem, within_s=least)}
        assert once <= out, f"seed {seed}"
        assert longest_s(problem, pairs, out) <= least, f"seed {seed}"
        cut += len(out) > len(once)
    assert cut > 5
