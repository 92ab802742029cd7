"""Read a fleet from a TOML file, or one of the built-in fleets by name."""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consolidate.errors import ConfigError, InstanceError, Issue, UnknownNameError
from consolidate.inventory import assumptions as assumed
from consolidate.inventory.assumptions import Assumptions
from consolidate.inventory.host_type import build_host_type
from consolidate.inventory.moves_table import moves_issues
from consolidate.inventory.toml_tables import decode, load_toml, refuse, report_unknown
from consolidate.model import Fleet, HostType, PowerControl, Site

if TYPE_CHECKING:
    from consolidate.inventory.fleet_schema import FleetTable, HostsTable

__all__ = ["fleet_names", "read_fleet"]

MAX_HOSTS = 10_000_000
PLACEHOLDER = re.compile(r"\{(index)?(:0?\d{1,2}d)?\}")


def fleet_names() -> tuple[str, ...]:
    """Return the names of the built-in fleets, sorted."""
    folder = resources.files("consolidate.inventory").joinpath("builtin")
    return tuple(
        sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))
    )


def read_fleet(source: str | Path) -> Fleet:
    """Read a fleet.

    The keys of the file are described in ``docs/reference/fleet-file.md``. Every value that is absent is
    taken from a documented default and listed in ``Fleet.defaults``.

    Parameters
    ----------
    source
        Name of a built-in fleet (see :func:`fleet_names`) or path of a TOML file; a text that is a
        built-in name means that fleet.

    Raises
    ------
    ConfigError
        When the file is absent, is not TOML, or has unknown keys, wrong types or implausible values; all
        problems at once, each with its dotted path.
    UnknownNameError
        When the text is neither a built-in name nor looks like a path.
    """
    if isinstance(source, str) and source in fleet_names():
        folder = resources.files("consolidate.inventory").joinpath("builtin")
        with resources.as_file(folder / f"{source}.toml") as path:
            return _fleet(load_toml(path), source=f"built-in fleet {source}")
    path = Path(source)
    if not path.is_file():
        if path.suffix == "" and path.parent == Path():
            kind, known = "fleet", fleet_names()
            near = difflib.get_close_matches(str(source), known, n=1)
            raise UnknownNameError(kind, str(source), known=known, nearest=near[0] if near else None)
        msg = f"no such file; give a TOML file or a built-in fleet ({', '.join(fleet_names())})"
        raise ConfigError(msg, path=str(source))
    return _fleet(load_toml(path), source=path.name)


def _fleet(document: dict[str, Any], *, source: str) -> Fleet:
    from consolidate.inventory.fleet_schema import FleetTable

    problems: list[Issue] = []
    notes = Assumptions()
    table = decode(document, FleetTable, path="", problems=problems)
    if table is None:
        refuse(problems, source=source)
        raise AssertionError  # refuse() raises whenever decode() returned nothing
    types = _host_types(table, notes, problems=problems)
    sites = _sites(table, notes, problems=problems)
    groups = _host_groups(table, types, sites, problems=problems)
    if table.moves is not None:
        problems += moves_issues(table.moves)
    refuse(problems, source=source)
    for g, group in enumerate(groups):
        _note_host_defaults(group, notes, path=f"hosts[{g}]", site=next(iter(sites)))
    rows = [(g, k) for g, group in enumerate(groups) for k in range(_n_hosts(group))]
    if table.order == "interleaved":
        rows.sort(key=lambda row: (row[1], row[0]))
    ids = tuple(_host_id(groups[g], k, index=i) for i, (g, k) in enumerate(rows))
    group_of = np.array([g for g, _ in rows], dtype=np.int32)
    type_index = {name: i for i, name in enumerate(types)}
    site_index = {name: i for i, name in enumerate(sites)}
    try:
        return Fleet(
            host_ids=ids,
            host_type=np.array([type_index[g.type] for g in groups])[group_of],
            types=tuple(t for t in types.values() if t is not None),
            sites=tuple(s for s in sites.values() if s is not None),
            host_site=np.array([site_index[g.site] if g.site else 0 for g in groups])[group_of],
            power_control=np.array(
                [PowerControl[(g.power_control or "managed").upper()] for g in groups]
            )[group_of],
            maintenance=np.array([bool(g.maintenance) for g in groups])[group_of],
            powered_on=np.array([g.powered_on is not False for g in groups])[group_of],
            defaults=tuple(notes.entries),
            source=source,
        )
    except InstanceError as error:
        refuse(error.issues, source=source)
        raise


