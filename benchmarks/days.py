"""A table of rows that are each measured on the same PlanetLab days."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import consolidate as cs
from benchmarks import table

__all__ = ["Days", "print_table"]

Way = TypeVar("Way")
#: Days with the hosts that they are replayed on.
Days = list[tuple[cs.Trace, cs.Fleet]]


def print_table(
    name: str,
    about: str | None,
    columns: Sequence[str],
    ways: Iterable[Way],
    measure: Callable[[Days, Way, float], tuple[str, ...]],
) -> None:
    """Print one row of each way, measured on the days of the command line.

    Parameters
    ----------
    name, about
        Module that is run, and what it prints.
    columns
        Heads of the columns.
    ways
        What is compared.
    measure
        Returns a row from the days, one way, and the accepted risk of overload.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=about)
    parser.add_argument("days", nargs="+", type=Path, help="PlanetLab days")
    parser.add_argument("--fleet", default="planetlab-64gib")
    parser.add_argument("--risk", type=float, default=0.01)
    chosen = parser.parse_args()
    days = [(cs.read_trace(day), cs.read_fleet(chosen.fleet)) for day in chosen.days]
    print(table.markdown_head(columns), flush=True)
    for way in ways:
        print(table.as_markdown(measure(days, way, chosen.risk)), flush=True)
