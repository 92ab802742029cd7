"""Tidy CSV files: an instant and a value in a declared unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consolidate.carbon.content import Content, Table
from consolidate.carbon.reading import IntensityFile, Parsed
from consolidate.carbon.rows import table_rows
from consolidate.errors import ConfigError, TraceError
from consolidate.units import lb_per_mwh_to_g_per_kwh

__all__ = ["TidyFile"]

#: Units that a column may be in, and what makes them g/kWh.
UNITS: dict[str, Callable[[float], float]] = {
    "g_per_kwh": float,
    "lb_per_mwh": lb_per_mwh_to_g_per_kwh,
    "kg_per_kwh": lambda kg: 1_000 * kg,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TidyFile(IntensityFile):
    """A CSV file with the columns ``timestamp_utc`` and ``g_per_kwh``, any regular resolution.

    ``lb_per_mwh`` or ``kg_per_kwh`` may stand in place of ``g_per_kwh``; a column ``estimated`` (true or
    false) is optional. A file with other names is read when both columns and the unit are stated.

    Parameters
    ----------
    path, zone, kind, scope, fill_gaps_h
        As in :class:`~consolidate.carbon.reading.IntensityFile`. An unstated kind is taken as average, an
        unstated scope as life cycle; notes say so.
    time_column
        Name of the column of the instants.
    value_column
        Name of the column of the values; default the one that is called as its unit.
    unit
        Unit of ``value_column``; needed when that is not called as its unit.
    """

    time_column: str = "timestamp_utc"
    value_column: str | None = None
    unit: str | None = None

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        return "timestamp_utc" in content.header and any(unit in content.header for unit in UNITS)

    def fits(self, content: Content) -> bool:
        """Say whether a file can be read: options may name its columns."""
        return content.kind == "csv"

    def parse(self, content: Content) -> Parsed:
        """Return the rows."""
        table = content.table()
        value, unit = self._value(table)
        notes = tuple(
            f"{key} not stated: taken as {words}"
            for key, given, words in (
                ("kind", self.kind, "average"),
                ("scope", self.scope, "life cycle"),
            )
            if given is None
        )
        return Parsed(
            rows=table_rows(
                table,
                time=self.time_column,
                value=value,
                estimated="estimated",
                convert=UNITS[unit],
            ),
            time_name=self.time_column,
            value_name=value,
            zone=self.zone or "not stated",
            kind=self.kind or "average",
            scope=self.scope or "life_cycle",
            source=f"file {self.path.name}",
            notes=notes,
        )

    def _value(self, table: Table) -> tuple[str, str]:
        """Return the column of the values and its unit."""
        header = table.header
        if self.unit is not None and self.unit not in UNITS:
            msg = f"needs one of {', '.join(UNITS)}, got {self.unit!r}"
            raise ConfigError(msg, path="carbon.unit")
        own = self.value_column is not None and self.value_column not in UNITS
        if own and self.unit is None:
            msg = f"is needed: the column {self.value_column!r} does not say it ({', '.join(UNITS)})"
            raise ConfigError(msg, path="carbon.unit")
        wanted = [self.value_column] if self.value_column else list(UNITS)
        found = [name for name in header if name in wanted]
        known = (self.time_column, *wanted, "estimated")
        unknown = [] if own else [name for name in header if name not in known]
        distinct = len(set(header)) == len(header)
        if len(found) != 1 or self.time_column not in header or unknown or not distinct:
            msg = (
                f"needs {self.time_column} and one of {', '.join(map(str, wanted))} "
                f"(and may have estimated), got {', '.join(header)}"
            )
            raise TraceError(msg, file=table.file, line=1)
        unit = self.unit or found[0]
        if found[0] in UNITS and unit != found[0]:
            msg = f"is {unit}, the column says {found[0]}"
            raise ConfigError(msg, path="carbon.unit")
        return found[0], unit
