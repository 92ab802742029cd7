"""How full the hosts are, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import UnknownNameError
from consolidate.plotting.over_time import whole_ticks
from consolidate.plotting.style import AFTER, BEFORE, LOST, label
from consolidate.plotting.text import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from consolidate.model.instance import Instance
    from consolidate.model.placement import Placement

__all__ = ["placement_before_after"]

_WORDS: Final = {
    "cpu_demand_mcores": "CPU demand (sized)",
    "memory_demand_mib": "memory demand (sized)",
    "cpu_allocation_mcores": "CPU allocation",
    "memory_allocation_mib": "memory allocation",
}

#: More hosts than this are drawn as means of groups: the curve is sorted, so it keeps its shape.
MAX_BARS: Final = 200


def placement_before_after(
    ax: Axes, instance: Instance, target: Placement, *, resource: str | None = None
) -> Axes:
    """Draw how full each host is in the present and the target placement, fullest host first.

    Parameters
    ----------
    ax
        Axes to draw on.
    instance
        Gives needs, capacities and the present placement.
    target
        The placement to compare with.
    resource
        Name of a resource of the instance; default the first.
    """
    resource = instance.resources[0] if resource is None else resource
    if resource not in instance.resources:
        kind = "resource"
        raise UnknownNameError(kind, resource, known=instance.resources, nearest=None)
    column = instance.resources.index(resource)
    highest = 1.0
    for k, (name, placement, colour) in enumerate(
        (("baseline", instance.current, BEFORE), ("consolidated", target, AFTER))
    ):
        fill = _fill(instance, placement, column)
        highest = max(highest, float(fill[0]))
        x, y = _curve(fill)
        ax.fill_between(x, y, color=colour, alpha=0.14, linewidth=0)
        ax.plot(x, y, color=colour)
        used = int(placement.used_hosts().size)
        text = f"{name}: {number(used)} {'host carries' if used == 1 else 'hosts carry'} VMs"
        label(
            ax,
            0.02,
            0.985 - 0.075 * k,
            text,
            color=colour,
            fontweight="bold",
            transform=ax.transAxes,
            va="top",
        )
    _axes(ax, instance.fleet.n_hosts, highest)
    ax.set_title(_WORDS.get(resource, resource))
    return ax


def _axes(ax: Axes, n_hosts: int, highest: float) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ax.axhline(1.0, color=LOST, linewidth=0.9, linestyle=(0, (4, 3)))
    label(ax, n_hosts, 1.02, "capacity", color=LOST, ha="right", va="bottom", fontsize=8)
    ax.set_xlim(0, n_hosts)
    # Room above the fullest host for the names of the arms.
    ax.set_ylim(0, 1.3 * highest)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.xaxis.set_major_formatter(whole_ticks)
    ax.yaxis.set_major_formatter(PercentFormatter(xmax=1.0))
    ax.set_yticks([t for t in (0, 0.25, 0.5, 0.75, 1.0) if t <= highest])
    ax.set_ylabel("% of usable capacity")
    ax.set_xlabel("hosts, fullest first")


def _fill(instance: Instance, placement: Placement, column: int) -> NDArray[np.float64]:
    used = instance.usage(placement)[:, column].astype(np.float64)
    capacity = instance.capacity[:, column].astype(np.float64)
    return -np.sort(-used / np.maximum(capacity, 1.0))


def _curve(fill: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of a level line per host, or per group of neighbours where hosts are many."""
    per = -(-fill.size // MAX_BARS)
    starts = np.arange(0, fill.size, per)
    edges = np.append(starts, fill.size)
    means = np.add.reduceat(fill, starts) / np.diff(edges)
    return np.repeat(edges, 2)[1:-1].astype(np.float64), np.repeat(means, 2)
