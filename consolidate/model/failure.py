"""Hosts that fail, and what becomes of their VMs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from consolidate.errors import InstanceError, Issue

__all__ = ["Failures", "HostFailure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFailure:
    """A host is lost and repaired; it boots by itself then if it was on.

    Parameters
    ----------
    host
        Index of the host.
    start_s, duration_s : s
        Counted from the start of the replay; the repair takes at least 1 s.
    """

    host: int
    start_s: int
    duration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Failures of hosts during a replay, and how VMs get over them.

    Parameters
    ----------
    events
        The failures, in any order.
    restart_s : s
        Time from having a new host until a VM runs again.
    checkpoint_s : s
        The state of every VM is safe at each whole multiple of this, counted from the start of the
        replay; 0 = never. A VM's state is also safe when it arrives and when it has been saved.
    source
        Where the failures come from, for the reader.
    """

    events: tuple[HostFailure, ...]
    restart_s: int = 60
    checkpoint_s: int = 86_400
    source: str = "given"

    def __post_init__(self) -> None:
        issues = [
            Issue(path=f"failures.{key}", message=f"needs 0 or more, got {getattr(self, key)}")
            for key in ("restart_s", "checkpoint_s")
            if not getattr(self, key) >= 0
        ]
        ordered = tuple(sorted(self.events, key=lambda e: (e.start_s, e.host)))
        object.__setattr__(self, "events", ordered)
        down_until: dict[int, int] = {}
        for k, event in enumerate(ordered):
            path = f"failures.events[{k}]"
            if event.host < 0 or event.start_s < 0 or event.duration_s < 1:
                msg = f"needs a host, a start of 0 s or more and a duration of 1 s or more, got {event}"
                issues.append(Issue(path=path, message=msg))
            elif event.start_s < down_until.get(event.host, 0):
                msg = f"host {event.host} fails at {event.start_s} s, before it is repaired"
                issues.append(Issue(path=path, message=msg))
            down_until[event.host] = event.start_s + event.duration_s
        if issues:
            raise InstanceError(issues)

    @classmethod
    def random(
        cls,
        n_hosts: int,
        duration_s: int,
        *,
        mtbf_s: float,
        repair_s: int,
        seed: int,
        restart_s: int = 60,
        checkpoint_s: int = 86_400,
    ) -> Failures:
        """Draw failures of each host at exponential intervals; each repair takes ``repair_s``.

        Parameters
        ----------
        n_hosts
            Number of hosts.
        duration_s : s
            Length of the replay.
        mtbf_s : s
            Mean time between the end of a repair and the next failure.
        repair_s : s
            Time to repair.
        seed
            Seed of the draw.
        restart_s, checkpoint_s : s
            As in the class.

        Raises
        ------
        InstanceError
            When a time is not positive.
        """
        if not mtbf_s > 0 or repair_s < 1:
            msg = f"needs more than 0 s between failures and 1 s or more of repair, got {mtbf_s}, {repair_s}"
            raise InstanceError([Issue(path="failures.mtbf_s", message=msg)])
        rng = np.random.default_rng(seed)

        def draw() -> Iterator[HostFailure]:
            for host in range(n_hosts):
                at = rng.exponential(mtbf_s)
                while at < duration_s:
                    yield HostFailure(host=host, start_s=int(at), duration_s=repair_s)
                    at = int(at) + repair_s + rng.exponential(mtbf_s)

        source = f"drawn: one in {mtbf_s:g} s per host, repaired in {repair_s} s, seed {seed}"
        return cls(events=tuple(draw()), restart_s=restart_s, checkpoint_s=checkpoint_s, source=source)
