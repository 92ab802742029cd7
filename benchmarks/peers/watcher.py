"""OpenStack Watcher's strategy ``vm_workload_consolidation``, run in its own environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import consolidate as cs
from benchmarks.peers.base import not_two_resources
from benchmarks.peers.remote_peer import RemotePeer, install_command

__all__ = ["Watcher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher(RemotePeer):
    """The strategy itself, on a cluster model made from the snapshot."""

    name: ClassVar[str] = "watcher"
    licence: ClassVar[str] = "Apache-2.0"
    decided_in: ClassVar[str] = "Python"
    minimises: ClassVar[str] = "nothing in figures: first fit from the least to the most used node"
    translated: ClassVar[str] = "nodes and instances, 1 vCPU = 1 mcore, telemetry says all is used"
    lost: ClassVar[str] = "watts and moves; memory and CPU are what the instance needs"
    seeded: ClassVar[bool] = False
    folder: ClassVar[str] = "watcher"
    packages: ClassVar[tuple[str, ...]] = ("python-watcher",)
    install: ClassVar[str] = install_command(folder, "python-watcher==17.0.0")

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain, and more than CPU and memory."""
        return not_two_resources(instance)
