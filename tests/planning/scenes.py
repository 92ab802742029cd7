"""Small placement problems by hand and by seed, and the slow, obvious way to carry out a plan."""

from __future__ import annotations

import dataclasses

import numpy as np

from consolidate.migration import MoveSettings
from consolidate.model import (
    Fence,
    Fleet,
    HostType,
    Hypervisor,
    Instance,
    JoulesOverHorizon,
    LinearPower,
    Placement,
    PowerControl,
    Spread,
    VMs,
    WattTable,
)

RESOURCES = ("cpu_demand_mcores", "memory_demand_mib")
POWER = WattTable.sample(LinearPower(idle_w=100, max_w=200))


def host(cpu=10_000, memory=10_000, *, on=True, control=PowerControl.MANAGED, maintenance=False, **more):
    """Return what :func:`scene` needs to know of a host."""
    return {
        "capacity": (cpu, memory),
        "on": on,
        "control": control,
        "maintenance": maintenance,
        "modes": frozenset(more.pop("modes", {"live"})),
        "kind": more.pop("kind", "type1"),
        "per_vm": more.pop("per_vm", (0, 0)),
        "nic": more.pop("nic", 10_000.0),
        "boot_s": more.pop("boot_s", 20),
        "shutdown_s": more.pop("shutdown_s", 10),
        **more,
    }


def vm(cpu=1_000, memory=1_000, *, dirty=0.0, container=False, movable=True, active=True):
    """Return what :func:`scene` needs to know of a VM."""
    return {
        "need": (cpu, memory),
        "dirty": dirty,
        "container": container,
        "movable": movable,
        "active": active,
    }


def scene(hosts, vms, current, *, rules=(), moves=None, horizon_s=86_400, ids=None) -> Instance:
    """Build an instance; every host is of a type of its own."""
    types = tuple(
        HostType(
            name=f"type-{k}",
            cores=64,
            memory_mib=10**6,
            power=POWER,
            boot_s=h["boot_s"],
            shutdown_s=h["shutdown_s"],
            nic_mbit_per_s=h["nic"],
            hypervisor=Hypervisor(kind=h["kind"], moves=h["modes"]),
        )
        for k, h in enumerate(hosts)
    )
    fleet = Fleet(
        host_ids=tuple(f"N{k + 1}" for k in range(len(hosts))),
        host_type=np.arange(len(hosts)),
        types=types,
        power_control=np.array([h["control"] for h in hosts]),
        maintenance=np.array([h["maintenance"] for h in hosts]),
        powered_on=np.array([h["on"] for h in hosts]),
    )
    n = len(vms)
    need = np.array([v["need"] for v in vms], dtype=np.int64)
    return Instance(
        fleet=fleet,
        vms=VMs(
            ids=tuple(ids or (f"V{k + 1}" for k in range(n))),
            vcpus=np.full(n, 32),
            cpu_mcores=np.maximum(need[:, 0], 1),
            memory_mib=need[:, 1],
            dirty_mib_per_s=np.array([v["dirty"] for v in vms]),
            is_container=np.array([v["container"] for v in vms]),
        ),
        resources=RESOURCES,
        need=need,
        capacity=np.array([h["capacity"] for h in hosts]),
        vm_overhead=np.array([h["per_vm"] for h in hosts]),
        load_mcores=need[:, 0] // 2,
        current=Placement(host_of=np.array(current)),
        active=np.array([v["active"] for v in vms]),
        movable=np.array([v["movable"] for v in vms]),
        move_mj=np.ones(n, dtype=np.int64),
        rules=tuple(rules),
        objective=JoulesOverHorizon(horizon_s=horizon_s),
        moves=moves or MoveSettings(),
    )


def to(*hosts) -> Placement:
    return Placement(host_of=np.array(hosts))


