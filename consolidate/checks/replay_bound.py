"""The lower bound of a whole replay, computed again from the prices that are its certificate.

Of every step only totals are asked for: CPU that the consolidated arm served, memory held, and the number of
hosts that hold this memory. At prices of CPU (mW per mcore), memory (mW per MiB) and of a host with VMs (mW),
the energy of any policy is at least what the totals are worth, plus what is left for each host when it is
paid for all that it can offer and goes its cheapest way, on or not in each step. Moves are free; what a host
draws while it is not on, boots and shutdowns stand as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import Arm, Demand
from consolidate.checks.cases import NO_WAKE, HostKind, Hosts
from consolidate.checks.files import MalformedError, read_json, read_table
from consolidate.checks.power import curve, kind_power_mw
from consolidate.checks.verdict import Violation

__all__ = ["FILE", "ReplayBoundClaim", "bound_violations", "load_replay_bound", "proved_mj"]

FILE: Final = "replay_bound.json"
_PRICES: Final = {"cpu": "cpu_mw_per_mcore", "memory": "memory_mw_per_mib", "host": "host_mw"}
#: Watts are rounded to whole mW; half of one may lie above the line between two points.
_ROUNDED_MW: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayBoundClaim:
    """A stated bound, and its prices by name; shape ``(steps,)`` each."""

    value_mj: int
    prices: Mapping[str, NDArray[np.float64]]


def load_replay_bound(folder: Path, *, n_steps: int) -> ReplayBoundClaim:
    """Read the bound of a run folder."""
    name = FILE.replace(".json", ".parquet")
    table = read_table(folder, name, {"step": "int32"} | dict.fromkeys(_PRICES.values(), "double"))
    if table.rows != n_steps:
        message = f"{name} has {table.rows} rows; the replay window has {n_steps} steps"
        raise MalformedError(message, code="V0.value", file=name, rows=table.rows)
    prices = {short: table.floats(column) for short, column in _PRICES.items()}
    for short, values in prices.items():
        if not (np.isfinite(values) & (values >= 0)).all():
            message = f"{name}: column {_PRICES[short]} needs numbers from 0"
            raise MalformedError(message, code="V0.value", file=name, column=_PRICES[short])
    return ReplayBoundClaim(value_mj=read_json(folder, FILE).integer("value_mj"), prices=prices)


def bound_violations(
    claim: ReplayBoundClaim, *, hosts: Hosts, demand: Demand, arm: Arm
) -> list[Violation]:
    """Compare the stated bound with what its prices prove, and with the arm that it bounds."""
    found = []
    proved = proved_mj(claim.prices, hosts=hosts, demand=demand, arm=arm)
    used = int(arm.step_mj.sum())
    for limit, words in (
        (proved, f"its prices prove {proved} mJ"),
        (used, f"arm {arm.label} uses {used} mJ"),
    ):
        if claim.value_mj > limit:
            message = f"{FILE}: the bound is stated as {claim.value_mj} mJ; {words}"
            witness = {"file": FILE, "stated_mj": claim.value_mj, "limit_mj": limit}
            found.append(Violation(code="V11.replay", message=message, witness=witness))
    return found


def proved_mj(
    prices: Mapping[str, NDArray[np.float64]], *, hosts: Hosts, demand: Demand, arm: Arm
) -> int:
    """Return the least energy of any policy that leaves as much unserved in each step as the arm."""
    receives = (hosts.powered_on | (hosts.control != NO_WAKE)) & ~hosts.maintenance
    usable = hosts.powered_on | receives
    kinds = [hosts.kinds[k] for k in np.unique(hosts.kind_of)]
    step_s, steps = demand.step_s, demand.n_steps
    runs = _every_vm_runs(arm, steps, step_s)
    memory_binds = arm.service["memory_overcommit_host_s"] == 0
    asked = np.bincount(demand.step, demand.cpu_mcores, steps).astype(np.int64) * step_s
    load = np.maximum(asked - arm.unmet_mcore_s, 0) // step_s
    load += min(k.per_vm_mcores for k in kinds) * np.bincount(demand.step, minlength=steps) * runs
    held = fewest = np.zeros(steps, dtype=np.int64)
    if memory_binds:
        each = (demand.memory_mib + min(k.per_vm_memory_mib for k in kinds)) * runs[demand.step]
        held = np.bincount(demand.step, each, steps).astype(np.int64)
        room = max(hosts.kinds[int(k)].usable_memory_mib for k in hosts.kind_of[usable])
        fewest = _fewest_hosts(demand.step, each, steps, room)
    # Nobody serves more than all hosts have.
    load = np.minimum(load, int(hosts.per_host("usable_mcores")[usable].sum()))
    held = np.minimum(held, int(hosts.per_host("usable_memory_mib")[usable].sum()))
    fewest = np.minimum(fewest, int(usable.sum()))
    worth = prices["cpu"] * load + prices["memory"] * held + prices["host"] * fewest
    total = float(worth.sum()) * step_s
    switchable = hosts.may_switch_off()
    for k, kind in enumerate(hosts.kinds):
        mine = hosts.kind_of == k
        if not mine.any():
            continue
        on = _on_mw(kind, prices) * step_s
        total += int((mine & hosts.powered_on & ~switchable).sum()) * float(on.sum())
        total += int((mine & ~usable).sum()) * kind.off_mw * step_s * steps
        for count, starts_on in (
            (int((mine & switchable).sum()), True),
            (int((mine & ~hosts.powered_on & receives).sum()), False),
        ):
            if count:
                total += count * _cheapest_mj(kind, on, step_s, starts_on=starts_on)
    return int(np.floor(total))


def _every_vm_runs(arm: Arm, steps: int, step_s: int) -> NDArray[np.bool_]:
    """Say of each step whether no VM waits, or is in storage, for any part of it."""
    runs = np.ones(steps, dtype=np.bool_)
    there = arm.residency
    for i in np.flatnonzero((there.host < 0) & (there.end_s > there.start_s)).tolist():
        runs[int(there.start_s[i]) // step_s : -(-int(there.end_s[i]) // step_s)] = False
    return runs


def _fewest_hosts(
    step: NDArray[np.int64], each: NDArray[np.int64], steps: int, room: int
) -> NDArray[np.int64]:
    """Return how many hosts of this room are needed at least in each step.

    ``(k + 1) x / room``, rounded down to a whole number where it is none, divided by ``k``, adds up to at most
    one over whatever fits in a host (Fekete and Schepers 2001, doi:10.1007/s101070100243).
    """
    fewest = -(-np.bincount(step, each, steps).astype(np.int64) // room)
    for k in range(1, 7):
        parts, rest = np.divmod((k + 1) * np.minimum(each, room), room)
        weight = np.where(rest == 0, k * parts, (k + 1) * parts)
        total = np.bincount(step, weight, steps).astype(np.int64)
        fewest = np.maximum(fewest, -(-total // (k * (k + 1))))
    return fewest


def _on_mw(kind: HostKind, prices: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return what is left of the power of a host that is on, at its best load, paid for what it offers."""
    at = np.arange(11) * kind.cpu_mcores / 10
    first, last = float(kind.background_mcores), float(kind.background_mcores + kind.usable_mcores)
    loads = np.array([first, *at[(at > first) & (at < last)], last])
    # Moves under way may load a host further than its guests do.
    points = np.minimum.accumulate(np.array(curve(kind, hosting=True), dtype=np.float64)[::-1])[::-1]
    power = np.interp(loads, at, points) - _ROUNDED_MW
    best = np.full(prices["cpu"].shape, np.inf)
    for load_mcores, power_mw in zip(loads - first, power, strict=True):
        best = np.minimum(best, power_mw - load_mcores * prices["cpu"])
    hosting = best - kind.usable_memory_mib * prices["memory"] - prices["host"]
    empty_mw = int(kind_power_mw(kind, np.array([kind.background_mcores]), hosting=False)[0])
    cheapest: NDArray[np.float64] = np.minimum(hosting, empty_mw)
    return cheapest


def _cheapest_mj(kind: HostKind, on_mj: NDArray[np.float64], step_s: int, *, starts_on: bool) -> float:
    """Return the least energy of one host that may be on, or not, in each step."""
    away_mw = min(
        kind.off_mw,
        kind.boot_mw if kind.boot_s else kind.off_mw,
        kind.shutdown_mw if kind.shutdown_s else kind.off_mw,
    )
    boot_mj = kind.boot_s * (kind.boot_mw - away_mw)
    shutdown_mj = kind.shutdown_s * (kind.shutdown_mw - away_mw)
    # A shutdown that would end after the replay is not paid in full: it is left out.
    ends_in_time = len(on_mj) - -(-kind.shutdown_s // step_s)
    on, away = (0.0, float("inf")) if starts_on else (float("inf"), 0.0)
    for k, cost in enumerate(on_mj.tolist()):
        leave = shutdown_mj if k < ends_in_time else 0
        on, away = min(on, away + boot_mj) + cost, min(away, on + leave) + away_mw * step_s
    return min(on, away)
