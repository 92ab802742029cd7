"""What one move costs: mode, whole seconds, data, CPU on both ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from consolidate.migration.precopy import pre_copy
from consolidate.units import MCORES_PER_CORE, mbit_per_s_to_mib_per_s

__all__ = ["MoveEstimate", "MoveSettings", "estimate_move", "estimate_storing"]

Mode = Literal["live", "saved_state", "restart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveSettings:
    """Settings of every move.

    Parameters
    ----------
    bandwidth_fraction
        Share of the slower network interface that one move gets.
    moves_in, moves_out
        Moves that a host takes part in at a time, as target and as source. Where their shares add up to
        more than an interface, later ones get a half or a quarter of their share; each keeps what it got.
    moves_per_host
        Moves that a host takes part in at a time in either role; 0 = no further limit.
    moves_at_once
        Moves under way at a time in the whole fleet; 0 = no limit.
    uplink_mbit_per_s : Mbit/s
        What all moves between sites share, one way and the other together; 0 = not limited.
    downtime_limit_s : s
        Longest allowed stop of a live migration (QEMU's default).
    max_rounds
        Cap on pre-copy rounds.
    working_set_fraction
        Part of its memory that a VM writes to.
    setup_s : s
        Fixed time of a move besides copying.
    cores_per_10_gbit
        Cores that a stream of 10 Gbit/s takes on each end.
    storage_mib_per_s : MiB/s
        Throughput of the storage of a site, which all VMs share that are saved there, or restored from there,
        at a time. A move by saved state uses that of the site it leaves. What finds too little left waits: at
        a lower rate its VM would stand still for longer.
    restart_s : s
        Time to start a container on its new host, or a VM that was on none.
    shared_storage
        Whether all sites reach the same storage; else a move between sites carries the disks as well.
    round_trip_ms : ms
        Round trip between sites, which the cut-over of a live migration waits for.
    downtime_j_per_s : J/s
        Price of a second in which a VM stands still because it is left in storage to break a cycle of moves;
        compared with the energy of stopping at other hosts or booting one. With a high one, VMs are stopped
        only where nothing else leads to the target; ``None`` = no VM is stopped for that.
    """

    bandwidth_fraction: float = 0.4
    moves_in: int = 1
    moves_out: int = 1
    moves_per_host: int = 0
    moves_at_once: int = 0
    uplink_mbit_per_s: float = 0.0
    downtime_limit_s: float = 0.3
    max_rounds: int = 30
    working_set_fraction: float = 0.3
    setup_s: float = 1.0
    cores_per_10_gbit: float = 1.0
    storage_mib_per_s: float = 500.0
    restart_s: float = 10.0
    shared_storage: bool = True
    round_trip_ms: float = 0.0
    downtime_j_per_s: float | None = None

    def shares(self) -> tuple[float, ...]:
        """Return the parts of its bandwidth that a move can get, the largest first."""
        most = max(self.moves_in, self.moves_out)
        if self.moves_per_host:
            most = min(most, self.moves_per_host)
        crowded = most * self.bandwidth_fraction > 1 + 1e-9 or self.uplink_mbit_per_s > 0
        return (1.0, 0.5, 0.25) if crowded else (1.0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveEstimate:
    """One move, estimated; ``mode`` is ``None`` when no allowed mode works."""

    mode: Mode | None
    verdict: str
    duration_s: int
    downtime_ms: int
    moved_mib: int
    rate_mib_per_s: float
    overhead_mcores: int


def estimate_move(
    memory_mib: int,
    dirty_mib_per_s: float,
    *,
    nic_mbit_per_s: float,
    modes: frozenset[Mode],
    settings: MoveSettings,
    apart: bool = False,
    share: float = 1.0,
    disk_mib: int = 0,
) -> MoveEstimate:
    """Choose a mode and estimate the move.

    Live migration is taken where it converges; else the state is saved and resumed; a container is
    restarted. Durations are rounded up to whole seconds. Between sites that share no storage the disks
    are sent first, while the guest runs where it is migrated live, and while it is stopped else.

    Parameters
    ----------
    memory_mib : MiB
        Memory to move.
    dirty_mib_per_s : MiB/s
        Dirty rate of the VM.
    nic_mbit_per_s : Mbit/s
        The slower of the two network interfaces.
    modes
        Modes that both hypervisors offer.
    settings
        Settings of every move.
    apart
        Whether the hosts are at different sites, so that the move crosses the uplink.
    share
        Part of the bandwidth of a move that this one gets.
    disk_mib : MiB
        Data on the disks.
    """
    carried_mib = disk_mib if apart and not settings.shared_storage else 0
    cut_over_ms = settings.round_trip_ms if apart else 0.0
    rate, overhead = _stream(nic_mbit_per_s, settings, apart=apart, share=share)
    verdict = "no common mode"
    if "live" in modes:
        copy = pre_copy(
            memory_mib,
            dirty_mib_per_s,
            rate_mib_per_s=rate,
            working_set_mib=settings.working_set_fraction * memory_mib,
            downtime_limit_s=settings.downtime_limit_s,
            max_rounds=settings.max_rounds,
        )
        verdict = copy.verdict
        if verdict == "converges":
            return MoveEstimate(
                mode="live",
                verdict=verdict,
                duration_s=max(1, math.ceil(carried_mib / rate + copy.duration_s + settings.setup_s)),
                downtime_ms=math.ceil(copy.downtime_s * 1_000 + cut_over_ms),
                moved_mib=carried_mib + math.ceil(copy.moved_mib),
                rate_mib_per_s=rate,
                overhead_mcores=overhead,
            )
    if "saved_state" in modes:
        rate = min(rate, settings.storage_mib_per_s)
        seconds = max(1, math.ceil((carried_mib + 2 * memory_mib) / rate + settings.setup_s))
        return MoveEstimate(
            mode="saved_state",
            verdict="stopped while it moves",
            duration_s=seconds,
            downtime_ms=seconds * 1_000,
            moved_mib=carried_mib + 2 * memory_mib,
            rate_mib_per_s=rate,
            overhead_mcores=overhead,
        )
    if "restart" in modes:
        seconds = max(1, math.ceil(carried_mib / rate + settings.restart_s))
        return MoveEstimate(
            mode="restart",
            verdict="stopped while it restarts",
            duration_s=seconds,
            downtime_ms=seconds * 1_000,
            moved_mib=carried_mib,
            rate_mib_per_s=rate if carried_mib else 0.0,
            overhead_mcores=overhead if carried_mib else 0,
        )
    return MoveEstimate(
        mode=None,
        verdict=verdict,
        duration_s=0,
        downtime_ms=0,
        moved_mib=0,
        rate_mib_per_s=0.0,
        overhead_mcores=0,
    )


def estimate_storing(
    memory_mib: int,
    *,
    nic_mbit_per_s: float,
    settings: MoveSettings,
    apart: bool = False,
    share: float = 1.0,
) -> MoveEstimate:
    """Estimate how a stopped VM is written to storage, or read from it: each is half a move by saved state.

    Disks are on that storage in any case.

    Parameters
    ----------
    memory_mib : MiB
        Memory in use, registers included.
    nic_mbit_per_s : Mbit/s
        Network interface of the host.
    settings
        Settings of every move.
    apart
        Whether the storage is at another site than the host.
    share
        Part of the bandwidth of a move that this one gets.
    """
    rate, overhead = _stream(nic_mbit_per_s, settings, apart=apart, share=share)
    rate = min(rate, settings.storage_mib_per_s)
    seconds = max(1, math.ceil(memory_mib / rate + settings.setup_s))
    return MoveEstimate(
        mode="saved_state",
        verdict="stopped",
        duration_s=seconds,
        downtime_ms=seconds * 1_000,
        moved_mib=memory_mib,
        rate_mib_per_s=rate,
        overhead_mcores=overhead,
    )


def _stream(
    nic_mbit_per_s: float, settings: MoveSettings, *, apart: bool, share: float
) -> tuple[float, int]:
    """Return the bandwidth of a move in MiB/s, and the CPU that it takes on each end in mcores."""
    mbit_per_s = nic_mbit_per_s * settings.bandwidth_fraction
    if apart and settings.uplink_mbit_per_s > 0:
        mbit_per_s = min(mbit_per_s, settings.uplink_mbit_per_s)
    mbit_per_s *= share
    cores = mbit_per_s / 1_000 / 10 * settings.cores_per_10_gbit
    return mbit_per_s_to_mib_per_s(mbit_per_s), math.ceil(cores * MCORES_PER_CORE)
