"""The frozen instances: sizes, seeds and generators never change under a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import consolidate as cs
from consolidate._kernels.jit import kernel

Amounts = NDArray[np.int64]

HORIZON_S = 86_400
RESOURCES = ("cpu_demand_mcores", "memory_demand_mib", "disk_gib", "network_mbit_per_s")

#: vCPUs, GiB, weight: twenty flavours weighted like the mix of public clouds.
FLAVOURS = (
    (1, 0.75, 3), (1, 1.75, 22), (2, 3.5, 20), (4, 7, 9), (8, 14, 4), (2, 4, 8), (2, 8, 9), (4, 8, 4),
    (4, 16, 6), (8, 16, 1.5), (8, 32, 2.5), (16, 32, 0.4), (16, 64, 0.7), (2, 14, 3), (4, 28, 2.5),
    (8, 56, 1.2), (16, 112, 0.35), (1, 2, 3), (32, 128, 0.2), (1, 4, 2),
)  # fmt: skip
#: cores, GiB, idle W, peak W, share of the hosts.
HOSTS = (
    (64, 160, 105, 390, 0.45),
    (96, 256, 140, 520, 0.30),
    (128, 512, 190, 640, 0.10),
    (48, 160, 120, 330, 0.15),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A frozen instance."""

    name: str
    vms: int
    hosts: int
    seed: int
    build: Callable[[Spec], cs.Instance]


def _fleet(spec: Spec, rng: np.random.Generator, *, odd: bool) -> cs.Fleet:
    types = tuple(
        cs.HostType(
            name=f"{cores}c-{gib}g",
            cores=cores,
            memory_mib=gib * 1_024,
            power=cs.WattTable.sample(cs.LinearPower(idle_w=idle, max_w=peak), hosting_idle_w=idle),
            off_w=0.0,
            boot_j=0.0,
            shutdown_j=0.0,
            cpu_allocation_ratio=1.0,
            hypervisor=cs.Hypervisor(
                # 85 % less 2 cores and 92 % less 8 GiB are left for VMs.
                reserved_mcores=cores * 150 + 2_000,
                reserved_memory_mib=round(gib * 1_024 * 0.08) + 8 * 1_024,
            )
            if odd
            else cs.Hypervisor(),
        )
        for cores, gib, idle, peak, _ in HOSTS
    )
    share = np.array([h[-1] for h in HOSTS])
    kinds = rng.choice(len(HOSTS), size=spec.hosts, p=share / share.sum())
    return cs.Fleet(
        host_ids=tuple(f"h{i}" for i in range(spec.hosts)), host_type=kinds.astype(np.int32), types=types
    )


