"""Several policies on one trace and one fleet: one tidy table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from consolidate.carbon import emissions_g
from consolidate.engine import replay
from consolidate.forecasting import Percentile
from consolidate.model import CarbonIntensity, Fleet, Instance, Placement, Rule, Trace
from consolidate.model.progress import Progress, silent
from consolidate.solvers import Budget, Policy
from consolidate.study.verbs import plan, solve
from consolidate.units import MCORES_PER_CORE, g_to_kg, mj_to_kwh

if TYPE_CHECKING:
    import pandas as pd

    from consolidate.model.from_trace import Sizing

__all__ = ["compare"]


def compare(
    trace: Trace,
    fleet: Fleet,
    policies: Sequence[str | Policy] = ("ffd", "bfd", "dot", "pabfd", "drain", "auto"),
    *,
    sizing: Sizing | None = None,
    sizing_fraction: float = 0.25,
    current: Placement | None = None,
    rules: tuple[Rule, ...] = (),
    carbon: CarbonIntensity | None = None,
    budget: Budget | None = None,
    seeds: Sequence[int] = (0,),
    progress: Progress = silent,
) -> pd.DataFrame:
    """Solve, plan and replay every policy with every seed, against doing nothing.

    Parameters
    ----------
    trace, fleet
        The workload and the hosts.
    policies
        Registry names or policies with parameters.
    sizing
        How VMs are sized on the first part of the trace; default the 95th percentile.
    sizing_fraction
        First part of the trace, which sizes; the rest is replayed.
    current
        Present placement; default an even spread.
    rules
        Placement rules.
    carbon
        Intensity over the replayed window; default none, and no carbon column.
    budget
        Work of each solve.
    seeds
        Seeds of each policy.
    progress
        Told from time to time where the work stands.

    Returns
    -------
    DataFrame
        One row for ``do-nothing`` and one per policy and seed; the unit of a column is its ending.
    """
    cut = round(trace.grid.n_steps * sizing_fraction)
    observed, window = trace.window(0, cut), trace.window(cut, trace.grid.n_steps)
    instance = Instance.from_trace(
        observed,
        fleet,
        sizing=sizing or Percentile(95),
        horizon_s=window.grid.duration_s,
        current=current,
        rules=rules,
    )
    baseline = replay(window, fleet, instance.current, label="do-nothing", rules=rules)
    rows = [_row("do-nothing", None, baseline, carbon)]
    for policy in policies:
        for seed in seeds:
            name = policy if isinstance(policy, str) else policy.name
            progress(f"{name}, seed {seed}")
            result = solve(instance, policy, budget=budget, seed=seed).raise_if_infeasible()
            moves = plan(instance, result.placement) if result.worthwhile else None
            arm = replay(window, fleet, moves or instance.current, label=name, rules=rules)
            row = _row(name, seed, arm, carbon)
            row |= {
                "status": result.status,
                "objective_kwh": mj_to_kwh(result.objective_mj),
                "bound_kwh": mj_to_kwh(result.bound_mj),
                "gap_fraction": result.gap,
                "makespan_s": 0 if moves is None else moves.makespan_s,
                "solve_s": result.runtime_s,
                "saved_fraction": 1 - arm.total_mj / baseline.total_mj,
            }
            rows.append(row)
    import pandas as pd

    return pd.DataFrame(rows)


def _row(name: str, seed: int | None, arm: object, carbon: CarbonIntensity | None) -> dict[str, object]:
    from consolidate.model import Replay

    assert isinstance(arm, Replay)
    row: dict[str, object] = {
        "policy": name,
        "seed": seed,
        "energy_kwh": arm.energy_kwh,
        "hosts_on_mean": float(arm.hosts_on.mean()),
        "hosts_on_last": int(arm.hosts_on[-1]),
        "migrations": arm.service.migrations,
        "unmet_fraction": arm.service.unmet_fraction,
        "unmet_core_s": arm.service.unmet_mcore_s / MCORES_PER_CORE,
        "overload_fraction": arm.service.overload_fraction,
    }
    if carbon is not None:
        energy = arm.site_energy_mj.sum(axis=0)
        row["carbon_kg"] = g_to_kg(emissions_g(arm.grid, energy, carbon))
    return row
