"""Files that are missing or malformed: each is named, with its column or key, and nothing crashes."""

from __future__ import annotations

import pyarrow.parquet as pq
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


def without(name):
    return lambda run: (run.folder / name).unlink()


def overwrite(name, content):
    return lambda run: (run.folder / name).write_bytes(content)


def retyped(name, column, kind):
    def change(run):
        schema = {**run.files.SCHEMAS[name.rpartition("/")[2]], column: kind}
        table = pq.read_table(run.folder / name).to_pylist()
        convert = {"string": str, "float64": float, "int64": int}[kind]
        for r in table:
            r[column] = convert(r[column])
        run.files.write_rows(run.folder / name, table, schema)

    return change


def dropped(name, column):
    def change(run):
        schema = dict(run.files.SCHEMAS[name.rpartition("/")[2]])
        del schema[column]
        run.files.write_rows(run.folder / name, pq.read_table(run.folder / name).to_pylist(), schema)

    return change


def truncated(name):
    def change(run):
        content = (run.folder / name).read_bytes()
        (run.folder / name).write_bytes(content[: len(content) // 2])

    return change


BROKEN = {
    # Files.
    **{
        f"{name} missing": (without(name), "V0.missing", [name])
        for name in (
            "manifest.json",
            "fleet.json",
            "vms.parquet",
            "trace.parquet",
            "needs.parquet",
            "capacities.parquet",
            "instance.json",
            "placement.parquet",
            "result.json",
            f"{AFTER}/steps.parquet",
            f"{AFTER}/service.json",
            "figures.csv",
            "report.html",
        )
    },
    "malformed JSON": (overwrite("result.json", b'{"gap": 1,'), "V0.malformed", ["result.json"]),
    "not a number in JSON": (
        overwrite("result.json", b'{"gap": NaN}'),
        "V0.malformed",
        ["result.json", "NaN"],
    ),
    "a list in JSON": (overwrite("fleet.json", b"[]"), "V0.malformed", ["fleet.json"]),
    "deeply nested JSON": (overwrite("fleet.json", b"[" * 200_000), "V0.malformed", ["fleet.json"]),
    "not UTF-8": (overwrite("fleet.json", b"\xff\xfe\x00"), "V0.malformed", ["fleet.json"]),
    "truncated Parquet": (truncated("needs.parquet"), "V0.malformed", ["needs.parquet"]),
    "empty Parquet": (overwrite("needs.parquet", b""), "V0.malformed", ["needs.parquet"]),
    "text instead of Parquet": (
        overwrite("plan.parquet", b"action_id,kind\n"),
        "V0.malformed",
        ["plan.parquet"],
    ),
    "float instead of int": (
        retyped("needs.parquet", "load_mcores", "float64"),
        "V0.column",
        ["needs.parquet", "load_mcores", "double"],
    ),
    "text instead of int": (
        retyped("placement.parquet", "target_host", "string"),
        "V0.column",
        ["placement.parquet", "target_host"],
    ),
    "wide instead of narrow int": (
        retyped("trace.parquet", "cpu_mcores", "int64"),
        "V0.column",
        ["trace.parquet", "cpu_mcores", "int32"],
    ),
    "column missing": (
        dropped("plan.parquet", "overhead_mcores"),
        "V0.column",
        ["plan.parquet", "overhead_mcores"],
    ),
    "null": (
        rows("needs.parquet", lambda t: t[1].update(load_mcores=None)),
        "V0.value",
        ["needs.parquet", "load_mcores", "row 1"],
    ),
    "row missing": (rows("needs.parquet", lambda t: t.pop()), "V0.value", ["needs.parquet", "9 rows"]),
    "VM index out of range": (
        row("residency.parquet", {"vm": 99}, vm=0),
        "V0.value",
        ["residency.parquet", "vm", "99"],
    ),
    "host index out of range": (
        row("moves.parquet", {"target": -1}, vm=0),
        "V0.value",
        ["moves.parquet", "target", "-1"],
    ),
    "move without a VM": (
        rows("plan.parquet", lambda t: find(t, vm=0).update(vm=None)),
        "V0.value",
        ["plan.parquet", "vm"],
    ),
    "state unknown": (
        row("host_states.parquet", {"state": "asleep"}, host=2),
        "V0.value",
        ["host_states.parquet", "asleep"],
    ),
    "trace out of order": (
        rows("trace.parquet", lambda t: t.reverse()),
        "V0.value",
        ["trace.parquet", "order"],
    ),
    "negative demand": (
        rows("trace.parquet", lambda t: t[0].update(cpu_mcores=-1)),
        "V0.value",
        ["trace.parquet", "cpu_mcores"],
    ),
    "schema version": (
        lambda r: r.json("manifest.json", lambda m: m.update(schema_version=2)),
        "V0.value",
        ["schema_version", "2"],
    ),
    "window outside the trace": (
        lambda r: r.json("manifest.json", lambda m: m["windows"].update(replay=[3, 99])),
        "V0.value",
        ["windows.replay", "99"],
    ),
    "need that would overflow a sum": (
        rows("needs.parquet", lambda t: t[0].update(memory_demand_mib=2**62)),
        "V0.value",
        ["needs.parquet", "memory_demand_mib", str(2**62)],
    ),
    "time that would overflow": (
        rows("plan.parquet", lambda t: find(t, vm=0).update(end_s=2**61)),
        "V0.value",
        ["plan.parquet", "end_s"],
    ),
    "power beyond reason": (
        lambda r: r.json("fleet.json", lambda f: f["types"][0].update(boot_mw=2**40)),
        "V0.value",
        ["types[0].boot_mw"],
    ),
    "endless copying": (
        lambda r: r.json("instance.json", lambda i: i["moves"].update(max_rounds=10**9)),
        "V0.value",
        ["moves.max_rounds"],
    ),
    "ten power points": (
        lambda r: r.json("fleet.json", lambda f: f["types"][0]["points_mw"].pop()),
        "V0.value",
        ["types[0].points_mw", "10"],
    ),
    "key missing": (
        lambda r: r.json("fleet.json", lambda f: f["types"][1].pop("boot_s")),
        "V0.value",
        ["types[1].boot_s", "missing"],
    ),
    "host of no type": (
        lambda r: r.json("fleet.json", lambda f: f["hosts"][1].update(type=7)),
        "V0.value",
        ["hosts[1].type", "7"],
    ),
    "rule unknown": (
        lambda r: r.json(
            "instance.json",
            lambda i: i["rules"].append({"name": "solitary", "vms": [1], "continuous": True}),
        ),
        "V0.value",
        ["solitary"],
    ),
    "label of another arm": (
        lambda r: r.json(f"{AFTER}/service.json", lambda s: s.update(label="x")),
        "V0.value",
        ["label"],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_refused(run, name):
    """A file that cannot be used is a finding, never a traceback."""
    break_it, code, culprits = BROKEN[name]
    break_it(run)
    verdict = check_run(run.folder)
    messages = [v.message for v in verdict.violations if v.code == code]
    assert messages, verdict.to_text()
    assert any(all(culprit in m for culprit in culprits) for m in messages), messages
