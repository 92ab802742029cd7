"""The planned run replayed once more: idle VMs in storage, hosts that fail, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from consolidate.engine import replay
from consolidate.errors import ConfigError, InputError
from consolidate.inventory.failures import read_failures
from consolidate.model import Failures, Parking, Replay
from consolidate.model.progress import Progress, silent
from consolidate.study import load, write
from consolidate.study.emissions import arm_emissions_g
from consolidate.study.folder import read_json
from consolidate.units import SECONDS_PER_HOUR

__all__ = ["drawn_failures", "parked_vms", "replay_what_if"]


def replay_what_if(
    folder: Path,
    *,
    parking: Parking | None = None,
    failures: Failures | None = None,
    progress: Progress = silent,
) -> Replay:
    """Carry out the plan of a run folder with parking, failures or both, and write it as a further arm.

    The arm is called ``parked``, ``failing`` or ``parked-failing``.

    Parameters
    ----------
    folder
        The run folder, replayed and accounted for.
    parking, failures
        What is different from the consolidated arm.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    ConfigError
        When nothing is different.
    InputError
        When the folder holds such an arm with other options.
    """
    given = {"parked": parking, "failing": failures}
    label = "-".join(name for name, value in given.items() if value is not None)
    if not label:
        msg = "needs parking or failures"
        raise ConfigError(msg, path="replay")
    manifest = read_json(folder / "manifest.json")
    instance, trace = load.load_instance(folder), load.load_trace(folder)
    arm = replay(
        trace.window(*manifest["windows"]["replay"]),
        instance.fleet,
        load.load_plan(folder),
        label=label,
        rules=instance.rules,
        parking=parking,
        failures=failures,
        progress=progress,
    )
    if (folder / "replay" / label / "service.json").is_file():
        there = load.load_replay(folder, label)
        if dict(there.options) != dict(arm.options):
            msg = f"{folder}: holds an arm {label} with other options; remove replay/{label}"
            raise InputError(msg)
        return there
    write.write_replay(folder, arm)
    found, emissions = load.load_carbon(folder)
    write.write_carbon(folder, found, emissions | {label: arm_emissions_g(arm, found)})
    return arm


def parked_vms(folder: Path, names: str, parking: Parking) -> Parking:
    """Return the policy for ``all`` or for a list of names of VMs of a run folder.

    Raises
    ------
    ConfigError
        When a name is no VM of the run.
    """
    if names == "all":
        return parking
    index = {name: v for v, name in enumerate(load.load_instance(folder).vms.ids)}
    given = [name for name in names.split(",") if name]
    for name in given:
        if name not in index:
            msg = f"{name} is no VM of the run"
            raise ConfigError(msg, path="--park")
    return replace(parking, vms=tuple(sorted({index[name] for name in given})))


def drawn_failures(
    folder: Path,
    *,
    file: str | None,
    mtbf_hours: float | None,
    repair_hours: float,
    seed: int,
    restart_s: int,
    checkpoint_hours: float,
) -> Failures | None:
    """Return the failures of a file, or drawn for the replayed window of a run folder, or none.

    Raises
    ------
    ConfigError
        When both a file and a mean time are given.
    """
    if file is not None and mtbf_hours is not None:
        msg = "either a file or a mean time between failures, and not both"
        raise ConfigError(msg, path="--failures")
    if file is None and mtbf_hours is None:
        return None
    fleet = load.load_instance(folder).fleet
    checkpoint_s = round(checkpoint_hours * SECONDS_PER_HOUR)
    if file is not None:
        return read_failures(file, fleet, restart_s=restart_s, checkpoint_s=checkpoint_s)
    assert mtbf_hours is not None
    return Failures.random(
        fleet.n_hosts,
        _replayed_s(read_json(folder / "manifest.json")["windows"]["replay"], folder),
        mtbf_s=mtbf_hours * SECONDS_PER_HOUR,
        repair_s=round(repair_hours * SECONDS_PER_HOUR),
        seed=seed,
        restart_s=restart_s,
        checkpoint_s=checkpoint_s,
    )


def _replayed_s(window: Sequence[int], folder: Path) -> int:
    step_s = int(read_json(folder / "manifest.json")["trace"]["step_s"])
    return (window[1] - window[0]) * step_s
