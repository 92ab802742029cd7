"""``consolidate calibrate``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("calibrate")
@click.argument("file")
@click.option("--host-type", required=True, metavar="NAME", help="Name of the host type to write.")
@click.option(
    "--meter",
    required=True,
    type=click.Choice(["wall", "bmc", "pdu", "rapl"]),
    help="What measured the watts.",
)
@click.option(
    "--added-w",
    default=0.0,
    show_default=True,
    metavar="W",
    help="Draw that the meter does not see, added to every point.",
)
@click.option(
    "--prior", metavar="SERVER", help="SPECpower server whose shape fills what was not measured."
)
@click.option("--toml", is_flag=True, help="Print the host type for a fleet file only.")
def command(
    file: str, host_type: str, meter: str, added_w: float, prior: str | None, toml: bool
) -> None:
    """Fit a power curve to FILE, a CSV of utilisation and watts, and print it for a fleet file."""
    from typing import cast

    from consolidate.inventory.calibration import Meter, calibrate_power
    from consolidate.inventory.calibration_text import calibration_summary, calibration_toml
    from consolidate.inventory.measurements import read_measurements
    from consolidate.model.power import SpecPower

    found = calibrate_power(
        read_measurements(file),
        host_type=host_type,
        meter=cast("Meter", meter),
        prior=None if prior is None else SpecPower(server=prior),
        added_w=added_w,
    )
    if not toml:
        click.echo(calibration_summary(found))
        click.echo()
    click.echo(calibration_toml(found), nl=False)
