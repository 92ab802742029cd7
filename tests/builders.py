"""Small fleets, traces and instances, by hand and at random.

Every builder has defaults, so that a test names only what it is about. ``random_instance`` takes a
:class:`random.Random`: seeded in a loop, or drawn by hypothesis with
``st.randoms(use_true_random=False)``, which can shrink what it drew.
"""

from __future__ import annotations

from random import Random

import numpy as np

from consolidate.migration import MoveSettings
from consolidate.model import (
    Among,
    Ban,
    Fence,
    Fleet,
    Gather,
    HostType,
    Hypervisor,
    Instance,
    Interference,
    JoulesOverHorizon,
    LinearPower,
    Lonely,
    MaxOnline,
    Placement,
    PowerControl,
    Quarantine,
    Root,
    Split,
    SplitAmong,
    Spread,
    TimeGrid,
    Trace,
    VMs,
    WattTable,
)

RESOURCES = ("cpu_demand_mcores", "memory_demand_mib")
HOUR_S = 3_600
START = np.datetime64("2024-01-01T00:00:00", "s")


def host_type(name="box", *, idle_w=100.0, max_w=200.0, power=None, hypervisor=None, **fields):
    """A host type with a linear curve: 4 cores, 8 GiB, 10 W off, cheap to boot and to shut down."""
    values = {
        "cores": 4,
        "memory_mib": 8_192,
        "off_w": 10.0,
        "boot_s": 100,
        "boot_j": 15_000.0,
        "shutdown_s": 20,
        "shutdown_j": 2_400.0,
        "nic_mbit_per_s": 1_000.0,
    }
    if power is None:
        power = WattTable.sample(LinearPower(idle_w=idle_w, max_w=max_w))
    if isinstance(hypervisor, dict):
        hypervisor = Hypervisor(**hypervisor)
    return HostType(
        name=name, power=power, hypervisor=hypervisor or Hypervisor(), **{**values, **fields}
    )


def fleet(*, types=None, kinds=(0, 0), **fields):
    """A fleet of hosts ``h0``, ``h1``, ... of the types at ``kinds``."""
    return Fleet(
        host_ids=tuple(f"h{h}" for h in range(len(kinds))),
        host_type=np.array(kinds, dtype=np.int32),
        types=tuple(types or (host_type(),)),
        **fields,
    )


def vms(n=2, *, ids=None, vcpus=2, cpu_mcores=2_000, memory_mib=2_048, dirty_mib_per_s=10.0, **fields):
    """VMs ``vm0``, ``vm1``, ...; each value is one for all or a list."""
    ids = tuple(ids or (f"vm{v}" for v in range(n)))

    def each(value, dtype):
        return np.broadcast_to(np.asarray(value, dtype=dtype), (len(ids),))

    return VMs(
        ids=ids,
        vcpus=each(vcpus, np.int32),
        cpu_mcores=each(cpu_mcores, np.int64),
        memory_mib=each(memory_mib, np.int64),
        dirty_mib_per_s=each(dirty_mib_per_s, np.float64),
        **fields,
    )


def trace(cpu_mcores, memory_mib=512, *, alive=None, step_s=300, **fields):
    """A trace of a CPU table, VM by VM; memory is one value for all or a table."""
    cpu = np.array(cpu_mcores, dtype=np.int64)
    memory = np.broadcast_to(np.asarray(memory_mib, dtype=np.int64), cpu.shape)
    there = np.ones(cpu.shape, dtype=np.bool_) if alive is None else np.array(alive, dtype=np.bool_)
    guests = fields.pop("vms", None)
    return Trace(
        vms=vms(cpu.shape[0]) if guests is None else guests,
        grid=TimeGrid(start=START, step_s=step_s, n_steps=cpu.shape[1]),
        cpu_mcores=np.where(there, cpu, 0),
        memory_mib=np.where(there, memory, 0),
        alive=there,
        **fields,
    )


def instance(
    need,
    current,
    *,
    fleet,
    load=None,
    capacity=None,
    overhead=None,
    move_mj=1_000,
    horizon_s=8 * HOUR_S,
    min_off_s=HOUR_S,
    **fields,
):
    """An instance from needs ``[(mcores, MiB), ...]`` and the present host of each VM.

    Capacity defaults to what the types leave to guests, overhead to that of the hypervisors, the mean
    load to half of the need. VMs whose present host is -1 are not active.
    """
    table = np.array(need, dtype=np.int64).reshape(-1, 2)
    n = table.shape[0]
    types = [fleet.types[k] for k in fleet.host_type]
    if capacity is None:
        capacity = [(t.usable_mcores, t.usable_memory_mib) for t in types]
    if overhead is None:
        overhead = [(t.hypervisor.per_vm_mcores, t.hypervisor.per_vm_memory_mib) for t in types]
    where = np.array(current, dtype=np.int32)
    guests = fields.pop("vms", None)
    values = {
        "resources": RESOURCES,
        "active": where >= 0,
        "movable": np.ones(n, dtype=np.bool_),
        "moves": MoveSettings(),
    }
    return Instance(
        fleet=fleet,
        vms=vms(n, vcpus=64) if guests is None else guests,
        need=table,
        capacity=np.array(capacity, dtype=np.int64),
        vm_overhead=np.array(overhead, dtype=np.int64),
        load_mcores=table[:, 0] // 2 if load is None else np.array(load, dtype=np.int64),
        current=Placement(host_of=where),
        move_mj=np.broadcast_to(np.asarray(move_mj, dtype=np.int64), (n,)),
        objective=JoulesOverHorizon(horizon_s=horizon_s, min_off_s=min_off_s),
        **{**values, **fields},
    )


