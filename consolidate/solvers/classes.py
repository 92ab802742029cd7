"""VMs that are alike: exact classes where sizes repeat, cells of like size and direction where not."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance

__all__ = ["alike", "by_direction", "vm_cells", "vm_classes"]

#: Steps of direction along an axis at most: more leave too few VMs in a cell to choose from.
_STEPS = 16
#: Lumps whose rows differ less than this are of one direction.
_ONE_DIRECTION = 1e-12


def alike(columns: Sequence[NDArray[np.generic]]) -> NDArray[np.int64]:
    """Return a number per row of a table, given by its columns: equal rows, equal numbers, in their order."""
    number = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        # Numbered anew after each column, so that products stay small.
        number = np.unique(number * len(values) + codes, return_inverse=True)[1].astype(np.int64)
    return number


def by_direction(
    amounts: NDArray[np.float64], apart: NDArray[np.int64], *, most: int
) -> NDArray[np.int64]:
    """Return a lump number per row: rows of a lump point in nearly the same direction, whatever their length.

    A linear program cannot tell rows of one direction apart. The lump in which they differ most, large
    rows counting more, is split at its mean until there are enough lumps.

    Parameters
    ----------
    amounts
        What each row takes, shape ``(rows, columns)``.
    apart
        Rows with different numbers here are never lumped.
    most
        How many lumps there are at most, unless ``apart`` alone makes more.
    """
    shares = amounts / np.maximum(amounts.sum(axis=0), 1e-30)
    size = shares.sum(axis=1)
    part = shares / np.maximum(size, 1e-30)[:, np.newaxis]
    number = alike([apart])
    order = np.argsort(number, kind="stable")
    edges = np.searchsorted(number[order], np.arange(int(number.max(initial=-1)) + 2))
    heap: list[tuple[float, int, int, NDArray[np.int64]]] = []

    def push(lump: int, rows: NDArray[np.int64]) -> None:
        mean = np.average(part[rows], axis=0, weights=size[rows] + 1e-30)
        spread = ((part[rows] - mean) ** 2 * size[rows, np.newaxis]).sum(axis=0)
        heapq.heappush(heap, (-float(spread.max()), lump, int(spread.argmax()), rows))

    for lump in range(len(edges) - 1):
        push(lump, order[edges[lump] : edges[lump + 1]])
    while heap and len(heap) < most:
        spread, lump, column, rows = heapq.heappop(heap)
        mean = np.average(part[rows, column], weights=size[rows] + 1e-30)
        above = part[rows, column] > mean
        if spread > -_ONE_DIRECTION or not above.any() or above.all():
            break
        number[rows[above]] = len(heap) + 1
        push(len(heap) + 1, rows[above])
        push(lump, rows[~above])
    return number


def vm_classes(
    instance: Instance, problem: Problem, vms: NDArray[np.int64], *, most: int
) -> NDArray[np.int64]:
    """Return a class number per VM: needs and load alike, the same hosts allowed.

    Classes are exact where at most ``most`` come out of it; else like means of like direction.

    Parameters
    ----------
    vms
        The VMs to number.
    most
        Largest number of classes, unless the hosts allowed alone make more.
    """
    amounts = [*instance.need[vms].T, instance.load_mcores[vms]]
    masks = problem.mask_of[vms].astype(np.int64)
    step = max(1, len(vms) // 50_000)
    if all(len(np.unique(column[::step])) <= most for column in amounts):
        classes = alike([*amounts, masks])
        if int(classes.max(initial=-1)) < most:
            return classes
    return by_direction(np.column_stack(amounts).astype(np.float64), masks, most=most)


def vm_cells(
    shares: NDArray[np.float64], masks: NDArray[np.int64], *, sizes: int = 16, directions: int = 200
) -> NDArray[np.int64]:
    """Return a cell number per VM: like size, like direction, the same hosts allowed.

    Parameters
    ----------
    shares
        Needs in comparable units, shape ``(vms, resources)``.
    masks
        Number of the set of hosts allowed to each VM.
    sizes, directions
        Steps of size (logarithmic), and about how many directions there are at most.
    """
    total = shares.sum(axis=1)
    log = np.log2(np.maximum(total, 1e-12))
    span = max(float(np.ptp(log)) if len(log) else 0.0, 1e-9)
    low = float(log.min()) if len(log) else 0.0
    size = np.minimum((log - low) / span * sizes, sizes - 1).astype(np.int64)
    part = shares / np.maximum(total, 1e-30)[:, np.newaxis]
    # With many resources there would be too many directions; one axis alone does not need them all.
    steps = min(_STEPS, max(2, round(directions ** (1.0 / max(1, shares.shape[1] - 1)))))
    axes = [
        np.minimum(part[:, r] * steps, steps - 1).astype(np.int64) for r in range(shares.shape[1] - 1)
    ]
    return alike([size, *axes, masks])
