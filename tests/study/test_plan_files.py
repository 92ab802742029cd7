"""A plan written into a run folder and read back."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consolidate.checks.files import MalformedError
from consolidate.checks.loader import load_makespan_bounds
from consolidate.model import (
    Boot,
    MakespanBound,
    Migration,
    MigrationPlan,
    Placement,
    Restore,
    Save,
    Shutdown,
    Start,
)
from consolidate.study.load import load_plan
from consolidate.study.write import write_plan


def test_every_kind_of_action_comes_back(tmp_path):
    """Every kind of action; a start that came back as a shutdown would empty its host."""
    current, target = np.array([-1, 0], dtype=np.int32), np.array([1, 1], dtype=np.int32)
    plan = MigrationPlan(
        actions=(
            Boot(id=1, host=1, start_s=0, end_s=5),
            Start(id=2, vm=0, host=1, start_s=5, end_s=15, after=(1,)),
            Migration(
                id=3, vm=1, source=0, target=1, mode="live", start_s=5, end_s=9, downtime_ms=7,
                moved_mib=1_024, rate_mib_per_s=256.0, overhead_mcores=80, after=(1,),
            ),
            Save(
                id=5, vm=0, host=1, start_s=20, end_s=23, image_mib=512, rate_mib_per_s=250.0,
                overhead_mcores=40, after=(2,),
            ),
            Restore(
                id=6, vm=0, host=1, start_s=24, end_s=27, image_mib=512, rate_mib_per_s=250.0,
                overhead_mcores=40, after=(5,),
            ),
            Shutdown(id=4, host=0, start_s=9, end_s=12, after=(3,)),
        ),
        current=Placement(host_of=current),
        target=Placement(host_of=target),
        bound=MakespanBound(load_s=12, space_time_s=0, room_s=3, direct_s=12, rests_on="host a"),
        state="0123",
    )  # fmt: skip
    write_plan(tmp_path, plan)
    pq.write_table(
        pa.table({"current_host": current, "target_host": target}), tmp_path / "placement.parquet"
    )
    again = load_plan(tmp_path)
    assert again.actions == plan.actions
    assert (again.bound, again.state) == (plan.bound, plan.state)


@pytest.mark.parametrize(
    ("stated", "claims"),
    [({}, (0, 0)), ({"load_s": 4}, (4, 0)), ({"space_time_s": 7, "load_s": 4, "direct_s": 9}, (7, 9))],
)
def test_a_bound_that_is_left_out_is_no_claim(tmp_path, stated, claims):
    """Plans of others may state some of the bounds or none; reader and judge take them as they are."""
    plan = MigrationPlan(
        actions=(), current=Placement(host_of=np.array([0])), target=Placement(host_of=np.array([0]))
    )
    write_plan(tmp_path, plan)
    (tmp_path / "plan.json").write_text(json.dumps({"state": "0123", **stated}), "utf-8")
    pq.write_table(pa.table({"current_host": [0], "target_host": [0]}), tmp_path / "placement.parquet")
    assert load_makespan_bounds(tmp_path) == claims
    assert load_plan(tmp_path).bound == (MakespanBound(**stated) if stated else None)


def test_a_bound_that_is_no_number_is_refused(tmp_path):
    """Left out is no claim, but nonsense is no bound."""
    (tmp_path / "plan.json").write_text(json.dumps({"state": "0123", "room_s": "soon"}), "utf-8")
    with pytest.raises(MalformedError, match="room_s needs a whole number"):
        load_makespan_bounds(tmp_path)
