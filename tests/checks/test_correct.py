"""What is right must be accepted, in every stage of a run, in memory as on disk, and fast."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from consolidate.checks import (
    PlanCase,
    check_placement,
    check_plan,
    check_run,
)
from consolidate.checks.fleet_file import load_guests, load_hosts
from consolidate.checks.loader import load_actions, load_case, load_claim, load_limits
from consolidate.checks.on_off import on_off_mj
from consolidate.checks.power import kind_power_mw
from consolidate.checks.precopy import least_move
from consolidate.checks.spans import Cover, by_steps
from consolidate.errors import InputError


def load(folder):
    case = load_case(folder, load_hosts(folder), load_guests(folder))
    actions = load_actions(folder, hosts=case.hosts.n, vms=case.vms.n)
    return (
        case,
        load_claim(folder),
        PlanCase(placement=case, limits=load_limits(folder), actions=actions),
    )


def test_correct_run_is_verified(correct_run):
    """The oracle adds up second by second; every one of its millijoules must come out again."""
    verdict = check_run(correct_run)
    assert verdict.ok, verdict.to_text()
    assert verdict.to_text().splitlines()[0] == "VERIFIED"
    assert verdict.absent == ()
    assert verdict.checked["planned moves"] == 4
    assert verdict.checked["figures derived again"] == 12
    assert any("attested by SCIP" in note for note in verdict.notes)
    assert "1 of 13 figures" in " ".join(verdict.notes)
    assert "attested by SCIP" in verdict.bound_verdict
    assert len(verdict.hashes["plan.parquet"]) == 64
    assert json.loads(json.dumps(verdict.to_dict()))["verdict"] == "VERIFIED"


def test_oracle_covers_what_matters(correct_run):
    """An oracle in which nothing happens would prove nothing."""
    service = json.loads((correct_run / "replay/consolidated/service.json").read_text())
    assert all(
        service[key] > 0
        for key in (
            "unmet_mcore_s",
            "overload_host_s",
            "memory_overcommit_host_s",
            "waiting_vm_s",
            "power_cycles",
        )
    )


def test_partial_runs_are_judged_for_what_they_hold(naive, naive_files, tmp_path):
    """After ``solve`` there is no plan and no replay, and that is no fault."""
    naive_files.write_solved(tmp_path / "run")
    verdict = check_run(tmp_path / "run")
    assert verdict.ok
    assert verdict.absent == ("plan", "replay", "carbon", "report")
    assert "not present: plan" in verdict.to_text()
    naive_files.write_rows(tmp_path / "run/plan.parquet", naive.make_plan())
    assert check_run(tmp_path / "run").absent == ("replay", "carbon", "report")


def test_moves_that_were_broken_off_still_cost(run, naive, naive_files):
    """A VM that leaves while it moves, and a move that the replay cuts off, took CPU until then."""
    arm = naive.make_arm("online", [])
    common = {"target": 2, "mode": "live", "overhead_mcores": 40, "downtime_ms": 60}
    arm.moves += [
        {"vm": 8, "source": 2, "start_s": 231, "end_s": 240, "completed": False, **common, "target": 1},
        {"vm": 4, "source": 4, "start_s": 350, "end_s": 380, "completed": False, **common},
    ]
    naive.simulate(arm)
    naive_files.write_arm(run.folder, arm)
    (run.folder / "carbon.parquet").unlink()
    verdict = check_run(run.folder)
    assert verdict.ok, verdict.to_text()
    assert arm.service["migrations"] == 0
    assert sum(row[2] for row in arm.host_mj) > 0
    run.rows("replay/online/moves.parquet", lambda rows: rows[0].update(end_s=235))
    codes = [v.code for v in check_run(run.folder).violations]
    assert "V8.move" in codes


def test_no_folder_is_an_input_error(tmp_path):
    """A wrong path is the user's mistake, not a verdict."""
    with pytest.raises(InputError, match="nowhere"):
        check_run(tmp_path / "nowhere")


