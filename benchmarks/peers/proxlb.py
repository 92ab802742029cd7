"""ProxLB's CP-SAT solver, run in its own environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import consolidate as cs
from benchmarks.peers.base import not_two_resources
from benchmarks.peers.remote_peer import RemotePeer, install_command

__all__ = ["ProxLB"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxLB(RemotePeer):
    """The balancer, with its defaults; its objective has no word for a host that is off."""

    name: ClassVar[str] = "proxlb"
    licence: ClassVar[str] = "GPL-3.0-or-later, run as a program of its own"
    decided_in: ClassVar[str] = "Python"
    minimises: ClassVar[str] = "gap of the fullest and the emptiest node's memory, plus moved memory"
    translated: ClassVar[str] = (
        "nodes and VMs, 1 core = 1 mcore, no CPU oversold; method memory, level 3"
    )
    lost: ClassVar[str] = "watts: it balances and cannot be told to empty hosts"
    seeded: ClassVar[bool] = False
    folder: ClassVar[str] = "proxlb"
    packages: ClassVar[tuple[str, ...]] = ("proxlb-solver",)
    install: ClassVar[str] = install_command(folder, "proxlb-solver==0.1.1")

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain, and more than CPU and memory."""
        return not_two_resources(instance)
