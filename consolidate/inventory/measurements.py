"""Measured power of hosts: a CSV file from meters of the operator."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError

__all__ = ["Measurements", "read_measurements"]

#: Columns that hold the utilisation, and what makes a share of one of them.
UTILIZATION: Final = {"utilization_fraction": 1.0, "utilization_percent": 0.01}
TOLERATED: Final = 1.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Samples of utilisation and power, in order of time.

    Parameters
    ----------
    time_s : s
        Seconds since 1970 UTC, shape ``(n,)``.
    host
        Index into ``host_ids``, shape ``(n,)``.
    utilization
        CPU utilisation of the host, 0 to 1, shape ``(n,)``.
    power_w : W
        Measured power, shape ``(n,)``.
    vms
        VMs on the host at the time, -1 for not known, shape ``(n,)``.
    host_ids
        Names of the hosts.
    skipped
        Rows without utilisation or power.
    source
        Name of the file.
    """

    time_s: NDArray[np.float64]
    host: NDArray[np.int64]
    utilization: NDArray[np.float64]
    power_w: NDArray[np.float64]
    vms: NDArray[np.int64]
    host_ids: tuple[str, ...]
    skipped: int
    source: str


def read_measurements(path: str | Path) -> Measurements:
    """Read samples of utilisation and power.

    Parameters
    ----------
    path
        CSV file with the columns ``time_utc`` (ISO 8601, or seconds since 1970), ``host_id``,
        ``utilization_fraction`` or ``utilization_percent``, ``power_w``, and ``vms`` if known (how many
        VMs were on the host). Further columns are ignored. A row without utilisation or power is
        skipped and counted.

    Raises
    ------
    TraceError
        When a column or a cell is wrong; names file, line, column and value.
    """
    file = str(path)
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot be read as UTF-8 text ({error})"
        raise TraceError(msg, file=file) from error
    reader = csv.DictReader(text.splitlines())
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    column = _utilization_column(header, file)
    hosts: dict[str, int] = {}
    rows, skipped = [], 0
    for row in reader:
        line = reader.line_num
        if not (row[column] or "").strip() or not (row["power_w"] or "").strip():
            skipped += 1
            continue
        share = UTILIZATION[column] * _number(row, column, file, line)
        if share > TOLERATED:
            hint = "; a column of percent is called utilization_percent" * (UTILIZATION[column] == 1)
            msg = f"needs at most 100 %, got {row[column]}{hint}"
            raise TraceError(msg, file=file, line=line, column=column)
        host = hosts.setdefault((row["host_id"] or "").strip(), len(hosts))
        vms = int(_number(row, "vms", file, line)) if (row.get("vms") or "").strip() else -1
        power_w = _number(row, "power_w", file, line)
        rows.append((_time_s(row["time_utc"], file, line), host, min(share, 1.0), power_w, vms))
    if not rows:
        msg = "holds no samples"
        raise TraceError(msg, file=file)
    table = np.array(sorted(rows, key=lambda row: row[:2]), dtype=np.float64)
    return Measurements(
        time_s=table[:, 0],
        host=table[:, 1].astype(np.int64),
        utilization=table[:, 2],
        power_w=table[:, 3],
        vms=table[:, 4].astype(np.int64),
        host_ids=tuple(hosts),
        skipped=skipped,
        source=Path(path).name,
    )


def _utilization_column(header: list[str], file: str) -> str:
    found = [name for name in header if name in UTILIZATION]
    lacking = [name for name in ("time_utc", "host_id", "power_w") if name not in header]
    if len(found) != 1 or lacking:
        msg = (
            f"needs time_utc, host_id, power_w and one of {', '.join(UTILIZATION)}; "
            f"got {', '.join(header) or 'nothing'}"
        )
        raise TraceError(msg, file=file, line=1)
    return found[0]


def _number(row: dict[str, str], column: str, file: str, line: int) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        msg = f"needs a finite number of 0 or more, got {row[column]!r}"
        raise TraceError(msg, file=file, line=line, column=column)
    return value


def _time_s(text: str | None, file: str, line: int) -> float:
    given = (text or "").strip()
    try:
        return float(given)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        msg = f"needs an ISO 8601 instant or seconds since 1970, got {text!r}"
        raise TraceError(msg, file=file, line=line, column="time_utc") from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
