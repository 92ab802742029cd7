"""What was repaired while a carbon intensity file was read, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

__all__ = ["REPAIRS", "Repair", "RepairKind", "repair_notes", "utc"]

RepairKind = Literal["gap", "duplicate", "clock", "step", "partial", "negative", "stand_in"]

#: What each kind of repair means, as it stands in the notes of an intensity.
REPAIRS: Final[dict[RepairKind, str]] = {
    "gap": "had no value, filled linearly between their neighbours",
    "duplicate": "were given twice with the same value, counted once",
    "clock": "changes of the clock (summer time), read as UTC",
    "step": "have a coarser step, their value is held over the finer steps",
    "partial": "have half the generation of both neighbours or less, taken as missing",
    "negative": "have negative generation (consumption), counted as none",
    "stand_in": "have no actual value, the forecast stands in and is marked as estimated",
}
SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One repair.

    Parameters
    ----------
    kind
        What was wrong, and so what was done (:data:`REPAIRS`).
    start_s, stop_s : s
        The time it concerns, half-open, in seconds since 1970 UTC.
    count
        Steps (or rows of the file) that it concerns.
    detail
        More words, may be empty.
    """

    kind: RepairKind
    start_s: int
    stop_s: int
    count: int = 1
    detail: str = ""

    def __str__(self) -> str:
        until = f" to {utc(self.stop_s)}" if self.stop_s > self.start_s else ""
        return f"{utc(self.start_s)}{until}{f' ({self.detail})' if self.detail else ''}"


def repair_notes(repairs: Sequence[Repair], *, n_steps: int) -> tuple[str, ...]:
    """Return one line for each kind of repair: how many, and the first places."""
    notes = []
    for kind, words in REPAIRS.items():
        found = [repair for repair in repairs if repair.kind == kind]
        if not found:
            continue
        count = sum(repair.count for repair in found)
        shown = "; ".join(str(repair) for repair in found[:SHOWN])
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        if kind == "clock":
            head = f"{count} {words}"
        else:
            head = f"{count} of {n_steps} steps {words}, in {len(found)} places"
        notes.append(f"{head}: {shown}{more}")
    return tuple(notes)


def utc(time_s: int) -> str:
    """Return an instant as text, UTC."""
    return f"{np.datetime64(time_s, 's')}Z"
