"""The replay, one second at a time in plain integers, and random scenes to replay."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np

from consolidate.model import (
    Boot,
    Fence,
    Fleet,
    HostType,
    Hypervisor,
    Migration,
    MigrationPlan,
    Placement,
    PowerControl,
    Shutdown,
    Site,
    Spread,
    TimeGrid,
    Trace,
    VMs,
    WattTable,
)

CAUSES = ("idle", "load", "migration", "booting", "shutting_down", "off")
ON, BOOTING, SHUTTING_DOWN, OFF = range(4)
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
            ),
            0,
        )

    def run(self):
        for now in range(self.step_s * self.n_steps):
            self._finish(now)
            if now % self.step_s == 0:
                self._begin(now)
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
        plan = self.plans.get(step)
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
            _, end, a = due
            if a.kind == "boot":
                if self.state[a.host] == OFF:
                    self._boot(a.host, now)
            elif a.kind == "shutdown":
                used = a.host in self.where or any(m.target == a.host for m in self.under_way.values())
                if used or self.state[a.host] != ON:
                    self.service["cancelled_shutdowns"] += 1
                    self.closed.discard(a.host)
                else:
                    self.state[a.host] = SHUTTING_DOWN
                    self.service["power_cycles"] += 1
                    self.ends.append((end, "off", a.host))
            elif (
                self.where[a.vm] != a.source
                or not self.alive[a.vm]
                or a.vm in self.under_way
                or self.state[a.target] != ON
            ):
                self.service["skipped_migrations"] += 1
                self.coming.remove((a.vm, a.target))
            else:
                self.under_way[a.vm] = a
                self.ends.append((end, "arrived", a))

    def _boot(self, h, now):
        self.state[h] = BOOTING
        self.service["power_cycles"] += 1
        self.ends.append((now + self.kind[h].boot_s, "on", h))

    def _finish(self, now):
        for over in [e for e in self.ends if e[0] == now]:
            self.ends.remove(over)
            _, what, about = over
            if what == "on":
                self.state[about] = ON
            elif what == "off":
                self.state[about] = OFF
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
            h = self._emptiest(v, open_now)
            if h is not None:
                self.where[v] = h
                continue
            still.append(v)
            coming = [
                h for h in range(self.n_hosts) if self.state[h] == BOOTING and h not in self.closed
            ]
            if self._emptiest(v, coming) is None:
                asleep = [
                    h
                    for h in range(self.n_hosts)
                    if self.state[h] == OFF and self.fleet.power_control[h] != PowerControl.NO_WAKE
                ]
                h = self._emptiest(v, asleep)
                if h is not None:
                    self.closed.discard(h)
                    self._boot(h, now)
        self.waiting = still

    def _emptiest(self, v, candidates):
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
            if best is None or max(fill) < best[0]:
                best = max(fill), h
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
                    self.service["waiting_vm_s"] += 1
                    self.unmet[step] += asked
        for h in range(self.n_hosts):
            spent = [0] * len(CAUSES)
            if self.state[h] == ON:
                spent[:3] = self._on(h, step)
                self.service["on_host_s"] += 1
                self.on_s[h][step] += 1
            else:
                kind = self.kind[h]
                mw = {BOOTING: kind.boot_mw, SHUTTING_DOWN: kind.shutdown_mw, OFF: kind.off_mw}
                spent[2 + self.state[h]] = mw[self.state[h]]
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
            stopped = v in self.under_way and self.under_way[v].mode != "live"
            self.unmet[step] += int(self.trace.cpu_mcores[v, step]) - gets
            if stopped:
                self.unmet[step] += gets
            else:
                running += gets
        extra = sum(m.overhead_mcores for m in self.under_way.values() if h in (m.source, m.target))
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
        return idle, plain - idle, moving - plain


def seconds_of(rows, n, horizon, *, nothing):
    """Return what intervals ``(index, value, start, end)`` say of each second, one tuple a second."""
    table = [[nothing] * n for _ in range(horizon)]
    for index, value, start, end in rows.tolist():
        for now in range(start, end):
            assert table[now][index] == nothing
            table[now][index] = value
    return [tuple(row) for row in table]


# -- scenes ----------------------------------------------------------------------------------------


def host_type(name="plain", **more) -> HostType:
    points = more.pop("points", [50_000 + 5_000 * k for k in range(11)])
    power = WattTable(points_mw=tuple(points), hosting_idle_mw=more.pop("hosting_idle_mw", points[0]))
    given = {"cores": 4, "memory_mib": 8_000, "off_w": 5.0, "boot_s": 9, "boot_j": 900.0}
    given |= {"shutdown_s": 5, "shutdown_j": 300.0, "power": power}
    return HostType(name=name, **(given | more))


def make_fleet(types, **more) -> Fleet:
    """Return a fleet with one host of each type given."""
    return Fleet(
        host_ids=tuple(f"h{k}" for k in range(len(types))),
        host_type=np.arange(len(types)),
        types=tuple(types),
        **more,
    )


def make_trace(
    cpu, *, memory=None, alive=None, step_s=10, vcpus=4, allocated=None, container=None
) -> Trace:
    """Return a trace from demand by VM and step; -1 where a VM is not alive."""
    cpu = np.array(cpu)
    alive = cpu >= 0 if alive is None else np.array(alive)
    memory = np.full(cpu.shape, 100) if memory is None else np.array(memory)
    n = len(cpu)
    mcores, mib = allocated or (1_000, 1_000)
    return Trace(
        vms=VMs(
            ids=tuple(f"v{k}" for k in range(n)),
            vcpus=np.full(n, vcpus),
            cpu_mcores=np.broadcast_to(mcores, n),
            memory_mib=np.broadcast_to(mib, n),
            dirty_mib_per_s=np.zeros(n),
            is_container=np.zeros(n, dtype=bool) if container is None else np.array(container),
        ),
        grid=TimeGrid(start=START, step_s=step_s, n_steps=cpu.shape[1]),
        cpu_mcores=np.where(alive, cpu, 0),
        memory_mib=np.where(alive, memory, 0),
        alive=alive,
    )


def move(vm, source, target, start_s, end_s, *, mode="live", downtime_ms=0, overhead=200, number=None):
    return Migration(
        id=100 + vm if number is None else number,
        vm=vm,
        source=source,
        target=target,
        mode=mode,
        start_s=start_s,
        end_s=end_s,
        downtime_ms=downtime_ms,
        moved_mib=100,
        rate_mib_per_s=10.0,
        overhead_mcores=overhead,
    )


def make_plan(current, *actions) -> MigrationPlan:
    where = np.array(current)
    for a in actions:
        if isinstance(a, Migration):
            where[a.vm] = a.target
    return MigrationPlan(
        actions=actions, current=Placement(host_of=current), target=Placement(host_of=where)
    )


def boot(host, start_s, end_s, *, number=None):
    return Boot(id=200 + host if number is None else number, host=host, start_s=start_s, end_s=end_s)


def shutdown(host, start_s, end_s, *, number=None):
    return Shutdown(id=300 + host if number is None else number, host=host, start_s=start_s, end_s=end_s)


def random_scene(seed: int):
    """Return trace, fleet, placement, plans by step and rules, full of things that go wrong."""
    rng = np.random.default_rng(seed)
    n_hosts, n_vms = int(rng.integers(2, 6)), int(rng.integers(2, 10))
    n_steps, step_s = int(rng.integers(2, 7)), int(rng.integers(3, 25))
    kinds = []
    for k in range(n_hosts):
        container = rng.random() < 0.2
        reserved = int(rng.choice([0, 300]))
        boot_s, shutdown_s = int(rng.choice([0, 1, 7, 30])), int(rng.choice([0, 2, 11]))
        points = rng.integers(40_000, 90_000) + np.cumsum(rng.integers(-500, 9_000, 11))
        kinds.append(
            host_type(
                f"t{k}",
                points=np.append(points[:10], max(points)).tolist(),
                hosting_idle_mw=int(points[0] + rng.integers(0, 3_000)),
                cores=int(rng.integers(1, 5)),
                core_speed=float(rng.choice([1.0, 0.7, 1.86])),
                memory_mib=int(rng.integers(1_500, 5_000)),
                boot_s=boot_s,
                boot_j=boot_s * 61.003,
                shutdown_s=shutdown_s,
                shutdown_j=shutdown_s * 57.001,
                cpu_allocation_ratio=float(rng.choice([1.0, 4.0])),
                hypervisor=Hypervisor(
                    kind="container_engine" if container else "type1",
                    reserved_mcores=reserved,
                    background_mcores=int(rng.integers(0, reserved + 1)),
                    reserved_memory_mib=int(rng.choice([0, 100])),
                    per_vm_mcores=int(rng.choice([0, 20])),
                    per_vm_memory_mib=int(rng.choice([0, 50])),
                ),
            )
        )
    n_sites = int(rng.integers(1, 3))
    powered = rng.random(n_hosts) > 0.3
    fleet = make_fleet(
        kinds,
        sites=tuple(Site(name=f"s{k}") for k in range(n_sites)),
        host_site=rng.integers(0, n_sites, n_hosts),
        power_control=rng.choice([0, 0, 1, 2], n_hosts),
        maintenance=rng.random(n_hosts) < 0.15,
        powered_on=powered,
    )
    born = np.where(rng.random(n_vms) < 0.6, 0, rng.integers(0, n_steps, n_vms))
    gone = np.where(rng.random(n_vms) < 0.6, n_steps, rng.integers(1, n_steps + 1, n_vms))
    steps = np.arange(n_steps)
    alive = (steps >= born[:, None]) & (steps < gone[:, None])
    trace = make_trace(
        rng.integers(0, 2_500, (n_vms, n_steps)),
        memory=rng.integers(0, 1_500, (n_vms, n_steps)),
        alive=alive,
        step_s=step_s,
        vcpus=rng.integers(1, 4, n_vms),
        allocated=(rng.integers(100, 2_000, n_vms), rng.integers(100, 1_500, n_vms)),
        container=rng.random(n_vms) < 0.2,
    )
    lit = np.flatnonzero(powered)
    here = (born == 0) & (rng.random(n_vms) < 0.9) & (lit.size > 0)
    where = np.where(here, rng.choice(lit, n_vms) if lit.size else -1, -1)
    rules = []
    if n_vms > 2:
        rules.append(Spread(vms=tuple(rng.choice(n_vms, 3, replace=False).tolist())))
        inside = tuple(rng.choice(n_hosts, 2, replace=False).tolist())
        rules.append(Fence(vms=(int(rng.integers(n_vms)),), hosts=inside))
    horizon = n_steps * step_s
    plans = {0: _random_plan(rng, where, n_hosts, kinds, horizon)}
    if rng.random() < 0.4 and n_steps > 2:
        plans[2] = _random_plan(rng, where, n_hosts, kinds, horizon - 2 * step_s)
    return trace, fleet, Placement(host_of=where), plans, tuple(rules)


def _random_plan(rng, where, n_hosts, kinds, horizon):
    actions = []
    for h in range(n_hosts):
        if rng.random() < 0.4:
            start = int(rng.integers(0, horizon))
            actions.append(boot(h, start, start + kinds[h].boot_s))
        if rng.random() < 0.4:
            start = int(rng.integers(0, horizon))
            actions.append(shutdown(h, start, start + kinds[h].shutdown_s))
    for v, home in enumerate(where.tolist()):
        here, now = home, 0
        for hop in range(int(rng.integers(0, 3))):
            if here < 0:
                break
            start = now + int(rng.integers(0, horizon // 2))
            now = start + int(rng.integers(1, horizon // 2 + 2))
            target = int(rng.integers(n_hosts))
            if target == here:
                continue
            mode = str(rng.choice(["live", "live", "saved_state", "restart"]))
            stop = int(rng.integers(0, 700)) if mode == "live" else 1_000 * (now - start)
            actions.append(
                move(
                    v,
                    here,
                    target,
                    start,
                    now,
                    mode=mode,
                    downtime_ms=stop,
                    overhead=int(rng.integers(0, 500)),
                    number=1_000 + 10 * v + hop,
                )
            )
            here = target
    return make_plan(where, *actions)