def _vms(cpu: Amounts, memory: Amounts) -> cs.VMs:
    return cs.VMs(
        ids=tuple(f"vm{i}" for i in range(len(cpu))),
        vcpus=(cpu // 1_000).astype(np.int32),
        cpu_mcores=cpu,
        memory_mib=memory,
        dirty_mib_per_s=np.zeros(len(cpu)),
    )


def _flavours(spec: Spec, rng: np.random.Generator) -> tuple[Amounts, Amounts]:
    weight = np.array([f[2] for f in FLAVOURS], dtype=float)
    flavour = rng.choice(len(FLAVOURS), size=spec.vms, p=weight / weight.sum())
    cpu = np.array([f[0] * 1_000 for f in FLAVOURS])[flavour]
    memory = np.array([int(f[1] * 1_024) for f in FLAVOURS])[flavour]
    return cpu, memory


def _instance(
    spec: Spec,
    rng: np.random.Generator,
    fleet: cs.Fleet,
    vms: cs.VMs,
    need: Amounts,
    *,
    more_capacity: Amounts | None = None,
) -> cs.Instance:
    capacity = np.array([(t.usable_mcores, t.usable_memory_mib) for t in fleet.types])
    if more_capacity is not None:
        capacity = np.column_stack([capacity, more_capacity])
    capacity = capacity[fleet.host_type]
    memory = need[:, 1]
    return cs.Instance(
        fleet=fleet,
        vms=vms,
        resources=RESOURCES[: need.shape[1]],
        need=need,
        capacity=capacity,
        vm_overhead=np.zeros_like(capacity),
        load_mcores=need[:, 0],
        current=cs.Placement(host_of=two_choices(need, capacity, rng)),
        active=np.ones(spec.vms, dtype=bool),
        movable=np.ones(spec.vms, dtype=bool),
        # Liu et al. 2011 (doi:10.1145/1996130.1996154): joules per MB sent, both hosts together.
        move_mj=np.round((0.512 * memory * 1.048576 + 20.165) * 1_000).astype(np.int64),
        objective=cs.JoulesOverHorizon(horizon_s=HORIZON_S),
        moves=cs.MoveSettings(),
    )


def two_choices(need: Amounts, capacity: Amounts, rng: np.random.Generator) -> NDArray[np.int32]:
    """Put each VM on the emptier of two random hosts that have room; return the host of each.

    The random pairs come in blocks; the stream is the same as with one draw per VM.
    """
    room = capacity.astype(np.int64).copy()
    host_of = np.full(len(need), -1, dtype=np.int32)
    placed = 0
    while placed < len(need):
        pairs = rng.integers(0, len(room), (len(need) - placed, 2))
        placed = _place(need, capacity, room, host_of, pairs, placed)
    return host_of


@kernel
def _place(
    need: Amounts,
    capacity: Amounts,
    room: Amounts,
    host_of: NDArray[np.int32],
    pairs: Amounts,
    placed: int,
) -> int:
    """Use up the pairs and return how many VMs are placed; the first of equally empty hosts wins."""
    n_resources = need.shape[1]
    for i in range(len(pairs)):
        best = -1
        most = -1.0
        for h in pairs[i]:
            fits = True
            emptiest = 1.0
            for r in range(n_resources):
                fits = fits and need[placed, r] <= room[h, r]
                emptiest = min(emptiest, room[h, r] / capacity[h, r])
            if fits and emptiest > most:
                best, most = h, emptiest
        if best >= 0:
            host_of[placed] = best
            for r in range(n_resources):
                room[best, r] -= need[placed, r]
            placed += 1
    return placed


def flavor(spec: Spec) -> cs.Instance:
    """Requested sizes: many identical VMs."""
    rng = np.random.default_rng(spec.seed)
    fleet, (cpu, memory) = _fleet(spec, rng, odd=False), _flavours(spec, rng)
    return _instance(spec, rng, fleet, _vms(cpu, memory), np.column_stack([cpu, memory]))


def odd(spec: Spec) -> cs.Instance:
    """Requested sizes on hosts whose usable capacities no sum of sizes meets."""
    rng = np.random.default_rng(spec.seed)
    fleet, (cpu, memory) = _fleet(spec, rng, odd=True), _flavours(spec, rng)
    return _instance(spec, rng, fleet, _vms(cpu, memory), np.column_stack([cpu, memory]))


def big(spec: Spec) -> cs.Instance:
    """Large VMs, two to eight per host: 6 to 28 cores with 1 to 5 GiB each, whole GiB."""
    rng = np.random.default_rng(spec.seed)
    fleet = _fleet(spec, rng, odd=False)
    cores = rng.integers(6, 29, spec.vms)
    memory = np.ceil(cores * rng.uniform(1, 5, spec.vms)).astype(np.int64) * 1_024
    cpu = cores * 1_000
    return _instance(spec, rng, fleet, _vms(cpu, memory), np.column_stack([cpu, memory]))


def measured(spec: Spec) -> cs.Instance:
    """Measured needs: every VM is different."""
    rng = np.random.default_rng(spec.seed)
    fleet, (cpu, memory) = _fleet(spec, rng, odd=False), _flavours(spec, rng)
    return _instance(spec, rng, fleet, _vms(cpu, memory), _observed(cpu, memory, rng))


def _observed(cpu: Amounts, memory: Amounts, rng: np.random.Generator) -> Amounts:
    used_cpu = np.ceil(cpu * rng.beta(1.2, 2.2, len(cpu))).astype(np.int64)
    used_memory = np.ceil(memory * rng.uniform(0.35, 0.7, len(cpu))).astype(np.int64)
    return np.column_stack([used_cpu, used_memory])


def measured3(spec: Spec) -> cs.Instance:
    """Measured needs with disk besides."""
    return _measured_more(spec, 1)


def measured4(spec: Spec) -> cs.Instance:
    """Measured needs with disk and network besides."""
    return _measured_more(spec, 2)


def _measured_more(spec: Spec, n_more: int) -> cs.Instance:
    """Disk goes with the memory bought, network with the vCPUs; both are about as scarce as memory."""
    rng = np.random.default_rng(spec.seed)
    fleet, (cpu, memory) = _fleet(spec, rng, odd=False), _flavours(spec, rng)
    need = _observed(cpu, memory, rng)
    disk_gib = np.ceil(memory / 1_024 * 5 * rng.beta(1.5, 3.0, spec.vms)).astype(np.int64)
    network_mbit_per_s = np.ceil(cpu / 1_000 * 250 * rng.beta(1.0, 4.0, spec.vms)).astype(np.int64)
    more = np.column_stack([disk_gib, network_mbit_per_s])[:, :n_more]
    offered = np.array([(gib * 4, cores * 100) for cores, gib, *_ in HOSTS])[:, :n_more]
    need = np.column_stack([need, more])
    return _instance(spec, rng, fleet, _vms(cpu, memory), need, more_capacity=offered)


#: Family: VMs per host, how to build it.
FAMILIES: dict[str, tuple[float, Callable[[Spec], cs.Instance]]] = {
    "flavor": (10, flavor),
    "measured": (20, measured),
    "measured3": (20, measured3),
    "measured4": (20, measured4),
    "odd": (10, odd),
    "big": (1.6, big),
}
SIZES = (100, 1_000, 3_000, 10_000, 100_000, 1_000_000)


def _spec(family: str, vms: int) -> Spec:
    per_host, build = FAMILIES[family]
    # A hundred measured VMs have ten hosts, as many as a hundred requested ones: five leave no choice.
    hosts = max(10, round(vms / per_host))
    return Spec(name=f"{family}-{vms}", vms=vms, hosts=hosts, seed=1, build=build)


#: Name -> spec, ``family-vms``; ``dataclasses.replace(spec, seed=k)`` makes the others of a kind.
SPECS = {spec.name: spec for spec in (_spec(f, n) for f in FAMILIES for n in SIZES)}
