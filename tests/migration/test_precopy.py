"""Iterative pre-copy, against the worked values of the reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.migration import pre_copy

GIB_IN_MB = 1_073.741824

#: Memory in GiB, dirty rate and bandwidth in MB/s, rounds, data per memory, seconds, stop, verdict.
#: 30 rounds at most, 0.3 s of stop, 30 % of the memory written to.
TABLE = [
    (4, 50, 117, 6, 1.52, 55.8, 0.16, True),
    (8, 50, 117, 7, 1.52, 111.8, 0.13, True),
    (8, 100, 117, 29, 3.04, 223.4, 0.27, True),
    (8, 150, 117, 30, 10.0, 734, 22, False),
    (64, 200, 1_170, 3, 1.21, 70.8, 0.29, True),
    (64, 1_500, 1_170, 30, 10.0, 587, 17.6, False),
    (256, 500, 2_900, 4, 1.21, 114.5, 0.08, True),
]


def run(memory, dirty, rate, *, share=0.3, **fields):
    return pre_copy(memory, dirty, rate_mib_per_s=rate, working_set_mib=share * memory, **fields)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} GiB, {row[1]} MB/s")
def test_golden_values(row):
    """Rounds exactly, data and time to 1 %; the unit is the megabyte throughout."""
    gib, dirty, rate, rounds, per_memory, seconds, stop, converges = row
    copy = run(gib * GIB_IN_MB, dirty, rate)
    assert copy.rounds == rounds
    assert copy.moved_mib / (gib * GIB_IN_MB) == pytest.approx(per_memory, rel=0.01)
    assert copy.duration_s == pytest.approx(seconds, rel=0.01)
    assert copy.downtime_s == pytest.approx(stop, rel=0.01, abs=0.005)
    assert (copy.verdict == "converges") is converges


@given(st.floats(0, 1e6), st.floats(1e-3, 1e5))
def test_a_vm_that_writes_nothing_is_sent_once(memory, rate):
    """No dirtying: one round, exactly the memory, no stop."""
    copy = run(memory, 0.0, rate)
    assert (copy.verdict, copy.rounds, copy.moved_mib, copy.downtime_s) == ("converges", 1, memory, 0.0)
    assert copy.duration_s == pytest.approx(memory / rate)


@given(
    memory=st.floats(1, 1e6),
    dirty=st.floats(0, 1e4),
    rate=st.floats(1, 1e4),
    more=st.floats(1, 3),
    which=st.sampled_from(["memory", "dirty", "rate"]),
)
def test_more_memory_more_writing_or_less_bandwidth_never_help(memory, dirty, rate, more, which):
    """Data and time are monotone in memory, dirty rate and the inverse of the bandwidth."""
    easy = run(memory, dirty, rate)
    if which == "memory":
        hard = run(memory * more, dirty, rate)
    elif which == "dirty":
        hard = run(memory, dirty * more, rate)
    else:
        hard = run(memory, dirty, rate / more)
    assert hard.moved_mib >= easy.moved_mib * (1 - 1e-9)
    assert hard.duration_s >= easy.duration_s * (1 - 1e-9)


@given(st.floats(1.0, 1e6), st.floats(1.0, 100.0))
def test_writing_faster_than_sending_never_converges(memory, ratio):
    """At or above the bandwidth a large working set is typed impossible, and never loops."""
    rate = memory / 100
    copy = run(memory, ratio * rate, rate)
    assert copy.verdict == "impossible"
    assert copy.rounds == 30


def test_a_small_working_set_always_converges():
    """However fast it writes: what it writes to fits into the allowed stop."""
    copy = run(1_000, 1e6, 100, share=0.02)
    assert (copy.verdict, copy.rounds, copy.downtime_s) == ("converges", 1, 0.2)


def test_running_out_of_rounds_is_typed():
    """Still shrinking when the cap comes: capped, not impossible."""
    copy = run(100_000, 99, 100, max_rounds=5)
    assert (copy.verdict, copy.rounds) == ("capped", 5)


def test_the_working_set_is_not_larger_than_the_memory():
    """A share above one changes nothing."""
    assert run(1_000, 500, 100, share=5.0) == run(1_000, 500, 100, share=1.0)


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_no_bandwidth_is_an_error(rate):
    """Dividing by nothing would make it endless."""
    with pytest.raises(ValueError, match="rate_mib_per_s"):
        run(1_000, 1, rate)
