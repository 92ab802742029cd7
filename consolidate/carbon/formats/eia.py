"""Hourly generation of the U.S. Energy Information Administration (EIA-930)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from consolidate.carbon.content import Content
from consolidate.carbon.factors import EIA_FUELS
from consolidate.carbon.generation import GenerationFile, Mix
from consolidate.carbon.rows import instant_s
from consolidate.errors import TraceError
from consolidate.units import SECONDS_PER_HOUR

__all__ = ["EiaApiFile", "EiaFile"]

#: A column that exports add; its factors are not stated, so it is computed anew.
GIVEN = "avg_CI"


@dataclass(frozen=True, slots=True, kw_only=True)
class EiaFile(GenerationFile):
    """CSV with the instant in its first column and one column for each fuel (``NG``, ``COL``...), in MWh.

    A column ``avg_CI`` is not used: by which factors it was made is not stated.

    Parameters
    ----------
    path, zone, kind, scope, fill_gaps_h, factors
        As in :class:`~consolidate.carbon.generation.GenerationFile`.
    hour_ending
        Whether an instant is the end of its hour, as EIA-930 counts; default its start.
    """

    hour_ending: bool = False

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        names = [name for name in content.header[1:] if name != GIVEN]
        return len(names) > 1 and all(name in EIA_FUELS for name in names)

    def mix(self, content: Content) -> Mix:
        """Return the generation."""
        table = content.table()
        unknown = [name for name in table.header[1:] if name not in {*EIA_FUELS, GIVEN}]
        if unknown or len(set(table.header)) != len(table.header):
            msg = f"has columns that are no fuels of EIA-930: {', '.join(unknown) or 'twice the same'}"
            raise TraceError(msg, file=table.file, line=1)
        kept = [k for k, name in enumerate(table.header) if EIA_FUELS.get(name) is not None]
        time_name = table.header[0] or "1"
        shift_s = SECONDS_PER_HOUR if self.hour_ending else 0
        stamps: list[tuple[int | None, int, int]] = []
        mw = []
        for line, cells in table.rows:
            time_s, offset_s = instant_s(cells[0], file=table.file, line=line, column=time_name)
            stamps.append((line, time_s - shift_s, offset_s))
            mw.append(
                [_number(cells[k], file=table.file, line=line, column=table.header[k]) for k in kept]
            )
        zone = self.zone or "not stated"
        return Mix(
            stamps=stamps,
            technologies=tuple(str(EIA_FUELS[table.header[k]]) for k in kept),
            mw=np.array(mw, dtype=np.float64),
            time_name=time_name,
            zone=zone,
            source=f"EIA hourly generation, {zone}, file {self.path.name}",
            notes=(
                f"time stamps taken as the {'end' if self.hour_ending else 'start'} of their hour",
                *(
                    ("avg_CI of the file not used: its factors are not stated",)
                    * (GIVEN in table.header)
                ),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EiaApiFile(GenerationFile):
    """JSON of the API v2, route ``electricity/rto/fuel-type-data``, hourly in UTC.

    A period is the end of its hour, as EIA-930 counts; the intensity is given to the hour itself.
    """

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        return any("fueltype" in entry and "period" in entry for entry in _entries(content.document))

    def mix(self, content: Content) -> Mix:
        """Return the generation."""
        file = content.file
        entries = list(_entries(content.document))
        zones = sorted({str(entry.get("respondent")) for entry in entries})
        zone = self.zone or zones[0]
        if zone not in zones or (self.zone is None and len(zones) > 1):
            msg = f"holds {', '.join(zones)}; say which with zone="
            raise TraceError(msg, file=file, column="respondent")
        cells: dict[tuple[int, str], float] = {}
        for entry in entries:
            fuel = str(entry.get("fueltype"))
            if str(entry.get("respondent")) != zone:
                continue
            if fuel not in EIA_FUELS:
                msg = f"needs a fuel of EIA-930 ({', '.join(EIA_FUELS)}), got {fuel}"
                raise TraceError(msg, file=file, column="fueltype")
            stamp = f"{entry.get('period')}:00"
            time_s, _ = instant_s(stamp, file=file, line=None, column="period")
            value = _number(entry.get("value"), file=file, line=None, column="value")
            if cells.setdefault((time_s, fuel), value) not in {value} and value == value:
                msg = f"gives {fuel} at {stamp} twice, with different values"
                raise TraceError(msg, file=file, column="value")
        times = sorted({time_s for time_s, _ in cells})
        fuels = sorted({fuel for _, fuel in cells if EIA_FUELS[fuel] is not None})
        mw = np.array([[cells.get((t, fuel), np.nan) for fuel in fuels] for t in times])
        return Mix(
            stamps=[(None, time_s - SECONDS_PER_HOUR, 0) for time_s in times],
            technologies=tuple(str(EIA_FUELS[fuel]) for fuel in fuels),
            mw=mw.reshape(len(times), len(fuels)),
            time_name="period",
            zone=zone,
            source=f"EIA hourly generation, {zone}, file {self.path.name}",
            notes=("a period is the end of its hour",),
        )


def _entries(document: object) -> Iterator[dict[str, Any]]:
    inner = document.get("response", document) if isinstance(document, dict) else None
    data = inner.get("data") if isinstance(inner, dict) else None
    yield from (entry for entry in (data if isinstance(data, list) else ()) if isinstance(entry, dict))


def _number(given: object, *, file: str, line: int | None, column: str) -> float:
    if given is None or not str(given).strip():
        return float("nan")
    try:
        value = float(str(given))
    except ValueError:
        value = float("inf")
    if not math.isfinite(value):
        msg = f"needs a number of MWh, got {given!r}"
        raise TraceError(msg, file=file, line=line, column=column)
    return value
