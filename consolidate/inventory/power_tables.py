"""Power curves of servers from published tables: SPECpower results, CloudSim's host models."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

from consolidate.errors import TraceError
from consolidate.model import PiecewisePower

__all__ = ["ServerCurve", "ServerTable", "read_server_curves", "table_text"]

_LOADS = tuple(range(10, 101, 10))
_SPEC_FULL = ("ActiveIdle", *(f"{load}_AvgPower" for load in _LOADS))
_SPEC_PLAIN = ("w_idle", *(f"w_{load}" for load in _LOADS))
#: Columns of tables that hold something else, and what that is.
_OTHER = (
    (
        "rapl_power",
        "watts of the processor only, sample by sample: give them to `consolidate calibrate`",
    ),
    ("TDP", "thermal design powers of processors, which nobody measured on a server"),
    ("Min Watts", "watts for each virtual CPU of cloud instances, not of a server"),
    (
        "gwp_manufacturing_ratio",
        "footprints of products, not power: `consolidate list embodied --from` reads them",
    ),
    ("total_mean", "manufacturing emissions of cloud instances, not power"),
    ("additional_memory", "manufacturing emissions of cloud instances, not power"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCurve:
    """One server of a table.

    Parameters
    ----------
    name
        Vendor and model as the table writes them.
    cpu
        Its processor; empty where the table does not say.
    points_w : W
        At 0, 10, ..., 100 % load.
    is_line
        Whether only the ends were there, so that the points between them are on a line: that claims less
        than most measured curves.
    """

    name: str
    cpu: str
    points_w: tuple[float, ...]
    is_line: bool = False

    def power(self) -> PiecewisePower:
        """Return the curve as a power model."""
        return PiecewisePower(points_w=self.points_w)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTable:
    """The servers of a table.

    Parameters
    ----------
    curves
        Their curves, in the order of the table.
    left_out
        Results that the benchmark's owner marks as not compliant (NC), and that so have no watts.
    """

    curves: tuple[ServerCurve, ...]
    left_out: int = 0


def read_server_curves(path: str | Path) -> ServerTable:
    """Read the power curves of a table.

    Known are SPECpower_ssj2008 results with all eleven points (``|`` between columns, or ``w_idle``,
    ``w_10`` to ``w_100``), lists with idle and full power only, and files whose first line is eleven
    watts.

    Parameters
    ----------
    path
        The file, plain or gzip.

    Raises
    ------
    TraceError
        When the file holds something else, or a number is wrong; names file, line, column and value.
    """
    path = Path(path)
    text = table_text(path)
    first = text.partition("\n")[0].strip()
    if re.fullmatch(r"[\d.]+( +[\d.]+){10}", first):
        points = tuple(float(word) for word in first.split())
        return ServerTable(curves=(_checked(path.stem, "", points, file=str(path), line=1),))
    separator = "|" if first.count("|") > first.count(",") else ","
    reader = csv.DictReader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quoting=csv.QUOTE_NONE if separator == "|" else csv.QUOTE_MINIMAL,
    )
    header = [str(name).strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    curves, left_out = [], 0
    for row in reader:
        if "NC" in row.values():
            left_out += 1
        else:
            curves.append(_row(row, header, file=str(path), line=reader.line_num))
    return ServerTable(curves=tuple(curves), left_out=left_out)


def table_text(path: Path) -> str:
    """Return the text of a table, plain or gzip."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except (OSError, EOFError) as error:
        msg = f"cannot be read ({error})"
        raise TraceError(msg, file=str(path)) from error
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 text (byte {error.start})"
        raise TraceError(msg, file=str(path)) from error


def _row(row: dict[str, str], header: list[str], *, file: str, line: int) -> ServerCurve:
    def watts(column: str) -> float:
        try:
            value = float(row[column])
        except (TypeError, ValueError):
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            msg = f"needs watts of 0 or more, got {row[column]!r}"
            raise TraceError(msg, file=file, line=line, column=column)
        return value

    def first_of(*columns: str) -> str:
        return " ".join(next((row[c] for c in columns if row.get(c)), "").split())

    for columns in (_SPEC_FULL, _SPEC_PLAIN):
        if set(columns) <= set(header):
            vendor, model = first_of("HW_Vendor", "vendor"), first_of("HW_Model", "model")
            name = model if model.startswith(vendor) else f"{vendor} {model}"
            cpu = first_of("HW_CPUName", "cpu")
            return _checked(name, cpu, tuple(watts(c) for c in columns), file=file, line=line)
    idle = next((c for c in header if "idle" in c.lower() and "watts" in c.lower()), None)
    full = next((c for c in header if "100%" in c and "watts" in c.lower()), None)
    if idle is not None and full is not None:
        low, high = watts(idle), watts(full)
        points = tuple(low + (high - low) * k / 10 for k in range(11))
        name = first_of("System") or first_of(header[0])
        return _checked(name, first_of("CPU Description"), points, file=file, line=line, is_line=True)
    other = next((words for column, words in _OTHER if column in header), None)
    msg = other or (
        "needs ActiveIdle and 10_AvgPower to 100_AvgPower, or w_idle and w_10 to w_100, or eleven watts in "
        f"its first line; got {', '.join(header)[:200] or 'nothing'}"
    )
    raise TraceError(f"holds {msg}" if other else msg, file=file, line=1)


def _checked(
    name: str, cpu: str, points: tuple[float, ...], *, file: str, line: int, is_line: bool = False
) -> ServerCurve:
    if not points[0] <= points[-1]:
        msg = f"idle ({points[0]} W) exceeds full load ({points[-1]} W)"
        raise TraceError(msg, file=file, line=line)
    return ServerCurve(name=name, cpu=cpu, points_w=points, is_line=is_line)
