"""What a solver returns: a placement, its value, and how far from the best it can be at most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from consolidate.errors import InfeasibleError, SolverFailedError
from consolidate.model.placement import Placement
from consolidate.units import mj_to_kwh

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OPTIMAL_GAP", "Bound", "Result"]

#: Largest relative gap at which a placement may be called optimal.
OPTIMAL_GAP = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A lower bound on the objective.

    Parameters
    ----------
    name
        Method.
    value_mj : mJ
        The bound.
    kind
        ``certified`` when ``certificate`` lets the checks recompute it in exact arithmetic;
        ``attested`` when it rests on the word of the solver named in ``source``.
    source
        Solver and version, or the method's literature.
    certificate
        Multipliers of the proof, as exact integers; empty for an attested bound.
    """

    name: str
    value_mj: int
    kind: Literal["certified", "attested"]
    source: str
    certificate: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Outcome of a solve.

    Parameters
    ----------
    policy
        Registry name of the policy.
    placement
        The placement; the present one when nothing is worth doing.
    objective_mj, current_mj : mJ
        Modelled energy over the horizon of the placement and of the present one.
    bounds
        Lower bounds, best first; empty when infeasible.
    status
        What is known: ``optimal`` (gap at most 1e-6), ``feasible``, ``infeasible``, or ``unknown`` when
        neither a placement nor a proof was found.
    stopped
        Why the search ended.
    worthwhile
        Whether the saving reaches the stated minimum; if not, the placement is the present one.
    seed
        Seed of everything random.
    runtime_s : s
        Wall time.
    repeat
        Where the time limit cut the search short: as a budget's ``repeat``, instead of the limit, it gives
        the same placement on any machine. Empty where no limit was reached, so that the seed is enough.
    measure
        ``energy``; or ``carbon``, and then all values in mJ are reference millijoules, which emit as much at
        1,000 g/kWh: a reference kWh is a kg of CO2e.
    blocking_vms, blocking_hosts
        Who makes the instance infeasible, by name.
    message
        One sentence for the user.
    """

    policy: str
    placement: Placement
    objective_mj: int
    current_mj: int
    bounds: tuple[Bound, ...]
    status: Literal["optimal", "feasible", "infeasible", "unknown"]
    stopped: str
    worthwhile: bool
    seed: int
    runtime_s: float
    repeat: str = ""
    measure: Literal["energy", "carbon"] = "energy"
    blocking_vms: tuple[str, ...] = ()
    blocking_hosts: tuple[str, ...] = ()
    message: str = ""

    @property
    def bound_mj(self) -> int:
        """The best lower bound, in millijoules; 0 when there is none."""
        return max((b.value_mj for b in self.bounds), default=0)

    @property
    def gap(self) -> float:
        """``(objective - bound) / objective``, with the best bound."""
        if self.objective_mj <= 0:
            return 0.0
        return max(0.0, (self.objective_mj - self.bound_mj) / self.objective_mj)

    def raise_if_infeasible(self) -> Result:
        """Return the result itself.

        Raises
        ------
        InfeasibleError
            When no placement satisfies capacity and rules; it names the blocking VMs.
        SolverFailedError
            When the policy found neither a placement nor a proof that there is none.
        """
        if self.status == "unknown":
            raise SolverFailedError(self.policy, self.message)
        if self.status == "infeasible":
            raise InfeasibleError(self.message, vms=self.blocking_vms, hosts=self.blocking_hosts)
        return self

    def summary(self) -> str:
        """Return objective, bound, gap and verdict in a few lines of text."""
        if self.status in {"infeasible", "unknown"}:
            return f"{self.policy}: {self.status}. {self.message}"
        best = max(self.bounds, key=lambda b: b.value_mj, default=None)
        proof = f"{best.kind}: {best.name}" if best else "no bound"
        saved = self.current_mj - self.objective_mj
        share = saved / self.current_mj if self.current_mj else 0.0
        lines = [
            f"{self.policy}: {self.status} ({self.stopped})",
            f"modelled {'energy' if self.measure == 'energy' else 'emissions'} "
            f"{self._amount(self.objective_mj)} over the horizon, "
            f"now {self._amount(self.current_mj)} ({share:.1%} less)",
            f"lower bound {self._amount(self.bound_mj)} ({proof}), gap {self.gap:.4%}",
            f"{self.placement.used_hosts().size} hosts carry VMs",
        ]
        if not self.worthwhile:
            lines.append(f"nothing worth doing: {self.message}")
        return "\n".join(lines)

    def _amount(self, value_mj: int) -> str:
        if self.measure == "energy":
            return f"{mj_to_kwh(value_mj):.3f} kWh"
        return f"{1_000 * mj_to_kwh(value_mj):.1f} g CO2e"
