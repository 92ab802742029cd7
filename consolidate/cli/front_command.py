"""``consolidate front``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("front")
@click.argument("run")
@click.option("--policy", default="keep", show_default=True, help="See `consolidate list policies`.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@click.option(
    "--prices", metavar="J,...", help="Prices of a move to try, in joules. Default: 0 to 4 MJ in steps."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV.")
@click.option("--plot", metavar="FILE", help="Draw the front (SVG).")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    run: str,
    policy: str,
    seed: int,
    prices: str | None,
    as_csv: bool,
    plot: str | None,
    quiet: bool,
) -> None:
    """Trade energy against moves for the solved run folder RUN.

    Prints the placements of which none is worse than another in both. The run folder stays as it is; to
    take one of them up, solve with its --move-price.
    """
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.model import in_joules
    from consolidate.study import load
    from consolidate.study.front import DEFAULT_PRICES_J, front_frame, pareto_front

    # The front is one of joules, whatever the run has minimised.
    instance = in_joules(load.load_instance(Path(run)))
    chosen = DEFAULT_PRICES_J if prices is None else _numbers(prices)
    with show_progress(quiet=quiet) as progress:
        front = pareto_front(instance, policy, seed=seed, progress=progress, prices_j=chosen)
    table = front_frame(front)
    if plot is not None:
        from matplotlib import pyplot as plt

        from consolidate.plotting import energy_vs_moves, figure_svg, style

        with style():
            figure, ax = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
        energy_vs_moves(table, ax)
        Path(plot).write_text(figure_svg(figure), encoding="utf-8")
    if as_csv:
        click.echo(table.to_csv(index=False), nl=False)
    else:
        click.echo(table.to_string(index=False, float_format=lambda x: f"{x:.2f}"))


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        msg = f"--prices: needs numbers with commas between them, got {text!r}"
        raise click.UsageError(msg) from None
