"""The configuration certificate: prices of VMs by size, and the best pattern of each host, found again here.

The formula is that of the run-folder reference. Patterns are found by filling a table class by class, copies in
powers of two; which VMs of a host stay is tried out in every combination.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import NO_WAKE, PlacementCase
from consolidate.checks.certificate import (
    allowed_kinds,
    entries,
    least_running,
    offered,
    whole,
    without_vms_mj,
)
from consolidate.checks.exact import add, multiply, sum_of

__all__ = ["configuration_mj"]

_MOST_STAYS, _MOST_CELLS = 16, 50_000_000
_FITS = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Resources in units, rounded down; a second one without cells where there is one only."""

    rows: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, certificate: Mapping[str, object], n_resources: int) -> _Grid:
        rows = []
        for entry in entries(certificate, "grid"):
            resource = whole(entry, "resource", least=0)
            if resource >= n_resources:
                msg = f"has a grid over resource {resource}; there are {n_resources}"
                raise ValueError(msg)
            rows.append((resource, whole(entry, "denominator", least=1)))
        if len(rows) not in {1, 2}:
            msg = f"has a grid over {len(rows)} resources; one or two are allowed"
            raise ValueError(msg)
        return cls(rows=tuple(rows))

    def cells(self, amounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cells of amounts of all resources, shape ``(rows, 2)``."""
        cells = np.zeros((len(amounts), 2), dtype=np.int64)
        for i, (resource, unit) in enumerate(self.rows):
            cells[:, i] = amounts[:, resource] // unit
        return cells


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vms:
    """The VMs that can be placed, their class by cells, and what each pays (scaled)."""

    index: NDArray[np.int64]
    class_of: NDArray[np.int64]
    count: NDArray[np.int64]
    price: NDArray[np.int64]  # per class
    load_price: int


def configuration_mj(case: PlacementCase, certificate: Mapping[str, object]) -> int:
    """Return the lower bound that a configuration certificate proves, in millijoules.

    Parameters
    ----------
    case
        Needs, capacities, fleet and present placement.
    certificate
        ``scale``, ``load_multiplier``, ``most_stays``, ``grid``, ``prices`` and ``types``.

    Raises
    ------
    ValueError
        When the certificate lacks something; the message completes "the certificate ...".
    """
    scale = whole(certificate, "scale", least=1)
    most_stays = whole(certificate, "most_stays", least=0)
    if most_stays > _MOST_STAYS:
        msg = f"asks for {most_stays} stays per host; {_MOST_STAYS} is the limit"
        raise ValueError(msg)
    kinds = entries(certificate, "types")
    if len(kinds) != len(case.hosts.kinds):
        msg = f"has prices of {len(kinds)} host types; the fleet has {len(case.hosts.kinds)}"
        raise ValueError(msg)
    hosts = case.hosts
    here = np.flatnonzero(case.active & (case.current >= 0))
    carries = np.zeros(hosts.n, dtype=np.bool_)
    carries[case.current[here]] = True
    receives = (hosts.powered_on | (hosts.control != NO_WAKE)) & ~hosts.maintenance
    grid = _Grid.of(certificate, len(case.resources))
    allowed = allowed_kinds(case, receives) & case.active
    vms = _vms(case, certificate, grid, allowed)
    paid = [int(p) * int(n) for p, n in zip(vms.price.tolist(), vms.count.tolist(), strict=True)]
    total = sum(paid) + vms.load_price * sum_of(case.load_mcores[vms.index])
    total += scale * sum_of(case.move_mj[here])
    without = multiply(without_vms_mj(case), scale)
    offer = offered(case, receives)
    usable = receives | carries
    total += sum_of(without[~usable])
    for k, entry in enumerate(kinds):
        mine = np.flatnonzero(usable & (hosts.kind_of == k))
        if mine.size == 0:
            continue
        load_price = whole(entry, "load_multiplier", least=0)
        running = least_running(case, k, offer[mine, 0], scale=scale, b=load_price)
        boot = hosts.kinds[k].boot_mw * hosts.kinds[k].boot_s
        on = add(running, multiply(np.where(hosts.powered_on[mine], 0, boot), scale))
        gain = vms.load_price - load_price
        worth = _worth(case, grid, vms, allowed[k], mine, offer, gain, scale, most_stays)
        left = add(on, multiply(worth, -1))
        total += sum_of(np.where((left < without[mine]).astype(np.bool_), left, without[mine]))
    return total // scale


def _vms(
    case: PlacementCase,
    certificate: Mapping[str, object],
    grid: _Grid,
    allowed: NDArray[np.bool_],
) -> _Vms:
    index = np.flatnonzero(allowed.any(axis=0))
    width = len(grid.rows)
    keys = grid.cells(case.need[index])[:, :width]
    distinct, class_of, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    listed: dict[tuple[int, ...], int] = {}
    entries = certificate.get("prices")
    if not isinstance(entries, list | tuple):
        msg = "needs a list as prices"
        raise ValueError(msg)  # noqa: TRY004 (a certificate is data: a wrong type is a wrong value)
    for entry in entries:
        sound = isinstance(entry, list | tuple) and len(entry) == width + 1
        if not sound or not all(type(x) is int and x >= 0 for x in entry):
            msg = f"has {entry!r} among its prices; {width} cells and a price, whole numbers, are needed"
            raise ValueError(msg)
        listed[tuple(entry[:-1])] = entry[-1]
    price = [listed.get(tuple(key), 0) for key in distinct.tolist()]
    load_price = whole(certificate, "load_multiplier", least=0)
    reach = max(price, default=0) + load_price * int(case.load_mcores.max(initial=0))
    if reach * max(1, len(index)) >= _FITS:
        msg = "has prices that are too large to add up"
        raise ValueError(msg)
    return _Vms(
        index=index,
        class_of=class_of.reshape(-1),
        count=count,
        price=np.array(price, dtype=np.int64),
        load_price=load_price,
    )


def _worth(
    case: PlacementCase,
    grid: _Grid,
    vms: _Vms,
    allowed: NDArray[np.bool_],
    mine: NDArray[np.int64],
    offer: NDArray[np.int64],
    gain: int,
    scale: int,
    most_stays: int,
) -> NDArray[np.int64]:
    """Return, for the hosts ``mine`` of one type, the most that VMs on them are worth, scaled."""
    taken = grid.cells(
        case.need + case.overhead[case.hosts.kind_of == case.hosts.kind_of[mine[0]]].min(axis=0)
    )
    room = grid.cells(offer[mine])
    if int((room.max(axis=0) + 1).prod()) > _MOST_CELLS:
        msg = "has a grid that is too fine to be evaluated"
        raise ValueError(msg)
    table = _table(vms, taken, allowed, gain * case.load_mcores, room.max(axis=0))
    price = np.zeros(case.vms.n, dtype=np.int64)
    price[vms.index] = vms.price[vms.class_of]
    stay = price + gain * case.load_mcores + scale * case.move_mj
    worth = np.zeros(len(mine), dtype=np.int64)
    for i, residents in enumerate(_residents(case, mine)):
        explicit = residents[:most_stays]
        value, used = np.zeros(1, dtype=np.int64), np.zeros((1, 2), dtype=np.int64)
        for v in explicit:
            value = np.concatenate([value, value + stay[v]])
            used = np.concatenate([used, used + taken[v]])
            fits = (used <= room[i]).all(axis=1)
            value, used = value[fits], used[fits]
        left = room[i] - used
        worth[i] = int((value + table[left[:, 0], left[:, 1]]).max())
        worth[i] += scale * sum(int(case.move_mj[v]) for v in residents[most_stays:])
    return worth


def _residents(case: PlacementCase, mine: NDArray[np.int64]) -> list[list[int]]:
    """Return the active VMs on each host, the dearest to move first."""
    on: dict[int, list[int]] = {h: [] for h in mine.tolist()}
    for v in np.flatnonzero(case.active & (case.current >= 0)).tolist():
        if int(case.current[v]) in on:
            on[int(case.current[v])].append(v)
    return [sorted(on[h], key=lambda v: (-int(case.move_mj[v]), v)) for h in mine.tolist()]


def _table(
    vms: _Vms,
    taken: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    load_gain: NDArray[np.int64],
    room: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the best worth of VMs for every room; each class once per VM at most."""
    best = np.zeros((int(room[0]) + 1, int(room[1]) + 1), dtype=np.int64)
    takes = allowed[vms.index]
    for c in range(len(vms.count)):
        members = vms.index[(vms.class_of == c) & takes]
        if members.size == 0:
            continue
        a, b = taken[members].min(axis=0).tolist()
        value = int(vms.price[c]) + int(load_gain[members].max())
        if value <= 0 or a > room[0] or b > room[1]:
            continue
        number = int(vms.count[c])
        if a or b:
            fit = [int(room[i]) // x for i, x in enumerate((a, b)) if x]
            number = min(number, *fit)
        copies = 1
        while number > 0:
            copies = min(copies, number)
            down, right = copies * a, copies * b
            if down < best.shape[0] and right < best.shape[1]:
                with_copies = best[: best.shape[0] - down, : best.shape[1] - right] + copies * value
                np.maximum(best[down:, right:], with_copies, out=best[down:, right:])
            number -= copies
            copies *= 2
    return best
