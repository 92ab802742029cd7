"""``failures.csv``: which host fails when, and for how long."""

from __future__ import annotations

import csv
from pathlib import Path

from consolidate.errors import InputError
from consolidate.model import Failures, Fleet, HostFailure

__all__ = ["read_failures"]

_COLUMNS = ["host_id", "start_s", "duration_s"]


def read_failures(
    path: str | Path, fleet: Fleet, *, restart_s: int = 60, checkpoint_s: int = 86_400
) -> Failures:
    """Read failures of hosts.

    Parameters
    ----------
    path
        CSV file with the columns ``host_id``, ``start_s`` (from the start of the replay) and
        ``duration_s``.
    fleet
        The hosts.
    restart_s, checkpoint_s : s
        As in :class:`~consolidate.model.Failures`.

    Raises
    ------
    InputError
        When the file is not there, or names the line and what is wrong with it.
    InstanceError
        When a host fails before it is repaired.
    """
    index = {name: h for h, name in enumerate(fleet.host_ids)}
    try:
        with Path(path).open(encoding="utf-8", newline="") as handle:
            rows = list(csv.reader(handle))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise InputError(msg) from error
    if not rows or rows[0] != _COLUMNS:
        msg = (
            f"{path}: line 1: needs {','.join(_COLUMNS)}, got {','.join(rows[0]) if rows else 'nothing'}"
        )
        raise InputError(msg)
    events = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        where = f"{path}: line {line}"
        if len(row) != len(_COLUMNS):
            msg = f"{where}: needs {len(_COLUMNS)} values, got {len(row)}"
            raise InputError(msg)
        host = index.get(row[0])
        if host is None:
            msg = f"{where}: host_id: {row[0]!r} is no host of the fleet"
            raise InputError(msg)
        events.append(
            HostFailure(
                host=host,
                start_s=_seconds(row[1], 0, f"{where}: start_s"),
                duration_s=_seconds(row[2], 1, f"{where}: duration_s"),
            )
        )
    return Failures(
        events=tuple(events), restart_s=restart_s, checkpoint_s=checkpoint_s, source=Path(path).name
    )


def _seconds(text: str, least: int, where: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < least:
        msg = f"{where}: needs whole seconds, {least} or more, got {text!r}"
        raise InputError(msg)
    return value
