"""Judging must never be the reason not to judge: real sizes take seconds."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from consolidate.checks import (
    Actions,
    Arm,
    ArmCase,
    Demand,
    MovesMade,
    PlacementClaim,
    PlanCase,
    Residency,
    States,
    check_arm,
    check_placement,
    check_plan,
)
from consolidate.checks.fleet_file import load_guests, load_hosts
from consolidate.checks.ledger import recount
from consolidate.checks.loader import load_case, load_limits
from consolidate.checks.verdict import SHOWN_PER_CODE


def load(folder):
    return load_case(folder, load_hosts(folder), load_guests(folder))


def test_many_violations_are_counted_not_listed(correct_run):
    """A wholly broken run must stay readable."""
    case = load(correct_run)
    n = 5_000
    many = big_case(case, n_vms=n, n_hosts=50)
    found = check_placement(dataclasses.replace(many, target=np.full(n, -1, dtype=np.int64)))
    lost = [v for v in found if v.code == "V1.lost"]
    assert len(lost) == SHOWN_PER_CODE + 1
    assert lost[-1].witness == {"more": n - SHOWN_PER_CODE}


def big_case(case, *, n_vms, n_hosts):
    """A fleet of the scene's big hosts, VMs dealt out in turn, every eleventh moved on by one host."""
    hosts = dataclasses.replace(
        case.hosts,
        ids=tuple(f"host-{h}" for h in range(n_hosts)),
        kind_of=np.ones(n_hosts, dtype=np.int64),
        control=np.zeros(n_hosts, dtype=np.int64),
        maintenance=np.zeros(n_hosts, dtype=np.bool_),
        powered_on=np.ones(n_hosts, dtype=np.bool_),
        pue=np.ones(n_hosts),
        site=np.zeros(n_hosts, dtype=np.int64),
    )
    vm = np.arange(n_vms)
    vms = dataclasses.replace(
        case.vms,
        ids=tuple(f"vm-{v}" for v in vm),
        is_container=np.zeros(n_vms, dtype=np.bool_),
        vcpus=np.full(n_vms, 2),
        cpu_mcores=np.full(n_vms, 100),
        memory_mib=np.full(n_vms, 8),
        dirty_mib_per_s=np.ones(n_vms),
        disk_mib=np.zeros(n_vms, dtype=np.int64),
    )
    current = (vm % n_hosts).astype(np.int64)
    return dataclasses.replace(
        case,
        hosts=hosts,
        vms=vms,
        need=np.tile(np.array([50, 8, 100, 8], dtype=np.int64), (n_vms, 1)),
        capacity=np.tile(case.capacity[2], (n_hosts, 1)),
        overhead=np.zeros((n_hosts, 4), dtype=np.int64),
        load_mcores=np.full(n_vms, 20, dtype=np.int64),
        move_mj=np.full(n_vms, 10, dtype=np.int64),
        movable=np.ones(n_vms, dtype=np.bool_),
        active=np.ones(n_vms, dtype=np.bool_),
        rules=(),
        current=current,
        target=np.where(vm % 11 == 0, (current + 1) % n_hosts, current),
    )


def test_hundred_thousand_vms_take_seconds(correct_run):
    """Judging must never be the reason not to judge."""
    case = load(correct_run)
    big = big_case(case, n_vms=100_000, n_hosts=1_000)
    claim = PlacementClaim(objective_mj=0, current_mj=0, gap=0.0, status="feasible", worthwhile=True)
    start = time.perf_counter()
    codes = {v.code for v in check_placement(big, claim)}
    assert time.perf_counter() - start < 20
    assert codes == {"V14.objective"}


def test_thousand_moves_take_seconds(correct_run):
    """A plan of the size of a real one, judged at every moment."""
    case = load(correct_run)
    n_hosts = 800
    big = big_case(case, n_vms=10_000, n_hosts=n_hosts)
    moved = np.flatnonzero(big.target != big.current)
    rank = np.arange(moved.size)
    slot = rank * 11 // n_hosts
    actions = Actions(
        id=rank + 1,
        kind=np.ones(moved.size, dtype=np.int64),
        vm=moved,
        source=big.current[moved],
        target=big.target[moved],
        mode=("live",) * moved.size,
        start_s=slot * 10,
        end_s=slot * 10 + 10,
        downtime_ms=np.full(moved.size, 300),
        moved_mib=np.full(moved.size, 100),
        # A VM of 8 MiB needs no more, and its dirty rate of 1 MiB/s no less.
        rate_mib_per_s=np.full(moved.size, 40.0),
        overhead_mcores=np.full(moved.size, 400),
        parking=np.zeros(moved.size, dtype=np.bool_),
        after=((),) * moved.size,
    )
    start = time.perf_counter()
    found = check_plan(PlanCase(placement=big, limits=load_limits(correct_run), actions=actions))
    assert time.perf_counter() - start < 20
    assert found == ()


