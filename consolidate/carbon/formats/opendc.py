"""Carbon traces of OpenDC: Parquet with an instant and grams per kilowatt-hour."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from consolidate.carbon.content import Content
from consolidate.carbon.reading import IntensityFile, Parsed
from consolidate.carbon.rows import Row, value_of
from consolidate.errors import TraceError

__all__ = ["OpendcFile"]

COLUMNS = ("timestamp", "carbon_intensity")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpendcFile(IntensityFile):
    """A Parquet file with the columns ``timestamp`` (UTC) and ``carbon_intensity`` (g/kWh, average).

    The file says neither zone nor scope: state them. An unstated scope is taken as life cycle, with a
    note.
    """

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        if content.kind != "parquet":
            return False
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            names = pq.read_schema(io.BytesIO(content.data)).names
        except (pa.ArrowException, OSError):
            return False
        return set(COLUMNS) <= set(names)

    def parse(self, content: Content) -> Parsed:
        """Return the rows."""
        self.require(kind="average", scope=self.scope or "life_cycle", what="a carbon trace of OpenDC")
        times_s, values = _columns(content)
        rows = [
            Row(
                line=None,
                time_s=time_s,
                value=value_of(
                    None if value is None or value != value else value,
                    file=content.file,
                    line=None,
                    column=COLUMNS[1],
                ),
            )
            for time_s, value in zip(times_s, values, strict=True)
        ]
        notes = () if self.scope else ("scope not stated: taken as life cycle",)
        return Parsed(
            rows=rows,
            time_name=COLUMNS[0],
            value_name=COLUMNS[1],
            zone=self.zone or "not stated",
            kind="average",
            scope=self.scope or "life_cycle",
            source=f"OpenDC carbon trace, file {self.path.name}",
            notes=notes,
        )


def _columns(content: Content) -> tuple[list[int], list[float | None]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content.data), columns=list(COLUMNS))
    except (pa.ArrowException, OSError) as error:
        msg = f"is damaged ({error})"
        raise TraceError(msg, file=content.file) from error
    if not pa.types.is_timestamp(table.schema.field(COLUMNS[0]).type):
        msg = f"needs instants, got {table.schema.field(COLUMNS[0]).type}"
        raise TraceError(msg, file=content.file, column=COLUMNS[0])
    times = table.column(COLUMNS[0])
    if times.null_count:
        msg = f"{times.null_count} rows have no instant"
        raise TraceError(msg, file=content.file, column=COLUMNS[0])
    seconds = times.cast(pa.timestamp("ns")).to_numpy().astype("datetime64[s]").astype(np.int64)
    return seconds.tolist(), table.column(COLUMNS[1]).to_pylist()