def _host_types(
    table: FleetTable, notes: Assumptions, *, problems: list[Issue]
) -> dict[str, HostType | None]:
    """Return the types by name; a type with a problem is ``None``, so that its hosts are still known."""
    from consolidate.inventory.fleet_schema import HostTypeTable

    types: dict[str, HostType | None] = {}
    for i, raw in enumerate(table.host_type):
        name = _name_of(raw)
        path = f"host_types[{name or i}]"
        if name in types:
            problems.append(Issue(path=path, message="the name is used twice"))
        entry = decode(raw, HostTypeTable, path=path, problems=problems)
        types[name or f"?{i}"] = (
            None if entry is None else build_host_type(entry, notes, problems=problems)
        )
    if not types:
        problems.append(Issue(path="host_type", message="needs at least one"))
    return types


def _sites(table: FleetTable, notes: Assumptions, *, problems: list[Issue]) -> dict[str, Site | None]:
    from consolidate.inventory.fleet_schema import SiteTable

    # A fleet without sites is one site of unknown zone, so that its PUE and zone show as assumed.
    tables = table.site or [{"name": "site"}]
    sites: dict[str, Site | None] = {}
    for i, raw in enumerate(tables):
        name = _name_of(raw)
        path = f"sites[{name or i}]"
        if name in sites:
            problems.append(Issue(path=path, message="the name is used twice"))
        entry = decode(raw, SiteTable, path=path, problems=problems)
        sites[name or f"?{i}"] = None
        if entry is None:
            continue
        zone = notes.take(
            f"{path}.zone",
            entry.zone,
            "",
            source="no grid zone is known, so a carbon intensity has to be given",
        )
        pue = notes.take(
            f"{path}.pue", entry.pue, assumed.PUE, source="energy is counted at the IT equipment"
        )
        try:
            sites[entry.name] = Site(
                name=entry.name,
                zone=zone,
                pue=pue,
                tags=tuple(entry.tags),
                latency_ms=tuple(sorted(entry.latency_ms.items())),
            )
        except InstanceError as error:
            problems.extend(error.issues)
    return sites


def _host_groups(
    table: FleetTable,
    types: dict[str, HostType | None],
    sites: dict[str, Site | None],
    *,
    problems: list[Issue],
) -> list[HostsTable]:
    from consolidate.inventory.fleet_schema import HostsTable

    groups = []
    for g, raw in enumerate(table.hosts):
        path = f"hosts[{g}]"
        group = decode(raw, HostsTable, path=path, problems=problems)
        if group is None:
            continue
        groups.append(group)
        if group.type not in types:
            report_unknown("host type", group.type, [*types], path=f"{path}.type", problems=problems)
        if group.site is not None and group.site not in sites:
            report_unknown("site", group.site, [*sites], path=f"{path}.site", problems=problems)
        problems += [Issue(path=f"{path}.{key}", message=m) for key, m in _naming_problems(group)]
    if not table.hosts:
        problems.append(Issue(path="hosts", message="needs at least one"))
    return groups


def _naming_problems(group: HostsTable) -> list[tuple[str, str]]:
    found = []
    if (group.count is None) == (group.ids is None):
        found.append(("count", "needs either count or ids, and not both"))
    if group.count is not None and not 1 <= group.count <= MAX_HOSTS:
        found.append(("count", f"needs 1 to {MAX_HOSTS}, got {group.count}"))
    if group.ids is not None and not (group.ids and all(group.ids)):
        found.append(("ids", "needs at least one name, and none that is empty"))
    if group.ids is not None and (group.name is not None or group.first != 0):
        found.append(("name", "ids are complete names: name and first go with count"))
    if group.first < 0:
        found.append(("first", f"needs 0 or more, got {group.first}"))
    if group.name is not None:
        rest, placeholders = PLACEHOLDER.subn("", group.name)
        if "{" in rest or "}" in rest:
            found.append(
                ("name", f"allows only {{}}, {{:03d}}, {{index}}, {{index:03d}}; got {group.name!r}")
            )
        elif placeholders == 0 and (group.count or 1) > 1:
            found.append(("name", f"needs a placeholder such as {{:03d}} for {group.count} hosts"))
    return found


def _note_host_defaults(group: HostsTable, notes: Assumptions, *, path: str, site: str) -> None:
    notes.take(f"{path}.site", group.site, site, source="the first site of the fleet")
    notes.take(
        f"{path}.power_control",
        group.power_control,
        "managed",
        source="hosts are taken to have a management controller that switches them off and on",
    )
    notes.take(
        f"{path}.maintenance", group.maintenance, False, source="hosts are taken to be in service"
    )
    notes.take(f"{path}.powered_on", group.powered_on, True, source="hosts are taken to be on")


def _n_hosts(group: HostsTable) -> int:
    return len(group.ids) if group.ids is not None else group.count or 0


def _host_id(group: HostsTable, k: int, *, index: int) -> str:
    if group.ids is not None:
        return group.ids[k]
    # The number in the fleet, not in the group, so that names stay unique without any pattern.
    return (group.name or "host-{index:04d}").format(group.first + k, index=index)


def _name_of(raw: object) -> str:
    name = raw.get("name") if isinstance(raw, dict) else None
    return name if isinstance(name, str) else ""
