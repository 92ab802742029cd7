"""Foreign placers, side by side with our policies; each declares what it can be told.

A peer is a frozen dataclass behind :class:`benchmarks.peers.base.Peer`, one file each.
"""

from __future__ import annotations

from benchmarks.peers.base import Peer, Placing
from benchmarks.peers.cloudsim import CloudSimPabfd, CloudSimPabfdMemory
from benchmarks.peers.cp_sat import RawCpSat
from benchmarks.peers.ganeti import Hbal, Hsqueeze
from benchmarks.peers.highs import HighsOnBooleans, HighsOnCounts
from benchmarks.peers.one_drs import OneDrsLike
from benchmarks.peers.proxlb import ProxLB
from benchmarks.peers.vpsolver import VPSolver
from benchmarks.peers.watcher import Watcher

__all__ = ["PEERS", "Peer", "Placing"]

#: Every peer by its name.
PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Watcher(),
        ProxLB(),
        Hbal(),
        Hsqueeze(),
        CloudSimPabfd(),
        CloudSimPabfdMemory(),
        OneDrsLike(),
        VPSolver(),
        RawCpSat(),
        HighsOnBooleans(),
        HighsOnCounts(),
    )
}
