"""What a trace reader is: a protocol, row batches, the list of repairs and the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.model.trace import Trace
from consolidate.registry import Registry
from consolidate.traces.report import Report

__all__ = ["READERS", "REPAIRS", "Batch", "Sniff", "TraceReader", "repairs_from"]

#: What may be changed in the data on request, and nothing else. None is applied by default.
REPAIRS: Final[dict[str, str]] = {
    "sort": "rows of a VM that are out of time order are sorted by time",
    "drop-duplicates": "of identical rows of a VM at one instant, one is kept",
    "keep-last": "of differing rows of a VM at one instant, the last in the file is kept",
    "snap": (
        "samples between the steps go to the step that contains them: CPU is their mean, memory their "
        "maximum; a step left without a sample by samples at most 1.5 steps apart repeats the last value"
    ),
    "fill-gaps": (
        "steps without a sample repeat the last value, up to the reader's max_gap_s; "
        "the VM is not alive in the rest of the gap"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniff:
    """Whether a path looks like a format, and why (or why not) in one clause."""

    matches: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a trace, in the order of the file; all arrays have shape ``(rows,)``.

    Parameters
    ----------
    file
        Name of the file for messages; ``archive!member`` inside an archive.
    line
        Line (or row, in Parquet) of each row, counted from 1.
    vm
        Index of the VM of each row, from :meth:`Report.vm`.
    time_s : s
        Instant of each row, whole seconds since 1970-01-01 UTC.
    cpu_mcores : mcores
        CPU demand, finite, 0 or more, not yet rounded.
    memory_mib : MiB
        Memory demand, finite, 0 or more, not yet rounded.
    alive
        False where the row says that the VM is off; its demand is then ignored.
    complete
        Whether no later batch has rows of these VMs, which lets the assembler forget them.
    """

    file: str
    line: NDArray[np.int64]
    vm: NDArray[np.int32]
    time_s: NDArray[np.int64]
    cpu_mcores: NDArray[np.float64]
    memory_mib: NDArray[np.float64]
    alive: NDArray[np.bool_]
    complete: bool = False

    def __len__(self) -> int:
        return len(self.vm)


@runtime_checkable
class TraceReader(Protocol):
    """Reads one trace format; a frozen dataclass whose fields are the format's options."""

    @property
    def name(self) -> str:
        """Registry name of the format."""
        ...

    def sniff(self, path: Path) -> Sniff:
        """Say whether ``path`` looks like this format, from names and the first bytes only."""
        ...

    def scan(self, path: Path, report: Report) -> Iterator[Batch]:
        """Yield the rows in batches whose size does not depend on the size of the file.

        A row that cannot be used goes to ``report`` with its place and is left out of the batch; the
        scan goes on, so that every problem is found. What makes the whole file unreadable raises
        :class:`~consolidate.errors.TraceError`. VMs, their allocations, the step and notes go to
        ``report`` as well. Two scans of one file yield the same.
        """
        ...

    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        """Return the trace: :func:`~consolidate.traces.assemble.assemble` with this reader."""
        ...


#: Trace formats by name.
READERS: Registry[type[TraceReader]] = Registry(
    "trace format",
    entry_point_group="consolidate.trace_formats",
    builtin={
        "planetlab": "consolidate.traces.planetlab:PlanetLabReader",
        "bitbrains": "consolidate.traces.bitbrains:BitbrainsReader",
        "google-vms": "consolidate.traces.google_vms:GoogleVmsReader",
        "tidy": "consolidate.traces.tidy:TidyReader",
    },
)


def repairs_from(repair: str | Iterable[str]) -> frozenset[str]:
    """Return the repairs that ``repair`` names: a name, names with commas, several, or ``all``.

    Raises
    ------
    ConfigError
        When a name is not in :data:`REPAIRS`.
    """
    given = [repair] if isinstance(repair, str) else list(repair)
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in REPAIRS and name != "all"]
    if unknown:
        msg = f"no repair named {unknown[0]!r}; known: {', '.join(REPAIRS)}, all"
        raise ConfigError(msg, path="repair")
    return frozenset(REPAIRS) if "all" in names else frozenset(names)
