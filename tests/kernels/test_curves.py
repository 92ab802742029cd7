"""The least net cost of running a host, beside a plain walk over every load."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from consolidate._kernels.curves import least_net


def plain(points, cpu, background, factor, price, top):
    """Return the least, by the formula of the run folder and Python's integers."""
    found = []
    for load in range(top + 1):
        at = min(background + load, cpu)
        s = min(10 * at // cpu, 9)
        rise = points[s + 1] - points[s]
        power = points[s] + (2 * rise * (10 * at - s * cpu) + cpu) // (2 * cpu)
        found.append(power * factor - load * price)
    return min(found)


@settings(max_examples=200, deadline=None)
@given(
    points=st.lists(st.integers(0, 2_000), min_size=11, max_size=11),
    cpu=st.integers(1, 300),
    background=st.integers(0, 320),
    factor=st.integers(1, 10_000),
    price=st.integers(0, 100_000),
    tops=st.lists(st.integers(0, 400), min_size=1, max_size=4, unique=True),
)
def test_least_net_is_that_of_every_load(points, cpu, background, factor, price, tops):
    """Rising and falling curves, loads beyond the host, a host smaller than ten units."""
    tops = sorted(tops)
    found = least_net(np.array(points), cpu, background, factor, price, np.array(tops))
    assert found.tolist() == [plain(points, cpu, background, factor, price, top) for top in tops]
