"""The policy for few distinct VMs: type counts, then counts per host, then a proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.errors import UnsupportedError
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem
from consolidate.model.progress import Progress, silent
from consolidate.solvers.base import Budget, Proposal
from consolidate.solvers.bounds.aggregate import Aggregate
from consolidate.solvers.clock import Clock
from consolidate.solvers.counts.search import CountsSearch

__all__ = ["Counts", "countable"]


def countable(
    instance: Instance, problem: Problem, *, most_classes: int = 60, most_integers: int = 8_000
) -> Aggregate | None:
    """Return the classes and kinds of an instance if they are few enough for the counts model."""
    aggregate = Aggregate.of(instance, problem, most_classes=most_classes)
    if aggregate is None or aggregate.residents.size > most_integers:
        return None
    return aggregate


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Exact on counts of like VMs, by HiGHS; node limits, so that results repeat.

    Parameters
    ----------
    most_classes
        Largest number of distinct VMs.
    most_integers
        Largest number of host-class pairs.
    """

    name: ClassVar[str] = "counts"
    rules: ClassVar[frozenset[str]] = frozenset({"fence", "ban", "root"})
    most_classes: int = 60
    most_integers: int = 8_000

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Solve from scratch."""
        problem = kernel_problem(instance)
        return self.improve(
            instance, problem, None, budget=budget, seed=seed, clock=clock, progress=progress
        )

    def improve(
        self,
        instance: Instance,
        problem: Problem,
        known: Proposal | None,
        *,
        budget: Budget,
        seed: int,
        clock: Clock,
        progress: Progress = silent,
    ) -> Proposal:
        """Solve, starting from a known proposal if there is one, which is never made worse.

        Raises
        ------
        UnsupportedError
            When there are too many distinct VMs or too many hosts for whole numbers of each.
        """
        aggregate = countable(
            instance, problem, most_classes=self.most_classes, most_integers=self.most_integers
        )
        if aggregate is None:
            feature = f"more than {self.most_classes} kinds of VMs or {self.most_integers} counts"
            raise UnsupportedError(feature, who=self.name, supported_by=("auto",))
        search = CountsSearch(
            instance=instance,
            problem=problem,
            aggregate=aggregate,
            budget=budget,
            seed=seed,
            clock=clock,
            progress=progress,
        )
        hint: NDArray[np.int32] | None = None if known is None else known.host_of
        return search.run(hint)
