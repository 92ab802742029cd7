"""The hash table of group counts, against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from consolidate._kernels.counts import add_count, count_of, empty_table


@given(
    steps=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=200),
    stride=st.sampled_from([1, 16, 10**11]),
)
def test_counts_equal_a_dictionary(steps, stride):
    """Keys that collide, entries that leave and come back: every count is right after every step."""
    keys, counts = empty_table(10)
    expected: dict[int, int] = {}
    for key, up in steps:
        change = 1 if up or not expected.get(key) else -1
        add_count(keys, counts, np.int64(key * stride), change)
        expected[key] = expected.get(key, 0) + change
        for k in range(10):
            assert count_of(keys, counts, np.int64(k * stride)) == expected.get(k, 0)
        assert np.count_nonzero(keys >= 0) == sum(1 for n in expected.values() if n)


def test_a_table_has_room_for_every_membership():
    """At most half of the slots are ever taken, so a search always ends."""
    for n in (0, 1, 8, 9, 1_000):
        keys, counts = empty_table(n)
        assert len(keys) == len(counts) >= max(16, 2 * n)
        assert len(keys) & (len(keys) - 1) == 0
