"""Options about plans: when they shall end, and what a second of downtime may cost."""

from __future__ import annotations

import json
import math

import pytest

from consolidate.study.load import load_instance, load_plan

HOST = """
[[host_type]]
name = "{name}"
power = {{ linear = {{ idle_w = 100, max_w = 200 }} }}
cores = 64
memory_mib = {memory_mib}
boot_s = 60
shutdown_s = 60

[[hosts]]
type = "{name}"
ids = [{ids}]
"""
FENCE = """
[[rule]]
name = "fence"
vms = [{vms}]
hosts = ["{host}"]
continuous = false
"""


def _write(folder, hosts, vms, wanted):
    """Write a trace of twelve hours, a fleet, a placement, and where VMs have to be in the end."""
    rows = ["timestamp_utc,vm_id,cpu_mcores,memory_mib"]
    for step in range(24):
        at = f"2024-03-05T{step // 2:02d}:{30 * (step % 2):02d}:00Z"
        rows += [f"{at},{name},300,{mib}" for name, (mib, _) in vms.items()]
    (folder / "trace.csv").write_text("\n".join(rows) + "\n")
    table = ["vm_id,vcpus,cpu_mcores,memory_mib,dirty_mib_per_s"]
    table += [f"{name},2,1000,{mib},0" for name, (mib, _) in vms.items()]
    (folder / "vms.csv").write_text("\n".join(table) + "\n")
    (folder / "placement.csv").write_text(
        "vm_id,host_id\n" + "".join(f"{name},{host}\n" for name, (_, host) in vms.items())
    )
    (folder / "fleet.toml").write_text(
        "".join(
            HOST.format(name=f"t{k}", memory_mib=mib, ids=", ".join(f'"{i}"' for i in ids))
            for k, (mib, ids) in enumerate(hosts)
        )
    )
    (folder / "rules.toml").write_text(
        "".join(
            FENCE.format(vms=", ".join(f'"{name}"' for name in names), host=host)
            for host, names in wanted.items()
        )
    )
    return folder


def _given(folder, run):
    files = [
        f"--{n}={folder}/{n}.{e}"
        for n, e in (("fleet", "toml"), ("rules", "toml"), ("placement", "csv"))
    ]
    return (folder, "--out", run, "--policy", "ffd", "--min-saving", "0", "--quiet", *files)


@pytest.fixture(scope="module")
def draining(tmp_path_factory):
    """Three hosts that go off send eight VMs to one, and another that stays on has room."""
    homes = ["one"] * 3 + ["two"] * 3 + ["three"] * 2 + ["spare"]
    vms = {f"v{k}": (9_000, home) for k, home in enumerate(homes)}
    hosts = [(50_000, ["one", "two", "three"]), (90_000, ["big"]), (48_000, ["spare"])]
    wanted = {"big": [f"v{k}" for k in range(8)], "spare": ["v8"]}
    return _write(tmp_path_factory.mktemp("draining"), hosts, vms, wanted)


@pytest.fixture(scope="module")
def swapping(tmp_path_factory):
    """Two VMs that fill their hosts and have to change places."""
    vms = {"a": (7_000, "one"), "b": (6_000, "two")}
    folder = tmp_path_factory.mktemp("swapping")
    return _write(folder, [(10_000, ["one", "two"])], vms, {"two": ["a"], "one": ["b"]})


def test_a_plan_that_shall_end_in_time(consolidate, draining, tmp_path):
    """It is made anew with detours, says so in its file, and is judged; what was replayed stays."""
    run = tmp_path / "run"
    assert consolidate("solve", *_given(draining, run)).code == 0
    assert consolidate("plan", run, "--quiet").code == 0
    long = load_plan(run)
    assert not any(move.parking for move in long.migrations)
    minutes = math.ceil(long.makespan_s / 60)
    kept = consolidate("plan", run, "--within-minutes", minutes, "--quiet")
    assert (kept.code, "longer than" in kept.out) == (0, False)
    assert load_plan(run).actions == long.actions
    assert "within_s" not in json.loads((run / "plan.json").read_text("utf-8"))
    within = (long.makespan_s - 30) / 60
    shorter = consolidate("plan", run, "--within-minutes", within, "--quiet")
    assert (shorter.code, "longer than" in shorter.out) == (0, False)
    short = load_plan(run)
    assert short.makespan_s <= long.makespan_s - 30
    assert any(move.parking for move in short.migrations)
    assert json.loads((run / "plan.json").read_text("utf-8"))["within_s"] == long.makespan_s - 30
    for _ in range(2):
        told = consolidate("plan", run, "--within-minutes", 0.5, "--quiet")
        assert (told.code, "longer than 0.5 min: no plan was found that is not" in told.out) == (0, True)
    assert consolidate("replay", run, "--quiet").code == 0
    assert consolidate("report", run).code == 0
    checked = consolidate("check", run)
    assert checked.code == 0, checked.out
    late = consolidate("plan", run, "--within-minutes", 0.4)
    assert (late.code, "has been replayed" in late.err) == (2, True)
    assert consolidate("plan", run, "--within-minutes", 0.5).code == 0


