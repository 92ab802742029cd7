"""A budget of moves, counted again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consolidate.checks.cases import PlacementCase
from consolidate.checks.verdict import Violation

__all__ = ["BudgetClaim", "check_budget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetClaim:
    """Limits that a target is said to keep; ``None`` is no limit."""

    moves: int | None = None
    memory_mib: int | None = None
    per_host: int | None = None
    stay: tuple[int, ...] = ()


def check_budget(case: PlacementCase, claim: BudgetClaim) -> tuple[Violation, ...]:
    """Return what the way from ``current`` to ``target`` moves too much of, at least."""
    moved = [
        v
        for v, (here, there) in enumerate(zip(case.current.tolist(), case.target.tolist(), strict=True))
        if here >= 0 and there >= 0 and here != there
    ]
    memory = case.vms.memory_mib
    if "memory_demand_mib" in case.resources:
        memory = case.need[:, case.resources.index("memory_demand_mib")]
    carried = sum(int(memory[v]) for v in moved)
    touched = np.zeros(case.hosts.n, dtype=np.int64)
    for v in moved:
        touched[case.current[v]] += 1
        touched[case.target[v]] += 1
    busiest = int(touched.argmax())
    found = []
    for code, value, limit, what in (
        ("V17.moves", len(moved), claim.moves, "VMs move"),
        ("V17.memory", carried, claim.memory_mib, "MiB move"),
        (
            "V17.per-host",
            int(touched[busiest]),
            claim.per_host,
            f"VMs leave host {case.hosts.name(busiest)} or come to it",
        ),
    ):
        if limit is not None and value > limit:
            message = f"{value} {what}, the budget allows {limit}"
            found.append(Violation(code=code, message=message, witness={"value": value, "limit": limit}))
    for v in sorted(set(moved) & set(claim.stay)):
        message = f"VM {case.vms.name(v)} moves, and was to stay"
        found.append(Violation(code="V17.stay", message=message, witness={"vm": case.vms.name(v)}))
    return tuple(found)
