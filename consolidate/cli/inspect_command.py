"""``consolidate inspect``."""

from __future__ import annotations

import json

import click

from consolidate.cli.terminal import say

__all__ = ["command"]


@click.command("inspect")
@click.argument("trace")
@click.option("--format", "name", help="Trace format; found from the file by default.")
@click.option("--reader", multiple=True, metavar="KEY=VALUE", help="Option of the trace reader.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(trace: str, name: str | None, reader: tuple[str, ...], as_json: bool) -> None:
    """Say what TRACE is, what is wrong with it, and what it would take to use it."""
    from consolidate.cli.options import reader_options
    from consolidate.traces import inspect_trace

    found = inspect_trace(trace, name, **reader_options(reader))
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        say(found.to_text())
