"""Filling host after host, each time with the VM that suits the room that is left best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import IN, Problem, State, fits, occupy
from consolidate._kernels.vm_tree import NOBODY, VmTree, grow, take_head

__all__ = ["fill_by_norm", "fill_by_product"]


@kernel
def fill_by_product(
    p: Problem,
    s: State,
    order: NDArray[np.int64],
    hosts: NDArray[np.int64],
    weight: NDArray[np.float64],
    class_of: NDArray[np.int64],
    n_classes: int,
) -> int:
    """Take the VM with the largest weighted dot product of need and room; the first of equals.

    Returns how many VMs found no host.

    Parameters
    ----------
    weight
        Makes resources comparable, shape ``(r,)``.
    class_of
        Class of the VM at each place of ``order``: VMs of a class have the same needs and possible hosts,
        and no other rule names them.
    """
    return _fill(p, s, grow(p, order, class_of, n_classes), hosts, weight, False)


@kernel
def fill_by_norm(
    p: Problem,
    s: State,
    order: NDArray[np.int64],
    hosts: NDArray[np.int64],
    weight: NDArray[np.float64],
    class_of: NDArray[np.int64],
    n_classes: int,
) -> int:
    """Take the VM whose need is nearest to the room in the weighted square norm; the first of equals.

    Parameters and result are those of :func:`fill_by_product`.
    """
    return _fill(p, s, grow(p, order, class_of, n_classes), hosts, weight, True)


@inner
def _fill(
    p: Problem,
    s: State,
    tree: VmTree,
    hosts: NDArray[np.int64],
    weight: NDArray[np.float64],
    by_norm: bool,
) -> int:
    waiting = len(tree.order)
    stack, bound = np.zeros(128, dtype=np.int64), np.zeros(128)
    free = np.zeros(len(weight), dtype=np.int64)
    for h in hosts:
        while tree.first[1] != NOBODY:
            for r in range(len(weight)):
                free[r] = s.room[h, r] - p.overhead[h, r]
            c = _best(p, s, tree, h, free, weight, by_norm, stack, bound)
            if c < 0:
                break
            occupy(p, s, tree.order[tree.members[tree.head[c]]], h, IN)
            take_head(p, tree, c)
            waiting -= 1
        if waiting == 0:
            break
    return waiting


@inner
def _best(
    p: Problem,
    s: State,
    tree: VmTree,
    h: Any,
    free: NDArray[np.int64],
    weight: NDArray[np.float64],
    by_norm: bool,
    stack: NDArray[np.int64],
    bound: NDArray[np.float64],
) -> Any:
    """Return the class whose next VM suits host ``h`` best, or -1.

    A node's largest need, cut at what is free, suits at least as well as anything below it: rounding to
    floats keeps the order.
    """
    best, most, earliest = -1, -np.inf, NOBODY
    stack[0], bound[0] = 1, np.inf
    n = 1
    while n > 0:
        n -= 1
        i = stack[n]
        if bound[n] < most or (bound[n] == most and tree.first[i] > earliest):
            continue
        if 2 * i >= len(tree.first):
            for k in range(tree.from_class[i], tree.to_class[i]):
                c = tree.classes[k]
                if tree.head[c] == tree.end[c]:
                    continue
                place = tree.members[tree.head[c]]
                v = tree.order[place]
                value = _value(p.need[v], free, s.room[h], weight, by_norm)
                if (value > most or (value == most and place < earliest)) and fits(p, s, v, h):
                    best, most, earliest = c, value, place
            continue
        a, b = 2 * i, 2 * i + 1
        value_a = _value(tree.high[a], free, s.room[h], weight, by_norm)
        value_b = _value(tree.high[b], free, s.room[h], weight, by_norm)
        if value_a > value_b:
            a, b, value_a, value_b = b, a, value_b, value_a
        # The better one is on top of the stack.
        if _possible(p, tree, a, h, free):
            stack[n], bound[n] = a, value_a
            n += 1
        if _possible(p, tree, b, h, free):
            stack[n], bound[n] = b, value_b
            n += 1
    return best


@inner
def _possible(p: Problem, tree: VmTree, i: Any, h: Any, free: NDArray[np.int64]) -> bool:
    """Say whether some VM below a node may fit on host ``h``."""
    if tree.first[i] == NOBODY or (tree.mask[i] >= 0 and not p.masks[tree.mask[i], h]):
        return False
    possible = True
    for r in range(len(free)):
        possible = possible and tree.low[i, r] <= free[r]
    return possible


@inner
def _value(
    need: NDArray[np.int64],
    free: NDArray[np.int64],
    room: NDArray[np.int64],
    weight: NDArray[np.float64],
    by_norm: bool,
) -> float:
    """Say how well a need, cut at what is free, suits the room."""
    total = 0.0
    for r in range(len(weight)):
        amount = min(need[r], free[r])
        if by_norm:
            total -= weight[r] * weight[r] * float(room[r] - amount) * float(room[r] - amount)
        else:
            total += weight[r] * weight[r] * amount * room[r]
    return total
