"""``python -m benchmarks.intensity_forecasts --data DIR``: what shifting by a forecast saves, and what regrets.

Every day at 18:00 UTC a job of four hours and 100 W has 24 hours to run, on a host with room for it throughout.
"Saved" is against running it at once, "regret" against knowing the intensities that came true.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import consolidate as cs
from consolidate.forecasting import Persistence, SeasonalMean
from consolidate.solvers.shift import ShiftProblem, shift

FILES = ("DE-LU_2023", "GB_2023", "US-CAL-CISO_2023", "AU-NSW_2023")
MODELS = {"persistence": Persistence(), "seasonal": SeasonalMean()}
HOUR_S, DAY_H, JOB_H, FIRST_DAY, LAST_DAY = 3_600, 24, 4, 14, 364
COLUMNS = ("zone", "forecast", "saved", "saved with perfect knowledge", "regret", "mean error")


def main() -> None:
    """Read the options, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with carbon/electricitymaps")
    folder = parser.parse_args().data / "carbon" / "electricitymaps"
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for name in FILES:
        series = cs.read_intensity(folder / f"{name}_hourly.csv.gz")
        for label, model in MODELS.items():
            print("| " + " | ".join((name.replace("_", " "), label, *figures(series, model))) + " |")


def figures(series: cs.CarbonIntensity, model: Persistence | SeasonalMean) -> tuple[str, ...]:
    """Return saved, perfectly saved, regret and mean absolute error relative to the mean."""
    at_once = planned = perfect = 0.0
    errors = []
    for day in range(FIRST_DAY, LAST_DAY):
        start = series.grid.start + np.timedelta64(day * DAY_H + 18, "h")
        grid = cs.TimeGrid(start=start, step_s=HOUR_S, n_steps=DAY_H)
        actual = series.at(grid.times())
        expected = model.forecast(series, grid).at(grid.times())
        errors.append(np.abs(expected - actual).mean() / actual.mean())
        at_once += actual[:JOB_H].sum()
        planned += actual[_start(grid, expected) :][:JOB_H].sum()
        perfect += actual[_start(grid, actual) :][:JOB_H].sum()
    shares = (
        1 - planned / at_once,
        1 - perfect / at_once,
        planned / perfect - 1,
        float(np.mean(errors)),
    )
    return tuple(f"{share:.1%}" for share in shares)


def _start(grid: cs.TimeGrid, g_per_kwh: np.ndarray) -> int:
    """Return the hour in which the job starts by these intensities."""
    job = cs.Job(
        id="job",
        cpu_mcores=1,
        memory_mib=1,
        power_mw=100_000,
        earliest_s=0,
        deadline_s=grid.duration_s,
        duration_s=JOB_H * HOUR_S,
    )
    room = np.ones((1, grid.n_steps), dtype=np.int64)
    problem = ShiftProblem(
        jobs=(job,),
        grid=grid,
        room_mcores=room,
        room_mib=room,
        site=np.zeros(1, dtype=np.int64),
        mg_per_kwh=np.rint(1_000 * g_per_kwh)[None].astype(np.int64),
    )
    return int(shift(problem).start[0])


if __name__ == "__main__":
    main()
