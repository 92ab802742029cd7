"""Hand-broken plans: each is refused, and the culprit is named."""

from __future__ import annotations

import pytest

from consolidate.checks import check_run

BOOT_H3, MOVE_B, MOVE_A, MOVE_C, MOVE_D, OFF_H0, OFF_H1, OFF_H7 = range(1, 9)


def action(number, **values):
    """Change one action; numbers are added where the value is a tuple."""

    def change(rows):
        row = next(r for r in rows if r["action_id"] == number)
        for key, value in values.items():
            row[key] = row[key] + value[0] if isinstance(value, tuple) else value

    return lambda run: run.rows("plan.parquet", change)


def without(*numbers):
    def change(rows):
        rows[:] = [r for r in rows if r["action_id"] not in numbers]

    return lambda run: run.rows("plan.parquet", change)


def extra(kind, target, start, end, **more):
    row = {"action_id": 50, "kind": kind, "target": target, "start_s": start, "end_s": end, "after": ""}
    return lambda run: run.rows("plan.parquet", lambda rows: rows.append({**row, **more}))


def both(*changes):
    def change(run):
        for one in changes:
            one(run)

    return change


def detour(number, via, start):
    """Send a VM over another host first: the first hop starts at ``start``, the second where it was."""

    def change(rows):
        row = next(r for r in rows if r["action_id"] == number)
        hop = dict(
            row,
            action_id=60,
            target=via,
            start_s=start,
            end_s=row["end_s"] - row["start_s"] + start,
            after="",
        )
        rows.append(hop)
        row.update(source=via)

    return lambda run: run.rows("plan.parquet", change)


def later(number, by):
    return action(number, start_s=(by,), end_s=(by,))


def round_trip(vm, home, via, *, mode="live"):
    """Send a VM that stays to another host and back, once everything else is done."""
    common = {"vm": vm, "mode": mode, "downtime_s": 99.0, "moved_mib": 99_999, "rate_mib_per_s": 1.0,
              "overhead_mcores": 400, "parking": False}  # fmt: skip
    return both(
        extra("migration", via, 200, 260, source=home, **common),
        extra("migration", home, 300, 360, source=via, **{**common, "action_id": 51}),
    )