def test_empty_folder_names_every_missing_file(tmp_path):
    """One missing file must not hide the next."""
    codes = [v.code for v in check_run(tmp_path).violations]
    assert codes
    assert set(codes) == {"V0.missing"}


def test_verdict_does_not_change_the_folder(correct_run):
    """A judge leaves no traces."""
    before = check_run(correct_run).hashes
    assert check_run(correct_run).hashes == before


def test_in_memory_checks_agree_with_the_folder(correct_run):
    """``study`` asks before anything is written and must get the same answer."""
    case, claim, plan = load(correct_run)
    assert check_placement(case, claim) == ()
    assert check_placement(case) == ()
    assert check_plan(plan) == ()
    broken = dataclasses.replace(case, target=np.where(np.arange(case.vms.n) == 0, -1, case.target))
    assert [v.code for v in check_placement(broken, claim)] == ["V1.lost"]


def test_rule_of_unknown_meaning_is_not_taken_as_kept(correct_run):
    """A rule from a plug-in is refused rather than ignored: nobody here can say that it holds."""
    case, _, _ = load(correct_run)
    lonely = dataclasses.replace(case.rules[0], name="lonely")
    found = check_placement(dataclasses.replace(case, rules=(*case.rules, lonely)))
    assert [v.code for v in found] == ["V3.rule"]
    assert "lonely[6]" in found[0].message


def test_infeasible_claim_is_not_held_to_a_placement(correct_run):
    """Nobody is placed anew when there is no placement."""
    case, claim, _ = load(correct_run)
    crowded = dataclasses.replace(case, target=np.where(case.active, 1, -1))
    assert check_placement(crowded, claim)
    infeasible = dataclasses.replace(claim, status="infeasible", bounds=(), worthwhile=False)
    assert check_placement(crowded, infeasible) == ()


def test_not_worthwhile_means_nothing_changes(run, scene, naive, naive_files):
    """The objective of doing nothing keeps empty hosts on, and an empty plan fits it."""
    run.rows("placement.parquet", lambda rows: [r.update(target_host=r["current_host"]) for r in rows])
    # The present placement breaks the first rule; without it, staying is allowed.
    run.json("instance.json", lambda i: i["rules"].pop(0))
    where = [row[6] for row in scene.VMS]
    parts = naive.breakdown(where, do_nothing=True)

    def change(result):
        result.update(
            worthwhile=False, objective_mj=sum(parts.values()), breakdown=parts, bounds=[], gap=1.0
        )

    run.json("result.json", change)
    naive_files.write_rows(run.folder / "plan.parquet", [])
    shutil.rmtree(run.folder / "replay")
    (run.folder / "figures.json").unlink()
    verdict = check_run(run.folder)
    assert verdict.ok, verdict.to_text()


def test_certificate_equals_the_formula(correct_run, naive):
    """The vectorised bound and the load-by-load one are the same whole number for any prices."""
    case, _, _ = load(correct_run)
    rng = np.random.default_rng(0)
    for scale in (1, 64, 1_000_000, 2**40):
        prices = []
        for _ in case.hosts.kinds:
            a = [(r, r + 1, 2 * r + 1, int(rng.integers(0, 5 * scale))) for r in range(4)]
            a.append(("rule", 1, scale * int(rng.integers(0, 10**9))))
            prices.append((a, int(rng.integers(0, 200 * scale))))
        value = naive.certificate_value(scale, prices)
        assert on_off_mj(case, naive.certificate(scale, prices)) == value


def test_no_certificate_exceeds_the_best_placement(correct_run, scene, naive):
    """Weak duality on a small fleet: no multipliers may beat the placement that is best of many."""
    case, _, _ = load(correct_run)
    rng = np.random.default_rng(1)
    best = sum(naive.breakdown([row[7] for row in scene.VMS]).values())
    for _ in range(200):
        prices = []
        for _ in case.hosts.kinds:
            a = [
                (r, int(rng.integers(1, 4)), int(rng.integers(1, 9_000)), int(rng.integers(0, 10**7)))
                for r in rng.integers(0, 4, 3).tolist()
            ]
            prices.append((a, int(rng.integers(0, 10 ** int(rng.integers(1, 7))))))
        assert on_off_mj(case, naive.certificate(1_000, prices)) <= best


