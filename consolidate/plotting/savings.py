"""How a saving depends on what was assumed, and how it compares with that of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from consolidate.plotting.style import AFTER, BEFORE, INK, LOST, MUTED, SAVED, label
from consolidate.plotting.text import number, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from consolidate.carbon import Bar
    from consolidate.model.replay import Replay

__all__ = ["energy_of_arms", "savings_tornado"]


def savings_tornado(ax: Axes, bars: Sequence[Bar], *, unit: str) -> Axes:
    """Draw the saving at both ends of each assumption, the one that matters most on top.

    Parameters
    ----------
    ax
        Axes to draw on.
    bars
        At least one, as :func:`consolidate.carbon.tornado` orders them.
    unit
        Unit of the saving, in words.
    """
    base = bars[0].base
    ends = [end for bar in bars for end in (bar.at_low, bar.at_high)]
    reach = max(max(ends) - min(ends), 1e-12)
    for row, bar in enumerate(bars):
        for value, colour, word in (
            (bar.at_low, BEFORE, "low"),
            (bar.at_high, AFTER, "high"),
        ):
            ax.barh(row, value - base, left=base, height=0.6, color=colour)
            right = value >= base if bar.at_low != bar.at_high else word == "high"
            other = bar.at_high if word == "low" else bar.at_low
            if (value - base) * (other - base) > 0 and abs(value - base) < abs(other - base):
                continue
            label(
                ax,
                value + (0.012 if right else -0.012) * reach,
                row,
                number(value),
                va="center",
                ha="left" if right else "right",
                color=colour,
            )
    ax.axvline(base, color=INK, linewidth=0.9)
    ax.set_yticks(range(len(bars)), labels=[_ends(bar) for bar in bars])
    ax.tick_params(axis="y", labelcolor=INK)
    ax.invert_yaxis()
    ax.set_xlim(min(*ends, base) - 0.16 * reach, max(*ends, base) + 0.16 * reach)
    ax.grid(visible=False)
    ax.grid(visible=True, axis="x")
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"saved, {unit}; grey: low end of the range, blue: high end; line: as modelled")
    return ax


def _ends(bar: Bar) -> str:
    parameter = bar.parameter
    unit = " W" if parameter.name == "off_w" else ""
    name = {"off_w": "power when off", "power_curve": "power curve"}.get(
        parameter.name, parameter.name.replace("_", " ")
    )
    sign = "" if unit else "\N{MULTIPLICATION SIGN}"
    return f"{name}, {sign}{parameter.low:g} to {sign}{parameter.high:g}{unit}"


def energy_of_arms(
    ax: Axes, arms: Sequence[tuple[str, Replay]], *, bound_kwh: float | None = None
) -> Axes:
    """Draw the energy of each arm, all replayed on one trace.

    Parameters
    ----------
    ax
        Axes to draw on.
    arms
        Name and replay; the first is what the others are compared with.
    bound_kwh : kWh
        Energy that no policy undercuts: one more bar, hollow.
    """
    rows = [(visible(name, limit=28), replay.energy_kwh) for name, replay in arms]
    if bound_kwh is not None:
        rows.append(("lower bound", bound_kwh))
    base = rows[0][1]
    most = max(max(energy for _, energy in rows), 1e-12)
    for row, (_, energy) in enumerate(rows):
        saved = base - energy
        if row < len(arms):
            ax.barh(row, energy, height=0.62, color=BEFORE if row == 0 else AFTER)
        else:
            ax.barh(row, energy, height=0.58, facecolor="white", edgecolor=INK, linewidth=0.9)
        text = number(energy)
        if row and base:
            sign = "+" if saved < 0 else ""
            text += f"  ({sign}{number(-100 * saved / base)} %)"
        label(
            ax,
            energy + 0.01 * most,
            row,
            text,
            va="center",
            color=MUTED if row == 0 or not saved else SAVED if saved > 0 else LOST,
        )
    ax.set_yticks(range(len(rows)), labels=[name for name, _ in rows])
    ax.tick_params(axis="y", labelcolor=INK)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    ax.set_xlim(0, 1.2 * most)
    ax.grid(visible=False)
    ax.grid(visible=True, axis="x")
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("energy of the fleet, kWh")
    return ax
