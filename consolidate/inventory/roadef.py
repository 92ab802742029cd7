"""Machine reassignment problems of the ROADEF/EURO challenge 2012: model and assignment files.

Integers parted by white space (Afsar, Artigues, Bourreau, Kedad-Sidhoum 2016,
doi:10.1007/s10479-016-2203-8)::

    resources; per resource: transient (0 or 1), weight of its load cost
    machines; per machine: neighbourhood, location, capacities, safety capacities, cost of a move to each
    services; per service: least spread, number of services that it depends on, those services
    processes; per process: service, requirements, cost of a move
    balances; per balance: resource 1, resource 2, target, weight
    weights of the process, the service and the machine move cost

An assignment is the machine of each process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.inventory.integers import MOST, IntegerText, read_text

__all__ = ["MachineReassignment", "read_assignment", "read_roadef"]

MOST_COUNT = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineReassignment:
    """Processes on machines, to be moved for less load, imbalance and cost of moving.

    Parameters
    ----------
    transient
        Whether a process that moved still takes this resource on its first machine, shape ``(resources,)``.
    load_weights
        Weight of each resource's load cost, shape ``(resources,)``.
    neighbourhoods, locations
        Of each machine, shape ``(machines,)``.
    capacities, safety_capacities
        Of each machine, shape ``(machines, resources)``; use above the safety capacity costs.
    machine_move_costs
        Cost of a move from one machine (row) to another (column), shape ``(machines, machines)``.
    spreads
        In how many locations each service must be at least, shape ``(services,)``.
    dependencies
        Services that each service needs a process of in each neighbourhood that it is in.
    services
        Service of each process, shape ``(processes,)``; no two of one service share a machine.
    requirements
        What each process takes, shape ``(processes, resources)``.
    process_move_costs
        Shape ``(processes,)``.
    balances
        Resource 1, resource 2, target and weight in each row: of what is free, there should be ``target``
        times as much of resource 2 as of resource 1; shape ``(balances, 4)``.
    process_weight, service_weight, machine_weight
        Weights of the three costs of moving.
    assignment
        First machine of each process, shape ``(processes,)``.
    source
        Where the problem comes from.
    """

    transient: NDArray[np.bool_]
    load_weights: NDArray[np.int64]
    neighbourhoods: NDArray[np.int64]
    locations: NDArray[np.int64]
    capacities: NDArray[np.int64]
    safety_capacities: NDArray[np.int64]
    machine_move_costs: NDArray[np.int64]
    spreads: NDArray[np.int64]
    dependencies: tuple[tuple[int, ...], ...]
    services: NDArray[np.int64]
    requirements: NDArray[np.int64]
    process_move_costs: NDArray[np.int64]
    balances: NDArray[np.int64]
    process_weight: int
    service_weight: int
    machine_weight: int
    assignment: NDArray[np.int64]
    source: str = "given"

    def __post_init__(self) -> None:
        r, m = len(self.transient), len(self.neighbourhoods)
        s, p = len(self.spreads), len(self.services)
        shapes: dict[str, tuple[int, ...]] = {
            "transient": (r,),
            "load_weights": (r,),
            "neighbourhoods": (m,),
            "locations": (m,),
            "capacities": (m, r),
            "safety_capacities": (m, r),
            "machine_move_costs": (m, m),
            "spreads": (s,),
            "services": (p,),
            "requirements": (p, r),
            "process_move_costs": (p,),
            "balances": (len(self.balances), 4),
            "assignment": (p,),
        }
        issues = []
        for name, shape in shapes.items():
            values = np.array(getattr(self, name), dtype=np.bool_ if name == "transient" else np.int64)
            values.setflags(write=False)
            object.__setattr__(self, name, values)
            if values.shape != shape:
                msg = f"needs shape {shape}, got {values.shape}"
                issues.append(Issue(path=f"reassignment.{name}", message=msg))
        if len(self.dependencies) != s:
            msg = f"needs {s} entries, got {len(self.dependencies)}"
            issues.append(Issue(path="reassignment.dependencies", message=msg))
        if not issues:
            needed = np.array([d for row in self.dependencies for d in row], dtype=np.int64)
            for name, values, limit in (
                ("services", self.services, s),
                ("assignment", self.assignment, m),
                ("dependencies", needed, s),
                ("balances", self.balances[:, :2], r),
            ):
                if values.size and not (values.min() >= 0 and values.max() < limit):
                    msg = f"needs values from 0 to {limit - 1}"
                    issues.append(Issue(path=f"reassignment.{name}", message=msg))
        if issues:
            raise InstanceError(issues)

    @property
    def n_machines(self) -> int:
        """Number of machines."""
        return len(self.neighbourhoods)

    @property
    def n_processes(self) -> int:
        """Number of processes."""
        return len(self.services)


def read_roadef(model: str | Path, assignment: str | Path) -> MachineReassignment:
    """Read a model and the assignment that it starts from.

    Parameters
    ----------
    model, assignment
        The two files; names that end in ``.gz`` are unpacked.

    Raises
    ------
    TraceError
        When a file cannot be read, or a number is missing, left over or out of its range; names file,
        line, column (which number of the line), value and limit.
    """
    numbers = IntegerText(read_text(model), file=str(model))
    n_resources = numbers.take("number of resources", least=1, most=MOST_COUNT)
    resources = numbers.table(["transient", "load weight"], n_resources, least=[0, 0], most=[1, MOST])
    machines = _machines(numbers, n_resources)
    n_machines = len(machines["locations"])
    spreads, dependencies = _services(numbers)
    services, requirements, move_costs = _processes(numbers, n_resources, len(spreads))
    n_balances = numbers.take("number of balances", most=MOST_COUNT)
    balances = numbers.table(
        ["resource 1", "resource 2", "target", "weight"],
        n_balances,
        least=[0] * 4,
        most=[n_resources - 1, n_resources - 1, MOST, MOST],
    )
    process_weight, service_weight, machine_weight = numbers.row("weight", 3).tolist()
    numbers.finish()
    return MachineReassignment(
        transient=resources[:, 0] > 0,
        load_weights=resources[:, 1],
        spreads=spreads,
        dependencies=dependencies,
        services=services,
        requirements=requirements,
        process_move_costs=move_costs,
        balances=balances,
        process_weight=process_weight,
        service_weight=service_weight,
        machine_weight=machine_weight,
        assignment=read_assignment(assignment, n_processes=len(services), n_machines=n_machines),
        source=Path(model).name,
        **machines,
    )


def read_assignment(path: str | Path, *, n_processes: int, n_machines: int) -> NDArray[np.int64]:
    """Read the machine of each process.

    Parameters
    ----------
    path
        The file.
    n_processes, n_machines
        Sizes of the model.

    Raises
    ------
    TraceError
        As :func:`read_roadef` does.
    """
    numbers = IntegerText(read_text(path), file=str(path))
    machines = numbers.row("machine", n_processes, most=n_machines - 1)
    numbers.finish()
    return machines


def _machines(numbers: IntegerText, r: int) -> dict[str, NDArray[np.int64]]:
    n = numbers.take("number of machines", least=1, most=MOST_COUNT)
    table = numbers.table(
        ["neighbourhood", "location"]
        + ["capacity"] * r
        + ["safety capacity"] * r
        + ["cost of a move"] * n,
        n,
        least=[0] * (2 + 2 * r + n),
        most=[MOST_COUNT] * 2 + [MOST] * (2 * r + n),
    )
    return {
        "neighbourhoods": table[:, 0],
        "locations": table[:, 1],
        "capacities": table[:, 2 : 2 + r],
        "safety_capacities": table[:, 2 + r : 2 + 2 * r],
        "machine_move_costs": table[:, 2 + 2 * r :],
    }


def _services(numbers: IntegerText) -> tuple[NDArray[np.int64], tuple[tuple[int, ...], ...]]:
    n = numbers.take("number of services", least=1, most=MOST_COUNT)
    spreads, dependencies = [], []
    for _ in range(n):
        spreads.append(numbers.take("least spread", most=MOST_COUNT))
        count = numbers.take("number of dependencies", most=MOST_COUNT)
        dependencies.append(tuple(numbers.row("service", count, most=n - 1).tolist()))
    return np.array(spreads), tuple(dependencies)


def _processes(
    numbers: IntegerText, r: int, n_services: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    n = numbers.take("number of processes", least=1, most=MOST_COUNT)
    table = numbers.table(
        ["service"] + ["requirement"] * r + ["cost of a move"],
        n,
        least=[0] * (r + 2),
        most=[n_services - 1] + [MOST] * (r + 1),
    )
    return table[:, 0], table[:, 1 : r + 1], table[:, r + 1]