def with_helper(instance: Instance, space: dict[str, int], like: int) -> Instance:
    """Return the problem with one further host of exactly this free space, open to every VM."""
    fleet = instance.fleet
    bigger = Fleet(
        host_ids=(*fleet.host_ids, "spare"),
        types=fleet.types,
        host_type=np.append(fleet.host_type, fleet.host_type[like]),
        power_control=np.append(fleet.power_control, PowerControl.MANAGED),
        maintenance=np.append(fleet.maintenance, False),
        powered_on=np.append(fleet.powered_on, True),
    )
    rules = tuple(
        dataclasses.replace(r, hosts=(*r.hosts, fleet.n_hosts)) if isinstance(r, Fence) else r
        for r in instance.rules
    )
    return dataclasses.replace(
        instance,
        fleet=bigger,
        capacity=np.vstack([instance.capacity, [space[r] for r in instance.resources]]),
        vm_overhead=np.vstack([instance.vm_overhead, instance.vm_overhead[like]]),
        rules=rules,
    )


# -- the slow, obvious way -------------------------------------------------------------------------


def carry_out(instance: Instance, plan, end_s: int | None = None) -> list[int]:
    """Carry out a plan second by second and assert everything that must hold; return where VMs end.

    A VM that moves is on both hosts from the first to the last second of its move; one that is saved is on
    its host until that has ended, then in storage (-2), and on its new host from the start of its restoring.
    Stopping at ``end_s`` leaves moves under way where they are: at their source.
    """
    fleet, moves = instance.fleet, instance.moves
    types = [fleet.types[k] for k in fleet.host_type]
    where = places(instance)
    saved_on = instance.current.saved_on.tolist()
    state = ["on" if on else "off" for on in fleet.powered_on]
    until = [0] * fleet.n_hosts
    under_way: list = []
    before = None
    stop = plan.makespan_s + 1 if end_s is None else end_s
    for now in range(stop):
        for move in [m for m in under_way if m.end_s == now]:
            under_way.remove(move)
            where[move.vm] = goal(move)
        for h in range(fleet.n_hosts):
            if state[h] in ("booting", "shutting down") and until[h] == now:
                state[h] = "on" if state[h] == "booting" else "off"
        for action in [a for a in plan.actions if a.start_s == now]:
            if action.kind == "boot":
                assert state[action.host] == "off"
                assert fleet.power_control[action.host] != PowerControl.NO_WAKE
                assert action.end_s - now == types[action.host].boot_s
                state[action.host] = "booting" if action.end_s > now else "on"
                until[action.host] = action.end_s
            elif action.kind in ("migration", "save", "restore"):
                if action.kind == "save":
                    saved_on[action.vm] = action.host
                assert where[action.vm] == origin(action)
                assert all(m.vm != action.vm for m in under_way)
                assert action.end_s > now
                under_way.append(action)
        for action in [a for a in plan.actions if a.start_s == now and a.kind == "shutdown"]:
            h = action.host
            assert state[h] == "on"
            assert h not in where
            assert all(h not in (origin(m), goal(m)) for m in under_way)
            assert action.end_s - now == types[h].shutdown_s
            state[h], until[h] = ("shutting down" if action.end_s > now else "off"), action.end_s
        held = _held(instance, where, under_way)
        for move in under_way:
            ends = {origin(move), goal(move)} - {STORED}
            assert all(state[h] == "on" for h in ends), f"{move} at {now} s"
        for h in range(fleet.n_hosts):
            assert sum(origin(m) == h for m in under_way) <= moves.moves_out
            assert sum(goal(m) == h for m in under_way) <= moves.moves_in
            assert not held[h] or state[h] == "on"
            _assert_room(instance, held[h], h, None if before is None else before[h])
        _assert_storage(instance, under_way, saved_on)
        _assert_rules(instance, held, before)
        before = held
    return where


STORED = -2
MOVING = ("migration", "save", "restore")


def places(instance) -> list[int]:
    """Return the host of each VM, STORED for one in storage, -1 for nowhere."""
    rows = zip(instance.current.host_of.tolist(), instance.current.saved_on.tolist(), strict=True)
    return [STORED if saved >= 0 else h for h, saved in rows]


