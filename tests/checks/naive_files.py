"""The obvious way to write a run folder, row by row, and the correct run that others break."""

from __future__ import annotations

import json

# Loaded by conftest.py under this name: importlib mode puts no folder of tests on the path.
from consolidate_tests_naive import (
    breakdown,
    certificate,
    certificate_value,
    emissions_kg,
    make_arm,
    make_plan,
)
from consolidate_tests_naive_scene import (
    CAUSES,
    HORIZON_S,
    HOSTS,
    MIN_OFF_S,
    MOVES,
    PINNED,
    REPLAY,
    RESOURCES,
    RULES,
    START,
    STEP_S,
    STEPS,
    TYPES,
    VMS,
    active,
    alive,
    capacity,
    demand,
    may_go_off,
    move_mj,
    needs,
    overhead,
    site,
)
from consolidate_tests_naive_tables import SCHEMAS, write_json, write_rows

__all__ = [
    "SCHEMAS",
    "write_arm",
    "write_json",
    "write_report",
    "write_rows",
    "write_run",
    "write_solved",
]


def write_solved(folder):
    """Everything that exists after ``solve``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(
        folder / "manifest.json",
        {
            "schema_version": 1,
            "package": "consolidate",
            "version": "0",
            "command": "",
            "options": {},
            "seed": 0,
            "trace": {
                "format": "tidy",
                "source": "made up",
                "sha256": "",
                "vms": len(VMS),
                "steps": STEPS,
                "step_s": STEP_S,
                "start_utc": "2011-03-03T00:00:00Z",
                "hindsight": False,
            },
            "windows": {"sizing": [0, REPLAY[0]], "replay": list(REPLAY)},
            "inputs": [],
            "defaults": [],
            "repairs": [],
            "notes": [],
        },
    )
    write_json(
        folder / "fleet.json",
        {
            "source": "made up",
            "sites": [
                {"name": "one", "zone": "DE", "pue": 1.0},
                {"name": "two", "zone": "FR", "pue": 1.5},
            ],
            "types": TYPES,
            "hosts": [
                {
                    "id": n,
                    "type": t,
                    "site": site(h),
                    "power_control": c,
                    "maintenance": m,
                    "powered_on": on,
                }
                for h, (n, t, c, m, on) in enumerate(HOSTS)
            ],
        },
    )
    write_rows(
        folder / "vms.parquet",
        [
            {
                "vm_id": n,
                "kind": k,
                "vcpus": p,
                "cpu_mcores": c,
                "memory_mib": m,
                "dirty_mib_per_s": d,
                "group": "",
            }
            for n, k, p, c, m, d, _, _ in VMS
        ],
    )
    write_rows(
        folder / "trace.parquet",
        [
            dict(zip(("vm", "step", "cpu_mcores", "memory_mib"), (v, s, *demand(v, s)), strict=True))
            for v in range(len(VMS))
            for s in range(STEPS)
            if alive(v, s)
        ],
    )
    write_rows(
        folder / "needs.parquet",
        [
            dict(zip(RESOURCES, needs(v), strict=True))
            | {
                "load_mcores": needs(v).load,
                "move_mj": move_mj(v),
                "movable": v != PINNED,
                "active": active(v),
            }
            for v in range(len(VMS))
        ],
    )
    write_rows(
        folder / "capacities.parquet",
        [
            dict(zip(RESOURCES, capacity(h), strict=True))
            | dict(zip([f"overhead_{r}" for r in RESOURCES], overhead(h), strict=True))
            | {"may_switch_off": may_go_off(h)}
            for h in range(len(HOSTS))
        ],
    )
    write_json(
        folder / "instance.json",
        {
            "resources": RESOURCES,
            "horizon_s": HORIZON_S,
            "sizing": "maximum",
            "hindsight": False,
            "min_saving_fraction": 0.01,
            "min_off_s": MIN_OFF_S,
            "moves": MOVES,
            "rules": RULES,
        },
    )
    write_rows(
        folder / "placement.parquet",
        [{"vm_id": row[0], "current_host": row[6], "target_host": row[7]} for row in VMS],
    )
    parts = breakdown([row[7] for row in VMS])
    objective = sum(parts.values())
    current = sum(breakdown([row[6] for row in VMS], do_nothing=True).values())
    rows = [
        (0, 1, 1, 3_000),
        (2, 1, 1, 200),
        (3, 2, 8_449, 5_000_000),
        (3, 1, 1, 5_000),
        ("rule", 0, 9_000_000),
    ]
    # A price list of its own for every host type.
    prices = [(rows, 90_000), (rows[:3], 80_000), ([], 100_000)]
    value = certificate_value(1_000, prices)
    attested = value + (objective - value) // 3
    write_json(
        folder / "result.json",
        {
            "policy": "auto",
            "status": "feasible",
            "stopped": "local optimum",
            "worthwhile": True,
            "message": "",
            "objective_mj": objective,
            "current_mj": current,
            "gap": (objective - attested) / objective,
            "seed": 0,
            "breakdown": parts,
            "blocking_vms": [],
            "blocking_hosts": [],
            "bounds": [
                {
                    "name": "whole hosts",
                    "value_mj": attested,
                    "kind": "attested",
                    "source": "SCIP",
                    "certificate": {},
                },
                {
                    "name": "on-off Lagrangian",
                    "value_mj": value,
                    "kind": "certified",
                    "source": "GLOP",
                    "certificate": certificate(1_000, prices),
                },
            ],
        },
    )


def write_arm(folder, arm):
    at = folder / "replay" / arm.label
    at.mkdir(parents=True)
    zero = START + REPLAY[0] * STEP_S
    write_rows(
        at / "steps.parquet",
        [
            {
                "start_utc": zero + k * STEP_S,
                **dict(zip(CAUSES, row, strict=True)),
                "power_w": sum(row) / (1_000 * STEP_S),
                "hosts_on": arm.hosts_on[k],
                "unmet_mcore_s": arm.unmet[k],
            }
            for k, row in enumerate(arm.step_mj)
        ],
    )
    write_rows(
        at / "hosts.parquet",
        [
            {"host_id": HOSTS[h][0], **dict(zip(CAUSES, row, strict=True))}
            for h, row in enumerate(arm.host_mj)
        ],
    )
    write_rows(
        at / "sites.parquet",
        [
            {"site": k, "step": s, "energy_mj": mj}
            for k, row in enumerate(arm.site_mj)
            for s, mj in enumerate(row)
        ],
    )
    used = [
        {"host": h, "step": s, "utilization": part / whole}
        for h, row in enumerate(arm.busy)
        for s, (part, whole) in enumerate(row)
        if whole
    ]
    write_rows(at / "utilization.parquet", used)
    write_rows(at / "host_states.parquet", arm.states)
    write_rows(at / "residency.parquet", arm.stays)
    write_rows(at / "moves.parquet", arm.moves)
    write_json(at / "service.json", {"label": arm.label, **arm.service})


def write_report(folder, baseline, after):
    zero = START + REPLAY[0] * STEP_S
    intensity = [
        (0, zero - 50, zero + 100, 211.5),
        (0, zero + 100, zero + 200, 480.25),
        (0, zero + 200, zero + 500, 333.0),
        (1, zero, zero + 360, 56.75),
    ]
    write_rows(
        folder / "carbon.parquet",
        [
            dict(zip(("site", "start_utc", "end_utc", "g_per_kwh"), row, strict=True))
            for row in intensity
        ],
    )
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
        (
            "unmet_fraction_consolidated",
            after.service["unmet_mcore_s"] / after.service["demand_mcore_s"],
            "fraction",
            "consolidated",
        ),
        (
            "hosts_on_mean_consolidated",
            sum(after.hosts_on) / len(after.hosts_on),
            "count",
            "consolidated",
        ),
        ("gap_fraction", result["gap"], "fraction", ""),
        ("bound_kwh", best / 3.6e9, "kWh", ""),
        ("objective_kwh", result["objective_mj"] / 3.6e9, "kWh", ""),
        ("operational_carbon_baseline_kg", before_kg, "kgCO2e", "baseline"),
        ("operational_carbon_consolidated_kg", after_kg, "kgCO2e", "consolidated"),
        ("weather", "=fine", "text", ""),
    ]
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
    spans = [f'<span data-metric="{m}" data-value="{v}">{_shown(v, u)}</span>' for m, v, u, _ in values]
    page = "<!doctype html><html><body>" + "<br>".join(spans) + "</body></html>"
    (folder / "report.html").write_text(page, "utf-8")


def _shown(value, unit):
    """Print nine digits, more than a page does."""
    if not isinstance(value, int | float):
        return value
    return f"{100 * value:.9g} %" if unit == "fraction" else f"{value:.9f}"


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
