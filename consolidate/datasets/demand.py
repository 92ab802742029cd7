"""How much the VMs of a generated cloud use, step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.datasets.population import CLASSES, Population

__all__ = ["business_hours", "demand_of_block", "driver_blocks"]

DAY_S = 86_400
WEEK_S = 7 * DAY_S
WEEKEND_ACTIVITY = 0.25

IDLE, INTERACTIVE, BATCH, STEADY, BURSTY = range(len(CLASSES))
#: Median demand at rest, as a share of the CPU allocation, and its spread (of the logarithm), by class.
REST_MEDIAN = np.array([0.007, 0.025, 0.012, 0.13, 0.030])
REST_SPREAD = np.array([0.5, 0.8, 0.5, 0.8, 0.6])
#: Demand that business hours add to an interactive application: median and spread.
DAY_MEDIAN, DAY_SPREAD = 0.18, 0.9
BURSTS_PER_DAY, BURST_S = 3.0, 1_800.0
NIGHTLY_SHARE = 0.7

SHARED_NOISE, SHARED_MEMORY_S = 0.35, 3_600.0
OWN_NOISE, OWN_MEMORY_S = 0.30, 1_800.0
MEMORY_NOISE, MEMORY_MEMORY_S = 0.04, 43_200.0

#: VMs times steps computed at a time: bounds the memory that is taken on top of the result.
BLOCK_CELLS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drivers:
    """What makes the demand of some drivers move; arrays of shape ``(drivers,)``."""

    kind: NDArray[np.int64]
    shift_s: NDArray[np.float64]
    day_level: NDArray[np.float64]
    period_s: NDArray[np.int64]
    begin_s: NDArray[np.int64]
    length_s: NDArray[np.int64]
    busy_level: NDArray[np.float64]


def business_hours(time_s: NDArray[np.int64], shift_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how busy people are, from 0 to 1: 8 to 18 o'clock UTC, less at lunch and weekends.

    Parameters
    ----------
    time_s : s
        Seconds since a Monday, 0 o'clock UTC, shape ``(steps,)``.
    shift_s : s
        How much later each driver's day is, shape ``(drivers,)``.

    Returns
    -------
    Activity, shape ``(drivers, steps)``.
    """
    local_s = (time_s[None, :] - shift_s[:, None]) % WEEK_S
    hour = (local_s % DAY_S) / 3_600
    day = 0.5 * (np.tanh((hour - 8.0) / 1.2) - np.tanh((hour - 18.0) / 1.2))
    lunch = 1.0 - 0.15 * np.exp(-(((hour - 12.5) / 0.7) ** 2))
    weekend = np.where(local_s >= 5 * DAY_S, WEEKEND_ACTIVITY, 1.0)
    activity: NDArray[np.float64] = day * lunch * weekend
    return activity


