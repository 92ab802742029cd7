"""Iterative pre-copy live migration.

Memory is sent while the VM runs; what it wrote meanwhile is sent again, round after round, until the
rest can be sent within the allowed downtime (Clark et al., NSDI 2005; the equations in the form of
Liu et al., HPDC 2011, doi:10.1145/1996130.1996154). Rounds are capped and the outcome is typed: a move
that cannot converge says so instead of looping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["PreCopy", "pre_copy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreCopy:
    """Outcome of a pre-copy migration.

    Parameters
    ----------
    verdict
        ``converges``; ``capped`` when the round limit came first although the rest was shrinking;
        ``impossible`` when it never shrinks below what the downtime allows.
    rounds
        Rounds of copying before the VM is stopped.
    moved_mib : MiB
        Data sent, the last copy included.
    duration_s : s
        From the first byte to the VM running on the target.
    downtime_s : s
        Time in which the VM runs nowhere.
    """

    verdict: Literal["converges", "capped", "impossible"]
    rounds: int
    moved_mib: float
    duration_s: float
    downtime_s: float


def pre_copy(
    memory_mib: float,
    dirty_mib_per_s: float,
    *,
    rate_mib_per_s: float,
    working_set_mib: float,
    downtime_limit_s: float = 0.3,
    max_rounds: int = 30,
) -> PreCopy:
    """Simulate the rounds of a pre-copy migration.

    Parameters
    ----------
    memory_mib : MiB
        Memory in use.
    dirty_mib_per_s : MiB/s
        Rate at which the VM writes to memory.
    rate_mib_per_s : MiB/s
        Bandwidth of the move.
    working_set_mib : MiB
        Memory that the VM writes to; no round sends more than this again.
    downtime_limit_s : s
        Longest allowed stop.
    max_rounds
        Cap on the rounds.
    """
    if rate_mib_per_s <= 0:
        msg = f"rate_mib_per_s needs more than 0, got {rate_mib_per_s}"
        raise ValueError(msg)
    allowed_mib = rate_mib_per_s * downtime_limit_s
    working_set_mib = min(working_set_mib, memory_mib)
    send_mib, sent_mib, rounds = memory_mib, 0.0, 0
    rest_mib = memory_mib
    while rounds < max_rounds:
        rounds += 1
        sent_mib += send_mib
        rest_mib = min(working_set_mib, dirty_mib_per_s * send_mib / rate_mib_per_s)
        if rest_mib <= allowed_mib:
            break
        send_mib = rest_mib
    if rest_mib <= allowed_mib:
        verdict: Literal["converges", "capped", "impossible"] = "converges"
    elif dirty_mib_per_s < rate_mib_per_s:
        verdict = "capped"
    else:
        verdict = "impossible"
    downtime_s = rest_mib / rate_mib_per_s
    return PreCopy(
        verdict=verdict,
        rounds=rounds,
        moved_mib=sent_mib + rest_mib,
        duration_s=sent_mib / rate_mib_per_s + downtime_s,
        downtime_s=downtime_s,
    )
