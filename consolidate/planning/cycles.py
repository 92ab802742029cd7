"""Moves that wait for each other: find the cycle, and the cheapest VM to park on a spare host."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from consolidate.errors import DeadlockError
from consolidate.model import Instance
from consolidate.planning.ledger import HostLedger

__all__ = ["Parking", "blocked_vms", "find_parking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """Which VM to move aside, and where to."""

    vm: int
    host: int


def blocked_vms(
    pending: list[int], position: NDArray[np.int32], target_of: NDArray[np.int32]
) -> list[int]:
    """Return the VMs whose leaving frees a host that some waiting move needs, in cycles if there are any.

    Hosts are the nodes of a graph with an edge from source to target for each waiting move. A strongly
    connected part with more than one host is a set of moves that wait for each other.
    """
    graph = nx.MultiDiGraph()
    for v in pending:
        graph.add_edge(int(position[v]), int(target_of[v]), vm=v)
    cyclic = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
    if not cyclic:
        # Without a cycle something else takes the room: rules, or a host that starts too full.
        return list(pending)
    inside = {h for part in cyclic for h in part}
    return [v for v in pending if int(position[v]) in inside and int(target_of[v]) in inside]


def find_parking(
    instance: Instance,
    hosts: HostLedger,
    pending: list[int],
    position: NDArray[np.int32],
    target_of: NDArray[np.int32],
) -> Parking:
    """Choose the VM with the least memory in a cycle, and a host with room for it.

    Hosts that are on come before hosts that have to be booted; among equals, the one with the most room
    left, which disturbs the rest of the plan least.

    Raises
    ------
    DeadlockError
        When no VM of the cycle fits on any host.
    """
    cycle = blocked_vms(pending, position, target_of)
    mask_of, masks = instance.host_masks()
    by_memory = sorted(cycle, key=lambda v: (int(instance.need[v, hosts.memory]), v))
    for v in by_memory:
        candidates = np.flatnonzero(masks[mask_of[v]])
        fitting = [
            int(h)
            for h in candidates
            if h != position[v]
            and h != target_of[v]
            and hosts.has_room(v, int(h))
            and hosts.incoming[h] < instance.moves.moves_in
            and hosts.outgoing[position[v]] < instance.moves.moves_out
        ]
        if fitting:
            best = min(
                fitting, key=lambda h: (not hosts.on[h], -int(hosts.room[h, hosts.memory]), h)
            )
            return Parking(vm=v, host=best)
    smallest = by_memory[0]
    raise DeadlockError(
        [instance.vms.ids[v] for v in cycle],
        helper_space={
            name: int(instance.need[smallest, r]) for r, name in enumerate(instance.resources)
        },
    )
