"""Hosts, traces and plans to replay, by hand and at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from consolidate.model import (
    Boot,
    Failures,
    Fence,
    Fleet,
    HostFailure,
    HostType,
    Hypervisor,
    Migration,
    MigrationPlan,
    Park,
    Parking,
    Placement,
    Restore,
    Save,
    Shutdown,
    Site,
    Spread,
    TimeGrid,
    Trace,
    VMs,
    Wake,
    WattTable,
)

START = np.datetime64("2024-01-01T00:00:00")


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
    rng, limits = np.random.default_rng(seed), np.random.default_rng([seed, 1])
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
                min_on_s=int(limits.choice([0, 0, 20])),
                min_off_s=int(limits.choice([0, 15, 40])),
                max_cycles_per_day=int(limits.choice([0, 1, 2])),
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


def _stored(rng, current, n_hosts, left):
    """Return VMs that a plan saves and restores, sometimes too early, from and to wherever."""
    actions = []
    for v in np.flatnonzero(rng.random(len(current.host_of)) < 0.25).tolist():
        home = int(current.host_of[v]) if rng.random() < 0.9 else int(rng.integers(n_hosts))
        start = int(rng.integers(0, left))
        common = {"vm": v, "image_mib": 70, "rate_mib_per_s": 9.0}
        more = {"overhead_mcores": int(rng.choice([0, 250]))}
        end = start + int(rng.integers(1, 12))
        if home >= 0:
            save = Save(id=2_000 + v, host=home, start_s=start, end_s=end, **common, **more)
            back = max(1, end + int(rng.integers(-3, 25)))
            host, stop = int(rng.integers(n_hosts)), back + int(rng.integers(1, 12))
            restore = Restore(id=3_000 + v, host=host, start_s=back, end_s=stop, **common, **more)
            actions += [save, restore]
    return actions


def stopping_scene(seed: int):
    """Return a random scene with VMs that are often idle, a parking policy, failures, and plans that park."""
    trace, fleet, current, plans, rules = random_scene(seed)
    rng = np.random.default_rng([seed, 2])
    n_steps, n_vms = trace.grid.n_steps, trace.n_vms
    horizon = trace.grid.duration_s
    asleep = rng.random((n_vms, n_steps)) < rng.choice([0.3, 0.8, 0.9])
    cpu = np.where(asleep & trace.alive, rng.integers(0, 12, (n_vms, n_steps)), trace.cpu_mcores)
    trace = replace(trace, cpu_mcores=cpu)
    parking = Parking(
        vms=None if rng.random() < 0.5 else tuple(np.flatnonzero(rng.random(n_vms) < 0.7).tolist()),
        threshold_fraction=0.02,
        after_s=int(rng.choice([1, trace.grid.step_s, 2 * trace.grid.step_s])),
        rule=str(rng.choice(["always", "always", "asked"])),
        write_mib_per_s=float(rng.choice([90.0, 400.5])),
        read_mib_per_s=float(rng.choice([90.0, 400.5])),
        setup_s=int(rng.integers(0, 3)),
        overhead_mcores=int(rng.choice([0, 350])),
        switch_off=bool(rng.random() < 0.7),
    )
    events, down_until = [], np.zeros(fleet.n_hosts, dtype=int)
    for at in sorted(rng.integers(0, horizon, int(rng.integers(0, 4))).tolist()):
        host = int(rng.integers(fleet.n_hosts))
        if at >= down_until[host]:
            duration = int(rng.integers(1, 40))
            events.append(HostFailure(host=host, start_s=at, duration_s=duration))
            down_until[host] = at + duration
    failures = Failures(
        events=tuple(events),
        restart_s=int(rng.integers(0, 20)),
        checkpoint_s=int(rng.choice([0, 7, 30])),
    )
    for step, plan in plans.items():
        left = horizon - step * trace.grid.step_s
        asks = [(int(v), int(rng.integers(left))) for v in rng.integers(0, n_vms, 3)]
        parks = tuple(Park(vm=v, start_s=at) for v, at in asks[:2])
        wakes = tuple(Wake(vm=v, start_s=min(at + 15, left - 1)) for v, at in asks)
        stored = _stored(np.random.default_rng([seed, 3, step]), current, fleet.n_hosts, left)
        plans[step] = replace(plan, actions=(*plan.actions, *stored), parks=parks, wakes=wakes)
    return trace, fleet, current, plans, rules, parking, failures
