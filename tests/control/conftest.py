"""A small day that every controller is run on."""

from __future__ import annotations

import numpy as np
import pytest

import consolidate as cs


def _type(name: str, speed: float, idle_w: float) -> cs.HostType:
    points = tuple(int(1_000 * (idle_w + 4.0 * k)) for k in range(11))
    return cs.HostType(
        name=name,
        cores=2,
        core_speed=speed,
        memory_mib=16_384,
        power=cs.WattTable(points_mw=points, hosting_idle_mw=points[0]),
        boot_s=150,
        boot_j=18_000.0,
        shutdown_s=10,
        shutdown_j=1_000.0,
        nic_mbit_per_s=1_000.0,
        cpu_allocation_ratio=16.0,
    )


def _day(*, seed: int = 1, n_vms: int = 40, n_hosts: int = 12, n_steps: int = 48, arrivals: bool = True):
    rng = np.random.default_rng(seed)
    size = rng.choice([500, 1_000, 2_000], n_vms)
    level = rng.beta(1.5, 6.0, n_vms)[:, None] * (1 + 0.5 * np.sin(np.arange(n_steps) / 9.0))
    cpu = np.clip(level + rng.normal(0, 0.08, (n_vms, n_steps)), 0, 1) * size[:, None]
    alive = np.ones((n_vms, n_steps), dtype=np.bool_)
    if arrivals:
        alive[:4, : n_steps // 3] = False
        alive[4:9, n_steps // 2 :] = False
    memory = rng.choice([512, 1_024, 2_048], n_vms)
    vms = cs.VMs(
        ids=tuple(f"vm{v}" for v in range(n_vms)),
        vcpus=np.ones(n_vms, dtype=np.int32) * 2,
        cpu_mcores=size.astype(np.int64),
        memory_mib=memory.astype(np.int64),
        dirty_mib_per_s=np.full(n_vms, 1.0),
    )
    trace = cs.Trace(
        vms=vms,
        grid=cs.TimeGrid(start=np.datetime64("2024-01-01T00:00:00"), step_s=300, n_steps=n_steps),
        cpu_mcores=np.where(alive, np.ceil(cpu), 0).astype(np.int32),
        memory_mib=np.where(alive, memory[:, None], 0).astype(np.int32),
        alive=alive,
    )
    fleet = cs.Fleet(
        host_ids=tuple(f"h{h}" for h in range(n_hosts)),
        host_type=np.arange(n_hosts, dtype=np.int32) % 2,
        types=(_type("old", 1.9, 90.0), _type("new", 2.7, 80.0)),
    )
    where = np.arange(n_vms, dtype=np.int32) % n_hosts
    current = cs.Placement(host_of=np.where(alive[:, 0], where, -1).astype(np.int32))
    return trace, fleet, current


@pytest.fixture(scope="session")
def day():
    """Makes a trace, a fleet and a spread start."""
    return _day
