"""The obvious way: the scene planned by hand and lived through second by second.

It is the oracle of the checks, so it shares nothing with the package and is as plain as can be.
"""

from __future__ import annotations

from types import SimpleNamespace

# Loaded by conftest.py under this name: importlib mode puts no folder of tests on the path.
from consolidate_tests_naive_scene import (
    DB,
    GONE,
    HORIZON_S,
    HOSTS,
    JOB,
    NEW,
    REPLAY,
    RULES,
    START,
    STEP_S,
    TYPES,
    VMS,
    T,
    active,
    alive,
    capacity,
    demand,
    least_move,
    may_go_off,
    move_mj,
    needs,
    overhead,
    power,
    site,
)


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


def certificate_value(scale, prices):
    """The formula of the run-folder reference, VM by VM, load by load and host by host.

    ``prices`` has a pair per host type: rows and the price of load. Rows are tuples of resource,
    numerator, denominator and multiplier, or of "rule", its number and the multiplier.
    """
    total = 0
    members = [v for v in range(len(VMS)) if active(v)]

    def receives(h):
        _, _, control, maintenance, on = HOSTS[h]
        return (on or control != "no_wake") and not maintenance

    def vm_takes(v, row, of_kind):
        if row[0] == "rule":
            return int(v in RULES[row[1]]["vms"])
        return (needs(v)[row[0]] + min(overhead(h)[row[0]] for h in of_kind)) * row[1] // row[2]

    for v in members:
        asked = []
        for t, (rows, b) in enumerate(prices):
            kind, of_kind = TYPES[t], [h for h in range(len(HOSTS)) if HOSTS[h][1] == t]
            home = VMS[v][6] >= 0 and HOSTS[VMS[v][6]][1] == t
            guest = (VMS[v][1] == "container") == (kind["hypervisor"]["kind"] == "container_engine")
            fast = needs(v)[0] <= VMS[v][2] * kind["core_mcores"]
            if home or (guest and fast and any(receives(h) for h in of_kind)):
                taken = sum(row[-1] * vm_takes(v, row, of_kind) for row in rows)
                asked.append(b * needs(v).load + taken)
        total += min(asked, default=0) + scale * move_mj(v)
    for h, (_, t, _, _, on) in enumerate(HOSTS):
        kind, (rows, b) = TYPES[t], prices[t]
        background = kind["hypervisor"]["background_mcores"]
        off = HORIZON_S * kind["off_mw"] + (kind["shutdown_mw"] * kind["shutdown_s"] if on else 0)
        empty = HORIZON_S * power(kind, background, hosting=False)
        residents = [v for v in members if VMS[v][6] == h]
        offer = capacity(h)
        if not receives(h):
            held = [sum(needs(v)[r] + overhead(h)[r] for v in residents) for r in range(4)]
            offer = [min(x, y) for x, y in zip(offer, held, strict=True)]
        cover = sum(
            row[-1] * (1 if row[0] == "rule" else offer[row[0]] * row[1] // row[2]) for row in rows
        )
        stay = sum(move_mj(v) for v in residents)
        boot = 0 if on else kind["boot_mw"] * kind["boot_s"]
        m = min(
            scale * (HORIZON_S * power(kind, load + background, hosting=True) + boot - stay)
            - b * load
            - cover
            for load in range(offer[0] + 1)
        )
        without = scale * (off if may_go_off(h) or not on else empty)
        total += min(without, m) if receives(h) or residents else without
    return total // scale


def certificate(scale, prices):
    return {
        "scale": scale,
        "types": [
            {"load_multiplier": b, "rows": [certificate_row(*row) for row in rows]} for rows, b in prices
        ],
    }


def certificate_row(*row):
    if row[0] == "rule":
        return {"rule": row[1], "multiplier": row[2]}
    return dict(zip(("resource", "numerator", "denominator", "multiplier"), row, strict=True))


def make_plan():
    """Boot h3; every move when its hosts are free; shutdowns once hosts are empty."""
    rows, ends = [], {}

    def add(kind, target, start, end, **more):
        rows.append(
            {
                "action_id": len(rows) + 1,
                "kind": kind,
                "target": target,
                "start_s": start,
                "end_s": end,
                "after": "",
                **more,
            }
        )
        return len(rows)

    def move(v, source, target, start, after=""):
        mode, seconds, downtime_ms, mib, rate, over = least_move(v, source, target)
        k = add(
            "migration",
            target,
            start,
            start + seconds,
            vm=v,
            source=source,
            mode=mode,
            downtime_s=downtime_ms / 1_000,
            moved_mib=mib,
            rate_mib_per_s=rate,
            overhead_mcores=over,
            parking=False,
        )
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
                    | {"downtime_ms": round(action["downtime_s"] * 1_000), "completed": True}
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
    arm.busy = [[[0, 0] for _ in range(n)] for _ in HOSTS]
    arm.site_mj = [[0] * n for _ in range(2)]
    arm.unmet, arm.hosts_on = [0] * n, [0] * n
    service = dict.fromkeys(
        [
            "demand_mcore_s",
            "unmet_mcore_s",
            "overload_host_s",
            "on_host_s",
            "memory_overcommit_host_s",
            "downtime_ms",
            "waiting_vm_s",
            "migrations",
            "skipped_migrations",
            "cancelled_shutdowns",
            "power_cycles",
        ],
        0,
    )
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
                arm.busy[h][step][0] += min(load + over, kind["cpu_mcores"])
                arm.busy[h][step][1] += kind["cpu_mcores"]
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
        if not m["completed"]:
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
