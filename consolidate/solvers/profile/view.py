"""An instance with many columns as the arrays of the curve kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem, State
from consolidate._kernels.profile import Curves, Room, dominated
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_state

__all__ = ["CurveView", "Packing", "curve_view", "is_wide", "start_packing"]

#: From this many columns on, curves are packed by kernels of their own.
_WIDE = 9
#: Capacities beyond this are counted in coarser units, needs rounded up, so that sums stay in 32 bits.
_LARGEST = 2**20
#: No overload of two hosts together, at the prices of the columns, comes near 2**31.
_DEAREST = 2**29
#: Points in which the curve of a resource is compared while VMs are levelled.
_POINTS = 14
#: How much more the fullest slots count there: the power of their share of the capacity.
_SHARPNESS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveView:
    """The fixed arrays.

    Parameters
    ----------
    narrow
        The problem without columns: rules, masks, energy.
    curves
        The columns that can bind.
    capacity
        What each host offers of those columns, shape ``(hosts, r)``.
    kept
        Their numbers in the instance.
    shape, scale
        Curves in few points, and one over the squared capacity there; see
        :func:`consolidate._kernels.profile_level.level`.
    """

    narrow: Problem
    curves: Curves
    capacity: NDArray[np.int32]
    kept: NDArray[np.int64]
    shape: NDArray[np.float32]
    scale: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """A placement in the making: what the rules need to know, and the room on each curve."""

    state: State
    room: Room


def is_wide(instance: Instance) -> bool:
    """Say whether an instance has so many columns that curves are packed by kernels of their own."""
    return len(instance.resources) >= _WIDE


def curve_view(instance: Instance, problem: Problem) -> CurveView:
    """Return the curve kernels' view of an instance: equal VMs share a row, idle columns are dropped."""
    unit = np.maximum(1, -(-instance.capacity.max(axis=0, initial=0) // _LARGEST))
    capacity, need = instance.capacity // unit, -(-instance.need // unit)
    extra = -(-instance.vm_overhead // unit)
    rows, class_of = _distinct(need)
    kinds, kind_of = np.unique(extra, axis=0, return_inverse=True)
    _, first = np.unique(np.column_stack([capacity, extra]), axis=0, return_index=True)
    out = dominated(rows, extra[first], capacity[first])
    members = np.bincount(class_of[instance.active], minlength=len(rows))
    share = (members @ rows) / np.maximum(capacity.sum(axis=0), 1)
    columns, block = _columns(instance.resources, share, ~out)
    starts = block[:-1]
    none = np.zeros((len(instance.vms), 0), dtype=np.int64)
    at_no_host = np.zeros((instance.fleet.n_hosts, 0), dtype=np.int64)
    shape, scale = _points(instance.resources, rows, capacity, kind_of.reshape(-1), share, ~out)
    # One layout in memory, whatever the choice of columns leaves: kernels are compiled once for each.
    rows = np.ascontiguousarray(rows[:, columns])
    kinds = np.ascontiguousarray(kinds[:, columns])
    return CurveView(
        narrow=problem._replace(need=none, overhead=at_no_host),
        curves=Curves(
            rows=rows.astype(np.int32),
            peaks=np.maximum.reduceat(rows, starts, axis=1).astype(np.int32),
            class_of=class_of.astype(np.int32),
            extra=kinds.astype(np.int32),
            extra_peaks=np.maximum.reduceat(kinds, starts, axis=1).astype(np.int32),
            kind_of=kind_of.reshape(-1).astype(np.int32),
            block=block,
            weight=np.ones(len(columns), dtype=np.int32),
        ),
        capacity=capacity[:, columns].astype(np.int32),
        kept=columns,
        shape=shape,
        scale=scale,
    )


def _distinct(need: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct rows and the number of each row among them.

    Rows are told apart by a random sum of their values, which is many times faster than column by column;
    sums under which two different rows agree are thrown away.
    """
    rng = np.random.default_rng(0)
    while True:
        key = need @ rng.integers(1, 2**62, need.shape[1])
        _, first, number = np.unique(key, return_index=True, return_inverse=True)
        number = number.reshape(-1)
        if np.array_equal(need[first][number], need):
            return need[first], number


def _block_names(resources: tuple[str, ...]) -> list[str]:
    """Return the resource of each column: ``cpu[7]`` is slot 7 of ``cpu``."""
    return [name.split("[", 1)[0] for name in resources]


def _columns(
    resources: tuple[str, ...], share: NDArray[np.float64], keep: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the kept columns block by block, the fullest of each first, and where each block starts."""
    names = _block_names(resources)
    columns: list[int] = []
    block = [0]
    for name in dict.fromkeys(names):
        mine = [r for r, other in enumerate(names) if other == name and keep[r]]
        if mine:
            columns += sorted(mine, key=lambda r: (-share[r], r))
            block.append(len(columns))
    return np.array(columns, dtype=np.int64), np.array(block, dtype=np.int64)


def _points(
    resources: tuple[str, ...],
    rows: NDArray[np.int64],
    capacity: NDArray[np.int64],
    kind_of: NDArray[np.int64],
    share: NDArray[np.float64],
    keep: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each class's curve as the peaks of consecutive slots, and the worth of a unit there by kind."""
    names = _block_names(resources)
    n_kinds = int(kind_of.max()) + 1
    offer = np.stack([capacity[kind_of == k].mean(axis=0) for k in range(n_kinds)])
    shape, scale = [], []
    for name in dict.fromkeys(names):
        mine = [r for r, other in enumerate(names) if other == name and keep[r]]
        for part in np.array_split(np.array(mine, dtype=np.int64), _POINTS):
            if part.size:
                fullness = float(share[part].max()) ** _SHARPNESS
                shape.append(rows[:, part].max(axis=1))
                scale.append(fullness / np.maximum(offer[:, part].min(axis=1), 1.0) ** 2)
    largest = max(float(np.max(s)) for s in scale) or 1.0
    return (
        np.column_stack(shape).astype(np.float32),
        (np.column_stack(scale) / largest).astype(np.float32),
    )


def start_packing(
    instance: Instance, view: CurveView, problem: Problem, host_of: NDArray[np.int32]
) -> Packing:
    """Return the changing arrays for a placement, which may exceed capacities but not break rules."""
    state = kernel_state(instance, host_of, problem=problem)
    free = view.capacity.copy()
    curves = view.curves
    placed = np.flatnonzero(host_of >= 0)
    hosts = host_of[placed]
    np.subtract.at(
        free, hosts, curves.rows[curves.class_of[placed]] + curves.extra[curves.kind_of[hosts]]
    )
    room = Room(free=free, least=np.minimum.reduceat(free, curves.block[:-1], axis=1).astype(np.int32))
    narrow = np.zeros((instance.fleet.n_hosts, 0), dtype=np.int64)
    return Packing(state=state._replace(room=narrow), room=room)


def priced(view: CurveView, free: NDArray[np.int32]) -> Curves | None:
    """Return the curves with prices of overload that keep every sum in 32 bits; ``None`` if none do."""
    curves = view.curves
    mean = np.maximum(view.capacity.mean(axis=0), 1.0)
    worst = 2 * float((np.maximum(-free, 0) / mean).sum(axis=1).max())
    worst += 2 * float((curves.rows / mean).sum(axis=1).max() + (curves.extra / mean).sum(axis=1).max())
    unit = _DEAREST / max(worst, 1.0)
    if unit < mean.max():
        return None
    return curves._replace(weight=np.round(min(unit, 2**24) / mean).astype(np.int32))
