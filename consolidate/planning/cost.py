"""What a plan spends in joules: what detours, helper hosts and VMs in storage are weighed by."""

from __future__ import annotations

from consolidate.model import Instance, MigrationPlan, Restore, Save

__all__ = ["plan_j"]

#: Downtime without a price: only who is in storage already stands still, and the fewest seconds of that win.
_DEAR_J_PER_S = 1e6


def plan_j(instance: Instance, plan: MigrationPlan) -> float:
    """Return what a plan spends, in joules, on top of what every plan to its target spends.

    Parameters
    ----------
    instance, plan
        The problem and its plan.
    """
    fleet, joules = instance.fleet, 0.0
    types = [fleet.types[k] for k in fleet.host_type.tolist()]
    on_since = {boot.host: boot.end_s for boot in plan.boots}
    for boot in plan.boots:
        joules += types[boot.host].boot_j
    for off in plan.shutdowns:
        kind = types[off.host]
        joules += kind.shutdown_j
        joules += kind.power.hosting_idle_mw / 1_000 * (off.start_s - on_since.get(off.host, 0))

    def copying_j(host: int, overhead_mcores: int, seconds: int) -> float:
        kind = types[host]
        slope = (kind.power.points_mw[-1] - kind.power.hosting_idle_mw) / kind.cpu_mcores
        return float(overhead_mcores * slope / 1_000 * seconds)

    for move in plan.migrations:
        for host in (move.source, move.target):
            joules += copying_j(host, move.overhead_mcores, move.end_s - move.start_s)
    halves: list[Save | Restore] = [*plan.saves, *plan.restores]
    for half in halves:
        joules += copying_j(half.host, half.overhead_mcores, half.end_s - half.start_s)
    price = instance.moves.downtime_j_per_s
    # Without a price only who is in storage already stands still: the sooner it ends, the better.
    return joules + (_DEAR_J_PER_S if price is None else price) * plan.stored_s
