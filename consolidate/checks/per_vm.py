"""``energy_per_vm.csv``: shared out again by the stated rule, host by host, to the last millijoule."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from consolidate.checks.arms import ON, Arm, Demand
from consolidate.checks.cases import Guests, Hosts
from consolidate.checks.files import MalformedError, read_text
from consolidate.checks.verdict import Violation

__all__ = ["FILE", "load_shares", "share_violations"]

FILE = "energy_per_vm.csv"
_CAUSES = ("idle", "load", "migration")
#: Whole millijoules by cause, and grams.
Row = dict[str, Any]
Shares = tuple[str, dict[str, list[Row]]]


def load_shares(folder: Path, *, n_vms: int, arms: tuple[str, ...]) -> Shares:
    """Read the rule, and the rows of each arm: VMs in order, then the shared part."""
    lines = list(csv.DictReader(io.StringIO(read_text(folder, FILE), newline="")))
    if len(lines) != n_vms + 1:
        message = f"{FILE} has {len(lines)} rows; it needs {n_vms + 1}"
        raise MalformedError(message, code="V0.value", file=FILE)
    rule = lines[0].get("idle_rule", "")
    if rule not in ("allocation", "equal"):
        message = f"{FILE}: column idle_rule needs allocation or equal, got {rule!r}"
        raise MalformedError(message, code="V0.value", file=FILE, column="idle_rule")
    found: dict[str, list[Row]] = {}
    for arm in arms:
        found[arm] = []
        for number, line in enumerate(lines):
            try:
                row: Row = {
                    cause: int(line[f"{arm}_{cause}_mj"])
                    for cause in (*_CAUSES, "transitions_and_off", "total")
                }
                grams = line[f"{arm}_co2e_g"]
                row["co2e_g"] = float(grams) if grams else math.nan
            except (KeyError, TypeError, ValueError):
                message = f"{FILE}: row {number} has no whole millijoules, or no grams, of {arm}"
                raise MalformedError(message, code="V0.value", file=FILE, row=number) from None
            found[arm].append(row)
    return rule, found


def share_violations(
    shares: Shares,
    *,
    arms: dict[str, Arm],
    vms: Guests,
    demand: Demand,
    hosts: Hosts,
    site_g: Mapping[str, Sequence[float]],
) -> list[Violation]:
    """Return where the table differs from what the rule gives, or does not add up to the ledger.

    ``site_g`` has the emissions of each arm at each site, in grams; none where they are not known.
    """
    rule, tables = shares
    found = []
    for label, rows in tables.items():
        arm = arms[label]
        due = _shared_out(arm, vms, demand, rule, hosts=hosts, site_g=site_g.get(label, ()))
        whole = int(arm.host_mj.sum())
        stated = sum(row["total"] for row in rows)
        if stated != whole:
            found.append(
                _wrong(f"{label}: VMs and shared part are {stated} mJ; the ledger has {whole} mJ")
            )
        for v, (row, right) in enumerate(zip(rows, due, strict=True)):
            for key, value in right.items():
                if key == "co2e_g":
                    if abs(row[key] - value) <= 1e-6 + 1e-9 * abs(value):
                        continue
                    who = f"VM {vms.name(v)}" if v < vms.n else "the shared part"
                    found.append(
                        _wrong(
                            f"{label}: emissions of {who} are stated as {row[key]} g; they are {value} g"
                        )
                    )
                elif row[key] != value:
                    who = f"VM {vms.name(v)}" if v < vms.n else "the shared part"
                    found.append(
                        _wrong(
                            f"{label}: {key} of {who} is stated as {row[key]} mJ; the rule gives {value} mJ"
                        )
                    )
                    break
    return found[:20]


def _wrong(message: str) -> Violation:
    return Violation(code="V19.share", message=f"{FILE}: {message}", witness={"file": FILE})


def _shared_out(
    arm: Arm, vms: Guests, demand: Demand, rule: str, *, hosts: Hosts, site_g: Sequence[float]
) -> list[Row]:
    empty = dict.fromkeys((*_CAUSES, "transitions_and_off", "total"), 0)
    due: list[Row] = [dict(empty) for _ in range(vms.n + 1)]
    shared = due[-1]
    site_mj = [int(row.sum()) for row in arm.site_mj]
    if site_g:
        for row in due:
            row["co2e_g"] = 0.0
        shared["co2e_g"] = math.fsum(site_g)
    for host in range(len(arm.host_ids)):
        ledger = [int(x) for x in arm.host_mj[host]]
        shared["transitions_and_off"] += sum(ledger[3:])
        for cause, amount, weights in zip(
            _CAUSES, ledger[:3], _weights(arm, vms, demand, rule, host), strict=True
        ):
            given = amount
            if cause == "idle":
                on, used = _seconds(arm, host)
                given = amount * min(used, on) // on if on else amount
            parts = _split(given, weights)
            for vm, part in parts.items():
                due[vm][cause] += part
                site = 0 if hosts.site is None else int(hosts.site[host])
                if site_g and site_mj[site]:
                    grams = part * site_g[site] / site_mj[site]
                    due[vm]["co2e_g"] += grams
                    shared["co2e_g"] -= grams
            shared[cause] += amount - sum(parts.values())
    for row in due:
        row["total"] = sum(row[c] for c in (*_CAUSES, "transitions_and_off"))
    return due


def _weights(
    arm: Arm, vms: Guests, demand: Demand, rule: str, host: int
) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    idle: dict[int, int] = {}
    load: dict[int, int] = {}
    move: dict[int, int] = {}
    there = arm.residency
    for i in np.flatnonzero((there.host == host) & (there.end_s > there.start_s)).tolist():
        vm, start, end = int(there.vm[i]), int(there.start_s[i]), int(there.end_s[i])
        unit = int(vms.memory_mib[vm]) if rule == "allocation" else 1
        idle[vm] = idle.get(vm, 0) + unit * (end - start)
        steps = np.arange(start // demand.step_s, -(-end // demand.step_s))
        rows = demand.rows(np.full(steps.shape, vm), steps)
        inside = np.minimum((steps + 1) * demand.step_s, end) - np.maximum(steps * demand.step_s, start)
        cpu = np.where(rows >= 0, demand.cpu_mcores[rows], 0)
        load[vm] = load.get(vm, 0) + int((cpu * inside).sum())
    made = arm.moves
    for end_of in (made.source, made.target):
        for i in np.flatnonzero(end_of == host).tolist():
            vm = int(made.vm[i])
            cost = max(1, int(made.overhead_mcores[i])) * int(made.end_s[i] - made.start_s[i])
            move[vm] = move.get(vm, 0) + cost
    return idle, load, move


def _seconds(arm: Arm, host: int) -> tuple[int, int]:
    """Return the seconds that a host is on, and those in which it carries a VM."""
    states, there = arm.states, arm.residency
    on = (states.host == host) & (states.state == ON)
    here = (there.host == host) & (there.end_s > there.start_s)
    # Count at every edge who is there.
    edges = sorted(
        [(int(t), 1) for t in there.start_s[here]] + [(int(t), -1) for t in there.end_s[here]]
    )
    used, guests, since = 0, 0, 0
    for at, change in edges:
        used += at - since if guests else 0
        guests, since = guests + change, at
    return int((states.end_s[on] - states.start_s[on]).sum()), used


def _split(amount: int, weights: dict[int, int]) -> dict[int, int]:
    """Share out by weights: floors, then one more each for the largest remainders, the lowest index first."""
    total = sum(weights.values())
    if total == 0:
        return {}
    parts = {vm: divmod(amount * weight, total) for vm, weight in weights.items()}
    missing = amount - sum(whole for whole, _ in parts.values())
    lucky = sorted(parts, key=lambda vm: (-parts[vm][1], vm))[:missing]
    return {vm: whole + (vm in lucky) for vm, (whole, _) in parts.items()}
