"""Sizing by a percentile of each VM's own demand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.errors import ConfigError
from consolidate.forecasting import SIZINGS, Percentile
from consolidate.model.from_trace import Sizing

QUANTILES = st.one_of(
    st.integers(1, 100), st.sampled_from([0.1, 2.5, 33.3, 99.9, 99.99]), st.floats(0.01, 100)
)


@given(rows=st.lists(st.lists(st.integers(0, 50), min_size=12, max_size=40), min_size=1), q=QUANTILES)
def test_equals_the_slow_definition(builders, oracles, rows, q):
    """The smallest observed value that at least q % of the observations do not exceed."""
    width = max(len(row) for row in rows)
    cpu = [[0] * (width - len(row)) + row for row in rows]
    alive = [[False] * (width - len(row)) + [True] * len(row) for row in rows]
    trace = builders.trace(cpu, alive=alive, vms=builders.vms(len(rows)))
    needs, _ = Percentile(q).needs(trace)
    assert needs.tolist() == [oracles.percentile(row, q) for row in rows]


def test_the_result_is_a_value_that_occurred(builders):
    """95 % of 20 steps is the 19th value, without interpolation; 100 % is the peak."""
    trace = builders.trace([list(range(0, 200, 10))], vms=builders.vms(1))
    assert Percentile(95).needs(trace)[0].tolist() == [180]
    assert Percentile(95.1).needs(trace)[0].tolist() == [190]
    assert Percentile(100).needs(trace)[0].tolist() == [190]
    assert Percentile(0.001).needs(trace)[0].tolist() == [0]


def test_memory_is_its_maximum(builders):
    """Memory is never overcommitted."""
    memory = [[100] * 19 + [777]]
    _, needs = Percentile(50).needs(builders.trace([[1] * 20], memory, vms=builders.vms(1)))
    assert needs.tolist() == [777]


def test_short_histories_take_the_allocation(builders):
    """Eleven steps are too few to judge by, twelve are enough."""
    alive = [[True] * 11 + [False] * 9, [True] * 12 + [False] * 8, [False] * 20]
    trace = builders.trace(np.full((3, 20), 100), 64, alive=alive, vms=builders.vms(3))
    cpu, memory = Percentile(95).needs(trace)
    assert cpu.tolist() == [2_000, 100, 2_000]
    assert memory.tolist() == [2_048, 64, 2_048]


def test_an_allocation_below_what_was_used_does_not_hide_it(builders):
    """A newcomer that uses more memory than promised gets what it uses."""
    trace = builders.trace([[1] * 3], 4_000, vms=builders.vms(1))
    assert Percentile(95).needs(trace)[1].tolist() == [4_000]


def test_only_living_steps_count(builders):
    """Steps before birth are no zeros: half a day of life at 100 is 100 at the median."""
    alive = [[False] * 20 + [True] * 20]
    trace = builders.trace(np.full((1, 40), 100), alive=alive, vms=builders.vms(1))
    assert Percentile(10).needs(trace)[0].tolist() == [100]


@pytest.mark.parametrize("q", [0, -5, 100.5, float("nan")])
def test_impossible_percentiles_are_refused(q):
    """The key is named as in the study file."""
    with pytest.raises(ConfigError, match="percentile"):
        Percentile(q)


def test_registry_and_description():
    """The sizing is found by its name and describes itself for the report."""
    assert SIZINGS.get("percentile") is Percentile
    assert isinstance(Percentile(), Sizing)
    assert "90th percentile" in Percentile(90).describe()
    assert "12 steps" in Percentile(90).describe()
