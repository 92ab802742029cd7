"""Moves that wait for each other."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx
import numpy as np
from numpy.typing import NDArray

__all__ = ["blocked_vms"]


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
