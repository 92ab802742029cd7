"""``consolidate list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from consolidate.registry import Registry

__all__ = ["command"]

_KINDS = (
    "policies",
    "controllers",
    "predictors",
    "formats",
    "instance-formats",
    "fleets",
    "rules",
    "servers",
    "embodied",
    "zones",
    "sizings",
    "detectors",
    "selectors",
    "power-models",
    "exports",
)


@click.command("list")
@click.argument("kind", type=click.Choice(_KINDS))
@click.option(
    "--from",
    "table",
    metavar="FILE",
    help="Servers of a table of your own, or their embodied carbon: lines for a fleet file.",
)
def command(kind: str, table: str | None) -> None:
    """List everything of one KIND that is known here, one name a line, with its summary."""
    if table is not None or kind == "embodied":
        _from_table(kind, table)
        return
    for name, about in _entries(kind):
        click.echo(f"{name:32} {about}".rstrip())


def _from_table(kind: str, table: str | None) -> None:
    """Print the servers of a table, each as the line that a fleet file takes."""
    from consolidate.errors import ConfigError

    if table is None:
        msg = (
            "needs a table of product footprints, such as that of Boavizta; none is part of this package"
        )
        raise ConfigError(msg, path="--from")
    if kind not in ("servers", "embodied"):
        msg = f"is a table of servers; there are none of {kind}"
        raise ConfigError(msg, path="--from")
    (_print_servers if kind == "servers" else _print_embodied)(table)


def _print_embodied(table: str) -> None:
    from consolidate.cli.terminal import say
    from consolidate.inventory import read_embodied

    found = read_embodied(table)
    for server in found.servers:
        reported = f", {server.reported}" if server.reported else ""
        say(f"embodied_kg = {server.embodied_kg:.0f}  # {server.name}{reported}")
    if found.left_out:
        click.echo(f"{found.left_out} servers without a manufacturing part were left out", err=True)


def _print_servers(table: str) -> None:
    from consolidate.cli.terminal import say
    from consolidate.inventory import read_server_curves

    found = read_server_curves(table)
    for curve in found.curves:
        points = ", ".join(f"{watts:g}" for watts in curve.points_w)
        line = "; only the ends were measured" if curve.is_line else ""
        say(f"power = {{ points_w = [{points}] }}  # {curve.name}, {curve.cpu}{line}")
    if found.left_out:
        click.echo(f"{found.left_out} results without watts (not compliant) were left out", err=True)


def _entries(kind: str) -> list[tuple[str, str]]:
    if kind == "fleets":
        from consolidate.inventory import fleet_names, read_fleet

        fleets = [(name, read_fleet(name)) for name in fleet_names()]
        return [(name, f"{fleet.n_hosts} hosts of {len(fleet.types)} types") for name, fleet in fleets]
    if kind == "servers":
        from consolidate.model import spec_servers

        return [
            (
                s.name,
                f"{s.year} {s.system}, {s.cpu}, {s.cores} cores, {s.points_w[0]:g}-{s.points_w[-1]:g} W",
            )
            for s in spec_servers().values()
        ]
    if kind == "zones":
        from consolidate.carbon import zone_names

        return [(name, "") for name in zone_names()]
    if kind == "exports":
        from consolidate.exports import EXPORTERS, RUN_EXPORTERS

        both = {name: EXPORTERS.get(name) for name in EXPORTERS}
        both |= {name: RUN_EXPORTERS.get(name) for name in RUN_EXPORTERS}  # type: ignore[misc]
        return [(name, _summary(exporter)) for name, exporter in sorted(both.items())]
    registry = _registry(kind)
    return [(name, _summary(registry.get(name))) for name in registry]


def _registry(kind: str) -> Registry[Any]:
    if kind == "policies":
        from consolidate.solvers import POLICIES

        return POLICIES
    if kind == "controllers":
        from consolidate.control import CONTROLLERS

        return CONTROLLERS
    if kind == "predictors":
        from consolidate.forecasting import PREDICTORS

        return PREDICTORS
    if kind == "formats":
        from consolidate.traces import READERS

        return READERS
    if kind == "instance-formats":
        from consolidate.inventory import INSTANCE_SOURCES

        return INSTANCE_SOURCES
    if kind == "rules":
        from consolidate.model import RULES

        return RULES
    if kind in ("detectors", "selectors"):
        from consolidate import cloudsim

        return cloudsim.DETECTORS if kind == "detectors" else cloudsim.SELECTORS
    if kind == "sizings":
        from consolidate.forecasting import SIZINGS

        return SIZINGS
    from consolidate.model.power import POWER_MODELS

    return POWER_MODELS


def _summary(component: type) -> str:
    lines = (component.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""
