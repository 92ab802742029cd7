"""One way from the present placement to a target, with all that schedulers need to know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.moves import Moves, Now
from consolidate.model import Ban, Fence, Instance, LicenceGroup, Placement, Root
from consolidate.planning.arrays import copy_of, first_moment, kernel_moves
from consolidate.planning.estimates import Estimates

__all__ = ["Problem", "Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One move of a schedule; ``level`` is its share of bandwidth, as a position in the shares."""

    vm: int
    source: int
    target: int
    start_s: int
    end_s: int
    level: int = 0


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An instance and the target to reach."""

    instance: Instance
    target: Placement

    @cached_property
    def estimates(self) -> Estimates:
        """What each move takes."""
        return Estimates(self.instance)

    @cached_property
    def masks(self) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Which hosts each VM may be on while the plan is carried out; see :meth:`Instance.host_masks`.

        The VMs of a licence group stop nowhere but on hosts that count in any case. Rules that are not
        continuous say nothing of the way.
        """
        instance = self.instance
        rules = tuple(
            rule
            for rule in instance.rules
            if rule.continuous or not isinstance(rule, Ban | Fence | Root)
        )
        fences = tuple(
            Fence(vms=rule.vms, hosts=tuple(rule.touched(self.target, instance)))
            for rule in instance.rules
            if isinstance(rule, LicenceGroup) and rule.continuous
        )
        if fences or len(rules) < len(instance.rules):
            instance = replace(instance, rules=(*rules, *fences))
        return instance.host_masks(over_others=True)

    @cached_property
    def moves(self) -> Moves:
        """What does not change while a schedule is made, as arrays."""
        return kernel_moves(self.instance, self.target, self.estimates, self.masks)

    @cached_property
    def _first_moment(self) -> Now:
        return first_moment(self.instance, self.moves)

    def first_moment(self) -> Now:
        """Return the moment before the first action, to be changed by who asked for it."""
        return copy_of(self._first_moment)

    @cached_property
    def moved(self) -> NDArray[np.int64]:
        """VMs that are not at their targets, shape ``(n,)``."""
        return np.asarray(self.target.moved_from(self.instance.current), dtype=np.int64)

    @cached_property
    def stays_used(self) -> NDArray[np.bool_]:
        """Hosts that carry a VM in the end, shape ``(hosts,)``."""
        used = np.zeros(self.instance.fleet.n_hosts, dtype=np.bool_)
        used[self.target.used_hosts()] = True
        return used

    @cached_property
    def off_lag_s(self) -> NDArray[np.int64]:
        """Seconds of the shutdown that follows when the last VM has left each host, shape ``(hosts,)``."""
        fleet = self.instance.fleet
        off = (self.instance.may_switch_off() | ~fleet.powered_on) & ~self.stays_used
        return np.where(off, fleet.per_host("shutdown_s"), 0).astype(np.int64)

    @cached_property
    def free_space(self) -> NDArray[np.float64]:
        """Free space of all hosts that are on, by resource; at least 1."""
        on = self.instance.fleet.powered_on
        free = self.instance.capacity[on] - self.instance.usage(self.instance.current)[on]
        total: NDArray[np.float64] = np.maximum(1, np.maximum(free, 0).sum(axis=0)).astype(np.float64)
        return total
