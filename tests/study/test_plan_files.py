"""A plan written into a run folder and read back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from consolidate.model import Boot, MakespanBound, Migration, MigrationPlan, Placement, Shutdown, Start
from consolidate.study.load import load_plan
from consolidate.study.write import write_plan


def test_every_kind_of_action_comes_back(tmp_path):
    """Boot, start, move and shutdown; a start that came back as a shutdown would empty its host."""
    current, target = np.array([-1, 0], dtype=np.int32), np.array([1, 1], dtype=np.int32)
    plan = MigrationPlan(
        actions=(
            Boot(id=1, host=1, start_s=0, end_s=5),
            Start(id=2, vm=0, host=1, start_s=5, end_s=15, after=(1,)),
            Migration(
                id=3, vm=1, source=0, target=1, mode="live", start_s=5, end_s=9, downtime_ms=7,
                moved_mib=1_024, rate_mib_per_s=256.0, overhead_mcores=80, after=(1,),
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
