"""Energy per VM: by hand, in properties, and judged."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consolidate.carbon import energy_per_vm
from consolidate.carbon.per_vm import largest_remainders
from consolidate.checks import check_run
from consolidate.cli.main import _run
from consolidate.datasets import PrivateCloud, generate, write_dataset
from consolidate.engine import replay
from consolidate.errors import ConfigError
from consolidate.model import LEDGER, Placement
from tests.builders import fleet, trace, vms

AMOUNTS = st.dictionaries(st.integers(0, 20), st.integers(0, 10**15), max_size=12)


@given(st.integers(0, 10**18), AMOUNTS)
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_and_nobody_gets_much_more_than_due(amount, weights):
    """Parts add up exactly; each is its exact share rounded down or up."""
    parts = largest_remainders(amount, weights)
    total = sum(weights.values())
    if not total:
        assert parts == {}
        return
    assert sum(parts.values()) == amount
    for key, part in parts.items():
        assert 0 <= part - amount * weights[key] // total <= 1


def arm(cpu, host_of, **about):
    """The replay of a trace with everybody where they are; 100 W idle, 200 W full, 4 cores."""
    hosts = fleet(kinds=(0,) * 3)
    demand = trace(cpu, vms=vms(len(cpu), memory_mib=about.pop("memory", 2_048)), **about)
    return replay(demand, hosts, Placement(host_of=np.array(host_of, dtype=np.int32))), demand, hosts


def test_by_hand():
    """Two VMs of 1 and 3 GiB that take 1 and 2 of 4 cores for an hour; a third host idles."""
    done, demand, hosts = arm(
        [[1_000] * 12, [2_000] * 12, [0] * 12], (0, 0, 1), memory=[1_024, 3_072, 2_048]
    )
    share = energy_per_vm(done, demand, hosts)
    # Idle: 110 W with guests (by the curve's first points 100 W), an hour, a quarter and three quarters.
    idle = int(done.energy_mj[0, LEDGER.index("idle")])
    load = int(done.energy_mj[0, LEDGER.index("load")])
    assert share.energy_mj[0].tolist() == [idle // 4, load // 3, 0]
    assert share.energy_mj[1].tolist() == [3 * idle // 4, 2 * load // 3, 0]
    assert share.energy_mj[2].tolist() == [int(done.energy_mj[1].sum()), 0, 0]
    # The third host carries nobody: 100 W for an hour are everybody's.
    assert share.shared_mj.tolist() == [360_000_000, 0, 0, 0, 0, 0]
    assert share.total_mj == int(done.energy_mj.sum())
    equal = energy_per_vm(done, demand, hosts, idle="equal")
    assert equal.energy_mj[0, 0] == equal.energy_mj[1, 0] == idle // 2
    frame = share.to_frame()
    assert int(frame["total_mj"].sum()) == share.total_mj
    assert frame["energy_kwh"].sum() == pytest.approx(done.energy_kwh)


def test_grams_follow_the_energy():
    """With one site, the emissions of VMs and of the shared part are in proportion to their energy."""
    done, demand, hosts = arm([[1_000] * 12, [2_000] * 12], (0, 1))
    share = energy_per_vm(done, demand, hosts, site_emissions_g=[1_000.0])
    due = share.energy_mj.sum(axis=1) / share.total_mj * 1_000
    assert share.emissions_g.tolist() == pytest.approx(due.tolist())
    assert share.emissions_g.sum() + share.shared_g == pytest.approx(1_000.0)
    assert share.to_frame()["co2e_g"].sum() == pytest.approx(1_000.0)


def test_an_unknown_rule_is_refused():
    """Only what is documented."""
    done, demand, hosts = arm([[1_000] * 12], (0,))
    with pytest.raises(ConfigError, match="allocation or equal"):
        energy_per_vm(done, demand, hosts, idle="fair")


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A run with moves, arrivals and departures, reported with its energy per VM."""
    folder = tmp_path_factory.mktemp("per-vm")
    cloud = PrivateCloud(vms=24, days=1 / 6, hosts=6, departures_per_day=0.5, newcomer_fraction=0.3)
    write_dataset(generate(cloud, 3), folder / "data")
    options = ("--fleet", folder / "data" / "fleet.toml", "--policy", "ffd", "--quiet")
    assert _run([str(a) for a in ("run", folder / "data", "--out", folder / "run", *options)]) == 0
    assert _run(["report", str(folder / "run"), "--per-vm"]) == 0
    return folder / "run"


@pytest.mark.parametrize("rule", ["equal", "allocation"])
def test_the_table_of_a_run_is_the_ledger(reported, rule):
    """Both arms, whole millijoules, moves and departures included; the checks agree."""
    assert _run(["report", str(reported), "--per-vm", "--idle", rule]) == 0
    with (reported / "energy_per_vm.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    figures = json.loads((reported / "figures.json").read_text())["figures"]
    value = {f["metric"]: f["value"] for f in figures}
    for label in ("baseline", "consolidated"):
        total = sum(int(row[f"{label}_total_mj"]) for row in rows)
        assert total / 3.6e9 == pytest.approx(value[f"energy_{label}_kwh"], rel=1e-12)
        grams = sum(float(row[f"{label}_co2e_g"]) for row in rows)
        assert grams / 1_000 == pytest.approx(value[f"operational_carbon_{label}_kg"], rel=1e-12)
    saved = sum(float(row["saved_kwh"]) for row in rows)
    assert saved == pytest.approx(value["energy_saved_kwh"])
    assert any(int(row["consolidated_migration_mj"]) for row in rows[:-1])
    verdict = check_run(reported)
    assert verdict.ok, verdict.violations
    assert any("emissions per VM" in sentence for sentence in verdict.proven)


def test_a_millijoule_moved_from_one_vm_to_another_is_found(reported):
    """The total stays; the rule says otherwise."""
    path = reported / "energy_per_vm.csv"
    before = path.read_text()
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    column = rows[0].index("baseline_load_mj")
    total = rows[0].index("baseline_total_mj")
    for row, change in ((rows[1], 1), (rows[2], -1)):
        for k in (column, total):
            row[k] = str(int(row[k]) + change)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    try:
        found = check_run(reported).violations
        assert {v.code for v in found} == {"V19.share"}
    finally:
        path.write_text(before)


def test_a_report_without_the_table_leaves_none(reported):
    """A table of an earlier report may rest on other intensities."""
    assert _run(["report", str(reported)]) == 0
    assert not (reported / "energy_per_vm.csv").exists()
    assert _run(["report", str(reported), "--per-vm"]) == 0
    assert (reported / "energy_per_vm.csv").exists()


def test_grams_moved_from_one_vm_to_another_are_found(reported):
    """Somebody else's emissions, the same total."""
    path = reported / "energy_per_vm.csv"
    before = path.read_text()
    rows = list(csv.reader(before.splitlines()))
    column = rows[0].index("consolidated_co2e_g")
    for row, change in ((rows[1], 0.01), (rows[2], -0.01)):
        row[column] = str(float(row[column]) + change)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    try:
        found = check_run(reported).violations
        assert {v.code for v in found} == {"V19.share"}
        assert "emissions of VM" in found[0].message
    finally:
        path.write_text(before)
