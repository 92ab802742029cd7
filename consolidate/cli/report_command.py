"""``consolidate report``."""

from __future__ import annotations

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
    open_page: bool,
) -> None:
    """Write the report of the replayed run folder RUN, and the record of its account."""
    from consolidate.cli.output import show_page
    from consolidate.reporting import read_account, report_run
    from consolidate.study import load_run

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
    )
    paths = report_run(loaded, account=account).write(out or run, formats=names)
    for path in paths:
        click.echo(path)
    if open_page:
        show_page(next((path for path in paths if path.name in ("report.html", "report.pdf")), paths[0]))
