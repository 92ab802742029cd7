"""A short name for the state that a plan starts from, to tell a stale plan from a fresh one."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np

from consolidate.model import Instance, MigrationPlan

__all__ = ["plan_status", "state_of"]


def state_of(instance: Instance) -> str:
    """Return a hash of all that decides whether a plan can be carried out.

    Who is where, what every VM needs, what every host offers, which hosts are on or closed, the rules
    and the settings of moves count; names count too, because a host may have been replaced.
    """
    fleet = instance.fleet
    digest = hashlib.sha256()
    for values in (
        instance.current.host_of,
        instance.current.saved_on,
        instance.need,
        instance.capacity,
        instance.vm_overhead,
        instance.active,
        instance.movable,
        fleet.powered_on,
        fleet.maintenance,
        fleet.power_control,
        np.asarray(fleet.host_type),
    ):
        digest.update(np.ascontiguousarray(values).tobytes())
    digest.update(repr((fleet.host_ids, instance.vms.ids, instance.rules, instance.moves)).encode())
    return digest.hexdigest()[:16]


def plan_status(instance: Instance, plan: MigrationPlan) -> Literal["CURRENT", "SUPERSEDED"]:
    """Say whether a plan was made for the present state."""
    return "CURRENT" if plan.state == state_of(instance) else "SUPERSEDED"
