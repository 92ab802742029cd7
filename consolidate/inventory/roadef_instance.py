"""The part of a machine reassignment problem that is a placement problem here."""

from __future__ import annotations

import numpy as np

from consolidate.errors import UnsupportedError
from consolidate.inventory.roadef import MachineReassignment
from consolidate.migration import MoveSettings
from consolidate.model import (
    Fleet,
    HostType,
    Instance,
    JoulesOverHorizon,
    LinearPower,
    Placement,
    Spread,
    VMs,
    WattTable,
)

__all__ = ["roadef_instance"]

IDLE_W = 100.0
MAX_W = 300.0
HORIZON_S = 86_400


def roadef_instance(problem: MachineReassignment) -> Instance:
    """Return needs, capacities, present placement and anti-affinity of a reassignment problem.

    Processes become VMs, machines hosts; two processes of a service never share a host. The first
    resource counts as CPU (mcores), the second as memory (MiB).

    Lost, because a placement problem here does not have it: that a moved process keeps transient
    resources of its first machine, the least spread of a service over locations, the dependencies between
    services, and the whole cost of the challenge (load above safety capacities, balance, cost of moves).
    Made up, because the challenge has no energy: every machine draws 100 W idle and 300 W full, for a day,
    and moves are free.

    Parameters
    ----------
    problem
        The reassignment problem.

    Raises
    ------
    UnsupportedError
        When a machine has no capacity of the first resource, which stands for CPU.
    """
    if problem.capacities[:, 0].min() < 1:
        machine = int(problem.capacities[:, 0].argmin())
        msg = f"machine {machine} without any of the first resource, which stands for CPU"
        raise UnsupportedError(msg, who="an Instance", supported_by=["MachineReassignment"])
    need, n = problem.requirements, problem.n_processes
    names = ("cpu_demand_mcores", "memory_demand_mib")
    n_resources = len(problem.transient)
    return Instance(
        fleet=_fleet(problem),
        vms=VMs(
            ids=tuple(f"process-{p}" for p in range(n)),
            vcpus=np.maximum(1, -(-need[:, 0] // 1_000)),
            cpu_mcores=np.maximum(1, need[:, 0]),
            memory_mib=need[:, 1] if n_resources > 1 else np.zeros(n, dtype=np.int64),
            dirty_mib_per_s=np.zeros(n),
            groups=tuple(f"service-{s}" for s in problem.services.tolist()),
        ),
        resources=(*names, *(f"resource_{r}" for r in range(3, n_resources + 1)))[:n_resources],
        need=need,
        capacity=problem.capacities,
        vm_overhead=np.zeros_like(problem.capacities),
        load_mcores=need[:, 0],
        current=Placement(host_of=problem.assignment.astype(np.int32)),
        active=np.ones(n, dtype=np.bool_),
        movable=np.ones(n, dtype=np.bool_),
        move_mj=np.zeros(n, dtype=np.int64),
        rules=_spread_rules(problem),
        objective=JoulesOverHorizon(horizon_s=HORIZON_S),
        moves=MoveSettings(),
        sizing=f"requirements of {problem.source}",
    )


def _spread_rules(problem: MachineReassignment) -> tuple[Spread, ...]:
    order = np.argsort(problem.services, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(problem.services[order])) + 1)
    return tuple(Spread(vms=tuple(group.tolist())) for group in groups if len(group) > 1)


def _fleet(problem: MachineReassignment) -> Fleet:
    capacities, n_resources = problem.capacities, len(problem.transient)
    rows, host_type = np.unique(capacities, axis=0, return_inverse=True)
    power = WattTable.sample(LinearPower(idle_w=IDLE_W, max_w=MAX_W), hosting_idle_w=IDLE_W)
    types = tuple(
        HostType(
            name=f"machine-type-{k}",
            # Whole cores: power is drawn by the share of these that is in use.
            cores=-(-int(row[0]) // 1_000),
            memory_mib=max(1, int(row[1]) if n_resources > 1 else 1),
            power=power,
            power_source="assumed: the challenge has no power",
            off_w=0.0,
            cpu_allocation_ratio=1.0,
        )
        for k, row in enumerate(rows)
    )
    return Fleet(
        host_ids=tuple(f"machine-{m}" for m in range(problem.n_machines)),
        host_type=host_type.reshape(-1).astype(np.int32),
        types=types,
        source=problem.source,
    )
