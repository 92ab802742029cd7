"""The objective: millijoules of the whole fleet over a horizon, in integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.model.fleet import HostType
from consolidate.model.power import interpolate_mw

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["EnergyBreakdown", "JoulesOverHorizon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBreakdown:
    """Modelled energy of a placement over the horizon, by cause, in millijoules."""

    on_mj: int
    off_mj: int
    boot_mj: int
    shutdown_mj: int
    migration_mj: int

    @property
    def total_mj(self) -> int:
        """Sum of all causes."""
        return self.on_mj + self.off_mj + self.boot_mj + self.shutdown_mj + self.migration_mj


@dataclass(frozen=True, slots=True, kw_only=True)
class JoulesOverHorizon:
    """Energy of the fleet if a placement is held for a while, the way to it included.

    A host that carries a VM, or that is on and may not be switched off, is on for the whole horizon;
    every other host draws its off power. Boots, shutdowns and moves from the present placement come on
    top.

    Parameters
    ----------
    horizon_s : s
        How long the placement is expected to be held.
    min_off_s : s
        No host is switched off for less than this, nor for less than four times its break-even off time.
    off_pays_for
        Names of the host types for which this is known to hold; default: found from their energies.
    """

    horizon_s: int
    min_off_s: int = 3_600
    off_pays_for: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.horizon_s <= 0 or self.min_off_s < 0:
            msg = f"needs a horizon of at least 1 s, got {self.horizon_s} s"
            raise InstanceError([Issue(path="objective.horizon_s", message=msg)])

    def off_pays(self, kind: HostType) -> bool:
        """Say whether a host of this type is worth switching off for the horizon."""
        if self.off_pays_for is not None:
            return kind.name in self.off_pays_for
        gain_mw = kind.power.points_mw[0] - kind.off_mw
        if gain_mw <= 0:
            return False
        return self.horizon_s >= max(self.min_off_s, 4 * kind.break_even_off_s)

    def breakdown(
        self, instance: Instance, host_of: NDArray[np.int32], *, do_nothing: bool = False
    ) -> EnergyBreakdown:
        """Return the energy of a placement by cause.

        Parameters
        ----------
        instance
            The instance.
        host_of
            Host of each VM, -1 for none, shape ``(vms,)``.
        do_nothing
            Whether every host that is on stays on, even if it is empty.
        """
        fleet = instance.fleet
        placed = host_of >= 0
        n_vms = np.bincount(host_of[placed], minlength=fleet.n_hosts)
        load = np.zeros(fleet.n_hosts, dtype=np.int64)
        np.add.at(load, host_of[placed], instance.load_mcores[placed])
        stays_on = fleet.powered_on & (do_nothing | ~instance.may_switch_off())
        on = (n_vms > 0) | stays_on
        kind_of, types = fleet.host_type, fleet.types
        empty = on & (n_vms == 0)
        per_type = {
            "empty_mw": [
                t.power.power_mw(t.hypervisor.background_mcores, t.cpu_mcores, hosting=False)
                for t in types
            ],
            "off_mw": [t.off_mw for t in types],
            "boot_mj": [t.boot_mw * t.boot_s for t in types],
            "shutdown_mj": [t.shutdown_mw * t.shutdown_s for t in types],
        }
        of = {name: np.array(values, dtype=np.int64)[kind_of] for name, values in per_type.items()}
        on_mw = int(of["empty_mw"][empty].sum())
        for k, kind in enumerate(types):
            hosts = np.flatnonzero((kind_of == k) & (n_vms > 0))
            total = load[hosts] + n_vms[hosts] * kind.hypervisor.per_vm_mcores
            total += kind.hypervisor.background_mcores
            on_mw += int(interpolate_mw(kind.power.hosting_mw, total, kind.cpu_mcores).sum())
        off_mw = int(of["off_mw"][~on].sum())
        boot_mj = int(of["boot_mj"][on & ~fleet.powered_on].sum())
        shutdown_mj = int(of["shutdown_mj"][~on & fleet.powered_on].sum())
        current = instance.current.host_of
        moved = placed & (current >= 0) & (host_of != current)
        return EnergyBreakdown(
            on_mj=on_mw * self.horizon_s,
            off_mj=off_mw * self.horizon_s,
            boot_mj=boot_mj,
            shutdown_mj=shutdown_mj,
            migration_mj=int(instance.move_mj[moved].sum()),
        )
