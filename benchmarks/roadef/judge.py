"""The challenge's cost and constraints, stated plainly and slowly: nothing is shared with the search.

Source: the problem statement of the ROADEF/EURO challenge 2012 (Google), as restated by Afsar, Artigues,
Bourreau, Kedad-Sidhoum 2016, doi:10.1007/s10479-016-2203-8. Python integers throughout.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from consolidate.inventory.roadef import MachineReassignment

__all__ = ["Cost", "cost", "violations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The five weighted parts of the cost."""

    load: int
    balance: int
    process_move: int
    service_move: int
    machine_move: int

    @property
    def total(self) -> int:
        """What the challenge minimises."""
        return self.load + self.balance + self.process_move + self.service_move + self.machine_move


def _usage(problem: MachineReassignment, assignment: Sequence[int]) -> list[list[int]]:
    used = [[0] * len(problem.transient) for _ in range(problem.n_machines)]
    for machine, requirement in zip(assignment, problem.requirements.tolist(), strict=True):
        for r, amount in enumerate(requirement):
            used[machine][r] += amount
    return used


def cost(problem: MachineReassignment, assignment: Sequence[int]) -> Cost:
    """Return the cost of an assignment, feasible or not."""
    used = _usage(problem, assignment)
    capacities, safety = problem.capacities.tolist(), problem.safety_capacities.tolist()
    load = 0
    for r, weight in enumerate(problem.load_weights.tolist()):
        load += weight * sum(max(0, u[r] - s[r]) for u, s in zip(used, safety, strict=True))
    balance = 0
    for r1, r2, target, weight in problem.balances.tolist():
        for u, c in zip(used, capacities, strict=True):
            balance += weight * max(0, target * (c[r1] - u[r1]) - (c[r2] - u[r2]))
    first = problem.assignment.tolist()
    moved = [p for p, machine in enumerate(assignment) if machine != first[p]]
    of_service = Counter(int(problem.services[p]) for p in moved)
    machine_move = sum(int(problem.machine_move_costs[first[p], assignment[p]]) for p in moved)
    return Cost(
        load=load,
        balance=balance,
        process_move=problem.process_weight * sum(int(problem.process_move_costs[p]) for p in moved),
        service_move=problem.service_weight * max(of_service.values(), default=0),
        machine_move=problem.machine_weight * machine_move,
    )


def violations(problem: MachineReassignment, assignment: Sequence[int]) -> list[str]:
    """Return one sentence per broken constraint."""
    found = _capacity(problem, assignment)
    machines_of: dict[int, list[int]] = defaultdict(list)
    for service, machine in zip(problem.services.tolist(), assignment, strict=True):
        machines_of[service].append(machine)
    places = {
        service: {int(problem.neighbourhoods[m]) for m in machines}
        for service, machines in machines_of.items()
    }
    for service, machines in machines_of.items():
        found += [
            f"conflict: service {service} has {n} processes on machine {m}"
            for m, n in Counter(machines).items()
            if n > 1
        ]
        found += [
            f"dependency: service {service} is in neighbourhood {n} without service {other}"
            for other in problem.dependencies[service]
            for n in sorted(places[service] - places.get(other, set()))
        ]
    for service, least in enumerate(problem.spreads.tolist()):
        reached = len({int(problem.locations[m]) for m in machines_of.get(service, ())})
        if reached < least and machines_of.get(service):
            found.append(f"spread: service {service} is in {reached} locations, needs {least}")
    return found


def _capacity(problem: MachineReassignment, assignment: Sequence[int]) -> list[str]:
    """Name the machines that are too full; a transient resource is also taken where a process came from."""
    held = _usage(problem, assignment)
    for p, (first, now) in enumerate(zip(problem.assignment.tolist(), assignment, strict=True)):
        for r, amount in enumerate(problem.requirements[p].tolist()):
            if first != now and problem.transient[r]:
                held[first][r] += amount
    return [
        f"capacity: machine {m} holds {held[m][r]} of resource {r}, has {limit}"
        for m, row in enumerate(problem.capacities.tolist())
        for r, limit in enumerate(row)
        if held[m][r] > limit
    ]
