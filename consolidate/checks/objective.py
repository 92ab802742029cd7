"""The objective, summed again in whole millijoules, and what a result says of itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import PlacementCase, PlacementClaim
from consolidate.checks.power import hosts_power_mw
from consolidate.checks.verdict import Violation

__all__ = ["CAUSES", "energy_mj", "objective_violations", "stays_on"]

CAUSES = ("on_mj", "off_mj", "boot_mj", "shutdown_mj", "migration_mj")


def stays_on(case: PlacementCase, where: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of each host whether it is on when a placement holds, shape ``(hosts,)``."""
    carries = np.bincount(where[where >= 0], minlength=case.hosts.n) > 0
    out: NDArray[np.bool_] = carries | (case.hosts.powered_on & ~case.may_switch_off())
    return out


def energy_mj(
    case: PlacementCase, where: NDArray[np.int64], *, do_nothing: bool = False
) -> dict[str, int]:
    """Return the energy of a placement over the horizon by cause, in millijoules.

    With ``do_nothing`` every host that is on stays on, even if it is empty.
    """
    hosts = case.hosts
    placed = where >= 0
    n_vms = np.bincount(where[placed], minlength=hosts.n).astype(np.int64)
    load = np.zeros(hosts.n, dtype=np.int64)
    np.add.at(load, where[placed], case.load_mcores[placed])
    load += n_vms * hosts.per_host("per_vm_mcores") + hosts.per_host("background_mcores")
    on = stays_on(case, where)
    if do_nothing:
        on |= hosts.powered_on
    power = hosts_power_mw(hosts, np.arange(hosts.n), load, n_vms > 0)
    boots, shutdowns = on & ~hosts.powered_on, ~on & hosts.powered_on
    boot = hosts.per_host("boot_mw") * hosts.per_host("boot_s")
    shutdown = hosts.per_host("shutdown_mw") * hosts.per_host("shutdown_s")
    moved = placed & (case.current >= 0) & (where != case.current)
    # Horizons of years on large fleets pass 2**63: the last product is taken in Python integers.
    return {
        "on_mj": int(power[on].sum()) * case.horizon_s,
        "off_mj": int(hosts.per_host("off_mw")[~on].sum()) * case.horizon_s,
        "boot_mj": sum(boot[boots].tolist()),
        "shutdown_mj": sum(shutdown[shutdowns].tolist()),
        "migration_mj": int(case.move_mj[moved].sum()),
    }


def objective_violations(
    case: PlacementCase, claim: PlacementClaim, *, current_fits: bool = True
) -> list[Violation]:
    """Return where a result's own figures differ from the sums.

    Parameters
    ----------
    case
        The case, with placements that exist.
    claim
        What the result says.
    current_fits
        Whether the present placement satisfies capacity and rules; where it does not, moving is not a
        question of saving.
    """
    current = energy_mj(case, case.current, do_nothing=True)
    # What is not worth doing is not done, the shutdown of an empty host included.
    target = energy_mj(case, case.target) if claim.worthwhile else current
    found = []
    for name, stated, parts in (
        ("objective_mj", claim.objective_mj, target),
        ("current_mj", claim.current_mj, current),
    ):
        total = sum(parts.values())
        if stated != total:
            found.append(
                Violation(
                    code="V14.objective",
                    message=f"{name} is stated as {stated} mJ; needs, fleet and placement give "
                    f"{total} mJ ({stated - total:+d} mJ)",
                    witness={"name": name, "stated": stated, "derived": total, "by_cause": parts},
                )
            )
    for cause, stated in (claim.breakdown or {}).items():
        if stated != target.get(cause):
            found.append(
                Violation(
                    code="V14.breakdown",
                    message=f"{cause} is stated as {stated} mJ, the sum is {target.get(cause)} mJ",
                    witness={"cause": cause, "stated": stated, "derived": target.get(cause)},
                )
            )
    return found + _worth(case, claim, current_fits=current_fits)


def _worth(case: PlacementCase, claim: PlacementClaim, *, current_fits: bool) -> list[Violation]:
    """Judge ``worthwhile``: false keeps everybody at home, true means the stated saving is reached."""
    moved = np.flatnonzero(case.active & (case.target != case.current))
    if not claim.worthwhile and moved.size:
        v = int(moved[0])
        vm, source = case.vms.name(v), case.hosts.name(int(case.current[v]))
        target = case.hosts.name(int(case.target[v]))
        return [
            Violation(
                code="V14.worthwhile",
                message=f"the result is not worthwhile, yet {moved.size} VMs move: VM {vm} goes from "
                f"host {source} to {target}",
                witness={"vm": vm, "source": source, "target": target, "moved": int(moved.size)},
            )
        ]
    saving = claim.current_mj - claim.objective_mj
    least = claim.min_saving_fraction * claim.current_mj
    if claim.worthwhile and current_fits and saving < least - 1e-9 * abs(claim.current_mj):
        return [
            Violation(
                code="V14.worthwhile",
                message=f"the result is called worthwhile; it saves {saving} mJ, the stated minimum is "
                f"{claim.min_saving_fraction:.4%} of {claim.current_mj} mJ",
                witness={"saving_mj": saving, "minimum_mj": least},
            )
        ]
    return []
