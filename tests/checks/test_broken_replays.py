"""Hand-broken replays: each is refused, and the culprit is named."""

from __future__ import annotations

import pytest

from consolidate.checks import check_run

AFTER = "replay/consolidated"


def rows(name, change):
    return lambda run: run.rows(name, change)


def find(table, **key):
    return next(r for r in table if all(r[k] == v for k, v in key.items()))


def row(name, values, **key):
    """Change the first row that matches; values are added where they are a tuple."""

    def change(table):
        target = find(table, **key)
        for k, v in values.items():
            target[k] = target[k] + v[0] if isinstance(v, tuple) else v

    return rows(f"{AFTER}/{name}", change)


def swap(name, one, other):
    def change(table):
        for r in table:
            r[one], r[other] = r[other], r[one]

    return rows(f"{AFTER}/{name}", change)


def step(k, **values):
    return rows(
        f"{AFTER}/steps.parquet", lambda t: t[k].update({c: t[k][c] + v for c, v in values.items()})
    )


def service(key, by=1):
    return lambda run: run.json(f"{AFTER}/service.json", lambda s: s.update({key: s[key] + by}))


def host_4_off(run):
    def change(table):
        find(table, host=4)["end_s"] = 350
        table.append({"host": 4, "state": "shutting_down", "start_s": 350, "end_s": 360})

    run.rows(f"{AFTER}/host_states.parquet", change)


