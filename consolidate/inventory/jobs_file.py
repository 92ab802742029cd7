"""Read work that may wait from a CSV file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from consolidate.errors import InstanceError, TraceError
from consolidate.inventory.csv_rows import csv_rows
from consolidate.model import Job, TimeGrid
from consolidate.units import w_to_mw

__all__ = ["JOB_COLUMNS", "read_jobs"]

JOB_COLUMNS = (
    "job_id",
    "cpu_mcores",
    "memory_mib",
    "power_w",
    "earliest_utc",
    "deadline_utc",
    "duration_s",
)
_MOST = 2**40


def read_jobs(path: str | Path, grid: TimeGrid) -> tuple[Job, ...]:
    """Read jobs for a replayed window.

    Parameters
    ----------
    path
        The CSV file, with the columns of ``JOB_COLUMNS``; instants are UTC.
    grid
        The window. Jobs have to fit into it, and run for whole steps of it.

    Raises
    ------
    TraceError
        When the file is wrong at a place; names file, line, column and value.
    """
    file = str(path)
    jobs: dict[str, Job] = {}
    for line, row in csv_rows(path, JOB_COLUMNS):
        job = _job(row, grid, file=file, line=line)
        if job.id in jobs:
            msg = f"{job.id!r} is listed twice"
            raise TraceError(msg, file=file, line=line, column="job_id")
        jobs[job.id] = job
    if not jobs:
        msg = "holds no job"
        raise TraceError(msg, file=file)
    return tuple(jobs.values())


def _job(row: dict[str, str], grid: TimeGrid, *, file: str, line: int) -> Job:
    def number(column: str) -> float:
        try:
            value = float(row[column])
        except ValueError:
            value = math.nan
        if not 0 <= value <= _MOST:
            msg = f"needs a number from 0 to {_MOST:g}, got {row[column]!r}"
            raise TraceError(msg, file=file, line=line, column=column)
        return value

    def instant(column: str) -> int:
        try:
            at = np.datetime64(row[column].removesuffix("Z"), "s")
        except ValueError:
            at = None
        if at is None or np.isnat(at):
            msg = f"needs an instant such as 2024-01-01T06:00:00Z, got {row[column]!r}"
            raise TraceError(msg, file=file, line=line, column=column)
        seconds = int((at - grid.start).astype(np.int64))
        if not 0 <= seconds <= grid.duration_s:
            msg = f"{row[column]} is outside of the replay, {grid.start}Z to {grid.stop}Z"
            raise TraceError(msg, file=file, line=line, column=column)
        return seconds

    duration_s = number("duration_s")
    if duration_s % grid.step_s or not duration_s:
        msg = f"needs whole steps of {grid.step_s} s, got {row['duration_s']} s"
        raise TraceError(msg, file=file, line=line, column="duration_s")
    if not row["job_id"]:
        msg = "needs a name"
        raise TraceError(msg, file=file, line=line, column="job_id")
    try:
        return Job(
            id=row["job_id"],
            cpu_mcores=math.ceil(number("cpu_mcores")),
            memory_mib=math.ceil(number("memory_mib")),
            power_mw=w_to_mw(number("power_w")),
            earliest_s=instant("earliest_utc"),
            deadline_s=instant("deadline_utc"),
            duration_s=int(duration_s),
        )
    except InstanceError as error:
        raise TraceError(error.issues[0].message, file=file, line=line) from error