def test_falling_curve_does_not_inflate_a_bound(correct_run):
    """Where more load draws less, a host with many small guests may draw less than their load says."""
    case, _, _ = load(correct_run)
    small = case.hosts.kinds[0]
    odd = dataclasses.replace(small, hosting_idle_mw=100_000)
    assert small.per_vm_mcores > 0
    fleet = dataclasses.replace(case.hosts, kinds=(odd, *case.hosts.kinds[1:]))
    nothing = {"scale": 1, "types": [{"load_multiplier": 0, "rows": []}] * len(case.hosts.kinds)}
    value = on_off_mj(dataclasses.replace(case, hosts=fleet), nothing)
    guarded = dataclasses.replace(odd, hosting_idle_mw=small.points_mw[1])
    level = dataclasses.replace(case.hosts, kinds=(guarded, *case.hosts.kinds[1:]))
    assert value == on_off_mj(dataclasses.replace(case, hosts=level), nothing)


def test_hosts_off_only_when_it_pays(correct_run):
    """With a shortest off time beyond the horizon nobody goes off, and the objective says so."""
    case, claim, plan = load(correct_run)
    patient = dataclasses.replace(case, min_off_s=case.horizon_s + 1)
    assert not patient.may_switch_off().any()
    assert {v.code for v in check_placement(patient, claim)} >= {"V14.objective"}
    assert {v.code for v in check_plan(dataclasses.replace(plan, placement=patient))} == {"V7.final"}
    assert check_placement(dataclasses.replace(case, min_off_s=0), claim) == ()


def test_power_is_the_naive_power(correct_run, scene):
    """Rounding is part of the format: every load of every curve."""
    for kind, plain in zip(load_hosts(correct_run).kinds, scene.TYPES, strict=True):
        loads = np.arange(0, kind.cpu_mcores + 50, 7, dtype=np.int64)
        for hosting in (True, False):
            expected = [scene.power(plain, int(x), hosting=hosting) for x in loads]
            assert kind_power_mw(kind, loads, hosting=hosting).tolist() == expected


@pytest.mark.parametrize(
    ("memory_gib", "dirty", "rate", "rounds_moved", "seconds", "downtime"),
    [
        (4, 50, 117, 1.52, 55.8, 0.16),
        (8, 50, 117, 1.52, 111.8, 0.13),
        (8, 100, 117, 3.04, 223.4, 0.27),
        (64, 200, 1_170, 1.21, 70.8, 0.29),
        (256, 500, 2_900, 1.21, 114.5, 0.08),
    ],
)
def test_precopy_gives_the_published_values(
    correct_run, memory_gib, dirty, rate, rounds_moved, seconds, downtime
):
    """Worked values of the pre-copy equations, with rates in MB/s and a setup of one second."""
    limits = dataclasses.replace(load_limits(correct_run), bandwidth_fraction=1.0)
    mib = memory_gib * 1_024
    least = least_move(
        "live", mib, dirty_mib_per_s=dirty * 1e6 / 2**20, nic_mbit_per_s=rate * 8.0, limits=limits
    )
    assert least.problem == ""
    assert least.moved_mib / mib == pytest.approx(rounds_moved, rel=0.01)
    assert least.duration_s == pytest.approx(seconds + 1, abs=1)
    assert least.downtime_ms / 1_000 == pytest.approx(downtime, abs=0.01)


def test_move_that_does_not_converge_says_so(correct_run):
    """Copying as fast as the guest writes never ends; the equations must not loop."""
    limits = load_limits(correct_run)
    least = least_move("live", 8_192, dirty_mib_per_s=500.0, nic_mbit_per_s=1_000.0, limits=limits)
    assert "does not converge" in least.problem


