"""The search for the fewest hosts: a packing on few hosts is made from one on more."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.local_search import total_energy
from consolidate._kernels.problem import Problem
from consolidate._kernels.profile_level import go_home, level, stay
from consolidate._kernels.profile_relief import relieve
from consolidate.model import Instance
from consolidate.model.progress import Progress
from consolidate.solvers.base import Budget
from consolidate.solvers.clock import Clock
from consolidate.solvers.profile.orders import fill_order, scarce_first
from consolidate.solvers.profile.view import CurveView, Packing, curve_view, priced, start_packing

__all__ = ["Search"]

#: Exchanges tried for each iteration of the budget: one is some microseconds.
_EXCHANGES = 50
_CHUNK = 20_000
#: Hosts that each VM looks at while curves are levelled.
_WIDTH = 2_000
#: First number of hosts tried, above the least that the fullest slot allows.
_FIRST_SLACK = 0.02
#: Part of what is left of the budget that one number of hosts may use up.
_PART = 0.5
#: Orders in which levelling is tried while rules keep VMs out.
_ATTEMPTS = 4


@dataclass(slots=True, kw_only=True)
class Search:
    """Bisect the number of hosts; the least that was packed is kept."""

    instance: Instance
    view: CurveView
    problem: Problem
    clock: Clock
    progress: Progress
    order: NDArray[np.int64]
    hosts: NDArray[np.int64]
    rng: np.random.Generator
    exchanges: int
    spent: int = 0
    best: NDArray[np.int32] | None = None
    best_mj: int = 0
    unplaced: tuple[int, ...] = ()
    stopped: str = "no number of hosts tried"
    _last: NDArray[np.int32] = field(init=False)

    @classmethod
    def of(
        cls,
        instance: Instance,
        problem: Problem,
        *,
        budget: Budget,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Search:
        """Prepare the search of an instance."""
        view = curve_view(instance, problem)
        return cls(
            instance=instance,
            view=view,
            problem=problem,
            clock=clock,
            progress=progress,
            order=scarce_first(instance, view),
            hosts=fill_order(instance, problem),
            rng=np.random.default_rng(seed),
            exchanges=budget.iterations * _EXCHANGES,
        )

    def residents(self) -> NDArray[np.int32]:
        """Return the VMs that stay at first: where leaving costs something and no rule is broken."""
        narrow, instance = self.view.narrow, self.instance
        alone = narrow.masks.sum(axis=1)[narrow.mask_of] <= 1
        wish = np.flatnonzero(instance.active & (narrow.home >= 0) & ((instance.move_mj > 0) | alone))
        order = wish[np.lexsort((wish, -instance.move_mj[wish], ~alone[wish]))]
        nobody = np.full(len(instance.vms), -1, dtype=np.int32)
        state = start_packing(instance, self.view, self.problem, nobody).state
        stay(narrow, state, order)
        return state.host_of

    def run(self, *, start: NDArray[np.int32]) -> None:
        """Search from a placement of some VMs, which stay where they can."""
        self._last = start
        if not len(self.order):
            self.best, self.stopped = start, "no VM to place"
            return
        if not len(self.hosts):
            self.unplaced, self.stopped = tuple(self.order.tolist()), "no host may be used"
            return
        low, n = self._fewest() - 1, len(self.hosts)
        high = n + 1
        at = min(n, max(1, int(np.ceil((low + 1) * (1 + _FIRST_SLACK)))))
        while low + 1 < high:
            if self.best is not None and self._is_over():
                self.stopped = f"{self._limit()}, {high} hosts used"
                return
            self.progress(f"{at} of {n} hosts")
            if self._pack(at):
                high = at
            else:
                low = at
            if self.best is None:
                # Nothing packed yet: steps upwards grow, so that loose instances are found fast.
                at = min(n, low + max(1, 2 * (low + 1 - self._fewest()), low // 50))
                if low >= n:
                    self.stopped = "no room left"
                    return
            else:
                at = (low + high) // 2
        self.stopped = f"{high} hosts used, {low} not packed"

    def _limit(self) -> str:
        return "time limit" if self.clock.is_over() else f"{self.spent} exchanges"

    def _is_over(self) -> bool:
        return self.clock.is_over() or self.spent >= self.exchanges

    def _fewest(self) -> int:
        """Return the least prefix of the hosts whose capacities add up to the needs."""
        need = self.instance.need[self.instance.active].sum(axis=0)
        short = self.instance.capacity[self.hosts].cumsum(axis=0) < need
        return min(len(self.hosts), int(short.sum(axis=0).max(initial=0)) + 1)

    def _pack(self, n_hosts: int) -> bool:
        """Try the first hosts of the order; remember the packing if it is complete and the best."""
        instance, view = self.instance, self.view
        chosen = self.hosts[:n_hosts]
        inside = np.zeros(instance.fleet.n_hosts, dtype=np.bool_)
        inside[chosen] = True
        stays: NDArray[np.bool_] = (self._last >= 0) & inside[self._last]
        packing = self._levelled(np.where(stays, self._last, -1).astype(np.int32), chosen)
        if packing is None:
            return False
        if not self._relieve(packing, chosen):
            self.unplaced = self._on_overloaded(packing)
            return False
        state, room = packing.state, packing.room
        by_cost = np.argsort(-instance.move_mj, kind="stable")
        go_home(view.narrow, state, view.curves, room, by_cost)
        self._last = state.host_of.copy()
        value = int(total_energy(view.narrow, state))
        if self.best is None or value < self.best_mj:
            self.best, self.best_mj = state.host_of.copy(), value
        return True

    def _levelled(self, host_of: NDArray[np.int32], chosen: NDArray[np.int64]) -> Packing | None:
        """Place the VMs that are on no host; ``None`` if rules keep some out, whatever the order."""
        view = self.view
        for _ in range(_ATTEMPTS):
            packing = start_packing(self.instance, view, self.problem, host_of)
            left_out = self.order[host_of[self.order] < 0]
            state, room = packing.state, packing.room
            level(
                view.narrow, state, view.curves, room, left_out, chosen, view.shape, view.scale, _WIDTH
            )
            missing = self.order[state.host_of[self.order] < 0]
            if not missing.size:
                return packing
            # Whoever found no host chooses first from now on.
            self.order = np.concatenate([missing, self.order[state.host_of[self.order] >= 0]])
        self.unplaced = tuple(missing.tolist())
        return None

    def _relieve(self, packing: Packing, chosen: NDArray[np.int64]) -> bool:
        """Exchange VMs until nothing is exceeded; say whether that was reached."""
        curves = priced(self.view, packing.room.free)
        if curves is None:
            return not bool((packing.room.free[chosen] < 0).any())
        may_spend = max(_CHUNK, int(_PART * (self.exchanges - self.spent)))
        clock = self.clock.part(_PART)
        spent = 0
        while True:
            picks = self.rng.random((min(_CHUNK, may_spend - spent), 3))
            left, used = relieve(self.view.narrow, packing.state, curves, packing.room, chosen, picks)
            spent += int(used)
            self.spent += int(used)
            if left == 0:
                return True
            # A first packing is worth more than a limit.
            if spent >= may_spend or (self.best is not None and clock.is_over()):
                return False

    def _on_overloaded(self, packing: Packing) -> tuple[int, ...]:
        over = (packing.room.free < 0).any(axis=1)
        host_of = packing.state.host_of
        return tuple(np.flatnonzero((host_of >= 0) & np.take(over, host_of)).tolist())
