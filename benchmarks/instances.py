"""The frozen instances: sizes, seeds and generators never change under a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import consolidate as cs

HORIZON_S = 86_400

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


def _fleet(spec: Spec, rng: np.random.Generator) -> cs.Fleet:
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
        )
        for cores, gib, idle, peak, _ in HOSTS
    )
    share = np.array([h[-1] for h in HOSTS])
    kinds = rng.choice(len(HOSTS), size=spec.hosts, p=share / share.sum())
    return cs.Fleet(host_ids=tuple(f"h{i}" for i in range(spec.hosts)), host_type=kinds, types=types)


def _vms(spec: Spec, rng: np.random.Generator) -> tuple[cs.VMs, np.ndarray, np.ndarray]:
    weight = np.array([f[2] for f in FLAVOURS], dtype=float)
    flavour = rng.choice(len(FLAVOURS), size=spec.vms, p=weight / weight.sum())
    cpu = np.array([f[0] * 1_000 for f in FLAVOURS])[flavour]
    memory = np.array([int(f[1] * 1_024) for f in FLAVOURS])[flavour]
    vms = cs.VMs(
        ids=tuple(f"vm{i}" for i in range(spec.vms)),
        vcpus=cpu // 1_000,
        cpu_mcores=cpu,
        memory_mib=memory,
        dirty_mib_per_s=np.zeros(spec.vms),
    )
    return vms, cpu, memory


def _instance(spec: Spec, *, measured: bool) -> cs.Instance:
    rng = np.random.default_rng(spec.seed)
    fleet, (vms, cpu, memory) = _fleet(spec, rng), _vms(spec, rng)
    if measured:
        cpu = np.ceil(cpu * rng.beta(1.2, 2.2, spec.vms)).astype(np.int64)
        memory = np.ceil(memory * rng.uniform(0.35, 0.7, spec.vms)).astype(np.int64)
    need = np.column_stack([cpu, memory])
    capacity = np.array([(t.cpu_mcores, t.memory_mib) for t in fleet.types])[fleet.host_type]
    return cs.Instance(
        fleet=fleet,
        vms=vms,
        resources=("cpu_demand_mcores", "memory_demand_mib"),
        need=need,
        capacity=capacity,
        vm_overhead=np.zeros_like(capacity),
        load_mcores=cpu,
        current=_two_choices(need, capacity, rng),
        active=np.ones(spec.vms, dtype=bool),
        movable=np.ones(spec.vms, dtype=bool),
        # Liu et al. 2011 (doi:10.1145/1996130.1996154): joules per MB sent, both hosts together.
        move_mj=np.round((0.512 * memory * 1.048576 + 20.165) * 1_000).astype(np.int64),
        objective=cs.JoulesOverHorizon(horizon_s=HORIZON_S),
        moves=cs.MoveSettings(),
    )


def _two_choices(need: np.ndarray, capacity: np.ndarray, rng: np.random.Generator) -> cs.Placement:
    """Put each VM on the emptier of two random hosts that have room."""
    room = capacity.astype(np.int64).copy()
    host_of = np.full(len(need), -1, dtype=np.int32)
    for v in range(len(need)):
        while host_of[v] < 0:
            pair = rng.integers(0, len(room), 2)
            fitting = [h for h in pair if (need[v] <= room[h]).all()]
            if fitting:
                h = max(fitting, key=lambda h: (room[h] / capacity[h]).min())
                host_of[v] = h
                room[h] -= need[v]
    return cs.Placement(host_of=host_of)


def flavor(spec: Spec) -> cs.Instance:
    """Requested sizes: many identical VMs."""
    return _instance(spec, measured=False)


def measured(spec: Spec) -> cs.Instance:
    """Measured needs: every VM is different."""
    return _instance(spec, measured=True)


SPECS = {
    spec.name: spec
    for spec in (
        Spec(name="flavor-100", vms=100, hosts=10, seed=1, build=flavor),
        Spec(name="flavor-1000", vms=1_000, hosts=100, seed=1, build=flavor),
        Spec(name="flavor-3000", vms=3_000, hosts=300, seed=1, build=flavor),
        Spec(name="measured-100", vms=100, hosts=10, seed=1, build=measured),
        Spec(name="measured-1000", vms=1_000, hosts=50, seed=1, build=measured),
        Spec(name="measured-3000", vms=3_000, hosts=150, seed=1, build=measured),
    )
}
