"""What the checks judge of VMs in storage and of hosts that fail: rows and options as they were written."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.files import Json, MalformedError, read_json, read_table

__all__ = [
    "CAUSES",
    "NO_STOPS",
    "FailuresTold",
    "ParkingTold",
    "StopsMade",
    "load_options",
    "load_stops",
]

CAUSES = ("saving", "woken", "restoring", "failed", "restarting")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopsMade:
    """Rows of ``stops.parquet``; ``host`` is -1 for a VM that is woken in storage."""

    vm: NDArray[np.int64]
    host: NDArray[np.int64]
    cause: tuple[str, ...]
    start_s: NDArray[np.int64]
    end_s: NDArray[np.int64]
    asked_s: NDArray[np.int64]
    image_mib: NDArray[np.int64]
    overhead_mcores: NDArray[np.int64]
    lost_mcore_s: NDArray[np.int64]
    completed: NDArray[np.bool_]

    def of(self, *causes: str) -> NDArray[np.int64]:
        """Return the rows with one of these causes."""
        return np.flatnonzero(np.array([cause in causes for cause in self.cause], dtype=np.bool_))

    def standing(self) -> NDArray[np.int64]:
        """Return the rows that take time: the VM is on the host and does not run."""
        return self.of("saving", "restoring", "restarting")


_NONE = np.zeros(0, dtype=np.int64)
NO_STOPS = StopsMade(
    vm=_NONE,
    host=_NONE,
    cause=(),
    start_s=_NONE,
    end_s=_NONE,
    asked_s=_NONE,
    image_mib=_NONE,
    overhead_mcores=_NONE,
    lost_mcore_s=_NONE,
    completed=np.zeros(0, dtype=np.bool_),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingTold:
    """How VMs are said to be parked; ``vms`` is ``None`` for all."""

    vms: frozenset[int] | None
    threshold_fraction: float
    after_s: int
    rule: str
    write_mib_per_s: float
    read_mib_per_s: float
    extra_mib: int
    setup_s: int
    overhead_mcores: int
    switch_off: bool

    def is_idle(self, cpu_mcores: int, allocated_mcores: int) -> bool:
        """Say whether a demand is one of an idle VM."""
        return cpu_mcores <= Fraction(str(self.threshold_fraction)) * allocated_mcores

    def takes_s(self, image_mib: int, mib_per_s: float) -> int:
        """Return how long an image takes at a throughput, in whole seconds, 1 at least."""
        return max(1, ceil(Fraction(image_mib) / Fraction(mib_per_s)) + self.setup_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresTold:
    """Which hosts are said to fail: rows ``(host, start_s, duration_s)``."""

    events: tuple[tuple[int, int, int], ...]
    restart_s: int
    checkpoint_s: int


def load_options(
    folder: Path, at: str, *, hosts: int, vms: int
) -> tuple[ParkingTold | None, FailuresTold | None]:
    """Read ``options.json`` of an arm; neither where there is no such file."""
    if not (folder / at / "options.json").is_file():
        return None, None
    about = read_json(folder, f"{at}/options.json")
    parking = _parking(about.object("parking"), vms) if "parking" in about.content else None
    failures = _failures(about.object("failures"), hosts) if "failures" in about.content else None
    return parking, failures


def _parking(about: Json, vms: int) -> ParkingTold:
    rule = about.text("rule")
    if rule not in ("break-even", "always", "asked"):
        about.fail("rule", f"needs break-even, always or asked, got {rule!r}")
    named = about.content.get("vms")
    return ParkingTold(
        vms=None if named is None else frozenset(about.integers("vms", limit=vms)),
        threshold_fraction=about.number("threshold_fraction", least=0.0, most=1.0),
        after_s=about.integer("after_s", least=1),
        rule=rule,
        write_mib_per_s=about.number("write_mib_per_s", least=1e-9, most=1e12),
        read_mib_per_s=about.number("read_mib_per_s", least=1e-9, most=1e12),
        extra_mib=about.integer("state_mib", least=0) + about.integer("disk_delta_mib", least=0),
        setup_s=about.integer("setup_s", least=0),
        overhead_mcores=about.integer("overhead_mcores", least=0, most=2**40),
        switch_off=about.flag("switch_off"),
    )


def _failures(about: Json, hosts: int) -> FailuresTold:
    events = tuple(
        (
            event.integer("host", least=0, most=hosts - 1),
            event.integer("start_s", least=0),
            event.integer("duration_s", least=1),
        )
        for event in about.objects("events")
    )
    return FailuresTold(
        events=events,
        restart_s=about.integer("restart_s", least=0),
        checkpoint_s=about.integer("checkpoint_s", least=0),
    )


def load_stops(folder: Path, at: str, *, hosts: int, vms: int) -> StopsMade:
    """Read ``stops.parquet`` of an arm; nothing where there is no such file."""
    name = f"{at}/stops.parquet"
    if not (folder / name).is_file() and not (folder / at / "options.json").is_file():
        return NO_STOPS
    kinds = {"vm": "int32", "host": "int32", "cause": "string", "completed": "bool"}
    amounts = ("start_s", "end_s", "asked_s", "image_mib", "overhead_mcores", "lost_mcore_s")
    table = read_table(folder, name, kinds | dict.fromkeys(amounts, "int64"))
    cause = table.texts("cause")
    for row, word in enumerate(cause):
        if word not in CAUSES:
            message = f"{name}: column cause, row {row}: needs one of {', '.join(CAUSES)}, got {word!r}"
            raise MalformedError(message, code="V0.value", file=name, column="cause", row=row)
    made = StopsMade(
        vm=table.indices("vm", least=0, limit=vms),
        host=table.indices("host", least=-1, limit=hosts),
        cause=cause,
        completed=table.flags("completed"),
        **{key: table.amounts(key) for key in amounts},
    )
    nowhere = [i for i in np.flatnonzero(made.host < 0).tolist() if cause[i] != "woken"]
    if nowhere:
        message = f"{name}: column host, row {nowhere[0]}: a VM that is {cause[nowhere[0]]} is on a host"
        raise MalformedError(message, code="V0.value", file=name, column="host", row=nowhere[0])
    return made
