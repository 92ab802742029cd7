"""One run, stage by stage; every stage reads what the stages before it wrote, so it can be resumed."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from consolidate.engine import replay
from consolidate.errors import ConfigError, InputError, PlanError
from consolidate.model import CarbonIntensity, Instance, MigrationPlan, Replay, Result, Trace
from consolidate.model.progress import Progress, silent
from consolidate.study import load, write
from consolidate.study.budgets import solve_within
from consolidate.study.config import RunConfig, split_carbon
from consolidate.study.emissions import arm_emissions_g, intensities
from consolidate.study.folder import is_unfinished, read_json, write_json
from consolidate.study.preparation import Prepared, prepare
from consolidate.study.provenance import note_stage
from consolidate.study.verbs import plan, solve

__all__ = [
    "BASELINE",
    "CONSOLIDATED",
    "WITHOUT_OFF",
    "RunData",
    "load_run",
    "plan_stage",
    "replay_stage",
    "run",
    "solve_stage",
]

BASELINE, CONSOLIDATED = "baseline", "consolidated"
#: The arm that carries out the plan of the run and switches nothing off.
WITHOUT_OFF = "without-off"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """A complete run, as nouns; see the fields of :class:`consolidate.reporting.Report`."""

    folder: Path
    manifest: dict[str, object]
    trace: Trace
    instance: Instance
    result: Result
    plan: MigrationPlan
    baseline: Replay
    consolidated: Replay
    intensities: tuple[CarbonIntensity, ...]
    emissions_g: dict[str, float]
    others: dict[str, Replay]
    shift: dict[str, Any] | None = None
    replay_bound: dict[str, Any] | None = None


def run(config: RunConfig, out: str | Path, *, progress: Progress = silent) -> RunData:
    """Read, solve, plan and replay; return the run.

    A folder that an interrupted run with the same options has left is taken up where it stopped.

    Raises
    ------
    InputError
        When the input is wrong, or ``out`` holds something else. Nothing is written then.
    InfeasibleError
        When there is no feasible placement.
    """
    folder = Path(out)
    solve_stage(config, folder, progress=progress)
    plan_stage(folder, progress=progress)
    replay_stage(folder, config, progress=progress)
    return load_run(folder)


def solve_stage(config: RunConfig, folder: Path, *, progress: Progress = silent) -> Result:
    """Read the inputs and solve; the run folder then holds the problem and its result."""
    progress(f"read {Path(config.trace).name}")
    started = time.monotonic()
    prepared = prepare(config)
    # Whatever may be wrong with the carbon intensities has to show before anything is written.
    _, assumed = intensities(prepared.instance.fleet, prepared.replayed.grid, config)
    manifest = prepared.manifest()
    manifest["defaults"] += [{"key": d.key, "value": d.value, "source": d.source} for d in assumed]  # type: ignore[operator]
    if _is_taken_up(folder, manifest):
        return load.load_result(folder)
    result = _solve(prepared, progress)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "manifest.json", manifest)
    if prepared.forecasts is not None:
        write.write_intensities(folder / "forecast.parquet", prepared.forecasts.each)
    write.write_instance(folder, prepared.trace, prepared.instance, config.min_saving_fraction)
    write.write_result(folder, prepared.instance, result)
    note_stage(folder, "solve", time.monotonic() - started, inputs=str(config.trace))
    return result


def _solve(prepared: Prepared, progress: Progress) -> Result:
    config = prepared.config
    moves = config.move_budget(prepared.instance.vms.ids)
    if not moves.is_empty():
        if config.move_price_j:
            msg = "either a price of a move or a budget of moves, and not both"
            raise ConfigError(msg, path="move_price_j")
        return solve_within(
            prepared.instance,
            moves,
            policy="keep" if config.policy == "auto" else config.policy,
            budget=config.budget,
            seed=config.seed,
            min_saving_fraction=config.min_saving_fraction,
            progress=progress,
        ).raise_if_infeasible()
    result = solve(
        prepared.instance,
        config.policy,
        budget=config.budget,
        seed=config.seed,
        min_saving_fraction=config.min_saving_fraction,
        move_price_j=config.move_price_j,
        progress=progress,
    )
    return result.raise_if_infeasible()


def _is_taken_up(folder: Path, manifest: dict[str, object]) -> bool:
    """Say whether the folder holds a solved run with the same inputs and options.

    Raises
    ------
    InputError
        When it holds anything else.
    """
    if not folder.exists():
        return False
    if not folder.is_dir():
        msg = f"{folder}: is a file; --out needs a new folder"
        raise InputError(msg)
    # A run that was killed may have left nothing but its first, unfinished file.
    if all(is_unfinished(path) for path in folder.iterdir()):
        return False
    if not (folder / "manifest.json").is_file():
        msg = f"{folder}: is not empty and no run folder; --out needs a new one"
        raise InputError(msg)
    if read_json(folder / "manifest.json") != _as_json(manifest):
        msg = (
            f"{folder}: holds a run with other inputs, options or version; "
            "give --out another folder, or remove this one"
        )
        raise InputError(msg)
    return (folder / "result.json").is_file()


def _as_json(value: dict[str, object]) -> object:
    import json

    return json.loads(json.dumps(value))


def plan_stage(
    folder: Path,
    *,
    fast: bool = False,
    within_s: int | None = None,
    progress: Progress = silent,
) -> MigrationPlan:
    """Schedule the moves of a solved run folder; a plan that is there stays if it ends in time.

    Parameters
    ----------
    folder
        The run folder.
    fast
        Whether a list schedule is taken as it is; see :func:`consolidate.planning.plan`.
    within_s : s
        When the plan shall have ended; see :func:`consolidate.planning.plan`.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    InputError
        When the plan that is there takes longer and has been replayed.
    """
    if (folder / "plan.parquet").is_file() and _is_kept(folder, within_s):
        return load.load_plan(folder)
    started = time.monotonic()
    instance, result = load.load_instance(folder), load.load_result(folder)
    result.raise_if_infeasible()
    if result.worthwhile:
        made = plan(instance, result.placement, fast=fast, within_s=within_s, progress=progress)
        if made.starts:
            msg = (
                f"{instance.vms.ids[made.starts[0].vm]} is on no host now; the replay of a run folder starts "
                "no VM by plan"
            )
            raise PlanError(msg)
    else:
        made = MigrationPlan.empty(instance.current)
    (folder / "plan.parquet").unlink(missing_ok=True)
    write.write_plan(folder, made, within_s=within_s)
    note_stage(folder, "plan", time.monotonic() - started)
    return made


def _is_kept(folder: Path, within_s: int | None) -> bool:
    """Say whether the plan of a run folder does for who wants one that ends in time.

    Raises
    ------
    InputError
        When it does not, and what has been replayed is that plan.
    """
    if within_s is None or read_json(folder / "plan.json").get("within_s") == within_s:
        return True
    makespan_s = load.load_plan(folder).makespan_s
    if makespan_s > within_s and (folder / "replay").exists():
        msg = (
            f"{folder}: its plan takes {makespan_s} s and has been replayed; "
            f"for one within {within_s} s solve into another folder"
        )
        raise InputError(msg)
    return makespan_s <= within_s


def replay_stage(
    folder: Path,
    config: RunConfig | None = None,
    *,
    carbon: str | None = None,
    progress: Progress = silent,
) -> tuple[Replay, Replay]:
    """Replay both arms of a planned run folder and account for their carbon.

    Parameters
    ----------
    folder
        The run folder.
    config
        Options of the run; default those that its manifest names.
    carbon
        Other intensities than those of the options, also for a run that has been accounted for.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    InputError
        When a stage is missing, or the intensity file of the options is not there.
    """
    manifest = read_json(folder / "manifest.json")
    _need(folder, "plan.parquet", verb="plan")
    needs_carbon = carbon is not None or not (folder / "carbon.json").is_file()
    files = tuple(folder / "replay" / arm / "service.json" for arm in (BASELINE, CONSOLIDATED))
    instance, trace = load.load_instance(folder), load.load_trace(folder)
    window = trace.window(*manifest["windows"]["replay"])
    found: tuple[CarbonIntensity, ...] = ()
    if needs_carbon:
        config = config or config_from(manifest, carbon=carbon)
        config = config if carbon is None else replace(config, carbon=carbon)
        found, _ = intensities(instance.fleet, window.grid, config)
    started = time.monotonic()
    for label, done in zip((BASELINE, CONSOLIDATED), files, strict=True):
        if done.is_file():
            continue
        what = instance.current if label == BASELINE else load.load_plan(folder)
        arm = replay(
            window,
            instance.fleet,
            what,
            label=label,
            rules=instance.rules,
            progress=progress,
        )
        write.write_replay(folder, arm)
    both = load.load_replay(folder, BASELINE), load.load_replay(folder, CONSOLIDATED)
    if needs_carbon:
        arms = {arm.label: arm for arm in both} | _other_arms(folder)
        emissions = {label: arm_emissions_g(arm, found) for label, arm in arms.items()}
        write.write_carbon(folder, found, emissions)
    note_stage(folder, "replay", time.monotonic() - started)
    return both


def config_from(manifest: dict[str, Any], *, carbon: str | None = None) -> RunConfig:
    """Return the options that replaying needs.

    A manifest names files without their folder: an intensity file has to be in the present one.

    Parameters
    ----------
    manifest
        Content of ``manifest.json``.
    carbon
        Intensities to use instead.

    Raises
    ------
    InputError
        When the intensity file is not there, or is not the one that was given to the solve.
    """
    options = manifest["options"]
    values = {key: options[key] for key in ("trace", "carbon", "carbon_scope", "redate_year")}
    if carbon is not None:
        values["carbon"] = carbon
    else:
        named = {value for _, value in split_carbon(options["carbon"])}
        for given in manifest["inputs"][1:]:
            name = given["name"]
            if name in named and _sha256(Path(name)) != given["sha256"]:
                msg = (
                    f"{name}: the intensity file of the solve is not in the present folder; "
                    "give its place with --carbon"
                )
                raise InputError(msg)
    return RunConfig(**values)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def load_run(folder: str | Path) -> RunData:
    """Read a complete run folder.

    Raises
    ------
    InputError
        When it is not one, or some stage is missing.
    """
    folder = Path(folder)
    manifest = read_json(folder / "manifest.json")
    for name, verb in (
        ("plan.parquet", "plan"),
        (f"replay/{CONSOLIDATED}/service.json", "replay"),
        ("carbon.json", "replay"),
    ):
        _need(folder, name, verb=verb)
    found, emissions = load.load_carbon(folder)
    return RunData(
        folder=folder,
        manifest=manifest,
        trace=load.load_trace(folder),
        instance=load.load_instance(folder),
        result=load.load_result(folder),
        plan=load.load_plan(folder),
        baseline=load.load_replay(folder, BASELINE),
        consolidated=load.load_replay(folder, CONSOLIDATED),
        intensities=found,
        emissions_g=emissions,
        others=_other_arms(folder),
        shift=_if_there(folder / "shift.json"),
        replay_bound=_if_there(folder / "replay_bound.json"),
    )


def _if_there(path: Path) -> dict[str, Any] | None:
    return read_json(path) if path.is_file() else None


def _other_arms(folder: Path) -> dict[str, Replay]:
    """Read the arms that were replayed besides the two of every run: our plan first, then by label."""
    labels = sorted(
        (path.parent.name for path in folder.glob("replay/*/service.json")),
        key=lambda label: (label != WITHOUT_OFF, label),
    )
    return {
        label: load.load_replay(folder, label)
        for label in labels
        if label not in (BASELINE, CONSOLIDATED)
    }


def _need(folder: Path, name: str, *, verb: str) -> None:
    if not (folder / name).is_file():
        msg = f"{folder}: {name} is not there yet; run: consolidate {verb} {folder}"
        raise InputError(msg)
