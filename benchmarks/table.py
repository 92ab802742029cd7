"""Medians over runs, and tables as Markdown or CSV."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.worker import Run

__all__ = ["COLUMNS", "RATIO_COLUMNS", "as_csv", "as_markdown", "markdown_head", "ratio_row", "row"]

#: Columns of the table, with the unit in the name.
COLUMNS = (
    "instance", "by", "kWh", "own bound kWh", "gap", "hosts", "moves", "wall s", "CPU s", "peak MiB",
    "runs", "note",
)  # fmt: skip
#: Columns of the comparison with our policy.
RATIO_COLUMNS = (
    "instance", "peer", "decided in", "joules / ours", "moves / ours", "wall / ours", "CPU / ours", "pairs",
    "verdict",
)  # fmt: skip


def row(
    instance: str,
    by: str,
    runs: Sequence[Run],
    best_kwh: Mapping[int, float],
    *,
    ranges: bool = False,
) -> tuple[str, ...]:
    """Return the line of one contender: medians over its runs that gave a placement.

    Parameters
    ----------
    instance, by
        Names.
    runs
        Its runs over snapshots and seeds.
    best_kwh : kWh
        The best lower bound of each snapshot that one of our runs stated.
    ranges
        Whether each median is followed by the least and the most.
    """
    show = _range if ranges else _median
    placed = [r for r in runs if r.kwh is not None]
    gaps = [
        1 - best_kwh[r.job.snapshot] / r.kwh
        for r in placed
        if r.kwh and not r.fault and r.job.snapshot in best_kwh
    ]
    return (
        instance,
        by,
        show([r.kwh for r in placed], ".2f"),
        show([r.bound_kwh for r in runs], ".2f"),
        show(gaps, ".3%"),
        show([r.hosts for r in placed], "g"),
        show([r.moves for r in placed], "g"),
        show([r.wall_s for r in runs], ".3f"),
        show([r.cpu_s for r in runs], ".3f"),
        show([r.peak_mib for r in runs], ".0f"),
        f"{len(placed)}/{len(runs)}",
        _notes(runs),
    )


def ratio_row(
    instance: str, peer: str, decided_in: str, theirs: Sequence[Run], ours: Sequence[Run]
) -> tuple[str, ...]:
    """Return a peer against our policy: medians of the ratios, snapshot by snapshot.

    Our figure of a snapshot is the median over the solver seeds. A peer without a placement still has
    its time compared: it took at least as long.
    """
    at = {s: [r for r in ours if r.job.snapshot == s and r.kwh] for s in {r.job.snapshot for r in ours}}
    pairs = [(r, at[r.job.snapshot]) for r in theirs if at.get(r.job.snapshot) and r.wall_s is not None]
    placed = [(r, mine) for r, mine in pairs if r.kwh is not None]

    def ratios(key: str, among: Sequence[tuple[Run, list[Run]]]) -> list[float]:
        found = []
        for r, mine in among:
            base = statistics.median(getattr(m, key) for m in mine)
            if base:
                found.append(getattr(r, key) / base)
        return found

    joules, moves = ratios("kwh", placed), ratios("moves", placed)
    wall, cpu = ratios("wall_s", pairs), ratios("cpu_s", pairs)
    return (
        instance,
        peer,
        decided_in,
        _median(joules, ".4f"),
        _median(moves, ".3f"),
        _median(wall, ".3g"),
        _median(cpu, ".3g"),
        f"{len(placed)}/{len(theirs)}",
        _verdict(joules, moves, wall, decided_in, theirs),
    )


def _verdict(
    joules: Sequence[float],
    moves: Sequence[float],
    wall: Sequence[float],
    decided_in: str,
    runs: Sequence[Run],
) -> str:
    """Say whether ours has fewer joules, fewer moves where joules are near, and a tenth of Python's time."""
    if not wall:
        return _notes(runs)
    said = []
    if any(r.fault for r in runs):
        said.append("infeasible, so its joules do not count")
    elif joules:
        near = statistics.median(joules) <= 1.05
        said.append("ours fewer joules" if min(joules) > 1 else "OURS NOT FEWER JOULES")
        if near and moves:
            said.append("ours fewer moves" if min(moves) > 1 else "OURS NOT FEWER MOVES")
    else:
        said.append("no placement")
    if decided_in == "Python":
        slow = "OURS NOT 10 X FASTER" if joules else "stopped before 10 x our time"
        said.append("ours >= 10 x faster" if statistics.median(wall) >= 10 else slow)
    return ", ".join(said)


def _median(values: Iterable[float | None], form: str) -> str:
    known = [v for v in values if v is not None]
    return format(statistics.median(known), form) if known else "-"


def _range(values: Sequence[float | None], form: str) -> str:
    known = [v for v in values if v is not None]
    middle = _median(known, form)
    return f"{middle} ({min(known):{form}} to {max(known):{form}})" if len(known) > 1 else middle


def _notes(runs: Sequence[Run]) -> str:
    faults = sorted({f"infeasible: {r.fault}" for r in runs if r.fault})
    notes = sorted({r.note for r in runs if r.note and r.kwh is None})
    shown = [*faults, *notes] or sorted({r.note for r in runs if r.note})
    text = "; ".join(shown[:2]) + (f" and {len(shown) - 2} more" if len(shown) > 2 else "")
    return text.replace("|", "/")


def markdown_head(columns: Sequence[str]) -> str:
    """Return the first two lines of a Markdown table."""
    return f"{as_markdown(columns)}\n|{'---|' * len(columns)}"


def as_markdown(cells: Sequence[str]) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def as_csv(cells: Sequence[str]) -> str:
    """Return a line of a CSV file."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
