"""Hand-broken placements, inputs, objectives and bounds: each is refused, and the culprit is named."""

from __future__ import annotations

import pytest

from consolidate.checks import check_run

WEB_A, WEB_B, DB_C, JOB_D, STORE_E, PIN_P, NEW_Z = 0, 1, 2, 3, 4, 7, 9


def place(vm, host, column="target_host"):
    return lambda run: run.rows("placement.parquet", lambda rows: rows[vm].update({column: host}))


def need(vm, column, value):
    return lambda run: run.rows("needs.parquet", lambda rows: rows[vm].update({column: value}))


def offer(host, column, value):
    return lambda run: run.rows("capacities.parquet", lambda rows: rows[host].update({column: value}))


def rule(**entry):
    return lambda run: run.json(
        "instance.json", lambda i: i["rules"].append({"continuous": False, **entry})
    )


def result(change):
    return lambda run: run.json("result.json", change)


def bound(number, change):
    return result(lambda r: change(r["bounds"][number]))


def grow(key, by=1):
    return lambda content: content.update({key: content[key] + by})


BROKEN = {
    # An active VM must be somewhere.
    "VM lost": (place(WEB_A, -1), "V1.lost", ["web-a"]),
    # A VM without a row has no place.
    "VM without a row": (
        lambda r: r.rows("placement.parquet", lambda x: x.pop(WEB_A)),
        "V1.lost",
        ["web-a"],
    ),
    # Two rows are two places.
    "VM twice": (
        lambda r: r.rows("placement.parquet", lambda x: x.append(dict(x[WEB_A]))),
        "V1.twice",
        ["web-a"],
    ),
    # Two VMs of one name cannot be told apart.
    "VM id twice": (
        lambda r: r.rows("vms.parquet", lambda x: x[1].update(vm_id="web-a")),
        "V1.twice",
        ["web-a"],
    ),
    # The tables must speak of the same VMs.
    "VM renamed": (
        lambda r: r.rows("placement.parquet", lambda x: x.append({**x[0], "vm_id": "who"})),
        "V1.ids",
        ["who"],
    ),
    # Rows in another order would place other VMs.
    "VMs in another order": (
        lambda r: r.rows("placement.parquet", lambda x: x.reverse()),
        "V1.ids",
        ["new-z"],
    ),
    # A host that is not in the fleet holds nothing.
    "unknown host": (place(WEB_A, 99), "V1.unknown-host", ["web-a", "99"]),
    # A VM that does not exist at the decision cannot be placed.
    "inactive VM placed": (place(NEW_Z, 2), "V1.inactive", ["new-z", "h2"]),
    # A present placement on a host that is off contradicts itself.
    "current host off": (place(PIN_P, 3, "current_host"), "V4.off-host", ["pin-p", "h3"]),
    # Each of the four resources binds on its own.
    "CPU demand": (
        need(PIN_P, "cpu_demand_mcores", 10_500),
        "V2.capacity",
        ["h2", "cpu_demand_mcores", "10800"],
    ),
    "memory demand": (
        need(PIN_P, "memory_demand_mib", 16_000),
        "V2.capacity",
        ["h2", "memory_demand_mib", "16384"],
    ),
    "CPU allocation": (
        need(PIN_P, "cpu_allocation_mcores", 45_000),
        "V2.capacity",
        ["h2", "cpu_allocation_mcores", "48000"],
    ),
    "memory allocation": (
        need(PIN_P, "memory_allocation_mib", 17_000),
        "V2.capacity",
        ["h2", "memory_allocation_mib", "18022"],
    ),
    # The need alone fits, with the hypervisor's share for the VM it is 1 MiB too much.
    "overhead forgotten": (
        need(STORE_E, "memory_demand_mib", 7_665),
        "V2.capacity",
        ["h4", "7681", "7680"],
    ),
    # A container needs a container engine.
    "guest kind": (place(JOB_D, 2), "V3.kind", ["job-d", "h2", "type1"]),
    # And a VM a hypervisor.
    "host kind": (place(WEB_A, 8), "V3.kind", ["web-a", "h8", "container_engine"]),
    # Two vCPUs get two cores at most, however large the host.
    "core speed": (need(WEB_A, "cpu_demand_mcores", 3_001), "V3.speed", ["web-a", "h3", "3000", "3001"]),
    # Nothing is put on a host in maintenance.
    "maintenance": (place(WEB_A, 6), "V3.maintenance", ["web-a", "h6"]),
    # A host that nothing can wake is of no use while off.
    "no wake": (place(WEB_A, 5), "V3.no-wake", ["web-a", "h5"]),
    # What cannot move stays.
    "immovable": (need(WEB_A, "movable", False), "V3.immovable", ["web-a", "h0", "h3"]),
    # One rule of each kind, broken by the target.
    "spread": (rule(name="spread", vms=[WEB_B, DB_C]), "V3.rule", ["spread", "web-b", "db-c", "h2"]),
    "gather": (
        rule(name="gather", vms=[WEB_A, WEB_B]),
        "V3.rule",
        ["gather", "web-a on h3", "web-b on h2"],
    ),
    "fence": (rule(name="fence", vms=[WEB_A], hosts=[0, 1]), "V3.rule", ["fence", "web-a", "h3"]),
    "ban": (rule(name="ban", vms=[WEB_A], hosts=[3]), "V3.rule", ["ban", "web-a", "h3"]),
    "root": (rule(name="root", vms=[WEB_A], hosts=[0]), "V3.rule", ["root", "web-a", "h3"]),
    "interference": (
        rule(name="interference", vms=[WEB_B], others=[DB_C], most=0),
        "V3.rule",
        ["interference", "1 of its other VMs on host h2", "at most 0"],
    ),
    "lonely": (rule(name="lonely", vms=[WEB_B]), "V3.rule", ["lonely", "strangers on host h2"]),
    "split": (
        rule(name="split", vms=[WEB_B, DB_C], parts=[[WEB_B], [DB_C]]),
        "V3.rule",
        ["split", "2 parts share host h2"],
    ),
    "among": (
        rule(name="among", vms=[WEB_A], zones=[[0, 1], [2]]),
        "V3.rule",
        ["among", "web-a", "h3", "outside"],
    ),
    "among two zones": (
        rule(name="among", vms=[WEB_A, WEB_B], zones=[[2], [3]]),
        "V3.rule",
        ["among", "in 2 zones"],
    ),
    "split_among": (
        rule(name="split_among", vms=[WEB_A, WEB_B], parts=[[WEB_A], [WEB_B]], zones=[[2, 3]]),
        "V3.rule",
        ["split_among", "2 of its parts are in zone 0"],
    ),
    "quarantine left": (
        rule(name="quarantine", vms=[], hosts=[0]),
        "V3.rule",
        ["quarantine", "web-a", "h3"],
    ),
    "max_online": (
        rule(name="max_online", vms=[], hosts=[2, 3], most=1, continuous=False),
        "V3.rule",
        ["max_online", "2 of its hosts", "at most 1"],
    ),
    # Needs and loads must make sense.
    "negative need": (
        need(WEB_A, "memory_demand_mib", -1),
        "V13.need",
        ["web-a", "memory_demand_mib", "-1"],
    ),
    "negative move energy": (need(WEB_A, "move_mj", -1), "V13.need", ["web-a", "move_mj"]),
    "load above need": (need(WEB_A, "load_mcores", 10_000), "V13.load", ["web-a", "10000"]),
    # An allocation is a promise, not an estimate.
    "allocation shrunk": (
        need(WEB_A, "memory_allocation_mib", 100),
        "V13.allocation",
        ["web-a", "100", "1024"],
    ),
    # Capacities follow from the type of the host.
    "CPU capacity": (offer(0, "cpu_demand_mcores", 3_801), "V13.capacity", ["h0", "3801", "3800"]),
    "memory capacity": (offer(0, "memory_demand_mib", 8_192), "V13.capacity", ["h0", "8192", "7680"]),
    "allocation capacity": (
        offer(0, "memory_allocation_mib", 8_449),
        "V13.capacity",
        ["h0", "8449", "8448"],
    ),
    "switched off although kept on": (
        offer(4, "may_switch_off", True),
        "V13.may-switch-off",
        ["h4", "may be"],
    ),
    "kept on although managed": (
        offer(0, "may_switch_off", False),
        "V13.may-switch-off",
        ["h0", "may not"],
    ),
    "off too short to pay": (
        lambda r: r.json("instance.json", lambda i: i.update(min_off_s=7_201)),
        "V13.may-switch-off",
        ["h0"],
    ),
    "overhead": (offer(0, "overhead_memory_demand_mib", 0), "V13.overhead", ["h0", "16"]),
    "usable CPU of a type": (
        lambda r: r.json("fleet.json", lambda f: f["types"][0].update(usable_mcores=4_000)),
        "V13.type",
        ["small", "usable_mcores", "3800"],
    ),
    # Energies are whole numbers, so 1 mJ is a difference.
    "objective": (result(grow("objective_mj")), "V14.objective", ["objective_mj", "+1 mJ"]),
    "current": (result(grow("current_mj", -1)), "V14.objective", ["current_mj", "-1 mJ"]),
    "breakdown": (
        result(lambda r: r["breakdown"].update(boot_mj=0)),
        "V14.breakdown",
        ["boot_mj", "2985090"],
    ),
    # Not worth doing means staying.
    "moves although not worthwhile": (
        result(lambda r: r.update(worthwhile=False)),
        "V14.worthwhile",
        ["web-a", "h0", "h3"],
    ),
    "worthwhile below the minimum": (
        # Without the rule that the present placement breaks: repairing one needs no saving.
        lambda r: r.json(
            "instance.json", lambda i: (i.update(min_saving_fraction=0.9), i["rules"].pop(0))
        ),
        "V14.worthwhile",
        ["90.0000%"],
    ),
    # The certificate proves its value and not 1 mJ more.
    "certified bound 1 mJ too high": (
        bound(1, grow("value_mj")),
        "V11.bound",
        ["on-off Lagrangian", "proves"],
    ),
    "attested bound above the objective": (
        result(lambda r: r["bounds"][0].update(value_mj=r["objective_mj"] + 1)),
        "V11.bound",
        ["whole hosts", "exceeds the objective"],
    ),
    # Negative multipliers prove nothing.
    "negative multiplier": (
        bound(1, lambda b: b["certificate"]["types"][0].update(load_multiplier=-1)),
        "V11.certificate",
        ["load_multiplier"],
    ),
    "float multiplier": (
        bound(1, lambda b: b["certificate"].update(scale=1_000.0)),
        "V11.certificate",
        ["scale", "1000.0"],
    ),
    "multiplier missing": (
        bound(1, lambda b: b["certificate"]["types"][0]["rows"][0].pop("multiplier")),
        "V11.certificate",
        ["multiplier"],
    ),
    "row of no resource": (
        bound(
            1,
            lambda b: b["certificate"]["types"][0].update(
                rows=[{"resource": 4, "numerator": 1, "denominator": 1, "multiplier": 1}]
            ),
        ),
        "V11.certificate",
        ["resource 4"],
    ),
    "row of a rule that is no spread": (
        bound(1, lambda b: b["certificate"]["types"][0].update(rows=[{"rule": 2, "multiplier": 1}])),
        "V11.certificate",
        ["rule 2"],
    ),
    "row divided by nothing": (
        bound(
            1,
            lambda b: b["certificate"]["types"][0].update(
                rows=[{"resource": 0, "numerator": 1, "denominator": 0, "multiplier": 1}]
            ),
        ),
        "V11.certificate",
        ["denominator"],
    ),
    "prices of a type missing": (
        bound(1, lambda b: b["certificate"]["types"].pop()),
        "V11.certificate",
        ["2 host types", "3"],
    ),
    "no certificate": (
        bound(1, lambda b: b.pop("certificate")),
        "V11.certificate",
        ["on-off Lagrangian"],
    ),
    "certified by nobody": (
        bound(1, lambda b: b.update(kind="believed")),
        "V11.certificate",
        ["believed"],
    ),
    # Gap and status are claims as well.
    "gap": (result(lambda r: r.update(gap=0.001)), "V11.gap", ["0.001"]),
    "optimal with a gap": (result(lambda r: r.update(status="optimal")), "V11.status", ["optimal"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_placement_is_refused(run, name):
    """A judge that lets one of these pass is worth nothing."""
    break_it, code, culprits = BROKEN[name]
    break_it(run)
    verdict = check_run(run.folder)
    messages = [v.message for v in verdict.violations if v.code == code]
    assert messages, verdict.to_text()
    assert any(all(culprit in m for culprit in culprits) for m in messages), messages
    assert verdict.to_text().startswith("REFUSED (")
