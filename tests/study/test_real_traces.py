"""The whole chain on real traces, and real runs broken by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import consolidate as cs


@pytest.fixture(scope="module")
def data() -> Path:
    """Folder of real data; tests that need it are skipped where it is absent."""
    named = os.environ.get("CONSOLIDATE_DATA")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set CONSOLIDATE_DATA to their folder")
    return folder


@pytest.fixture(scope="module")
def planetlab(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder of PlanetLab 20110303 with little search."""
    out = tmp_path_factory.mktemp("planetlab") / "run"
    trace = str(data / "planetlab" / "20110303.tar.xz")
    budget = cs.Budget(iterations=400)
    cs.run(cs.RunConfig(trace=trace, budget=budget, policy="drain"), out)
    return out


def test_planetlab_is_verified_and_saves(planetlab: Path) -> None:
    """The field's reference day: every VM placed on a small part of 800 hosts, every number re-derived."""
    run = cs.load_run(planetlab)
    assert run.trace.n_vms == 1_052
    assert run.instance.fleet.n_hosts == 800
    assert cs.check_run(planetlab).ok
    saved = 1 - run.consolidated.total_mj / run.baseline.total_mj
    assert 0.70 < saved < 0.80
    assert run.consolidated.service.unmet_fraction < 0.001
    assert run.result.gap < 0.10
    assert run.result.bounds[-1].kind == "certified"


@pytest.mark.slow
def test_memory_binds_with_the_original_hosts(data: Path) -> None:
    """With 4 GiB per host no placement can do with fewer than 329 hosts; the answer comes close."""
    trace = cs.read_trace(data / "planetlab" / "20110303.tar.xz")
    fleet = cs.read_fleet("planetlab-4gib")
    instance = cs.Instance.from_trace(trace.window(0, 72), fleet, sizing=cs.Percentile(95))
    result = cs.solve(instance, "drain", budget=cs.Budget(iterations=2_000))
    assert 329 <= result.placement.used_hosts().size <= 332


