"""``python -m benchmarks.cloudsim_validation RESULTS.csv --days FOLDER``: our figures against the program's.

The results are measurements of the program itself, one row per run, with the columns of
``consolidate cloudsim --csv`` where both have them. Counts have to be equal, other numbers within 1e-9.
Rows of the selector ``rs``, which the program draws without a seed, are set beside the spread of our seeds
and decide nothing.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from consolidate import cloudsim

#: Versions whose figures are those of 3.0.3; 3.0 and 3.0.1 are a variant.
SAME = {"3.0.3": "3.0.3", "4.0": "3.0.3", "5.0": "3.0.3", "3.0": "3.0.1", "3.0.1": "3.0.1"}
RELATIVE = 1e-9
SEEDS = 5


def day_at(folder: Path, name: str) -> Path:
    found = [path for path in (folder / name, *sorted(folder.glob(f"{name}.*"))) if path.exists()]
    if not found:
        msg = f"no day {name} in {folder}"
        raise SystemExit(msg)
    return found[0]


def run(row: dict[str, str], day: cloudsim.Day, seed: int = 0) -> cloudsim.Experiment:
    moves = row["detector"] not in cloudsim.BASELINES
    return cloudsim.run(
        day,
        row["detector"],
        row["selector"] if moves else "mmt",
        parameter=float(row["parameter"]) if moves else None,
        seed=seed,
        hosts=int(row["hosts"]),
        variant=cloudsim.Variant.named(SAME[row["version"]]),
    )


def differences(row: dict[str, str], ours: dict[str, float | int]) -> Iterator[tuple[str, float]]:
    """Yield each column that both have, with the relative difference; infinite where counts differ."""
    for name, value in ours.items():
        if not row.get(name):
            continue
        theirs = float(row[name])
        if math.isnan(value) or math.isnan(theirs):
            yield name, 0.0 if math.isnan(value) and math.isnan(theirs) else math.inf
        elif isinstance(value, int):
            yield name, 0.0 if value == theirs else math.inf
        else:
            yield name, abs(value - theirs) / abs(theirs) if theirs else abs(value)


def compare(row: dict[str, str], day: cloudsim.Day) -> bool:
    began = time.perf_counter()
    ours = run(row, day).outcome.to_dict()
    seconds = time.perf_counter() - began
    found = list(differences(row, ours))
    worst, off = max(found, key=lambda pair: pair[1])
    wrong = [name for name, difference in found if not difference <= RELATIVE]
    verdict = (
        f"differs in {', '.join(wrong)}"
        if wrong
        else f"equal ({off:.0e} in {worst})"
        if off
        else "equal"
    )
    print(line(row, ours["energy_kwh"], ours["migrations"], f"{seconds:.2f}", verdict), flush=True)
    return not wrong


def line(row: dict[str, str], energy_kwh: float, migrations: float, seconds: str, verdict: str) -> str:
    parts = (row["detector"], row["selector"], row["parameter"])
    name = "-".join(part for part in parts if part != "-").upper()
    about = f"{row['version']:6} {name:12} {row['day']:9} {row['file_order']:7}"
    energy = f"{energy_kwh:12.4f} {float(row['energy_kwh']):12.4f}"
    return (
        f"{about} {energy} {migrations:9,.0f} {float(row['migrations']):9,.0f} {seconds:>6}  {verdict}"
    )


def spread(row: dict[str, str], day: cloudsim.Day) -> None:
    began = time.perf_counter()
    done = [run(row, day, seed).outcome for seed in range(SEEDS)]
    seconds = (time.perf_counter() - began) / SEEDS
    energy = [outcome.energy_kwh for outcome in done]
    migrations = statistics.mean(outcome.migrations for outcome in done)
    verdict = f"drawn; ours: mean of {SEEDS} seeds, {min(energy):.2f} to {max(energy):.2f} kWh"
    print(line(row, statistics.mean(energy), migrations, f"{seconds:.2f}", verdict), flush=True)


def main(args: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cloudsim_validation", description=__doc__
    )
    parser.add_argument("results", type=Path, help="CSV of measured runs of the program")
    parser.add_argument(
        "--days", type=Path, required=True, help="folder of the days' folders or archives"
    )
    parser.add_argument("--only", default="", help="run rows with this text in them only")
    given = parser.parse_args(args)
    with given.results.open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if given.only in " ".join(filter(None, row.values()))
        ]
    began = time.perf_counter()
    cloudsim.warm_up()
    print(f"kernels ready after {time.perf_counter() - began:.2f} s; seconds below are without that")
    print(
        f"{'':38}{'kWh ours':>12} {'theirs':>12} {'moves':>9} {'theirs':>9} {'s':>6}  counts equal, rest 1e-9"
    )
    days: dict[tuple[str, str], cloudsim.Day] = {}
    failed = drawn = 0
    for row in rows:
        if row["version"] not in SAME or row["file_order"] not in ("upper", "sorted"):
            print(f"{row['version']} {row['file_order']}: not covered by this mode")
            failed += 1
            continue
        key = (row["day"], row["file_order"])
        if key not in days:
            days[key] = cloudsim.read_day(day_at(given.days, row["day"]), order=row["file_order"])
        if row["selector"] == "rs":
            drawn += 1
            spread(row, days[key])
        else:
            failed += not compare(row, days[key])
    print(f"{len(rows) - drawn - failed} of {len(rows) - drawn} rows agree; {drawn} drawn at random")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
