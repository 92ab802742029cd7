"""What happened step by step, and the tables of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_state import Ledger, State

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Log", "LogWriter"]

_STEP_COLUMNS = (
    "step",
    "clock_s",
    "energy_j_cumulative",
    "active_hosts",
    "live_vms",
    "overloaded_hosts",
    "vms_selected_from_overloaded",
    "of_which_placed",
    "migrations_started",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A day step by step.

    Parameters
    ----------
    initial
        Host of each VM at the start, shape ``(vms,)``.
    steps
        One row per step, shape ``(steps, 9)``: number, time in s, joules up to it, hosts in use, VMs that
        live, hosts found overloaded, VMs taken from them, those that found a host, migrations started.
    moves
        Every migration in the order of starts, shape ``(migrations, 5)``: step, VM, source, target, and
        whether it relieves an overloaded host (1) or empties one (0).
    """

    initial: NDArray[np.int64]
    steps: NDArray[np.float64]
    moves: NDArray[np.int64]

    def steps_frame(self) -> pd.DataFrame:
        """Return the steps as a table; all columns but time and energy are counts."""
        import pandas as pd

        frame = pd.DataFrame(self.steps, columns=list(_STEP_COLUMNS))
        counts = [c for c in _STEP_COLUMNS if c not in ("clock_s", "energy_j_cumulative")]
        return frame.astype(dict.fromkeys(counts, np.int64))

    def moves_frame(self) -> pd.DataFrame:
        """Return the migrations as a table, ``seq`` counting them within a step."""
        import pandas as pd

        step, vm, source, target, relieves = self.moves.T
        starts = np.searchsorted(step, step)
        return pd.DataFrame(
            {
                "step": step,
                "seq": np.arange(len(step)) - starts,
                "vm": vm,
                "src_host": source,
                "dst_host": target,
                "phase": np.where(relieves == 1, "over", "under"),
            }
        )

    def write(self, folder: str | Path) -> tuple[Path, ...]:
        """Write ``initial.csv``, ``steps.csv`` and ``migrations.csv``; return their paths."""
        import pandas as pd

        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        vms = np.arange(len(self.initial))
        tables = {
            "initial.csv": pd.DataFrame({"vm": vms, "host": self.initial}),
            "steps.csv": self.steps_frame(),
            "migrations.csv": self.moves_frame(),
        }
        for name, table in tables.items():
            table.to_csv(out / name, index=False, lineterminator="\n")
        return tuple(out / name for name in tables)


class LogWriter:
    """Collects a :class:`Log` while the day goes on."""

    def __init__(self, initial: NDArray[np.int64]) -> None:
        self._initial = initial.copy()
        self._steps: list[tuple[float, ...]] = []
        self._moves: list[NDArray[np.int64]] = []

    def add(
        self,
        s: State,
        led: Ledger,
        step: int,
        time_s: float,
        moves: NDArray[np.int64],
        counts: NDArray[np.int64],
    ) -> None:
        """Write down a step whose accounting is done and whose migrations are about to start."""
        active, live = np.count_nonzero(s.mips[:, 1] > 0), np.count_nonzero(s.host_of >= 0)
        over, selected, placed = counts.tolist()
        row = (step, time_s, led.total[1], active, live, over, selected, placed, len(moves))
        self._steps.append(tuple(float(value) for value in row))
        if len(moves):
            relieves = (np.arange(len(moves)) < placed).astype(np.int64)
            column = np.full(len(moves), step, dtype=np.int64)
            self._moves.append(np.column_stack([column, moves, relieves]))

    def log(self) -> Log:
        """Return all of it."""
        none = np.empty((0, 5), dtype=np.int64)
        return Log(
            initial=self._initial,
            steps=np.array(self._steps),
            moves=np.concatenate([none, *self._moves]),
        )
