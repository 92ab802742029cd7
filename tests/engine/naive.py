"""The replay, one second at a time in plain integers."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np

from consolidate.model import (
    Fence,
    HostType,
    Migration,
    PowerControl,
    Spread,
)

CAUSES = ("idle", "load", "migration", "booting", "shutting_down", "off")
ON, BOOTING, SHUTTING_DOWN, OFF, FAILED = range(5)
START = np.datetime64("2024-01-01T00:00:00")


def power_mw(kind: HostType, load: int, *, hosting: bool) -> int:
    """Interpolate in fractions, round half up."""
    points = [kind.power.hosting_idle_mw if hosting else kind.power.points_mw[0]]
    points += kind.power.points_mw[1:]
    at = 10 * min(Fraction(load, kind.cpu_mcores), Fraction(1))
    low = min(int(at), 9)
    return floor(points[low] + (points[low + 1] - points[low]) * (at - low) + Fraction(1, 2))


class Naive:
    """A replay in which nothing is clever.

    Parameters
    ----------
    plans
        Plan that is accepted at the start of a step, by step; times count from there.
    """

    def __init__(self, trace, fleet, current, plans, rules=()):
        self.trace, self.fleet, self.rules = trace, fleet, rules
        self.plans = plans
        self.n_hosts, self.n_vms = fleet.n_hosts, trace.n_vms
        self.kind = [fleet.types[k] for k in fleet.host_type]
        self.step_s, self.n_steps = trace.grid.step_s, trace.grid.n_steps
        self.where = [int(h) if trace.alive[v, 0] else -1 for v, h in enumerate(current.host_of)]
        self.alive = [h >= 0 for h in self.where]
        self.state = [ON if on else OFF for on in fleet.powered_on]
        self.waiting: list[int] = []
        self.planned: list = []
        self.ends: list = []
        self.under_way: dict[int, Migration] = {}
        self.coming: list[tuple[int, int]] = []
        self.closed: set[int] = set()
        zeros = [0] * len(CAUSES)
        self.host_mj = [list(zeros) for _ in range(self.n_hosts)]
        self.step_mj = [list(zeros) for _ in range(self.n_steps)]
        self.site_mj = [[0] * self.n_steps for _ in fleet.sites]
        self.unmet = [0] * self.n_steps
        self.hosts_on = [0] * self.n_steps
        self.busy = [[0] * self.n_steps for _ in range(self.n_hosts)]
        self.on_s = [[0] * self.n_steps for _ in range(self.n_hosts)]
        self.on_since = [-(10**9)] * self.n_hosts
        self.off_since = [-(10**9)] * self.n_hosts
        self.switched_off: list[list[int]] = [[] for _ in range(self.n_hosts)]
        self.seen: list[tuple[int, ...]] = []
        self.seen_states: list[tuple[int, ...]] = []
        self.made: list[Migration] = []
        self.service = dict.fromkeys(
            (
                "demand_mcore_s",
                "overload_host_s",
                "on_host_s",
                "memory_overcommit_host_s",
                "downtime_ms",
                "waiting_vm_s",
                "migrations",
                "skipped_migrations",
                "cancelled_shutdowns",
                "power_cycles",
                "refused_boots",
                "refused_shutdowns",
                "savings",
                "restorations",
                "parked_vm_s",
                "wake_delay_s",
                "longest_wake_delay_s",
                "parking_mj",
                "host_failures",
                "vm_restarts",
                "lost_work_mcore_s",
            ),
            0,
        )

    def run(self):
        for now in range(self.step_s * self.n_steps):
            self._finish(now)
            if now % self.step_s == 0:
                self._begin(now)
                self._take(self.plans.get(now // self.step_s), now)
            while True:
                self._start(now)
                self._admit(now)
                if not [e for e in self.ends if e[0] == now]:
                    break
                self._finish(now)
            self._second(now)
            self.hosts_on[now // self.step_s] = sum(s in (ON, BOOTING) for s in self.state)
        self._finish(self.step_s * self.n_steps)
        self.service["unmet_mcore_s"] = sum(self.unmet)
        return self

    def _begin(self, now):
        step = now // self.step_s
        alive = self.trace.alive[:, step].tolist()
        for v in range(self.n_vms):
            if self.alive[v] and not alive[v]:
                move = self.under_way.pop(v, None)
                if move is not None:
                    self.coming.remove((v, move.target))
                    self.service["skipped_migrations"] += 1
                if v in self.waiting:
                    self.waiting.remove(v)
                self.where[v] = -1
            elif alive[v] and not self.alive[v]:
                self.waiting.append(v)
        self.alive = alive
        self._admit(now)

    def _take(self, plan, now):
        if plan is None:
            return
        self.closed -= {a.host for a in plan.boots}
        for a in plan.actions:
            self.planned.append((now + a.start_s, now + a.end_s, a))
            if a.kind == "migration":
                self.coming.append((a.vm, a.target))
            elif a.kind == "shutdown":
                self.closed.add(a.host)

    def _start(self, now):
        for due in [p for p in self.planned if p[0] == now]:
            self.planned.remove(due)
            self._start_one(due[2], due[1], now)

    def _start_one(self, a, end, now):
        if a.kind == "boot":
            if self.state[a.host] == OFF and self._may_boot(a.host, now):
                self._boot(a.host, now)
            elif self.state[a.host] == OFF:
                self.service["refused_boots"] += 1
        elif a.kind == "shutdown":
            used = a.host in self.where or any(m.target == a.host for m in self.under_way.values())
            if used or self.state[a.host] != ON:
                self.service["cancelled_shutdowns"] += 1
                self.closed.discard(a.host)
            elif not self._may_shut_down(a.host, now):
                self.service["refused_shutdowns"] += 1
                self.closed.discard(a.host)
            else:
                self._shut_down(a.host, now, end)
        elif (
            self.where[a.vm] != a.source
            or not self.alive[a.vm]
            or self._busy(a.vm)
            or self.state[a.target] != ON
        ):
            self.service["skipped_migrations"] += 1
            self.coming.remove((a.vm, a.target))
        else:
            self.under_way[a.vm] = a
            self.ends.append((end, "arrived", a))

    def _busy(self, v):
        return v in self.under_way

    def _may_boot(self, h, now):
        return now - self.off_since[h] >= self.kind[h].min_off_s

    def _may_shut_down(self, h, now):
        most = self.kind[h].max_cycles_per_day
        today = [t for t in self.switched_off[h] if now - t < 86_400]
        return now - self.on_since[h] >= self.kind[h].min_on_s and (not most or len(today) < most)

    def _shut_down(self, h, now, end):
        self.state[h] = SHUTTING_DOWN
        self.switched_off[h].append(now)
        self.service["power_cycles"] += 1
        self.ends.append((end, "off", h))

    def _boot(self, h, now):
        self.state[h] = BOOTING
        self.service["power_cycles"] += 1
        self.ends.append((now + self.kind[h].boot_s, "on", h))

    def _finish(self, now):
        # What ends now may have something else end now: a repaired host that boots in no time.
        while due := [e for e in self.ends if e[0] == now]:
            self.ends.remove(due[0])
            _, what, about = due[0]
            if what == "on":
                self.state[about], self.on_since[about] = ON, now
            elif what == "off":
                self.state[about], self.off_since[about] = OFF, now
            elif what != "arrived":
                self._finish_other(what, about, now)
            elif self.under_way.get(about.vm) is about:
                del self.under_way[about.vm]
                self.coming.remove((about.vm, about.target))
                self.where[about.vm] = about.target
                self.made.append(about)
                self.service["migrations"] += 1
                self.service["downtime_ms"] += about.downtime_ms
                if about.mode == "live":
                    step = (now - 1) // self.step_s
                    gets = self._capped(about.vm, about.source, step)
                    self.unmet[step] += gets * about.downtime_ms // 1_000

    def _capped(self, v, h, step):
        most = int(self.trace.vms.vcpus[v]) * self.kind[h].core_mcores
        return min(int(self.trace.cpu_mcores[v, step]), most)

    # -- arrivals --------------------------------------------------------------------------------

    def _admit(self, now):
        still = []
        for v in self.waiting:
            open_now = [h for h in range(self.n_hosts) if self.state[h] == ON and h not in self.closed]
            h = self._host_for(v, open_now)
            if h is not None:
                self.where[v] = h
                self._placed(v, h, now)
                continue
            still.append(v)
            coming = [
                h for h in range(self.n_hosts) if self.state[h] == BOOTING and h not in self.closed
            ]
            if self._emptiest(v, coming) is None:
                asleep = [
                    h
                    for h in range(self.n_hosts)
                    if self.state[h] == OFF
                    and self.fleet.power_control[h] != PowerControl.NO_WAKE
                    and self._may_boot(h, now)
                ]
                h = self._emptiest(v, asleep)
                if h is not None:
                    self.closed.discard(h)
                    self._boot(h, now)
        self.waiting = still

    def _host_for(self, v, candidates):
        return self._emptiest(v, candidates)

    def _placed(self, v, h, now):
        pass

    def _emptiest(self, v, candidates, sign=1):
        best = None
        vms = self.trace.vms
        for h in candidates:
            kind, hypervisor = self.kind[h], self.kind[h].hypervisor
            if self.fleet.maintenance[h]:
                continue
            if (hypervisor.kind == "container_engine") != bool(vms.is_container[v]):
                continue
            inside = [w for w in range(self.n_vms) if self.where[w] == h]
            inside += [w for w, target in self.coming if target == h]
            fill = []
            for amount, extra, offer in (
                (
                    vms.cpu_mcores,
                    hypervisor.per_vm_mcores,
                    int(kind.usable_mcores * kind.cpu_allocation_ratio),
                ),
                (
                    vms.memory_mib,
                    hypervisor.per_vm_memory_mib,
                    int(kind.usable_memory_mib * kind.memory_allocation_ratio),
                ),
            ):
                used = sum(int(amount[w]) + extra for w in inside)
                fill.append(None if used + int(amount[v]) + extra > offer else Fraction(used, offer))
            if None in fill or not self._allowed(v, h):
                continue
            if best is None or sign * max(fill) < best[0]:
                best = sign * max(fill), h
        return None if best is None else best[1]

    def _allowed(self, v, h):
        for rule in self.rules:
            if v not in rule.vms:
                continue
            if isinstance(rule, Fence) and h not in rule.hosts:
                return False
            mates = [w for w in rule.vms if w != v]
            if isinstance(rule, Spread) and (
                any(self.where[w] == h for w in mates) or any((w, h) in self.coming for w in mates)
            ):
                return False
        return True

    # -- one second ------------------------------------------------------------------------------

    def _second(self, now):
        step = now // self.step_s
        self.seen.append(tuple(self.where))
        self.seen_states.append(tuple(self.state))
        for v in range(self.n_vms):
            if self.alive[v]:
                asked = int(self.trace.cpu_mcores[v, step])
                self.service["demand_mcore_s"] += asked
                if self.where[v] < 0:
                    self.service["parked_vm_s" if self._in_storage(v) else "waiting_vm_s"] += 1
                    self.unmet[step] += asked
        for h in range(self.n_hosts):
            spent = [0] * len(CAUSES)
            if self.state[h] == ON:
                spent[:3] = self._on(h, step)
                self.service["on_host_s"] += 1
                self.on_s[h][step] += 1
            else:
                kind = self.kind[h]
                mw = {BOOTING: kind.boot_mw, SHUTTING_DOWN: kind.shutdown_mw}
                cause = {BOOTING: 3, SHUTTING_DOWN: 4}.get(self.state[h], 5)
                spent[cause] = mw.get(self.state[h], kind.off_mw)
            for k, mj in enumerate(spent):
                self.host_mj[h][k] += mj
                self.step_mj[step][k] += mj
            self.site_mj[int(self.fleet.host_site[h])][step] += sum(spent)

    def _on(self, h, step):
        kind, hypervisor = self.kind[h], self.kind[h].hypervisor
        guests = [v for v in range(self.n_vms) if self.where[v] == h]
        running = 0
        for v in guests:
            gets = self._capped(v, h, step)
            stopped = self._stands(v) or (v in self.under_way and self.under_way[v].mode != "live")
            self.unmet[step] += int(self.trace.cpu_mcores[v, step]) - gets
            if stopped:
                self.unmet[step] += gets
            else:
                running += gets
        moves = sum(m.overhead_mcores for m in self.under_way.values() if h in (m.source, m.target))
        extra = moves + self._storage_mcores(h)
        load = running + len(guests) * hypervisor.per_vm_mcores
        excess = load + extra - kind.usable_mcores
        if excess > 0:
            self.service["overload_host_s"] += 1
            self.unmet[step] += min(running, excess)
        coming = [m.vm for m in self.under_way.values() if m.target == h]
        memory = sum(
            int(self.trace.memory_mib[v, step]) + hypervisor.per_vm_memory_mib for v in guests + coming
        )
        self.service["memory_overcommit_host_s"] += memory > kind.usable_memory_mib
        load += hypervisor.background_mcores
        self.busy[h][step] += min(load + extra, kind.cpu_mcores)
        hosting = bool(guests)
        idle = power_mw(kind, 0, hosting=hosting)
        plain = power_mw(kind, load, hosting=hosting)
        moving = power_mw(kind, load + extra, hosting=hosting)
        self.service["parking_mj"] += moving - power_mw(kind, load + moves, hosting=hosting)
        return idle, plain - idle, moving - plain

    # -- what only a data centre with storage and failures has ---------------------------------------

    def _in_storage(self, v):
        return False

    def _stands(self, v):
        return False

    def _storage_mcores(self, h):
        return 0

    def _finish_other(self, what, about, now):
        raise AssertionError(what)


def seconds_of(rows, n, horizon, *, nothing):
    """Return what intervals ``(index, value, start, end)`` say of each second, one tuple a second."""
    table = [[nothing] * n for _ in range(horizon)]
    for index, value, start, end in rows.tolist():
        for now in range(start, end):
            assert table[now][index] == nothing
            table[now][index] = value
    return [tuple(row) for row in table]
