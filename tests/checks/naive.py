"""The obvious way: a run folder written row by row, and second by second added up.

Everything here is slow, plain Python on lists, and shares nothing with the package: it is the oracle of the
checks. The scene has three host types, every power control, every mode of moving, an arrival that waits and
a VM that leaves during the replay.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq

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
    """CPU and memory; web-b asks for more than its two cores, old-f and old-g for more than their host."""
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


def breakdown(where, *, do_nothing=False):
    out = dict.fromkeys(["on_mj", "off_mj", "boot_mj", "shutdown_mj", "migration_mj"], 0)
    for h, (_, t, _, _, on) in enumerate(HOSTS):
        kind, guests = TYPES[t], [v for v in range(len(VMS)) if where[v] == h]
        load = kind["hypervisor"]["background_mcores"]
        for v in guests:
            load += needs(v).load + kind["hypervisor"]["per_vm_mcores"]
        if guests or (on and (do_nothing or not may_go_off(h))):
            out["on_mj"] += HORIZON_S * power(kind, load, hosting=bool(guests))
            out["boot_mj"] += 0 if on else kind["boot_mw"] * kind["boot_s"]
        else:
            out["off_mj"] += HORIZON_S * kind["off_mw"]
            out["shutdown_mj"] += kind["shutdown_mw"] * kind["shutdown_s"] if on else 0
    out["migration_mj"] = sum(
        move_mj(v) for v, row in enumerate(VMS) if where[v] >= 0 and where[v] != row[6] >= 0
    )
    return out


def certificate_value(scale, rows, b):
    """The formula of the run-folder reference, load by load and host by host.

    ``rows`` are tuples of resource, numerator, denominator and multiplier.
    """
    total = 0
    members = [v for v in range(len(VMS)) if active(v)]
    for h, (_, t, control, maintenance, on) in enumerate(HOSTS):
        kind = TYPES[t]
        background = kind["hypervisor"]["background_mcores"]
        off = HORIZON_S * kind["off_mw"] + (kind["shutdown_mw"] * kind["shutdown_s"] if on else 0)
        empty = HORIZON_S * power(kind, background, hosting=False)
        stay = sum(move_mj(v) for v in members if VMS[v][6] == h)
        cover = sum(a * (capacity(h)[r] * n // d) for r, n, d, a in rows)
        boot = 0 if on else kind["boot_mw"] * kind["boot_s"]
        m = min(
            scale * (HORIZON_S * power(kind, load + background, hosting=True) + boot - stay)
            - b * load
            - cover
            for load in range(capacity(h)[0] + 1)
        )
        without = scale * (off if may_go_off(h) or not on else empty)
        usable = ((on or control != "no_wake") and not maintenance) or any(
            VMS[v][6] == h for v in members
        )
        total += min(without, m) if usable else without
    total += scale * sum(move_mj(v) for v in members)
    total += sum(a * sum(needs(v)[r] * n // d for v in members) for r, n, d, a in rows)
    total += b * sum(needs(v).load for v in members)
    return total // scale


def certificate_row(resource, numerator, denominator, multiplier):
    return {
        "resource": resource,
        "numerator": numerator,
        "denominator": denominator,
        "multiplier": multiplier,
    }


def make_plan():
    """Boot h3; every move when its hosts are free; shutdowns once hosts are empty."""
    rows, ends = [], {}

    def add(kind, target, start, end, **more):
        rows.append({"action_id": len(rows) + 1, "kind": kind, "target": target, "start_s": start, "end_s": end,
                     "after": "", **more})  # fmt: skip
        return len(rows)

    def move(v, source, target, start, after=""):
        mode, seconds, downtime_ms, mib, rate, over = least_move(v, source, target)
        k = add("migration", target, start, start + seconds, vm=v, source=source, mode=mode,
                downtime_s=downtime_ms / 1_000, moved_mib=mib, rate_mib_per_s=rate, overhead_mcores=over,
                parking=False)  # fmt: skip
        rows[-1]["after"] = after
        ends[v] = start + seconds
        return k

    boot = add("boot", 3, 0, 30)
    b = move(1, 0, 2, 0)
    a = move(0, 0, 3, 30, after=f"{boot} {b}")
    c = move(DB, 1, 2, ends[1], after=str(b))
    d = move(JOB, 7, 8, 5)
    for host, after, start, seconds in (
        (0, f"{a} {b}", max(ends[0], ends[1]), 10),
        (1, str(c), ends[DB], 10),
        (7, str(d), ends[JOB], 10),
    ):
        add("shutdown", host, start, start + seconds)
        rows[-1]["after"] = after
    return sorted(rows, key=lambda r: (r["start_s"], r["action_id"]))


def make_arm(label, plan):
    """States, residencies and moves of an arm that executes ``plan`` (nothing for the baseline)."""
    states, stays, moves = [], [], []
    for h, row in enumerate(HOSTS):
        changes = [(0, "on" if row[4] else "off")]
        for action in plan:
            if action["kind"] == "boot" and action["target"] == h:
                changes += [(action["start_s"], "booting"), (action["end_s"], "on")]
            if action["kind"] == "shutdown" and action["target"] == h:
                changes += [(action["start_s"], "shutting_down"), (action["end_s"], "off")]
        ends = [t for t, _ in changes[1:]] + [T]
        states += [
            {"host": h, "state": s, "start_s": t, "end_s": e}
            for (t, s), e in zip(changes, ends, strict=True)
            if t < e
        ]
    for v, row in enumerate(VMS):
        begin, end = (120 if v == NEW else 0), (240 if v == GONE else T)
        changes = [(begin, row[6])]
        if v == NEW:
            changes = [(120, -1), (145, 2)]
        for action in plan:
            if action["kind"] == "migration" and action["vm"] == v:
                changes.append((action["end_s"], action["target"]))
                moves.append(
                    {
                        key: action[key]
                        for key in (
                            "vm",
                            "source",
                            "target",
                            "mode",
                            "start_s",
                            "end_s",
                            "overhead_mcores",
                        )
                    }
                    | {"downtime_ms": round(action["downtime_s"] * 1_000)}
                )
        ends = [t for t, _ in changes[1:]] + [end]
        stays += [
            {"vm": v, "host": h, "start_s": t, "end_s": e}
            for (t, h), e in zip(changes, ends, strict=True)
        ]
    arm = SimpleNamespace(label=label, states=states, stays=stays, moves=moves)
    simulate(arm)
    return arm


def _at(rows, key, value, t):
    return next((r for r in rows if r[key] == value and r["start_s"] <= t < r["end_s"]), None)


def simulate(arm):
    """Live through every second of the replay."""
    n = REPLAY[1] - REPLAY[0]
    arm.host_mj = [[0] * 6 for _ in HOSTS]
    arm.step_mj = [[0] * 6 for _ in range(n)]
    arm.site_mj = [[0] * n for _ in range(2)]
    arm.unmet, arm.hosts_on = [0] * n, [0] * n
    service = dict.fromkeys(
        ["demand_mcore_s", "unmet_mcore_s", "overload_host_s", "on_host_s", "memory_overcommit_host_s",
         "downtime_ms", "waiting_vm_s", "migrations", "skipped_migrations", "cancelled_shutdowns",
         "power_cycles"], 0)  # fmt: skip
    for t in range(T):
        step = t // STEP_S
        under_way = [m for m in arm.moves if m["start_s"] <= t < m["end_s"]]
        on_host = {h: [] for h in range(len(HOSTS))}
        for v in range(len(VMS)):
            if not alive(v, REPLAY[0] + step):
                continue
            cpu, _ = demand(v, REPLAY[0] + step)
            service["demand_mcore_s"] += cpu
            host = _at(arm.stays, "vm", v, t)["host"]
            if host < 0:
                service["waiting_vm_s"] += 1
                arm.unmet[step] += cpu
            else:
                on_host[host].append(v)
        for h, (_, kind_index, *_) in enumerate(HOSTS):
            kind, guests = TYPES[kind_index], on_host[h]
            hypervisor = kind["hypervisor"]
            state = _at(arm.states, "host", h, t)["state"]
            if t % STEP_S == STEP_S - 1 and state in ("on", "booting"):
                arm.hosts_on[step] += 1
            add = [0] * 6
            if state != "on":
                column = {
                    "booting": (3, "boot_mw"),
                    "shutting_down": (4, "shutdown_mw"),
                    "off": (5, "off_mw"),
                }
                add[column[state][0]] = kind[column[state][1]]
            else:
                service["on_host_s"] += 1
                running, memory = 0, 0
                for v in guests:
                    cpu, mib = demand(v, REPLAY[0] + step)
                    most = min(cpu, VMS[v][2] * kind["core_mcores"])
                    memory += mib + hypervisor["per_vm_memory_mib"]
                    stopped = any(m["vm"] == v and m["mode"] != "live" for m in under_way)
                    if stopped:
                        arm.unmet[step] += cpu
                    else:
                        running += most
                        arm.unmet[step] += cpu - most
                over = 0
                for m in under_way:
                    over += m["overhead_mcores"] if h in (m["source"], m["target"]) else 0
                    if m["target"] == h:
                        memory += demand(m["vm"], REPLAY[0] + step)[1] + hypervisor["per_vm_memory_mib"]
                load = (
                    running + len(guests) * hypervisor["per_vm_mcores"] + hypervisor["background_mcores"]
                )
                idle = power(kind, 0, hosting=bool(guests))
                plain = power(kind, load, hosting=bool(guests))
                add[0], add[1] = idle, plain - idle
                add[2] = power(kind, load + over, hosting=bool(guests)) - plain
                excess = (
                    running + len(guests) * hypervisor["per_vm_mcores"] + over - kind["usable_mcores"]
                )
                if excess > 0:
                    service["overload_host_s"] += 1
                    arm.unmet[step] += min(running, excess)
                service["memory_overcommit_host_s"] += memory > kind["usable_memory_mib"]
            for k in range(6):
                arm.host_mj[h][k] += add[k]
                arm.step_mj[step][k] += add[k]
                arm.site_mj[site(h)][step] += add[k]
    for m in arm.moves:
        if m["end_s"] > T or not m.get("completed", True):
            continue
        service["migrations"] += 1
        service["downtime_ms"] += m["downtime_ms"]
        if m["mode"] == "live":
            step = (m["end_s"] - 1) // STEP_S
            core = TYPES[HOSTS[m["source"]][1]]["core_mcores"]
            cpu = min(demand(m["vm"], REPLAY[0] + step)[0], VMS[m["vm"]][2] * core)
            arm.unmet[step] += cpu * m["downtime_ms"] // 1_000
    service["power_cycles"] = sum(s["state"] in ("booting", "shutting_down") for s in arm.states)
    service["unmet_mcore_s"] = sum(arm.unmet)
    arm.service = service


def emissions_kg(arm, intensity):
    """Second by second: a step's energy is spread evenly over it."""
    grams = 0.0
    for t in range(T):
        now = START + REPLAY[0] * STEP_S + t
        for where, energy_mj in enumerate(arm.site_mj):
            g = next(g for k, start, end, g in intensity if k == where and start <= now < end)
            grams += energy_mj[t // STEP_S] / STEP_S / 3.6e9 * g
    return grams / 1_000


# -- files -------------------------------------------------------------------------------------------

SCHEMAS = {
    "vms.parquet": {"vm_id": "string", "kind": "string", "vcpus": "int32", "cpu_mcores": "int64",
                    "memory_mib": "int64", "dirty_mib_per_s": "float64", "group": "string"},
    "trace.parquet": {"vm": "int32", "step": "int32", "cpu_mcores": "int32", "memory_mib": "int32"},
    "needs.parquet": dict.fromkeys(RESOURCES, "int64")
    | {"load_mcores": "int64", "move_mj": "int64", "movable": "bool", "active": "bool"},
    "capacities.parquet": dict.fromkeys([*RESOURCES, *(f"overhead_{r}" for r in RESOURCES)], "int64")
    | {"may_switch_off": "bool"},
    "placement.parquet": {"vm_id": "string", "current_host": "int32", "target_host": "int32"},
    "plan.parquet": {"action_id": "int64", "kind": "string", "vm": "int64", "source": "int64",
                     "target": "int64", "mode": "string", "start_s": "int64", "end_s": "int64",
                     "downtime_s": "float64", "moved_mib": "int64", "rate_mib_per_s": "float64",
                     "overhead_mcores": "int64", "parking": "bool", "after": "string"},
    "steps.parquet": {"start_utc": "utc", **dict.fromkeys(CAUSES, "int64"), "power_w": "float64",
                      "hosts_on": "int32", "unmet_mcore_s": "int64"},
    "hosts.parquet": {"host_id": "string", **dict.fromkeys(CAUSES, "int64")},
    "host_states.parquet": {"host": "int32", "state": "string", "start_s": "int64", "end_s": "int64"},
    "residency.parquet": {"vm": "int32", "host": "int32", "start_s": "int64", "end_s": "int64"},
    "moves.parquet": {"vm": "int32", "source": "int32", "target": "int32", "mode": "string",
                      "start_s": "int64", "end_s": "int64", "downtime_ms": "int64",
                      "overhead_mcores": "int64"},
    "sites.parquet": {"site": "int32", "step": "int32", "energy_mj": "int64"},
    "carbon.parquet": {"site": "int32", "start_utc": "utc", "end_utc": "utc", "g_per_kwh": "float64"},
}  # fmt: skip
TYPES_OF = {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "float64": pa.float64(),
            "bool": pa.bool_(), "utc": pa.timestamp("s", tz="UTC")}  # fmt: skip


def write_rows(path, rows, schema=None):
    columns = schema or SCHEMAS[Path(path).name]
    arrays = [pa.array([r.get(c) for r in rows], type=TYPES_OF[k]) for c, k in columns.items()]
    pq.write_table(pa.table(dict(zip(columns, arrays, strict=True))), path)


def write_json(path, content):
    Path(path).write_text(json.dumps(content), "utf-8")


def write_solved(folder):
    """Everything that exists after ``solve``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "manifest.json", {
        "schema_version": 1, "package": "consolidate", "version": "0", "command": "", "options": {}, "seed": 0,
        "trace": {"format": "tidy", "source": "made up", "sha256": "", "vms": len(VMS), "steps": STEPS,
                  "step_s": STEP_S, "start_utc": "2011-03-03T00:00:00Z", "hindsight": False},
        "windows": {"sizing": [0, REPLAY[0]], "replay": list(REPLAY)},
        "inputs": [], "defaults": [], "repairs": [], "notes": []})  # fmt: skip
    write_json(folder / "fleet.json", {
        "source": "made up", "sites": [{"name": "one", "zone": "DE", "pue": 1.0}, {"name": "two", "zone": "FR", "pue": 1.5}], "types": TYPES,
        "hosts": [{"id": n, "type": t, "site": site(h), "power_control": c, "maintenance": m, "powered_on": on}
                  for h, (n, t, c, m, on) in enumerate(HOSTS)]})  # fmt: skip
    write_rows(folder / "vms.parquet", [
        {"vm_id": n, "kind": k, "vcpus": p, "cpu_mcores": c, "memory_mib": m, "dirty_mib_per_s": d, "group": ""}
        for n, k, p, c, m, d, _, _ in VMS])  # fmt: skip
    write_rows(folder / "trace.parquet", [
        dict(zip(("vm", "step", "cpu_mcores", "memory_mib"), (v, s, *demand(v, s)), strict=True))
        for v in range(len(VMS)) for s in range(STEPS) if alive(v, s)])  # fmt: skip
    write_rows(folder / "needs.parquet", [
        dict(zip(RESOURCES, needs(v), strict=True))
        | {"load_mcores": needs(v).load, "move_mj": move_mj(v), "movable": v != PINNED, "active": active(v)}
        for v in range(len(VMS))])  # fmt: skip
    write_rows(folder / "capacities.parquet", [
        dict(zip(RESOURCES, capacity(h), strict=True))
        | dict(zip([f"overhead_{r}" for r in RESOURCES], overhead(h), strict=True))
        | {"may_switch_off": may_go_off(h)}
        for h in range(len(HOSTS))])  # fmt: skip
    write_json(folder / "instance.json", {
        "resources": RESOURCES, "horizon_s": HORIZON_S, "sizing": "maximum", "hindsight": False,
        "min_saving_fraction": 0.01, "min_off_s": MIN_OFF_S, "moves": MOVES, "rules": RULES})  # fmt: skip
    write_rows(folder / "placement.parquet", [
        {"vm_id": row[0], "current_host": row[6], "target_host": row[7]} for row in VMS])  # fmt: skip
    parts = breakdown([row[7] for row in VMS])
    objective = sum(parts.values())
    current = sum(breakdown([row[6] for row in VMS], do_nothing=True).values())
    rows = [(0, 1, 1, 3_000), (2, 1, 1, 200), (3, 2, 8_449, 5_000_000), (3, 1, 1, 5_000)]
    value = certificate_value(1_000, rows, 90_000)
    attested = value + (objective - value) // 3
    write_json(folder / "result.json", {
        "policy": "auto", "status": "feasible", "stopped": "local optimum", "worthwhile": True, "message": "",
        "objective_mj": objective, "current_mj": current, "gap": (objective - attested) / objective, "seed": 0,
        "breakdown": parts, "blocking_vms": [], "blocking_hosts": [],
        "bounds": [
            {"name": "whole hosts", "value_mj": attested, "kind": "attested", "source": "SCIP",
             "certificate": {}},
            {"name": "on-off Lagrangian", "value_mj": value, "kind": "certified", "source": "GLOP",
             "certificate": {"scale": 1_000, "load_multiplier": 90_000, "rows": [certificate_row(*r) for r in rows]}}]})  # fmt: skip


def write_arm(folder, arm):
    at = folder / "replay" / arm.label
    at.mkdir(parents=True)
    zero = START + REPLAY[0] * STEP_S
    write_rows(at / "steps.parquet", [
        {"start_utc": zero + k * STEP_S, **dict(zip(CAUSES, row, strict=True)),
         "power_w": sum(row) / (1_000 * STEP_S), "hosts_on": arm.hosts_on[k], "unmet_mcore_s": arm.unmet[k]}
        for k, row in enumerate(arm.step_mj)])  # fmt: skip
    write_rows(at / "hosts.parquet", [
        {"host_id": HOSTS[h][0], **dict(zip(CAUSES, row, strict=True))}
        for h, row in enumerate(arm.host_mj)])  # fmt: skip
    write_rows(at / "sites.parquet", [
        {"site": k, "step": s, "energy_mj": mj} for k, row in enumerate(arm.site_mj) for s, mj in enumerate(row)
    ])  # fmt: skip
    write_rows(at / "host_states.parquet", arm.states)
    write_rows(at / "residency.parquet", arm.stays)
    extra = {"completed": "bool"} if any("completed" in m for m in arm.moves) else {}
    write_rows(at / "moves.parquet", arm.moves, SCHEMAS["moves.parquet"] | extra)
    write_json(at / "service.json", {"label": arm.label, **arm.service})


def write_report(folder, baseline, after):
    zero = START + REPLAY[0] * STEP_S
    intensity = [
        (0, zero - 50, zero + 100, 211.5),
        (0, zero + 100, zero + 200, 480.25),
        (0, zero + 200, zero + 500, 333.0),
        (1, zero, zero + 360, 56.75),
    ]
    write_rows(folder / "carbon.parquet", [
        dict(zip(("site", "start_utc", "end_utc", "g_per_kwh"), row, strict=True)) for row in intensity])  # fmt: skip
    result = json.loads((folder / "result.json").read_text("utf-8"))
    before_mj, after_mj = (sum(map(sum, arm.step_mj)) for arm in (baseline, after))
    before_kg, after_kg = (emissions_kg(arm, intensity) for arm in (baseline, after))
    emitted = {"baseline": 1_000 * before_kg, "consolidated": 1_000 * after_kg}
    write_json(folder / "carbon.json", {"sites": [], "emissions_g": emitted})
    best = max(b["value_mj"] for b in result["bounds"])
    values = [
        ("energy_baseline_kwh", before_mj / 3.6e9, "kWh", "baseline"),
        ("energy_consolidated_kwh", after_mj / 3.6e9, "kWh", "consolidated"),
        ("energy_saved_kwh", (before_mj - after_mj) / 3.6e9, "kWh", ""),
        ("energy_saved_fraction", (before_mj - after_mj) / before_mj, "fraction", ""),
        ("migrations_count", after.service["migrations"], "count", "consolidated"),
        ("unmet_fraction_consolidated",
         after.service["unmet_mcore_s"] / after.service["demand_mcore_s"], "fraction", "consolidated"),
        ("hosts_on_mean_consolidated", sum(after.hosts_on) / len(after.hosts_on), "count", "consolidated"),
        ("gap_fraction", result["gap"], "fraction", ""),
        ("bound_kwh", best / 3.6e9, "kWh", ""),
        ("objective_kwh", result["objective_mj"] / 3.6e9, "kWh", ""),
        ("operational_carbon_baseline_kg", before_kg, "kgCO2e", "baseline"),
        ("operational_carbon_consolidated_kg", after_kg, "kgCO2e", "consolidated"),
        ("weather", "=fine", "text", ""),
    ]  # fmt: skip
    figures = [
        {"metric": m, "value": v, "unit": u, "status": "computed", "source": "here", "arm": a}
        for m, v, u, a in values
    ]
    write_json(folder / "figures.json", {"figures": figures})
    cells = [
        f"{m},{a},{v if m != 'weather' else chr(39) + v},{u},computed,here" for m, v, u, a in values
    ]
    lines = ["metric,arm,value,unit,status,source", *cells]
    (folder / "figures.csv").write_text("\n".join(lines) + "\n", "utf-8")
    spans = [f'<span data-metric="{m}" data-value="{v}">about</span>' for m, v, _, _ in values]
    page = "<!doctype html><html><body>" + "<br>".join(spans) + "</body></html>"
    (folder / "report.html").write_text(page, "utf-8")


def write_run(folder):
    """Write the whole run."""
    write_solved(folder)
    plan = make_plan()
    write_rows(folder / "plan.parquet", plan)
    baseline, after = make_arm("baseline", []), make_arm("consolidated", plan)
    write_arm(folder, baseline)
    write_arm(folder, after)
    write_report(folder, baseline, after)
    return folder
