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
from consolidate.planning.storage import places_of, with_storage

__all__ = ["Problem", "Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One move of a schedule; ``level`` is its share of bandwidth, as a position in the shares.

    Behind the hosts come the storages of the sites, as places that a VM may be left at.
    """

    vm: int
    source: int
    target: int
    start_s: int
    end_s: int
    level: int = 0


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An instance and the target to reach.

    Parameters
    ----------
    instance, target
        The problem, and where every VM shall be.
    storage
        Whether VMs may be left in storage on their way; they may where one waits there already.
    """

    instance: Instance
    target: Placement
    storage: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "storage", self.storage or self.some_wait)

    @property
    def some_wait(self) -> bool:
        """Whether VMs are in storage now."""
        return bool((self.instance.current.saved_on >= 0).any())

    @cached_property
    def estimates(self) -> Estimates:
        """What each move takes."""
        return Estimates(self.instance, storage=self.storage)

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
        mask_of, masks = instance.host_masks(over_others=True)
        return with_storage(instance, mask_of, masks) if self.storage else (mask_of, masks)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Where each VM is: its host, or behind the hosts the storage of a site; -1 = nowhere."""
        return places_of(self.instance)

    @property
    def n_places(self) -> int:
        """Hosts and storages."""
        fleet = self.instance.fleet
        return fleet.n_hosts + (len(fleet.sites) if self.storage else 0)

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
        """VMs that are not at their targets, in storage or elsewhere, shape ``(n,)``."""
        return np.asarray(self.target.moved_from(self.instance.current), dtype=np.int64)

    @cached_property
    def stays_used(self) -> NDArray[np.bool_]:
        """Hosts that carry a VM in the end, shape ``(hosts,)``."""
        used = np.zeros(self.instance.fleet.n_hosts, dtype=np.bool_)
        used[self.target.used_hosts()] = True
        return used

    @cached_property
    def off_lag_s(self) -> NDArray[np.int64]:
        """Seconds of the shutdown that follows when the last VM has left each place, shape ``(places,)``."""
        fleet = self.instance.fleet
        off = (self.instance.may_switch_off() | ~fleet.powered_on) & ~self.stays_used
        lag = np.zeros(self.n_places, dtype=np.int64)
        lag[: fleet.n_hosts] = np.where(off, fleet.per_host("shutdown_s"), 0)
        return lag

    @cached_property
    def size(self) -> NDArray[np.float64]:
        """Largest part of the free space of any resource that each VM needs, shape ``(vms,)``."""
        found: NDArray[np.float64] = (self.instance.need / self.free_space).max(axis=1)
        return found

    @cached_property
    def free_space(self) -> NDArray[np.float64]:
        """Free space of all hosts that are on, by resource; at least 1."""
        on = self.instance.fleet.powered_on
        free = self.instance.capacity[on] - self.instance.usage(self.instance.current)[on]
        total: NDArray[np.float64] = np.maximum(1, np.maximum(free, 0).sum(axis=0)).astype(np.float64)
        return total
