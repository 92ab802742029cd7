"""Proofs by counting that no placement exists, with the fewest VMs that are too much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance, MaxOnline

__all__ = ["counting_proof", "names_of"]


def counting_proof(instance: Instance) -> tuple[str, tuple[int, ...]]:
    """Return why no placement can exist, if counting shows it, and the fewest VMs that are too much."""
    usable = instance.fleet.may_receive().copy()
    current = instance.current.host_of
    usable[current[instance.active & (current >= 0)]] = True
    return (
        _total_proof(instance, usable)
        or _single_proof(instance, usable)
        or _online_proof(instance)
        or ("", ())
    )


def _online_proof(instance: Instance) -> tuple[str, tuple[int, ...]] | None:
    """Say whether more hosts cannot be switched off than a rule lets be online."""
    stays_on = instance.stays_on()
    for rule in instance.rules:
        if isinstance(rule, MaxOnline) and (n := int(stays_on[list(rule.hosts)].sum())) > rule.most:
            return f"{n} hosts of a rule {rule.name} stay on, it allows {rule.most}", ()
    return None


def _total_proof(instance: Instance, usable: NDArray[np.bool_]) -> tuple[str, tuple[int, ...]] | None:
    """Say whether all VMs together need more than all hosts offer."""
    need = instance.need[instance.active].sum(axis=0)
    offer = instance.capacity[usable].sum(axis=0)
    for r in np.flatnonzero(need > offer):
        active = np.flatnonzero(instance.active)
        largest = active[np.argsort(-instance.need[active, r], kind="stable")]
        relief = np.cumsum(instance.need[largest, r])
        blocking = tuple(largest[: int(np.searchsorted(relief, need[r] - offer[r])) + 1].tolist())
        reason = (
            f"all VMs together need {need[r]} {instance.resources[r]}, all hosts offer {offer[r]}; "
            f"{names_of(instance, blocking)} are too much"
        )
        return reason, blocking
    return None


def _single_proof(instance: Instance, usable: NDArray[np.bool_]) -> tuple[str, tuple[int, ...]] | None:
    """Say whether a VM is larger than every host, overhead included, or may be on none."""
    if not usable.any() or not instance.active.any():
        return None
    mask_of, masks = instance.host_masks()
    room = instance.capacity - instance.vm_overhead
    most = np.array([room[m].max(axis=0) if m.any() else np.full(room.shape[1], -1) for m in masks])
    too_large = instance.active & (instance.need > most[mask_of]).any(axis=1)
    blocking = tuple(np.flatnonzero(too_large).tolist())
    if not blocking:
        return None
    v = blocking[0]
    limit = most[mask_of[v]]
    r = int(np.flatnonzero(instance.need[v] > limit)[0])
    name = instance.vms.ids[v]
    if limit[r] < 0:
        return f"no host may carry {names_of(instance, blocking)}", blocking
    reason = (
        f"VM {name} needs {instance.need[v, r]} {instance.resources[r]}, the largest host that may "
        f"carry it offers {limit[r]}; no host has room for {names_of(instance, blocking)}"
    )
    return reason, blocking


def names_of(instance: Instance, vms: tuple[int, ...]) -> str:
    """Return the names of a few VMs, and how many more there are."""
    shown = ", ".join(instance.vms.ids[v] for v in vms[:5])
    return shown + (f" and {len(vms) - 5} more" if len(vms) > 5 else "")
