"""The policy ``lns``: keep the right hosts, then pack a few of them at a time anew with CP-SAT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, Budget, Proposal, StepByStep
from consolidate.solvers.clock import Clock
from consolidate.solvers.keep import Keep
from consolidate.solvers.lns.part import PartSize
from consolidate.solvers.lns.search import improve_by_parts

__all__ = ["Neighbourhoods"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhoods(PartSize, StepByStep):
    """Start from ``keep``; then large neighbourhood search (Shaw 1998, doi:10.1007/3-540-49481-2_30).

    A few hosts are chosen, VMs on them are packed anew by CP-SAT, exactly, while all others stay, and the
    result counts if it is not worse. The budget is ``deterministic_s``, over all parts together.

    Parameters are those of :class:`~consolidate.solvers.lns.part.PartSize`.
    """

    name: ClassVar[str] = "lns"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def proposals(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Iterator[Proposal]:
        """Yield what ``keep`` finds, then each improvement."""
        options = {"seed": seed, "clock": clock, "progress": progress}
        last = Proposal(host_of=None, stopped="")
        for last in Keep().proposals(instance, budget, **options):  # type: ignore[arg-type]
            yield last
        if last.host_of is None:
            return
        for found in improve_by_parts(
            instance,
            kernel_problem(instance),
            last.host_of,
            size=self,
            budget=budget,
            seed=seed,
            clock=clock,
            progress=progress,
        ):
            yield replace(found, stopped=f"{last.stopped}; {found.stopped}")
