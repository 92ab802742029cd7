"""Timed actions that lead from one placement to another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from consolidate.errors import InstanceError, Issue
from consolidate.model.action import (
    Action,
    Boot,
    Migration,
    Park,
    Restore,
    Save,
    Shutdown,
    Start,
    Wake,
)
from consolidate.model.placement import Placement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MakespanBound", "MigrationPlan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakespanBound:
    """A lower bound on the makespan of every plan between two placements that leaves no VM in storage.

    Parameters
    ----------
    load_s : s
        Work of the busiest host or storage, or of the fleet where its concurrency is limited.
    space_time_s : s
        Need times duration of all moves over the free space of all hosts.
    room_s : s
        Time until there is room for a large VM, its move, and what has to follow where it was.
    direct_s : s
        What no plan beats that moves every VM at most once; one with detours may.
    rests_on
        The host, storage, limit, resource or VM that decides over the makespan of any plan.
    """

    load_s: int = 0
    space_time_s: int = 0
    room_s: int = 0
    direct_s: int = 0
    rests_on: str = ""

    @property
    def value_s(self) -> int:
        """What no plan beats, with detours or without: the largest of load, space-time and room, in seconds."""
        return max(self.load_s, self.space_time_s, self.room_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPlan:
    """Actions in order of their start.

    Parameters
    ----------
    actions
        Boots, migrations, shutdowns, starts of VMs that are on no host, and VMs saved and restored.
    current, target
        Placement before and after.
    bound
        What no plan between the two can beat, if it was computed.
    state
        Hash of the state for which the plan was made; a plan for another state is superseded.
    parks, wakes
        VMs to write to storage and to restore; only a controller in a replay can ask for them.
    """

    actions: tuple[Action, ...]
    current: Placement
    target: Placement
    bound: MakespanBound | None = None
    state: str = ""
    parks: tuple[Park, ...] = ()
    wakes: tuple[Wake, ...] = ()

    def __post_init__(self) -> None:
        issues = []
        seen: set[int] = set()
        for action in self.actions:
            path = f"plan.actions[{action.id}]"
            if action.id in seen:
                issues.append(Issue(path=path, message="the id is used twice"))
            seen.add(action.id)
            if not 0 <= action.start_s <= action.end_s:
                msg = f"needs 0 <= start <= end, got {action.start_s} s and {action.end_s} s"
                issues.append(Issue(path=path, message=msg))
        for action in self.actions:
            for other in action.after:
                if other not in seen:
                    path = f"plan.actions[{action.id}].after"
                    issues.append(Issue(path=path, message=f"there is no action {other}"))
        if issues:
            raise InstanceError(issues)
        ordered = tuple(sorted(self.actions, key=lambda a: (a.start_s, a.id)))
        object.__setattr__(self, "actions", ordered)

    @property
    def migrations(self) -> tuple[Migration, ...]:
        """The moves, in order of their start."""
        return tuple(a for a in self.actions if a.kind == "migration")

    @property
    def boots(self) -> tuple[Boot, ...]:
        """The boots, in order of their start."""
        return tuple(a for a in self.actions if a.kind == "boot")

    @property
    def shutdowns(self) -> tuple[Shutdown, ...]:
        """The shutdowns, in order of their start."""
        return tuple(a for a in self.actions if a.kind == "shutdown")

    @property
    def starts(self) -> tuple[Start, ...]:
        """The starts of VMs, in their order."""
        return tuple(a for a in self.actions if a.kind == "start")

    @property
    def saves(self) -> tuple[Save, ...]:
        """The VMs that are written to storage, in order of their start."""
        return tuple(a for a in self.actions if a.kind == "save")

    @property
    def restores(self) -> tuple[Restore, ...]:
        """The VMs that are read from storage, in order of their start."""
        return tuple(a for a in self.actions if a.kind == "restore")

    @property
    def stored_s(self) -> int:
        """How long VMs stand still for being saved, stored and restored, all together, in seconds."""
        return sum(a.end_s for a in self.restores) - sum(a.start_s for a in self.saves)

    @property
    def makespan_s(self) -> int:
        """Time from the start of the plan to the end of its last action, in seconds."""
        return max((a.end_s for a in self.actions), default=0)

    @property
    def makespan_bound_s(self) -> int:
        """What the makespan is at least, in seconds; 0 when no bound was computed."""
        return 0 if self.bound is None else self.bound.value_s

    @property
    def makespan_gap(self) -> float:
        """How far the makespan is above its bound, as a fraction of the makespan; 0 = shortest."""
        makespan_s = self.makespan_s
        return 1 - self.makespan_bound_s / makespan_s if makespan_s else 0.0

    def at(self, time_s: int) -> Placement:
        """Return who is where when the plan is stopped at a time: moves under way do not count.

        Parameters
        ----------
        time_s : s
            Counted from the start of the plan.
        """
        return self.current.after(a for a in self.actions if a.end_s <= time_s)

    def summary(self) -> str:
        """Return the plan in two lines of text, and one more where VMs are left in storage."""
        moves = self.migrations
        modes = Counter(m.mode for m in moves)
        moved_gib = sum(m.moved_mib for m in moves) / 1_024
        started = f"{len(self.starts)} starts, " if self.starts else ""
        by_mode = ", ".join(f"{k} {mode}" for mode, k in sorted(modes.items())) or "none"
        parked = sum(m.parking for m in moves)
        return (
            f"{len(moves)} migrations ({by_mode}; {parked} parking), {moved_gib:.1f} GiB over the "
            f"network\n{started}{len(self.boots)} boots, {len(self.shutdowns)} shutdowns, "
            f"makespan {self.makespan_s / 60:.1f} min{self._bound_text()}{self._stored_text()}"
        )

    def _stored_text(self) -> str:
        if not self.saves:
            return ""
        return f"\n{len(self.saves)} VMs wait in storage and stand still for {self.stored_s} s in all"

    def _bound_text(self) -> str:
        if self.bound is None or not self.makespan_s:
            return ""
        return f" (at least {self.makespan_bound_s / 60:.1f} min: {self.bound.rests_on})"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per action; columns that do not apply to its kind are missing values."""
        import pandas as pd

        rows = []
        for a in self.actions:
            row: dict[str, object] = {
                "action_id": a.id,
                "kind": a.kind,
                "start_s": a.start_s,
                "end_s": a.end_s,
                "after": " ".join(map(str, a.after)),
            }
            if a.kind == "migration":
                row |= {
                    "vm": a.vm,
                    "source": a.source,
                    "target": a.target,
                    "mode": a.mode,
                    "downtime_s": a.downtime_ms / 1_000,
                    "moved_mib": a.moved_mib,
                    "rate_mib_per_s": a.rate_mib_per_s,
                    "overhead_mcores": a.overhead_mcores,
                    "parking": a.parking,
                }
            else:
                row["source" if a.kind == "save" else "target"] = a.host
                if a.kind in ("start", "save", "restore"):
                    row["vm"] = a.vm
                if a.kind in ("save", "restore"):
                    row["moved_mib"] = a.image_mib
                    row["rate_mib_per_s"] = a.rate_mib_per_s
                    row["overhead_mcores"] = a.overhead_mcores
            rows.append(row)
        columns = {
            "action_id": "int64",
            "kind": "object",
            "vm": "Int64",
            "source": "Int64",
            "target": "Int64",
            "mode": "object",
            "start_s": "int64",
            "end_s": "int64",
            "downtime_s": "float64",
            "moved_mib": "Int64",
            "rate_mib_per_s": "float64",
            "overhead_mcores": "Int64",
            "parking": "boolean",
            "after": "object",
        }
        return pd.DataFrame(rows, columns=list(columns)).astype(columns)

    @classmethod
    def empty(cls, current: Placement) -> MigrationPlan:
        """Return the plan that does nothing."""
        return cls(actions=(), current=current, target=Placement(host_of=np.array(current.host_of)))
