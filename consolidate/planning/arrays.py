"""A plan's problem as the bare arrays of the scheduling kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.limits import Taken
from consolidate._kernels.moves import ON, Moves, Network, Now
from consolidate.model import Instance, Placement, PowerControl
from consolidate.model.limits_view import kernel_limits, kernel_taken
from consolidate.planning.estimates import Estimates
from consolidate.planning.storage import places_of

__all__ = ["copy_of", "first_moment", "helpers", "in_order", "kernel_moves"]

_NO_LIMIT = 2**30
#: What a storage has of everything, so that no sum of needs comes near it.
_ENDLESS = 2**50


def kernel_moves(
    instance: Instance,
    target: Placement,
    estimates: Estimates,
    hosts: tuple[NDArray[np.int32], NDArray[np.bool_]],
) -> Moves:
    """Return what does not change while a schedule is made; :func:`in_order` fills in the order.

    Parameters
    ----------
    instance, target
        The problem, and where every VM shall be.
    estimates
        What each move takes.
    hosts
        Row of each VM, and rows of hosts on which VMs may be.
    """
    fleet, settings = instance.fleet, instance.moves
    # VMs that are on no host yet are started when the moves are known.
    here = (instance.current.host_of >= 0) | (instance.current.saved_on >= 0)
    goal = np.where(here, target.host_of, -1).astype(np.int64)
    seconds, kbit, stored = estimates.tables
    mask_of, masks = hosts
    binding = tuple(rule for rule in instance.rules if rule.continuous)
    n_places = len(estimates.kind_of)
    stores = n_places - fleet.n_hosts
    return Moves(
        need=instance.need,
        overhead=_longer(instance.vm_overhead, stores, 0),
        target=goal,
        kind_of=estimates.kind_of,
        pair=estimates.pair,
        apart=np.array([apart for _, _, apart, _ in estimates.classes] or [False]),
        seconds=seconds,
        kbit=kbit,
        stored=stored,
        site_of=np.concatenate([fleet.host_site, np.arange(stores)]).astype(np.int64),
        mask_of=mask_of.astype(np.int64),
        masks=masks,
        helper=_longer(helpers(instance), stores, True),
        boot_s=_longer(fleet.per_host("boot_s"), stores, 0),
        into_pointer=np.zeros(n_places + 1, dtype=np.int64),
        into=np.zeros(0, dtype=np.int64),
        limits=kernel_limits(replace(instance, rules=binding)),
        network=Network(
            moves_in=settings.moves_in,
            moves_out=settings.moves_out,
            moves_per_host=settings.moves_per_host or _NO_LIMIT,
            moves_at_once=settings.moves_at_once or _NO_LIMIT,
            uplink_kbit=int(settings.uplink_mbit_per_s * 1_000),
        ),
    )


def in_order(moves: Moves, order: NDArray[np.int64], via: NDArray[np.int64] | None = None) -> Moves:
    """Return the same with the VMs that move, shape ``(n,)``, best first.

    ``via`` is a host that each VM goes to first, -1 for none, shape ``(vms,)``; to their targets such VMs
    come after all others.
    """
    goals = moves.target[order]
    if via is not None:
        sent = order[via[order] >= 0]
        final = goals[via[order] >= 0]
        moves = moves._replace(target=np.where(via >= 0, via, moves.target))
        order, goals = np.concatenate([order, sent]), np.concatenate([moves.target[order], final])
    pointer = np.zeros(len(moves.kind_of) + 1, dtype=np.int64)
    pointer[1:] = np.cumsum(np.bincount(goals, minlength=len(moves.kind_of)))
    return moves._replace(into_pointer=pointer, into=order[np.argsort(goals, kind="stable")])


def helpers(instance: Instance) -> NDArray[np.bool_]:
    """Say of each host whether VMs may stop there on their way, shape ``(hosts,)``.

    A host that is booted only for that is switched off again, so that has to be allowed.
    """
    fleet = instance.fleet
    usable: NDArray[np.bool_] = fleet.may_receive() & (
        fleet.powered_on | (fleet.power_control == PowerControl.MANAGED)
    )
    return usable


def first_moment(instance: Instance, moves: Moves) -> Now:
    """Return the moment before the first action."""
    fleet, host_of = instance.fleet, instance.current.host_of
    n_vms, n_places = len(host_of), len(moves.kind_of)
    stores = n_places - fleet.n_hosts
    nic = (fleet.per_host("nic_mbit_per_s", np.float64) * 1_000).astype(np.int64)
    room = _longer(instance.capacity - instance.usage(instance.current), stores, _ENDLESS)
    now = Now(
        position=places_of(instance),
        flying=np.full(n_vms, -1, dtype=np.int64),
        room=room,
        power=_longer(fleet.powered_on.astype(np.int8), stores, ON),
        slots=_longer(np.zeros((fleet.n_hosts, 2), dtype=np.int64), stores, -_ENDLESS),
        nic=_longer(np.stack([nic, nic], axis=1), stores, _ENDLESS),
        hold=np.full(n_places, -1, dtype=np.int64),
        first=np.full(n_places, -1, dtype=np.int64),
        after=np.full(n_vms, -1, dtype=np.int64),
        before=np.full(n_vms, -1, dtype=np.int64),
        heap=np.zeros((n_vms + n_places, 3), dtype=np.int64),
        tally=np.array([0, 0, 0, moves.network.uplink_kbit or 2**60, 0], dtype=np.int64),
        leaving=np.zeros_like(room),
        kbit=np.zeros(n_vms, dtype=np.int64),
        stored=np.zeros(n_vms, dtype=np.int64),
        storage=np.full(len(fleet.sites), int(min(instance.moves.storage_mib_per_s * 2**20, _ENDLESS))),
        taken=kernel_taken(instance, moves.limits, host_of, times=2),
    )
    _link(now)
    return now


def _longer(values: NDArray[Any], stores: int, value: int) -> NDArray[Any]:
    """Return values by host with the same value for each storage behind them."""
    if not stores:
        return values
    more = np.full((stores, *values.shape[1:]), value, dtype=values.dtype)
    return np.concatenate([values, more])


def copy_of(now: Now) -> Now:
    """Return a moment with arrays of its own, for a schedule to change."""
    taken = Taken._make(values.copy() for values in now.taken)
    return Now._make(taken if isinstance(values, Taken) else values.copy() for values in now)


def _link(now: Now) -> None:
    """Make the lists of the VMs of each host, the first VM first."""
    placed = np.flatnonzero(now.position >= 0)
    placed = placed[np.argsort(now.position[placed], kind="stable")]
    host = now.position[placed]
    follows = np.flatnonzero(host[1:] == host[:-1])
    now.after[placed[follows]] = placed[follows + 1]
    now.before[placed[follows + 1]] = placed[follows]
    begins = np.ones(len(placed), dtype=np.bool_)
    begins[follows + 1] = False
    now.first[host[begins]] = placed[begins]
