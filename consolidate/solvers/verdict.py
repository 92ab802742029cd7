"""What a proposal is worth: energy, best bound, gap, and whether it is worth doing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from consolidate.errors import InternalError
from consolidate.model import OPTIMAL_GAP, Bound, Instance, MaxOnline, Offline, Placement, Result
from consolidate.solvers.base import Proposal
from consolidate.solvers.clock import Answers, Clock

__all__ = ["Judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Turns proposals for one instance into results.

    Parameters
    ----------
    instance
        The instance as the user gave it.
    policy
        Registry name of the policy.
    current_mj : mJ
        Energy of doing nothing.
    min_saving_fraction
        Least part of the present energy that must be saved.
    seed
        Seed of everything random.
    clock
        Started with the solve.
    measure
        What the energies of the instance stand for.
    """

    instance: Instance
    policy: str
    current_mj: int
    min_saving_fraction: float
    seed: int
    clock: Clock
    measure: Literal["energy", "carbon"] = "energy"

    def infeasible(self, reason: str, vms: tuple[int, ...]) -> Result:
        """Return the result of a proof that no placement exists."""
        result = self._without_placement(reason, vms)
        return replace(result, status="infeasible", stopped="proof of infeasibility")

    def unknown(self, proposal: Proposal) -> Result:
        """Return the result of a search that found neither a placement nor a proof."""
        missing = proposal.unplaced
        names = [self.instance.vms.ids[v] for v in missing[:5]]
        reason = f"no room found for {len(missing)} VMs ({', '.join(names)})" if missing else ""
        result = self._without_placement(reason or proposal.stopped, missing)
        return replace(result, stopped=proposal.stopped)

    def _without_placement(self, reason: str, vms: tuple[int, ...]) -> Result:
        return Result(
            policy=self.policy,
            placement=self.instance.current,
            objective_mj=self.current_mj,
            current_mj=self.current_mj,
            bounds=(),
            status="unknown",
            stopped="",
            worthwhile=False,
            seed=self.seed,
            runtime_s=self.clock.elapsed_s(),
            repeat=self._repeat(),
            measure=self.measure,
            blocking_vms=tuple(self.instance.vms.ids[v] for v in vms),
            message=reason,
        )

    def _repeat(self) -> str:
        answers = self.clock.answers()
        return "" if answers == Answers() else str(answers)

    def placed(self, proposal: Proposal, bounds: tuple[Bound, ...]) -> Result:
        """Return the result of a proposed placement.

        Raises
        ------
        InternalError
            When a bound exceeds the energy of the placement: one of the two is wrong.
        """
        assert proposal.host_of is not None
        instance, current_mj = self.instance, self.current_mj
        placement = Placement(host_of=proposal.host_of)
        objective_mj = instance.energy(placement).total_mj
        saved_mj = current_mj - objective_mj
        fault = present_fault(instance)
        worthwhile = saved_mj >= self.min_saving_fraction * current_mj and saved_mj > 0
        message = ""
        if not worthwhile:
            share = saved_mj / current_mj if current_mj else 0.0
            what = "energy" if self.measure == "energy" else "emissions"
            message = (
                f"the best placement found saves {share:.2%} of the present {what}, "
                f"the stated minimum is {self.min_saving_fraction:.2%}"
            )
            if fault:
                worthwhile = True
                message += f"; it is proposed because the present placement {fault}"
            else:
                placement, objective_mj = instance.current, current_mj
                # Doing nothing leaves empty hosts on, which may cost less than a shutdown: the lesser
                # of the two bounds both.
                bounds = tuple(replace(b, value_mj=min(b.value_mj, current_mj)) for b in bounds)
        ranked = tuple(sorted(bounds, key=lambda b: -b.value_mj))
        if ranked and ranked[0].value_mj > objective_mj:
            best = ranked[0]
            msg = f"bound {best.name} ({best.value_mj} mJ) exceeds the objective ({objective_mj} mJ)"
            raise InternalError(msg)
        gap = (objective_mj - ranked[0].value_mj) / objective_mj if objective_mj and ranked else 0.0
        return Result(
            policy=self.policy,
            placement=placement,
            objective_mj=objective_mj,
            current_mj=current_mj,
            bounds=ranked,
            status="optimal" if ranked and gap <= OPTIMAL_GAP else "feasible",
            stopped=proposal.stopped,
            worthwhile=worthwhile,
            seed=self.seed,
            runtime_s=self.clock.elapsed_s(),
            repeat=self._repeat(),
            measure=self.measure,
            message=message,
        )


def present_fault(instance: Instance) -> str:
    """Return why the present placement cannot stay, if it cannot."""
    if (instance.active & (instance.current.host_of < 0)).any():
        return "leaves VMs without a host"
    if not (instance.usage(instance.current) <= instance.capacity).all():
        return "exceeds capacity"
    broken = [r.name for r in instance.rules if r.violations(instance.current, instance=instance)]
    # Doing nothing leaves every host on that is on.
    on = instance.fleet.powered_on
    broken += [
        r.name
        for r in instance.rules
        if (isinstance(r, MaxOnline) and on[list(r.hosts)].sum() > r.most)
        or (isinstance(r, Offline) and on[list(r.hosts)].any())
    ]
    return f"breaks the rule {broken[0]}" if broken else ""
