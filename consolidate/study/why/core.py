"""A minimal core of a problem without a solution: rules and VMs of which none can be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from consolidate import solvers
from consolidate.errors import UnsupportedError
from consolidate.model import Instance, Placement, Running
from consolidate.solvers import Budget

__all__ = ["Core", "minimal_core"]

#: Larger problems would take too many solves.
_MOST_VMS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What cannot be together.

    Parameters
    ----------
    vms
        Indices of VMs; with the rules they have no placement on all of the hosts.
    rules
        Numbers of rules.
    minimal
        Whether it was proven that without any one of them there is a placement.
    """

    vms: tuple[int, ...]
    rules: tuple[int, ...]
    minimal: bool

    def sentence(self, instance: Instance) -> str:
        """Return the core in words, with names."""
        who = ", ".join(instance.vms.ids[v] for v in self.vms)
        named = ", ".join(f"{instance.rules[k].name}[{k}]" for k in self.rules)
        because = f" under {named}" if named else ""
        least = "; none of them can be left out" if self.minimal else ""
        return f"no placement has room for {who}{because}{least}"


def minimal_core(instance: Instance, *, budget: Budget | None = None) -> Core | None:
    """Return rules and VMs that have no placement together, and of which none can be left out.

    Rules are left out first, one at a time, then VMs, as long as the rest has no placement.

    Parameters
    ----------
    instance
        The problem.
    budget
        Work of each of the solves.

    Returns
    -------
    The core; ``None`` when no proof was found that there is no placement.

    Raises
    ------
    UnsupportedError
        When there are more than 200 VMs.
    """
    there = np.flatnonzero(instance.active).tolist()
    if len(there) > _MOST_VMS:
        feature = f"a minimal core of {len(there)} VMs (at most {_MOST_VMS})"
        raise UnsupportedError(feature, who="minimal_core", supported_by=())
    budget = budget or Budget(iterations=100, deterministic_s=1.0)
    unsure = False

    def impossible(vms: Sequence[int], rules: Sequence[int]) -> bool:
        nonlocal unsure
        status = solvers.solve(
            _part(instance, vms, rules), "cp-sat", budget=budget, min_saving_fraction=0.0
        ).status
        unsure = unsure or status == "unknown"
        return status == "infeasible"

    rules = list(range(len(instance.rules)))
    if not impossible(there, rules):
        return None
    unsure = False
    for k in list(rules):
        fewer = [r for r in rules if r != k]
        if impossible(there, fewer):
            rules = fewer
    vms = list(there)
    # Small VMs are left out first: what remains is then few and large.
    for v in sorted(there, key=lambda v: (int(instance.need[v].max()), v)):
        rest = [u for u in vms if u != v]
        if rest and impossible(rest, rules):
            vms = rest
    return Core(vms=tuple(vms), rules=tuple(rules), minimal=not unsure)


def _part(instance: Instance, vms: Sequence[int], rules: Sequence[int]) -> Instance:
    """Return the problem with some of the VMs and rules only."""
    there = np.zeros(len(instance.vms), dtype=np.bool_)
    there[list(vms)] = True
    kept = (instance.rules[k] for k in rules)
    return replace(
        instance,
        active=there,
        current=Placement(host_of=np.where(there, instance.current.host_of, -1)),
        rules=tuple(r for r in kept if not isinstance(r, Running) or there[list(r.vms)].all()),
    )