def origin(action) -> int:
    """Return where an action takes its VM from."""
    if action.kind == "migration":
        return action.source
    return action.host if action.kind == "save" else STORED


def goal(action) -> int:
    """Return where an action brings its VM to."""
    if action.kind == "migration":
        return action.target
    return action.host if action.kind == "restore" else STORED


def _held(instance, where, under_way) -> list[set[int]]:
    held: list[set[int]] = [set() for _ in range(instance.fleet.n_hosts)]
    for v, h in enumerate(where):
        if h >= 0:
            held[h].add(v)
    for move in under_way:
        if goal(move) != STORED:
            held[goal(move)].add(move.vm)
    return held


def _assert_room(instance, vms, h, before) -> None:
    """A host is within its capacity, or only loses VMs."""
    for r in range(len(instance.resources)):
        used = sum(int(instance.need[v, r] + instance.vm_overhead[h, r]) for v in vms)
        if used > instance.capacity[h, r]:
            assert before is None or vms <= before, f"host {h} holds {used}"


def _assert_storage(instance, under_way, saved_on) -> None:
    """What is written to the storage of a site, and read from it, is no more than that gives."""
    drawn = [0.0] * len(instance.fleet.sites)
    for move in under_way:
        if move.kind != "migration" or move.mode == "saved_state":
            host = saved_on[move.vm] if move.kind == "restore" else origin(move)
            drawn[instance.fleet.host_site[host]] += move.rate_mib_per_s
    assert max(drawn) <= instance.moves.storage_mib_per_s * (1 + 1e-6)


def _assert_rules(instance, held, before) -> None:
    for rule in instance.rules:
        if not rule.continuous:
            continue
        for h, vms in enumerate(held):
            mine = vms.intersection(rule.vms)
            if isinstance(rule, Spread):
                assert len(mine) < 2 or (before is None or mine <= before[h])
            elif isinstance(rule, Fence):
                assert not mine or h in rule.hosts


def in_order_of_dependencies(instance: Instance, plan, seed: int) -> list[int]:
    """Carry out a plan by its dependencies alone, with made-up durations; return where VMs end.

    Slots for moves aside, whatever waits for all that it names in ``after`` must be possible.
    """
    rng = np.random.default_rng(seed)
    waiting, running = list(plan.actions), []
    done: set[int] = set()
    where = places(instance)
    on = {int(h) for h in np.flatnonzero(instance.fleet.powered_on)}
    now = 0
    while waiting or running:
        for entry in [e for e in running if e[0] <= now]:
            running.remove(entry)
            action = entry[1]
            done.add(action.id)
            if action.kind in MOVING:
                where[action.vm] = goal(action)
            elif action.kind == "boot":
                on.add(action.host)
        for action in [a for a in waiting if done.issuperset(a.after)]:
            waiting.remove(action)
            running.append((now + int(rng.integers(1, 50)), action))
            under_way = [a for _, a in running if a.kind in MOVING]
            if action.kind in MOVING:
                assert where[action.vm] == origin(action)
                assert {origin(action), goal(action)} - {STORED} <= on
                if action.kind != "save":
                    vms = _held(instance, where, under_way)[goal(action)]
                    _assert_room(instance, vms, goal(action), vms - {action.vm})
            elif action.kind == "shutdown":
                assert action.host not in where
                assert all(action.host != goal(m) for m in under_way)
                on.discard(action.host)
        assert running or not waiting, "nothing can go on"
        now = min((end for end, _ in running), default=now)
    return where


# -- by seed ---------------------------------------------------------------------------------------