@pytest.mark.parametrize("more", [("--undo", "all"), ("--window", "0-9"), ("--resume", "1")])
def test_other_plans_have_no_such_end(consolidate, more):
    """What would be left out of account is refused, and so is no time at all."""
    assert consolidate("plan", "run", "--fast", *more).code == 2
    assert consolidate("plan", "run", "--within-minutes", 1, *more).code == 2
    assert consolidate("plan", "run", "--within-minutes", 0).code == 2


def test_a_plan_for_who_waits(consolidate, draining, tmp_path):
    """It is made, and judged as any other."""
    run = tmp_path / "run"
    assert consolidate("solve", *_given(draining, run)).code == 0
    assert consolidate("plan", run, "--fast", "--quiet").code == 0
    assert len(load_plan(run).migrations) == 8
    assert consolidate("replay", run, "--quiet").code == 0
    assert consolidate("check", run).code == 0


def test_the_price_of_downtime_is_an_option(consolidate, swapping, tmp_path):
    """Whatever the fleet: without it no plan, with it a VM in storage, and the checks read the price anew."""
    run = tmp_path / "refused"
    assert consolidate("solve", *_given(swapping, run)).code == 0
    refused = consolidate("plan", run)
    assert (refused.code, "leaving VMs in storage" in refused.err) == (3, True)
    run = tmp_path / "run"
    done = consolidate("run", *_given(swapping, run), "--downtime-price", "2.5")
    assert done.code == 0, done.err
    assert load_instance(run).moves.downtime_j_per_s == 2.5
    assert len(load_plan(run).saves) == 1
    assert "--downtime-price 2.5" in json.loads((run / "manifest.json").read_text("utf-8"))["command"]
    about = json.loads((run / "instance.json").read_text("utf-8"))
    about["moves"]["downtime_j_per_s"] = None
    (run / "instance.json").write_text(json.dumps(about), "utf-8")
    spoiled = consolidate("check", run)
    assert (spoiled.code, "V6.unasked" in spoiled.out + spoiled.err) == (4, True)


def test_the_option_goes_before_the_fleet_file(consolidate, swapping, tmp_path):
    """Zero is a price; less than nothing and no number are refused."""
    priced = tmp_path / "fleet.toml"
    priced.write_text("[moves]\ndowntime_j_per_s = 7\n" + (swapping / "fleet.toml").read_text())
    for price, found in ((None, 7), ("0", 0), ("-1", None), ("nan", None), ("inf", None)):
        run = tmp_path / f"run{price}"
        option = () if price is None else ("--downtime-price", price)
        given = [*_given(swapping, run), f"--fleet={priced}", *option]
        done = consolidate("solve", *given)
        assert done.code == (2 if found is None else 0), done.err
        if found is None:
            assert "downtime_j_per_s: needs a finite number from 0 on" in done.err
        else:
            assert load_instance(run).moves.downtime_j_per_s == found


def test_comparisons_move_as_the_problem_says(consolidate, swapping):
    """The arm that has to swap has a plan only where a VM may be stopped."""
    files = _given(swapping, "unused")[-3:]
    given = (swapping, *files, "--policies", "ffd", "--min-saving", "0", "--csv", "--quiet")
    assert consolidate("compare", *given).code == 3
    priced = consolidate("compare", *given, "--downtime-price", "2")
    assert priced.code == 0, priced.err
