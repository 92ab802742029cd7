"""Inputs: are the numbers that the solver was given those of the fleet and the VMs.

Only what has a known rule is derived again: capacities, overheads, allocations and the whole numbers of
a host type. How demand became a need (the sizing) is stated in words in the run and is not judged here.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import HostKind, PlacementCase
from consolidate.checks.verdict import Violation, each

__all__ = ["input_violations", "switching_violations"]


def input_violations(case: PlacementCase) -> list[Violation]:
    """Return where needs, capacities and host types contradict each other."""
    return [*_types(case), *_needs(case), *_allocations(case), *_capacities(case), *_overheads(case)]


def switching_violations(case: PlacementCase, stated: NDArray[np.bool_]) -> list[Violation]:
    """Return hosts of which a run says wrongly whether a plan may switch them off.

    Parameters
    ----------
    case
        The case.
    stated
        What the run says, shape ``(hosts,)``.
    """

    def differs(h: int) -> tuple[str, dict[str, object]]:
        name, word = case.hosts.name(h), "may" if stated[h] else "may not"
        return (
            f"host {name} {word} be switched off by capacities.parquet; state, power "
            "control, horizon and break-even off time say the opposite",
            {"host": name, "stated": bool(stated[h])},
        )

    return each("V13.may-switch-off", np.flatnonzero(stated != case.may_switch_off()), differs)


def _types(case: PlacementCase) -> list[Violation]:
    found = []
    for kind in case.hosts.kinds:
        # The nudge absorbs products such as 0.29 * 100, which binary fractions put below 29.
        core = int(kind.core_speed * 1_000 + 1e-6)
        cpu = int(kind.cores * kind.core_speed * 1_000 + 1e-6)
        for key, stated, derived in (
            ("core_mcores", kind.core_mcores, core),
            ("cpu_mcores", kind.cpu_mcores, cpu),
            ("usable_mcores", kind.usable_mcores, kind.cpu_mcores - kind.reserved_mcores),
            ("usable_memory_mib", kind.usable_memory_mib, kind.memory_mib - kind.reserved_memory_mib),
        ):
            if stated != derived:
                message = f"host type {kind.name} states {key} {stated}; its other fields give {derived}"
                witness: dict[str, object] = {"type": kind.name, "stated": stated, "derived": derived}
                found.append(Violation(code="V13.type", message=message, witness=witness))
    return found


def _needs(case: PlacementCase) -> list[Violation]:
    vms = case.vms
    found = []
    named: list[tuple[str, NDArray[np.int64]]] = [
        (resource, case.need[:, r]) for r, resource in enumerate(case.resources)
    ]
    for name, values in [*named, ("load_mcores", case.load_mcores), ("move_mj", case.move_mj)]:

        def negative(
            v: int, name: str = name, values: NDArray[np.int64] = values
        ) -> tuple[str, dict[str, object]]:
            return (
                f"VM {vms.name(v)} has {name} {int(values[v])}; it needs 0 or more",
                {"vm": vms.name(v), "column": name, "value": int(values[v])},
            )

        found += each("V13.need", np.flatnonzero(values < 0), negative)

    def heavy(v: int) -> tuple[str, dict[str, object]]:
        load, need = int(case.load_mcores[v]), int(case.need[v, 0])
        return (
            f"VM {vms.name(v)} has a mean load of {load} mcores, its CPU need is {need} mcores",
            {"vm": vms.name(v), "load_mcores": load, "need_mcores": need},
        )

    return found + each("V13.load", np.flatnonzero(case.load_mcores > case.need[:, 0]), heavy)


def _allocations(case: PlacementCase) -> list[Violation]:
    vms = case.vms
    found = []
    for resource, promised in (
        ("cpu_allocation_mcores", vms.cpu_mcores),
        ("memory_allocation_mib", vms.memory_mib),
    ):
        if resource not in case.resources:
            continue
        need = case.need[:, case.resources.index(resource)]

        def differs(
            v: int,
            resource: str = resource,
            need: NDArray[np.int64] = need,
            promised: NDArray[np.int64] = promised,
        ) -> tuple[str, dict[str, object]]:
            return (
                f"VM {vms.name(v)} reserves {int(need[v])} of {resource}; its allocation is "
                f"{int(promised[v])}",
                {"vm": vms.name(v), "need": int(need[v]), "allocation": int(promised[v])},
            )

        found += each("V13.allocation", np.flatnonzero(need != promised), differs)
    return found


def _floor_product(amount: int, ratio: float) -> int:
    """Return ``floor(amount * ratio)`` for the ratio as it is written in decimals."""
    return int(amount * Fraction(repr(ratio)))


def _capacities(case: PlacementCase) -> list[Violation]:
    exact: dict[str, Callable[[HostKind], int]] = {
        "memory_demand_mib": lambda k: k.usable_memory_mib,
        "cpu_allocation_mcores": lambda k: _floor_product(k.usable_mcores, k.cpu_allocation_ratio),
        "memory_allocation_mib": lambda k: _floor_product(
            k.usable_memory_mib, k.memory_allocation_ratio
        ),
    }
    found = []
    for r, resource in enumerate(case.resources):
        offered = case.capacity[:, r]
        if resource in exact:
            limit = np.array([exact[resource](k) for k in case.hosts.kinds])[case.hosts.kind_of]
            wrong, word = offered != limit, "is"
        elif resource == "cpu_demand_mcores":
            limit = case.hosts.per_host("usable_mcores")
            wrong, word = (offered > limit) | (offered < 0), "is at most"
        else:
            limit = np.zeros(case.hosts.n, dtype=np.int64)
            wrong, word = offered < 0, "is at least"

        def differs(
            h: int,
            resource: str = resource,
            offered: NDArray[np.int64] = offered,
            limit: NDArray[np.int64] = limit,
            word: str = word,
        ) -> tuple[str, dict[str, object]]:
            name = case.hosts.name(h)
            return (
                f"host {name} is said to offer {int(offered[h])} of {resource}; by its type it {word} "
                f"{int(limit[h])}",
                {"host": name, "resource": resource, "stated": int(offered[h]), "limit": int(limit[h])},
            )

        found += each("V13.capacity", np.flatnonzero(wrong), differs)
    return found


def _overheads(case: PlacementCase) -> list[Violation]:
    cpu, memory = case.hosts.per_host("per_vm_mcores"), case.hosts.per_host("per_vm_memory_mib")
    known = {
        "cpu_demand_mcores": cpu,
        "memory_demand_mib": memory,
        "cpu_allocation_mcores": cpu,
        "memory_allocation_mib": memory,
    }
    found = []
    for r, resource in enumerate(case.resources):
        stated = case.overhead[:, r]
        due = known.get(resource)
        wrong = stated < 0 if due is None else stated != due

        def differs(
            h: int,
            resource: str = resource,
            stated: NDArray[np.int64] = stated,
            due: NDArray[np.int64] | None = due,
        ) -> tuple[str, dict[str, object]]:
            name = case.hosts.name(h)
            limit = "0 or more" if due is None else str(int(due[h]))
            return (
                f"host {name} takes {int(stated[h])} of {resource} for each VM; its type says {limit}",
                {"host": name, "resource": resource, "stated": int(stated[h])},
            )

        found += each("V13.overhead", np.flatnonzero(wrong), differs)
    return found
