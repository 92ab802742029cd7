"""``[moves]`` of a fleet file: how VMs change their host, within a site and between sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from consolidate.errors import Issue
from consolidate.inventory.toml_tables import decode, load_toml, refuse
from consolidate.migration import MoveSettings

if TYPE_CHECKING:
    from consolidate.inventory.fleet_schema import MovesTable

__all__ = ["moves_issues", "read_moves"]

_AT_LEAST_ONE = ("moves_in", "moves_out")
_NOT_NEGATIVE = (
    "moves_per_host",
    "moves_at_once",
    "uplink_mbit_per_s",
    "round_trip_ms",
    "downtime_j_per_s",
)
_POSITIVE = ("downtime_limit_s", "storage_mib_per_s")


def read_moves(source: str | Path) -> MoveSettings:
    """Read the settings of moves from a fleet file; what it does not state has its default.

    Parameters
    ----------
    source
        Path of the TOML file, or the name of a built-in fleet, which states nothing.

    Raises
    ------
    ConfigError
        When a value is out of range; all problems at once, each with its dotted path.
    """
    from consolidate.inventory.fleet_schema import FleetTable

    path = Path(source)
    if not path.is_file():
        return MoveSettings()
    problems: list[Issue] = []
    table = decode(load_toml(path), FleetTable, path="", problems=problems)
    refuse(problems, source=path.name)
    if table is None or table.moves is None:
        return MoveSettings()
    refuse(moves_issues(table.moves), source=path.name)
    return MoveSettings(**_given(table.moves))


def moves_issues(table: MovesTable) -> list[Issue]:
    """Return values that no move can have."""
    given = _given(table)
    found = [
        Issue(path=f"moves.{key}", message=f"needs {least} or more, got {given[key]}")
        for keys, least in ((_AT_LEAST_ONE, 1), (_NOT_NEGATIVE, 0))
        for key in keys
        if key in given and not given[key] >= least
    ]
    found += [
        Issue(path=f"moves.{key}", message=f"needs more than 0, got {given[key]}")
        for key in _POSITIVE
        if key in given and not given[key] > 0
    ]
    share = given.get("bandwidth_fraction", 1.0)
    if not 0 < share <= 1:
        msg = f"needs more than 0 and at most 1, got {share}"
        found.append(Issue(path="moves.bandwidth_fraction", message=msg))
    return found


def _given(table: MovesTable) -> dict[str, Any]:
    values = {name: getattr(table, name) for name in table.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None}
