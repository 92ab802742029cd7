"""Cells in the compatibility mode ``cloudsim``: its policies by name, its accounting, its bound."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from consolidate.cloudsim import BASELINES, DETECTORS, SELECTORS, Variant, run
from consolidate.control import CloudSimRisk
from consolidate.errors import ConfigError
from consolidate.inventory import read_fleet
from consolidate.model import Trace
from consolidate.solvers.bounds.clairvoyant import ReplayBound, classic_s, replay_bound
from consolidate.study.grid.cells import Cell
from consolidate.traces import read_trace
from consolidate.units import mj_to_kwh

__all__ = ["compatible_row", "policy_of"]

#: The fleet of those experiments.
FLEET = "planetlab-4gib"


def policy_of(name: str, component: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of :func:`consolidate.cloudsim.run` for a name as in ``lr-mmt-1.2``.

    ``risk-0.01`` is the risk controller, deciding in the place of CloudSim's policies.

    Raises
    ------
    ConfigError
        When it is no such name.
    """
    variant = Variant.named(component["variant"])
    if component["keep_idle_vms"]:
        variant = replace(variant, keep_idle_vms=True)
    if name in BASELINES:
        return {"detector": name, "variant": variant}
    parts = name.split("-")
    try:
        if parts[0] == "risk":
            return {"optimizer": CloudSimRisk(float(parts[1])), "variant": variant}
        detector, selector, parameter = parts[0], parts[1], float(parts[2])
    except (IndexError, ValueError) as error:
        msg = f"{name!r} needs the form detector-selector-parameter as in lr-mmt-1.2, {' or '.join(BASELINES)}"
        raise ConfigError(msg, path="cloudsim.policies") from error
    DETECTORS.get(detector)(parameter=parameter)  # type: ignore[call-arg]
    SELECTORS.get(selector)
    return {"detector": detector, "selector": selector, "parameter": parameter, "variant": variant}


def compatible_row(cell: Cell) -> dict[str, object]:
    """Run a cell and return its columns."""
    component = dict(cell.component)
    arguments = policy_of(cell.name, component)
    done = run(cell.path, order=dict(cell.reader).get("order"), seed=cell.seed, **arguments)
    bound = _bound(cell.path, cell.reader, bool(component["keep_idle_vms"]))
    base = _full_power_kwh(cell.path, cell.reader)
    found = done.outcome
    return {
        "energy_kwh": found.energy_with_standby_kwh,
        "energy_no_standby_kwh": found.energy_kwh,
        "clairvoyant_no_standby_kwh": bound.energy_kwh,
        "bound_ratio": found.energy_kwh / bound.energy_kwh,
        "saved_no_standby_fraction": 1 - found.energy_kwh / base,
        "saving_share_fraction": (base - found.energy_kwh) / (base - bound.energy_kwh),
        "overload_fraction": found.overload_share,
        "unmet_fraction": found.unmet_share,
        "migrations": found.migrations,
        "power_cycles_max": found.power_cycles_max,
        "hosts_on_mean": found.mean_active_hosts,
        "slatah_fraction": found.slatah,
        "slav": found.slav,
    }


@lru_cache(maxsize=2)
def _trace(path: str, reader: tuple[tuple[str, Any], ...]) -> Trace:
    return read_trace(path, format="planetlab", **dict(reader))


@lru_cache(maxsize=8)
def _bound(path: str, reader: tuple[tuple[str, Any], ...], keep: bool) -> ReplayBound:
    idle: Literal["keep", "destroy"] = "keep" if keep else "destroy"
    return replay_bound(_trace(path, reader), read_fleet(FLEET), accounting="classic", idle_vms=idle)


def _full_power_kwh(path: str, reader: tuple[tuple[str, Any], ...]) -> float:
    """Return the energy of all hosts at full power over the hours that policies are charged for.

    That is not CloudSim's ``npa``, which is charged for the first 300 s as well.
    """
    fleet = read_fleet(FLEET)
    full_mw = np.array([t.power.points_mw[-1] for t in fleet.types])[fleet.host_type].sum()
    return mj_to_kwh(int(full_mw) * classic_s(_trace(path, reader)))
