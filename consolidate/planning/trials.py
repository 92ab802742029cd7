"""Schedules that the kernel makes of one problem, in whatever order is tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.moves import BOOTING, OFF, push_event
from consolidate._kernels.opening import Log, Style
from consolidate._kernels.schedule import run_schedule
from consolidate.planning.arrays import copy_of, in_order
from consolidate.planning.problem import Problem, Step

__all__ = ["Listing", "Trial", "Trials", "listing_of"]

#: Detours per move before a schedule counts as stuck; where hosts are not kept free, each serves one VM alone.
_DETOURS_PER_MOVE = 6
_LONE_DETOURS_PER_MOVE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A schedule of moves, or how far one came.

    Parameters
    ----------
    steps
        The moves, in the order in which they start.
    boots
        Start of the boot of each host that is booted, by host.
    left
        VMs that do not reach their targets.
    end_s : s
        End of the last move or, where that empties a host, of its shutdown.
    """

    steps: tuple[Step, ...]
    boots: dict[int, int]
    left: tuple[int, ...]
    end_s: int

    @property
    def worth(self) -> tuple[int, int, int]:
        """Less is better: VMs left behind, the end, moves."""
        return len(self.left), self.end_s, len(self.steps)


def listing_of(
    problem: Problem, steps: Sequence[Step], boots: dict[int, int], left: Sequence[int]
) -> Listing:
    """Return a schedule with its end."""
    lag = problem.off_lag_s.tolist()
    end_s = max((step.end_s + lag[step.source] for step in steps), default=0)
    return Listing(steps=tuple(steps), boots=boots, left=tuple(left), end_s=end_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A schedule as the kernel wrote it down; ``n_left`` VMs do not reach their targets."""

    rows: NDArray[np.int64]
    position: NDArray[np.int64]
    n_left: int
    end_s: int

    @property
    def worth(self) -> tuple[int, int, int]:
        """Less is better: VMs left behind, the end, moves."""
        return self.n_left, self.end_s, int((self.rows[:, 0] >= 0).sum())


class Trials:
    """Schedules of one problem in different orders, with what they share."""

    def __init__(self, problem: Problem, storage: int) -> None:
        self.problem, self.moves, self.storage = problem, problem.moves, storage
        self.weight = problem.size
        self.lag_s = problem.off_lag_s
        # VMs at their targets come last: they may be sent away for a while, and have to come back.
        placed = (problem.target.host_of >= 0) & (problem.places >= 0)
        placed[problem.moved] = False
        self.settled = np.flatnonzero(placed)
        self.now = problem.first_moment()
        self.boots = self._boot_targets()
        self.rows = np.zeros((self._most(_DETOURS_PER_MOVE), 7), dtype=np.int64)

    def _most(self, per_move: int) -> int:
        """Return how many rows a schedule may take before it counts as stuck."""
        return (1 + per_move) * len(self.problem.moved) + 6 * len(self.moves.kind_of) + 16

    def _boot_targets(self) -> list[int]:
        """Boot every target that is off at once; return these hosts."""
        goals = np.unique(self.moves.target[self.problem.moved])
        asleep = goals[self.now.power[goals] == OFF]
        for host in asleep:
            self.now.power[host] = BOOTING
            push_event(self.now, self.moves.boot_s[host], -1 - host)
        return [int(host) for host in asleep]

    def run(
        self,
        order: NDArray[np.int64],
        *,
        share: float,
        gate: float = 0.0,
        large: float = 1.0,
        via: NDArray[np.int64] | None = None,
    ) -> Trial:
        """Schedule the moves in an order, with a share of all room kept free for those that wait.

        ``via`` is a host that each VM goes to first, -1 for none, shape ``(vms,)``.
        """
        style = self._style(order, share=share, gate=gate, large=large)
        moves, now = in_order(self.moves, style.order, via), copy_of(self.now)
        if via is not None:
            style.then[:] = np.where(via >= 0, self.moves.target, -1)
        if len(order):
            most = self._most(_DETOURS_PER_MOVE if share > 0 else _LONE_DETOURS_PER_MOVE)
            run_schedule(moves, now, style, Log(rows=self.rows[:most]))
        rows = self.rows[: now.tally[4]].copy()
        made = rows[rows[:, 0] >= 0]
        return Trial(
            rows=rows,
            position=now.position,
            n_left=int((now.position[style.order] != self.moves.target[style.order]).sum()),
            end_s=int((made[:, 4] + self.lag_s[made[:, 1]]).max(initial=0)),
        )

    def _style(self, order: NDArray[np.int64], *, share: float, gate: float, large: float) -> Style:
        everybody = np.concatenate([order, self.settled])
        rank = np.full(len(self.weight), len(self.weight), dtype=np.int64)
        rank[everybody] = np.arange(len(everybody))
        return Style(
            order=everybody,
            rank=rank,
            weight=self.weight,
            unit=1 / self.problem.free_space,
            middle=large * float(self.weight[order].mean()) if len(order) else 1.0,
            misses=4,
            gate=gate,
            open_share=share,
            stay_cost=20.0,
            then=np.full(len(self.weight), -1, dtype=np.int64),
            storage=self.storage,
        )

    def listing(self, trial: Trial) -> Listing:
        """Return a schedule as steps."""
        boots = dict.fromkeys(self.boots, 0)
        steps = []
        for v, source, target, start, end, level, _ in trial.rows.tolist():
            if v < 0:
                boots[target] = start
            else:
                steps.append(
                    Step(vm=v, source=source, target=target, start_s=start, end_s=end, level=level)
                )
        goal = self.moves.target
        left = np.flatnonzero((goal >= 0) & (trial.position != goal))
        return listing_of(self.problem, steps, boots, left.tolist())
