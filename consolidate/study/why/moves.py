"""What each move costs and brings: joules spent, joules expected back, and when they are back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consolidate.model import Instance, Placement

__all__ = ["MoveReturn", "why_moves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveReturn:
    """One move.

    Parameters
    ----------
    vm, source, target
        Indices.
    spent_j : J
        Energy of the move, both ends together.
    back_j : J
        What it saves over the horizon: its part of what the moves from its source save together, in
        proportion to what they cost. Below 0 when the VM costs more where it goes.
    payback_s : s
        After how long what was spent is back; ``None`` = never within the horizon. A move that brings
        nothing back makes room, or mends what was not allowed.
    releases
        Whether its source is switched off.
    """

    vm: int
    source: int
    target: int
    spent_j: float
    back_j: float
    payback_s: float | None
    releases: bool


def why_moves(instance: Instance, placement: Placement) -> tuple[MoveReturn, ...]:
    """Say of each move of a placement what it spends and what it brings back.

    The moves from one host are one step, the hosts that are released first; each step is credited with the
    energy by which it changes the objective, moves not counted. So the returns of all moves less what they
    spend add up exactly to what the placement saves over leaving every VM where it is.

    Parameters
    ----------
    instance, placement
        The problem and its answer.
    """
    current, goal = instance.current.host_of, placement.host_of
    moved = placement.moved_from(instance.current)
    sources = np.unique(current[moved]).tolist()
    in_use = set(placement.used_hosts().tolist())
    off = instance.may_switch_off()
    sources.sort(key=lambda h: (h in in_use or not off[h], h))
    # Who is new has its host from the start: it is placed in any case.
    host_of = np.where(current < 0, goal, current).astype(np.int32)
    before_mj = instance.energy(Placement(host_of=host_of)).total_mj
    horizon_s = instance.objective.horizon_s
    found = []
    for source in sources:
        mine = moved[current[moved] == source]
        host_of[mine] = goal[mine]
        after_mj = instance.energy(Placement(host_of=host_of)).total_mj
        spent_mj = int(instance.move_mj[mine].sum())
        back_mj = before_mj - after_mj + spent_mj
        before_mj = after_mj
        for v in mine.tolist():
            part = instance.move_mj[v] / spent_mj if spent_mj else 1 / len(mine)
            back_j, spent_j = back_mj * part / 1_000, int(instance.move_mj[v]) / 1_000
            late = back_j <= 0 or spent_j > back_j
            found.append(
                MoveReturn(
                    vm=v,
                    source=source,
                    target=int(goal[v]),
                    spent_j=spent_j,
                    back_j=back_j,
                    payback_s=None if late else horizon_s * spent_j / back_j,
                    releases=bool(source not in in_use and off[source]),
                )
            )
    return tuple(found)
