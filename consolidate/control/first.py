"""Where VMs start when nobody has placed them: by allocation, at a stated share of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from consolidate.control.hard import offers, promises
from consolidate.control.machines import curves_of
from consolidate.model import Fleet, Instance, Placement, Rule, Trace
from consolidate.solvers import solve

__all__ = ["first_placement"]


@dataclass(frozen=True, slots=True)
class _Allocations:
    """Size every VM by a share of its allocation, memory by all of it."""

    share: float

    def describe(self) -> str:
        """Return the method in words."""
        return f"CPU: {self.share:g} of the allocation; memory: the allocation"

    def needs(self, trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return CPU in mcores and memory in MiB, each of shape ``(vms,)``."""
        cpu = np.ceil(self.share * trace.vms.cpu_mcores).astype(np.int64)
        return cpu, trace.vms.memory_mib.astype(np.int64)


def first_placement(
    trace: Trace,
    fleet: Fleet,
    *,
    share: float = 0.2,
    fill: float = 1.0,
    rules: tuple[Rule, ...] = (),
    policy: str = "dot",
) -> Placement:
    """Place the VMs that exist at the first step, with nothing known but their allocations.

    Parameters
    ----------
    trace
        The VMs; its demand is not looked at.
    fleet
        The hosts.
    share
        Part of its CPU allocation that a VM is expected to use.
    fill
        Part of a host's usable CPU that is filled so.
    rules
        Placement rules.
    policy
        Registry name of the policy that places.

    Raises
    ------
    InfeasibleError
        When there is no room.
    """
    blind = replace(
        trace.window(0, 1),
        cpu_mcores=np.where(
            trace.alive[:, :1], np.ceil(share * trace.vms.cpu_mcores)[:, np.newaxis], 0
        ).astype(np.int32),
        memory_mib=np.where(trace.alive[:, :1], trace.vms.memory_mib[:, np.newaxis], 0).astype(np.int32),
    )
    whole = Instance.from_trace(
        blind,
        fleet,
        sizing=_Allocations(share),
        horizon_s=trace.grid.duration_s,
        current=Placement(host_of=np.full(trace.n_vms, -1, dtype=np.int32)),
        rules=rules,
        cpu_limit_fraction=fill,
    )
    order = _types_by_cost(blind, fleet, share=share, fill=fill)
    # The types that are cheapest per VM alone, then more of them where they do not suffice.
    for count in range(1, len(order)):
        closed = fleet.maintenance | ~np.isin(fleet.host_type, order[:count])
        some = replace(whole, fleet=replace(fleet, maintenance=closed))
        found = solve(some, policy, min_saving_fraction=0.0)
        if found.status not in ("infeasible", "unknown"):
            return found.placement
    return solve(whole, policy, min_saving_fraction=0.0).raise_if_infeasible().placement


def _types_by_cost(blind: Trace, fleet: Fleet, *, share: float, fill: float) -> list[int]:
    """Return the host types that are there, the cheapest per VM first."""
    there = blind.alive[:, 0] if blind.alive.any() else np.ones(blind.n_vms, dtype=np.bool_)
    cost = curves_of(fleet).merit(
        fill * fleet.per_host("usable_mcores").astype(np.float64),
        offers(fleet).astype(np.float64),
        mean=max(1e-6, share * float(blind.vms.cpu_mcores[there].mean())),
        var=0.0,
        z=0.0,
        need=promises(blind.vms)[there].mean(axis=0),
    )
    kinds = np.unique(fleet.host_type)
    by_kind = [float(cost[fleet.host_type == k].min()) for k in kinds]
    return [int(k) for k in kinds[np.argsort(by_kind, kind="stable")]]
