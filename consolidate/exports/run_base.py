"""What an exporter of a whole run is, and the facts that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.model import CarbonIntensity, Instance, Replay
from consolidate.registry import Registry
from consolidate.units import SECONDS_PER_HOUR

__all__ = ["ARMS", "RUN_EXPORTERS", "RunExporter", "RunFacts", "export_run", "hourly", "utc"]

#: The two arms of every run.
ARMS: Final = ("baseline", "consolidated")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A replayed run with its emissions.

    Parameters
    ----------
    arms
        The replays by label: ``baseline`` and ``consolidated``.
    instance
        Names, hosts and sites.
    intensities
        Carbon intensity of each site.
    emissions_g : g
        Location-based emissions of the IT energy by arm, shape ``(sites, steps)``.
    market_g : g
        Market-based emissions by arm, where the user has stated contracts; empty otherwise.
    version
        Version of the package.
    run_id
        Name of the run: the hash of its trace.
    """

    arms: Mapping[str, Replay]
    instance: Instance
    intensities: tuple[CarbonIntensity, ...]
    emissions_g: Mapping[str, NDArray[np.float64]]
    market_g: Mapping[str, float] = field(default_factory=dict)
    version: str = ""
    run_id: str = ""

    def arm(self, label: str) -> Replay:
        """Return the replay of an arm.

        Raises
        ------
        ConfigError
            When the run has no such arm.
        """
        if label not in ARMS:
            msg = f"needs one of {', '.join(ARMS)}, got {label!r}"
            raise ConfigError(msg, path="--arm")
        return self.arms[label]


@runtime_checkable
class RunExporter(Protocol):
    """Writes a run as another system reads it. The fields of the dataclass are its parameters."""

    name: ClassVar[str]

    def content(self, facts: RunFacts) -> bytes:
        """Return the content of the file; equal runs give equal bytes."""
        ...


RUN_EXPORTERS: Registry[type[RunExporter]] = Registry(
    "export format of a run",
    entry_point_group="consolidate.run_exporters",
    builtin={
        "ccf": "consolidate.exports.ccf:CloudCarbonFootprint",
        "codecarbon": "consolidate.exports.codecarbon:CodeCarbon",
        "esrs-e1": "consolidate.exports.esrs:EsrsE1",
        "impact-framework": "consolidate.exports.impact_framework:ImpactFramework",
        "opendc": "consolidate.exports.opendc:OpenDC",
    },
)


def export_run(facts: RunFacts, path: str | Path, *, to: str | RunExporter) -> Path:
    """Write a run in the format of another system; the file appears whole or not at all.

    Parameters
    ----------
    facts
        The run.
    path
        File to write.
    to
        Registry name, or an exporter with its parameters.

    Raises
    ------
    UnknownNameError
        When there is no such format.
    ConfigError
        When the run has something that the format cannot express.
    """
    exporter = RUN_EXPORTERS.get(to)() if isinstance(to, str) else to
    content = exporter.content(facts)
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    return temporary.replace(path)


def hourly(replay: Replay) -> NDArray[np.int64]:
    """Return the first step of each part of an hour, or of each step where steps are longer."""
    per_part = max(1, SECONDS_PER_HOUR // replay.grid.step_s)
    return np.arange(0, replay.grid.n_steps, per_part, dtype=np.int64)


def utc(instant: np.datetime64) -> str:
    """Write an instant as ISO 8601 in UTC."""
    return f"{instant.astype('datetime64[s]')}Z"