# Named instances ----------------------------------------------------------------------------------


def spread_out():
    """Four equal hosts, one small VM on each: all fit on one host, three hosts can go off."""
    return instance([(500, 1_024)] * 4, [0, 1, 2, 3], fleet=fleet(kinds=(0,) * 4))


def full():
    """Two equal hosts, both too full to take anything from the other: nothing can be saved."""
    return instance([(3_000, 4_096)] * 2, [0, 1], fleet=fleet(kinds=(0, 0)))


def crowded():
    """Two equal hosts, the first over its capacity: one VM has to go, whatever it costs."""
    return instance([(3_000, 2_048)] * 2, [0, 0], fleet=fleet(kinds=(0, 0)))


# At random ----------------------------------------------------------------------------------------


def random_points(rnd: Random, *, wild=False):
    """Eleven powers in mW, rising; ``wild`` ones may fall in between."""
    idle = rnd.randint(20_000, 150_000)
    points = [idle]
    for _ in range(10):
        points.append(points[-1] + rnd.choice((0, 1, 333, 4_001, 15_000, rnd.randint(0, 40_000))))
    if wild:
        k = rnd.randint(1, 9)
        points[k] = rnd.randint(points[0] // 2, points[-1])
    return tuple(points)


def random_type(rnd: Random, name: str, *, wild=False, containers=False):
    """A host type: any curve, core speed, overhead and cost of switching."""
    points = random_points(rnd, wild=wild)
    cores, speed = rnd.choice((1, 2, 4)), rnd.choice((1.0, 0.333, 0.061, 2.66))
    reserved = rnd.choice((0, 0, int(cores * speed * 100)))
    return HostType(
        name=name,
        cores=cores,
        core_speed=speed,
        memory_mib=rnd.choice((100, 1_000, 1_337)),
        power=WattTable(points_mw=points, hosting_idle_mw=rnd.randint(points[0], points[-1])),
        off_w=rnd.choice((0.0, 7.001, 12.0)),
        boot_s=rnd.choice((0, 30, 300)),
        boot_j=0.0,
        shutdown_s=rnd.choice((10, 60)),
        shutdown_j=rnd.choice((0.0, 900.0, 9_999.0)),
        hypervisor=Hypervisor(
            kind="container_engine" if containers and rnd.random() < 0.4 else "type1",
            reserved_mcores=reserved,
            background_mcores=rnd.randint(0, reserved),
            per_vm_mcores=rnd.choice((0, 0, 7)),
            per_vm_memory_mib=rnd.choice((0, 0, 11)),
            moves=rnd.choice(
                (frozenset({"live"}), frozenset({"live", "saved_state"}), frozenset({"restart"}))
            )
            if containers
            else frozenset({"live"}),
        ),
    )


def random_rules(rnd: Random, n_vms: int, current, n_hosts: int, names):
    """A few rules of the given names over the VMs; roots name the present host."""
    rules = []
    for _ in range(rnd.randint(1, 3)):
        name = rnd.choice(names)
        members = tuple(rnd.sample(range(n_vms), min(n_vms, rnd.randint(1, 3))))
        hosts = tuple(rnd.sample(range(n_hosts), rnd.randint(1, n_hosts)))
        if name == "spread":
            rules.append(Spread(vms=members))
        elif name == "gather":
            rules.append(Gather(vms=members))
        elif name == "fence":
            rules.append(Fence(vms=members, hosts=hosts))
        elif name == "ban":
            rules.append(Ban(vms=members[:1], hosts=hosts[: n_hosts - 1] or hosts))
        elif name == "interference":
            others = members if rnd.random() < 0.3 else rnd.sample(range(n_vms), min(n_vms, 3))
            rules.append(Interference(vms=members, others=tuple(others), most=rnd.randint(0, 2)))
        elif name == "lonely":
            rules.append(Lonely(vms=members[:2]))
        elif name == "quarantine":
            rules.append(Quarantine(hosts=hosts[:1]))
        elif name == "split" and len(members) > 1:
            rules.append(Split(parts=(members[:1], members[1:])))
        elif name == "among":
            rules.append(Among(vms=members, zones=zones_of(rnd, hosts)))
        elif name == "split_among" and len(members) > 1:
            rules.append(SplitAmong(parts=(members[:1], members[1:]), zones=zones_of(rnd, hosts)))
        elif name == "max_online":
            rules.append(MaxOnline(hosts=hosts, most=rnd.randint(max(0, len(hosts) - 2), len(hosts))))
        elif name == "root":
            here = [v for v in members if current[v] >= 0]
            if here:
                rules.append(Root(vms=tuple(here), hosts=tuple(current[v] for v in here)))
    return tuple(rules)


def zones_of(rnd: Random, hosts):
    """Cut some hosts into one or two zones."""
    cut = rnd.randint(1, len(hosts))
    return tuple(zone for zone in (hosts[:cut], hosts[cut:]) if zone)


#: Rules that every policy honours.
COMMON_RULES = (
    "spread",
    "fence",
    "ban",
    "root",
    "gather",
    "interference",
    "max_online",
    "lonely",
    "quarantine",
    "split",
    "among",
    "split_among",
)


def random_instance(
    rnd: Random,
    *,
    max_vms=6,
    max_hosts=4,
    rules=(),
    odd=True,
    wild=False,
    crowded=0.15,
    horizon_s=None,
):
    """Return any small instance.

    Parameters
    ----------
    rnd
        Source of every choice.
    max_vms, max_hosts
        Largest size.
    rules
        Names of rules that may be there; empty for none.
    odd
        Whether hosts may be off, in maintenance, kept on or not to be woken, VMs immovable, inactive or
        containers.
    wild
        Whether power curves may fall with load.
    crowded
        How likely the present placement may exceed capacity.
    horizon_s
        Length of the horizon; default any from 1 s to a day.
    """
    n_hosts, n_vms = rnd.randint(1, max_hosts), rnd.randint(1, max_vms)
    types = tuple(
        random_type(rnd, f"t{k}", wild=wild and rnd.random() < 0.5, containers=odd)
        for k in range(rnd.randint(1, 3))
    )
    kinds = [rnd.randrange(len(types)) for _ in range(n_hosts)]
    on = [not odd or rnd.random() < 0.75 for _ in range(n_hosts)]
    on[rnd.randrange(n_hosts)] = True
    state = {
        "powered_on": np.array(on),
        "maintenance": np.array([odd and rnd.random() < 0.15 for _ in range(n_hosts)]),
        "power_control": np.array(
            [rnd.choice(list(PowerControl)) if odd and rnd.random() < 0.3 else 0 for _ in range(n_hosts)]
        ),
    }
    hosts = fleet(types=types, kinds=kinds, **state)
    capacity = np.array([(types[k].usable_mcores, types[k].usable_memory_mib) for k in kinds])
    overhead = np.array(
        [(types[k].hypervisor.per_vm_mcores, types[k].hypervisor.per_vm_memory_mib) for k in kinds]
    )
    room = capacity.copy()
    on_hosts = [h for h in range(n_hosts) if on[h]]
    may_crowd = rnd.random() < crowded
    need, current = [], []
    for _ in range(n_vms):
        h = rnd.choice(on_hosts)
        limit = np.maximum(capacity[h] if may_crowd else room[h] - overhead[h], 0)
        share = rnd.choice((0.1, 0.3, 0.51, 0.8))
        mine = [rnd.randint(0, max(0, int(share * int(x)))) for x in limit]
        fits = may_crowd or (mine + overhead[h] <= room[h]).all()
        if fits and not (odd and rnd.random() < 0.08):
            room[h] -= mine + overhead[h]
            current.append(h)
        else:
            current.append(-1)
        need.append(tuple(mine))
    load = [rnd.randint(0, cpu) for cpu, _ in need]
    horizon_s = horizon_s or rnd.choice((1, 600, 5 * HOUR_S, 24 * HOUR_S))
    return instance(
        need,
        current,
        fleet=hosts,
        load=load,
        capacity=capacity,
        overhead=overhead,
        horizon_s=horizon_s,
        min_off_s=rnd.choice((0, HOUR_S)),
        move_mj=[rnd.choice((0, 1, 2_000, 900_000, 50_000_000)) for _ in need],
        movable=np.array([not odd or rnd.random() < 0.9 for _ in need]),
        vms=vms(
            n_vms,
            vcpus=[rnd.choice((1, 4, 64)) if odd else 64 for _ in need],
            is_container=np.array(
                [
                    odd and h >= 0 and types[kinds[h]].hypervisor.kind == "container_engine"
                    for h in current
                ]
            ),
        ),
        rules=random_rules(rnd, n_vms, current, n_hosts, rules) if rules else (),
    )
