"""Pack all VMs anew by patterns, and keep those that can stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from consolidate._kernels import local_search
from consolidate.errors import UnsupportedError
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import Budget, Proposal
from consolidate.solvers.clock import Clock
from consolidate.solvers.orders import vm_order, vm_sizes
from consolidate.solvers.patterns.packing import pack
from consolidate.solvers.patterns.stays import placed
from consolidate.solvers.patterns.view import PackingView

__all__ = ["Patterns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """Pack VM classes on host classes by column generation, then see who can stay.

    For many like VMs on a few types of hosts. Rules that allow or forbid hosts are honoured.

    Parameters
    ----------
    class_limit
        Most classes of VMs; with more, there are no patterns to speak of.
    rounds
        Rounds of column generation at most.
    """

    name: ClassVar[str] = "patterns"
    rules: ClassVar[frozenset[str]] = frozenset({"ban", "fence", "root"})
    class_limit: int = 400
    rounds: int = 500

    def propose(
        self,
        instance: Instance,
        budget: Budget,  # noqa: ARG002 - part of the protocol; rounds bound the work
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Return a packing from scratch with as many VMs at home as it allows.

        Raises
        ------
        UnsupportedError
            When there are more than ``class_limit`` different VMs.
        """
        problem = kernel_problem(instance)
        view = PackingView.of(instance, problem)
        if view.problem.n_classes > self.class_limit:
            feature = f"{view.problem.n_classes} different VMs (at most {self.class_limit})"
            raise UnsupportedError(feature, who=self.name, supported_by=("auto",))
        progress("patterns")
        solution = pack(
            view.problem,
            dives=3,
            seed=seed,
            rounds=self.rounds,
            stop=clock.is_over,
            within=clock.within,
        )
        if solution.cost is None:
            return Proposal(
                host_of=None, stopped="no whole patterns found", unplaced=tuple(view.vms[:20].tolist())
            )
        state = kernel_state(instance, placed(instance, view, solution))
        local_search.improve(problem, state, vm_sizes(instance), vm_order(instance, problem), False, 5)
        return Proposal(host_of=state.host_of, stopped=f"patterns: {solution.stopped}")
