"""The knapsack kernels against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from consolidate._kernels.knapsack import best_pattern, best_patterns
from consolidate._kernels.knapsack_greedy import fill_bins, greedy_patterns
from consolidate._kernels.knapsack_list import best_listed, list_patterns, listed_values
from consolidate._kernels.knapsack_swap import place_pool
from consolidate._kernels.knapsack_table import pattern_of, value_table
from consolidate._kernels.stays import stay_values


def random_knapsack(rng, resources):
    n = int(rng.integers(1, 6))
    return (
        rng.integers(-3, 40, n),
        rng.integers(0, 8, (n, resources)) + int(rng.random() < 0.7),
        rng.integers(0, 4, n),
        rng.integers(0, 20, resources),
    )


def best_of_all(value, size, limit, capacity):
    return max(
        int(np.dot(x, value))
        for x in itertools.product(*(range(int(k) + 1) for k in limit))
        if (np.array(x) @ size <= capacity).all()
    )


def assert_pattern(counts, size, limit, capacity):
    assert (counts >= 0).all()
    assert (counts <= limit).all()
    assert (counts @ size <= capacity).all()


@pytest.mark.parametrize("resources", [1, 2, 3])
def test_best_pattern_is_the_best(resources):
    """Value, bound and counts agree with enumeration; a node limit only loosens the bound."""
    rng = np.random.default_rng(resources)
    for _ in range(300):
        value, size, limit, capacity = random_knapsack(rng, resources)
        best = best_of_all(value, size, limit, capacity)
        counts, found, upper = best_pattern(value, size, limit, capacity, 0, 10**6)
        assert found == upper == best == counts @ value
        assert_pattern(counts, size, limit, capacity)
        _, found, upper = best_pattern(value, size, limit, capacity, 0, int(rng.integers(1, 8)))
        assert found <= best <= upper
        floor = int(rng.integers(0, best + 2))
        counts, found, upper = best_pattern(value, size, limit, capacity, floor, 10**6)
        assert found == upper == max(best, floor)
        assert counts @ value == (best if best > floor else 0)


def test_several_patterns_are_all_worth_more():
    """Each pattern fits and is worth more than asked; without one, the bound proves that there is none."""
    rng = np.random.default_rng(7)
    for _ in range(300):
        value, size, limit, capacity = random_knapsack(rng, 2)
        best = best_of_all(value, size, limit, capacity)
        floor = int(rng.integers(0, best + 2))
        rows, number, found, upper = best_patterns(value, size, limit, capacity, floor, 10**6, 8)
        assert upper >= best or best <= floor
        assert (number > 0) == (best > floor)
        for counts in rows[:number]:
            assert_pattern(counts, size, limit, capacity)
            assert floor < counts @ value <= found


@pytest.mark.parametrize("resources", [1, 2])
def test_a_table_is_right_for_every_room(resources):
    """Each cell of the table against enumeration, and the pattern that it stands for."""
    rng = np.random.default_rng(20 + resources)
    for _ in range(60):
        value, size, limit, capacity = random_knapsack(rng, resources)
        cells, room = np.zeros((len(value), 2), dtype=np.int64), np.zeros(2, dtype=np.int64)
        cells[:, :resources], room[:resources] = size, capacity
        table, taken = value_table(value, cells, limit, (int(room[0]) + 1, int(room[1]) + 1))
        for i, j in {(0, 0), tuple(room.tolist()), (int(room[0]) // 2, int(room[1]) // 2)}:
            inside = np.array([i, j])
            assert table[i, j] == best_of_all(value, cells, limit, inside)
            counts = pattern_of(taken, cells, i, j)
            assert counts @ value == table[i, j]
            assert_pattern(counts, cells, limit, inside)


def test_a_class_without_size_is_taken_whole():
    """VMs below one cell fit in any number, more than a byte counts."""
    table, taken = value_table(np.array([2, 5]), np.array([[0, 0], [1, 1]]), np.array([300, 1]), (2, 2))
    assert table.tolist() == [[600, 600], [600, 605]]
    assert pattern_of(taken, np.array([[0, 0], [1, 1]]), 1, 1).tolist() == [300, 1]


def test_stays_against_every_subset():
    """The best subset of the VMs on a host, and the table for the room that is left."""
    rng = np.random.default_rng(3)
    table = np.maximum.accumulate(np.maximum.accumulate(rng.integers(0, 30, (9, 9)), 0), 1)
    offer = rng.integers(0, 9, (40, 2))
    number = rng.integers(0, 5, 40)
    pointer = np.concatenate([[0], np.cumsum(number)])
    worth, cells = rng.integers(-5, 25, pointer[-1]), rng.integers(0, 5, (pointer[-1], 2))
    best, mask = stay_values(table, offer, pointer, worth, cells, int(number.max()))
    for h in range(40):
        mine = range(int(pointer[h]), int(pointer[h + 1]))
        values = {}
        for size in range(len(mine) + 1):
            for chosen in itertools.combinations(mine, size):
                left = offer[h] - cells[list(chosen)].sum(axis=0)
                if (left >= 0).all():
                    bits = sum(1 << (v - int(pointer[h])) for v in chosen)
                    values[bits] = int(worth[list(chosen)].sum() + table[left[0], left[1]])
        assert best[h] == max(values.values()) == values[int(mask[h])]


def test_greedy_patterns_hold_their_seed():
    """Patterns fit, are worth more than asked and hold a member of their seed."""
    rng = np.random.default_rng(11)
    for _ in range(100):
        value, size, limit, capacity = random_knapsack(rng, 3)
        order, seeds = np.argsort(-value, kind="stable"), np.flatnonzero(limit > 0)
        rows, number = greedy_patterns(value, size, limit, capacity, order, seeds, 5)
        for counts in rows[:number]:
            assert_pattern(counts, size, limit, capacity)
            assert counts @ value > 5
        assert not rows[number:].any()


def test_filled_bins_hold_everything_that_fits():
    """Every item that fits into an empty bin is packed, and no bin is overfull."""
    rng = np.random.default_rng(12)
    for _ in range(100):
        _, size, demand, capacity = random_knapsack(rng, 2)
        rows, times, number = fill_bins(size, demand, capacity, np.ones(2))
        packed = times[:number] @ rows[:number]
        assert (packed == np.where((size <= capacity).all(axis=1), demand, 0)).all()
        assert (rows[:number] @ size <= capacity).all()


@pytest.mark.parametrize("negative", [False, True])
def test_listed_patterns_are_all_of_them(negative):
    """Every pattern to which nothing can be added is listed once, within the waste; none that does not fit."""
    rng = np.random.default_rng(21 + negative)
    for _ in range(80):
        n, r = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        size = rng.integers(0, 8, (n, r)) + 1
        if negative:
            size[0, 0] = -int(rng.integers(1, 4))
        limit = rng.integers(0, 3, n)
        capacity = rng.integers(4, 16, r)
        waste = capacity + 20 if rng.random() < 0.4 else rng.integers(0, 6, r)
        rows, number, complete = list_patterns(size, limit, capacity, waste, 12, 10**5, 10**6)
        found = [tuple(np.bincount(row[row >= 0], minlength=n)) for row in rows[: int(number)]]
        fitting = [
            x
            for x in itertools.product(*(range(int(k) + 1) for k in limit))
            if any(x) and (np.array(x) @ size <= capacity).all()
        ]
        wanted = {
            x
            for x in fitting
            if (capacity - np.array(x) @ size <= waste).all()
            and ((negative and limit[0] > 0) or not any(is_larger(y, x) for y in fitting))
        }
        assert complete
        assert len(set(found)) == len(found)
        assert set(found) == wanted


def is_larger(one, other):
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def test_a_list_that_is_cut_off_says_so():
    """Limits on patterns, nodes and length are reported."""
    size, limit, capacity = np.array([[2], [3], [4]]), np.array([3, 3, 3]), np.array([12])
    _, number, complete = list_patterns(size, limit, capacity, capacity, 12, 100, 1_000)
    assert complete
    for longest, most, nodes in ((2, 100, 1_000), (12, int(number) - 1, 1_000), (12, 100, 3)):
        assert not list_patterns(size, limit, capacity, capacity, longest, most, nodes)[2]


def test_the_best_of_a_list():
    """Worth counts no more members than there are; the best per class and of all are those of a plain look."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        n = int(rng.integers(2, 6))
        rows = np.sort(rng.integers(0, n, (8, 4)), axis=1).astype(np.int16)
        rows[::2, 3] = -1
        value, limit = rng.integers(0, 9, n), rng.integers(0, 3, n)
        counts = [np.bincount(row[row >= 0], minlength=n) for row in rows]
        worth = listed_values(rows, value, limit)
        assert worth.tolist() == [int(np.minimum(c, limit) @ value) for c in counts]
        best, top = best_listed(rows, worth, n, 5)
        assert top == max(5, worth.max())
        for f in range(n):
            of_class = [w for w, c in zip(worth.tolist(), counts, strict=True) if c[f] and w > 5]
            assert (worth[best[f]] == max(of_class)) if of_class else (best[f] == -1)


@pytest.mark.parametrize("negative", [False, True])
def test_exchanges_keep_bins_within_capacity(negative):
    """Whatever is placed fits, nobody is lost, and a packing that exists is found on easy instances."""
    rng = np.random.default_rng(5 + negative)
    placed_all = 0
    for _ in range(40):
        n_bins, r = int(rng.integers(2, 5)), int(rng.integers(1, 4))
        size = rng.integers(1, 7, (3 * n_bins, r))
        if negative:
            size[0, 0] = -2
        capacity = size.reshape(n_bins, 3, r).sum(axis=1).max(axis=0) + 1
        bin_of = np.full(len(size), -1, dtype=np.int64)
        dice = np.array([88_172_645_463_325_252], dtype=np.uint64)
        worth = np.maximum(size, 0).sum(axis=1) + 0.5
        left = place_pool(size, capacity, worth, bin_of, n_bins, 500, dice)
        used = np.zeros((n_bins, r), dtype=np.int64)
        np.add.at(used, bin_of[bin_of >= 0], size[bin_of >= 0])
        assert (used <= capacity).all()
        assert left == (bin_of < 0).sum()
        placed_all += left == 0
    assert placed_all >= 36