def test_bitbrains_needs_its_repairs_named(data: Path, tmp_path: Path) -> None:
    """Dirty data is refused by default, and accepted with repairs that the run lists with counts."""
    trace = str(data / "bitbrains-rnd" / "rnd-2013-7-72vm.tar.xz")
    with pytest.raises(cs.ConsolidateError, match="--repair"):
        cs.run(cs.RunConfig(trace=trace), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    repair = ("drop-duplicates", "keep-last", "snap", "fill-gaps")
    budget = cs.Budget(iterations=400)
    done = cs.run(
        cs.RunConfig(trace=trace, repair=repair, budget=budget, policy="drain"), tmp_path / "run"
    )
    assert {r.name for r in done.trace.repairs} == set(repair)
    assert all(r.count > 0 for r in done.trace.repairs)
    assert cs.check_run(tmp_path / "run").ok
    assert done.consolidated.total_mj < done.baseline.total_mj


def _edit(folder: Path, name: str, change: Callable[[dict[str, list[object]]], None]) -> None:
    table = pq.read_table(folder / name)
    columns = table.to_pydict()
    change(columns)
    pq.write_table(pa.table(columns, schema=table.schema), folder / name)


def _overfill(columns: dict[str, list[object]]) -> None:
    first = next(h for h in columns["target_host"] if h >= 0)
    columns["target_host"] = [first] * len(columns["target_host"])


def _lose(columns: dict[str, list[object]]) -> None:
    columns["target_host"][7] = -1


def _double(columns: dict[str, list[object]]) -> None:
    columns["vm_id"][8] = columns["vm_id"][7]


def _shut_down_at_once(columns: dict[str, list[object]]) -> None:
    k = len(columns["kind"]) - 1 - columns["kind"][::-1].index("shutdown")
    length = columns["end_s"][k] - columns["start_s"][k]
    columns["start_s"][k], columns["end_s"][k] = 0, length
    columns["after"][k] = ""
    order = sorted(
        range(len(columns["kind"])), key=lambda i: (columns["start_s"][i], columns["action_id"][i])
    )
    for name, values in columns.items():
        columns[name] = [values[i] for i in order]


def _one_millijoule(columns: dict[str, list[object]]) -> None:
    columns["load_mj"][3] += 1


@pytest.mark.parametrize(
    ("name", "change", "code", "culprit"),
    [
        ("placement.parquet", _overfill, "V2", "host-"),
        ("placement.parquet", _lose, "V1", None),
        ("placement.parquet", _double, "V1", None),
        ("plan.parquet", _shut_down_at_once, "V7", "host-"),
        ("replay/consolidated/hosts.parquet", _one_millijoule, "V9", "host-0003"),
    ],
)
def test_a_run_broken_by_hand_is_refused(
    planetlab: Path,
    tmp_path: Path,
    name: str,
    change: Callable[[dict[str, list[object]]], None],
    code: str,
    culprit: str | None,
) -> None:
    """A checker that lets one of these pass proves nothing about the others."""
    broken = tmp_path / "run"
    shutil.copytree(planetlab, broken)
    _edit(broken, name, change)
    verdict = cs.check_run(broken)
    assert not verdict.ok
    matching = [v for v in verdict.violations if v.code.startswith(code)]
    assert matching, [v.code for v in verdict.violations][:10]
    vms = cs.load_run(planetlab).instance.vms.ids
    assert (culprit or vms[7]) in " ".join(v.message for v in matching)


def test_a_move_before_its_host_has_booted_is_refused(planetlab: Path, tmp_path: Path) -> None:
    """A host that was off needs its boot first: without one in the plan, every move to it is early."""
    import json

    broken = tmp_path / "run"
    shutil.copytree(planetlab, broken)
    plan = cs.load_run(planetlab).plan
    target = plan.migrations[0].target
    fleet = json.loads((broken / "fleet.json").read_text("utf-8"))
    host = fleet["hosts"][target]
    host["powered_on"] = False
    (broken / "fleet.json").write_text(json.dumps(fleet), encoding="utf-8")
    verdict = cs.check_run(broken)
    named = [
        v for v in verdict.violations if v.code.startswith(("V4", "V7")) and host["id"] in v.message
    ]
    assert named


def test_a_rule_broken_only_during_a_move_is_refused(planetlab: Path, tmp_path: Path) -> None:
    """Two VMs that share a host for the seconds of a move break a continuous rule, whatever the ends say."""
    import json

    broken = tmp_path / "run"
    shutil.copytree(planetlab, broken)
    run = cs.load_run(planetlab)
    into = {}
    for move in run.plan.migrations:
        into.setdefault(move.target, []).append(move)
    current = run.instance.current.host_of
    pair = None
    for host, arrivals in into.items():
        for leaving in (m for m in run.plan.migrations if m.source == host):
            early = [m for m in arrivals if m.start_s < leaving.end_s and m.vm != leaving.vm]
            if early and current[leaving.vm] == host:
                pair = (early[0].vm, leaving.vm, host)
    if pair is None:
        # No host both sends and receives in this plan: let a VM arrive where another still is.
        staying = np.flatnonzero((current >= 0) & (current == run.plan.target.host_of))
        host = int(current[staying[0]])
        pair = (into[host][0].vm, int(staying[0]), host)
    about = json.loads((broken / "instance.json").read_text("utf-8"))
    about["rules"] = [{"name": "spread", "vms": sorted(pair[:2]), "continuous": True}]
    (broken / "instance.json").write_text(json.dumps(about), encoding="utf-8")
    verdict = cs.check_run(broken)
    host_id = run.instance.fleet.host_ids[pair[2]]
    broken_rules = [v for v in verdict.violations if v.code.startswith("V3.rule")]
    assert any(host_id in v.message for v in broken_rules), verdict.to_text()[:500]
