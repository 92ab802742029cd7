"""The nearest target that can be reached, when the wanted one cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import PlanError
from consolidate.model import Instance, MigrationPlan, Placement
from consolidate.planning.listing import list_schedule
from consolidate.planning.planner import plan
from consolidate.planning.problem import Problem
from consolidate.planning.refusals import vm_refusals

__all__ = ["Nearest", "nearest_target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """A target that can be reached, and the way there.

    Parameters
    ----------
    target
        The placement.
    plan
        The plan that leads to it.
    stays
        VMs that stay where they are although the wanted target moves them.
    """

    target: Placement
    plan: MigrationPlan
    stays: tuple[int, ...]


def nearest_target(instance: Instance, target: Placement, *, fast: bool = False) -> Nearest:
    """Return a reachable placement that keeps as many VMs of a target in place as was found.

    VMs that cannot be moved at all stay first: one of them must not keep the others from moving. Then
    those stay that block each other, and those for which there is no room beside the ones that stay.

    Parameters
    ----------
    instance, target, fast
        As for :func:`consolidate.planning.plan`.

    Raises
    ------
    PlanError
        When not even the present placement is a target: a host is too full, and no move of the target helps.
    """
    saved_on = instance.current.saved_on
    # A VM in storage is best off where it was, if it cannot come to its target.
    current = np.where(saved_on >= 0, saved_on, instance.current.host_of).astype(np.int32)
    wanted = target.host_of
    stays = np.zeros(len(current), dtype=np.bool_)
    stays[[v for v, _ in vm_refusals(instance, Placement(host_of=wanted))]] = True
    while True:
        host_of = _with_room(instance, wanted, stays)
        reachable = Placement(host_of=host_of)
        stays |= (host_of == current) & (wanted != current)
        moved = np.flatnonzero(host_of != current)
        try:
            made = plan(instance, reachable, fast=fast)
        except PlanError:
            if not moved.size:
                # The present placement itself cannot be kept, and nobody can be moved to mend it.
                raise
            # Who only had to step aside stays anyway: each turn keeps one more VM at least.
            left = np.setdiff1d(_left(instance, reachable), np.flatnonzero(stays))
            # A target that breaks a rule says nothing of who should stay: the last one then.
            stays[left if len(left) else moved[-1:]] = True
            continue
        return Nearest(target=reachable, plan=made, stays=tuple(np.flatnonzero(stays).tolist()))


def _left(instance: Instance, target: Placement) -> NDArray[np.int64]:
    if (instance.usage(target) > instance.capacity).any():
        return np.zeros(0, dtype=np.int64)
    listing = list_schedule(
        Problem(instance=instance, target=target), direct_s=2**62, good_enough_s=2**62
    )
    return np.array(listing.left, dtype=np.int64)


def _with_room(
    instance: Instance, wanted: NDArray[np.int32], stays: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Return the target with the VMs that stay; newcomers to a host that gets too full stay, too."""
    saved_on = instance.current.saved_on
    current = np.where(saved_on >= 0, saved_on, instance.current.host_of)
    host_of = np.where(stays, current, wanted).astype(np.int32)
    before = np.maximum(instance.usage(instance.current), instance.capacity)
    while True:
        used = instance.usage(Placement(host_of=host_of))
        full = np.flatnonzero((used > before).any(axis=1))
        if not full.size:
            return host_of
        comers = np.flatnonzero((host_of == full[0]) & (current != full[0]))
        if not comers.size:
            # Only those that were saved there can be too many: they stay in storage.
            host_of[np.flatnonzero((host_of == full[0]) & (saved_on == full[0]))[-1]] = -1
            continue
        # The largest newcomer frees most, so fewest have to stay.
        last = max(comers.tolist(), key=lambda v: (int(instance.need[v].sum()), v))
        host_of[last] = current[last]
