"""How much space on one further host would break a deadlock: tried, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Fence, Fleet, Instance, Rule

__all__ = ["helper_space"]


def helper_space(
    instance: Instance, cycle: Sequence[int], *, works: Callable[[Instance], bool]
) -> dict[str, int] | None:
    """Return free space per resource, on one further host, with which a plan exists.

    What the VMs with the least memory take is tried: one VM, two, four, and so on, then in between.

    Parameters
    ----------
    instance
        The problem that has no plan.
    cycle
        VMs that block each other.
    works
        Whether an instance has a plan.

    Returns
    -------
    Space by resource, or ``None`` when not even room for the whole cycle helps.
    """
    memory_mib = instance.carried_mib()
    order = sorted(cycle, key=lambda v: (int(memory_mib[v]), v))
    like = int(instance.current.host_of[order[0]])
    space = np.cumsum(instance.need[order] + instance.vm_overhead[like], axis=0)

    def helps(count: int) -> bool:
        return works(_with_helper(instance, like, space[count - 1]))

    enough = 1
    while not helps(enough):
        if enough == len(order):
            return None
        enough = min(2 * enough, len(order))
    too_little = enough // 2
    while enough - too_little > 1:
        middle = (enough + too_little) // 2
        if helps(middle):
            enough = middle
        else:
            too_little = middle
    return {name: int(space[enough - 1, r]) for r, name in enumerate(instance.resources)}


def _with_helper(instance: Instance, like: int, space: NDArray[np.int64]) -> Instance:
    """Return the problem with one further host, empty, on, and allowed to every VM."""
    fleet = instance.fleet
    name = "helper"
    while name in fleet.host_ids:
        name += "-"
    bigger = Fleet(
        host_ids=(*fleet.host_ids, name),
        types=fleet.types,
        sites=fleet.sites,
        host_type=_longer(fleet.host_type, fleet.host_type[like]),
        host_site=_longer(fleet.host_site, fleet.host_site[like]),
        power_control=_longer(fleet.power_control, 0),
        maintenance=_longer(fleet.maintenance, 0),
        powered_on=_longer(fleet.powered_on, 1),
    )
    return replace(
        instance,
        fleet=bigger,
        capacity=np.vstack([instance.capacity, space]),
        vm_overhead=np.vstack([instance.vm_overhead, instance.vm_overhead[like]]),
        rules=tuple(_allowing(rule, fleet.n_hosts) for rule in instance.rules),
    )


def _longer(values: NDArray[Any], last: object) -> NDArray[Any]:
    return np.append(values, np.array([last], dtype=values.dtype))


def _allowing(rule: Rule, host: int) -> Rule:
    return replace(rule, hosts=(*rule.hosts, host)) if isinstance(rule, Fence) else rule
