"""One move: which mode, how long, how much."""

from __future__ import annotations

import math

import pytest

from consolidate.migration import MoveSettings, estimate_move

LIVE, SAVED, RESTART = frozenset({"live"}), frozenset({"saved_state"}), frozenset({"restart"})
RATE = 1e9 / 8 / 2**20 * 0.4  # MiB/s of a move over 1 Gbit/s


def estimate(memory=1_024, dirty=10.0, modes=LIVE, nic=1_000.0, **settings):
    return estimate_move(
        memory, dirty, nic_mbit_per_s=nic, modes=modes, settings=MoveSettings(**settings)
    )


def test_live_move_of_a_quiet_vm():
    """Sent once, at the share of the interface, plus the fixed second, rounded up."""
    move = estimate(dirty=0.0)
    assert move.mode == "live"
    assert move.duration_s == math.ceil(1_024 / RATE + 1)
    assert (move.downtime_ms, move.moved_mib) == (0, 1_024)
    assert move.rate_mib_per_s == pytest.approx(RATE)
    assert move.overhead_mcores == 40


def test_live_move_rounds_up():
    """Seconds, milliseconds and MiB are whole, and never less than modelled."""
    move = estimate(dirty=20.0)
    assert move.mode == "live"
    assert move.moved_mib > 1_024
    assert 0 < move.downtime_ms <= 300
    assert move.duration_s * RATE >= move.moved_mib - 1


def test_a_busy_vm_is_saved_and_resumed():
    """Where pre-copy does not converge, the state goes through the storage while the VM stands."""
    move = estimate(dirty=500.0, modes=LIVE | SAVED)
    assert move.mode == "saved_state"
    assert move.duration_s == math.ceil(2 * 1_024 / RATE + 1)
    assert move.downtime_ms == 1_000 * move.duration_s
    assert move.moved_mib == 2_048


def test_the_storage_may_be_the_bottleneck():
    """A saved state is no faster than the storage."""
    move = estimate(modes=SAVED, nic=100_000.0, storage_mib_per_s=10.0)
    assert move.rate_mib_per_s == 10.0
    assert move.duration_s == math.ceil(204.8 + 1)


def test_live_is_preferred():
    """No stop if none is needed."""
    assert estimate(modes=LIVE | SAVED | RESTART).mode == "live"


def test_a_container_restarts():
    """Nothing is sent, the stop is the restart."""
    move = estimate(modes=RESTART, restart_s=9.5)
    assert (move.mode, move.duration_s, move.downtime_ms) == ("restart", 10, 10_000)
    assert (move.moved_mib, move.overhead_mcores) == (0, 0)


@pytest.mark.parametrize(("modes", "verdict"), [(frozenset(), "no common mode"), (LIVE, "impossible")])
def test_no_way_to_move(modes, verdict):
    """The reason is part of the answer."""
    move = estimate(dirty=500.0, modes=modes)
    assert (move.mode, move.verdict, move.duration_s) == (None, verdict, 0)


def test_overhead_grows_with_bandwidth():
    """One core per 10 Gbit/s of stream, on each end, rounded up."""
    assert estimate(nic=25_000.0).overhead_mcores == 1_000
    assert estimate(dirty=0.0, nic=1.0).overhead_mcores == 1


def test_the_smallest_move_takes_a_second():
    """Plans count in whole seconds, and nothing happens in none."""
    assert estimate(memory=0, dirty=0.0, setup_s=0.0).duration_s == 1
