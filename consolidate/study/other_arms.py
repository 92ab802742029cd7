"""Further arms of a run, replayed on the same trace: what else could have been done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from consolidate.engine import replay
from consolidate.errors import ConfigError
from consolidate.model import Instance, MigrationPlan, Replay
from consolidate.model.progress import Progress, silent
from consolidate.study import load, write
from consolidate.study.emissions import arm_emissions_g
from consolidate.study.folder import read_json
from consolidate.study.pipeline import WITHOUT_OFF
from consolidate.study.verbs import plan, solve

__all__ = ["replay_others"]


def replay_others(
    folder: Path, names: Sequence[str], *, progress: Progress = silent
) -> dict[str, Replay]:
    """Replay further arms of a planned run folder; those that are there already are read.

    Parameters
    ----------
    folder
        The run folder, replayed and accounted for.
    names
        ``without-off``, or names of policies, which solve with the seed of the run and their defaults.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    ConfigError
        When a name is that of one of the two arms of every run.
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
        if name != WITHOUT_OFF:
            POLICIES.get(name)
    manifest = read_json(folder / "manifest.json")
    instance, trace = load.load_instance(folder), load.load_trace(folder)
    window = trace.window(*manifest["windows"]["replay"])
    arms: dict[str, Replay] = {}
    for name in dict.fromkeys(names):
        if not (folder / "replay" / name / "service.json").is_file():
            progress(f"replay {name}")
            made = (
                without_shutdowns(load.load_plan(folder))
                if name == WITHOUT_OFF
                else _planned(instance, name, int(manifest["seed"]), progress)
            )
            arm = replay(
                window, instance.fleet, made, label=name, rules=instance.rules, progress=progress
            )
            write.write_replay(folder, arm)
        arms[name] = load.load_replay(folder, name)
    found, emissions = load.load_carbon(folder)
    emissions |= {name: arm_emissions_g(arm, found) for name, arm in arms.items()}
    write.write_carbon(folder, found, emissions)
    return arms


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
