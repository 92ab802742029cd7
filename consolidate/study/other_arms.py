"""Further arms of a run, replayed on the same trace: what else could have been done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from consolidate.engine import replay
from consolidate.errors import ConfigError
from consolidate.model import Carbon, Instance, MigrationPlan, Replay, TimeGrid
from consolidate.model.progress import Progress, silent
from consolidate.study import load, write
from consolidate.study.emissions import arm_emissions_g
from consolidate.study.folder import read_json
from consolidate.study.forecasts import Forecasts
from consolidate.study.pipeline import WITHOUT_OFF
from consolidate.study.verbs import plan, solve

__all__ = ["PERFECT_FORECAST", "replay_others"]

#: The arm of somebody who knew the intensities: what the forecast cost the placement.
PERFECT_FORECAST = "perfect-forecast"


def replay_others(
    folder: Path, names: Sequence[str], *, progress: Progress = silent
) -> dict[str, Replay]:
    """Replay further arms of a planned run folder; those that are there already are read.

    Parameters
    ----------
    folder
        The run folder, replayed and accounted for.
    names
        ``without-off``, names of policies, which solve with the seed of the run and their defaults, or
        ``perfect-forecast``: the policy of a run that minimises grams, had it known the intensities.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    ConfigError
        When a name is that of one of the two arms of every run, or asks for a forecast in a run without one.
    UnknownNameError
        When a name is no policy.
    InfeasibleError
        When a policy finds no feasible placement.
    """
    from consolidate.solvers import POLICIES

    for name in names:
        if name in ("baseline", "consolidated"):
            msg = f"{name} is an arm of every run; needs {WITHOUT_OFF} or a policy"
            raise ConfigError(msg, path="--also")
        if name not in (WITHOUT_OFF, PERFECT_FORECAST):
            POLICIES.get(name)
    manifest = read_json(folder / "manifest.json")
    instance, trace = load.load_instance(folder), load.load_trace(folder)
    if PERFECT_FORECAST in names and not isinstance(instance.objective, Carbon):
        msg = f"{PERFECT_FORECAST} is for a run with --objective carbon; this one minimises energy"
        raise ConfigError(msg, path="--also")
    window = trace.window(*manifest["windows"]["replay"])
    arms: dict[str, Replay] = {}
    for name in dict.fromkeys(names):
        if not (folder / "replay" / name / "service.json").is_file():
            progress(f"replay {name}")
            seed = int(manifest["seed"])
            if name == WITHOUT_OFF:
                made = without_shutdowns(load.load_plan(folder))
            elif name == PERFECT_FORECAST:
                knowing = replace(instance, objective=_by_what_came_true(folder, instance, window.grid))
                made = _planned(knowing, load.load_result(folder).policy, seed, progress)
            else:
                made = _planned(instance, name, seed, progress)
            arm = replay(
                window, instance.fleet, made, label=name, rules=instance.rules, progress=progress
            )
            write.write_replay(folder, arm)
        arms[name] = load.load_replay(folder, name)
    found, emissions = load.load_carbon(folder)
    emissions |= {name: arm_emissions_g(arm, found) for name, arm in arms.items()}
    write.write_carbon(folder, found, emissions)
    return arms


def _by_what_came_true(folder: Path, instance: Instance, grid: TimeGrid) -> Carbon:
    actual, _ = load.load_carbon(folder)
    came_true = Forecasts(each=actual, start=grid.start, source="the intensities that came true")
    return came_true.objective(instance)


def without_shutdowns(made: MigrationPlan) -> MigrationPlan:
    """Return a plan in which emptied hosts stay on."""
    left_out = {action.id for action in made.shutdowns}
    actions = tuple(
        replace(action, after=tuple(k for k in action.after if k not in left_out))
        for action in made.actions
        if action.id not in left_out
    )
    return replace(made, actions=actions, bound=None)


def _planned(instance: Instance, policy: str, seed: int, progress: Progress) -> MigrationPlan:
    result = solve(instance, policy, seed=seed, progress=progress).raise_if_infeasible()
    if not result.worthwhile:
        return MigrationPlan.empty(instance.current)
    return plan(instance, result.placement, progress=progress)
