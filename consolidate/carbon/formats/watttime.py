"""WattTime API v3: marginal (or average) emission rates in pounds per megawatt-hour."""

from __future__ import annotations

from dataclasses import dataclass

from consolidate.carbon.content import Content
from consolidate.carbon.reading import IntensityFile, Parsed
from consolidate.carbon.rows import Row, instant_s, value_of
from consolidate.carbon.source import Kind
from consolidate.errors import TraceError
from consolidate.units import lb_per_mwh_to_g_per_kwh

__all__ = ["WattTimeFile"]

UNIT = "lbs_co2_per_mwh"
KINDS: dict[str, Kind] = {"co2_moer": "marginal", "co2_aoer": "average"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WattTimeFile(IntensityFile):
    """JSON of ``/v3/historical`` or ``/v3/forecast``, direct emissions, converted with the exact pound.

    The signal says whether it is marginal (``co2_moer``) or average (``co2_aoer``); the date of the
    model, which changes the values, stands in the source. The data are WattTime's and must not be
    passed on.
    """

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        document = content.document
        return (
            isinstance(document, dict)
            and isinstance(document.get("data"), list)
            and isinstance(document.get("meta"), dict)
            and "signal_type" in document["meta"]
        )

    def parse(self, content: Content) -> Parsed:
        """Return the rows, sorted by time."""
        file, meta = content.file, content.document["meta"]
        signal, unit = str(meta.get("signal_type")), meta.get("units")
        if signal not in KINDS:
            msg = f"needs the signal {' or '.join(KINDS)}, got {signal!r}: no mass of CO2 per energy"
            raise TraceError(msg, file=file, column="meta.signal_type")
        if unit != UNIT:
            msg = f"needs the unit {UNIT}, got {unit!r}"
            raise TraceError(msg, file=file, column="meta.units")
        self.require(kind=KINDS[signal], scope="direct", what=f"the WattTime signal {signal}")
        region = str(meta.get("region") or self.zone or "not stated")
        if self.zone is not None and self.zone != region:
            msg = f"holds {region}, not {self.zone}"
            raise TraceError(msg, file=file, column="meta.region")
        # A forecast says when it was made.
        forecast = "generated_at" in meta
        rows = []
        for point in content.document["data"]:
            given = point if isinstance(point, dict) else {}
            time_s, offset_s = instant_s(
                given.get("point_time"), file=file, line=None, column="point_time"
            )
            value = value_of(given.get("value"), file=file, line=None, column="value")
            g_per_kwh = None if value is None else lb_per_mwh_to_g_per_kwh(value)
            rows.append(
                Row(line=None, time_s=time_s, value=g_per_kwh, estimated=forecast, offset_s=offset_s)
            )
        model = meta.get("model") if isinstance(meta.get("model"), dict) else {}
        return Parsed(
            rows=sorted(rows, key=lambda row: row.time_s),
            time_name="point_time",
            value_name="value",
            zone=region,
            kind=KINDS[signal],
            scope="direct",
            source=(
                f"WattTime v3 {signal}, {region}, model of {model.get('date', 'unknown date')}, "
                f"file {self.path.name}"
            ),
            notes=("converted from lb/MWh with the exact pound",),
        )
