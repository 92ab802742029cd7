"""What the saving of a run is to be compared with, and what no policy undercuts in its replay."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from consolidate.model.progress import Progress, silent
from consolidate.solvers.bounds.clairvoyant import ReplayBound, replay_bound
from consolidate.study import load
from consolidate.study.folder import read_json, write_json, write_table
from consolidate.study.other_arms import replay_others
from consolidate.study.pipeline import WITHOUT_OFF, RunData, load_run

__all__ = ["CERTIFICATE", "FILE", "SIMPLE", "bound_replay", "with_baselines"]

#: The simple policy beside ours.
SIMPLE = "ffd"

FILE, CERTIFICATE = "replay_bound.json", "replay_bound.parquet"


def with_baselines(run: RunData, *, progress: Progress = silent) -> RunData:
    """Replay a complete run with nothing switched off and by a simple policy, bound it, and read it again."""
    replay_others(run.folder, (WITHOUT_OFF, SIMPLE), progress=progress)
    bound_replay(run.folder, progress=progress)
    return load_run(run.folder)


def bound_replay(folder: Path, *, progress: Progress = silent) -> ReplayBound:
    """Bound the energy of every policy that serves as much as the consolidated arm of a replayed run folder.

    The bound is written with the prices that prove it, from which the checks compute it again.

    Parameters
    ----------
    folder
        The run folder; both arms have been replayed.
    progress
        Told from time to time where the work stands.
    """
    manifest = read_json(folder / "manifest.json")
    instance, trace = load.load_instance(folder), load.load_trace(folder)
    window = trace.window(*manifest["windows"]["replay"])
    ours = load.load_replay(folder, "consolidated")
    found = replay_bound(window, instance.fleet, credit=ours, progress=progress)
    assert found.prices is not None
    prices = {
        "step": np.arange(window.grid.n_steps, dtype=np.int32),
        "cpu_mw_per_mcore": found.prices.cpu_mw,
        "memory_mw_per_mib": found.prices.memory_mw,
        "host_mw": found.prices.host_mw,
    }
    write_table(folder / CERTIFICATE, prices)
    content = {
        "value_mj": found.value_mj,
        "holds_for": found.holds_for,
        "short_steps": found.short_steps,
    }
    write_json(folder / FILE, content)
    return found
