"""VMs that had better stop on their way, as others wait for them to leave and they wait for others.

A VM that does not fit beside one that still lives on its target waits until that has left. Where VMs wait so
for each other in a circle, not all of them go straight: one has to stop at a third host. Where they wait in a
long chain, their moves one after the other take longer than there is time, unless some of them leave for a
third host at once and come when their turn is. Large VMs take so much room there that no small steps, each of
which crowds less, lead to it.
"""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from consolidate.planning.orders import work_of
from consolidate.planning.problem import Problem

__all__ = ["stopovers"]


def stopovers(
    problem: Problem, live: NDArray[np.int64], usable: NDArray[np.bool_], within_s: float
) -> Iterator[tuple[int, int]]:
    """Yield VMs that stop, and a host for each, until no circle is left and no chain takes too long.

    Parameters
    ----------
    problem
        What is scheduled.
    live
        VMs that go from one host to another.
    usable
        Hosts where VMs may stop, shape ``(hosts,)``.
    within_s : s
        What the moves of a chain may take, one after the other, and the two moves of a VM that stops.
    """
    residents = _Residents(problem, live, len(usable))
    chains = _Chains(problem, residents)
    chosen = np.zeros(len(usable), dtype=np.int64)
    for vm in (*chains.opened(), *chains.cut(within_s)):
        hosts = np.flatnonzero(usable & residents.may_stop(vm, within_s))
        if hosts.size:
            # One host for each, so long as there are enough.
            host = int(hosts[np.lexsort((hosts, residents.in_the_way(vm)[hosts], chosen[hosts]))[0]])
            chosen[host] += 1
            yield vm, host


class _Residents:
    """Who lives where and moves, by size, and what room there is on each host without them."""

    def __init__(self, problem: Problem, live: NDArray[np.int64], n_hosts: int) -> None:
        self.moves, self.place, self.live = problem.moves, problem.places, live
        self.size = problem.size
        self.free = problem.first_moment().room[:n_hosts]
        self.room = self.free.copy()
        np.add.at(self.room, self.place[live], self.takes(live, self.place[live]))
        order = live[np.lexsort((live, self.size[live], self.place[live]))]
        ends = np.searchsorted(self.place[order], np.arange(n_hosts + 1))
        self.of = [order[ends[h] : ends[h + 1]] for h in range(n_hosts)]
        self.known: dict[bytes, NDArray[np.float64]] = {}

    def takes(self, vms: int | NDArray[np.int64], host: int | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what VMs take on a host, by resource."""
        found: NDArray[np.int64] = self.moves.need[vms] + self.moves.overhead[host]
        return found

    def may_stop(self, vm: int, within_s: float) -> NDArray[np.bool_]:
        """Say where a VM fits once all have left that move, and goes to and on from in time."""
        n, home, goal = len(self.room), self.place[vm], self.moves.target[vm]
        fits = self.moves.masks[self.moves.mask_of[vm], :n].copy()
        fits[(self.takes(vm, np.arange(n)) > self.room).any(axis=1)] = False
        kinds, pair = self.moves.kind_of, self.moves.pair
        takes_s = np.zeros(n, dtype=np.int64)
        for leg in (pair[kinds[home], kinds[:n]], pair[kinds[:n], kinds[goal]]):
            seconds = np.where(leg >= 0, self.moves.seconds[vm, leg, 0], 0)
            fits[seconds == 0] = False
            takes_s += seconds
        fits[takes_s > within_s] = False
        fits[[home, goal]] = False
        return fits

    def in_the_way(self, vm: int) -> NDArray[np.float64]:
        """Return the size of the largest VM that leaves each host, where small ones make room first."""
        key = self.moves.need[vm].tobytes()
        if key not in self.known:
            self.known[key] = np.array([self._largest_to_leave(vm, h) for h in range(len(self.of))])
        return self.known[key]

    def _largest_to_leave(self, vm: int, host: int) -> float:
        mates, wanted = self.of[host], self.takes(vm, host)
        if not len(mates) or (wanted <= self.free[host]).all():
            return 0.0
        freed = self.free[host] + np.cumsum(self.takes(mates, host), axis=0)
        return float(self.size[mates[int((freed >= wanted).all(axis=1).argmax())]])


class _Chains:
    """A graph with an edge from each VM to those that have to leave before it comes.

    A VM that stops waits for nobody when it leaves; it comes as another node, ``~vm``, and waits then.
    """

    def __init__(self, problem: Problem, residents: _Residents) -> None:
        self.size = residents.size
        self.seconds = dict(zip(problem.moved.tolist(), work_of(problem)[0].tolist(), strict=True))
        self.graph: nx.DiGraph[int] = nx.DiGraph()
        for v in residents.live.tolist():
            h = int(problem.moves.target[v])
            mates = residents.of[h]
            both = residents.takes(v, h) + residents.takes(mates, h)
            late = mates[(both > residents.room[h]).any(axis=1)]
            self.graph.add_edges_from((v, u) for u in late.tolist())

    def opened(self) -> Iterator[int]:
        """Have the smallest VM of each circle stop, until none is left; yield them."""
        graph = self.graph
        while circles := [part for part in nx.strongly_connected_components(graph) if len(part) > 1]:
            for circle in sorted(circles, key=min):
                vm = min(circle, key=lambda v: (self.size[v], v))
                self._stop(vm)
                yield vm

    def cut(self, within_s: float) -> Iterator[int]:
        """Have small VMs stop until no chain takes longer; yield them."""
        takes: dict[int, int] = {}
        then: dict[int, int] = {}

        def count(v: int) -> None:
            """Note how long a chain takes from one of its moves on."""
            after = max(self.graph[v], key=lambda u: (takes[u], -u), default=None)
            takes[v] = self.seconds[max(v, ~v)] + (0 if after is None else takes[after])
            then.pop(v, None)
            if after is not None:
                then[v] = after

        for v in reversed(list(nx.topological_sort(self.graph))):
            count(v)
            while takes[v] > within_s:
                chain, since = [v], takes[v]
                while chain[-1] in then:
                    chain.append(then[chain[-1]])
                # Up to and with the one that stops, the rest of the chain is short enough.
                able = [u for u in chain[1:-1] if u >= 0 and since - takes[then[u]] <= within_s]
                if not able:
                    break
                vm = min(able, key=lambda u: (self.size[u], u))
                self._stop(vm)
                count(~vm)
                for u in reversed(chain[: chain.index(vm) + 1]):
                    count(u)
                yield vm

    def _stop(self, vm: int) -> None:
        after = list(self.graph[vm])
        self.graph.remove_edges_from([(vm, u) for u in after])
        self.graph.add_edges_from([(~vm, u) for u in after])
