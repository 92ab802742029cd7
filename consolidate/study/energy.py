"""The modelled energy of a result, by cause."""

from __future__ import annotations

from consolidate.model import EnergyBreakdown, Instance, Result

__all__ = ["energy_of"]


def energy_of(instance: Instance, result: Result) -> EnergyBreakdown:
    """Return the energy of a result's placement; of doing nothing when nothing is worth doing."""
    return instance.energy(result.placement) if result.worthwhile else instance.current_energy()
