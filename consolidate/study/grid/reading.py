"""From a study file to its cells: one for each combination of the axes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

from consolidate.control import CONTROLLERS
from consolidate.errors import ConfigError, Issue
from consolidate.inventory.toml_tables import decode, load_toml, refuse, report_unknown
from consolidate.registry import Registry
from consolidate.solvers.base import POLICIES
from consolidate.study.grid.cells import Cell, Kind, Study
from consolidate.study.grid.compatible import policy_of
from consolidate.study.grid.schema import CloudSimTable, ParametersTable, StudyTableFile, TraceTable

__all__ = ["read_study"]


def read_study(path: str | Path, *, data: str | Path | None = None) -> Study:
    """Read a study file and expand it.

    Parameters
    ----------
    path
        TOML file; see the reference of study files.
    data
        Folder that relative paths count from; default that of the file. Fleets may also lie beside the file.

    Raises
    ------
    ConfigError
        When anything is wrong with the file; all of it is listed, with dotted paths.
    """
    path = Path(path)
    folder = Path(data) if data is not None else path.parent
    problems: list[Issue] = []
    table = decode(load_toml(path), StudyTableFile, path="", problems=problems)
    if table is None:
        refuse(problems, source=path.name)
        raise AssertionError
    parameters = list(_parameters(table.parameters, problems))
    arms: list[tuple[Kind, str, tuple[tuple[str, Any], ...]]] = [("baseline", "do-nothing", ())]
    arms += [("policy", *c) for c in _components(table.policies, "policies", POLICIES, problems)]
    known = _components(table.controllers, "controllers", CONTROLLERS, problems)
    arms += [("controller", *c) for c in known]
    traces = list(_traces(table.trace, table.fleets, (folder, path.parent), problems))
    compatible = list(_cloudsim(table.cloudsim, problems))
    for k, (given, _) in enumerate(traces):
        if compatible and given["format"] not in (None, "planetlab"):
            msg = f"needs the format planetlab for [cloudsim], got {given['format']!r}"
            problems.append(Issue(path=f"trace[{k}].format", message=msg))
    if any(seed < 0 for seed in table.seeds) or not table.seeds:
        problems.append(Issue(path="seeds", message=f"needs whole numbers from 0 on, got {table.seeds}"))
    refuse(problems, source=path.name)
    cells: list[Cell] = []
    for given, fleets in traces:
        cells += [
            Cell(
                kind=kind,
                name=name,
                component=component,
                fleet=fleet,
                parameters=options,
                seed=seed,
                **given,
            )
            for fleet, options in product(fleets, parameters)
            for kind, name, component in arms
            for seed in ((0,) if kind == "baseline" else table.seeds)
        ]
        cells += [
            Cell(kind="cloudsim", name=name, component=component, seed=seed, **given)
            for name, component in compatible
            for seed in (table.seeds if "-rs-" in name else (0,))
        ]
    if len(set(cells)) != len(cells):
        msg = f"name a combination twice [{path.name}]"
        raise ConfigError(msg, path="policies, controllers or trace")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Study(name=table.name or path.stem, cells=tuple(cells), source=path.name, sha256=digest)


def _axis(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _expanded(table: dict[str, Any]) -> Iterator[tuple[tuple[str, Any], ...]]:
    """Yield one combination of the values of a table, each value or list of values."""
    names = list(table)
    for values in product(*(_axis(table[name]) for name in names)):
        yield tuple(zip(names, values, strict=True))


def _parameters(given: object, problems: list[Issue]) -> Iterator[tuple[tuple[str, Any], ...]]:
    if given is None:
        yield ()
        return
    if decode(given, ParametersTable, path="parameters", problems=problems) is None:
        return
    assert isinstance(given, dict)
    for key, value in given.items():
        if value == []:
            problems.append(Issue(path=f"parameters.{key}", message="needs at least one value"))
    yield from _expanded(given)


def _components(
    given: list[Any], path: str, registry: Registry[Any], problems: list[Issue]
) -> Iterator[tuple[str, tuple[tuple[str, Any], ...]]]:
    """Yield name and parameters of every combination of a list of names and tables."""
    for k, entry in enumerate(given):
        here = f"{path}[{k}]"
        table = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(table, dict) or not isinstance(table.get("name"), str):
            msg = "needs a name or a table with a name"
            problems.append(Issue(path=here, message=msg))
            continue
        name = table["name"]
        if name not in registry:
            report_unknown(registry.kind, name, registry.names(), path=here, problems=problems)
            continue
        known = [f.name for f in fields(registry.get(name))]
        more = {key: value for key, value in table.items() if key != "name"}
        for key in more:
            if key not in known:
                msg = f"unknown key; known: {', '.join(known) or 'none'}"
                problems.append(Issue(path=f"{here}.{key}", message=msg))
        for component in _expanded(more):
            try:
                registry.get(name)(**dict(component))
            except (TypeError, ConfigError) as error:
                if set(more) <= set(known):
                    problems.append(Issue(path=here, message=str(error)))
                continue
            yield name, component


def _traces(
    given: list[Any], fleets: list[str], folders: tuple[Path, Path], problems: list[Issue]
) -> Iterator[tuple[dict[str, Any], list[str | None]]]:
    folder = folders[0]
    names: set[str] = set()
    if not given:
        problems.append(Issue(path="trace", message="needs at least one [[trace]]"))
    for k, entry in enumerate(given):
        here = f"trace[{k}]"
        table = decode(entry, TraceTable, path=here, problems=problems)
        if table is None:
            continue
        place = folder / table.path
        if not place.exists():
            problems.append(Issue(path=f"{here}.path", message=f"{table.path!r} is not in {folder}"))
        name = table.name or Path(table.path).name.split(".")[0]
        if name in names:
            problems.append(Issue(path=f"{here}.name", message=f"{name!r} is there twice"))
        names.add(name)
        mine = table.fleets if table.fleets is not None else fleets
        found: list[str | None] = [_fleet(f, folders) for f in mine] or [None]
        given_here = {
            "trace": name,
            "path": str(place),
            "format": table.format,
            "repair": tuple(table.repair),
            "reader": tuple(sorted(table.reader.items())),
            "rules": _beside(table.rules, f"{here}.rules", folder, problems),
            "placement": _beside(table.placement, f"{here}.placement", folder, problems),
        }
        yield given_here, found


def _beside(name: str | None, path: str, folder: Path, problems: list[Issue]) -> str | None:
    if name is None:
        return None
    if not (folder / name).is_file():
        problems.append(Issue(path=path, message=f"{name!r} is not in {folder}"))
    return str(folder / name)


def _fleet(name: str, folders: tuple[Path, Path]) -> str:
    """Return the path of a fleet file among the data or beside the study, or the name of a built-in fleet."""
    return next((str(f / name) for f in folders if (f / name).is_file()), name)


def _cloudsim(given: object, problems: list[Issue]) -> Iterator[tuple[str, tuple[tuple[str, Any], ...]]]:
    if given is None:
        return
    table = decode(given, CloudSimTable, path="cloudsim", problems=problems)
    if table is None:
        return
    for k, name in enumerate(table.policies):
        for variant, keep in product(table.variants, _axis(table.keep_idle_vms)):
            component = (("variant", variant), ("keep_idle_vms", keep))
            try:
                policy_of(name, dict(component))
            except ConfigError as error:
                problems.append(Issue(path=f"cloudsim.policies[{k}]", message=str(error)))
                continue
            yield name, component
