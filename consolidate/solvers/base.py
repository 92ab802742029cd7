"""What a placement policy is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.model import Bound, Instance
from consolidate.model.progress import Progress
from consolidate.registry import Registry
from consolidate.solvers.clock import Answers, Clock

__all__ = [
    "BOUNDS",
    "KERNEL_RULES",
    "POLICIES",
    "AnytimePolicy",
    "Budget",
    "Policy",
    "Proposal",
    "StepByStep",
    "policy",
]

#: What the kernels keep at every step; gathered VMs are condensed before a policy sees them.
KERNEL_RULES = frozenset(
    {
        "among",
        "ban",
        "fence",
        "interference",
        "lonely",
        "max_online",
        "quarantine",
        "root",
        "split",
        "split_among",
        "spread",
    }
)

#: How much work bounds may be.
BOUNDS = ("strong", "quick")

POLICIES: Registry[type[Policy]] = Registry(
    "policy",
    entry_point_group="consolidate.policies",
    builtin={
        "auto": "consolidate.solvers.portfolio:Auto",
        "bfd": "consolidate.solvers.greedy:BestFitDecreasing",
        "centric": "consolidate.solvers.greedy:Centric",
        "counts": "consolidate.solvers.counts:Counts",
        "cp-sat": "consolidate.solvers.exact:CpSat",
        "dot": "consolidate.solvers.greedy:DotProduct",
        "drain": "consolidate.solvers.drain:Drain",
        "ffd": "consolidate.solvers.greedy:FirstFitDecreasing",
        "hosts-then-moves": "consolidate.solvers.lexicographic:HostsThenMoves",
        "keep": "consolidate.solvers.keep:Keep",
        "l2": "consolidate.solvers.greedy:NormBased",
        "lns": "consolidate.solvers.lns:Neighbourhoods",
        "pabfd": "consolidate.solvers.greedy:PowerAwareBestFitDecreasing",
        "patterns": "consolidate.solvers.patterns.policy:Patterns",
        "pods": "consolidate.solvers.pods:Pods",
        "profile": "consolidate.solvers.profile:Profile",
        "quick": "consolidate.solvers.quick:Quick",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much work a solve may do.

    Parameters
    ----------
    iterations
        Rounds of randomised improvement. Counts are reproducible, so they are the default.
    deterministic_s : s
        Work of the exact solver, in its own deterministic seconds.
    time_limit_s : s
        Wall time after which the search stops early. Results then depend on the machine.
    bounds
        ``strong`` bounds, or only the ``quick`` one: the certified bound of the on-off relaxation. On 1,000 VMs
        it takes a small part of the time and is up to a few percent lower.
    repeat
        :attr:`consolidate.model.Result.repeat` of a run with a time limit, to get its placement again, on any
        machine and in whatever time that takes. Excludes a time limit.
    """

    iterations: int = 4_000
    deterministic_s: float = 5.0
    time_limit_s: float | None = None
    bounds: str = "strong"
    repeat: str = ""

    def __post_init__(self) -> None:
        for key in ("iterations", "deterministic_s", "time_limit_s"):
            value = getattr(self, key)
            if value is not None and math.isnan(value):
                msg = "needs a finite number, got nan"
                raise ConfigError(msg, path=f"budget.{key}")
        for key in ("iterations", "deterministic_s"):
            if getattr(self, key) < 0:
                msg = f"needs 0 or more, got {getattr(self, key)}"
                raise ConfigError(msg, path=f"budget.{key}")
        if self.time_limit_s is not None and self.time_limit_s <= 0:
            msg = f"needs more than 0 s, got {self.time_limit_s}"
            raise ConfigError(msg, path="budget.time_limit_s")
        if self.bounds not in BOUNDS:
            msg = f"needs strong or quick, got {self.bounds!r}"
            raise ConfigError(msg, path="budget.bounds")
        if self.repeat and self.time_limit_s is not None:
            msg = "excludes a time limit: it says itself where the search ends"
            raise ConfigError(msg, path="budget.repeat")
        if self.repeat:
            Answers.parse(self.repeat)

    def start(self) -> Clock:
        """Start the clock of one solve.

        Raises
        ------
        ConfigError
            When ``repeat`` cannot be read.
        """
        return Clock(self.time_limit_s, repeat=Answers.parse(self.repeat) if self.repeat else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a policy proposes, before anybody checks it.

    Parameters
    ----------
    host_of
        Host of each VM, -1 for on none, shape ``(vms,)``; ``None`` when the policy found no placement.
    stopped
        Why it ended.
    bounds
        Lower bounds that the policy itself attests.
    proven_infeasible
        Whether the policy proved that no placement exists.
    unplaced
        VMs that found no host, when ``host_of`` is ``None``.
    """

    host_of: NDArray[np.int32] | None
    stopped: str
    bounds: tuple[Bound, ...] = ()
    proven_infeasible: bool = False
    unplaced: tuple[int, ...] = ()


@runtime_checkable
class Policy(Protocol):
    """A way to choose a placement. The fields of the dataclass are its parameters."""

    name: ClassVar[str]
    rules: ClassVar[frozenset[str]]
    """Names of the rules that it honours; an instance with another rule is refused up front."""

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Return a placement of every active VM, or say that none was found."""
        ...


@runtime_checkable
class AnytimePolicy(Policy, Protocol):
    """A policy that shows what it has while it works on."""

    def proposals(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Iterator[Proposal]:
        """Yield proposals, each at least as good as the one before; the last is :meth:`propose`'s."""
        ...


class StepByStep:
    """What anytime policies have in common: their answer is the last that they show."""

    __slots__ = ()

    def propose(
        self: AnytimePolicy,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Return the last of the proposals."""
        *_, last = self.proposals(instance, budget, seed=seed, clock=clock, progress=progress)
        return last


def policy(name: str, **parameters: object) -> Policy:
    """Return a policy by its registered name, with parameters other than the default ones.

    Parameters
    ----------
    name
        See :data:`POLICIES`.
    **parameters
        Fields of the policy.

    Raises
    ------
    UnknownNameError
        When no policy has this name.
    ConfigError
        When a parameter is unknown, or refused by the policy.

    Examples
    --------
    >>> policy("hosts-then-moves", spare=0.005)
    HostsThenMoves(by='auto', spare=0.005)
    """
    kind = POLICIES.get(name)
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key in parameters:
        if key not in known:
            msg = f"is no parameter; known: {', '.join(known) or 'none'}"
            raise ConfigError(msg, path=f"policy.{name}.{key}")
    return kind(**parameters)
