"""``energy_per_vm.csv``: whose energy it is, in both arms, as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consolidate.carbon import ATTRIBUTED, EnergyPerVm, IdleRule, emissions_g, energy_per_vm
from consolidate.exports.csv_text import csv_text
from consolidate.model.replay import LEDGER

if TYPE_CHECKING:
    from consolidate.model import Replay
    from consolidate.reporting.bundle import Report
    from consolidate.study import RunData

__all__ = ["PER_VM_FILE", "per_vm_csv", "run_energy_per_vm"]

PER_VM_FILE: Final = "energy_per_vm.csv"
_ARMS: Final = ("baseline", "consolidated")


def run_energy_per_vm(run: RunData, *, idle: IdleRule = "allocation") -> dict[str, EnergyPerVm]:
    """Return the energy of each VM in both arms of a run, emissions included.

    Parameters
    ----------
    run
        The run.
    idle
        How idle energy is shared out; see :func:`consolidate.carbon.energy_per_vm`.
    """
    first, stop = run.manifest["windows"]["replay"]  # type: ignore[index]
    window = run.trace.window(first, stop)

    def of(arm: Replay) -> EnergyPerVm:
        grams = [
            emissions_g(arm.grid, energy, intensity)
            for energy, intensity in zip(arm.site_energy_mj, run.intensities, strict=True)
        ]
        return energy_per_vm(arm, window, run.instance.fleet, idle=idle, site_emissions_g=grams)

    return {"baseline": of(run.baseline), "consolidated": of(run.consolidated)}


def per_vm_csv(report: Report, shares: dict[str, EnergyPerVm]) -> str:
    """Return the table: a row for each VM, then the shared part, whose ``vm_id`` is empty.

    Parameters
    ----------
    report
        Gives the names, which may be tokens.
    shares
        Energy of each arm.
    """
    names = report.instance.vms.ids if report.instance is not None else shares["baseline"].vm_ids
    columns = ["vm", "vm_id", "idle_rule"]
    for arm in _ARMS:
        columns += [f"{arm}_{cause}_mj" for cause in (*ATTRIBUTED, "transitions_and_off", "total")]
        columns.append(f"{arm}_co2e_g")
    columns.append("saved_kwh")
    rows: list[list[object]] = []
    tables = {arm: _table(shares[arm]) for arm in _ARMS}
    for v in range(len(names) + 1):
        shared = v == len(names)
        row: list[object] = [None if shared else v, "" if shared else names[v], shares["baseline"].idle]
        for arm in _ARMS:
            row += tables[arm][v]
        before, after = (tables[arm][v][4] for arm in _ARMS)
        row.append((int(str(before)) - int(str(after))) / 3_600_000_000)
        rows.append(row)
    return csv_text(columns, rows)


def _table(share: EnergyPerVm) -> list[list[object]]:
    """Return idle, load, migration, the rest, the total and the grams of each row."""
    rows: list[list[object]] = []
    grams = None if share.emissions_g is None else share.emissions_g.tolist()
    for v, parts in enumerate(share.energy_mj.tolist()):
        rows.append([*parts, 0, sum(parts), None if grams is None else grams[v]])
    at = [LEDGER.index(cause) for cause in ATTRIBUTED]
    shared = share.shared_mj.tolist()
    rest = sum(shared) - sum(shared[k] for k in at)
    rows.append([*(shared[k] for k in at), rest, sum(shared), None if grams is None else share.shared_g])
    return rows
