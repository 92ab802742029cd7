"""A tree over classes of like VMs: the one that suits a host best is found without looking at all of them.

Each node knows the smallest and the largest need of the classes below it, resource by resource: the former
says that nothing below fits, the latter how well anything below can suit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner
from consolidate._kernels.problem import Problem

__all__ = ["LEAF", "NOBODY", "VmTree", "grow", "take_head"]

#: Most classes of a leaf.
LEAF = 8
#: First place of a node below which no VM waits.
NOBODY = np.iinfo(np.int64).max


class VmTree(NamedTuple):
    """Classes are rows of VMs in the order given; node 1 is the root, a node's children are 2i and 2i + 1."""

    classes: NDArray[np.int64]  # (classes,), in the order of the leaves
    from_class: NDArray[np.int64]  # (nodes,), position of the first class of a node
    to_class: NDArray[np.int64]  # (nodes,), one behind the last
    low: NDArray[np.int64]  # (nodes, r), smallest need below
    high: NDArray[np.int64]  # (nodes, r), largest need below
    mask: NDArray[np.int64]  # (nodes,), mask that all below share, else -1
    first: NDArray[np.int64]  # (nodes,), earliest place of a VM that waits below
    leaf_of: NDArray[np.int64]  # (classes,), node of each class
    head: NDArray[np.int64]  # (classes,), position in members of the next VM
    end: NDArray[np.int64]  # (classes,)
    members: NDArray[np.int64]  # (vms,), places of VMs, by class, ascending
    order: NDArray[np.int64]  # (vms,), the VM at each place


@inner
def grow(p: Problem, order: NDArray[np.int64], class_of: NDArray[np.int64], n_classes: int) -> VmTree:
    """Return the tree of the VMs in ``order``; ``class_of`` numbers the class of the VM at each place."""
    end = np.zeros(n_classes + 1, dtype=np.int64)
    for c in class_of:
        end[c + 1] += 1
    end = np.cumsum(end)
    head, fill = end[:-1].copy(), end[:-1].copy()
    members = np.zeros(len(order), dtype=np.int64)
    for place, c in enumerate(class_of):
        members[fill[c]] = place
        fill[c] += 1
    depth = 0
    while LEAF << depth < n_classes:
        depth += 1
    n_nodes, n_resources = 2 << depth, p.need.shape[1]
    tree = VmTree(
        np.arange(n_classes),
        np.zeros(n_nodes, dtype=np.int64),
        np.zeros(n_nodes, dtype=np.int64),
        np.full((n_nodes, n_resources), NOBODY, dtype=np.int64),
        np.full((n_nodes, n_resources), -1, dtype=np.int64),
        np.full(n_nodes, -1, dtype=np.int64),
        np.full(n_nodes, NOBODY, dtype=np.int64),
        np.zeros(n_classes, dtype=np.int64),
        head,
        end[1:],
        members,
        order,
    )
    tree.to_class[1] = n_classes
    for i in range(1, n_nodes):
        if i < n_nodes // 2:
            _split(p, tree, i)
        else:
            tree.leaf_of[tree.classes[tree.from_class[i] : tree.to_class[i]]] = i
    for i in range(n_nodes - 1, 0, -1):
        _refresh(p, tree, i)
    return tree


@inner
def _split(p: Problem, tree: VmTree, i: Any) -> None:
    """Share the classes of a node between its children: by mask, else where they differ most."""
    start, stop = tree.from_class[i], tree.to_class[i]
    middle = (start + stop + 1) // 2
    tree.from_class[2 * i], tree.to_class[2 * i] = start, middle
    tree.from_class[2 * i + 1], tree.to_class[2 * i + 1] = middle, stop
    if stop - start < 2:
        return
    vms = tree.order[tree.members[tree.head[tree.classes[start:stop]]]]
    keys = p.mask_of[vms].astype(np.int64)
    if keys.min() == keys.max():
        widest = -1.0
        for r in range(p.need.shape[1]):
            column = p.need[vms, r]
            spread = (column.max() - column.min()) / max(np.int64(1), column.max())
            if spread > widest:
                widest, keys = spread, column
    by_key = np.argsort(keys, kind="mergesort")
    tree.classes[start:stop] = tree.classes[start:stop][by_key]


@inner
def _refresh(p: Problem, tree: VmTree, i: Any) -> None:
    """Bring a node up to date with what is below it."""
    tree.low[i], tree.high[i], tree.first[i], tree.mask[i] = NOBODY, -1, NOBODY, -1
    if 2 * i < len(tree.first):
        for child in (2 * i, 2 * i + 1):
            if tree.first[child] == NOBODY:
                continue
            tree.mask[i] = tree.mask[child] if tree.first[i] == NOBODY else _same(tree, i, child)
            tree.first[i] = min(tree.first[i], tree.first[child])
            for r in range(p.need.shape[1]):
                tree.low[i, r] = min(tree.low[i, r], tree.low[child, r])
                tree.high[i, r] = max(tree.high[i, r], tree.high[child, r])
        return
    mixed = False
    for k in range(tree.from_class[i], tree.to_class[i]):
        c = tree.classes[k]
        if tree.head[c] == tree.end[c]:
            continue
        place = tree.members[tree.head[c]]
        v = tree.order[place]
        mixed |= tree.first[i] != NOBODY and tree.mask[i] != p.mask_of[v]
        tree.mask[i] = p.mask_of[v]
        tree.first[i] = min(tree.first[i], place)
        for r in range(p.need.shape[1]):
            tree.low[i, r] = min(tree.low[i, r], p.need[v, r])
            tree.high[i, r] = max(tree.high[i, r], p.need[v, r])
    if mixed:
        tree.mask[i] = -1


@inner
def _same(tree: VmTree, i: Any, child: Any) -> Any:
    return tree.mask[i] if tree.mask[i] == tree.mask[child] else np.int64(-1)


@inner
def take_head(p: Problem, tree: VmTree, c: Any) -> None:
    """Let the next VM of a class no longer wait."""
    tree.head[c] += 1
    i = tree.leaf_of[c]
    while i > 0:
        _refresh(p, tree, i)
        i //= 2