def driver_blocks(population: Population, n_steps: int) -> list[tuple[slice, slice]]:
    """Return pairs of drivers and their VMs that are computed together."""
    most_vms = max(1, BLOCK_CELLS // n_steps)
    first_vm = np.searchsorted(population.driver, np.arange(len(population.class_of_driver) + 1))
    blocks, first = [], 0
    while first < len(first_vm) - 1:
        stop = int(np.searchsorted(first_vm, first_vm[first] + most_vms, side="right")) - 1
        stop = max(stop, first + 1)
        blocks.append((slice(first, stop), slice(int(first_vm[first]), int(first_vm[stop]))))
        first = stop
    return blocks


def demand_of_block(
    rng: np.random.Generator,
    population: Population,
    *,
    drivers: slice,
    vms: slice,
    time_s: NDArray[np.int64],
    step_s: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the demand of some VMs, as shares of their allocations.

    Parameters
    ----------
    rng
        Source of randomness.
    population
        All VMs.
    drivers, vms
        Drivers of the block, and the VMs that they drive.
    time_s : s
        Seconds since a Monday, 0 o'clock UTC, shape ``(steps,)``.
    step_s : s
        Length of a step.

    Returns
    -------
    CPU and memory, each between 0 and 1, shape ``(vms, steps)``.
    """
    n_steps = len(time_s)
    of = population.driver[vms] - drivers.start
    d = _draw_drivers(rng, population.class_of_driver[drivers])
    kind = d.kind[of]
    activity = _activity(rng, d, time_s=time_s, step_s=step_s)
    shared = _wander(rng, len(d.kind), n_steps, step_s / SHARED_MEMORY_S)
    own = _wander(rng, len(of), n_steps, step_s / OWN_MEMORY_S)
    rest = _spread(rng, REST_MEDIAN[kind], REST_SPREAD[kind])
    # VMs of one application differ in how hard the same activity hits them.
    scale = np.exp(0.3 * rng.standard_normal(len(of)))
    cpu = rest[:, None] + scale[:, None] * activity[of]
    cpu *= np.exp(SHARED_NOISE * shared[of] + OWN_NOISE * own)
    level = np.where(kind == IDLE, rng.beta(3, 9, len(of)), rng.beta(6, 5, len(of)))
    slow = _wander(rng, len(of), n_steps, step_s / MEMORY_MEMORY_S)
    memory = level[:, None] * (1.0 + 0.15 * activity[of]) + MEMORY_NOISE * slow
    return np.clip(cpu, 0.001, 1.0), np.clip(memory, 0.05, 0.95)


def _draw_drivers(rng: np.random.Generator, kind: NDArray[np.int64]) -> _Drivers:
    n = len(kind)
    nightly = rng.random(n) < NIGHTLY_SHARE
    # Nightly jobs begin between 18 and 4 o'clock, weekly ones on a Saturday or Sunday.
    night_s = (18 + 10 * rng.random(n)) * 3_600
    weekend_s = (5 + 1.5 * rng.random(n)) * DAY_S
    return _Drivers(
        kind=kind,
        shift_s=rng.normal(0.0, 2_400.0, n),
        day_level=_spread(rng, np.full(n, DAY_MEDIAN), np.full(n, DAY_SPREAD)),
        period_s=np.where(nightly, DAY_S, WEEK_S),
        begin_s=np.where(nightly, night_s, weekend_s).astype(np.int64),
        length_s=(np.where(nightly, 1 + 4 * rng.random(n), 6 + 12 * rng.random(n)) * 3_600).astype(
            np.int64
        ),
        busy_level=0.4 + 0.5 * rng.random(n),
    )


def _activity(
    rng: np.random.Generator, d: _Drivers, *, time_s: NDArray[np.int64], step_s: int
) -> NDArray[np.float64]:
    """Return what each driver adds to rest, as a share of the allocation, shape ``(drivers, steps)``."""
    activity = np.zeros((len(d.kind), len(time_s)))
    people = d.kind == INTERACTIVE
    activity[people] = d.day_level[people, None] * business_hours(time_s, d.shift_s[people])
    jobs = d.kind == BATCH
    since_s = (time_s[None, :] - d.begin_s[jobs, None]) % d.period_s[jobs, None]
    activity[jobs] = d.busy_level[jobs, None] * (since_s < d.length_s[jobs, None])
    bursts = np.flatnonzero(d.kind == BURSTY)
    on = _bursts(rng, len(bursts), len(time_s), step_s)
    activity[bursts] = d.busy_level[bursts, None] * on
    return activity


def _spread(
    rng: np.random.Generator, median: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    return median * np.exp(spread * rng.standard_normal(len(median)))


def _wander(rng: np.random.Generator, n: int, n_steps: int, forget: float) -> NDArray[np.float64]:
    """Return first-order autoregressive noise of unit variance, shape ``(n, steps)``.

    ``forget`` is the length of a step in units of the time after which the noise has forgotten itself.
    """
    keep = np.exp(-forget)
    noise = rng.standard_normal((n_steps, n))
    noise[1:] *= np.sqrt(1.0 - keep**2)
    for t in range(1, n_steps):
        noise[t] += keep * noise[t - 1]
    return noise.T


def _bursts(rng: np.random.Generator, n: int, n_steps: int, step_s: int) -> NDArray[np.bool_]:
    """Return whether each driver has a burst, shape ``(n, steps)``."""
    # Bursts begin as a Poisson process and have geometric lengths.
    begin = min(1.0, BURSTS_PER_DAY * step_s / DAY_S)
    go_on = np.exp(-step_s / BURST_S)
    draw = rng.random((n_steps, n))
    on = np.empty((n_steps, n), dtype=np.bool_)
    state = draw[0] < begin * BURST_S / step_s
    for t in range(n_steps):
        state = draw[t] < np.where(state, go_on, begin)
        on[t] = state
    return on.T
