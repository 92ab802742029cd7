"""Jobs, room step by step, and what an hour costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Job, TimeGrid

__all__ = ["Schedule", "ShiftProblem"]

#: mJ times mg/kWh over this are whole micrograms: 3.6e9 mJ a kWh, 1,000 ug a mg.
_PER_UG = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftProblem:
    """What a scheduler knows.

    Parameters
    ----------
    jobs
        The jobs; they run for whole steps.
    grid
        The steps.
    room_mcores, room_mib
        What each host has left in each step, negative where it is not on throughout; shape ``(hosts, steps)``.
    site
        Site of each host, shape ``(hosts,)``.
    mg_per_kwh
        Intensity that counts at each site in each step, whole, shape ``(sites, steps)``.
    """

    jobs: tuple[Job, ...]
    grid: TimeGrid
    room_mcores: NDArray[np.int64]
    room_mib: NDArray[np.int64]
    site: NDArray[np.int64]
    mg_per_kwh: NDArray[np.int64]

    def steps(self, job: Job) -> int:
        """Return how many steps a job runs."""
        return job.duration_s // self.grid.step_s

    def starts(self, job: Job) -> range:
        """Return the steps in which a job may start."""
        first = -(-job.earliest_s // self.grid.step_s)
        last = job.deadline_s // self.grid.step_s - self.steps(job)
        return range(first, last + 1)

    def costs_ug(self, job: Job) -> NDArray[np.int64]:
        """Return the emissions of a job at each site by its start, in ug, shape ``(sites, starts)``."""
        starts, length = self.starts(job), self.steps(job)
        running = np.zeros((len(self.mg_per_kwh), self.grid.n_steps + 1), dtype=np.int64)
        np.cumsum(self.mg_per_kwh, axis=1, out=running[:, 1:])
        first = np.array(starts, dtype=np.int64)
        sums = running[:, first + length] - running[:, first]
        # Python's integers where a heavy job would leave 64 bits.
        step_mj = job.power_mw * self.grid.step_s
        wide = sums.astype(object) * step_mj
        out: NDArray[np.int64] = ((2 * wide + _PER_UG) // (2 * _PER_UG)).astype(np.int64)
        return out

    def fits(
        self, job: Job, room_mcores: NDArray[np.int64], room_mib: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Say where a job has room throughout, by its start, shape ``(hosts, starts)``."""
        starts, length = self.starts(job), self.steps(job)
        good = (room_mcores >= job.cpu_mcores) & (room_mib >= job.memory_mib)
        running = np.zeros((good.shape[0], good.shape[1] + 1), dtype=np.int64)
        np.cumsum(good, axis=1, out=running[:, 1:])
        first = np.array(starts, dtype=np.int64)
        out: NDArray[np.bool_] = running[:, first + length] - running[:, first] == length
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When and where each job runs.

    Parameters
    ----------
    start
        Step in which each job starts, shape ``(jobs,)``.
    host
        Where, shape ``(jobs,)``.
    cost_ug : ug
        Emissions of all jobs by the intensities of the problem.
    bound_ug : ug
        What no schedule can emit less than; 0 where nothing is claimed.
    proof
        What the bound rests on.
    stopped
        Why the search ended.
    """

    start: NDArray[np.int64]
    host: NDArray[np.int64]
    cost_ug: int
    bound_ug: int
    proof: str
    stopped: str

    @property
    def gap(self) -> float:
        """``(cost - bound) / cost``."""
        return 0.0 if self.cost_ug <= 0 else max(0.0, (self.cost_ug - self.bound_ug) / self.cost_ug)
