"""VMs and their demand over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.model._arrays import frozen
from consolidate.model.timegrid import TimeGrid

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Repair", "Trace", "VM", "VMs"]

GuestKind = Literal["vm", "container"]
KINDS: tuple[GuestKind, ...] = ("vm", "container")


@dataclass(frozen=True, slots=True, kw_only=True)
class VM:
    """One VM or container: its allocation (what was promised to it), apart from its demand.

    Parameters
    ----------
    id
        Unique name.
    vcpus
        Virtual CPUs; each gets at most one core of its host.
    cpu_mcores : mcores
        CPU allocation.
    memory_mib : MiB
        Memory allocation.
    dirty_mib_per_s : MiB/s
        Rate at which it writes to memory while it is moved.
    kind
        ``vm`` or ``container``.
    group
        Name of the group (application, tenant) that it belongs to; empty for none.
    disk_mib : MiB
        Data on its disks, which a move between sites without shared storage carries.
    """

    id: str
    vcpus: int
    cpu_mcores: int
    memory_mib: int
    dirty_mib_per_s: float
    kind: GuestKind = "vm"
    group: str = ""
    disk_mib: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VMs:
    """Many VMs in struct-of-arrays form; a VM's index is its identity in every array.

    Parameters
    ----------
    ids
        Unique names.
    vcpus
        Virtual CPUs, shape ``(vms,)``.
    cpu_mcores, memory_mib : mcores, MiB
        Allocations, shape ``(vms,)``.
    dirty_mib_per_s : MiB/s
        Dirty rates, shape ``(vms,)``.
    is_container
        Whether each is a container, shape ``(vms,)``; default none.
    groups
        Group name of each, empty for none; default none.
    disk_mib : MiB
        Data on the disks of each, shape ``(vms,)``; default none.
    """

    ids: tuple[str, ...]
    vcpus: NDArray[np.int32]
    cpu_mcores: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    dirty_mib_per_s: NDArray[np.float64]
    # None stands for "no containers", "no groups" and "no disks": arrays and tuples after birth.
    is_container: NDArray[np.bool_] = None  # type: ignore[assignment]
    groups: tuple[str, ...] = None  # type: ignore[assignment]
    disk_mib: NDArray[np.int64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        n = len(self.ids)
        given: dict[str, object] = {
            "is_container": self.is_container,
            "groups": self.groups,
            "disk_mib": self.disk_mib,
        }
        if given["is_container"] is None:
            object.__setattr__(self, "is_container", np.zeros(n, dtype=np.bool_))
        if given["disk_mib"] is None:
            object.__setattr__(self, "disk_mib", np.zeros(n, dtype=np.int64))
        if given["groups"] is None:
            object.__setattr__(self, "groups", ("",) * n)
        issues = []
        for name, dtype, least in (
            ("vcpus", np.int32, 1),
            ("cpu_mcores", np.int64, 1),
            ("memory_mib", np.int64, 0),
            ("dirty_mib_per_s", np.float64, 0),
            ("is_container", np.bool_, 0),
            ("disk_mib", np.int64, 0),
        ):
            values = frozen(getattr(self, name), dtype, ndim=1)
            object.__setattr__(self, name, values)
            if values.shape != (n,):
                msg = f"needs {n} values, got {values.shape[0]}"
                issues.append(Issue(path=f"vms.{name}", message=msg))
                continue
            bad = np.flatnonzero(~(values >= least))
            issues += [
                Issue(
                    path=f"vms[{self.ids[v]}].{name}",
                    message=f"needs {least} or more, got {values[v]}",
                )
                for v in bad[:20]
            ]
        if len(self.groups) != n:
            issues.append(Issue(path="vms.groups", message=f"needs {n} values"))
        if len(set(self.ids)) != n:
            counts: dict[str, int] = {}
            for vm in self.ids:
                counts[vm] = counts.get(vm, 0) + 1
            issues += [
                Issue(path=f"vms[{vm}]", message=f"the name is used {k} times")
                for vm, k in counts.items()
                if k > 1
            ][:20]
        if issues:
            raise InstanceError(issues)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> VM:
        return VM(
            id=self.ids[index],
            vcpus=int(self.vcpus[index]),
            cpu_mcores=int(self.cpu_mcores[index]),
            memory_mib=int(self.memory_mib[index]),
            dirty_mib_per_s=float(self.dirty_mib_per_s[index]),
            kind=KINDS[int(self.is_container[index])],
            group=self.groups[index],
            disk_mib=int(self.disk_mib[index]),
        )

    def __iter__(self) -> Iterator[VM]:
        return (self[i] for i in range(len(self)))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per VM."""
        import pandas as pd

        return pd.DataFrame(
            {
                "vm_id": self.ids,
                "kind": [KINDS[int(c)] for c in self.is_container],
                "vcpus": self.vcpus,
                "cpu_mcores": self.cpu_mcores,
                "memory_mib": self.memory_mib,
                "dirty_mib_per_s": self.dirty_mib_per_s,
                "group": self.groups,
                "disk_mib": self.disk_mib,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What a reader changed in the data on the user's request, with its count."""

    name: str
    count: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Demand of each VM in each step.

    Parameters
    ----------
    vms
        The VMs.
    grid
        The steps.
    cpu_mcores : mcores
        Mean CPU demand within a step, rounded up, shape ``(vms, steps)``; zero where not alive.
    memory_mib : MiB
        Memory demand within a step, rounded up, shape ``(vms, steps)``; zero where not alive.
    alive
        Whether the VM exists, shape ``(vms, steps)``.
    format
        Registry name of the reader.
    source
        Name of the file, folder or generator.
    sha256
        Hash of the input bytes.
    repairs
        What was changed on request.
    notes
        What a reader of results has to know about the data (kept oddities with counts, mappings).
    """

    vms: VMs
    grid: TimeGrid
    cpu_mcores: NDArray[np.int32]
    memory_mib: NDArray[np.int32]
    alive: NDArray[np.bool_]
    format: str = "memory"
    source: str = "memory"
    sha256: str = ""
    repairs: tuple[Repair, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.vms), self.grid.n_steps)
        issues = []
        for name, dtype in (
            ("cpu_mcores", np.int32),
            ("memory_mib", np.int32),
            ("alive", np.bool_),
        ):
            values = frozen(getattr(self, name), dtype, ndim=2)
            object.__setattr__(self, name, values)
            if values.shape != shape:
                issues.append(
                    Issue(path=f"trace.{name}", message=f"needs shape {shape}, got {values.shape}")
                )
        if len(self.vms) == 0:
            issues.append(Issue(path="trace.vms", message="needs at least one VM"))
        if not issues:
            issues = self._value_issues()
        if issues:
            raise InstanceError(issues)

    def _value_issues(self) -> list[Issue]:
        issues = []
        for name in ("cpu_mcores", "memory_mib"):
            values = getattr(self, name)
            for what, bad in (
                ("is negative", values < 0),
                ("is given although the VM is not alive", (values > 0) & ~self.alive),
            ):
                if bad.any():
                    v, t = (int(i) for i in np.argwhere(bad)[0])
                    path = f"trace.{name}[{self.vms.ids[v]}, {t}]"
                    issues.append(Issue(path=path, message=f"{values[v, t]} {what}"))
        return issues

    @property
    def n_vms(self) -> int:
        """Number of VMs."""
        return len(self.vms)

    def window(self, first: int, stop: int) -> Trace:
        """Return the same VMs over the steps ``first`` to ``stop`` (exclusive).

        Raises
        ------
        HorizonError
            When the steps are not all inside the grid.
        """
        grid = self.grid.window(first, stop)
        parts: dict[str, Any] = {}
        for name in ("cpu_mcores", "memory_mib", "alive"):
            part = np.ascontiguousarray(getattr(self, name)[:, first:stop])
            part.flags.writeable = False
            parts[name] = part
        return replace(self, grid=grid, **parts)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per VM and step in which it is alive: the tidy schema."""
        import pandas as pd

        vm, step = np.nonzero(self.alive)
        return pd.DataFrame(
            {
                "timestamp_utc": self.grid.times()[step],
                "vm_id": np.array(self.vms.ids, dtype=object)[vm],
                "cpu_mcores": self.cpu_mcores[vm, step],
                "memory_mib": self.memory_mib[vm, step],
            }
        )
