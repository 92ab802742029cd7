"""What crosses between sites, and a memo on the energy of the network that carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consolidate.reporting.figure import Figure
from consolidate.units import BYTES_PER_MIB, MIB_PER_GIB

if TYPE_CHECKING:
    from consolidate.reporting.bundle import Report

__all__ = ["NETWORK_KWH_PER_GB", "between_sites"]

#: Energy of wide area networks per decimal gigabyte: the literature spans this much.
NETWORK_KWH_PER_GB = (0.001, 0.06)


def between_sites(report: Report) -> list[Figure]:
    """Return what moves between sites send, and what the network between them may draw for it."""
    fleet = None if report.instance is None else report.instance.fleet
    if fleet is None or len(fleet.sites) < 2:
        return []
    moves = report.plan.migrations
    site = fleet.host_site
    far_gib = sum(m.moved_mib for m in moves if site[m.source] != site[m.target]) / MIB_PER_GIB
    figures = [
        Figure(
            metric="moved_between_sites_gib",
            value=far_gib,
            unit="GiB",
            label="part of it that crosses between sites",
            source="plan",
        )
    ]
    gb = far_gib * MIB_PER_GIB * BYTES_PER_MIB / 1e9
    for end, kwh_per_gb in zip(("low", "high"), NETWORK_KWH_PER_GB, strict=True):
        figures.append(
            Figure(
                metric=f"network_memo_{end}_kwh",
                value=gb * kwh_per_gb,
                unit="kWh",
                label=f"memo, not counted: energy of the network at {kwh_per_gb:g} kWh/GB",
                source="range of the literature; hosts only are inside the boundary",
                status="default",
            )
        )
    return figures
