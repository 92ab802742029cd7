"""Energy and emissions of a replay by host type and cause: what the uncertainty of a saving needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.accounting import emissions_by_step_g
from consolidate.errors import InstanceError, Issue
from consolidate.model import CarbonIntensity, Replay
from consolidate.model.replay import LEDGER

__all__ = ["ArmLedger", "arm_ledger"]

OFF_STATE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmLedger:
    """One arm of a comparison.

    Parameters
    ----------
    energy_mj : mJ
        By host type and cause (:data:`~consolidate.model.replay.LEDGER`), shape ``(types, 6)``.
    emissions_g : g
        The same for emissions; zero when no intensity is given.
    off_host_s : s
        Host-seconds off of each type, shape ``(types,)``.
    """

    energy_mj: NDArray[np.int64]
    emissions_g: NDArray[np.float64]
    off_host_s: NDArray[np.int64]

    def __post_init__(self) -> None:
        n_types = len(self.off_host_s)
        for name in ("energy_mj", "emissions_g"):
            shape = getattr(self, name).shape
            if shape != (n_types, len(LEDGER)):
                msg = f"needs shape {(n_types, len(LEDGER))}, got {shape}"
                raise InstanceError([Issue(path=f"arm.{name}", message=msg)])


def arm_ledger(
    replay: Replay,
    type_of_host: Sequence[int] | NDArray[np.int64],
    *,
    intensities: Sequence[CarbonIntensity] = (),
) -> ArmLedger:
    """Return the ledger of a replay by host type.

    Emissions are exact by cause: each step's energy carries the mean intensity of the sites where it was
    used. Among types they are split as the energy of the cause is.

    Parameters
    ----------
    replay
        The arm.
    type_of_host
        Number of the type of each host, from 0.
    intensities
        One for each site; without, emissions are zero.

    Raises
    ------
    HorizonError
        When an intensity does not cover the replay.
    InstanceError
        When types or intensities do not match the replay.
    """
    types = np.asarray(type_of_host, dtype=np.int64)
    issues = []
    if types.shape != (len(replay.host_ids),) or (types.size and types.min() < 0):
        msg = f"needs one number of 0 or more for each of {len(replay.host_ids)} hosts"
        issues.append(Issue(path="type_of_host", message=msg))
    if intensities and len(intensities) != len(replay.site_energy_mj):
        msg = f"needs one for each of {len(replay.site_energy_mj)} sites, got {len(intensities)}"
        issues.append(Issue(path="intensities", message=msg))
    if issues:
        raise InstanceError(issues)
    n_types = int(types.max()) + 1
    energy_mj = np.zeros((n_types, len(LEDGER)), dtype=np.int64)
    np.add.at(energy_mj, types, replay.energy_mj)
    off_host_s = np.zeros(n_types, dtype=np.int64)
    # A host that has failed draws what one that is off draws.
    off = replay.host_states[replay.host_states[:, 1] >= OFF_STATE]
    np.add.at(off_host_s, types[off[:, 0]], off[:, 3] - off[:, 2])
    by_cause_g = _by_cause_g(replay, intensities)
    whole = np.maximum(energy_mj.sum(axis=0), 1)
    return ArmLedger(
        energy_mj=energy_mj, emissions_g=by_cause_g * (energy_mj / whole), off_host_s=off_host_s
    )


def _by_cause_g(replay: Replay, intensities: Sequence[CarbonIntensity]) -> NDArray[np.float64]:
    """Return the emissions of each cause, shape ``(6,)``."""
    grams = np.zeros(replay.grid.n_steps)
    for energy, found in zip(replay.site_energy_mj, intensities, strict=False):
        grams += emissions_by_step_g(replay.grid, energy, found)
    step_mj = replay.step_energy_mj.sum(axis=1)
    g_per_mj = np.divide(grams, step_mj, out=np.zeros_like(grams), where=step_mj > 0)
    by_cause: NDArray[np.float64] = g_per_mj @ replay.step_energy_mj
    return by_cause
