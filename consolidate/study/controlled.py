"""Controllers on one trace: a tidy table, or further arms of a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from consolidate.control import ControllerKind, first_placement, replay_controlled
from consolidate.control.base import parse_controller
from consolidate.model import Fleet, Placement, Replay, Rule, Trace
from consolidate.model.progress import Progress, silent
from consolidate.study import load, write
from consolidate.study.emissions import arm_emissions_g
from consolidate.study.folder import read_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_controllers", "replay_controllers"]

#: Prefix of the label of an arm, so that a controller and a policy of one name stay apart.
PREFIX = "online-"


def compare_controllers(
    trace: Trace,
    fleet: Fleet,
    controllers: Sequence[str | ControllerKind] = ("risk", "pabfd", "dpm", "hsqueeze", "watcher"),
    *,
    current: Placement | None = None,
    rules: tuple[Rule, ...] = (),
    seeds: Sequence[int] = (0,),
    progress: Progress = silent,
) -> pd.DataFrame:
    """Replay a trace under several controllers, against doing nothing.

    Parameters
    ----------
    trace, fleet
        The workload and the hosts.
    controllers
        Texts as in ``pabfd:detector=thr``, or controllers.
    current
        Placement at the start; default by allocation.
    rules
        Placement rules.
    seeds
        Seeds of each controller.
    progress
        Told from time to time where the work stands.

    Returns
    -------
    DataFrame
        One row for ``do-nothing`` and one per controller and seed; the unit of a column is its ending.
        ``saved_on_fraction`` leaves out what hosts draw while they are off.
    """
    start = current if current is not None else first_placement(trace, fleet, rules=rules)
    kinds = [parse_controller(c) if isinstance(c, str) else c for c in controllers]
    idle = replay_controlled(trace, fleet, "do-nothing", current=start, rules=rules)
    rows = [_row("do-nothing", None, idle, idle)]
    for kind, given in zip(kinds, controllers, strict=True):
        name = given if isinstance(given, str) else kind.name
        for seed in seeds:
            progress(f"{name}, seed {seed}")
            arm = replay_controlled(trace, fleet, kind, current=start, rules=rules, seed=seed)
            rows.append(_row(name, seed, arm, idle))
    import pandas as pd

    return pd.DataFrame(rows)


def _row(name: str, seed: int | None, arm: Replay, idle: Replay) -> dict[str, object]:
    off, all_off = arm.by_cause_mj()["off"], idle.by_cause_mj()["off"]
    service = arm.service
    cycled = arm.host_states[arm.host_states[:, 1] == 1][:, 0]
    return {
        "controller": name,
        "seed": seed,
        "energy_kwh": arm.energy_kwh,
        "saved_fraction": 1 - arm.total_mj / idle.total_mj if idle.total_mj else 0.0,
        "saved_on_fraction": 1 - (arm.total_mj - off) / max(1, idle.total_mj - all_off),
        "hosts_on_mean": float(arm.hosts_on.mean()),
        "migrations": service.migrations,
        "overload_fraction": service.overload_fraction,
        "unmet_fraction": service.unmet_fraction,
        "boots_per_host_max": int(np.bincount(cycled).max()) if cycled.size else 0,
    }


def replay_controllers(
    folder: Path, texts: Sequence[str], *, progress: Progress = silent
) -> dict[str, Replay]:
    """Replay further arms of a run folder, each under a controller; those that are there are read.

    Parameters
    ----------
    folder
        The run folder, replayed and accounted for.
    texts
        Controllers as in ``pabfd:detector=thr``; the label of an arm is ``online-`` and the text.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    UnknownNameError, ConfigError
        When a text names no controller.
    UnsupportedError
        When a controller does not keep a rule of the run.
    """
    kinds = {_label(text): parse_controller(text) for text in texts}
    manifest = read_json(folder / "manifest.json")
    instance, trace = load.load_instance(folder), load.load_trace(folder)
    window = trace.window(*manifest["windows"]["replay"])
    arms: dict[str, Replay] = {}
    for label, kind in kinds.items():
        if not (folder / "replay" / label / "service.json").is_file():
            arm = replay_controlled(
                window,
                instance.fleet,
                kind,
                current=instance.current,
                rules=instance.rules,
                moves=instance.moves,
                seed=int(manifest["seed"]),
                label=label,
                progress=progress,
            )
            write.write_replay(folder, arm)
        arms[label] = load.load_replay(folder, label)
    found, emissions = load.load_carbon(folder)
    emissions |= {name: arm_emissions_g(arm, found) for name, arm in arms.items()}
    write.write_carbon(folder, found, emissions)
    return arms


def _label(text: str) -> str:
    """Return a label that is a folder name everywhere."""
    return PREFIX + text.replace(":", "-").replace(",", "-")
