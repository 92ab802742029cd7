"""Keep the best hosts with the VMs that are on them, and pack the others into the room that is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels import packing
from consolidate._kernels.local_search import total_energy
from consolidate._kernels.problem import Problem, State
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, Budget, Proposal, StepByStep
from consolidate.solvers.clock import Clock
from consolidate.solvers.evicted import pack_evicted
from consolidate.solvers.onset import OnSet, OnSets
from consolidate.solvers.polish import polish
from consolidate.solvers.repair import repair
from consolidate.solvers.squeezing import open_hosts, squeeze_in

__all__ = ["Keep", "attempts"]

#: Room that the first attempt leaves free: exchanges fill all but about this.
_FIRST_SLACK = 0.0003
_ATTEMPTS = 8
#: After a success less room is tried if that could save this part of the energy.
_WORTH_TRYING = 1e-4
#: Placements within this part of the best one, before the last improvements, get them as well.
_PROMISING = 2e-4
#: With more VMs than this on no host when the time is over, an attempt is given up.
_FEW = 5_000
#: Where staying counts, a VM leaves its host only for the worth of this part of a host.
_DEAR = 0.08
#: So many attempts in a row that are no better are the last.
_PATIENCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep(StepByStep):
    """Keep the hosts that the relaxation keeps, and move only what is on the others.

    A small program says how many hosts of each kind stay on; VMs on them stay. All others are packed into
    the room that is left, by patterns or host by host; what does not fit is squeezed in by exchanges
    (Buljubasic, Vasquez 2016, doi:10.1016/j.cor.2016.06.004). Exchanges of like VMs then shift load to
    flatter power curves and bring VMs home. Several amounts of spare room are tried; the best one counts.
    """

    name: ClassVar[str] = "keep"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def proposals(
        self,
        instance: Instance,
        budget: Budget,  # noqa: ARG002 - part of the protocol; a few attempts need no budget
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Iterator[Proposal]:
        """Yield the present placement, mended, then what each attempt improves."""
        problem = kernel_problem(instance)
        start = kernel_state(instance, instance.current.host_of)
        missing = repair(instance, problem, start)
        if missing:
            yield Proposal(host_of=None, stopped="no room left", unplaced=tuple(missing))
            return
        best, best_mj = start.host_of, int(total_energy(problem, start))
        yield Proposal(host_of=best, stopped="nothing tried yet")
        found = attempts(instance, problem, start.host_of, seed=seed, clock=clock)
        for tried, (host_of, energy_mj) in enumerate(found, start=1):
            progress("keep hosts", tried, _ATTEMPTS)
            if energy_mj < best_mj:
                best, best_mj = host_of, energy_mj
            n_hosts = len(np.unique(best[best >= 0]))
            yield Proposal(host_of=best, stopped=f"{n_hosts} hosts kept, {tried} choices tried")


def attempts(
    instance: Instance,
    problem: Problem,
    host_of: NDArray[np.int32],
    *,
    seed: int,
    clock: Clock,
    n_on: int | None = None,
) -> Iterator[tuple[NDArray[np.int32], int]]:
    """Try sets of hosts to keep on; yield each complete placement with its energy in mJ.

    Parameters
    ----------
    host_of
        A feasible placement of every active VM, from which VMs may stay.
    n_on
        How many hosts to keep on; ``None`` leaves that to the program. What does not fit on them opens others.
    """
    sets = OnSets.of(instance, problem, host_of)
    search = _Slack()
    seen: set[bytes] = set()
    # Where the number of hosts is given, staying is what counts.
    send_away = None if n_on is not None else 0.0
    energy_mj, best_mj, best_raw_mj, worse = 0, np.inf, np.inf, 0
    for attempt in range(_ATTEMPTS):
        on_set = sets.choose(search.slack, n_on=n_on)
        if on_set is None and attempt == 0:
            on_set = sets.choose(0.0, n_on=n_on)
        elif on_set is None and send_away is None:
            # So many hosts do not do if all stay who can.
            send_away, search, seen = _DEAR, _Slack(), set()
            on_set = sets.choose(search.slack, n_on=n_on)
        if on_set is None or search.is_over(on_set, energy_mj) or (attempt and clock.is_over()):
            return
        key = np.sort(on_set.hosts).tobytes()
        if key in seen:
            if search.enough < np.inf:
                return
            search.widen()
            continue
        seen.add(key)
        state, shortage = _packed(
            instance, problem, host_of, on_set, seed + attempt, clock, send_away=send_away
        )
        if state is not None:
            raw_mj = int(total_energy(problem, state))
            if best_mj == np.inf:
                yield state.host_of.copy(), raw_mj
            # What is worse before the last improvements is hardly better after them.
            if raw_mj < best_raw_mj * (1.0 + _PROMISING):
                best_raw_mj = min(best_raw_mj, raw_mj)
                polish(instance, problem, state, clock=clock)
                energy_mj = int(total_energy(problem, state))
                yield state.host_of, energy_mj
                worse = 0 if energy_mj < best_mj else worse + 1
                best_mj = min(best_mj, energy_mj)
            else:
                worse += 1
            if worse == _PATIENCE:
                return
        search.learn(on_set, 1.0 if state is None else shortage)


class _Slack:
    """How much room the chosen hosts keep free: bisection between too little and enough.

    What packing could not place says by how much the first choices fell short.
    """

    def __init__(self) -> None:
        self.slack = _FIRST_SLACK
        self.short = -1.0
        self.enough = np.inf
        self._dearest_mj = 0.0

    def learn(self, on_set: OnSet, shortage: float) -> None:
        """Take note of how much did not fit, as a part of the room, and choose the next slack."""
        if shortage > 0:
            self.short = max(self.short, self.slack)
        else:
            self.enough, self._dearest_mj = self.slack, on_set.value_mj
        if self.enough == np.inf:
            self.slack += 1.1 * shortage
        else:
            self.slack = 0.0 if self.short < 0 else (self.short + self.enough) / 2

    def widen(self) -> None:
        """Ask for more room where the last slack chose the same hosts once more."""
        self.slack = 1.5 * self.slack + _FIRST_SLACK

    def is_over(self, on_set: OnSet, energy_mj: float) -> bool:
        """Say whether a choice cannot save much any more."""
        spared_mj = self._dearest_mj - on_set.value_mj
        return self.slack >= self.enough or (
            self.enough < np.inf and spared_mj < _WORTH_TRYING * energy_mj
        )


def _packed(
    instance: Instance,
    problem: Problem,
    host_of: NDArray[np.int32],
    on_set: OnSet,
    seed: int,
    clock: Clock,
    *,
    send_away: float | None,
) -> tuple[State | None, float]:
    """Pack everything onto the chosen hosts, and onto others what they cannot take.

    Returns the state, ``None`` where some VM found no host at all, and by which part of the room the
    chosen hosts fell short.
    """
    state, evicted = on_set.stayers(instance, host_of)
    choices = problem.masks[:, on_set.hosts].sum(axis=1)[problem.mask_of[evicted]]
    stuck = evicted[choices <= 2]
    packing.first_fit(problem, state, stuck, on_set.hosts)
    hosts = on_set.hosts[instance.fleet.may_receive()[on_set.hosts]]
    rest = np.setdiff1d(evicted, stuck)
    pack_evicted(instance, problem, state, rest, on_set, send_away=send_away, clock=clock)
    left = np.flatnonzero(instance.active & (state.host_of < 0))
    left = squeeze_in(instance, problem, state, left, hosts, seed=seed, clock=clock)
    room = np.maximum(instance.capacity[on_set.hosts].sum(axis=0), 1)
    shortage = float((instance.need[left].sum(axis=0) / room).max()) if len(left) else 0.0
    if clock.is_over() and len(left) > _FEW:
        return None, shortage
    left = open_hosts(instance, problem, state, left)
    return (None if len(left) else state), shortage
