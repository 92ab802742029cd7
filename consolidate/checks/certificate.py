"""What the certificates of lower bounds share: their numbers, what hosts offer, and what they draw at least."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import HostKind, PlacementCase
from consolidate.checks.exact import Wholes, add, multiply
from consolidate.checks.power import curve, kind_power_mw

__all__ = ["allowed_kinds", "entries", "least_running", "offered", "whole", "without_vms_mj"]


def whole(source: Mapping[str, object], key: str, *, least: int) -> int:
    """Return a whole number of a certificate; anything else, or one below ``least``, is a ValueError."""
    value = source.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        msg = f"needs a whole number as {key}, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 (a certificate is data: a wrong type is a wrong value)
    if value < least:
        msg = f"has {key} = {value}, which must not be below {least}"
        raise ValueError(msg)
    return value


def entries(source: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    """Return a list of objects of a certificate; anything else is a ValueError."""
    listed = source.get(key)
    if not isinstance(listed, list | tuple) or not all(isinstance(e, Mapping) for e in listed):
        msg = f"needs a list of objects as {key}"
        raise ValueError(msg)
    return list(listed)


def offered(case: PlacementCase, receives: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return what a host can offer at most: one that takes no VM, only what its own need now."""
    own = np.flatnonzero(case.active & (case.current >= 0))
    at = case.current[own]
    held = np.zeros_like(case.capacity)
    np.add.at(held, at, case.need[own] + case.overhead[at])
    return np.where(receives[:, np.newaxis], case.capacity, np.minimum(case.capacity, held))


def allowed_kinds(case: PlacementCase, receives: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which host types a VM may be on: its own, and those with a host that takes it."""
    hosts, vms = case.hosts, case.vms
    allowed = np.zeros((len(hosts.kinds), vms.n), dtype=np.bool_)
    for k, kind in enumerate(hosts.kinds):
        guest = vms.is_container == (kind.guest_kind == "container_engine")
        fast = case.need[:, 0] <= vms.vcpus * kind.core_mcores
        allowed[k] = guest & fast & bool((receives & (hosts.kind_of == k)).any())
    home = np.flatnonzero(case.current >= 0)
    allowed[hosts.kind_of[case.current[home]], home] = True
    return allowed


def without_vms_mj(case: PlacementCase) -> NDArray[np.int64]:
    """Return the energy of each host over the horizon if it carries no VM."""
    hosts = case.hosts
    draws = [
        int(kind_power_mw(kind, np.array([kind.background_mcores]), hosting=False)[0])
        for kind in hosts.kinds
    ]
    idle = np.array(draws, dtype=np.int64)[hosts.kind_of] * case.horizon_s
    shutdown = hosts.per_host("shutdown_mw") * hosts.per_host("shutdown_s")
    off = hosts.per_host("off_mw") * case.horizon_s + np.where(hosts.powered_on, shutdown, 0)
    return np.where(hosts.powered_on & ~case.may_switch_off(), idle, off)


def least_running(case: PlacementCase, k: int, most: NDArray[np.int64], *, scale: int, b: int) -> Wholes:
    """Return, for hosts of type ``k``, the least scaled energy of running less ``b`` for each mcore.

    ``most`` is the largest load of each host.
    """
    power = _carrying_power_mw(case.hosts.kinds[k], most=int(most.max()))
    net = add(
        multiply(power, scale * case.horizon_s),
        multiply(np.arange(power.shape[0], dtype=np.int64), -b),
    )
    least: Wholes = np.minimum.accumulate(net)[np.maximum(most, 0)]
    return least


def _carrying_power_mw(kind: HostKind, *, most: int) -> NDArray[np.int64]:
    """Return a lower limit of the power at each whole load from 0 to ``most``."""
    loads = np.arange(max(most, 0) + 1, dtype=np.int64) + kind.background_mcores
    points = curve(kind, hosting=True)
    if kind.per_vm_mcores == 0 or list(points) == sorted(points):
        return kind_power_mw(kind, loads, hosting=True)
    # The load of guests is known, their number is not: the host may run at any higher load.
    every = np.arange(max(int(loads[-1]), kind.cpu_mcores) + 1, dtype=np.int64)
    power = kind_power_mw(kind, every, hosting=True)
    least_above: NDArray[np.int64] = np.minimum.accumulate(power[::-1])[::-1]
    return least_above[loads]
