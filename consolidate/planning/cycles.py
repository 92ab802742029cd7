"""Moves that wait for each other: find the cycle, and the cheapest VM to park on a spare host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance, PowerControl
from consolidate.planning.ledger import HostLedger

__all__ = ["Parking", "blocked_vms", "find_parking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """Which VM to move aside, and where to."""

    vm: int
    host: int


def blocked_vms(
    pending: Iterable[int], position: NDArray[np.int32], target_of: NDArray[np.int32]
) -> list[int]:
    """Return the VMs whose leaving frees a host that some waiting move needs.

    Hosts are the nodes of a graph with an edge from source to target for each waiting move. A strongly
    connected part with more than one host is a set of moves that wait for each other. Without such a
    part something else takes the room, and all VMs are returned.
    """
    waiting = list(pending)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_edges_from((int(position[v]), int(target_of[v])) for v in waiting)
    cyclic = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
    inside = {h: number for number, part in enumerate(cyclic) for h in part}
    # Both ends in one part: a move from one cycle to another waits for neither.
    found = [
        v
        for v in waiting
        if int(position[v]) in inside and inside[int(position[v])] == inside.get(int(target_of[v]))
    ]
    return found or waiting


def find_parking(
    instance: Instance,
    hosts: HostLedger,
    cycle: Iterable[int],
    position: NDArray[np.int32],
    target_of: NDArray[np.int32],
    *,
    may_stop_at: Callable[[int, int], bool],
) -> Parking | None:
    """Choose the VM with the least memory in a cycle, and a host with room for it.

    Hosts that are on come before hosts that have to be booted; among equals, the one with the most room
    left, which disturbs the rest of the plan least.

    Parameters
    ----------
    instance, hosts
        The problem, and what every host holds now.
    cycle
        The VMs to choose from.
    position, target_of
        Present and final host of each VM, shape ``(vms,)``.
    may_stop_at
        Whether a VM can be moved to a host, and on from there to its target.

    Returns
    -------
    The choice, or ``None`` when no VM of the cycle fits on any host.
    """
    # A host that is booted only for parking is switched off again, so that has to be allowed.
    usable = hosts.on | (instance.fleet.power_control == PowerControl.MANAGED)
    for v in sorted(cycle, key=lambda v: (int(instance.need[v, hosts.memory]), v)):
        fits = (instance.need[v] + instance.vm_overhead <= hosts.room).all(axis=1)
        fitting = [
            h
            for h in np.flatnonzero(usable & fits).tolist()
            if h not in (position[v], target_of[v])
            and hosts.has_slots(int(position[v]), h)
            and hosts.has_room(v, h)
            and may_stop_at(v, h)
        ]
        if fitting:
            best = min(fitting, key=lambda h: (not hosts.on[h], -int(hosts.room[h, hosts.memory]), h))
            return Parking(vm=v, host=best)
    return None
