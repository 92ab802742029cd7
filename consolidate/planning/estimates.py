"""What each move would take, for every pair of ends that differs and every share of bandwidth."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from consolidate.migration import MoveEstimate, estimate_move, estimate_storing
from consolidate.model import Fleet, Instance

__all__ = ["Estimates"]

_NO_WAY = MoveEstimate(
    mode=None,
    verdict="no common mode",
    duration_s=0,
    downtime_ms=0,
    moved_mib=0,
    rate_mib_per_s=0.0,
    overhead_mcores=0,
)


class Estimates:
    """Estimates by VM, class of the two ends and share; equal ones are computed once.

    Two ends are of one class when the slower interface, the modes that both offer and the fact that they
    are at different sites are the same. The storage of a site counts as a place behind all hosts, one
    of the sites after the other.

    Parameters
    ----------
    instance
        The problem.
    storage
        Whether VMs may be left in storage on their way.
    """

    def __init__(self, instance: Instance, *, storage: bool = False) -> None:
        fleet = instance.fleet
        self.settings, self.shares = instance.moves, instance.moves.shares()
        self.memory_mib = instance.carried_mib().tolist()
        self.dirty_mib_per_s = instance.vms.dirty_mib_per_s.tolist()
        self.disk_mib = instance.vms.disk_mib.tolist()
        ends = np.stack([fleet.host_type, fleet.host_site], axis=1)
        kinds, kind_of = np.unique(ends, axis=0, return_inverse=True)
        self.kind_of: NDArray[np.int64] = kind_of.reshape(-1).astype(np.int64)
        self.pair: NDArray[np.int64] = np.full((len(kinds), len(kinds)), -1, dtype=np.int64)
        self.classes: list[tuple[float, frozenset[str], bool, bool]] = []
        for a, (one_type, one_site) in enumerate(kinds.tolist()):
            for b, (other_type, other_site) in enumerate(kinds.tolist()):
                one, other = fleet.types[one_type], fleet.types[other_type]
                modes = one.hypervisor.moves & other.hypervisor.moves
                nic = min(one.nic_mbit_per_s, other.nic_mbit_per_s)
                if modes:
                    self.pair[a, b] = self._class((nic, modes, one_site != other_site, False))
        if storage:
            self._add_storage(kinds.tolist(), fleet)
        self._known: dict[tuple[int, float, int, int, int], MoveEstimate] = {}
        self._fastest: dict[tuple[int, float, int], int] = {}
        self._only_stored: dict[tuple[int, float, frozenset[int]], bool] = {}

    def _class(self, key: tuple[float, frozenset[str], bool, bool]) -> int:
        if key not in self.classes:
            self.classes.append(key)
        return self.classes.index(key)

    def _add_storage(self, kinds: list[list[int]], fleet: Fleet) -> None:
        """Let VMs be written to the storage of their site, and be read from any that their host reaches."""
        n, sites = len(kinds), range(len(fleet.sites))
        pair = np.full((n + len(sites), n + len(sites)), -1, dtype=np.int64)
        pair[:n, :n] = self.pair
        for a, (type_, at) in enumerate(kinds):
            one = fleet.types[type_]
            if "saved_state" not in one.hypervisor.moves:
                continue
            for site in sites:
                if site == at or self.settings.shared_storage:
                    key = (one.nic_mbit_per_s, frozenset({"saved_state"}), site != at, True)
                    pair[n + site, a] = self._class(key)
                    if site == at:
                        pair[a, n + site] = pair[n + site, a]
        self.pair = pair
        self.kind_of = np.concatenate([self.kind_of, n + np.arange(len(sites))])

    def of(self, v: int, k: int, level: int = 0) -> MoveEstimate:
        """Return the estimate for a VM, a class of ends and a level of bandwidth."""
        key = (self.memory_mib[v], self.dirty_mib_per_s[v], self.disk_mib[v], k, level)
        if key not in self._known:
            nic, modes, apart, stored = self.classes[k]
            if stored:
                self._known[key] = estimate_storing(
                    key[0],
                    nic_mbit_per_s=nic,
                    settings=self.settings,
                    apart=apart,
                    share=self.shares[level],
                )
                return self._known[key]
            self._known[key] = estimate_move(
                key[0],
                key[1],
                nic_mbit_per_s=nic,
                modes=modes,  # type: ignore[arg-type]
                settings=self.settings,
                apart=apart,
                share=self.shares[level],
                disk_mib=key[2],
            )
        return self._known[key]

    def fastest_s(self, v: int, k: int) -> int:
        """Return the seconds of the fastest mode, wanted or not; 0 when there is none."""
        key = (self.memory_mib[v], self.dirty_mib_per_s[v], k)
        if key not in self._fastest:
            nic, modes, _, _ = self.classes[k]
            estimates = [
                estimate_move(
                    key[0],
                    key[1],
                    nic_mbit_per_s=nic,
                    modes=frozenset({mode}),  # type: ignore[arg-type]
                    settings=self.settings,
                )
                for mode in sorted(modes)
            ]
            possible = [one.duration_s for one in estimates if one.mode is not None]
            self._fastest[key] = min(possible, default=0)
        return self._fastest[key]

    def only_stored(self, v: int, kind: int) -> bool:
        """Say whether a VM can leave a host of a kind by saved state, and in no other way."""
        classes = frozenset(self.pair[kind].tolist()) - {-1}
        key = (self.memory_mib[v], self.dirty_mib_per_s[v], classes)
        if key not in self._only_stored:
            # With a full share, and within a site, most ways are open.
            others = [
                estimate_move(
                    key[0],
                    key[1],
                    nic_mbit_per_s=nic,
                    modes=modes - {"saved_state"},
                    settings=self.settings,
                )
                for nic, modes, _, _ in (self.classes[k] for k in sorted(classes))
            ]
            stored = any("saved_state" in self.classes[k][1] for k in classes)
            self._only_stored[key] = stored and all(one.mode is None for one in others)
        return self._only_stored[key]

    def possible(self, v: int, one: int, other: int) -> bool:
        """Say whether a VM can move between hosts of two kinds."""
        k = int(self.pair[one, other])
        return k >= 0 and self.of(v, k).mode is not None

    def least_s(self, v: int, kind: int) -> int:
        """Return the least time in which a VM can leave or reach a host of a kind, by any way; 0 without."""
        # With less bandwidth no move is shorter, so a full share is the fastest.
        classes = {k for k in self.pair[kind].tolist() if k >= 0}
        return min((s for k in classes if (s := self.fastest_s(v, k))), default=0)

    def between(self, v: int, source: int, target: int, level: int = 0) -> MoveEstimate:
        """Return the estimate for a VM and two hosts."""
        k = int(self.pair[self.kind_of[source], self.kind_of[target]])
        return self.of(v, k, level) if k >= 0 else _NO_WAY

    @cached_property
    def tables(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Seconds, kbit/s and B/s of storage of every move, shape ``(vms, classes, levels)``; 0 s = impossible.

        Less bandwidth must not change the mode: nobody is stopped because others move too.
        """
        shape = (len(self.memory_mib), max(1, len(self.classes)), len(self.shares))
        seconds, kbit, stored = (np.zeros(shape, dtype=np.int64) for _ in range(3))
        rows: dict[tuple[int, float, int], int] = {}
        guests = zip(self.memory_mib, self.dirty_mib_per_s, self.disk_mib, strict=True)
        for v, key in enumerate(guests):
            if key in rows:
                for table in (seconds, kbit, stored):
                    table[v] = table[rows[key]]
                continue
            for k in range(len(self.classes)):
                mode = self.of(v, k).mode
                for level in range(len(self.shares)):
                    one = self.of(v, k, level)
                    if one.mode is not None and one.mode == mode:
                        seconds[v, k, level] = one.duration_s
                        kbit[v, k, level] = int(one.rate_mib_per_s * 2**23 / 1_000)
                        if mode == "saved_state":
                            stored[v, k, level] = int(one.rate_mib_per_s * 2**20)
            rows[key] = v
        return seconds, kbit, stored
