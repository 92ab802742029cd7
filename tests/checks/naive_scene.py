"""The scene of the oracle: hosts, VMs, demand, rules, and the arithmetic of single things.

Plain Python on lists; it shares nothing with the package. There are three host types, every power
control, every mode of moving, an arrival that waits and a VM that leaves during the replay.
"""

from __future__ import annotations

import math

STEP_S, STEPS, REPLAY = 60, 9, (3, 9)
T = (REPLAY[1] - REPLAY[0]) * STEP_S
HORIZON_S, MIN_OFF_S = 7_200, 3_600
START = 1_299_110_400  # 2011-03-03T00:00:00Z
RESOURCES = ["cpu_demand_mcores", "memory_demand_mib", "cpu_allocation_mcores", "memory_allocation_mib"]
CAUSES = ["idle_mj", "load_mj", "migration_mj", "booting_mj", "shutting_down_mj", "off_mj"]
STATE_NAMES = ["on", "booting", "shutting_down", "off"]
MOVES = {
    "bandwidth_fraction": 0.4,
    "moves_in": 1,
    "moves_out": 1,
    "downtime_limit_s": 0.3,
    "max_rounds": 30,
    "working_set_fraction": 0.3,
    "setup_s": 1.0,
    "cores_per_10_gbit": 1.0,
    "storage_mib_per_s": 500.0,
    "restart_s": 10.0,
    "moves_per_host": 0,
    "moves_at_once": 0,
    "uplink_mbit_per_s": 0.0,
}


def host_type(name, cores, speed, memory, points, **more):
    reserved = more.pop("reserved", (0, 0))
    per_vm = more.pop("per_vm", (0, 0))
    cpu = int(cores * speed * 1_000)
    return {
        "name": name,
        "cores": cores,
        "core_speed": speed,
        "memory_mib": memory,
        "cpu_mcores": cpu,
        "core_mcores": int(speed * 1_000),
        "usable_mcores": cpu - reserved[0],
        "usable_memory_mib": memory - reserved[1],
        "points_mw": points,
        "hosting_idle_mw": more.pop("hosting_idle_mw"),
        "power_source": "made up",
        "off_mw": more.pop("off_mw", 7_001),
        "boot_s": more.pop("boot_s", 20),
        "boot_mw": more.pop("boot_mw", 99_503),
        "shutdown_s": more.pop("shutdown_s", 10),
        "shutdown_mw": more.pop("shutdown_mw", 89_401),
        "nic_mbit_per_s": more.pop("nic", 1_000.0),
        "cpu_allocation_ratio": 4.0,
        "memory_allocation_ratio": 1.1,
        "embodied_kg": None,
        "hypervisor": {
            "kind": more.pop("kind", "type1"),
            "reserved_mcores": reserved[0],
            "reserved_memory_mib": reserved[1],
            "per_vm_mcores": per_vm[0],
            "per_vm_memory_mib": per_vm[1],
            "background_mcores": more.pop("background", 0),
            "moves": more.pop("moves", ["live", "saved_state"]),
        },
    }


TYPES = [
    host_type(
        "small",
        4,
        1.0,
        8_192,
        [60_001, 70_003, 77_000, 83_500, 90_000, 96_000, 101_000, 107_000, 114_000, 120_500, 128_007],
        hosting_idle_mw=63_005,
        reserved=(200, 512),
        per_vm=(20, 16),
        background=100,
    ),
    host_type(
        "big",
        8,
        1.5,
        16_384,
        [
            90_000,
            101_000,
            111_000,
            119_999,
            130_001,
            141_000,
            150_000,
            162_000,
            175_000,
            190_000,
            211_013,
        ],
        hosting_idle_mw=95_501,
        boot_s=30,
        shutdown_s=15,
        nic=10_000.0,
        off_mw=9_003,
    ),
    host_type(
        "engine",
        4,
        1.0,
        4_096,
        [40_000, 44_000, 48_000, 52_000, 56_000, 60_000, 64_000, 68_000, 72_000, 76_000, 80_003],
        hosting_idle_mw=41_000,
        kind="container_engine",
        moves=["restart"],
    ),
]
# name, type, power control, maintenance, on
HOSTS = [
    ("h0", 0, "managed", False, True),
    ("h1", 0, "managed", False, True),
    ("h2", 1, "managed", False, True),
    ("h3", 1, "managed", False, False),
    ("h4", 0, "keep_on", False, True),
    ("h5", 0, "no_wake", False, False),
    ("h6", 0, "managed", True, True),
    ("h7", 2, "managed", False, True),
    ("h8", 2, "managed", False, True),
]
# name, kind, vcpus, cpu allocation, memory allocation, dirty rate, current host, target host
VMS = [
    ("web-a", "vm", 2, 2_000, 1_024, 5.0, 0, 3),
    ("web-b", "vm", 2, 2_000, 1_024, 5.0, 0, 2),
    ("db-c", "vm", 4, 4_000, 2_048, 400.0, 1, 2),
    ("job-d", "container", 2, 2_000, 512, 0.0, 7, 8),
    ("store-e", "vm", 1, 1_000, 1_024, 5.0, 4, 4),
    ("old-f", "vm", 4, 1_000, 1_024, 5.0, 6, 6),
    ("old-g", "vm", 1, 1_000, 1_024, 5.0, 6, 6),
    ("pin-p", "vm", 1, 1_000, 512, 5.0, 2, 2),
    ("gone-y", "vm", 1, 1_000, 512, 5.0, 2, 2),
    ("new-z", "vm", 4, 3_500, 4_096, 5.0, -1, -1),
]
NEW, GONE, PINNED, JOB, DB = 9, 8, 7, 3, 2
RULES = [
    {"name": "spread", "vms": [0, 1], "continuous": False},
    {"name": "spread", "vms": [0, 7], "continuous": True},
    {"name": "fence", "vms": [4], "hosts": [4], "continuous": True},
    {"name": "ban", "vms": [2], "hosts": [3], "continuous": True},
    {"name": "root", "vms": [4], "hosts": [4], "continuous": True},
    {"name": "gather", "vms": [5, 6], "continuous": True},
]