BROKEN = {
    # States of a host tile the replay.
    "states overlap": (
        row("host_states.parquet", {"start_s": (-1,)}, host=3, state="on"),
        "V8.states",
        ["h3", "overlaps"],
    ),
    "states leave a gap": (
        row("host_states.parquet", {"start_s": (1,)}, host=3, state="on"),
        "V8.states",
        ["h3", "gap"],
    ),
    "states end early": (
        row("host_states.parquet", {"end_s": (-1,)}, host=2),
        "V8.states",
        ["h2", "359 s"],
    ),
    "states end late": (row("host_states.parquet", {"end_s": (1,)}, host=2), "V8.states", ["h2", "361"]),
    # Nobody is off without being shut down.
    "on to off": (
        row("host_states.parquet", {"state": "off"}, host=0, state="shutting_down"),
        "V8.transition",
        ["h0", "directly after being on"],
    ),
    "off to on": (
        row("host_states.parquet", {"state": "on"}, host=3, state="booting"),
        "V8.transition",
        ["h3", "directly after being off"],
    ),
    "keep_on switched off": (host_4_off, "V8.transition", ["h4", "must not be switched off"]),
    "no_wake woken": (
        rows(f"{AFTER}/host_states.parquet", lambda t: find(t, host=5).update(state="booting")),
        "V8.transition",
        ["h5", "must not be switched on"],
    ),
    # Boots take as long as their type says.
    "boot too short": (
        rows(
            f"{AFTER}/host_states.parquet",
            lambda t: (
                find(t, host=3, state="booting").update(end_s=25),
                find(t, host=3, state="on").update(start_s=25),
            ),
        ),
        "V8.duration",
        ["h3", "25 s", "30 s"],
    ),
    # The arm that executes a plan does what the plan says.
    "planned boot late": (
        rows(
            f"{AFTER}/host_states.parquet",
            lambda t: (
                find(t, host=3, state="booting").update(start_s=1, end_s=31),
                find(t, host=3, state="on").update(start_s=31),
                t.append({"host": 3, "state": "off", "start_s": 0, "end_s": 1}),
            ),
        ),
        "V8.plan",
        ["h3", "boot"],
    ),
    "unplanned shutdown": (
        rows(
            f"{AFTER}/host_states.parquet",
            lambda t: (
                find(t, host=8).update(end_s=350),
                t.append({"host": 8, "state": "shutting_down", "start_s": 350, "end_s": 360}),
            ),
        ),
        "V8.plan",
        ["h8", "no plan"],
    ),
    "boot without a cause": (
        rows(
            f"{AFTER}/host_states.parquet",
            lambda t: (
                find(t, host=1, state="off").update(end_s=200),
                t.append({"host": 1, "state": "booting", "start_s": 200, "end_s": 220}),
                t.append({"host": 1, "state": "on", "start_s": 220, "end_s": 360}),
            ),
        ),
        "V8.plan",
        ["h1", "200 s", "no VM waits"],
    ),
    "baseline that shuts down": (
        rows(
            "replay/baseline/host_states.parquet",
            lambda t: (
                find(t, host=8).update(end_s=350),
                t.append({"host": 8, "state": "shutting_down", "start_s": 350, "end_s": 360}),
            ),
        ),
        "V8.plan",
        ["baseline", "h8", "no plan"],
    ),
    "shutdown cancelled and not said": (
        service("cancelled_shutdowns"),
        "V8.plan",
        ["cancelled_shutdowns"],
    ),
    # A VM is somewhere as long as it lives, and only then.
    "residency gap": (
        row("residency.parquet", {"start_s": (1,)}, vm=0, host=3),
        "V8.residency",
        ["web-a", "59 s"],
    ),
    "on two hosts": (
        row("residency.parquet", {"start_s": (-1,)}, vm=0, host=3),
        "V8.residency",
        ["web-a", "at once"],
    ),
    "longer than its life": (
        row("residency.parquet", {"end_s": (1,)}, vm=8),
        "V8.residency",
        ["gone-y", "not alive"],
    ),
    "shorter than its life": (
        row("residency.parquet", {"end_s": (-1,)}, vm=8),
        "V8.residency",
        ["gone-y"],
    ),
    "beyond the replay": (
        row("residency.parquet", {"end_s": (1,)}, vm=7),
        "V8.residency",
        ["pin-p", "361"],
    ),
    # It starts where it is now.
    "starts elsewhere": (
        row("residency.parquet", {"host": 2}, vm=4),
        "V8.start",
        ["store-e", "h2", "h4"],
    ),
    # Its host is on.
    "on a host that is off": (
        row("residency.parquet", {"host": 0}, vm=3, host=8),
        "V4.on",
        ["job-d", "h0"],
    ),
    "arrives while the host boots": (
        row("moves.parquet", {"start_s": 29}, vm=0),
        "V4.on",
        ["web-a", "h3"],
    ),
    # It changes host by a move only.
    "jump": (row("residency.parquet", {"host": 3}, vm=2, host=2), "V8.move", ["db-c", "h3"]),
    "move not made": (
        rows(f"{AFTER}/moves.parquet", lambda t: t.remove(find(t, vm=0))),
        "V8.move",
        ["web-a", "h3", "no move"],
    ),
    "move from elsewhere": (
        row("moves.parquet", {"source": 2}, vm=0),
        "V8.move",
        ["web-a", "not on the source"],
    ),
    "move ends earlier": (
        row("moves.parquet", {"end_s": (-1,)}, vm=0),
        "V8.move",
        ["web-a", "does not arrive"],
    ),
    "move not completed although the VM is there": (
        row("moves.parquet", {"completed": False}, vm=0),
        "V8.move",
        ["web-a", "broken off"],
    ),
    # And as planned.
    "move costs less": (
        row("moves.parquet", {"downtime_ms": 0}, vm=2),
        "V8.plan",
        ["db-c", "downtime_ms"],
    ),
    "move of another mode": (row("moves.parquet", {"mode": "live"}, vm=2), "V8.plan", ["db-c", "mode"]),
    "move unplanned": (
        rows("plan.parquet", lambda t: t.remove(find(t, vm=3))),
        "V8.plan",
        ["job-d", "not in the plan"],
    ),
    "skipped and not said": (service("skipped_migrations"), "V8.plan", ["skipped_migrations"]),
    # The ledger is exact.
    "energy of a host": (
        row("hosts.parquet", {"load_mj": (1,)}, host_id="h2"),
        "V9.host",
        ["h2", "load_mj", "+1 mJ"],
    ),
    "energy of a step": (step(3, off_mj=-1), "V9.step", ["off_mj", "step 3", "-1 mJ"]),
    "columns swapped": (
        swap("hosts.parquet", "booting_mj", "shutting_down_mj"),
        "V9.host",
        ["h3", "booting_mj"],
    ),
    "step columns swapped": (swap("steps.parquet", "idle_mj", "load_mj"), "V9.step", ["idle_mj"]),
    "energy moved between hosts": (
        rows(
            f"{AFTER}/hosts.parquet",
            lambda t: (
                t[2].update(idle_mj=t[2]["idle_mj"] - 5),
                t[4].update(idle_mj=t[4]["idle_mj"] + 5),
            ),
        ),
        "V9.host",
        ["h4", "+5 mJ"],
    ),
    "hosts and steps disagree": (step(0, idle_mj=7), "V9.sum", ["idle_mj"]),
    "energy of a site": (
        rows(f"{AFTER}/sites.parquet", lambda t: t[7].update(energy_mj=t[7]["energy_mj"] + 1)),
        "V9.site",
        ["site 1", "step 1"],
    ),
    "utilization": (
        row("utilization.parquet", {"utilization": (0.001,)}, host=2, step=1),
        "V9.utilization",
        ["h2", "step 1"],
    ),
    "utilization while off": (
        rows(
            f"{AFTER}/utilization.parquet",
            lambda t: t.append({"host": 5, "step": 0, "utilization": 0.0}),
        ),
        "V9.utilization",
        ["h5", "step 0"],
    ),
    "mean power": (step(2, power_w=0.5), "V9.step", ["power_w", "step 2"]),
    "hosts on": (step(2, hosts_on=1), "V9.step", ["hosts_on", "step 2"]),
    "start of a step": (
        rows(f"{AFTER}/steps.parquet", lambda t: t[1].update(start_utc=t[0]["start_utc"])),
        "V9.step",
        ["start_utc", "step 1"],
    ),
    # Service levels follow from the same facts.
    "unmet of a step": (step(2, unmet_mcore_s=-1), "V15.step", ["step 2"]),
    **{
        f"service {key}": (service(key), "V15.service", [key])
        for key in (
            "demand_mcore_s",
            "unmet_mcore_s",
            "overload_host_s",
            "on_host_s",
            "memory_overcommit_host_s",
            "downtime_ms",
            "waiting_vm_s",
            "migrations",
            "power_cycles",
        )
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_replay_is_refused(run, name):
    """A total that is wrong by one unit is wrong."""
    break_it, code, culprits = BROKEN[name]
    break_it(run)
    verdict = check_run(run.folder)
    messages = [v.message for v in verdict.violations if v.code == code]
    assert messages, verdict.to_text()
    assert any(all(culprit in m for culprit in culprits) for m in messages), messages


def test_limits_of_hosts_are_kept(run):
    """A host that is booted 160 s after it was switched off, and limits that forbid it."""
    BROKEN["boot without a cause"][0](run)
    limits = [v for v in check_run(run.folder).violations if v.code == "V8.limit"]
    assert not limits
    run.json("fleet.json", lambda f: [t.update(min_off_s=600) for t in f["types"]])
    limits = [str(v) for v in check_run(run.folder).violations if v.code == "V8.limit"]
    assert any("h1 is booted at 200 s" in text and "600 s are the least" in text for text in limits)


def test_refusals_are_counted(run):
    """Nothing was refused, so a count of refusals is a lie, and negative limits are no limits."""
    run.json(f"{AFTER}/service.json", lambda s: s.update(refused_boots=1))
    assert [v.code for v in check_run(run.folder).violations] == ["V8.plan"]
    run.json(f"{AFTER}/service.json", lambda s: s.update(refused_boots=0, refused_shutdowns=1))
    assert [v.code for v in check_run(run.folder).violations] == ["V8.plan"]
    run.json("fleet.json", lambda f: f["types"][0].update(min_on_s=-1))
    assert "V0.value" in [v.code for v in check_run(run.folder).violations]
