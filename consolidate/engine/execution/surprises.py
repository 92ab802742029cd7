"""What happens to VMs meanwhile, whoever plans: they surge, and are created, resized and deleted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.engine.execution.faults import Faults
from consolidate.engine.execution.site import Site
from consolidate.model import Instance, Placement, VMs

__all__ = ["Surprise", "draw_surprises", "surge_need", "with_newborns"]

SHORTEST_SURGE_S, LONGEST_SURGE_S = 60, 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """One of them; ``lasts_s`` and ``factor`` for surges and new sizes."""

    time_s: int
    kind: Literal["surge", "created", "resized", "deleted"]
    vm: int
    lasts_s: int = 0
    factor: float = 1.0


def with_newborns(
    instance: Instance, faults: Faults, rng: np.random.Generator
) -> tuple[Instance, NDArray[np.int64]]:
    """Return the problem with VMs that will be created, not there yet, and their indices.

    Each is like a VM that exists, and is in no rule.
    """
    models = np.flatnonzero(instance.active & (rng.random(len(instance.vms)) < faults.created))
    if not models.size:
        return instance, np.zeros(0, dtype=np.int64)
    n, vms = len(instance.vms), instance.vms
    rows = np.concatenate([np.arange(n), models])
    extended = VMs(
        ids=(*vms.ids, *_fresh_names(vms.ids, len(models))),
        vcpus=vms.vcpus[rows],
        cpu_mcores=vms.cpu_mcores[rows],
        memory_mib=vms.memory_mib[rows],
        dirty_mib_per_s=vms.dirty_mib_per_s[rows],
        is_container=vms.is_container[rows],
        groups=(*vms.groups, *("" for _ in models)),
        disk_mib=vms.disk_mib[rows],
    )
    nobody = np.arange(len(rows)) >= n
    return (
        replace(
            instance,
            vms=extended,
            need=instance.need[rows],
            load_mcores=instance.load_mcores[rows],
            current=Placement(host_of=np.where(nobody, -1, instance.current.host_of[rows])),
            active=instance.active[rows] & ~nobody,
            movable=instance.movable[rows],
            move_mj=instance.move_mj[rows],
        ),
        np.arange(n, len(rows)),
    )


def _fresh_names(taken: tuple[str, ...], n: int) -> list[str]:
    known = set(taken)
    names = (name for k in range(len(taken) + n + 1) if (name := f"created-{k + 1}") not in known)
    return [next(names) for _ in range(n)]


def draw_surprises(
    instance: Instance,
    newborns: NDArray[np.int64],
    faults: Faults,
    *,
    within_s: int,
    rng: np.random.Generator,
) -> list[Surprise]:
    """Return surprises at moments from 1 s to ``within_s``."""
    last = max(2, within_s)
    found = [
        Surprise(time_s=int(rng.integers(1, last)), kind="created", vm=v) for v in newborns.tolist()
    ]
    there = np.flatnonzero(instance.active & (instance.current.host_of >= 0))
    for v in there[rng.random(len(there)) < faults.surge].tolist():
        lasts_s = int(rng.integers(SHORTEST_SURGE_S, LONGEST_SURGE_S))
        time_s = int(rng.integers(1, last))
        found.append(Surprise(time_s=time_s, kind="surge", vm=v, lasts_s=lasts_s, factor=1.5))
    for v in there[rng.random(len(there)) < faults.resized].tolist():
        factor = float(rng.choice([0.5, 1.25, 1.5]))
        found.append(Surprise(time_s=int(rng.integers(1, last)), kind="resized", vm=v, factor=factor))
    gone = there[rng.random(len(there)) < faults.deleted].tolist()
    return found + [Surprise(time_s=int(rng.integers(1, last)), kind="deleted", vm=v) for v in gone]


def surge_need(site: Site, surprise: Surprise) -> NDArray[np.int64]:
    """Return what a VM needs from now on: more CPU in a surge, other memory with a new size.

    No vCPU gets more than the slowest core gives.
    """
    instance, v = site.instance, surprise.vm
    need: NDArray[np.int64] = site.need[v].copy()
    if surprise.kind == "surge":
        slowest = min(kind.core_mcores for kind in instance.fleet.types)
        most = max(int(need[0]), int(instance.vms.vcpus[v]) * slowest)
        need[0] = min(most, int(np.ceil(need[0] * surprise.factor)))
    elif "memory_demand_mib" in instance.resources:
        k = instance.resources.index("memory_demand_mib")
        need[k] = max(1, int(np.ceil(need[k] * surprise.factor)))
    return need
