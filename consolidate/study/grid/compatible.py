"""Cells in the compatibility mode ``cloudsim``: its policies by name, its accounting, its bound."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from consolidate.cloudsim import BASELINES, DETECTORS, SELECTORS, Experiment, Variant, run
from consolidate.errors import ConfigError
from consolidate.inventory import read_fleet
from consolidate.solvers.bounds.clairvoyant import ReplayBound, replay_bound
from consolidate.study.grid.cells import Cell
from consolidate.traces import read_trace

__all__ = ["compatible_row", "policy_of"]

#: The fleet of those experiments.
FLEET = "planetlab-4gib"
#: The policy that every share of the possible saving counts from: all hosts at full power.
BASELINE = "npa"


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
            from consolidate.control.cloudsim import CloudSimRisk

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
    done = _run(cell.path, cell.reader, cell.name, cell.component, cell.seed)
    bound = _bound(cell.path, cell.reader, bool(component["keep_idle_vms"]))
    base = _run(cell.path, cell.reader, BASELINE, cell.component, 0).outcome.energy_kwh
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


@cache
def _run(
    path: str,
    reader: tuple[tuple[str, Any], ...],
    name: str,
    component: tuple[tuple[str, Any], ...],
    seed: int,
) -> Experiment:
    return run(path, order=dict(reader).get("order"), seed=seed, **policy_of(name, dict(component)))


@cache
def _bound(path: str, reader: tuple[tuple[str, Any], ...], keep: bool) -> ReplayBound:
    trace = read_trace(path, format="planetlab", **dict(reader))
    idle = "keep" if keep else "destroy"
    return replay_bound(trace, read_fleet(FLEET), accounting="classic", idle_vms=idle)  # type: ignore[arg-type]
