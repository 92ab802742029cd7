"""CP-SAT: when to start the moves of a small plan so that it ends as early as possible.

The moves and their ways are those of a list schedule; the model has a solution only if they can end earlier.
Slots, bandwidth, storages and room are cumulative constraints; a VM takes room on a host from the start of the
move that brings it to the end of the move that takes it away. Within the order found, moves then start as
early as they can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from ortools.sat.python import cp_model

from consolidate.model import Ban, Fence, LicenceGroup, MigrationPlan, Root, Spread
from consolidate.planning.assemble import assemble
from consolidate.planning.problem import Problem, Step
from consolidate.planning.sequence import in_sequence
from consolidate.planning.trials import Listing, listing_of

__all__ = ["shorten"]

#: More moves than this are left to the list schedulers: CP-SAT proved nothing there in a minute.
_MOST_MOVES = 120
_EFFORT = 1.0
_KNOWN_RULES = (Ban, Fence, LicenceGroup, Root, Spread)


def shorten(problem: Problem, plan: MigrationPlan, listing: Listing) -> MigrationPlan:
    """Return the plan with its moves started anew, or as it is when it is too large or cannot be modelled.

    Parameters
    ----------
    problem
        What is scheduled.
    plan, listing
        A plan, and the schedule from which it was made.
    """
    instance = problem.instance
    too_full = (instance.usage(instance.current) > instance.capacity).any()
    strange = any(rule.continuous and not isinstance(rule, _KNOWN_RULES) for rule in instance.rules)
    apart = any(
        isinstance(rule, Spread) and rule.continuous and rule.violations(instance.current)
        for rule in instance.rules
    )
    if not 1 < len(listing.steps) <= _MOST_MOVES or too_full or strange or apart:
        return plan
    steps = _Model(problem, listing, listing.end_s - 1).solve()
    if steps is None:
        return plan
    order = [(step.vm, step.target) for step in steps]
    early = in_sequence(problem, order, boots=listing.boots)
    found = listing_of(problem, steps, listing.boots, ())
    shorter = min(found, early, key=lambda one: (len(one.left), one.end_s, one is found))
    return assemble(problem, shorter, plan.bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """A move: its start, and its interval."""

    step: Step
    start: cp_model.IntVar
    interval: cp_model.IntervalVar


class _Model:
    def __init__(self, problem: Problem, listing: Listing, horizon_s: int) -> None:
        self.problem, self.horizon_s = problem, horizon_s
        self.model = cp_model.CpModel()
        boot_s = problem.instance.fleet.per_host("boot_s")
        self.ready = {h: start + int(boot_s[h]) for h, start in listing.boots.items()}
        self.legs = [self._leg(i, step) for i, step in enumerate(listing.steps)]
        self.legs_of: dict[int, list[_Leg]] = {}
        for leg in self.legs:
            self.legs_of.setdefault(leg.step.vm, []).append(leg)
        self._chains()
        self._slots()
        self._bandwidth()
        self._room()
        self._objective()

    def _leg(self, i: int, step: Step) -> _Leg:
        seconds = step.end_s - step.start_s
        least = self.ready.get(step.target, 0)
        start = self.model.new_int_var(least, max(least, self.horizon_s - seconds), f"start{i}")
        self.model.add_hint(start, step.start_s)
        interval = self.model.new_fixed_size_interval_var(start, seconds, f"move{i}")
        return _Leg(step=step, start=start, interval=interval)

    def _chains(self) -> None:
        for legs in self.legs_of.values():
            for one, then in pairwise(legs):
                self.model.add(then.start >= one.start + one.step.end_s - one.step.start_s)

    def _slots(self) -> None:
        settings = self.problem.instance.moves
        for h in range(self.problem.instance.fleet.n_hosts):
            out = [leg.interval for leg in self.legs if leg.step.source == h]
            into = [leg.interval for leg in self.legs if leg.step.target == h]
            for intervals, most in ((out, settings.moves_out), (into, settings.moves_in)):
                if len(intervals) > most:
                    self.model.add_cumulative(intervals, [1] * len(intervals), most)
            if settings.moves_per_host and len(out) + len(into) > settings.moves_per_host:
                self.model.add_cumulative(
                    out + into, [1] * (len(out) + len(into)), settings.moves_per_host
                )
        if settings.moves_at_once:
            every = [leg.interval for leg in self.legs]
            self.model.add_cumulative(every, [1] * len(every), settings.moves_at_once)

    def _bandwidth(self) -> None:
        moves = self.problem.moves
        nic = self.problem.instance.fleet.per_host("nic_mbit_per_s", np.float64) * 1_000
        kinds = moves.kind_of

        def kbit(leg: _Leg) -> int:
            k = moves.pair[kinds[leg.step.source], kinds[leg.step.target]]
            return int(moves.kbit[leg.step.vm, k, leg.step.level])

        for h in range(len(nic)):
            for legs in (
                [leg for leg in self.legs if leg.step.source == h],
                [leg for leg in self.legs if leg.step.target == h],
            ):
                if sum(map(kbit, legs)) > int(nic[h]):
                    self.model.add_cumulative(
                        [leg.interval for leg in legs], [kbit(leg) for leg in legs], int(nic[h])
                    )
        self._storage()
        if moves.network.uplink_kbit:
            legs = [
                leg
                for leg in self.legs
                if moves.apart[moves.pair[kinds[leg.step.source], kinds[leg.step.target]]]
            ]
            self.model.add_cumulative(
                [leg.interval for leg in legs], [kbit(leg) for leg in legs], moves.network.uplink_kbit
            )

    def _storage(self) -> None:
        """Let all that is saved at a site share the throughput of its storage."""
        moves, left = self.problem.moves, self.problem.first_moment().storage
        kinds = moves.kind_of
        for site, most in enumerate(left.tolist()):
            legs = [leg for leg in self.legs if moves.site_of[leg.step.source] == site]
            takes = [
                int(
                    moves.stored[step.vm, moves.pair[kinds[step.source], kinds[step.target]], step.level]
                )
                for step in (leg.step for leg in legs)
            ]
            if sum(takes) > most:
                self.model.add_cumulative([leg.interval for leg in legs], takes, most)

    def _room(self) -> None:
        """Let each host hold what it can: who never leaves it, and who comes and goes."""
        instance = self.problem.instance
        stays: dict[int, list[tuple[int, cp_model.IntervalVar]]] = {}
        for v, legs in self.legs_of.items():
            stays.setdefault(legs[0].step.source, []).append((v, self._stay(None, legs[0])))
            for one, then in zip(legs, [*legs[1:], None], strict=True):
                stays.setdefault(one.step.target, []).append((v, self._stay(one, then)))
        where = instance.current.host_of
        for h, present in stays.items():
            constant = [v for v in np.flatnonzero(where == h).tolist() if v not in self.legs_of]
            need = instance.need + instance.vm_overhead[h]
            for r in range(need.shape[1]):
                capacity = int(instance.capacity[h, r] - need[constant, r].sum())
                demands = [int(need[v, r]) for v, _ in present]
                self.model.add_cumulative([i for _, i in present], demands, capacity)
            for rule in instance.rules:
                if isinstance(rule, Spread) and rule.continuous:
                    mates = [i for v, i in present if v in rule.vms]
                    free = 1 - sum(v in rule.vms for v in constant)
                    self.model.add_cumulative(mates, [1] * len(mates), free)

    def _stay(self, comes: _Leg | None, goes: _Leg | None) -> cp_model.IntervalVar:
        begin = 0 if comes is None else comes.start
        end = self.horizon_s if goes is None else goes.start + goes.step.end_s - goes.step.start_s
        size = self.model.new_int_var(0, self.horizon_s, "length")
        return self.model.new_interval_var(begin, size, end, "stay")

    def _objective(self) -> None:
        """End as early as possible, the shutdown of emptied hosts included."""
        instance, problem = self.problem.instance, self.problem
        booted = np.isin(np.arange(instance.fleet.n_hosts), list(self.ready))
        off = (instance.may_switch_off() | booted) & ~problem.stays_used
        lag = np.where(off, instance.fleet.per_host("shutdown_s"), 0)
        makespan = self.model.new_int_var(0, self.horizon_s, "makespan")
        for leg in self.legs:
            end = leg.start + leg.step.end_s - leg.step.start_s + int(lag[leg.step.source])
            self.model.add(makespan >= end)
        self.model.minimize(makespan)

    def solve(self) -> tuple[Step, ...] | None:
        """Return the moves at their new times, in the order of their starts."""
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        solver.parameters.max_deterministic_time = _EFFORT
        # On models this small presolve and relaxation take longer than the search that they would save.
        solver.parameters.cp_model_presolve = False
        solver.parameters.linearization_level = 0
        solver.parameters.symmetry_level = 0
        if solver.solve(self.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        steps = []
        for leg in self.legs:
            start = solver.value(leg.start)
            end = start + leg.step.end_s - leg.step.start_s
            steps.append(replace(leg.step, start_s=start, end_s=end))
        # Whoever leaves a host comes first among equals, as if it had ended a moment ago.
        return tuple(sorted(steps, key=lambda step: (step.start_s, step.end_s, step.vm)))
