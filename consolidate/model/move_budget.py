"""How much may be moved at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.units import MIB_PER_GIB

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["MoveBudget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveBudget:
    """Hard limits; ``None`` is no limit. A VM that is on no host yet starts, and does not move.

    Parameters
    ----------
    moves
        VMs that have another host in the end.
    memory_gib : GiB
        Memory of these VMs.
    per_host
        VMs that leave a host, and VMs that come to it, together.
    makespan_s : s
        Time of the plan, boots and shutdowns included.
    stay
        VMs that do not move, by index.
    """

    moves: int | None = None
    memory_gib: float | None = None
    per_host: int | None = None
    makespan_s: int | None = None
    stay: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("moves", "memory_gib", "per_host", "makespan_s"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                msg = f"needs 0 or more, got {value}"
                raise ConfigError(msg, path=f"move_budget.{name}")
        object.__setattr__(self, "stay", tuple(sorted({int(v) for v in self.stay})))

    @property
    def memory_mib(self) -> int | None:
        """The limit of memory in whole MiB, rounded down."""
        return None if self.memory_gib is None else int(self.memory_gib * MIB_PER_GIB)

    def is_empty(self) -> bool:
        """Say whether nothing is limited."""
        return self == MoveBudget()

    def excess(self, instance: Instance, host_of: NDArray[np.int32]) -> str:
        """Return what a placement moves too much of, in words; empty when it keeps within the budget.

        The time of the plan is not looked at: a placement has none.

        Parameters
        ----------
        instance
            The problem.
        host_of
            Host of each VM, shape ``(vms,)``.
        """
        home = instance.current.host_of
        moved = np.flatnonzero((home >= 0) & (host_of >= 0) & (home != host_of))
        if self.moves is not None and len(moved) > self.moves:
            return f"{len(moved)} VMs move, at most {self.moves} may"
        memory_mib = int(instance.carried_mib()[moved].sum())
        if self.memory_mib is not None and memory_mib > self.memory_mib:
            return f"{memory_mib} MiB move, at most {self.memory_mib} may"
        if self.per_host is not None and len(moved):
            touched = np.bincount(np.concatenate([home[moved], host_of[moved]]))
            if touched.max() > self.per_host:
                name = instance.fleet.host_ids[int(touched.argmax())]
                return (
                    f"{touched.max()} VMs leave host {name} or come to it, at most {self.per_host} may"
                )
        if stays := np.intersect1d(moved, np.array(self.stay, dtype=np.int64)).tolist():
            return f"VM {instance.vms.ids[stays[0]]} moves, and was to stay"
        return ""
