"""What must not change a replay, or change it in a known way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from consolidate.engine import replay
from consolidate.model import Placement, Site


def at(*hosts):
    return Placement(host_of=np.array(hosts))


def halved(trace):
    """Return the same demand in steps of half the length."""
    grid = replace(trace.grid, step_s=trace.grid.step_s // 2, n_steps=2 * trace.grid.n_steps)
    parts = {k: np.repeat(getattr(trace, k), 2, axis=1) for k in ("cpu_mcores", "memory_mib", "alive")}
    return replace(trace, grid=grid, **parts)


def even_scenes(scenes, n):
    for seed in range(n):
        trace, fleet, current, plans, rules = scenes.random_scene(seed)
        trace = replace(trace, grid=replace(trace.grid, step_s=2 * (trace.grid.step_s // 2 + 1)))
        yield trace, fleet, current, plans[0], rules


def test_halving_the_steps_changes_no_energy(scenes):
    """MR11: how time is cut is a matter of reporting, not of what happens."""
    for trace, fleet, current, plan, rules in even_scenes(scenes, 60):
        one = replay(trace, fleet, plan, current=current, rules=rules)
        two = replay(halved(trace), fleet, plan, current=current, rules=rules)
        assert one.energy_mj.tolist() == two.energy_mj.tolist()
        pairs = two.step_energy_mj.reshape(trace.grid.n_steps, 2, -1).sum(axis=1)
        assert one.step_energy_mj.tolist() == pairs.tolist()
        assert one.residency.tolist() == two.residency.tolist()
        assert one.service == two.service


def test_twice_the_fleet_takes_twice_the_energy(scenes):
    """MR8: a copy of everything beside it, apart from where arrivals go."""
    for trace, fleet, current, plan, _ in even_scenes(scenes, 40):
        n = trace.n_vms
        here = current.host_of >= 0
        alive = trace.alive & here[:, None] & (np.cumsum(~trace.alive, axis=1) == 0)
        parts = {k: np.where(alive, getattr(trace, k), 0) for k in ("cpu_mcores", "memory_mib")}
        trace = replace(trace, alive=alive, **parts)
        twice = {k: np.vstack([getattr(trace, k)] * 2) for k in ("cpu_mcores", "memory_mib", "alive")}
        fields = ("vcpus", "cpu_mcores", "memory_mib", "dirty_mib_per_s", "is_container", "disk_mib")
        vms = replace(
            trace.vms,
            ids=tuple(f"{i}{k}" for k in "ab" for i in trace.vms.ids),
            groups=trace.vms.groups * 2,
            **{k: np.tile(getattr(trace.vms, k), 2) for k in fields},
        )
        hosts = ("host_type", "host_site", "power_control", "maintenance", "powered_on")
        big = replace(
            fleet,
            host_ids=tuple(f"{i}{k}" for k in "ab" for i in fleet.host_ids),
            **{k: np.tile(getattr(fleet, k), 2) for k in hosts},
        )
        shift = fleet.n_hosts
        where = np.concatenate([current.host_of, np.where(here, current.host_of + shift, -1)])
        actions = list(plan.actions)
        for a in plan.actions:
            if a.kind == "migration":
                more = {"vm": a.vm + n, "source": a.source + shift, "target": a.target + shift}
            else:
                more = {"host": a.host + shift}
            actions.append(replace(a, id=a.id + 10_000, **more))
        one = replay(trace, fleet, plan, current=current)
        both = replay(
            replace(trace, vms=vms, **twice), big, scenes.make_plan(where, *actions), current=at(*where)
        )
        assert both.total_mj == 2 * one.total_mj
        assert both.service.unmet_mcore_s == 2 * one.service.unmet_mcore_s


def test_another_first_instant_changes_nothing(scenes):
    """MR12: the clock labels the steps, and that is all."""
    for trace, fleet, current, plan, rules in even_scenes(scenes, 20):
        later = replace(trace, grid=trace.grid.starting(np.datetime64("2031-07-05T13:00:00")))
        one = replay(trace, fleet, plan, current=current, rules=rules)
        other = replay(later, fleet, plan, current=current, rules=rules)
        assert one.step_energy_mj.tolist() == other.step_energy_mj.tolist()


def test_two_halves_add_up_when_the_state_carries_over(scenes):
    """MR13: cut between two events, with the placement of the cut as the next start."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)])
    rng = np.random.default_rng(3)
    trace = scenes.make_trace(rng.integers(0, 2_000, (3, 8)))
    plan = scenes.make_plan([0, 0, 1], scenes.move(1, 0, 1, 4, 21, downtime_ms=90))
    whole = replay(trace, fleet, plan)
    first = replay(trace.window(0, 3), fleet, plan)
    last = {r[0]: r[1] for r in first.residency.tolist()}
    second = replay(trace.window(3, 8), fleet, at(*(last[v] for v in range(3))))
    assert whole.energy_mj.tolist() == (first.energy_mj + second.energy_mj).tolist()
    total = first.service.unmet_mcore_s + second.service.unmet_mcore_s
    assert whole.service.unmet_mcore_s == total


def test_swapping_the_arms_flips_the_sign_of_the_saving(scenes):
    """MR18: a saving is a difference of two totals, nothing else."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)])
    trace = scenes.make_trace([[100] * 30])
    plan = scenes.make_plan([0], scenes.shutdown(1, 0, 5))
    nothing, done = replay(trace, fleet, at(0)), replay(trace, fleet, plan)
    saved = nothing.total_mj - done.total_mj
    assert saved == 300 * 50_000 - 300_000 - 295 * 5_000
    assert done.total_mj - nothing.total_mj == -saved


def test_sites_share_the_total(scenes):
    """What a site uses is what its hosts use, step by step."""
    fleet = scenes.make_fleet(
        [scenes.host_type(str(k)) for k in range(3)],
        sites=(Site(name="a"), Site(name="b")),
        host_site=[0, 1, 1],
    )
    arm = replay(scenes.make_trace([[4_000, 0]]), fleet, at(1))
    assert arm.site_energy_mj.tolist() == [[500_000, 500_000], [1_500_000, 1_000_000]]