BROKEN = {
    # A VM cannot arrive on a host that still boots.
    "before the boot ended": (
        action(MOVE_A, start_s=29, end_s=36, after=""),
        "V7.host-off",
        ["web-a", "h3", "30 s"],
    ),
    # Without a boot it cannot arrive at all.
    "boot missing": (without(BOOT_H3), "V7.host-off", ["web-a", "h3", "never booted"]),
    # A shutdown waits for the last VM.
    "shutdown with a resident": (later(OFF_H0, -1), "V7.shutdown", ["h0", "web-a"]),
    # And for VMs on their way in.
    "shutdown of a target": (extra("shutdown", 8, 10, 20), "V7.shutdown", ["h8", "job-d"]),
    # Whose hosts do as their type says.
    "boot too short": (action(BOOT_H3, end_s=29), "V7.duration", ["h3", "29 s", "30 s"]),
    "shutdown too long": (action(OFF_H1, end_s=(5,)), "V7.duration", ["h1", "15 s", "10 s"]),
    # Power that is not ours to switch.
    "keep_on shut down": (extra("shutdown", 4, 300, 310), "V7.power-control", ["h4", "kept on"]),
    "no_wake booted": (extra("boot", 5, 0, 20), "V7.power-control", ["h5", "wake"]),
    "maintenance shut down": (extra("shutdown", 6, 300, 310), "V7.power-control", ["h6", "maintenance"]),
    "host booted twice": (extra("boot", 3, 100, 130), "V7.boot", ["h3", "on already"]),
    "shutdown of a host that is off": (extra("shutdown", 5, 100, 110), "V7.shutdown", ["h5", "not on"]),
    # Once a shutdown began nothing may use the host.
    "action after shutdown": (
        extra(
            "migration",
            7,
            20,
            31,
            vm=3,
            source=8,
            mode="restart",
            downtime_s=10.0,
            moved_mib=0,
            rate_mib_per_s=0.0,
            overhead_mcores=0,
            parking=False,
        ),
        "V7.after-shutdown",
        ["h7", "action 50"],
    ),
    # The objective counts h1 as off.
    "emptied host left on": (without(OFF_H1), "V7.final", ["h1", "on", "off"]),
    # A move starts where the VM is.
    "chain broken": (action(MOVE_A, source=1), "V6.chain", ["web-a", "h0"]),
    "move to itself": (action(MOVE_A, target=0), "V6.chain", ["web-a", "same host"]),
    # A VM is in one move at a time.
    "two moves at once": (
        extra(
            "migration",
            3,
            6,
            20,
            vm=1,
            source=2,
            mode="live",
            downtime_s=1.0,
            moved_mib=999,
            rate_mib_per_s=10.0,
            overhead_mcores=40,
            parking=False,
        ),
        "V6.overlap",
        ["web-b", "action 2"],
    ),
    # The plan must end where the result says.
    "wrong final placement": (without(MOVE_C, OFF_H1), "V6.final", ["db-c", "h1", "h2"]),
    # What must come first has ended first.
    "dependency violated": (action(MOVE_C, after="2 3"), "V6.after", ["action 4", "action 3"]),
    "dependency unknown": (action(MOVE_C, after="77"), "V6.after", ["action 4", "77"]),
    "dependency on itself": (action(MOVE_C, after="4"), "V6.after", ["action 4"]),
    "id used twice": (action(MOVE_C, action_id=3), "V6.after", ["3", "more than once"]),
    # Bandwidth is for one move per host and direction.
    "two moves in": (later(MOVE_C, -7), "V6.concurrency", ["h2", "target", "web-b", "db-c"]),
    "two moves out": (
        both(action(BOOT_H3, start_s=-30, end_s=0), later(MOVE_A, -30)),
        "V6.concurrency",
        ["h0", "source", "web-a", "web-b"],
    ),
    # Time runs forward from 0.
    "before the start": (both(action(BOOT_H3, start_s=-30, end_s=0)), "V6.time", ["action 1", "-30"]),
    "ends before it starts": (action(MOVE_D, end_s=4), "V6.time", ["action 5"]),
    # Physics: copying takes the time it takes.
    "live move too short": (action(MOVE_B, end_s=(-1,)), "V6.duration", ["web-b", "6 s", "7 s"]),
    "saved state too short": (action(MOVE_C, end_s=(-1,)), "V6.duration", ["db-c", "74 s", "75 s"]),
    "restart too short": (action(MOVE_D, end_s=(-1,)), "V6.duration", ["job-d", "9 s", "10 s"]),
    # A VM that dirties faster than the wire cannot be moved live.
    "non-convergent live move": (action(MOVE_C, mode="live"), "V6.precopy", ["db-c", "400"]),
    # Both ends must know the mode.
    "mode not offered": (action(MOVE_A, mode="restart"), "V6.mode", ["web-a", "restart"]),
    "mode unknown": (action(MOVE_A, mode="teleport"), "V6.mode", ["web-a", "teleport"]),
    # Costs may not be played down.
    "overhead understated": (
        action(MOVE_A, overhead_mcores=39),
        "V6.cost",
        ["web-a", "overhead_mcores", "40"],
    ),
    "downtime understated": (
        action(MOVE_C, downtime_s=1.0),
        "V6.cost",
        ["db-c", "downtime_ms", "75000"],
    ),
    "data understated": (action(MOVE_A, moved_mib=1), "V6.cost", ["web-a", "moved_mib"]),
    "rate overstated": (action(MOVE_A, rate_mib_per_s=60.0), "V6.cost", ["web-a", "60.0"]),
    # Both ends hold the VM for the whole move: h1 is full until db-c has left.
    "no room at the moment": (
        both(
            lambda r: r.rows("needs.parquet", lambda rows: rows[2].update(memory_demand_mib=7_600)),
            detour(MOVE_B, 1, 0),
            later(MOVE_B, 20),
        ),
        "V2.moment",
        ["h1", "memory_demand_mib", "web-b", "0 s"],
    ),
    # Fine before and after, broken on the way: web-a passes by pin-p, from which it is spread.
    "spread broken on the way": (
        both(later(MOVE_A, 100), later(OFF_H0, 100), detour(MOVE_A, 2, 90)),
        "V3.rule-moment",
        ["spread", "web-a", "pin-p", "h2", "90 s"],
    ),
    "ban broken on the way": (
        both(later(MOVE_C, 100), later(OFF_H1, 100), detour(MOVE_C, 3, 30)),
        "V3.rule-moment",
        ["ban", "db-c", "h3", "30 s"],
    ),
    "fence and root broken on the way": (
        round_trip(4, 4, 3),
        "V3.rule-moment",
        ["fence", "store-e", "h3"],
    ),
    "root broken on the way": (round_trip(4, 4, 3), "V3.rule-moment", ["root", "store-e", "h3"]),
    "gather broken on the way": (round_trip(5, 6, 3), "V3.rule-moment", ["gather", "old-f", "200 s"]),
    # A way over a host in maintenance, or over one of the wrong kind, is no way.
    "maintenance on the way": (round_trip(8, 2, 6), "V3.maintenance", ["gone-y", "h6"]),
    "wrong kind on the way": (round_trip(8, 2, 8), "V3.kind", ["gone-y", "h8"]),
    "immovable moved and brought back": (round_trip(7, 2, 3), "V3.immovable", ["pin-p"]),
    "absent VM moved": (round_trip(9, 2, 3), "V1.inactive", ["new-z"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plan_is_refused(run, name):
    """Whoever executes a plan relies on each of these."""
    break_it, code, culprits = BROKEN[name]
    break_it(run)
    verdict = check_run(run.folder)
    messages = [v.message for v in verdict.violations if v.code == code]
    assert messages, verdict.to_text()
    assert any(all(culprit in m for culprit in culprits) for m in messages), messages
