"""Carbon Intensity API of Great Britain (NESO): JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from consolidate.carbon.content import Content
from consolidate.carbon.reading import IntensityFile, Parsed
from consolidate.carbon.repairs import Repair
from consolidate.carbon.rows import Row, instant_s, value_of
from consolidate.errors import TraceError

__all__ = ["UkApiFile", "UkCsvFile", "UkFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UkFile(IntensityFile):
    """What JSON and CSV have in common: half-hourly forecast and actual values, direct, average.

    Parameters
    ----------
    path, zone, kind, scope, fill_gaps_h
        As in :class:`~consolidate.carbon.reading.IntensityFile`; in a regional file ``zone`` is the id or
        the short name of a region.
    series
        ``actual``: values that are not settled are missing, and never zero. ``forecast``: only what was
        forecast. ``actual_or_forecast`` (default): the forecast stands in, marked as estimated and
        listed.
    """

    series: Literal["actual_or_forecast", "actual", "forecast"] = "actual_or_forecast"

    def from_entries(
        self,
        entries: Iterable[tuple[int | None, object, object, object]],
        *,
        file: str,
        zone: str,
    ) -> Parsed:
        """Return the rows of entries (line, from, forecast, actual), sorted by time."""
        self.require(kind="average", scope="direct", what="the Carbon Intensity API")
        rows, repairs = [], []
        for line, start, given_forecast, given_actual in entries:
            time_s, offset_s = instant_s(start, file=file, line=line, column="from")
            forecast = value_of(given_forecast, file=file, line=line, column="intensity.forecast")
            actual = value_of(given_actual, file=file, line=line, column="intensity.actual")
            value, estimated = actual, False
            if self.series == "forecast" or (self.series != "actual" and actual is None):
                value, estimated = forecast, forecast is not None
                if self.series != "forecast" and estimated:
                    repairs.append(Repair(kind="stand_in", start_s=time_s, stop_s=time_s))
            rows.append(
                Row(line=line, time_s=time_s, value=value, estimated=estimated, offset_s=offset_s)
            )
        if not any(row.value is not None for row in rows):
            msg = f"holds no {self.series.replace('_', ' ')} value; series='forecast' reads the forecast"
            raise TraceError(msg, file=file, column="intensity")
        return Parsed(
            rows=sorted(rows, key=lambda row: row.time_s),
            time_name="from",
            value_name="intensity",
            zone=zone,
            kind="average",
            scope="direct",
            source=f"NESO Carbon Intensity API, {zone}, CC BY 4.0, file {self.path.name}",
            repairs=tuple(repairs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UkCsvFile(UkFile):
    """CSV with the columns ``from``, ``intensity.forecast`` and ``intensity.actual``."""

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        return {"from", "intensity.forecast"} <= set(content.header)

    def parse(self, content: Content) -> Parsed:
        """Return the rows."""
        table = content.table()
        at = {name: k for k, name in enumerate(table.header)}
        actual = at.get("intensity.actual")
        entries = (
            (
                line,
                cells[at["from"]],
                cells[at["intensity.forecast"]],
                None if actual is None else cells[actual],
            )
            for line, cells in table.rows
        )
        return self.from_entries(entries, file=table.file, zone=self.zone or "GB")


@dataclass(frozen=True, slots=True, kw_only=True)
class UkApiFile(UkFile):
    """JSON of ``/intensity/...`` (national) or ``/regional/...`` (forecast only)."""

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        return any(
            isinstance(entry.get("intensity"), dict) and "from" in entry
            for _, entry in _entries(content.document)
        )

    def parse(self, content: Content) -> Parsed:
        """Return the rows of the zone."""
        entries = list(_entries(content.document))
        regions = {region: None for region, _ in entries}
        wanted = [r for r in regions if self.zone in {None, *r}]
        if len(wanted) != 1:
            names = ", ".join(" ".join(region) for region in regions)
            msg = (
                f"holds {names}; say which with zone="
                if len(wanted)
                else f"holds {names}, not {self.zone}"
            )
            raise TraceError(msg, file=content.file, column="regionid")
        found = [
            (
                None,
                entry.get("from"),
                entry["intensity"].get("forecast"),
                entry["intensity"].get("actual"),
            )
            for region, entry in entries
            if region == wanted[0] and isinstance(entry.get("intensity"), dict)
        ]
        zone = "GB" if wanted[0] == ("GB",) else f"GB {wanted[0][-1]}"
        return self.from_entries(found, file=content.file, zone=zone)


def _entries(document: object) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield each entry with the id and the short name of its region."""
    data = document.get("data") if isinstance(document, dict) else None
    for part in data if isinstance(data, list) else (data,):
        if not isinstance(part, dict):
            continue
        inner = part.get("data")
        if isinstance(inner, list) and "regionid" in part:
            region = (str(part["regionid"]), str(part.get("shortname", part["regionid"])))
            yield from ((region, entry) for entry in inner if isinstance(entry, dict))
        else:
            yield ("GB",), part