def alive(v, step):
    if v == NEW:
        return step >= REPLAY[0] + 2
    return step < REPLAY[0] + 4 if v == GONE else True


def demand(v, step):
    """CPU and memory; web-b asks for more than its cores, old-f and old-g for more than their host."""
    if v == 1 and step >= REPLAY[0]:
        return 2_300, 700 + 10 * step
    if v == NEW:
        return 3_500, 3_000
    if v == 5 and step in (6, 7):
        return 3_700, 300
    if v == 6 and step in (7, 8):
        return 999, 7_500
    return 150 + 37 * v + 41 * ((step * (v + 3)) % 7), 200 + 20 * v + 8 * step + (
        1_500 if v == DB else 0
    )


#: MiB/s that a move gets, by Mbit/s of the slower interface.
SPEED = {1_000.0: 1_000 * 0.4 * 1e6 / 8 / 1_048_576, 10_000.0: 10_000 * 0.4 * 1e6 / 8 / 1_048_576}


def least_move(v, source, target):
    """Mode, seconds, downtime in ms, MiB, rate and overhead of a move: the textbook, once more."""
    one, other = TYPES[HOSTS[source][1]], TYPES[HOSTS[target][1]]
    modes = set(one["hypervisor"]["moves"]) & set(other["hypervisor"]["moves"])
    if "restart" in modes:
        return "restart", 10, 10_000, 0, 0.0, 0
    nic = min(one["nic_mbit_per_s"], other["nic_mbit_per_s"])
    rate, memory, dirty = SPEED[nic], needs(v)[1], VMS[v][5]
    overhead = math.ceil(nic * 0.4 / 10_000 * 1_000)
    send, sent = memory, 0.0
    for _ in range(30):
        sent += send
        send = min(0.3 * memory, dirty * send / rate)
        if send <= rate * 0.3:
            seconds = math.ceil((sent + send) / rate + 1.0)
            return (
                "live",
                seconds,
                math.ceil(send / rate * 1_000),
                math.ceil(sent + send),
                rate,
                overhead,
            )
    seconds = math.ceil(2 * memory / min(rate, 500.0) + 1.0)
    return "saved_state", seconds, seconds * 1_000, 2 * memory, min(rate, 500.0), overhead


def needs(v):
    """Needs by resource, and mean load: maximum and mean of the sizing window."""
    seen = [demand(v, s) for s in range(REPLAY[0]) if alive(v, s)]
    cpu = max((c for c, _ in seen), default=VMS[v][3])
    memory = max((m for _, m in seen), default=VMS[v][4])
    load = sum(c for c, _ in seen) // len(seen) if seen else cpu
    return _Need([cpu, memory, VMS[v][3], VMS[v][4]], load)


class _Need(list):
    """Needs by resource; the mean load rides along."""

    def __init__(self, values, load):
        super().__init__(values)
        self.load = load


def move_mj(v):
    return 12_345 + 100 * v


def active(v):
    return v != NEW


def capacity(h):
    kind = TYPES[HOSTS[h][1]]
    return [
        kind["usable_mcores"] * 9 // 10,
        kind["usable_memory_mib"],
        kind["usable_mcores"] * 4,
        kind["usable_memory_mib"] * 11 // 10,
    ]


def overhead(h):
    hypervisor = TYPES[HOSTS[h][1]]["hypervisor"]
    return [hypervisor["per_vm_mcores"], hypervisor["per_vm_memory_mib"]] * 2


def power(kind, load, *, hosting):
    points = [kind["hosting_idle_mw"] if hosting else kind["points_mw"][0], *kind["points_mw"][1:]]
    cpu = kind["cpu_mcores"]
    load = min(load, cpu)
    s = min(10 * load // cpu, 9)
    r = 10 * load - s * cpu
    return points[s] + (2 * (points[s + 1] - points[s]) * r + cpu) // (2 * cpu)


def may_go_off(h):
    _, _, control, maintenance, on = HOSTS[h]
    return control == "managed" and not maintenance and on


def site(h):
    return 0 if h < 3 else 1
