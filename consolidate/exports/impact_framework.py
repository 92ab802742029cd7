"""Green Software Foundation's Impact Framework: a manifest that recomputes the emissions and the SCI."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate.exports.run_base import ARMS, RunFacts, hourly, utc
from consolidate.model import Replay
from consolidate.units import MILLIJOULES_PER_KWH, SECONDS_PER_HOUR

__all__ = ["ImpactFramework"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactFramework:
    """Manifest (YAML) of both arms, a child for each site, an observation for each hour.

    The ledger knows energy over time by site, not by host, so a child is a site. ``grid/carbon-intensity``
    is the mean of the hour weighted by energy: times ``energy`` it gives the emissions of the account. The
    score is operational: embodied carbon is no part of the run's ledger.
    """

    name: ClassVar[str] = "impact-framework"

    def content(self, facts: RunFacts) -> bytes:
        """Return the manifest."""
        lines = [
            "name: consolidation of virtual machines",
            "description: modelled from one trace, replayed without and with the plan; none of it is metered",
            "tags:",
            f"  kind: {_text(facts.intensities[0].kind if facts.intensities else 'none')}",
            f"  scope: {_text(facts.intensities[0].scope if facts.intensities else 'none')}",
            f"  run: {_text(facts.run_id)}",
            f"  consolidate-version: {_text(facts.version)}",
            *_INITIALIZE,
            "tree:",
            "  children:",
        ]
        for arm in ARMS:
            lines += [f"    {arm}:", "      children:"]
            for site in range(len(facts.arms[arm].site_energy_mj)):
                lines += _site(facts, arm, site)
        return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


_INITIALIZE = (
    "initialize:",
    "  plugins:",
    "    operational-carbon:",
    '      path: "builtin"',
    "      method: Multiply",
    "      config:",
    '        input-parameters: ["energy", "grid/carbon-intensity"]',
    '        output-parameter: "carbon"',
    "      parameter-metadata:",
    "        inputs:",
    "          energy:",
    "            unit: kWh",
    "            description: energy of the hosts (IT equipment)",
    "            aggregation-method: {time: sum, component: sum}",
    "          grid/carbon-intensity:",
    "            unit: gCO2e/kWh",
    "            description: location-based intensity of the grid, weighted by energy",
    "            aggregation-method: {time: avg, component: avg}",
    "        outputs:",
    "          carbon:",
    "            unit: gCO2e",
    "            description: operational emissions",
    "            aggregation-method: {time: sum, component: sum}",
    "    sci:",
    '      path: "builtin"',
    "      method: Sci",
    "      config:",
    "        functional-unit: vm-hours",
)


def _site(facts: RunFacts, arm: str, site: int) -> list[str]:
    replay, starts = facts.arms[arm], hourly(facts.arms[arm])
    mj = np.add.reduceat(replay.site_energy_mj[site], starts)
    grams = np.add.reduceat(facts.emissions_g[arm][site], starts)
    kwh = mj / MILLIJOULES_PER_KWH
    intensity = np.divide(grams, kwh, out=np.zeros_like(grams), where=kwh > 0)
    used = _utilization(replay, facts.instance.fleet.host_site == site, starts)
    vm_h = _vm_hours(replay, facts.instance.fleet.host_site == site, starts)
    times = replay.grid.times()
    lengths = np.diff(np.append(starts, replay.grid.n_steps)) * replay.grid.step_s
    lines = [f"        {_text(facts.instance.fleet.sites[site].name)}:", "          pipeline:"]
    lines += ["            compute:", "              - operational-carbon"]
    # An hour without VMs has no score, and the framework stumbles over it.
    if (vm_h > 0).all():
        lines.append("              - sci")
    lines.append("          inputs:")
    for k, first in enumerate(starts.tolist()):
        lines += [
            f"            - timestamp: {_text(utc(times[first]))}",
            f"              duration: {int(lengths[k])}",
            f"              cpu/utilization: {used[k]:.6g}",
            f"              energy: {_number(float(kwh[k]))}",
            f"              grid/carbon-intensity: {_number(float(intensity[k]))}",
            f"              vm-hours: {_number(float(vm_h[k]))}",
        ]
    return lines


def _text(text: str) -> str:
    """Write text as a quoted scalar; JSON's quoting is YAML's, so no name can end it."""
    return json.dumps(text)


def _number(value: float) -> str:
    """Write a number in full; YAML 1.1 takes a power of ten for text when there is no point."""
    text = repr(float(value))
    return text if "." in text or "e" not in text else text.replace("e", ".0e")


def _utilization(
    replay: Replay, mine: NDArray[np.bool_], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean CPU use of the hosts that are on, in percent, in each part."""
    used = replay.utilization[mine].astype(np.float64)
    on = ~np.isnan(used)
    total = np.add.reduceat(np.where(on, used, 0.0).sum(axis=0), starts)
    count = np.add.reduceat(on.sum(axis=0), starts)
    share: NDArray[np.float64] = 100.0 * np.divide(
        total, count, out=np.zeros_like(total), where=count > 0
    )
    return share


def _vm_hours(replay: Replay, mine: NDArray[np.bool_], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the hours that VMs spend on some hosts, in each part."""
    rows = replay.residency[(replay.residency[:, 1] >= 0)]
    rows = rows[mine[rows[:, 1]]]
    edges = np.append(starts, replay.grid.n_steps) * replay.grid.step_s

    def lived(until: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the seconds before each edge, counted from each of the given starts on."""
        ordered = np.sort(until)
        before = np.concatenate([[0.0], np.cumsum(ordered)])
        count = np.searchsorted(ordered, edges)
        out: NDArray[np.float64] = count * edges - before[count]
        return out

    seconds = np.diff(lived(rows[:, 2]) - lived(rows[:, 3]))
    return seconds / SECONDS_PER_HOUR
