"""How long a move takes at least: the pre-copy equations and the two modes that stop the guest.

Memory is sent at rate ``B`` while the guest writes to it at rate ``D``; round ``i`` sends
``v[i] = min(W, D * v[i-1] / B)`` with ``v[0] = M`` and working set ``W``, until what is left can be sent
within the allowed downtime (Liu et al., HPDC 2011, doi:10.1145/1996130.1996154).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from consolidate.checks.cases import MoveLimits
from consolidate.units import BYTES_PER_MIB, MCORES_PER_CORE

__all__ = ["ROUNDING", "Least", "least_move", "least_storing"]

#: Distance, in units of the quantity, within which a float counts as the whole number below it.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """The least that a move takes; ``problem`` says why it cannot be made in that mode at all.

    Parameters
    ----------
    duration_s, downtime_ms, moved_mib, overhead_mcores : s, ms, MiB, mcores
        Whole numbers that a plan must not go below.
    rate_mib_per_s : MiB/s
        Bandwidth that a plan must not exceed.
    problem
        Empty when the move can be made.
    """

    duration_s: int = 0
    downtime_ms: int = 0
    moved_mib: int = 0
    overhead_mcores: int = 0
    rate_mib_per_s: float = 0.0
    problem: str = ""


def least_move(
    mode: str,
    memory_mib: int,
    *,
    dirty_mib_per_s: float,
    nic_mbit_per_s: float,
    limits: MoveLimits,
    apart: bool = False,
    rate_mib_per_s: float = math.inf,
    disk_mib: int = 0,
) -> Least:
    """Return the least that a move takes.

    Parameters
    ----------
    mode
        ``live``, ``saved_state`` or ``restart``.
    memory_mib : MiB
        Memory to move: the memory need of the VM.
    dirty_mib_per_s : MiB/s
        Rate at which the VM writes.
    nic_mbit_per_s : Mbit/s
        The slower of the interfaces of source and target.
    limits
        Settings of every move.
    apart
        Whether the move crosses the uplink between sites.
    rate_mib_per_s : MiB/s
        Bandwidth that the move says it has; more than its share counts as its share.
    disk_mib : MiB
        Data on the disks, which go along between sites that share no storage.
    """
    disk = disk_mib if apart and not limits.shared_storage else 0
    if mode == "restart" and not disk:
        seconds = max(1, _up(limits.restart_s))
        return Least(duration_s=seconds, downtime_ms=seconds * 1_000, rate_mib_per_s=math.inf)
    mbit = nic_mbit_per_s * limits.bandwidth_fraction
    if apart and limits.uplink_mbit_per_s > 0:
        mbit = min(mbit, limits.uplink_mbit_per_s)
    share = mbit * 1e6 / 8 / BYTES_PER_MIB
    if mode == "saved_state":
        share = min(share, limits.storage_mib_per_s)
    rate = min(share, rate_mib_per_s)
    stream = rate * 8 * BYTES_PER_MIB / 1e6 / 10_000
    overhead = _up(stream * limits.cores_per_10_gbit * MCORES_PER_CORE)
    if not rate > 0:
        return Least(problem="the move has no bandwidth")
    if mode == "restart":
        seconds = max(1, _up(disk / rate + limits.restart_s))
        return Least(
            duration_s=seconds,
            downtime_ms=seconds * 1_000,
            moved_mib=disk,
            overhead_mcores=overhead,
            rate_mib_per_s=share,
        )
    if mode == "saved_state":
        seconds = max(1, _up((2 * memory_mib + disk) / rate + limits.setup_s))
        return Least(
            duration_s=seconds,
            downtime_ms=seconds * 1_000,
            moved_mib=2 * memory_mib + disk,
            overhead_mcores=overhead,
            rate_mib_per_s=share,
        )
    if mode != "live":
        return Least(problem=f"there is no mode {mode!r}")
    least = _live(
        memory_mib,
        dirty_mib_per_s,
        rate=rate,
        overhead=overhead,
        limits=limits,
        disk=disk,
        cut_over_ms=limits.round_trip_ms if apart else 0.0,
    )
    return replace(least, rate_mib_per_s=share)


def least_storing(
    memory_mib: int,
    *,
    nic_mbit_per_s: float,
    limits: MoveLimits,
    apart: bool = False,
    rate_mib_per_s: float = math.inf,
) -> Least:
    """Return the least that writing a stopped VM to storage takes, or reading it from there.

    Parameters are those of :func:`least_move`; ``apart`` says whether the storage is at another site.
    """
    mbit = nic_mbit_per_s * limits.bandwidth_fraction
    if apart and limits.uplink_mbit_per_s > 0:
        mbit = min(mbit, limits.uplink_mbit_per_s)
    share = min(mbit * 1e6 / 8 / BYTES_PER_MIB, limits.storage_mib_per_s)
    rate = min(share, rate_mib_per_s)
    if not rate > 0:
        return Least(problem="it has no bandwidth")
    stream = rate * 8 * BYTES_PER_MIB / 1e6 / 10_000
    seconds = max(1, _up(memory_mib / rate + limits.setup_s))
    return Least(
        duration_s=seconds,
        downtime_ms=seconds * 1_000,
        moved_mib=memory_mib,
        overhead_mcores=_up(stream * limits.cores_per_10_gbit * MCORES_PER_CORE),
        rate_mib_per_s=share,
    )


def _live(
    memory_mib: int,
    dirty_mib_per_s: float,
    *,
    rate: float,
    overhead: int,
    limits: MoveLimits,
    disk: int,
    cut_over_ms: float,
) -> Least:
    rounds, left = _rounds(memory_mib, dirty_mib_per_s, rate=rate, limits=limits)
    allowed = rate * limits.downtime_limit_s
    if left > allowed:
        return Least(
            problem=f"pre-copy does not converge: after {len(rounds)} rounds {left:.1f} MiB are left, "
            f"{allowed:.1f} MiB can be sent within the allowed downtime of {limits.downtime_limit_s} s "
            f"(dirty rate {dirty_mib_per_s} MiB/s, bandwidth {rate:.1f} MiB/s)"
        )
    sent = sum(rounds)
    return Least(
        duration_s=max(1, _up((disk + sent + left) / rate + limits.setup_s)),
        downtime_ms=_up(left / rate * 1_000 + cut_over_ms),
        moved_mib=disk + _up(sent + left),
        overhead_mcores=overhead,
    )


def _rounds(
    memory_mib: float, dirty_mib_per_s: float, *, rate: float, limits: MoveLimits
) -> tuple[list[float], float]:
    """Return what each round sends, and what is left for the stop, in MiB."""
    working_set = min(limits.working_set_fraction, 1.0) * memory_mib
    sent: list[float] = []
    left = float(memory_mib)
    while len(sent) < limits.max_rounds:
        sent.append(left)
        left = min(working_set, dirty_mib_per_s * left / rate)
        if left <= rate * limits.downtime_limit_s:
            break
    return sent, left


def _up(value: float) -> int:
    return math.ceil(value - ROUNDING)