def test_source_is_free_at_the_end_of_a_move(correct_run):
    """Half-open intervals: what ends at t makes room for what starts at t."""
    case, _, plan = load(correct_run)
    # web-b arrives on h1 in the second in which db-c has left it, and only then fits.
    tight = case.need.copy()
    tight[2, 1] = 7_600
    seconds = 321
    a = plan.actions
    later = np.where(a.id == 4, a.start_s + seconds, a.end_s)

    def actions(gap):
        start, end, target = a.start_s.copy(), a.end_s.copy(), a.target.copy()
        c, b = int(np.flatnonzero(a.id == 4)[0]), int(np.flatnonzero(a.id == 2)[0])
        end[c] = start[c] + seconds
        start[b], end[b], target[b] = end[c] + gap, end[c] + gap + 7, 1
        return dataclasses.replace(a, start_s=start, end_s=end, target=target)

    assert later.size
    for gap, full in ((0, False), (-1, True)):
        tried = dataclasses.replace(
            plan, placement=dataclasses.replace(case, need=tight), actions=actions(gap)
        )
        assert any(v.code == "V2.moment" for v in check_plan(tried)) is full


def test_overfull_host_may_empty(correct_run):
    """A host above capacity from the start is no fault of the plan while it only loses VMs."""
    case, _, plan = load(correct_run)
    capacity = case.capacity.copy()
    capacity[0] = 0
    roomless = dataclasses.replace(plan, placement=dataclasses.replace(case, capacity=capacity))
    assert check_plan(roomless) == ()


def test_rule_broken_from_the_start_may_be_repaired(correct_run):
    """The plan that separates two VMs must not be blamed for finding them together."""
    case, _, plan = load(correct_run)
    rules = tuple(dataclasses.replace(rule, continuous=True) for rule in case.rules)
    assert rules[0].vms == (0, 1)
    always = dataclasses.replace(plan, placement=dataclasses.replace(case, rules=rules))
    assert check_plan(always) == ()


def test_pieces_of_intervals():
    """Cutting at step boundaries loses no second and doubles none."""
    start, end = np.array([0, 5, 10, 29]), np.array([10, 25, 10, 31])
    row, step, begin, stop = by_steps(start, end, 10)
    assert list(zip(row.tolist(), step.tolist(), begin.tolist(), stop.tolist(), strict=True)) == [
        (0, 0, 0, 10),
        (1, 0, 5, 10),
        (1, 1, 10, 20),
        (1, 2, 20, 25),
        (3, 2, 29, 30),
        (3, 3, 30, 31),
    ]


def test_cover_joins_what_touches():
    """A VM may stay across a boundary between two rows of the same state, not across a gap."""
    cover = Cover(np.array([1, 1, 1, 2]), np.array([0, 10, 30, 0]), np.array([10, 20, 40, 5]))
    key = np.array([1, 1, 1, 2, 2, 0, 3])
    inside = cover.holds(key, np.array([5, 15, 35, 0, 0, 0, 0]), np.array([15, 35, 40, 5, 6, 1, 1]))
    assert inside.tolist() == [True, False, True, True, False, False, False]


def test_every_code_is_documented():
    """Whoever is refused must be able to look up why."""
    root = Path(__file__).parents[2]
    sources = "".join(p.read_text("utf-8") for p in (root / "consolidate/checks").glob("*.py"))
    page = (root / "docs/reference/checks.md").read_text("utf-8")
    codes = set(re.findall(r'"(V\d+\.[a-z-]+)"', sources))
    assert len(codes) > 50
    assert codes == set(re.findall(r"`(V\d+\.[a-z-]+)`", page))


def test_checks_import_nothing_that_they_judge():
    """A judge that shares code with the accused repeats its mistakes."""
    root = Path(__file__).parents[2]
    for path in (root / "consolidate/checks").glob("*.py"):
        imports = re.findall(r"^\s*(?:from|import) (consolidate\.\w+)", path.read_text("utf-8"), re.M)
        assert set(imports) <= {"consolidate.checks", "consolidate.errors", "consolidate.units"}, path
