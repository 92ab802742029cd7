"""A run whose plan leaves a VM in storage: planned, replayed, reported, checked, executed and undone."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consolidate.study.load import load_plan, load_replay

FLEET = """
[moves]
downtime_j_per_s = 1000000

[[host_type]]
name = "big"
power = { linear = { idle_w = 100, max_w = 200 } }
cores = 16
memory_mib = 10000
boot_s = 60
shutdown_s = 30

[[host_type]]
name = "small"
power = { linear = { idle_w = 90, max_w = 150 } }
cores = 4
memory_mib = 2000
boot_s = 60
shutdown_s = 30

[[hosts]]
type = "big"
ids = ["one", "two"]

[[hosts]]
type = "small"
ids = ["three"]
"""
RULES = """
[[rule]]
name = "fence"
vms = ["a"]
hosts = ["two"]
continuous = false

[[rule]]
name = "fence"
vms = ["b"]
hosts = ["one"]
continuous = false
"""


@pytest.fixture(scope="module")
def swapping(tmp_path_factory):
    """Two VMs that fill their hosts and have to change places, and a third whose host goes off."""
    folder = tmp_path_factory.mktemp("swapping")
    sizes = {"a": 7_000, "b": 6_000, "c": 500}
    rows = ["timestamp_utc,vm_id,cpu_mcores,memory_mib"]
    for step in range(12):
        rows += [f"2024-03-05T00:{5 * step:02d}:00Z,{v},900,{mib}" for v, mib in sizes.items()]
    folder.joinpath("trace.csv").write_text("\n".join(rows) + "\n")
    vms = [f"{v},2,2000,{mib},0" for v, mib in sizes.items()]
    folder.joinpath("vms.csv").write_text(
        "\n".join(["vm_id,vcpus,cpu_mcores,memory_mib,dirty_mib_per_s", *vms]) + "\n"
    )
    folder.joinpath("fleet.toml").write_text(FLEET)
    folder.joinpath("rules.toml").write_text(RULES)
    folder.joinpath("placement.csv").write_text("vm_id,host_id\na,one\nb,two\nc,three\n")
    return folder


def test_the_price_of_downtime_is_read_from_the_fleet_file(consolidate, swapping, tmp_path):
    """It reaches the instance of the run; less than nothing is refused with its path."""
    rest = [f"--rules={swapping}/rules.toml", f"--placement={swapping}/placement.csv", "--policy", "ffd"]
    for price, code in (("0.5", 0), ("-1", 2)):
        fleet, run = tmp_path / f"fleet{price}.toml", tmp_path / f"run{price}"
        fleet.write_text(FLEET.replace("1000000", price))
        done = consolidate(
            "solve", swapping, f"--fleet={fleet}", "--out", run, "--min-saving", "0", *rest
        )
        assert done.code == code, done.err
        if code:
            assert "moves.downtime_j_per_s: needs 0 or more" in done.err
        else:
            assert json.loads((run / "instance.json").read_text())["moves"]["downtime_j_per_s"] == 0.5


def _spoiled(table, column):
    """Return the stops with the first one changed, or without any."""
    if not column:
        return table.slice(0, 0)
    values = table[column].to_numpy().copy()
    values[0] += 1
    return table.set_column(table.schema.get_field_index(column), column, pa.array(values))


def test_all_verbs_know_vms_in_storage(consolidate, swapping, tmp_path):
    """The checks read the folder anew and agree; nothing is exported that others cannot do."""
    run = tmp_path / "run"
    files = [f"--{name}={swapping}/{name}.{end}" for name, end in (("fleet", "toml"), ("rules", "toml"))]
    given = ("--placement", swapping / "placement.csv", "--out", run, "--policy", "ffd", *files)
    more = ("--min-saving", "0", "--sizing-fraction", "0.25")
    for command in (("solve", swapping, *given, *more), ("plan", run), ("replay", run), ("report", run)):
        done = consolidate(*command, *(("--quiet",) if command[0] == "plan" else ()))
        assert done.code == 0, done.err
        if command[0] == "plan":
            assert "1 VMs wait in storage" in done.out
    made = load_plan(run)
    (save,), (restore,) = made.saves, made.restores
    after = load_replay(run, "consolidated")
    assert [(s.cause, s.start_s) for s in after.stops] == [
        ("saving", save.start_s), ("woken", restore.start_s), ("restoring", restore.start_s),
    ]  # fmt: skip
    assert after.service.parked_vm_s == restore.start_s - save.end_s
    # The demand of a VM that stands still is not served.
    assert after.service.unmet_mcore_s >= 900 * made.stored_s
    assert (after.service.savings, after.service.restorations) == (1, 1)
    checked = consolidate("check", run)
    assert checked.code == 0, checked.out
    stops = run / "replay" / "consolidated" / "stops.parquet"
    kept = stops.read_bytes()
    for column, code in (("image_mib", "V20.image"), ("end_s", "V20.duration"), ("", "V20.plan")):
        pq.write_table(_spoiled(pq.read_table(stops), column), stops)
        spoiled = consolidate("check", run)
        assert (spoiled.code, code in spoiled.out + spoiled.err) == (4, True), column
        stops.write_bytes(kept)
    assert "VMs saved, 1 restored" in consolidate("execute", run, "--faults", "none", "--quiet").out
    back = consolidate("plan", run, "--undo", "all", "--json", "--quiet")
    assert {"save", "restore"} <= {json.loads(line)["kind"] for line in back.out.splitlines()}
    assert consolidate("export", run, "--to", "watcher").code == 2
