"""Whole runs in the formats of other systems: every number follows from the ledger."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from consolidate.carbon import emissions_by_step_g
from consolidate.errors import ConfigError
from consolidate.exports import RUN_EXPORTERS, RunExporter, RunFacts, export_run
from consolidate.exports.ccf import CloudCarbonFootprint
from consolidate.exports.csv_text import safe_cell
from consolidate.exports.opendc import OpenDC


def _synthetic():
    path = Path(__file__).parents[1] / "reporting" / "synthetic.py"
    spec = importlib.util.spec_from_file_location("consolidate_tests_synthetic_exports", path)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SYNTHETIC = _synthetic()


def facts_of(case, **changes):
    arms = {"baseline": case.before, "consolidated": case.after}
    found = (case.intensity,) * len(case.before.site_energy_mj)
    grams = {
        label: np.array(
            [
                emissions_by_step_g(arm.grid, mj, i)
                for mj, i in zip(arm.site_energy_mj, found, strict=True)
            ]
        )
        for label, arm in arms.items()
    }
    parts = {"arms": arms, "instance": case.instance, "intensities": found, "emissions_g": grams}
    return RunFacts(**{**parts, "version": "0", "run_id": "ab" * 32, **changes})


@pytest.fixture(scope="module")
def case():
    return SYNTHETIC.make_case(n_hosts=8, n_vms=16, pues=(1.2, 1.5))


@pytest.fixture(scope="module")
def facts(case):
    return facts_of(case)


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


@pytest.mark.parametrize("name", sorted(RUN_EXPORTERS))
def test_exporters_are_what_they_should_be(facts, name, tmp_path):
    """A name, parameters with defaults, equal bytes for equal runs."""
    exporter = RUN_EXPORTERS.get(name)()
    assert isinstance(exporter, RunExporter)
    assert exporter.name == name
    one, two = (export_run(facts, tmp_path / f"{k}", to=name).read_bytes() for k in range(2))
    assert one == two
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1"]


def test_codecarbon_holds_kilograms_and_kilowatt_hours(facts, case):
    """Peers mix up g, kg and t: energy times 380 g/kWh says which it is."""
    rows = table(RUN_EXPORTERS.get("codecarbon")().content(facts))
    for row, arm in zip(rows, (case.before, case.after), strict=True):
        assert float(row["energy_consumed"]) == pytest.approx(arm.energy_kwh)
        assert float(row["emissions"]) == pytest.approx(arm.energy_kwh * 0.38)
        assert float(row["emissions_rate"]) * float(row["duration"]) == pytest.approx(
            float(row["emissions"])
        )
        assert (row["cpu_power"], row["gpu_energy"], row["pue"]) == ("", "", "1.0")


def test_ccf_lists_every_host_of_one_arm(facts, case):
    """Hosts that are off for a part of the time are on for fewer hours, and nothing is scaled up."""
    rows = table(CloudCarbonFootprint().content(facts))
    assert [r["machineName"] for r in rows] == list(case.after.host_ids)
    hours = {r["machineName"]: float(r["dailyUptime"]) for r in rows}
    released = {case.after.host_ids[s.host] for s in case.plan.shutdowns}
    assert all(hours[h] < 6 for h in released)
    assert all(h in released or hours[h] == 6 for h in hours)
    assert {r["annualUptime"] for r in rows} == {""}
    assert {r["powerUsageEffectiveness"] for r in rows} == {"1.2", "1.5"}
    assert {
        float(r["dailyUptime"]) for r in table(CloudCarbonFootprint(arm="baseline").content(facts))
    } == {6.0}


def test_esrs_rows_never_net_the_saving(facts, case):
    """Scope 2 is gross; the saving stands in the action, once."""
    rows = table(RUN_EXPORTERS.get("esrs-e1")().content(facts))
    by = {(r["dr"], r["datapoint"].rsplit(", ", 1)[-1]): r for r in rows}
    tonnes = case.before.energy_kwh * 380 / 1e6
    assert float(by["E1-6", "baseline"]["value"]) == pytest.approx(tonnes)
    assert float(by["E1-5", "baseline"]["value"]) == pytest.approx(case.before.energy_kwh / 1000)
    (action,) = [r for r in rows if r["dr"] == "E1-3"]
    saved = (case.before.energy_kwh - case.after.energy_kwh) * 380 / 1e6
    assert float(action["value"]) == pytest.approx(saved)
    assert not [r for r in rows if "market-based" in r["datapoint"]]


def test_esrs_has_market_rows_only_for_stated_contracts(case):
    """Never by default."""
    rows = table(RUN_EXPORTERS.get("esrs-e1")().content(facts_of(case, market_g={"baseline": 2e6})))
    (row,) = [r for r in rows if "market-based" in r["datapoint"]]
    assert float(row["value"]) == 2.0


def test_esrs_refuses_a_marginal_intensity(case):
    """An inventory is made of averages."""
    marginal = replace(case.intensity, kind="marginal")
    with pytest.raises(ConfigError, match="average"):
        RUN_EXPORTERS.get("esrs-e1")().content(facts_of(case, intensities=(marginal, marginal)))


def test_opendc_has_its_columns_and_adds_up(facts, case, tmp_path):
    """Energy in joules, power in watts, grams by site and step: sums are those of the ledger."""
    path = tmp_path / "powerSource.parquet"
    export_run(facts, path, to=OpenDC(arm="baseline"))
    rows = pq.read_table(path).to_pydict()
    assert sum(rows["energy_usage"]) == pytest.approx(case.before.total_mj / 1000)
    assert sum(rows["carbon_emission"]) == pytest.approx(case.before.energy_kwh * 380)
    assert set(rows["source_name"]) == {"site-0", "site-1"}
    assert rows["timestamp"][-1] == 6 * 3_600 * 1000
    assert rows["power_draw"][0] * 300 == pytest.approx(rows["energy_usage"][0])


def _numbers(text: str, key: str) -> list[float]:
    return [float(x) for x in re.findall(rf"^ +{re.escape(key)}: (\S+)$", text, re.MULTILINE)]


def test_impact_framework_recomputes_the_emissions(facts, case):
    """Running the manifest multiplies energy by intensity: the sum is that of the account."""
    text = RUN_EXPORTERS.get("impact-framework")().content(facts).decode("utf-8")
    energy, intensity = _numbers(text, "energy"), _numbers(text, "grid/carbon-intensity")
    both = case.before.energy_kwh + case.after.energy_kwh
    assert sum(energy) == pytest.approx(both)
    assert sum(e * i for e, i in zip(energy, intensity, strict=True)) == pytest.approx(both * 380)
    assert sum(_numbers(text, "vm-hours")) == pytest.approx(2 * 16 * 6)
    assert set(_numbers(text, "duration")) == {3_600}
    assert text.count("- timestamp:") == 2 * 2 * 6


@pytest.mark.parametrize("arm", ["", "other"])
def test_unknown_arms_are_refused(facts, arm):
    """A typo must not export the wrong arm."""
    for exporter in (CloudCarbonFootprint(arm=arm), OpenDC(arm=arm)):
        with pytest.raises(ConfigError, match="needs one of baseline, consolidated"):
            exporter.content(facts)


def test_hostile_names_stay_names():
    """Names of hosts come from tenants and vendors: no formula, no YAML, no second row."""
    names = SYNTHETIC.HOSTILE
    case = SYNTHETIC.make_case(n_hosts=10, n_vms=10, host_ids=names, vm_ids=names)
    sites = (replace(case.instance.fleet.sites[0], name='=cmd|x\n- evil: "1"'),)
    fleet = replace(case.instance.fleet, sites=sites)
    facts = facts_of(replace(case, instance=replace(case.instance, fleet=fleet)))
    rows = table(CloudCarbonFootprint().content(facts))
    assert len(rows) == 10
    assert not [r for r in rows if r["machineName"].lstrip()[:1] in tuple("=+-@")]
    manifest = RUN_EXPORTERS.get("impact-framework")().content(facts).decode("utf-8")
    assert not re.search(r"^\s*- evil", manifest, re.MULTILINE)
    assert json.dumps(sites[0].name) in manifest
    assert all(safe_cell(n) == n or safe_cell(n).startswith("'") for n in names)
