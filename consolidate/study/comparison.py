"""Several policies on one trace and one fleet: one tidy table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from consolidate.engine import replay
from consolidate.errors import ConfigError
from consolidate.forecasting import Percentile
from consolidate.model import CarbonIntensity, Fleet, Instance, Placement, Replay, Rule, Trace
from consolidate.model.progress import Progress, silent
from consolidate.solvers import Budget, Policy
from consolidate.solvers.bounds.clairvoyant import replay_bound, saving_share
from consolidate.solvers.solving import DEFAULT_MIN_SAVING_FRACTION
from consolidate.study.emissions import arm_emissions_g
from consolidate.study.preparation import split_windows
from consolidate.study.verbs import plan, solve
from consolidate.units import MCORES_PER_CORE, g_to_kg, mj_to_kwh

if TYPE_CHECKING:
    import pandas as pd

    from consolidate.migration import MoveSettings
    from consolidate.model import JoulesOverHorizon
    from consolidate.model.from_trace import Sizing

__all__ = ["compare"]


def compare(
    trace: Trace,
    fleet: Fleet,
    policies: Sequence[str | Policy] = ("ffd", "bfd", "dot", "pabfd", "drain", "auto"),
    *,
    sizing: Sizing | None = None,
    sizing_fraction: float = 0.25,
    hindsight: bool = False,
    current: Placement | None = None,
    rules: tuple[Rule, ...] = (),
    cpu_limit_fraction: float | None = None,
    min_saving_fraction: float = DEFAULT_MIN_SAVING_FRACTION,
    carbon: CarbonIntensity | Sequence[CarbonIntensity] | None = None,
    objective: JoulesOverHorizon | None = None,
    move_price_j: float = 0.0,
    moves: MoveSettings | None = None,
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
    hindsight
        Size on the replayed window itself.
    current
        Present placement; default an even spread.
    rules
        Placement rules.
    cpu_limit_fraction
        Part of a host's usable CPU that sized demand may fill; default 0.9.
    min_saving_fraction
        Least part of the present energy that a plan must save.
    carbon
        Intensity over the replayed window, one for all sites or one for each; default none, and no
        carbon column.
    objective
        What the policies minimise; default joules over the replayed window, else such as
        :class:`consolidate.Carbon` over it.
    move_price_j : J
        What a move has to be worth on top of its energy.
    moves
        Settings of every move.
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
        ``clairvoyant_kwh`` is what no policy undercuts that serves all demand
        (:func:`consolidate.replay_bound`), ``saving_share_fraction`` the part of the possible saving, doing
        nothing less that bound, that the policy captured. Where grams are minimised, ``objective_carbon_kg``
        and ``bound_carbon_kg`` stand in place of ``objective_kwh`` and ``bound_kwh``.
    """
    observed, window = (trace.window(*part) for part in split_windows(trace, sizing_fraction))
    instance = Instance.from_trace(
        window if hindsight else observed,
        fleet,
        sizing=sizing or Percentile(95),
        horizon_s=window.grid.duration_s,
        current=current,
        rules=rules,
        cpu_limit_fraction=cpu_limit_fraction,
        hindsight=hindsight,
        moves=moves,
    )
    if objective is not None:
        instance = replace(instance, objective=objective)
    found = _per_site(carbon, fleet)
    baseline = replay(window, fleet, instance.current, label="do-nothing", rules=rules)
    clairvoyant = replay_bound(window, fleet, progress=progress)
    rows = [
        _row("do-nothing", None, baseline, found)
        | {"clairvoyant_kwh": clairvoyant.energy_kwh, "saving_share_fraction": 0.0}
    ]
    for policy in policies:
        for seed in seeds:
            name = policy if isinstance(policy, str) else policy.name
            progress(f"{name}, seed {seed}")
            result = solve(
                instance,
                policy,
                budget=budget,
                seed=seed,
                min_saving_fraction=min_saving_fraction,
                move_price_j=move_price_j,
            ).raise_if_infeasible()
            made = plan(instance, result.placement) if result.worthwhile else None
            arm = replay(window, fleet, made or instance.current, label=name, rules=rules)
            row = _row(name, seed, arm, found)
            # A reference kWh, at 1,000 g/kWh, is a kg.
            unit = "kwh" if result.measure == "energy" else "carbon_kg"
            row |= {
                "status": result.status,
                f"objective_{unit}": mj_to_kwh(result.objective_mj),
                f"bound_{unit}": mj_to_kwh(result.bound_mj),
                "gap_fraction": result.gap,
                "makespan_s": 0 if made is None else made.makespan_s,
                "solve_s": result.runtime_s,
                "saved_fraction": 1 - arm.total_mj / baseline.total_mj,
                "clairvoyant_kwh": clairvoyant.energy_kwh,
                "saving_share_fraction": saving_share(
                    baseline.total_mj, arm.total_mj, clairvoyant.value_mj
                ),
            }
            if found and rows[0]["carbon_kg"]:
                row["carbon_saved_fraction"] = 1 - row["carbon_kg"] / rows[0]["carbon_kg"]  # type: ignore[operator]
            rows.append(row)
    import pandas as pd

    return pd.DataFrame(rows)


def _per_site(
    carbon: CarbonIntensity | Sequence[CarbonIntensity] | None, fleet: Fleet
) -> tuple[CarbonIntensity, ...]:
    if carbon is None:
        return ()
    if isinstance(carbon, CarbonIntensity):
        return (carbon,) * len(fleet.sites)
    if len(carbon) != len(fleet.sites):
        msg = f"needs one intensity for each of {len(fleet.sites)} sites, got {len(carbon)}"
        raise ConfigError(msg, path="carbon")
    return tuple(carbon)


def _row(
    name: str, seed: int | None, arm: Replay, carbon: tuple[CarbonIntensity, ...]
) -> dict[str, object]:
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
    if carbon:
        row["carbon_kg"] = g_to_kg(arm_emissions_g(arm, carbon))
    return row
