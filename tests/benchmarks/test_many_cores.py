"""The benchmark of hosts with many cores: copies are out of step, and it runs."""

from __future__ import annotations

import numpy as np

import consolidate as cs
from benchmarks import many_cores


def test_copies_are_shifted_and_the_table_has_a_row_for_each_risk():
    """The first copy is the day itself; a later one has the same samples at other times."""
    n, steps = 12, 24
    rng = np.random.default_rng(1)
    day = cs.Trace(
        vms=cs.VMs(
            ids=tuple(f"v{k}" for k in range(n)),
            vcpus=np.ones(n, dtype=np.int32),
            cpu_mcores=np.full(n, 2_000),
            memory_mib=np.full(n, 1_024),
            dirty_mib_per_s=np.ones(n),
        ),
        grid=cs.TimeGrid(start=np.datetime64("2024-01-01T00:00:00"), step_s=300, n_steps=steps),
        cpu_mcores=rng.integers(100, 2_000, (n, steps)).astype(np.int32),
        memory_mib=np.full((n, steps), 1_024, dtype=np.int32),
        alive=np.ones((n, steps), dtype=np.bool_),
    )
    trace = many_cores.pooled([day], 2, 0)
    first, second = trace.cpu_mcores[:n], trace.cpu_mcores[n:]
    assert np.array_equal(first, day.cpu_mcores)
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first, axis=1), np.sort(second, axis=1))
    rows = many_cores.measure(trace, many_cores.fleet_of(many_cores.SERVERS[0], 2), [0.01, 0.05])
    assert [row[3] for row in rows] == ["1.0%", "5.0%"]
    assert all(float(row[5]) >= 1.0 for row in rows)