def big_arm(case):
    """1,052 VMs on 800 hosts over 216 steps: half of the hosts hand over their VMs and go off."""
    n_vms, n_hosts, n_steps, step_s = 1_052, 800, 216, 300
    big = big_case(case, n_vms=n_vms, n_hosts=n_hosts)
    vm = np.arange(n_vms)
    moved = np.flatnonzero(big.current >= n_hosts // 2)
    target = big.current[moved] - n_hosts // 2
    end = 100 + 60 * (moved % 7)
    big = dataclasses.replace(big, target=big.current)
    rng = np.random.default_rng(2)
    demand = Demand(
        vm=np.repeat(vm, n_steps),
        step=np.tile(np.arange(n_steps), n_vms),
        cpu_mcores=rng.integers(0, 3_500, n_vms * n_steps),
        memory_mib=rng.integers(0, 9_000, n_vms * n_steps),
        n_steps=n_steps,
        step_s=step_s,
        start_utc_s=0,
    )
    horizon = demand.duration_s
    stays = np.delete(vm, moved)
    residency = Residency(
        vm=np.concatenate([stays, moved, moved]),
        host=np.concatenate([big.current[stays], big.current[moved], target]),
        start_s=np.concatenate([0 * stays, 0 * moved, end]),
        end_s=np.concatenate([0 * stays + horizon, end, 0 * moved + horizon]),
    )
    on, off = np.arange(n_hosts // 2), np.arange(n_hosts // 2, n_hosts)
    down = case.hosts.kinds[1].shutdown_s
    states = States(
        host=np.concatenate([on, off, off, off]),
        state=np.repeat([0, 0, 2, 3], n_hosts // 2),
        start_s=np.concatenate([0 * on, 0 * off, 0 * off + 600, 0 * off + 600 + down]),
        end_s=np.concatenate([0 * on + horizon, 0 * off + 600, 0 * off + 600 + down, 0 * off + horizon]),
    )
    moves = MovesMade(
        vm=moved,
        source=big.current[moved],
        target=target,
        mode=("live",) * moved.size,
        start_s=end - 77,
        end_s=end,
        downtime_ms=np.full(moved.size, 300),
        overhead_mcores=np.full(moved.size, 400),
        completed=np.ones(moved.size, dtype=np.bool_),
    )
    arm = Arm(
        label="big",
        states=states,
        residency=residency,
        moves=moves,
        host_ids=big.hosts.ids,
        host_mj=np.zeros((n_hosts, 6), dtype=np.int64),
        step_start_utc_s=np.arange(n_steps) * step_s,
        step_mj=np.zeros((n_steps, 6), dtype=np.int64),
        power_w=np.zeros(n_steps),
        hosts_on=np.zeros(n_steps, dtype=np.int64),
        unmet_mcore_s=np.zeros(n_steps, dtype=np.int64),
        site_mj=np.zeros((2, n_steps), dtype=np.int64),
        utilization=np.full((n_hosts, n_steps), np.nan),
        service={},
    )
    return ArmCase(placement=big, site_of=np.arange(n_hosts) % 2, demand=demand, arm=arm)


def test_replay_of_real_size_takes_seconds(correct_run, monkeypatch):
    """And cutting the work into blocks of steps changes nothing."""
    case = load(correct_run)
    big = big_arm(case)
    start = time.perf_counter()
    whole = recount(big)
    assert time.perf_counter() - start < 30
    monkeypatch.setattr("consolidate.checks.ledger._BLOCK_ROWS", 40_000)
    parts = recount(big)
    assert np.array_equal(whole.host_mj, parts.host_mj)
    assert np.array_equal(whole.step_mj, parts.step_mj)
    assert np.array_equal(whole.unmet_mcore_s, parts.unmet_mcore_s)
    assert whole.service == parts.service
    told = dataclasses.replace(
        big.arm,
        host_mj=whole.host_mj,
        step_mj=whole.step_mj,
        site_mj=whole.site_mj,
        utilization=whole.utilization,
        power_w=whole.step_mj.sum(axis=1) / 300_000,
        hosts_on=whole.hosts_on,
        unmet_mcore_s=whole.unmet_mcore_s,
        service=whole.service,
    )
    assert check_arm(dataclasses.replace(big, arm=told)) == ()