def random_problem(seed: int) -> tuple[Instance, Placement] | None:
    """Return a tight problem and a feasible target, or nothing when none was drawn."""
    rng = np.random.default_rng(seed)
    n_hosts, n_vms = int(rng.integers(2, 7)), int(rng.integers(2, 16))
    memory = rng.integers(1, 6, n_vms) * 500
    size = int(memory.sum() * rng.uniform(1.05, 1.9) / n_hosts) + 1
    hosts = [
        host(
            cpu=int(rng.integers(4, 10)) * 1_000,
            memory=int(size * rng.uniform(0.8, 1.5)),
            on=rng.random() > 0.2,
            control=PowerControl(int(rng.choice([0, 0, 0, 1, 2]))),
            maintenance=rng.random() < 0.08,
            modes=rng.choice(["live", "live saved_state", "live saved_state", "saved_state"]).split(),
            per_vm=(0, int(rng.choice([0, 0, 30]))),
            nic=float(rng.choice([1_000, 10_000])),
            boot_s=int(rng.integers(0, 30)),
            shutdown_s=int(rng.integers(0, 15)),
        )
        for _ in range(n_hosts)
    ]
    vms = [
        vm(
            cpu=int(rng.integers(1, 20)) * 100,
            memory=int(memory[k]),
            dirty=float(rng.choice([0, 5, 40, 5_000], p=[0.4, 0.3, 0.25, 0.05])),
            movable=rng.random() > 0.05,
        )
        for k in range(n_vms)
    ]
    rules = []
    for continuous in (True, False):
        if rng.random() < 0.35 and n_vms >= 3:
            mates = rng.choice(n_vms, size=min(int(rng.integers(2, 4)), n_hosts), replace=False)
            rules.append(Spread(vms=tuple(mates.tolist()), continuous=continuous))
    if rng.random() < 0.2:
        inside = rng.choice(n_hosts, size=max(2, n_hosts - 1), replace=False)
        rules.append(Fence(vms=(int(rng.integers(n_vms)),), hosts=tuple(inside.tolist())))
    lit = [h for h in range(n_hosts) if hosts[h]["on"]]
    current = lit and _draw(rng, hosts, vms, rules, [lit] * n_vms)
    if not current:
        return None
    moves = MoveSettings(
        moves_in=int(rng.integers(1, 3)),
        moves_out=int(rng.integers(1, 3)),
        # So dear that nobody is stopped where moves alone will do.
        downtime_j_per_s=1e6 if seed % 4 else None,
    )
    instance = scene(hosts, vms, current, rules=rules, moves=moves)
    mask_of, masks = instance.host_masks()
    allowed = [np.flatnonzero(masks[mask_of[v]]).tolist() for v in range(n_vms)]
    target = _draw(rng, hosts, vms, rules, allowed)
    if target is None:
        return None
    return instance, to(*target)


def tight(rng, moves=None) -> tuple[Instance, Placement] | None:
    """Return ten VMs on four hosts that are nearly full, before and after; ``None`` where that does not fit."""
    memory = rng.integers(1, 9, 10) * 400
    hosts = [host(memory=int(memory.sum() * rng.uniform(0.32, 0.45))) for _ in range(4)]
    vms = [vm(memory=int(m)) for m in memory]
    current, target = (_draw(rng, hosts, vms, [], [[0, 1, 2, 3]] * 10) for _ in range(2))
    if current is None or target is None:
        return None
    return scene(hosts, vms, current, moves=moves), to(*target)


def _draw(rng, hosts, vms, rules, allowed) -> list[int] | None:
    for _ in range(30):
        room = [list(h["capacity"]) for h in hosts]
        where = [-1] * len(vms)
        for v in rng.permutation(len(vms)).tolist():
            for h in rng.permutation(allowed[v]).tolist():
                need = [a + b for a, b in zip(vms[v]["need"], hosts[h]["per_vm"], strict=True)]
                where[v] = h
                fits = all(n <= r for n, r in zip(need, room[h], strict=True))
                if fits and not any(r.violations(to(*where)) for r in rules):
                    room[h] = [r - n for n, r in zip(need, room[h], strict=True)]
                    break
                where[v] = -1
            else:
                break
        if -1 not in where:
            return where
    return None
