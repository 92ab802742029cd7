"""Placements, plans, replays and results as values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from consolidate.errors import HorizonError, InfeasibleError, InstanceError
from consolidate.model import (
    Boot,
    Bound,
    CarbonIntensity,
    Migration,
    MigrationPlan,
    Placement,
    Replay,
    Result,
    ServiceLevel,
    Shutdown,
    TimeGrid,
)

HERE = Placement(host_of=np.array([0, 1, -1, 1], dtype=np.int32))


def move(number, start, end, **fields):
    values = {"vm": 0, "source": 0, "target": 1, "mode": "live", "downtime_ms": 20, "moved_mib": 512}
    values |= {"rate_mib_per_s": 47.5, "overhead_mcores": 40}
    return Migration(id=number, start_s=start, end_s=end, **{**values, **fields})


def plan(*actions):
    return MigrationPlan(actions=actions, current=HERE, target=HERE)


def test_placement_knows_its_hosts():
    """VMs on no host use none."""
    assert HERE.used_hosts().tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        HERE.host_of[0] = 3


def test_only_a_change_of_host_is_a_move():
    """VMs that come or go are not moved."""
    there = Placement(host_of=np.array([2, 1, 0, -1], dtype=np.int32))
    assert there.moved_from(HERE).tolist() == [0]


def test_a_host_is_an_index_or_minus_one():
    """-2 is a mistake and not another way to say nowhere."""
    with pytest.raises(InstanceError, match=r"host_of\[1\]"):
        Placement(host_of=np.array([0, -2]))


def test_plan_sorts_its_actions():
    """Actions are in order of start, then of id, however they were given."""
    made = plan(
        Shutdown(id=3, host=0, start_s=90, end_s=100, after=(1,)),
        move(1, 60, 90, after=(0,)),
        Boot(id=0, host=1, start_s=0, end_s=60),
    )
    assert [a.id for a in made.actions] == [0, 1, 3]
    assert (len(made.boots), len(made.migrations), len(made.shutdowns)) == (1, 1, 1)
    assert made.makespan_s == 100
    assert "1 migrations (1 live; 0 parking), 0.5 GiB" in made.summary()


def test_plan_refuses_what_cannot_be_executed():
    """Ids used twice, unknown dependencies and times that run backwards, all in one error."""
    with pytest.raises(InstanceError) as caught:
        plan(move(1, 10, 5), move(1, 0, 5), move(2, 0, 5, after=(7,)))
    assert [str(i) for i in caught.value.issues] == [
        "plan.actions[1]: needs 0 <= start <= end, got 10 s and 5 s",
        "plan.actions[1]: the id is used twice",
        "plan.actions[2].after: there is no action 7",
    ]


def test_plan_table_leaves_out_what_does_not_apply():
    """A boot has no VM; the table says so with a missing value, not with a zero."""
    frame = plan(Boot(id=0, host=1, start_s=0, end_s=60), move(1, 60, 90)).to_frame()
    assert frame["vm"].isna().tolist() == [True, False]
    assert frame["target"].tolist() == [1, 1]
    assert frame["downtime_s"].tolist()[1] == 0.02


def test_empty_plan_changes_nothing():
    """Doing nothing is a plan, too."""
    nothing = MigrationPlan.empty(HERE)
    assert nothing.actions == ()
    assert nothing.makespan_s == 0
    assert nothing.target.moved_from(nothing.current).size == 0


def replay(**fields):
    grid = TimeGrid(start=np.datetime64("2024-01-01"), step_s=60, n_steps=2)
    by_step = np.array([[5, 4, 0, 0, 0, 1], [5, 0, 0, 0, 0, 0]])
    values = {
        "label": "arm",
        "grid": grid,
        "host_ids": ("a", "b"),
        "energy_mj": np.array([[10, 4, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]),
        "step_energy_mj": by_step,
        "site_energy_mj": by_step.sum(axis=1)[np.newaxis],
        "hosts_on": np.array([1, 1]),
        "utilization": np.zeros((2, 2)),
        "step_unmet_mcore_s": np.zeros(2),
        "residency": np.zeros((0, 4)),
        "host_states": np.zeros((0, 4)),
        "moves": (),
        "service": ServiceLevel(
            demand_mcore_s=200,
            unmet_mcore_s=5,
            overload_host_s=3,
            on_host_s=120,
            memory_overcommit_host_s=0,
            downtime_ms=0,
            waiting_vm_s=0,
            migrations=0,
            skipped_migrations=0,
            cancelled_shutdowns=0,
            power_cycles=0,
        ),
    }
    return Replay(**{**values, **fields})


def test_ledger_adds_up():
    """Totals, causes and mean power come from the same whole numbers."""
    done = replay()
    assert done.total_mj == 15
    assert done.by_cause_mj() == {
        "idle": 10,
        "load": 4,
        "migration": 0,
        "booting": 0,
        "shutting_down": 0,
        "off": 1,
    }
    assert done.power_w.tolist() == [10 / 60_000, 5 / 60_000]
    assert done.service.unmet_fraction == 0.025
    assert done.service.overload_fraction == 0.025
    assert done.to_frame()["idle_mj"].tolist() == [5, 5]


@pytest.mark.parametrize("name", ["energy_mj", "step_energy_mj", "site_energy_mj"])
def test_a_ledger_that_does_not_close_is_refused(name):
    """One millijoule too many in any of the three views."""
    wrong = np.array(getattr(replay(), name))
    wrong[0, 0] += 1
    with pytest.raises(InstanceError, match="differ"):
        replay(**{name: wrong})


def test_no_demand_is_no_division():
    """Service levels of an idle replay are zero."""
    idle = replace(replay().service, demand_mcore_s=0, on_host_s=0)
    assert (idle.unmet_fraction, idle.overload_fraction) == (0.0, 0.0)


def result(**fields):
    values = {
        "policy": "ffd",
        "placement": HERE,
        "objective_mj": 100,
        "current_mj": 200,
        "bounds": (Bound(name="b", value_mj=90, kind="certified", source="test"),),
        "status": "feasible",
        "stopped": "one pass",
        "worthwhile": True,
        "seed": 0,
        "runtime_s": 0.1,
    }
    return Result(**{**values, **fields})


def test_result_states_its_gap():
    """The gap is relative to the objective, and the best bound counts."""
    low = Bound(name="low", value_mj=50, kind="attested", source="test")
    assert result().gap == 0.1
    assert result(bounds=(low, *result().bounds)).bound_mj == 90
    assert result(bounds=()).gap == 1.0
    assert result(objective_mj=0).gap == 0.0
    assert "(certified: b), gap 10.0000%" in result().summary()


def test_infeasible_result_raises_on_demand():
    """The names of the blocking VMs reach the error."""
    assert result().raise_if_infeasible() == result()
    blocked = result(status="infeasible", message="no room", blocking_vms=("vm7",))
    with pytest.raises(InfeasibleError, match="no room") as caught:
        blocked.raise_if_infeasible()
    assert caught.value.vms == ("vm7",)


def test_intensity_is_known_inside_its_grid_only():
    """Left-closed steps; asking outside raises instead of repeating the last value."""
    grid = TimeGrid(start=np.datetime64("2024-01-01"), step_s=3_600, n_steps=2)
    known = CarbonIntensity(
        grid=grid, g_per_kwh=[100, 200], zone="DE", kind="average", scope="direct", source="test"
    )
    ask = grid.start + np.array([0, 3_599, 3_600, 7_199]) * np.timedelta64(1, "s")
    assert known.at(ask).tolist() == [100, 100, 200, 200]
    with pytest.raises(HorizonError, match="DE"):
        known.at(np.array([grid.stop]))


@pytest.mark.parametrize("values", [[100.0], [100.0, -1.0], [100.0, np.nan]])
def test_intensity_is_finite_and_not_negative(values):
    """One value per step, all of them numbers."""
    grid = TimeGrid(start=np.datetime64("2024-01-01"), step_s=3_600, n_steps=2)
    with pytest.raises(InstanceError, match=r"carbon\.g_per_kwh"):
        CarbonIntensity(
            grid=grid, g_per_kwh=values, zone="DE", kind="average", scope="direct", source="test"
        )
