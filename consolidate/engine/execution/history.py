"""What happened while a plan was carried out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from consolidate.model import Instance, Placement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Event", "EventKind", "Execution"]

EventKind = Literal[
    "move_begin",
    "move_end",
    "move_fail",
    "start_begin",
    "start_end",
    "save_begin",
    "save_end",
    "save_fail",
    "restore_begin",
    "restore_end",
    "restore_fail",
    "boot_begin",
    "boot_end",
    "boot_fail",
    "off_begin",
    "off_end",
    "off_fail",
    "need",
    "created",
    "deleted",
    "note",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, as the hosts know it, whoever was told.

    Parameters
    ----------
    time_s : s
        Counted from the start of the plan.
    kind
        ``*_begin``, ``*_end`` and ``*_fail`` of moves, starts, VMs written to storage (``save``) and read
        from it (``restore``), boots and shutdowns (``off``); ``need``: a VM needs something else from now
        on; ``created`` and ``deleted`` VMs; ``note``: what the executor saw or decided.
    vm, source, target
        Indices, -1 for none; the host of a boot, a shutdown, a start or a restoring is the target,
        that of a saving the source.
    need
        What the VM needs of each resource from now on, for ``need`` and ``created``.
    detail
        In words.
    """

    time_s: int
    kind: EventKind
    vm: int = -1
    source: int = -1
    target: int = -1
    need: tuple[int, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An executed plan.

    Parameters
    ----------
    instance
        The problem at the start; VMs that were created later are in it, as not there yet.
    events
        What happened, in order of time.
    placement
        Who is where in the end.
    wanted
        Where the plan wanted everybody; -1 for VMs that do not exist in the end.
    plans
        How many plans were made, the given one included.
    stopped
        Why the execution ended.
    """

    instance: Instance
    events: tuple[Event, ...]
    placement: Placement
    wanted: Placement
    plans: int
    stopped: str

    @property
    def makespan_s(self) -> int:
        """Time of the last event, in seconds."""
        return max((event.time_s for event in self.events), default=0)

    @property
    def astray(self) -> tuple[int, ...]:
        """VMs that are not where the plan wanted them."""
        pairs = zip(self.placement.host_of.tolist(), self.wanted.host_of.tolist(), strict=True)
        return tuple(v for v, (is_on, wanted) in enumerate(pairs) if wanted >= 0 and is_on != wanted)

    def line(self, event: Event) -> str:
        """Return an event in words, with the names of VMs and hosts."""
        fleet, vms = self.instance.fleet, self.instance.vms
        parts = [f"{event.time_s:>6} s  {event.kind.replace('_', ' '):<12}"]
        if event.vm >= 0:
            parts.append(vms.ids[event.vm])
        if event.source >= 0:
            parts.append(f"from {fleet.host_ids[event.source]}")
        if event.target >= 0:
            parts.append(("to " if event.source >= 0 else "on ") + fleet.host_ids[event.target])
        return " ".join([*parts, *([f"({event.detail})"] if event.detail else [])])

    def summary(self) -> str:
        """Return the execution in three lines of text, and one more if VMs were left in storage."""
        kinds = Counter(event.kind for event in self.events)
        failed = sum(n for kind, n in kinds.items() if kind.endswith("_fail"))
        stored = ""
        if kinds["save_begin"]:
            waiting = int((self.placement.saved_on >= 0).sum())
            both = f"{kinds['save_end']} VMs saved, {kinds['restore_end']} restored"
            stored = f"\n{both}; {waiting} are in storage"
        return (
            f"{kinds['move_end']} of {kinds['move_begin']} migrations, {kinds['start_end']} starts, "
            f"{kinds['boot_end']} boots and {kinds['off_end']} shutdowns succeeded; {failed} actions failed\n"
            f"{kinds['created']} VMs created, {kinds['deleted']} deleted, {kinds['need']} changes of need; "
            f"{self.plans} plans in {self.makespan_s / 60:.1f} min\n"
            f"{len(self.astray)} VMs are not where the plan wanted them; {self.stopped}{stored}"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per event; -1 stands for no VM or host."""
        import pandas as pd

        names = ("time_s", "kind", "vm", "source", "target", "detail")
        rows = [{name: getattr(event, name) for name in names} for event in self.events]
        return pd.DataFrame(rows, columns=list(names))
