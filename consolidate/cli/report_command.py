"""``consolidate report``."""

from __future__ import annotations

from typing import Literal

import click

__all__ = ["command"]


@click.command("report")
@click.argument("run")
@click.option(
    "--format",
    "formats",
    default="html,csv,json",
    show_default=True,
    metavar="NAME,...",
    help="Some of html, pdf, csv, json, parquet.",
)
@click.option("--out", metavar="FOLDER", help="Where to write; default the run folder itself.")
@click.option("--marginal", metavar="FILE", help="Marginal intensities: a line of its own.")
@click.option("--market", metavar="FILE", help="Factors of your contracts (CSV): the market-based line.")
@click.option("--tariff", metavar="FILE", help="Prices of energy (CSV).")
@click.option("--wue", type=float, metavar="L/KWH", help="Water usage effectiveness of the site.")
@click.option(
    "--embodied", type=float, metavar="KG", help="Embodied carbon of hosts whose type does not state it."
)
@click.option(
    "--lifetime",
    type=float,
    default=4.0,
    show_default=True,
    metavar="YEARS",
    help="Service life of hosts.",
)
@click.option("--annual", is_flag=True, help="Also a year's figures, with their caveats.")
@click.option(
    "--annual-carbon",
    metavar="FILE",
    help="Intensities over a year or more: the band of a year's emissions; implies --annual.",
)
@click.option("--per-vm", is_flag=True, help="Also the energy of each VM: energy_per_vm.csv.")
@click.option(
    "--idle",
    type=click.Choice(["allocation", "equal"]),
    default="allocation",
    show_default=True,
    help="How --per-vm shares idle energy out: by memory promised, or equally.",
)
@click.option(
    "--pseudonymize",
    is_flag=True,
    help="Replace the names of VMs and hosts by stable tokens; needs --out.",
)
@click.option(
    "--key", metavar="FILE", help="Secret behind the tokens; default one that is kept in the run folder."
)
@click.option("--open", "open_page", is_flag=True, help="Open the report in the browser.")
def command(
    run: str,
    formats: str,
    out: str | None,
    marginal: str | None,
    market: str | None,
    tariff: str | None,
    wue: float | None,
    embodied: float | None,
    lifetime: float,
    annual: bool,
    annual_carbon: str | None,
    per_vm: bool,
    idle: Literal["allocation", "equal"],
    pseudonymize: bool,
    key: str | None,
    open_page: bool,
) -> None:
    """Write the report of the replayed run folder RUN, and the record of its account."""
    from pathlib import Path

    from consolidate.cli.output import show_page
    from consolidate.reporting import read_account, report_run
    from consolidate.reporting.pseudonyms import Pseudonyms, pseudonym_key, pseudonymized
    from consolidate.study import load_run

    _check_place(run, out, pseudonymize=pseudonymize, key=key)
    names = [name for name in formats.split(",") if name]
    loaded = load_run(run)
    account = read_account(
        loaded,
        marginal=marginal,
        market=market,
        tariff=tariff,
        wue_l_per_kwh=wue,
        embodied_kg=embodied,
        lifetime_years=lifetime,
        annual=annual_carbon or annual,
    )
    report = report_run(loaded, account=account)
    if pseudonymize:
        report = pseudonymized(report, Pseudonyms(key=pseudonym_key(Path(run), key)))
    paths = report.write(out or run, formats=names)
    if per_vm:
        from consolidate.reporting.files import write_files
        from consolidate.reporting.per_vm import PER_VM_FILE, per_vm_csv, run_energy_per_vm

        table = per_vm_csv(report, run_energy_per_vm(loaded, idle=idle))
        paths = (*paths, *write_files(Path(out or run), {PER_VM_FILE: table}))
    for path in paths:
        click.echo(path)
    if account.annual is not None:
        from consolidate.reporting.annual import CAVEATS

        for caveat in CAVEATS:
            click.echo(caveat)
    if open_page:
        show_page(next((path for path in paths if path.name in ("report.html", "report.pdf")), paths[0]))


def _check_place(run: str, out: str | None, *, pseudonymize: bool, key: str | None) -> None:
    """Refuse a report without names in a folder full of them, and a key for nothing.

    Raises
    ------
    ConfigError
        When it is so.
    """
    from pathlib import Path

    from consolidate.errors import ConfigError

    if pseudonymize and (out is None or Path(out).resolve() == Path(run).resolve()):
        msg = "needs --out with another folder: the run folder itself holds the names"
        raise ConfigError(msg, path="--pseudonymize")
    if key is not None and not pseudonymize:
        msg = "is the secret of --pseudonymize, which was not given"
        raise ConfigError(msg, path="--key")
