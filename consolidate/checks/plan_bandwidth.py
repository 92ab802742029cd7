"""Bandwidth at every moment of a plan: interfaces one way and the other, the uplink, storages, all at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import MOVE, RESTORE, SAVE, PlanCase
from consolidate.checks.plan_moves import apart, saved_on
from consolidate.checks.verdict import Violation
from consolidate.units import BYTES_PER_MIB

__all__ = ["bandwidth_violations"]

#: Rates are fractions of an interface; sums of them may differ from it in the last digits.
_TOLERANCE = 1 + 1e-6


def bandwidth_violations(case: PlanCase) -> list[Violation]:
    """Return the moments at which moves together take more than there is."""
    a, hosts, limits = case.actions, case.placement.hosts, case.limits
    moves = a.of_kind(MOVE, SAVE, RESTORE)
    rate = np.where([a.mode[i] == "restart" for i in moves], 0.0, a.rate_mib_per_s[moves])
    found = []
    for role, at in (("sends", a.source[moves]), ("receives", a.target[moves])):
        for h in np.unique(at[at >= 0]).tolist():
            most = hosts.kind(h).nic_mbit_per_s * 1e6 / 8 / BYTES_PER_MIB
            mine = at == h
            found += _peak(case, moves[mine], rate[mine], most, f"host {hosts.name(h)} {role}")
    if limits.uplink_mbit_per_s > 0:
        far = np.array([_crosses(case, int(i)) for i in moves], dtype=np.bool_)
        most = limits.uplink_mbit_per_s * 1e6 / 8 / BYTES_PER_MIB
        found += _peak(case, moves[far], rate[far], most, "the uplink carries")
    found += _storages(case, moves, rate)
    if limits.moves_at_once:
        one = np.ones(moves.size)
        found += _peak(case, moves, one, float(limits.moves_at_once), "the fleet makes", "moves")
    if limits.moves_per_host:
        both = np.concatenate([a.source[moves], a.target[moves]])
        twice = np.concatenate([moves, moves])
        for h in np.unique(both[both >= 0]).tolist():
            mine = twice[both == h]
            what = f"host {hosts.name(h)} takes part in"
            found += _peak(case, mine, np.ones(mine.size), float(limits.moves_per_host), what, "moves")
    return found


def _storages(case: PlanCase, moves: NDArray[np.int64], rate: NDArray[np.float64]) -> list[Violation]:
    """Return when more is written to the storage of a site, and read from it, than that gives.

    A VM is saved to the storage of its site and read from there again, wherever it goes.
    """
    a, sites = case.actions, case.placement.hosts.site
    by_storage = np.array(
        [a.kind[i] != MOVE or a.mode[i] == "saved_state" for i in moves], dtype=np.bool_
    )
    mine, rates = moves[by_storage], rate[by_storage]
    hosts = np.array(
        [saved_on(case, int(i)) if a.kind[i] == RESTORE else a.source[i] for i in mine], dtype=np.int64
    )
    at = np.zeros(mine.size, dtype=np.int64) if sites is None else sites[np.maximum(hosts, 0)]
    found = []
    for s in np.unique(at).tolist():
        here = at == s
        name = case.placement.hosts.name(max(0, int(hosts[here][0])))
        what = f"the storage at the site of host {name} gives and takes"
        found += _peak(case, mine[here], rates[here], case.limits.storage_mib_per_s, what)
    return found


def _crosses(case: PlanCase, i: int) -> bool:
    """Say whether a move crosses the uplink; a VM is saved to the storage of its own site."""
    a = case.actions
    if a.kind[i] == SAVE:
        return False
    source = saved_on(case, i) if a.kind[i] == RESTORE else int(a.source[i])
    return apart(case, max(0, source), int(a.target[i]))


def _peak(
    case: PlanCase,
    moves: NDArray[np.int64],
    amount: NDArray[np.float64],
    most: float,
    what: str,
    unit: str = "MiB/s",
) -> list[Violation]:
    """Return one violation if the moves under way at a time add up to more than ``most``."""
    a = case.actions
    if not moves.size:
        return []
    time = np.concatenate([a.end_s[moves], a.start_s[moves]])
    change = np.concatenate([-amount, amount])
    # What ends at a time is gone before what starts then.
    order = np.lexsort((np.repeat([0, 1], moves.size), time))
    level = np.cumsum(change[order])
    worst = int(level.argmax())
    if level[worst] <= most * _TOLERANCE:
        return []
    when = int(time[order[worst]])
    code = "V6.bandwidth" if unit == "MiB/s" else "V6.concurrency"
    message = f"{what} {level[worst]:g} {unit} at {when} s, the limit is {most:g}"
    witness: dict[str, object] = {"time_s": when, "amount": float(level[worst]), "limit": most}
    return [Violation(code=code, message=message, witness=witness)]
