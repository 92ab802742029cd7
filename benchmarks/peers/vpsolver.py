"""VPSolver: arc-flow vector packing, run in its own environment with HiGHS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import consolidate as cs
from benchmarks.peers.base import not_plain
from benchmarks.peers.remote_peer import RemotePeer, install_command

__all__ = ["VPSolver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VPSolver(RemotePeer):
    """Pack anew, as if everybody were on the way in anyhow."""

    name: ClassVar[str] = "vpsolver"
    licence: ClassVar[str] = "BSD-3-Clause; HiGHS is MIT"
    decided_in: ClassVar[str] = "C++"
    minimises: ClassVar[str] = "idle watts of the hosts in use"
    translated: ClassVar[str] = "identical VMs as items with a demand, host types as bins with a price"
    lost: ClassVar[str] = "moves and load; its patterns are laid where many VMs stay"
    seeded: ClassVar[bool] = True
    folder: ClassVar[str] = "vpsolver"
    packages: ClassVar[tuple[str, ...]] = ("pyvpsolver", "highspy")
    install: ClassVar[str] = install_command(folder, "--no-deps pyvpsolver==3.1.4", "highspy==1.16.0")

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain."""
        return not_plain(instance)
