"""What a study consists of: cells, one for each combination of the axes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Cell", "Kind", "Study"]

Kind = Literal["baseline", "policy", "controller", "cloudsim"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination: what is run, on what, with which options.

    Parameters
    ----------
    kind
        ``baseline`` (nothing is done), ``policy`` (solved once, planned, replayed), ``controller`` (decides
        in every step) or ``cloudsim`` (compatibility mode).
    name
        Registry name; of a ``cloudsim`` cell, as in ``lr-mmt-1.2``.
    component
        Parameters of it, as pairs.
    trace
        Name of the trace in the study.
    path, format, repair, reader
        The trace.
    rules, placement
        Files with placement rules and with the present placement.
    fleet
        Fleet file or name; ``None`` for the default of the trace.
    parameters
        Options of the run, as pairs.
    seed
        Seed.
    """

    kind: Kind
    name: str
    component: tuple[tuple[str, Any], ...] = ()
    trace: str
    path: str
    format: str | None = None
    repair: tuple[str, ...] = ()
    reader: tuple[tuple[str, Any], ...] = ()
    rules: str | None = None
    placement: str | None = None
    fleet: str | None = None
    parameters: tuple[tuple[str, Any], ...] = ()
    seed: int = 0

    @property
    def label(self) -> str:
        """What the arm is called in tables: name and parameters."""
        if self.kind == "cloudsim":
            options = dict(self.component)
            kept = ", idle VMs kept" if options["keep_idle_vms"] else ""
            return f"{self.name} ({options['variant']}{kept})"
        more = [f"{k}={v}" for k, v in self.component]
        return " ".join([self.name, *more])

    def files(self) -> tuple[str, ...]:
        """Return what the cell reads, by path or name."""
        return tuple(p for p in (self.path, self.fleet, self.rules, self.placement) if p is not None)

    def key(self, hashes: dict[str, str]) -> str:
        """Return the name of the file that keeps the result: it changes with everything that matters."""
        from consolidate._version import __version__

        about = asdict(self) | {"version": __version__}
        # Of files only what they hold matters, not where they are.
        for name in ("path", "fleet", "rules", "placement"):
            place = about[name]
            about[name] = hashes.get(str(place), place)
        text = json.dumps(about, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study file, read.

    Parameters
    ----------
    name
        Name of the study.
    cells
        All cells, in the order of the table.
    source
        Name of the file.
    sha256
        Hash of its bytes.
    """

    name: str
    cells: tuple[Cell, ...]
    source: str
    sha256: str
