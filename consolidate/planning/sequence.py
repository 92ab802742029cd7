"""A given order of moves, as early as that order allows, or moves at given times and as soon as they fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from consolidate._kernels.moves import (
    BOOTING,
    OFF,
    ON,
    Moves,
    Now,
    begin_move,
    end_move,
    level_for,
    pop_event,
    push_event,
)
from consolidate.planning.problem import Problem, Step
from consolidate.planning.trials import Listing, listing_of

__all__ = ["at_times", "in_sequence"]


def in_sequence(
    problem: Problem, order: Sequence[tuple[int, int]], *, boots: dict[int, int] | None = None
) -> Listing:
    """Schedule moves so that none starts before one that stands before it in the order.

    If the moves can be made one after the other, they can be made so: whoever started before holds the
    same room at the same time or has given it back.

    Parameters
    ----------
    problem
        What is scheduled.
    order
        VM and host to go to, move after move.
    boots : s
        Start of the boot of each host that is booted; ``None`` = all hosts of the order that are off, at once.

    Returns
    -------
    The schedule; if a move can never start, all VMs that are not at their targets then are left.
    """
    moves = problem.moves
    now = problem.first_moment()
    if boots is None:
        boots = {host: 0 for host in sorted({host for _, host in order}) if now.power[host] == OFF}
    _boot(moves, now, boots)
    time = 0
    steps: list[Step] = []
    for vm, host in order:
        v, h = np.int64(vm), np.int64(host)
        while now.flying[v] >= 0 or (level := level_for(moves, now, v, h)) < 0:
            if now.tally[0] == 0:
                left = problem.moved[now.position[problem.moved] != moves.target[problem.moved]]
                return listing_of(problem, steps, boots, left.tolist())
            time = int(now.heap[0, 0])
            _let_pass(moves, now, time)
        source = int(now.position[v])
        end = int(begin_move(moves, now, v, h, level, np.int64(time)))
        steps.append(Step(vm=vm, source=source, target=host, start_s=time, end_s=end, level=int(level)))
    return listing_of(problem, steps, boots, _astray(problem, steps))


def at_times(
    problem: Problem, rows: Sequence[tuple[int, int, int]], *, boots: dict[int, int]
) -> Listing:
    """Schedule moves at given times; one that does not fit then waits until it does, and the others go on.

    Parameters
    ----------
    problem
        What is scheduled.
    rows
        Start in seconds, VM and host to go to of each move, by start.
    boots : s
        Start of the boot of each host that is booted.

    Returns
    -------
    The schedule; if moves can never start, all VMs that are not at their targets then are left.
    """
    moves, now = problem.moves, problem.first_moment()
    _boot(moves, now, boots)
    steps: list[Step] = []
    waiting: list[tuple[int, int]] = []
    done, time = 0, 0
    while done < len(rows) or waiting:
        while done < len(rows) and rows[done][0] <= time:
            waiting.append(rows[done][1:])
            done += 1
        still: list[tuple[int, int]] = []
        behind: set[int] = set()
        for vm, host in waiting:
            v, h = np.int64(vm), np.int64(host)
            # The second move of a VM waits for its first.
            before = now.flying[v] >= 0 or vm in behind
            if before or (level := level_for(moves, now, v, h)) < 0:
                still.append((vm, host))
                behind.add(vm)
                continue
            source = int(now.position[v])
            end = int(begin_move(moves, now, v, h, level, np.int64(time)))
            steps.append(
                Step(vm=vm, source=source, target=host, start_s=time, end_s=end, level=int(level))
            )
        waiting = still
        due = [rows[done][0]] if done < len(rows) else []
        due += [int(now.heap[0, 0])] if now.tally[0] > 0 else []
        if not due:
            break
        time = min(due)
        _let_pass(moves, now, time)
    return listing_of(problem, steps, boots, _astray(problem, steps))


def _astray(problem: Problem, steps: Sequence[Step]) -> list[int]:
    """Return the VMs that these moves do not bring to their targets."""
    final = dict.fromkeys(problem.moved.tolist(), -1) | {step.vm: step.target for step in steps}
    return sorted(v for v, host in final.items() if host != int(problem.moves.target[v]))


def _boot(moves: Moves, now: Now, boots: dict[int, int]) -> None:
    for host, start in boots.items():
        now.power[host] = BOOTING
        push_event(now, start + moves.boot_s[host], np.int64(-1 - host))


def _let_pass(moves: Moves, now: Now, time: int) -> None:
    """Let everything happen that happens at a time."""
    while now.tally[0] > 0 and now.heap[0, 0] == time:
        key = pop_event(now)
        if key < 0:
            now.power[-1 - key] = ON
        else:
            end_move(moves, now, key)
