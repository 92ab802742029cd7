"""A vector packing problem as a placement problem: items become VMs, bins become hosts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InfeasibleError, InstanceError, Issue, UnsupportedError
from consolidate.inventory.vector_packing import VectorPacking
from consolidate.migration import MoveSettings
from consolidate.model import Fleet, HostType, Instance, JoulesOverHorizon, Placement, VMs, WattTable

__all__ = ["MILLIJOULES_PER_COST", "vector_packing_instance"]

#: A bin of cost 1 is a host that draws 1 W for an hour, so that rounding by a mJ is far below one bin.
HORIZON_S = 3_600
MILLIJOULES_PER_COST = 1_000 * HORIZON_S
MOST_HOSTS = 1_000_000


def vector_packing_instance(packing: VectorPacking) -> Instance:
    """Return the placement problem whose optimum is that of a packing problem.

    Every copy of an item is a VM that is on no host yet, the first dimension counts as CPU (mcores) and
    the second as memory (MiB). A host draws its bin's cost in watts whatever its load, and nothing while
    it is off: ``energy / MILLIJOULES_PER_COST`` is the cost of the bins in use. There are as many hosts
    of each type as some optimal packing may use, found by a first-fit packing, so the numbers of hosts
    never exclude all optimal packings.

    Parameters
    ----------
    packing
        The packing problem.

    Raises
    ------
    UnsupportedError
        When an item has more than one incarnation (a VM has one need) or a negative size.
    InfeasibleError
        When an item fits into no bin.
    InstanceError
        When a bin costs more than a power table holds, or when more than a million hosts are needed.
    """
    if packing.has_incarnations:
        msg = "items with more than one incarnation"
        raise UnsupportedError(msg, who="an Instance", supported_by=["VectorPacking"])
    if packing.sizes.min() < 0:
        msg = f"negative sizes (the least is {packing.sizes.min()})"
        raise UnsupportedError(msg, who="an Instance", supported_by=["VectorPacking"])
    need = np.repeat(packing.sizes, packing.demands, axis=0)
    item = np.repeat(np.arange(packing.n_items), packing.demands)
    counts = _hosts_per_type(packing)
    used = np.flatnonzero(counts)
    fleet = _fleet(packing, counts, used)
    capacity = np.repeat(packing.capacities[used], counts[used], axis=0)
    copy = np.arange(len(item)) - np.repeat(
        np.cumsum(packing.demands) - packing.demands, packing.demands
    )
    n = len(need)
    return Instance(
        fleet=fleet,
        vms=VMs(
            ids=tuple(f"item-{i}-{c}" for i, c in zip(item.tolist(), copy.tolist(), strict=True)),
            vcpus=np.maximum(1, -(-need[:, 0] // 1_000)),
            cpu_mcores=np.maximum(1, need[:, 0]),
            memory_mib=need[:, 1] if packing.n_dims > 1 else np.zeros(n, dtype=np.int64),
            dirty_mib_per_s=np.zeros(n),
        ),
        resources=_resource_names(packing.n_dims),
        need=need,
        capacity=capacity,
        vm_overhead=np.zeros_like(capacity),
        load_mcores=np.zeros(n, dtype=np.int64),
        current=Placement(host_of=np.full(n, -1, dtype=np.int32)),
        active=np.ones(n, dtype=np.bool_),
        movable=np.ones(n, dtype=np.bool_),
        move_mj=np.zeros(n, dtype=np.int64),
        objective=JoulesOverHorizon(horizon_s=HORIZON_S, min_off_s=0),
        moves=MoveSettings(),
        sizing=f"sizes of {packing.source}",
    )


def _resource_names(dims: int) -> tuple[str, ...]:
    first = ("cpu_demand_mcores", "memory_demand_mib")
    return (*first, *(f"dimension_{k}" for k in range(3, dims + 1)))[:dims]


def _fleet(packing: VectorPacking, counts: NDArray[np.int64], used: NDArray[np.int64]) -> Fleet:
    types = []
    for t in used.tolist():
        capacity, cost_mw = packing.capacities[t], int(packing.costs[t]) * 1_000
        types.append(
            HostType(
                name=f"bin-{t}",
                cores=max(1, -(-int(capacity[0]) // 1_000)),
                memory_mib=max(1, int(capacity[1]) if packing.n_dims > 1 else 1),
                power=WattTable(points_mw=(cost_mw,) * 11, hosting_idle_mw=cost_mw),
                power_source=f"cost of the bin in {packing.source}",
                off_w=0.0,
                boot_s=0,
                shutdown_s=0,
                cpu_allocation_ratio=1.0,
            )
        )
    return Fleet(
        host_ids=tuple(f"bin-{t}-{k}" for t in used.tolist() for k in range(int(counts[t]))),
        host_type=np.repeat(np.arange(len(used)), counts[used]),
        types=tuple(types),
        source=packing.source,
    )


def _hosts_per_type(packing: VectorPacking) -> NDArray[np.int64]:
    """Return how many bins of each type an optimal packing may use at most, as far as is easily known."""
    demands, copies = packing.demands, packing.n_copies
    fits = np.all(packing.sizes[:, None, :] <= packing.capacities[None, :, :], axis=2)
    homeless = np.flatnonzero(~fits[:, packing.quantities != 0].any(axis=1) & (demands > 0))
    if homeless.size:
        names = [f"item-{i}" for i in homeless.tolist()]
        msg = f"{len(names)} items fit into no bin, the first is {names[0]}"
        raise InfeasibleError(msg, vms=names)
    most: NDArray[np.int64] = np.where(packing.quantities < 0, copies, packing.quantities)
    # A bin in use holds at least one copy of an item that fits into it.
    most = np.minimum(most, demands @ fits.astype(np.int64))
    known = _first_fit_cost(packing, most)
    if known is not None:
        # A better packing cannot pay for more bins of a type than this; of free bins nothing follows.
        paid = packing.costs > 0
        most[paid] = np.minimum(most[paid], known // packing.costs[paid])
    if most.sum() > MOST_HOSTS:
        msg = f"needs up to {most.sum()} hosts, at most {MOST_HOSTS} are supported"
        raise InstanceError([Issue(path="packing.quantities", message=msg)])
    return most


def _first_fit_cost(packing: VectorPacking, most: NDArray[np.int64]) -> int | None:
    """Return the cost of a first-fit packing, big items first and cheap bins first; None if it fails."""
    scale = np.maximum(packing.capacities.max(axis=0), 1)
    by_size = np.argsort(-(packing.sizes / scale).max(axis=1), kind="stable")
    volume = np.maximum((packing.capacities / scale).sum(axis=1), 1e-9)
    by_price = np.argsort(packing.costs / volume, kind="stable")
    room = np.zeros((max(16, packing.n_items), packing.n_dims), dtype=np.int64)
    n_open, cost = 0, 0
    left_of_type = most.copy()
    for i in by_size.tolist():
        size, left = packing.sizes[i], int(packing.demands[i])
        positive = size > 0
        if left and n_open:
            times = _times(room[:n_open], size, positive, left)
            before = np.cumsum(times) - times
            put = np.clip(left - before, 0, times)
            room[:n_open] -= put[:, None] * size
            left -= int(put.sum())
        for t in by_price.tolist():
            if not left:
                break
            each = int(_times(packing.capacities[t : t + 1], size, positive, left)[0])
            bins = min(int(left_of_type[t]), -(-left // each)) if each else 0
            if not bins:
                continue
            put = np.clip(left - each * np.arange(bins), 0, each)
            if n_open + bins > len(room):
                room = np.concatenate(
                    [room, np.zeros((len(room) + bins, packing.n_dims), dtype=np.int64)]
                )
            room[n_open : n_open + bins] = packing.capacities[t] - put[:, None] * size
            n_open += bins
            left -= int(put.sum())
            left_of_type[t] -= bins
            cost += bins * int(packing.costs[t])
        if left:
            return None
    return cost


def _times(
    room: NDArray[np.int64], size: NDArray[np.int64], positive: NDArray[np.bool_], left: int
) -> NDArray[np.int64]:
    """Return how often a size fits into each row of room, at most ``left`` times."""
    if not positive.any():
        return np.full(len(room), left, dtype=np.int64)
    times: NDArray[np.int64] = np.minimum((room[:, positive] // size[positive]).min(axis=1), left)
    return times
