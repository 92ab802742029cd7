"""Lower bounds on the objective, each certified by a proof or attested by the solver that claims it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.aggregate import Aggregate
from consolidate.solvers.bounds.configuration import configuration_bound
from consolidate.solvers.bounds.fewest_moves import MovesBound, fewest_moves_bound
from consolidate.solvers.bounds.integers import like_rows
from consolidate.solvers.bounds.on_off import Relaxation, relax
from consolidate.solvers.bounds.tables import usable_hosts
from consolidate.solvers.bounds.type_counts import attested, type_counts
from consolidate.solvers.bounds.whole_hosts import whole_hosts_bound

__all__ = [
    "MovesBound",
    "Relaxation",
    "configuration_bound",
    "fewest_moves_bound",
    "host_ratios",
    "lower_bounds",
    "relax",
]

#: Whole VMs are counted on up to this number of hosts.
_COUNTED_HOSTS = 400
#: VMs are counted in whole numbers up to this number of distinct ones.
_CLASSES = 60


def lower_bounds(
    instance: Instance, problem: Problem, relaxation: Relaxation | None = None
) -> tuple[Bound, ...]:
    """Return the certified bound of the relaxation, and what is stronger; best first.

    Parameters
    ----------
    instance, problem
        The instance and its kernel view.
    relaxation
        Its relaxation, if that is known already.
    """
    relaxation = relax(instance, problem) if relaxation is None else relaxation
    found = [_whole(instance, problem, relaxation)]
    needs = instance.need[instance.active]
    if len(needs) and int(like_rows(list(needs.T))[1].size) <= _CLASSES:
        found.append(configuration_bound(instance, problem, relaxation))
    stronger = [b for b in found if b is not None and b.value_mj > relaxation.bound.value_mj]
    return tuple(sorted([*stronger, relaxation.bound], key=lambda b: -b.value_mj))


def _whole(instance: Instance, problem: Problem, relaxation: Relaxation) -> Bound | None:
    """Return the bound with whole hosts, and with whole VMs where there are few of both."""
    few = int(usable_hosts(instance).sum()) <= _COUNTED_HOSTS
    aggregate = Aggregate.of(instance, problem, most_classes=_CLASSES) if few else None
    if aggregate is None:
        return whole_hosts_bound(instance, problem, relaxation)
    counted = type_counts(aggregate)
    return attested("type counts", counted.bound_mj) if math.isfinite(counted.bound_mj) else None


def host_ratios(instance: Instance, problem: Problem) -> NDArray[np.float64]:
    """Return the cost of each host over the worth of its room in the relaxation: low ones are used first."""
    return relax(instance, problem).ratios
