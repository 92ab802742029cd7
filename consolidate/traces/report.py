"""What a reader tells about a file besides its rows: VMs, problems with their places, notes."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError
from consolidate.model.trace import VMs

__all__ = ["MAX_PLACES", "Finding", "Place", "Report", "Where"]

#: Places kept per kind of problem; the rest is counted.
MAX_PLACES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a problem is and what was found there; ``line`` counts from 1."""

    file: str
    message: str
    line: int | None = None
    column: str | None = None

    def error(self, more: str = "") -> TraceError:
        """Return the error that names this place."""
        return TraceError(self.message + more, file=self.file, line=self.line, column=self.column)

    def __str__(self) -> str:
        return str(self.error())


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Place of each value of a column: file, line of each row (counted from 1), name of the column."""

    file: str
    line: NDArray[np.int64]
    column: str | None = None

    def of(self, column: str) -> Where:
        """Return the same rows of another column."""
        return Where(file=self.file, line=self.line, column=column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """All problems of one kind.

    Parameters
    ----------
    kind
        Short name of the kind, as in ``not-a-number``.
    count
        How many there are.
    places
        The first of them, :data:`MAX_PLACES` at most.
    repair
        Name of the repair that accepts them; empty when none does.
    """

    kind: str
    count: int
    places: tuple[Place, ...]
    repair: str = ""


class Report:
    """Collects what one scan finds.

    Attributes
    ----------
    step_s : s
        Length of a step; ``None`` asks the assembler to take the most frequent distance.
    max_gap_s : s
        Longest time over which ``fill-gaps`` repeats the last value.
    inputs
        Files whose bytes enter the hash; empty for the path itself.
    sort_key
        Order of the VMs in the trace by id; ``None`` keeps the order in which they were named.
    """

    def __init__(self) -> None:
        self.step_s: int | None = None
        self.max_gap_s: int = 3600
        self.inputs: list[Path] = []
        self.sort_key: Callable[[str], object] | None = None
        self.ids: list[str] = []
        self._index: dict[str, int] = {}
        self._folded: dict[str, str] = {}
        self._allocations: list[list[float]] = []
        self._labels: list[tuple[bool, str, int]] = []
        self._findings: dict[tuple[str, str], tuple[int, list[Place]]] = {}
        self._notes: list[str] = []
        self._counts: dict[str, int] = {}

    # ---- VMs

    def vm(self, vm_id: str, *, file: str, line: int | None = None) -> int:
        """Return the index of a VM, which is new when the id is.

        An id that differs from an earlier one only in case, spaces or Unicode form is a problem: such
        pairs are one VM, written in two ways, far more often than two.
        """
        if vm_id in self._index:
            return self._index[vm_id]
        folded = unicodedata.normalize("NFKC", vm_id).casefold().strip()
        if not folded or any(unicodedata.category(c) == "Cc" for c in vm_id):
            msg = f"{vm_id!r} cannot be the id of a VM: it is empty or has control characters"
            self.issue("bad-vm-id", msg, file=file, line=line, column="vm_id")
        elif folded in self._folded:
            msg = f"ids {vm_id!r} and {self._folded[folded]!r} differ only in case or spacing"
            self.issue("bad-vm-id", msg, file=file, line=line, column="vm_id")
        self._folded.setdefault(folded, vm_id)
        self._index[vm_id] = len(self.ids)
        self.ids.append(vm_id)
        self._allocations.append([0, 0, 0, 0.0])
        self._labels.append((False, "", 0))
        return self._index[vm_id]

    def find(self, vm_id: str) -> int:
        """Return the index of a known VM, or -1."""
        return self._index.get(vm_id, -1)

    def allocate(
        self,
        index: int,
        *,
        vcpus: int,
        cpu_mcores: int,
        memory_mib: int,
        dirty_mib_per_s: float,
        is_container: bool = False,
        group: str = "",
        disk_mib: int = 0,
    ) -> None:
        """State what was promised to a VM; of several statements the largest value of each holds."""
        now = self._allocations[index]
        given = (vcpus, cpu_mcores, memory_mib, dirty_mib_per_s)
        self._allocations[index] = [max(a, b) for a, b in zip(now, given, strict=True)]
        self._labels[index] = (is_container, group, disk_mib)

    def without_allocation(self) -> list[int]:
        """Return the VMs for which no vCPU was ever stated."""
        return [i for i, values in enumerate(self._allocations) if not values[0]]

    def cpu_allocations(self) -> list[float]:
        """Return the CPU allocation of each VM in mcores."""
        return [values[1] for values in self._allocations]

    def vms(self, order: list[int]) -> VMs:
        """Return the VMs with the given indices."""
        table = np.array([self._allocations[i] for i in order], dtype=np.float64).reshape(-1, 4)
        return VMs(
            ids=tuple(self.ids[i] for i in order),
            vcpus=table[:, 0].astype(np.int32),
            cpu_mcores=table[:, 1].astype(np.int64),
            memory_mib=table[:, 2].astype(np.int64),
            dirty_mib_per_s=table[:, 3].copy(),
            is_container=np.array([self._labels[i][0] for i in order], dtype=np.bool_),
            groups=tuple(self._labels[i][1] for i in order),
            disk_mib=np.array([self._labels[i][2] for i in order], dtype=np.int64),
        )

    # ---- problems

    def issue(
        self,
        kind: str,
        message: str,
        *,
        file: str,
        line: int | None = None,
        column: str | None = None,
        repair: str = "",
        count: int = 1,
    ) -> None:
        """Add ``count`` problems of one kind, the first of which is at the given place."""
        total, places = self._findings.setdefault((kind, repair), (0, []))
        if len(places) < MAX_PLACES:
            places.append(Place(file=file, message=message, line=line, column=column))
        self._findings[(kind, repair)] = (total + count, places)

    def rows(
        self,
        kind: str,
        bad: NDArray[np.bool_],
        *,
        at: Where,
        message: Callable[[int], str],
    ) -> None:
        """Add a problem for each row that ``bad`` marks; ``message`` takes the index of the row."""
        marked = np.flatnonzero(bad)
        for n, row in enumerate(marked[: MAX_PLACES + 1].tolist()):
            self.issue(
                kind,
                message(row),
                file=at.file,
                line=int(at.line[row]),
                column=at.column,
                count=1 if n < MAX_PLACES else len(marked) - MAX_PLACES,
            )

    def findings(self) -> tuple[Finding, ...]:
        """Return the problems by kind: first those that no repair accepts."""
        found = [
            Finding(kind=kind, repair=repair, count=count, places=tuple(places))
            for (kind, repair), (count, places) in self._findings.items()
        ]
        return tuple(sorted(found, key=lambda f: bool(f.repair)))

    # ---- notes

    def assume_dirty_rate(self, fraction_per_min: float) -> float:
        """Return the share of memory written per second, and note that it was assumed."""
        self.note(
            f"default: dirty_mib_per_s = {100 * fraction_per_min:g} % of the VM's memory per minute "
            "(assumed, the trace has no dirty rates; weak evidence)"
        )
        return fraction_per_min / 60

    def note(self, text: str) -> None:
        """Add a line that a reader of results has to know."""
        if text not in self._notes:
            self._notes.append(text)

    def count(self, text: str, n: int) -> None:
        """Add ``n`` to the count of a kept oddity; the note reads ``"<total> <text>"``."""
        if n:
            self._counts[text] = self._counts.get(text, 0) + n

    def notes(self) -> tuple[str, ...]:
        """Return all notes, the counted ones last."""
        return (*self._notes, *(f"{n} {text}" for text, n in self._counts.items()))
