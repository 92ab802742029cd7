"""Which causes of energy the saving comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consolidate.model.replay import LEDGER
from consolidate.plotting.style import AFTER, BEFORE, INK, LOST, MUTED, SAVED, label
from consolidate.plotting.text import decimals_for, fixed
from consolidate.units import mj_to_kwh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from consolidate.model.replay import Replay

__all__ = ["CAUSES", "ledger_changes", "savings_waterfall"]

#: What each cause is called in figures and reports.
CAUSES: Final = {
    "idle": "idle power of hosts that are on",
    "load": "load of the VMs",
    "off": "draw of hosts that are off",
    "booting": "booting",
    "shutting_down": "shutting down",
    "migration": "migrations",
}


def ledger_changes(before: Replay, after: Replay) -> tuple[tuple[str, int], ...]:
    """Return how much energy each cause adds from one arm to the other.

    Returns
    -------
    changes : mJ
        Cause and change, in the order of the waterfall. Whole numbers: their sum is exactly
        ``after.total_mj - before.total_mj``.
    """
    one, two = before.by_cause_mj(), after.by_cause_mj()
    assert set(CAUSES) == set(LEDGER)
    return tuple((cause, two[cause] - one[cause]) for cause in CAUSES)


def savings_waterfall(ax: Axes, before: Replay, after: Replay) -> Axes:
    """Draw the way from the energy of one arm to that of the other, cause by cause.

    Each bar starts where the one above it ends; green takes energy away, vermilion adds some.

    Parameters
    ----------
    ax
        Axes to draw on.
    before, after
        The two arms.
    """
    changes = [c for c in ledger_changes(before, after) if c[1] != 0]
    rows = ["baseline", *(CAUSES[cause] for cause, _ in changes), "consolidated"]
    # Decimals follow the totals, so that the printed column can be added up by eye.
    decimals = decimals_for([mj_to_kwh(before.total_mj), mj_to_kwh(after.total_mj)], digits=4)
    level = before.total_mj
    bars = [(0, level, BEFORE)]
    for _, change in changes:
        bars.append((level, level + change, SAVED if change < 0 else LOST))
        level += change
    assert level == after.total_mj
    bars.append((0, level, AFTER))
    most = mj_to_kwh(max(max(a, b) for a, b, _ in bars)) or 1.0
    for row, (start_mj, end_mj, colour) in enumerate(bars):
        low, high = sorted((mj_to_kwh(start_mj), mj_to_kwh(end_mj)))
        # A change too small to see keeps a hairline.
        ax.barh(row, max(high - low, 0.0015 * most), left=low, height=0.62, color=colour)
        total = row in (0, len(bars) - 1)
        value = mj_to_kwh(end_mj - start_mj)
        text = fixed(value, decimals=decimals) if total else _signed(value, decimals)
        label(
            ax,
            high + 0.01 * most,
            row,
            text,
            va="center",
            color=INK if total else colour,
            fontweight="bold" if total else "normal",
        )
        if row < len(bars) - 1:
            edge = mj_to_kwh(end_mj)
            ax.plot([edge, edge], [row - 0.31, row + 1.31], color=MUTED, linewidth=0.5)
    _axes(ax, rows, most)
    return ax


def _axes(ax: Axes, rows: list[str], most_kwh: float) -> None:
    ax.set_yticks(range(len(rows)), labels=rows)
    ax.tick_params(axis="y", labelcolor=INK)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    ax.set_xlim(0, 1.13 * most_kwh)
    ax.grid(visible=False)
    ax.grid(visible=True, axis="x")
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("energy of the fleet, kWh")


def _signed(value: float, decimals: int) -> str:
    text = fixed(value, decimals=decimals)
    if not any(c in "123456789" for c in text):
        return f"less than {fixed(10.0**-decimals, decimals=decimals)}"
    return text if value < 0 else f"+{text}"
