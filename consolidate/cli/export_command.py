"""``consolidate export``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from consolidate.errors import UnknownNameError
    from consolidate.model import Instance

__all__ = ["command"]


@click.command("export")
@click.argument("run")
@click.option("--to", required=True, metavar="FORMAT", help="See `consolidate list exports`.")
@click.option("--out", required=True, metavar="FILE", help="File to write.")
@click.option("--arm", metavar="ARM", help="For formats of one arm: baseline or consolidated (default).")
@click.option("--market", metavar="FILE", help="Factors of your contracts (CSV), for market-based rows.")
@click.option(
    "--pseudonymize", is_flag=True, help="Replace the names of VMs and hosts by stable tokens."
)
@click.option(
    "--key", metavar="FILE", help="Secret behind the tokens; default one that is kept in the run folder."
)
def command(
    run: str,
    to: str,
    out: str,
    arm: str | None,
    market: str | None,
    pseudonymize: bool,
    key: str | None,
) -> None:
    """Write the run folder RUN, or its plan, in the format of another system."""
    from pathlib import Path

    from consolidate.errors import ConfigError
    from consolidate.exports import EXPORTERS, RUN_EXPORTERS, export_plan
    from consolidate.study import load

    folder = Path(run)
    if key is not None and not pseudonymize:
        msg = "is the secret of --pseudonymize, which was not given"
        raise ConfigError(msg, path="--key")
    if to not in EXPORTERS and to not in RUN_EXPORTERS:
        raise _unknown(to, [*EXPORTERS, *RUN_EXPORTERS])
    if to in RUN_EXPORTERS:
        _export_run(folder, to, out, arm=arm, market=market, pseudonymize=pseudonymize, key=key)
        return
    for option, given in (("--arm", arm), ("--market", market)):
        if given is not None:
            msg = f"is no option of the format {to}"
            raise ConfigError(msg, path=option)
    instance = load.load_instance(folder)
    plan = load.load_plan(folder)
    if pseudonymize:
        instance = _tokens(folder, instance, key)
    click.echo(export_plan(plan, instance, out, to=to))


def _unknown(to: str, known: list[str]) -> UnknownNameError:
    import difflib

    from consolidate.errors import UnknownNameError

    near = difflib.get_close_matches(to, known, n=1)
    return UnknownNameError("export format", to, known=sorted(known), nearest=near[0] if near else None)


def _tokens(folder: Path, instance: Instance, key: str | None) -> Instance:
    from consolidate.reporting.pseudonyms import Pseudonyms, pseudonym_key, pseudonymized_instance

    return pseudonymized_instance(instance, Pseudonyms(key=pseudonym_key(folder, key)))


def _export_run(
    folder: Path,
    to: str,
    out: str,
    *,
    arm: str | None,
    market: str | None,
    pseudonymize: bool,
    key: str | None,
) -> None:
    from consolidate.errors import ConfigError
    from consolidate.exports import RUN_EXPORTERS, export_run
    from consolidate.study import load_run
    from consolidate.study.export_facts import export_facts

    kind: Any = RUN_EXPORTERS.get(to)
    if arm is not None and "arm" not in kind.__dataclass_fields__:
        msg = f"is no option of the format {to}, which holds both arms"
        raise ConfigError(msg, path="--arm")
    facts = export_facts(load_run(folder), market=market)
    if pseudonymize:
        instance = _tokens(folder, facts.instance, key)
        facts = dataclasses.replace(
            facts,
            instance=instance,
            arms={
                label: dataclasses.replace(replay, host_ids=instance.fleet.host_ids)
                for label, replay in facts.arms.items()
            },
        )
    click.echo(export_run(facts, out, to=kind(arm=arm) if arm is not None else kind()))
